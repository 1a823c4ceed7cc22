//! Real etcd clusters on loopback: each member a process with its own directory and ports, ended with the test.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// One member.
pub struct Member {
    pub name: String,
    pub client: String,
    pub peer: String,
    data: PathBuf,
    process: Option<Child>,
}

/// A cluster.
pub struct Cluster {
    pub members: Vec<Member>,
    dir: TempDir,
    flags: Vec<String>,
}

/// An address of loopback that nobody else on this machine listens on.
fn address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [.., a, b] = std::process::id().to_be_bytes();
    format!("127.{a}.{b}.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Cluster {
    /// `n` members that have found each other.
    pub fn of(n: usize) -> Self {
        Self::with(n, &[])
    }

    /// The same with more flags for each.
    pub fn with(n: usize, flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let flags = flags.iter().map(|flag| flag.to_string()).collect();
        let mut cluster = Self { members: vec![], dir, flags };
        for i in 1..=n {
            cluster.plan(&format!("cp{i}"));
        }
        let all: Vec<String> = cluster.members.iter().map(|m| format!("{}={}", m.name, m.peer)).collect();
        for i in 0..n {
            cluster.start(i, &["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
        }
        cluster.wait_until("all members answer", |cluster| {
            cluster.ctl(&["endpoint", "health"]).status.success()
        });
        cluster
    }

    /// A member that does not run yet.
    pub fn plan(&mut self, name: &str) -> usize {
        let address = address();
        self.members.push(Member {
            name: name.into(),
            client: format!("http://{address}:2379"),
            peer: format!("http://{address}:2380"),
            data: self.dir.path().join(format!("{name}-{address}")),
            process: None,
        });
        self.members.len() - 1
    }

    /// Starts a member with these flags besides its own.
    pub fn start(&mut self, at: usize, flags: &[&str]) {
        let member = &mut self.members[at];
        let log = std::fs::File::create(member.data.with_extension("log")).unwrap();
        let process = Command::new("etcd")
            .args(["--name", &member.name, "--data-dir"])
            .arg(&member.data)
            .args(["--listen-client-urls", &member.client, "--advertise-client-urls", &member.client])
            .args(["--listen-peer-urls", &member.peer, "--initial-advertise-peer-urls", &member.peer])
            .args(&self.flags)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        member.process = Some(process);
    }

    /// Starts a member that was added with this `initial_cluster`.
    pub fn join(&mut self, at: usize, initial: &str) {
        self.start(at, &["--initial-cluster", initial, "--initial-cluster-state", "existing"]);
    }

    /// SIGKILL.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut process) = self.members[at].process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Where clients of the members that run go.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().filter(|m| m.process.is_some()).map(|m| m.client.clone()).collect()
    }

    /// etcdctl at those that run.
    pub fn ctl(&self, words: &[&str]) -> Output {
        Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoints().join(","), "--command-timeout", "2s"])
            .args(words)
            .output()
            .unwrap()
    }

    /// Waits up to 20 seconds.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !holds(self) {
            assert!(Instant::now() < until, "{what}: not within 20 seconds");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for at in 0..self.members.len() {
            self.kill(at);
        }
    }
}
