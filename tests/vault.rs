//! `muster vault` as a person meets it: command lines in, files, text and exit codes out. `tests/vault-data` holds what
//! ansible-vault of ansible-core 2.19 wrote with the password `pw-lab`, so that no test needs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use assert_cmd::Command;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const PLAIN: &str = "db_password: s3cret é\n";
const OF_ANSIBLE: [&str; 2] = [include_str!("vault-data/whole-1.1"), include_str!("vault-data/whole-1.2")];
const STRINGS: &str = include_str!("vault-data/strings.yml");
const STRINGS_ERR: &str = include_str!("vault-data/strings.err");

/// How a command ended: its code, stdout and stderr.
type Ended = (i32, String, String);

/// A directory with passwords, in which commands are called.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.put("lab", "pw-lab\n");
        desk.put("prod", "pw-prod\n");
        desk.put("plain", PLAIN);
        desk.put("v1", OF_ANSIBLE[0]);
        desk.put("v2", OF_ANSIBLE[1]);
        fs::create_dir(desk.0.path().join("tmp")).unwrap();
        desk
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.0.path().join(name)).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.path().join(name), Permissions::from_mode(mode)).unwrap();
    }

    /// An editor that is a shell script; `$1` is the file.
    fn editor(&self, script: &str) {
        self.put("ed", &format!("#!/bin/sh\n{script}\n"));
        self.set_mode("ed", 0o700);
    }

    /// Calls a command by its words, with something on stdin.
    fn call(&self, words: &[&str], stdin: &str) -> Ended {
        let (program, arguments) = words.split_first().unwrap();
        let mut command = match *program {
            "vault" => Command::cargo_bin("muster").unwrap(),
            link => Command::new(self.0.path().join(link)),
        };
        if *program == "vault" {
            command.arg("vault");
        }
        let dir = self.0.path();
        command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir);
        command.env("TMPDIR", dir.join("tmp")).env("EDITOR", "./ed").current_dir(dir);
        let output = command.args(arguments).write_stdin(stdin).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn vault(&self, line: &str) -> Ended {
        let words: Vec<&str> = std::iter::once("vault").chain(line.split_whitespace()).collect();
        self.call(&words, "")
    }

    /// As [`Self::vault`], and it must go well.
    fn ok(&self, line: &str) -> String {
        let (code, out, err) = self.vault(line);
        assert_eq!(code, 0, "{line}\n{err}");
        out
    }

    /// Whether nothing is left of what an editor saw.
    fn is_tidy(&self) -> bool {
        fs::read_dir(self.0.path().join("tmp")).unwrap().next().is_none()
    }
}

/// Lines of digits, which differ each time, as one word.
fn shape(text: &str) -> String {
    let digits = |line: &str| line.trim().len() > 3 && line.trim().chars().all(|c| c.is_ascii_hexdigit());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines = text.lines().map(|line| match digits(line) {
        true => format!("{}{}\n", " ".repeat(indent(line)), line.trim().len()),
        false => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn what_ansible_vault_wrote_is_viewed_and_decrypted() {
    let desk = Desk::new();
    assert_eq!(desk.ok("view v1 v2 --vault-password-file lab"), PLAIN.repeat(2));
    assert_eq!(desk.ok("decrypt v2 --vault-id lab@lab --output -"), PLAIN);
    assert_eq!(desk.call(&["vault", "decrypt", "--vault-id", "lab@lab"], OF_ANSIBLE[1]).1, PLAIN);
    assert_eq!(desk.text("v2"), OF_ANSIBLE[1]);
}

#[test]
fn what_is_encrypted_has_ansible_vault_s_form() {
    let desk = Desk::new();
    assert_eq!(shape(&desk.ok("encrypt plain --output - --vault-password-file lab")), shape(OF_ANSIBLE[0]));
    desk.ok("encrypt plain --vault-id lab@lab");
    assert_eq!(shape(&desk.text("plain")), shape(OF_ANSIBLE[1]));
    desk.ok("decrypt plain v1 --vault-password-file lab");
    assert_eq!((desk.text("plain"), desk.text("v1")), (PLAIN.into(), PLAIN.into()));
}

#[test]
fn strings_become_ansible_vault_s_yaml() {
    let desk = Desk::new();
    for verb in ["encrypt_string", "encrypt-string"] {
        let line = [verb, "--vault-id", "lab@lab", "--stdin-name", "first", "-n", "second", "two", "three"];
        let words: Vec<&str> = std::iter::once("vault").chain(line).collect();
        let (code, out, err) = desk.call(&words, "from stdin");
        assert_eq!((code, shape(&out), err.as_str()), (0, shape(STRINGS), STRINGS_ERR));
    }
    assert!(
        desk.ok("encrypt-string one --vault-password-file lab").starts_with("!vault |\n          $ANSIBLE")
    );
}

#[test]
fn files_keep_their_mode_and_plain_text_is_its_owner_s_alone() {
    let desk = Desk::new();
    desk.set_mode("plain", 0o640);
    desk.ok("encrypt plain --vault-password-file lab");
    assert_eq!(desk.mode("plain"), 0o640);
    desk.ok("rekey plain --vault-password-file lab --new-vault-id prod@prod");
    assert_eq!(desk.mode("plain"), 0o640);
    desk.ok("decrypt plain --vault-password-file prod");
    assert_eq!(desk.mode("plain"), 0o600);
    desk.ok("decrypt v1 --vault-password-file lab --output new");
    assert_eq!(desk.mode("new"), 0o600);
}

#[test]
fn a_link_stays_a_link_and_a_device_a_device() {
    let desk = Desk::new();
    let link = desk.0.path().join("link");
    std::os::unix::fs::symlink("plain", &link).unwrap();
    desk.ok("encrypt link --vault-password-file lab");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(desk.text("plain").starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    desk.ok("decrypt plain --output /dev/null --vault-password-file lab");
    assert!(!Path::new("/dev/null").is_file());
}

#[test]
fn rekeyed_files_open_with_the_new_password_alone() {
    let desk = Desk::new();
    let (code, _, err) = desk.vault("rekey v1 v2 --vault-password-file lab --new-vault-id prod@prod");
    assert_eq!((code, err.as_str()), (0, "Rekey successful\n"));
    assert!(desk.text("v1").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    assert_eq!(desk.ok("view v1 v2 --vault-id prod@prod"), PLAIN.repeat(2));
    assert_eq!(desk.vault("view v1 --vault-password-file lab").0, 1);
}

#[test]
fn mistakes_have_ansible_vault_s_words_and_codes_and_change_nothing() {
    let desk = Desk::new();
    for (line, code, words) in [
        ("encrypt v1 --vault-password-file lab", 1, "input is already encrypted"),
        ("decrypt plain --vault-password-file lab", 1, "Input is not vault encrypted data"),
        ("decrypt v1 --vault-password-file prod", 1, "Decryption failed (no vault secrets were found"),
        ("rekey v1 --vault-password-file prod --new-vault-password-file lab", 1, "Decryption failed"),
        ("edit v1 --vault-password-file prod", 1, "Decryption failed"),
        ("edit - --vault-password-file prod", 5, "no file that could be changed"),
        ("view none --vault-password-file lab", 1, "Unable to read source file"),
        ("view v1 --vault-password-file none", 1, "Error getting vault password file (default)"),
        ("encrypt v1 plain --output x --vault-password-file lab", 5, "At most one input file"),
        ("encrypt plain --vault-id a@lab --vault-id b@prod", 5, "The vault-ids a,b are available"),
        ("encrypt plain --vault-id a@lab --encrypt-vault-id c", 1, "Did not find a match"),
        ("encrypt plain --vault-id a;b@lab", 5, "is not a valid vault id"),
        ("create --vault-password-file lab", 5, "can take only one filename"),
        ("create new --vault-password-file lab", 5, "not a tty"),
        ("create v1 --vault-password-file lab --skip-tty-check", 1, "please use 'edit' instead"),
        ("encrypt-string -p - --vault-password-file lab", 5, "--prompt option is not supported"),
        ("encrypt-string --vault-password-file lab", 5, "stdin was empty"),
        ("encrypt plain --vault-password-file lab -J", 2, "cannot be used with"),
    ] {
        let (got, _, err) = desk.vault(line);
        assert!(got == code && err.contains(words), "{line}: {got}\n{err}");
        assert!(!err.contains("pw-") && !err.contains("s3cret"), "{line}\n{err}");
    }
    assert_eq!((desk.text("v1").as_str(), desk.text("plain").as_str()), (OF_ANSIBLE[0], PLAIN));
    assert!(desk.is_tidy());
}

#[test]
fn a_password_that_is_missing_does_not_matter_where_another_fits() {
    let desk = Desk::new();
    let (code, out, err) = desk.vault("view v1 --vault-id prod@none --vault-id lab@lab");
    assert_eq!((code, out.as_str()), (0, PLAIN));
    assert!(err.starts_with("[WARNING]: Error getting vault password file (prod): "), "{err}");
}

#[test]
fn an_edited_file_keeps_id_password_and_mode() {
    let desk = Desk::new();
    desk.set_mode("v2", 0o640);
    desk.editor(
        "stat -c '%a %n' \"$(dirname \"$1\")\" \"$1\" > seen; echo more: 1 >> \"$1\"; cp \"$1\" \"$1~\"",
    );
    desk.ok("edit v2 --vault-id other@prod --vault-id x@lab");
    assert!(desk.text("v2").starts_with("$ANSIBLE_VAULT;1.2;AES256;lab\n"));
    assert_eq!(desk.ok("view v2 --vault-id lab@lab"), format!("{PLAIN}more: 1\n"));
    assert_eq!(desk.mode("v2"), 0o640);
    let modes: Vec<String> = desk.text("seen").lines().map(|line| line[..3].to_string()).collect();
    assert_eq!(modes, ["700", "600"]);
    assert!(desk.is_tidy());
}

#[test]
fn what_was_not_changed_or_not_saved_is_not_written() {
    let desk = Desk::new();
    for (script, code) in [("true", 0), ("echo lost > \"$1\"; exit 1", 1), ("rm \"$1\"", 1)] {
        desk.editor(script);
        assert_eq!(desk.vault("edit v1 --vault-password-file lab").0, code, "{script}");
        assert_eq!(desk.text("v1"), OF_ANSIBLE[0], "{script}");
    }
    desk.editor("kill -TERM $PPID; exec sleep 20");
    assert_eq!(desk.vault("edit v1 --vault-password-file lab").0, 1);
    assert!(desk.is_tidy());
}

#[test]
fn a_created_file_is_encrypted_and_private() {
    let desk = Desk::new();
    desk.editor("echo new: 1 > \"$1\"");
    desk.ok("create group_vars/all.yml --skip-tty-check --vault-id lab@lab");
    assert_eq!((desk.mode("group_vars"), desk.mode("group_vars/all.yml")), (0o700, 0o600));
    assert_eq!(desk.ok("view group_vars/all.yml --vault-id lab@lab"), "new: 1\n");
}

#[test]
fn called_ansible_vault_it_takes_that_command_s_line() {
    let desk = Desk::new();
    let program = Command::cargo_bin("muster").unwrap().get_program().to_owned();
    std::os::unix::fs::symlink(program, desk.0.path().join("ansible-vault")).unwrap();
    let (code, out, _) = desk.call(&["ansible-vault", "-v", "view", "--vault-pass-file", "lab", "v1"], "");
    assert_eq!((code, out.as_str()), (0, PLAIN));
}

#[test]
fn settings_say_with_what_to_encrypt_and_whether_ids_must_match() {
    let desk = Desk::new();
    desk.put(
        "ansible.cfg",
        "[defaults]\nvault_identity_list = lab@lab, prod@prod\nvault_encrypt_identity = prod\n",
    );
    desk.ok("encrypt plain");
    assert!(desk.text("plain").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    desk.put("ansible.cfg", "[defaults]\nvault_id_match = true\n");
    assert_eq!(desk.vault("view v2 --vault-id prod@lab").0, 1);
    assert_eq!(desk.ok("view v2 --vault-id lab@lab"), PLAIN);
}

/// The walk-through of the guide: its lines that begin with `$` are typed, and what stands below each is printed.
#[test]
fn the_guide_s_walk_through_is_true() {
    let desk = Desk::new();
    let program = Command::cargo_bin("muster").unwrap().get_program().to_owned();
    std::os::unix::fs::symlink(program, desk.0.path().join("muster")).unwrap();
    let page = include_str!("../docs/guide/vault.md");
    let shown: Vec<&str> =
        page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!shown.is_empty());
    for step in shown.iter().flat_map(|fence| fence.split("$ ").filter(|step| !step.is_empty())) {
        // A vault begins with a dollar, but not with a dollar and a space.
        let (line, wanted) = step.split_once('\n').unwrap();
        let mut shell = Command::new("sh");
        let path = format!("{}:{}", desk.0.path().display(), std::env::var("PATH").unwrap());
        shell.env_clear().env("PATH", path).env("HOME", desk.0.path()).current_dir(desk.0.path());
        let output = shell.args(["-c", &format!("exec 2>&1; {line}")]).output().unwrap();
        let got = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shape(&got).trim_end(), shape(wanted).trim_end(), "$ {line}");
    }
}
