//! Host keys: what is accepted, what is refused, what is learned, and what the refusal says to type.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use muster_engine::connection::{ConnectionError, Target, Trouble};
use std::fs;
use support::sshd::{Sshd, keygen, tool};

fn key(sshd: &Sshd, name: &str) -> String {
    fs::read_to_string(sshd.path(&format!("{name}.pub"))).unwrap()
}

/// Connects with these known hosts and arguments.
async fn with(sshd: &Sshd, known: &str, arguments: &str) -> Result<(), ConnectionError> {
    fs::write(sshd.path("known_hosts"), known).unwrap();
    let target = match arguments {
        "checking off" => Target { host_key_checking: Some(false), ..sshd.target() },
        arguments => sshd.target_with(arguments),
    };
    sshd.connect(&target).await.map(drop)
}

async fn refused(sshd: &Sshd, known: &str, arguments: &str) -> String {
    let error = with(sshd, known, arguments).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::HostKey, "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_refused_and_the_way_on_is_told() {
    let sshd = Sshd::start();
    let said = refused(&sshd, "", "").await;
    let print = tool("ssh-keygen", &["-lf", sshd.path("host_ed25519.pub").to_str().unwrap()]);
    let print = print.split_whitespace().nth(1).unwrap();
    for words in [print, &sshd.name(), "ssh-keyscan -p", "accept-new", "known_hosts"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_names_its_line_and_is_never_accepted_as_new() {
    let sshd = Sshd::start();
    keygen(sshd.dir.path(), "other", &["-t", "ed25519"]);
    let known = format!("# comment\n{} {}", sshd.name(), key(&sshd, "other"));
    for arguments in ["", "-o StrictHostKeyChecking=accept-new"] {
        let said = refused(&sshd, &known, arguments).await;
        for words in ["known_hosts:2", "ssh-keygen -R", &sshd.name()] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    for arguments in ["-o StrictHostKeyChecking=no", "checking off"] {
        with(&sshd, &known, arguments).await.unwrap();
        assert_eq!(fs::read_to_string(sshd.path("known_hosts")).unwrap(), known);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_is_learned_once_hashed_or_plain() {
    let sshd = Sshd::start();
    for arguments in [
        "-o StrictHostKeyChecking=accept-new",
        "-o StrictHostKeyChecking=accept-new -o HashKnownHosts=yes",
        "checking off",
    ] {
        with(&sshd, "no.newline.at.the.end ssh-ed25519 x", arguments).await.unwrap();
        let learned = fs::read_to_string(sshd.path("known_hosts")).unwrap();
        assert_eq!(learned.lines().count(), 2, "{learned}");
        assert_eq!(learned.contains("|1|"), arguments.contains("Hash"), "{learned}");
        with(&sshd, &learned, "").await.unwrap();
        // OpenSSH finds it too.
        tool("ssh-keygen", &["-F", &sshd.name(), "-f", sshd.path("known_hosts").to_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_name_a_host_is_known() {
    let sshd = Sshd::start();
    let (name, port) = (sshd.name(), sshd.port);
    let (ed, rsa, ecdsa) = (key(&sshd, "host_ed25519"), key(&sshd, "host_rsa"), key(&sshd, "host_ecdsa"));
    // A host that is known by another kind of key is asked for that one.
    for known in [&ed, &rsa, &ecdsa] {
        with(&sshd, &format!("{name} {known}"), "").await.unwrap();
    }
    for hosts in
        [format!("[127.0.0.*]:{port}"), format!("a,{name},b"), "*".into(), format!("[127.0.0.?]:{port}\t")]
    {
        with(&sshd, &format!("{hosts} {ed}"), "").await.unwrap();
    }
    for hosts in [format!("*,!{name}"), "127.0.0.1".into(), "[127.0.0.2]:22".into()] {
        refused(&sshd, &format!("{hosts} {ed}"), "").await;
    }
    with(&sshd, &format!("alias {ed}"), "-o HostKeyAlias=alias").await.unwrap();
    refused(&sshd, &format!("{name} {ed}"), "-o HostKeyAlias=alias").await;
    fs::write(sshd.path("more"), format!("{name} {ed}")).unwrap();
    let more = sshd.path("more").display().to_string();
    with(&sshd, "", &format!("-o GlobalKnownHostsFile={more}")).await.unwrap();
    with(&sshd, "", &format!("-o 'UserKnownHostsFile=/nonexistent {more}'")).await.unwrap();
    fs::write(sshd.path("known_hosts"), format!("{name} {ed}")).unwrap();
    tool("ssh-keygen", &["-q", "-H", "-f", sshd.path("known_hosts").to_str().unwrap()]);
    let hashed = fs::read_to_string(sshd.path("known_hosts")).unwrap();
    assert!(hashed.starts_with("|1|"));
    with(&sshd, &hashed, "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_whatever_else_is_said() {
    let sshd = Sshd::start();
    let (name, ed) = (sshd.name(), key(&sshd, "host_ed25519"));
    for hosts in [name.as_str(), "*"] {
        let known = format!("{name} {ed}@revoked {hosts} {ed}");
        for arguments in ["", "-o StrictHostKeyChecking=accept-new", "checking off"] {
            let said = refused(&sshd, &known, arguments).await;
            assert!(said.contains("revoked") && said.contains("known_hosts:2"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_certificates_are_judged() {
    let dir = tempfile::TempDir::new().unwrap();
    let ca = keygen(dir.path(), "ca", &["-t", "ed25519"]);
    let host = keygen(dir.path(), "certified", &["-t", "ed25519"]);
    let here = dir.path().display().to_string();
    let certify = |words: &[&str]| {
        let mut all = vec!["-q", "-s", ca.to_str().unwrap(), "-I", "host", "-h"];
        let public = host.with_extension("pub");
        all.extend(words);
        all.push(public.to_str().unwrap());
        tool("ssh-keygen", &all);
    };
    certify(&["-n", "127.0.0.1"]);
    let config = format!("HostKey {here}/certified\nHostCertificate {here}/certified-cert.pub");
    let sshd = Sshd::within(dir, &config);
    let name = sshd.name();
    let authority = format!("@cert-authority {name} {}", key(&sshd, "ca"));
    with(&sshd, &authority, "").await.unwrap();
    with(&sshd, &format!("{name} {}", key(&sshd, "certified")), "").await.unwrap();
    refused(&sshd, "", "").await;
    let revoked = format!("{authority}@revoked * {}", key(&sshd, "ca"));
    assert!(refused(&sshd, &revoked, "").await.contains("revoked"));
    let dir = tempfile::TempDir::new().unwrap();
    for (words, why) in [
        (vec!["-n", "elsewhere"], "elsewhere"),
        (vec!["-n", "127.0.0.1", "-V", "20200101:20200102"], "expired"),
    ] {
        let at = dir.path().join(why);
        fs::create_dir(&at).unwrap();
        for name in ["certified", "certified.pub"] {
            fs::copy(sshd.path(name), at.join(name)).unwrap();
        }
        let public = at.join("certified.pub");
        let ca = sshd.path("ca");
        let mut all = vec!["-q", "-s", ca.to_str().unwrap(), "-I", "host", "-h"];
        all.extend(words);
        all.push(public.to_str().unwrap());
        tool("ssh-keygen", &all);
        let config = format!("HostKey {0}/certified\nHostCertificate {0}/certified-cert.pub", at.display());
        let bad = Sshd::with(&config);
        let authority = format!("@cert-authority * {}", key(&sshd, "ca"));
        let said = refused(&bad, &authority, "").await;
        assert!(said.contains("certificate") && said.contains(why), "{said}");
    }
}
