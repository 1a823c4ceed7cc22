//! Becoming another user, over ssh and on this machine, with a throw-away user. Needs root, sudo, su and doas.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use muster_engine::connection::{Command, Connection, Escalation, Method, Secret, Target, Trouble, Way};
use std::sync::Arc;
use std::time::Duration;
use support::sshd::Sshd;
use support::user::User;
use support::{local, marker, sleepers, until_sleepers};

fn becoming(method: Method, user: &str, password: Option<&str>) -> Escalation {
    Escalation { method, user: user.into(), password: password.map(Secret::new), flags: None, exe: None }
}

fn sudo(password: Option<&str>) -> Escalation {
    becoming(Method::Sudo, "root", password)
}

fn with(script: &str, escalation: Escalation) -> Command {
    Command { escalation: Some(escalation), ..Command::new(script) }
}

async fn login(sshd: &Sshd, user: &User) -> Arc<dyn Connection> {
    let target = Target { user: Some(user.name.clone()), ..sshd.target() };
    sshd.connect(&target).await.unwrap_or_else(|error| panic!("{error}\n{}", sshd.log()))
}

async fn message(road: &Arc<dyn Connection>, escalation: Escalation) -> String {
    let error = road.exec(&with("id", escalation.clone())).await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Escalation, "{error}");
    assert!(!error.is_unreachable());
    let alone = Command { way: Way::Channel, ..with("id", escalation) };
    let again = road.exec(&alone).await.unwrap_err();
    assert_eq!(again.trouble, Trouble::Escalation, "{again}");
    error.message
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_without_a_password() {
    let user = User::new("a").may_sudo("ALL=(ALL) NOPASSWD: ALL");
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    assert_eq!(road.exec(&Command::new("id -un")).await.unwrap().out().trim(), user.name);
    for way in [Way::Auto, Way::Channel, Way::Raw] {
        let command = Command { way, ..with("id -un; echo $HOME; echo err >&2; exit 4", sudo(None)) };
        let done = road.exec(&command).await.unwrap();
        assert_eq!((done.rc, &*done.out(), &*done.err()), (4, "root\n/root\n", "err\n"), "{way:?}");
    }
    let done = road.exec(&with("cat; id -un", sudo(None)).stdin(&b"in\0"[..])).await.unwrap();
    assert_eq!(done.stdout, b"in\0root\n");
    let mut command = with("echo $A", sudo(None));
    command.environment = vec![("A".into(), "it's".into())];
    assert_eq!(road.exec(&command).await.unwrap().out(), "it's\n");
    // A password that is not needed does no harm, and other flags and programs count.
    assert_eq!(road.exec(&with("id -un", sudo(Some("x")))).await.unwrap().out(), "root\n");
    let flags = Escalation { flags: Some("-E -n".into()), exe: Some("/usr/bin/sudo".into()), ..sudo(None) };
    assert_eq!(road.exec(&with("id -un", flags)).await.unwrap().out(), "root\n");
    let nobody = becoming(Method::Sudo, "nobody", None);
    assert_eq!(road.exec(&with("id -un", nobody)).await.unwrap().out(), "nobody\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_escalated_command_leaves_is_ended_with_its_users_right() {
    let user = User::new("b").may_sudo("ALL=(ALL) NOPASSWD: ALL");
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    for way in [Way::Auto, Way::Channel] {
        let mark = marker();
        let mut command =
            with(&format!("trap '' TERM; sleep {mark} | sleep {mark}; sleep {mark}"), sudo(None));
        (command.timeout, command.way) = (Some(Duration::from_millis(700)), way);
        assert_eq!(road.exec(&command).await.unwrap_err().trouble, Trouble::TimedOut);
        until_sleepers(&mark, 0).await;
        let command = Command { way, ..with(&format!("sleep {mark}"), sudo(None)) };
        let _ = tokio::time::timeout(Duration::from_millis(700), road.exec(&command)).await.unwrap_err();
        until_sleepers(&mark, 0).await;
    }
    let mark = marker();
    for way in [Way::Auto, Way::Channel] {
        for millis in [1, 10, 30, 60, 100, 150] {
            let command = Command { way, ..with(&format!("sleep {mark}"), sudo(None)) };
            let _ =
                tokio::time::timeout(Duration::from_millis(millis), road.exec(&command)).await.unwrap_err();
        }
    }
    tokio::time::sleep(Duration::from_millis(2000)).await;
    until_sleepers(&mark, 0).await;
    let mark = marker();
    let command = Command { way: Way::Raw, ..Command::new(format!("sleep {mark}")) };
    let _ = tokio::time::timeout(Duration::from_millis(700), road.exec(&command)).await.unwrap_err();
    until_sleepers(&mark, 0).await;
    assert_eq!(sleepers(&mark), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_with_a_password() {
    let user = User::new("c").may_sudo("ALL=(ALL) ALL");
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    let right = sudo(Some(&user.password));
    for way in [Way::Auto, Way::Auto, Way::Channel, Way::Terminal] {
        let done = road.exec(&Command { way, ..with("id -un; exit 4", right.clone()) }).await;
        let done = done.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert_eq!((done.rc, done.out().trim()), (4, "root"), "{way:?}");
    }
    let done = road.exec(&with("cat; id -un", right).stdin(&b"in\0"[..])).await.unwrap();
    assert_eq!(done.stdout, b"in\0root\n");
    assert_eq!(message(&road, sudo(Some("wrong"))).await, "Incorrect sudo password");
    assert_eq!(message(&road, sudo(None)).await, "Missing sudo password");
    let asks = Escalation { flags: Some("-S".into()), ..sudo(None) };
    assert_eq!(message(&road, asks).await, "Missing sudo password");
    let unknown = becoming(Method::Sudo, "nosuchuser", Some(&user.password));
    assert!(message(&road, unknown).await.contains("nosuchuser"));
    let absent = Escalation { exe: Some("/no/sudo".into()), ..sudo(None) };
    assert!(message(&road, absent).await.contains("/no/sudo"));
    assert_eq!(road.exec(&Command::new("echo fine")).await.unwrap().out(), "fine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_in_sudoers_is_told_so() {
    let user = User::new("d");
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    let said = message(&road, sudo(Some(&user.password))).await;
    assert!(said.contains("not in the sudoers file") || said.contains("may not run sudo"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn su_asks_for_the_password_of_the_other() {
    let (user, other) = (User::new("e"), User::new("f"));
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    let right = becoming(Method::Su, &other.name, Some(&other.password));
    for way in [Way::Auto, Way::Auto, Way::Channel, Way::Terminal] {
        let done = road.exec(&Command { way, ..with("id -un; exit 4", right.clone()) }).await;
        let done = done.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert_eq!((done.rc, done.out().trim()), (4, &*other.name), "{way:?}");
    }
    let wrong = becoming(Method::Su, &other.name, Some("wrong"));
    assert_eq!(message(&road, wrong).await, "Incorrect su password");
    assert_eq!(message(&road, becoming(Method::Su, &other.name, None)).await, "Missing su password");
    // Root needs no password.
    let here = local("/bin/sh").await;
    let done =
        here.exec(&with("id -un; echo err >&2", becoming(Method::Su, &other.name, None))).await.unwrap();
    assert_eq!((done.out().trim(), &*done.err()), (&*other.name, "err\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn doas_asks_on_a_terminal_and_still_keeps_its_streams_apart() {
    let user = User::new("g");
    let conf = std::path::Path::new("/etc/doas.conf");
    assert!(!conf.exists(), "/etc/doas.conf is not this test's to change");
    std::fs::write(conf, format!("permit {} as root\n", user.name)).unwrap();
    let _gone = Gone(conf);
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    let right = becoming(Method::Doas, "root", Some(&user.password));
    for script in ["id -un; echo err >&2; exit 4", "id -un; printf 'err\\n' >&2; exit 4"] {
        let done = road.exec(&with(script, right.clone())).await.unwrap();
        assert_eq!((done.rc, &*done.out(), &*done.err()), (4, "root\n", "err\n"));
    }
    let done = road.exec(&with("cat", right.clone()).stdin(&b"a\tb\x03\x04\n"[..])).await.unwrap();
    assert_eq!(done.stdout, b"a\tb\x03\x04\n");
    let big = road.exec(&with("head -c 300000 /dev/zero; head -c 70000 /dev/zero >&2", right)).await.unwrap();
    assert_eq!((big.stdout.len(), big.stderr.len()), (300_000, 70_000));
    assert_eq!(
        message(&road, becoming(Method::Doas, "root", Some("wrong"))).await,
        "Incorrect doas password"
    );
    assert_eq!(message(&road, becoming(Method::Doas, "root", None)).await, "Missing doas password");
}

struct Gone(&'static std::path::Path);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_argument_and_no_environment() {
    let user = User::new("h").may_sudo("ALL=(ALL) ALL");
    let sshd = Sshd::start();
    let road = login(&sshd, &user).await;
    let look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c -e";
    let secret = &user.password;
    let command = with(&format!("{look} '[{}]{}'", &secret[..1], &secret[1..]), sudo(Some(secret)));
    assert_eq!(road.exec(&command).await.unwrap().out().trim(), "0");
    assert!(!format!("{command:?}").contains(&format!("password: Some({secret}")));
}
