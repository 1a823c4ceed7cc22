//! What the tests of the roads share: a target to start from, unique markers, and looking for processes by marker.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod sshd;
pub mod user;

use muster_connections::{Options, builtin};
use muster_engine::connection::{Command, Completed, Connection, ConnectionError, Connector, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long what must happen at once may take on a machine that has other work: a bound on hanging, not a measure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A target of a kind on this machine.
pub fn target(kind: &str) -> Target {
    Target {
        host: "here".into(),
        kind: kind.into(),
        address: "127.0.0.1".into(),
        port: None,
        user: None,
        password: None,
        private_key: None,
        passphrase: None,
        arguments: Vec::new(),
        host_key_checking: None,
        timeout: Duration::from_secs(10),
        shell: "/bin/sh".into(),
    }
}

/// The connector of a kind, with default options.
pub fn connector(kind: &str) -> Arc<dyn Connector> {
    connector_with(kind, Options::default())
}

/// The connector of a kind.
pub fn connector_with(kind: &str, options: Options) -> Arc<dyn Connector> {
    builtin(options).into_iter().find(|connector| connector.name() == kind).expect("such a connector")
}

/// This machine through a shell.
pub async fn local(shell: &str) -> Arc<dyn Connection> {
    let target = Target { shell: shell.into(), ..target("local") };
    connector("local").connect(&target).await.expect("the local machine")
}

/// Runs a script.
pub async fn run(connection: &Arc<dyn Connection>, script: &str) -> Result<Completed, ConnectionError> {
    connection.exec(&Command::new(script)).await
}

/// A number that occurs nowhere else on this machine: good as the argument of a `sleep`.
pub fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("9{:07}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How many processes run `sleep` with that marker.
pub fn sleepers(marker: &str) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(words) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let mut words = words.split(|byte| *byte == 0);
        let sleeps =
            words.next().is_some_and(|program| program.ends_with(b"sleep") || program.ends_with(b"busybox"));
        if sleeps && words.any(|word| word == marker.as_bytes()) {
            count += 1;
        }
    }
    count
}

/// Waits until that many processes sleep with the marker.
pub async fn until_sleepers(marker: &str, many: usize) {
    let since = Instant::now();
    while sleepers(marker) != many {
        assert!(since.elapsed() < PATIENCE, "{} sleepers of {marker}, not {many}", sleepers(marker));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What only root can test; fails with the reason when that is not so.
pub fn needs_root(what: &str) {
    assert!(rustix::process::geteuid().is_root(), "run this test as root: it needs {what}");
}
