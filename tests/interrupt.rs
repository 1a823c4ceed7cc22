//! A run that a person stops: what ran on the target is ended before the program ends, the recap is shown, and the exit
//! code says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Processes whose command line holds a text.
fn running(marker: &str) -> usize {
    let dirs = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = dirs.filter_map(|dir| std::fs::read(dir.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).replace('\0', " ").contains(marker)).count()
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_runs_is_ended_when_a_person_stops_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let seconds = format!("86{}", std::process::id());
    let playbook = dir.path().join("site.yml");
    let text =
        format!("- hosts: localhost\n  gather_facts: false\n  tasks:\n    - command: sleep {seconds}\n");
    std::fs::write(&playbook, text).unwrap();
    let marker = format!("sleep {seconds}");
    let child = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("run")
        .arg(&playbook)
        .env("HOME", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the task begins", || running(&marker) > 0);
    let stop = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(99));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("PLAY RECAP"));
    assert_eq!(running(&marker), 0, "nothing is left behind");
}
