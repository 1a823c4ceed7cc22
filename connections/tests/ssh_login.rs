//! Logging in over ssh: every kind of key, the agent, certificates, passwords, bastions, and what is said when it
//! does not work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use muster_connections::{Options, Prompter};
use muster_engine::connection::{Secret, Target, Trouble};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::sshd::{Sshd, keygen, login, tool};
use support::user::User;
use support::{PATIENCE, connector_with, run};

/// An sshd that accepts these keys of its directory.
fn accepting(keys: &[(&str, &[&str])], config: &str) -> Sshd {
    let dir = tempfile::TempDir::new().unwrap();
    let mut accepted = String::new();
    for (name, words) in keys {
        let path = keygen(dir.path(), name, words);
        accepted.push_str(&fs::read_to_string(path.with_extension("pub")).unwrap());
    }
    fs::write(dir.path().join("authorized_keys"), accepted).unwrap();
    Sshd::within(dir, config)
}

/// An agent with keys, ended with the value.
struct Agent {
    socket: PathBuf,
    child: Child,
}

impl Agent {
    fn with(sshd: &Sshd, keys: &[&str]) -> Self {
        let socket = sshd.path("agent.sock");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a", socket.to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent is needed for this test");
        let since = Instant::now();
        while !socket.exists() {
            assert!(since.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(10));
        }
        for key in keys {
            let added = Command::new("ssh-add")
                .args(["-q", sshd.path(key).to_str().unwrap()])
                .env("SSH_AUTH_SOCK", &socket)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(added.unwrap().success(), "ssh-add {key}");
        }
        Self { socket, child }
    }

    fn arguments(&self) -> String {
        format!("-o IdentityAgent={}", self.socket.display())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a key on P-256 whose number is `first`, 0x11, 0x11, ... as OpenSSH does: without zero bytes in front.
fn key_that_begins_with(first: &[u8], dir: &Path, name: &str, words: &[&str]) {
    let mut number = [0x11; 32];
    number[..first.len()].copy_from_slice(first);
    let der =
        [b"\x30\x31\x02\x01\x01\x04\x20", &number[..], b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"];
    let path = dir.join(name);
    let body = STANDARD.encode(der.concat());
    fs::write(&path, format!("-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----\n"))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    tool("ssh-keygen", &[&["-q", "-p", "-f", path.to_str().unwrap()], words].concat());
    let public = tool("ssh-keygen", &["-y", "-P", words[1], "-f", path.to_str().unwrap()]);
    let mut accepted = fs::OpenOptions::new().append(true).open(dir.join("authorized_keys")).unwrap();
    accepted.write_all(public.as_bytes()).unwrap();
}

/// A key of the server's directory logs in; one that is locked, with its passphrase.
async fn logs_in(sshd: &Sshd, key: &str) {
    let target = Target {
        private_key: Some(sshd.path(key)),
        passphrase: key.starts_with("locked").then(|| Secret::new("pass phrase")),
        ..sshd.target_with("-o IdentitiesOnly=yes")
    };
    let road = sshd.connect(&target).await.unwrap_or_else(|error| panic!("{key}: {error}\n{}", sshd.log()));
    assert_eq!(run(&road, "echo in").await.unwrap().out(), "in\n", "{key}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_p256_log_in_whatever_their_number_begins_with() {
    let sshd = accepting(&[("id", &["-t", "ed25519"])], "");
    let dir = sshd.path("");
    key_that_begins_with(&[0x7f], &dir, "whole", &["-N", ""]);
    key_that_begins_with(&[0, 0xff], &dir, "one", &["-N", ""]);
    key_that_begins_with(&[0, 0, 0x7f], &dir, "two", &["-N", ""]);
    key_that_begins_with(&[0, 0x7f], &dir, "locked", &["-N", "pass phrase", "-a", "1"]);
    key_that_begins_with(
        &[0, 0x7f],
        &dir,
        "locked_gcm",
        &["-N", "pass phrase", "-a", "1", "-Z", "aes256-gcm@openssh.com"],
    );
    for key in ["whole", "one", "two", "locked", "locked_gcm"] {
        logs_in(&sshd, key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_logs_in() {
    let sshd = accepting(
        &[
            ("id", &["-t", "ed25519"]),
            ("ecdsa", &["-t", "ecdsa"]),
            ("ecdsa384", &["-t", "ecdsa", "-b", "384"]),
            ("rsa", &["-t", "rsa", "-b", "2048"]),
            ("pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
            ("pkcs8ec", &["-t", "ecdsa", "-m", "PKCS8"]),
            ("pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
            ("locked", &["-t", "ed25519", "-N", "pass phrase"]),
            ("lockedpem", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "pass phrase"]),
            ("lockedpkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "pass phrase"]),
        ],
        "",
    );
    for key in
        ["id", "ecdsa", "ecdsa384", "rsa", "pkcs8", "pkcs8ec", "pem", "locked", "lockedpem", "lockedpkcs8"]
    {
        logs_in(&sshd, key).await;
    }
    let target = Target {
        private_key: Some(sshd.path("locked")),
        passphrase: Some(Secret::new("wrong")),
        ..sshd.target_with("-o IdentitiesOnly=yes")
    };
    let error = sshd.connect(&target).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Authentication);
    assert!(error.message.contains("the passphrase that was given does not open the key"), "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[derive(Default)]
struct Answering {
    asked: AtomicUsize,
    slow: Duration,
}

impl Prompter for Answering {
    fn secret<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Option<Secret>> {
        Box::pin(async move {
            assert!(question.contains("locked"), "{question}");
            tokio::time::sleep(self.slow).await;
            // The first answer is a slip.
            let first = self.asked.fetch_add(1, Ordering::SeqCst) == 0;
            Some(Secret::new(if first { "slip" } else { "pass phrase" }))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_once_and_waiting_for_it_is_not_the_hosts_time() {
    let sshd =
        accepting(&[("locked", &["-t", "ed25519", "-N", "pass phrase"]), ("id", &["-t", "ed25519"])], "");
    let prompter = Arc::new(Answering { slow: Duration::from_secs(6), ..Answering::default() });
    let options = Options { prompter: Some(prompter.clone()), ..sshd.options() };
    let ssh = connector_with("ssh", options);
    let target = Target {
        private_key: Some(sshd.path("locked")),
        timeout: Duration::from_secs(10),
        ..sshd.target_with("-o IdentitiesOnly=yes")
    };
    let all = (0..8).map(|_| ssh.connect(&target));
    for road in futures_util::future::join_all(all).await {
        run(&road.unwrap_or_else(|error| panic!("{error}")), "true").await.unwrap();
    }
    assert_eq!(prompter.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_signs_and_the_named_key_goes_first() {
    let names: Vec<String> = (0..9).map(|i| format!("other{i}")).collect();
    let sshd =
        accepting(&[("locked", &["-t", "rsa", "-b", "2048", "-N", ""]), ("id", &["-t", "ed25519"])], "");
    for name in &names {
        keygen(sshd.dir.path(), name, &["-t", "ed25519"]);
    }
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let agent = Agent::with(&sshd, &["locked"]);
    let target = Target { private_key: None, ..sshd.target_with(&agent.arguments()) };
    run(&sshd.connect(&target).await.unwrap(), "true").await.unwrap();
    drop(agent);
    fs::remove_file(sshd.path("agent.sock")).ok();
    // Nine strangers in the agent: the named key logs in before they are offered.
    let agent = Agent::with(&sshd, &all);
    let target = sshd.target_with(&agent.arguments());
    run(&sshd.connect(&target).await.unwrap(), "true").await.unwrap();
    // Without it they use up the attempts, and that is said.
    let target = Target { private_key: None, ..target };
    let error = sshd.connect(&target).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Authentication, "{error}");
    for words in
        ["Too many authentication failures", "MaxAuthTries", "other0", "IdentitiesOnly=yes", "9 keys"]
    {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_log_in() {
    let dir = tempfile::TempDir::new().unwrap();
    let ca = keygen(dir.path(), "ca", &["-t", "ed25519"]);
    for (name, kind) in [("user", "ed25519"), ("usersa", "rsa")] {
        keygen(dir.path(), name, &["-t", kind]);
        let public = dir.path().join(format!("{name}.pub"));
        tool(
            "ssh-keygen",
            &["-q", "-s", ca.to_str().unwrap(), "-I", "x", "-n", &login(), public.to_str().unwrap()],
        );
    }
    fs::write(dir.path().join("authorized_keys"), "").unwrap();
    let config = format!("TrustedUserCAKeys {}.pub", ca.display());
    let sshd = Sshd::within(dir, &config);
    for name in ["user", "usersa"] {
        let target = Target { private_key: Some(sshd.path(name)), ..sshd.target() };
        let road = sshd.connect(&target).await.unwrap_or_else(|error| panic!("{error}\n{}", sshd.log()));
        run(&road, "true").await.unwrap();
    }
    fs::rename(sshd.path("user-cert.pub"), sshd.path("elsewhere.pub")).unwrap();
    let target = Target { private_key: Some(sshd.path("user")), ..sshd.target() };
    assert_eq!(sshd.connect(&target).await.err().unwrap().trouble, Trouble::Authentication);
    let named = format!("-o CertificateFile={}", sshd.path("elsewhere.pub").display());
    let target = Target { private_key: Some(sshd.path("user")), ..sshd.target_with(&named) };
    run(&sshd.connect(&target).await.unwrap(), "true").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_questions_log_in() {
    let user = User::new("p");
    for config in [
        "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication no",
        "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes",
        "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods publickey,password publickey,keyboard-interactive",
    ] {
        let sshd = Sshd::with(config);
        let target = Target {
            user: Some(user.name.clone()),
            password: Some(Secret::new(user.password.as_str())),
            private_key: config.contains("publickey").then(|| sshd.path("id")),
            ..sshd.target()
        };
        let road = sshd.connect(&target).await.unwrap_or_else(|error| panic!("{error}\n{}", sshd.log()));
        assert_eq!(run(&road, "id -un").await.unwrap().out().trim(), user.name);
        let wrong = Target { password: Some(Secret::new("n0pe-n0pe")), ..target.clone() };
        let error = sshd.connect(&wrong).await.err().unwrap();
        assert_eq!(error.trouble, Trouble::Authentication);
        assert!(!error.to_string().contains("n0pe-n0pe"), "{error}");
        let none = Target { password: None, ..target };
        let error = sshd.connect(&none).await.err().unwrap();
        assert!(
            error.to_string().contains("--ask-pass") || error.to_string().contains("--private-key"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_who_what_and_what_next() {
    let sshd = Sshd::with("PasswordAuthentication no\nKbdInteractiveAuthentication no");
    keygen(sshd.dir.path(), "stranger", &["-t", "ed25519"]);
    let target = Target { private_key: Some(sshd.path("stranger")), ..sshd.target() };
    let error = sshd.connect(&target).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Authentication);
    let place = format!("{}@127.0.0.1:{}", login(), sshd.port);
    for words in [
        place.as_str(),
        "Permission denied",
        "stranger",
        "SHA256:",
        "still accepts publickey",
        "authorized_keys",
    ] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    let target = Target { private_key: Some(sshd.path("absent")), ..sshd.target() };
    let error = sshd.connect(&target).await.err().unwrap().to_string();
    assert!(
        error.contains("absent") && error.contains("No such file") && error.contains("--private-key"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bastions_are_shared_and_chained() {
    let (first, second, last) = (Sshd::start(), Sshd::start(), Sshd::start());
    let mut config = String::new();
    for (name, sshd) in [("first", &first), ("second", &second), ("last", &last)] {
        config.push_str(&format!(
            "Host {name}\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n UserKnownHostsFile {}\n",
            sshd.port,
            sshd.path("id").display(),
            sshd.path("known_hosts").display()
        ));
    }
    let jump = format!(
        "Host last\n ProxyJump first,second\n{config}Host *\n User {}\n IdentityAgent none\n",
        login()
    );
    fs::write(last.path("config"), jump).unwrap();
    let target = Target {
        address: "last".into(),
        port: None,
        user: None,
        private_key: None,
        arguments: vec![format!("-F {}", last.path("config").display())],
        ..last.target()
    };
    let ssh = connector_with("ssh", last.options());
    let roads = futures_util::future::join_all((0..12).map(|_| ssh.connect(&target))).await;
    for road in roads {
        let road = road.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            run(&road, "echo $SSH_CONNECTION").await.unwrap().out().split(' ').nth(3).unwrap().trim(),
            last.port.to_string()
        );
    }
    assert_eq!(first.log().matches("Accepted publickey").count(), 1, "one connection to the first bastion");
    assert_eq!(second.log().matches("Accepted publickey").count(), 1, "one connection to the second bastion");
    // A bastion that refuses is named.
    let down = Target {
        arguments: vec!["-F none -o StrictHostKeyChecking=no -J nobody@127.0.0.1:1".into()],
        ..target.clone()
    };
    let error = ssh.connect(&down).await.err().unwrap();
    assert!(error.message.contains("the bastion nobody@127.0.0.1:1"), "{error}");
    // A proxy command is a road too.
    let proxy = format!("-o ProxyCommand='ssh -F {} -W %h:%p first'", last.path("config").display());
    let through = Target { arguments: [vec![proxy], last.target().arguments].concat(), ..last.target() };
    run(&last.connect(&through).await.unwrap_or_else(|error| panic!("{error}")), "true").await.unwrap();
    let broken = last.target_with("-o ProxyCommand='echo so it goes >&2; exit 3'");
    let error = last.connect(&Target { timeout: Duration::from_secs(2), ..broken }).await.err().unwrap();
    assert!(error.is_unreachable() && error.message.contains("so it goes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_starts_survive_a_host_that_sheds() {
    let sshd = Sshd::with("MaxStartups 3:30:10");
    let ssh = connector_with("ssh", sshd.options());
    let target = Target { timeout: Duration::from_secs(30), ..sshd.target() };
    let roads = futures_util::future::join_all((0..100).map(|_| ssh.connect(&target))).await;
    for road in &roads {
        assert!(road.is_ok(), "{}", road.as_ref().err().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_is_told_from_one_that_is_silent() {
    let sshd = Sshd::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = sshd.connect(&Target { port: Some(free), ..sshd.target() }).await.err().unwrap();
    assert!(error.message.contains("Connection refused"), "{error}");
    let error =
        sshd.connect(&Target { address: "no.such.invalid".into(), ..sshd.target() }).await.err().unwrap();
    assert!(error.message.contains("Could not resolve hostname no.such.invalid"), "{error}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(silent.local_addr().unwrap().port());
    let target = Target { port, timeout: Duration::from_secs(1), ..sshd.target() };
    let error = sshd.connect(&target).await.err().unwrap();
    assert!(
        error.is_unreachable() && error.message.contains("timed out while waiting for the greeting"),
        "{error}"
    );
    let error = sshd.connect(&sshd.target_with("-Z")).await.err().unwrap();
    assert!(error.message.contains("-Z"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_steer_only_openssh_are_accepted() {
    let sshd = Sshd::start();
    let all = "-C -q -vvv -tt -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/%C -S none -A \
               -o ServerAliveInterval=5 -o 'ForwardAgent yes'";
    run(&sshd.connect(&sshd.target_with(all)).await.unwrap(), "true").await.unwrap();
}
