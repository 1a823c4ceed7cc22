//! A real sshd on a loopback port, with keys and known hosts of its own in a directory that goes away with it.

use super::{connector_with, target};
use muster_connections::Options;
use muster_engine::connection::{Connection, ConnectionError, Target};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running sshd.
pub struct Sshd {
    pub dir: TempDir,
    pub address: String,
    pub port: u16,
    child: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and fails with what it said.
pub fn tool(program: &str, words: &[&str]) -> String {
    let done = Command::new(program).args(words).stdin(Stdio::null()).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(done.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Makes a key of a type; gives its path.
pub fn keygen(dir: &Path, name: &str, words: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let mut all = vec!["-q", "-C", name, "-f", path.to_str().unwrap()];
    if !words.contains(&"-N") {
        all.extend(["-N", ""]);
    }
    all.extend(words);
    tool("ssh-keygen", &all);
    path
}

/// The login name of whoever runs the tests.
pub fn login() -> String {
    tool("id", &["-un"]).trim().to_owned()
}

/// The program, wherever it is installed.
fn program() -> PathBuf {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("sshd is needed for this test: install openssh-server")
}

impl Sshd {
    /// One that accepts the key `id` of its directory.
    pub fn start() -> Self {
        Self::with("")
    }

    /// One with more lines of sshd_config.
    pub fn with(config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        Self::within(dir, config)
    }

    /// One in a directory that may already hold keys.
    pub fn within(dir: TempDir, config: &str) -> Self {
        let address = "127.0.0.1".to_owned();
        let port = TcpListener::bind((address.as_str(), 0)).unwrap().local_addr().unwrap().port();
        let at = dir.path();
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        for (name, kind) in [("host_ed25519", "ed25519"), ("host_ecdsa", "ecdsa"), ("host_rsa", "rsa")] {
            if !at.join(name).exists() && !config.contains("HostKey") {
                keygen(at, name, &["-t", kind]);
            }
        }
        if !at.join("id").exists() {
            keygen(at, "id", &["-t", "ed25519"]);
        }
        let keys = at.join("authorized_keys");
        if !keys.exists() {
            fs::copy(at.join("id.pub"), &keys).unwrap();
        }
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
        let here = at.display();
        let host_keys = if config.contains("HostKey") {
            String::new()
        } else {
            format!("HostKey {here}/host_ed25519\nHostKey {here}/host_ecdsa\nHostKey {here}/host_rsa\n")
        };
        let text = format!(
            "{config}\nListenAddress {address}\nPort {port}\n{host_keys}AuthorizedKeysFile {here}/authorized_keys\n\
             PidFile none\nStrictModes no\nPermitRootLogin yes\nMaxStartups 10:30:100\nUseDNS no\nPrintMotd no\n\
             Subsystem sftp internal-sftp\n"
        );
        let file = at.join("sshd_config");
        fs::write(&file, text).unwrap();
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = fs::File::create(at.join("log")).unwrap();
        let child = Command::new(program())
            .args(["-D", "-e", "-f", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let this = Self { dir, address, port, child };
        let since = Instant::now();
        while std::net::TcpStream::connect((this.address.as_str(), port)).is_err() {
            assert!(since.elapsed() < super::PATIENCE, "sshd does not start: {}", this.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        this.know("known_hosts", "host_ed25519");
        this
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many of its children live.
    pub fn sessions(&self) -> usize {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        fs::read_to_string(path).unwrap_or_default().split_whitespace().count()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `[address]:port`, as known_hosts names it.
    pub fn name(&self) -> String {
        format!("[{}]:{}", self.address, self.port)
    }

    /// Writes a known_hosts file with one of the host's keys.
    pub fn know(&self, file: &str, key: &str) {
        if let Ok(key) = fs::read_to_string(self.path(&format!("{key}.pub"))) {
            fs::write(self.path(file), format!("{} {key}", self.name())).unwrap();
        }
    }

    /// A target for it: its user is ours, its key is `id`, the host is known.
    pub fn target(&self) -> Target {
        Target {
            host: "sshd".into(),
            address: self.address.clone(),
            port: Some(self.port),
            user: Some(login()),
            private_key: Some(self.path("id")),
            arguments: vec![
                "-F none -o IdentityAgent=none".into(),
                format!(
                    "-o UserKnownHostsFile={} -o GlobalKnownHostsFile=none",
                    self.path("known_hosts").display()
                ),
            ],
            ..target("ssh")
        }
    }

    /// The same with more ssh arguments in front.
    pub fn target_with(&self, arguments: &str) -> Target {
        let mut target = self.target();
        target.arguments.insert(0, arguments.into());
        target
    }

    /// Options with its directory as the home.
    pub fn options(&self) -> Options {
        Options { home: Some(self.dir.path().to_owned()), ..Options::default() }
    }

    /// Connects.
    pub async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectionError> {
        connector_with("ssh", self.options()).connect(target).await
    }

    /// Connects with the plain target.
    pub async fn open(&self) -> Arc<dyn Connection> {
        self.connect(&self.target()).await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }
}
