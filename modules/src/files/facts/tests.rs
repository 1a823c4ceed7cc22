//! What hosts print about paths, as it is read.

use super::*;

const LINE: &str = "81a4 2 12 2049 0 1000 5 8 4096 0 0|10 20 30|1970-01-01 00:00:10.500000000 +0000|1970-01-01 00:00:20.000000000 +0000|1970-01-01 00:00:30.250000000 +0000|root|UNKNOWN";

#[test]
fn a_stat_line_is_read() {
    let stat = Stat::parse(LINE).unwrap();
    assert_eq!((stat.bits(), stat.state(), stat.size), (0o644, "hard", 5));
    assert_eq!((stat.atime, stat.mtime, stat.ctime), (10.5, 20.0, 30.25));
    assert_eq!((stat.owner.as_deref(), stat.group.as_deref()), (Some("root"), None));
    let mut result = Map::new();
    stat.describe(&mut result, false);
    assert_eq!(result["group"], "1000");
    assert_eq!(result["mode"], "0644");
}

#[test]
fn what_is_not_there_has_a_reason() {
    let found = Found::parse("!stat: cannot statx '/x': No such file or directory");
    assert_eq!(found, Found::Not("No such file or directory".into()));
    assert!(Found::parse("nonsense").stat().is_none());
}

#[test]
fn device_numbers_are_joined_as_libc_joins_them() {
    let line = LINE.replace(" 0 0|", " 8 101|");
    assert_eq!(Stat::parse(&line).unwrap().rdev, 0x0010_0801);
}

#[test]
fn ids_tell_known_from_unnamed_from_unknown() {
    assert_eq!(Id::parse("7"), Id::Known(7));
    assert_eq!(Id::parse("7!"), Id::Unnamed(7));
    assert_eq!(Id::parse(""), Id::Unknown);
}

#[test]
fn a_look_asks_only_for_what_is_wanted() {
    let plain = Look::at("/x").script();
    assert!(!plain.contains("cat --") && !plain.contains("getent") && !plain.contains("sum sha"));
    let full = Look::at("/x").checksum("sha1").ids(Some("bob"), Some("5")).content(Content::UpTo(9)).script();
    assert!(full.contains("getent passwd 'bob'") && full.contains("sum 'sha1'") && full.contains("-le 9"));
}
