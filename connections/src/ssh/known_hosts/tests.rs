//! Lines of known_hosts that no sshd is needed for: bad ones, odd ones, and the names of hosts.

use super::*;
use std::fs;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

fn key(text: &str) -> PublicKey {
    russh::keys::parse_public_key_base64(text.split(' ').nth(1).unwrap()).unwrap()
}

fn verdict(text: &str, name: &str) -> Verdict {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("known_hosts");
    fs::write(&file, text).unwrap();
    match KnownHost::read(&[file], &[name.to_owned()]).key(&key(ED)) {
        Verdict::Changed(_, line) => Verdict::Changed("f".into(), line),
        Verdict::Revoked(_, line) => Verdict::Revoked("f".into(), line),
        other => other,
    }
}

#[test]
fn a_port_other_than_22_is_part_of_the_name() {
    assert_eq!(
        (name("h", 22), name("h", 23), name("::1", 23)),
        ("h".into(), "[h]:23".into(), "[::1]:23".into())
    );
}

#[test]
fn lines_are_read_with_forbearance() {
    let nonsense = "\n\n# h\nh\nh ssh-ed25519\nh ssh-ed25519 !!!\n@what h x y\n|1|x|y ssh-ed25519 z\n\u{1}\n";
    assert_eq!(verdict(nonsense, "h"), Verdict::Unknown);
    assert_eq!(
        verdict(&format!("{nonsense}\th\t{}\tcomment here", ED.replace(' ', "\t")), "h"),
        Verdict::Known
    );
    assert_eq!(verdict(&format!("H {ED}\r\n"), "h"), Verdict::Known);
    assert_eq!(verdict(&format!("x {ED}"), "h"), Verdict::Unknown);
}

#[test]
fn one_right_line_is_enough_and_a_wrong_one_is_named() {
    assert_eq!(verdict(&format!("h {OTHER}\nh {ED}"), "h"), Verdict::Known);
    assert_eq!(verdict(&format!("# a\nh {OTHER}"), "h"), Verdict::Changed("f".into(), 2));
    assert_eq!(verdict(&format!("h {ED}\n@revoked h {ED}"), "h"), Verdict::Revoked("f".into(), 2));
    assert_eq!(verdict(&format!("@cert-authority h {ED}"), "h"), Verdict::Unknown);
    assert_eq!(verdict(&format!("*,!h {ED}"), "h"), Verdict::Unknown);
}
