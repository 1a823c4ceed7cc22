//! The program as a person meets it: command lines in, text and exit codes out. Nothing here leaves this machine, and
//! no settings of whoever runs the tests are read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "face/actions.rs"]
mod actions;
#[path = "support/going.rs"]
mod going;
#[path = "face/terminal.rs"]
mod terminal;

use assert_cmd::Command;
use std::path::Path;
use tempfile::TempDir;

/// The program in a directory of its own.
fn muster(dir: &Path, line: &str) -> Command {
    let mut command = Command::cargo_bin("muster").unwrap();
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir);
    command.current_dir(dir).args(line.split_whitespace());
    command
}

fn dir(playbook: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("p.yml"), playbook).unwrap();
    dir
}

fn out(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const DEBUG: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: greet\n      debug: {msg: \"hi {{ who }}\"}\n";
const FAIL: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - fail: {msg: no luck}\n";
const CHECK: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - check: {id: swap, that: 1 == 2}\n";

#[test]
fn a_run_looks_as_ansible_s_and_ends_as_it() {
    let (code, shown, _) = out(&mut muster(dir(DEBUG).path(), "run -i h1, -c local -e who=there p.yml"));
    let stars = "*".repeat(68);
    assert!(
        shown.starts_with(&format!("\nPLAY [all] {stars}*\n\nTASK [greet] {}\n", &stars[1..])),
        "{shown}"
    );
    assert!(shown.contains("\nok: [h1] => {\n    \"msg\": \"hi there\"\n}\n"), "{shown}");
    assert!(shown.contains("h1                         : ok=1    changed=0 "), "{shown}");
    assert_eq!(code, 0);
}

#[test]
fn failures_findings_and_mistakes_have_their_codes() {
    for (playbook, line, code) in [
        (FAIL, "run -i h1, -c local p.yml", 2),
        (CHECK, "run -i h1, -c local p.yml", 3),
        (CHECK, "run -i h1, -c local p.yml --ignore swap", 0),
        ("- hosts: all\n  taskz: []\n", "run -i h1, p.yml", 4),
        (DEBUG, "run -i h1, p.yml --bogus", 2),
        (DEBUG, "run -i h1, p.yml --step", 5),
        (DEBUG, "run -i h1, none.yml", 1),
        (DEBUG, "run -i h1, p.yml -l nobody", 1),
        (DEBUG, "run -i none/hosts p.yml", 1),
    ] {
        let (got, shown, said) = out(&mut muster(dir(playbook).path(), line));
        assert_eq!(got, code, "{line}\n{shown}\n{said}");
    }
}

#[test]
fn called_ansible_playbook_it_writes_ansible_s_json() {
    let dir = dir(FAIL);
    let link = dir.path().join("ansible-playbook");
    std::os::unix::fs::symlink(Command::cargo_bin("muster").unwrap().get_program(), &link).unwrap();
    let mut command = Command::new(link);
    command.env_clear().env("HOME", dir.path()).current_dir(dir.path());
    let (code, shown, _) = out(command.args(["-i", "h1,", "-c", "local", "p.yml"]));
    assert!(
        shown.contains("fatal: [h1]: FAILED! => {\"changed\": false, \"msg\": \"no luck\"}\n"),
        "{shown}"
    );
    assert_eq!(code, 2);
}

#[test]
fn a_mistake_stops_the_playbook_but_called_ansible_playbook_only_its_task() {
    let dir = dir("- hosts: all\n  tasks:\n  - debug: {msg: first}\n  - debug: {nosuch: 1}\n  - debug:\n");
    let line = "-i h1, -c local p.yml";
    let link = dir.path().join("ansible-playbook");
    std::os::unix::fs::symlink(Command::cargo_bin("muster").unwrap().get_program(), &link).unwrap();
    let mut as_ansible = Command::new(link);
    as_ansible.env_clear().env("HOME", dir.path()).current_dir(dir.path()).args(line.split(' '));
    let (code, shown, said) = out(&mut as_ansible);
    assert!(
        shown.contains("first") && shown.contains("ok=2    changed=0    unreachable=0    failed=1"),
        "{shown}"
    );
    assert!(said.contains("warning[muster::module::unsupported]"), "{said}");
    assert_eq!(code, 2);
    let (code, shown, said) = out(&mut muster(dir.path(), &format!("run {line}")));
    assert_eq!((code, shown.as_str()), (2, ""), "{said}");
    let late = out(muster(dir.path(), &format!("run {line}")).env("MUSTER_STOP_AT_MISTAKES", "no"));
    assert!(late.1.contains("first") && late.1.contains("failed=1"), "{}", late.1);
    let strict = out(as_ansible.env("MUSTER_STOP_AT_MISTAKES", "yes"));
    assert_eq!((strict.0, strict.1.as_str()), (2, ""), "{}", strict.2);
}

#[test]
fn a_failure_is_a_block_with_its_message_by_default() {
    let (_, shown, _) = out(&mut muster(dir(FAIL).path(), "run -i h1, -c local p.yml"));
    assert!(
        shown.contains("fatal: [h1]: FAILED! => {\n   \"changed\": false\n}\n\nMSG:\n\nno luck\n"),
        "{shown}"
    );
}

#[test]
fn every_json_line_is_an_event_and_stdout_holds_nothing_else() {
    let (_, shown, _) =
        out(&mut muster(dir(DEBUG).path(), "run -i h1, -c local -e who=me --output json -vvv p.yml"));
    let events: Vec<String> = shown
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["event"].as_str().unwrap().to_string()
        })
        .collect();
    assert_eq!(events.first().map(String::as_str), Some("run_started"));
    assert_eq!(events.last().map(String::as_str), Some("recap"));
}

#[test]
fn colours_come_only_when_asked_for() {
    let dir = dir(DEBUG);
    let line = "run -i h1, -c local -e who=me p.yml";
    assert!(!out(&mut muster(dir.path(), line)).1.contains('\x1b'));
    assert!(out(&mut muster(dir.path(), &format!("{line} --color always"))).1.contains("\x1b[0;32mok: [h1]"));
    assert!(out(muster(dir.path(), line).env("ANSIBLE_FORCE_COLOR", "1")).1.contains("\x1b[0;32m"));
    assert!(!out(muster(dir.path(), line).env("NO_COLOR", "1")).1.contains('\x1b'));
}

#[test]
fn lists_run_nothing() {
    let dir = dir(FAIL);
    let (code, shown, _) =
        out(&mut muster(dir.path(), "run -i h1, p.yml --list-hosts --list-tasks --list-tags"));
    assert_eq!(
        shown,
        "\nplaybook: p.yml\n\n  play #1 (all): all\tTAGS: []\n    pattern: ['all']\n    hosts (1):\n      h1\n    \
         tasks:\n      fail\tTAGS: []\n      TASK TAGS: []\n"
    );
    assert_eq!(code, 0);
    assert_eq!(out(&mut muster(dir.path(), "run -i h1, p.yml --syntax-check")).1, "\nplaybook: p.yml\n");
}

#[test]
fn settings_of_the_directory_count_and_nonsense_is_named() {
    let dir = dir(FAIL);
    let cfg = "[defaults]\ninventory = h7,\ncallback_result_format = yaml\ntransport = local\nforkz = 3\n";
    std::fs::write(dir.path().join("ansible.cfg"), cfg).unwrap();
    let (_, shown, said) = out(&mut muster(dir.path(), "run p.yml"));
    assert!(shown.contains("fatal: [h7]: FAILED! => \n    changed: false\n    msg: no luck\n"), "{shown}");
    assert!(said.contains("`forkz` in `[defaults]` has no meaning here"), "{said}");
    assert!(said.contains("did you mean `forks`?"), "{said}");
}

#[test]
fn what_cannot_be_understood_shows_its_line() {
    let (_, shown, said) = out(&mut muster(dir("- hosts: all\n  taskz: []\n").path(), "run -i h1, p.yml"));
    assert_eq!(shown, "");
    assert!(said.contains(" --> p.yml:2:3\n") && said.contains("did you mean `tasks`?"), "{said}");
}

#[test]
fn modules_playbooks_and_completions_are_shown() {
    let dir = dir("");
    for (line, needle) in [
        ("doc copy", "ANSIBLE.BUILTIN.COPY"),
        ("doc --list", "ansible.builtin.copy"),
        ("doc --settings", "ANSIBLE_FORKS"),
        ("completion bash", "_muster()"),
        ("inventory -i a,b, --graph", "@all:\n  |--@ungrouped:\n  |  |--a\n  |  |--b\n"),
    ] {
        let (code, shown, said) = out(&mut muster(dir.path(), line));
        assert!(code == 0 && shown.contains(needle), "{line}\n{shown}\n{said}");
    }
    let (code, _, said) = out(&mut muster(dir.path(), "doc coppy"));
    assert!(code == 1 && said.contains("did you mean `copy`?"), "{said}");
}
