//! Patterns against what Python's `re` says.

use super::*;

fn found(pattern: &str, text: &str) -> Option<String> {
    let pattern = Pattern::bytes(pattern, Flags::default()).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let spread = Pattern::spread(text.as_bytes());
    let captures = pattern.captures(&spread).unwrap()?;
    String::from_utf8(Pattern::gather(captures.get(0)?.as_str())).ok()
}

#[test]
fn patterns_mean_what_python_means_by_them() {
    for (pattern, text, expected) in [
        ("^a.c$", "abc\n", Some("abc")),
        ("^a.c$", "abc\n\n", None),
        (r"c\Z", "abc\n", None),
        (r"c\Z", "abc", Some("c")),
        (r"(?m)^b$", "a\nb\nc", Some("b")),
        (r"(?i)ABC", "xabcx", Some("abc")),
        (r"[]x]+", "a]x]", Some("]x]")),
        (r"[^]]+", "]ab]", Some("ab")),
        (r"[[]", "[", Some("[")),
        (r"[a&&b]+", "a&b", Some("a&b")),
        (r"[\w.-]+", "!a.b-c!", Some("a.b-c")),
        (r"[-a]+", "b-a-", Some("-a-")),
        (r"[\d-]+", "x1-2", Some("1-2")),
        (r"[#~ ]+", "a# ~", Some("# ~")),
        ("a{,2}b", "aab", Some("aab")),
        ("a{x}", "a{x}", Some("a{x}")),
        ("{{ foo }}", "{{ foo }}", Some("{{ foo }}")),
        (r"\<a\>", "<a>", Some("<a>")),
        (r"\/etc\/x\_y", "/etc/x_y", Some("/etc/x_y")),
        (r"\bfoo\b", "a foo b", Some("foo")),
        (r"\bfoo\b", "afoo", None),
        (r"oo\B", "foox", Some("oo")),
        (r"(?P<q>['x]).(?P=q)", "'a'", Some("'a'")),
        (r"(a)\1", "xaa", Some("aa")),
        (r"(?<!#)Port (\d+)", "#Port 22 Port 23", Some("Port 23")),
        (r"a(?#comment)b", "ab", Some("ab")),
        (r"\x41\101\012", "AA\n", Some("AA\n")),
        (r"(?x) a \  b # c", "a b", Some("a b")),
        ("é", "café", Some("é")),
        (r"^\s*#?\s*net\.ipv4", "  # net.ipv4.x", Some("  # net.ipv4")),
        (r"(?s)a.b", "a\nb", Some("a\nb")),
        (r"(?u)\d", "5", Some("5")),
    ] {
        assert_eq!(found(pattern, text).as_deref(), expected, "{pattern} in {text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_searched_byte_by_byte() {
    let pattern = Pattern::bytes("a..b", Flags::default()).unwrap();
    assert!(pattern.matches(&Pattern::spread(b"a\xff\xfeb")).unwrap());
    assert_eq!(Pattern::gather(&Pattern::spread(b"a\xff\xc3\xa9")), b"a\xff\xc3\xa9");
}

#[test]
fn templates_expand_as_python_expands_them() {
    let pattern = Pattern::bytes(r"(?P<k>\w+)=(\w*)(z)?", Flags::default()).unwrap();
    let captures = pattern.captures("a=b").unwrap().unwrap();
    for (template, expected) in [
        (r"\1:\2", Ok("a:b")),
        (r"\g<k>\g<2>1", Ok("ab1")),
        (r"[\3]", Ok("[]")),
        (r"a\tb\\", Ok("a\tb\\")),
        (r"a\.b", Ok(r"a\.b")),
        (r"\7", Err("invalid group reference 7 at position 1")),
        (r"\q", Err("bad escape \\q at position 0")),
        (r"\g<no>", Err("unknown group name 'no'")),
    ] {
        let got = pattern.expand(&captures, template);
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{template}");
    }
}

#[test]
fn all_matches_are_replaced_and_counted() {
    let pattern = Pattern::text("(?m)^(a)", Flags::default()).unwrap();
    assert_eq!(pattern.replace_all("ab\nac\nb", r"<\1>"), Ok(("<a>b\n<a>c\nb".into(), 2)));
}

#[test]
fn what_python_refuses_is_refused() {
    for pattern in [r"\q", "[a", r"a\", "("] {
        assert!(Pattern::bytes(pattern, Flags::default()).is_err(), "{pattern}");
    }
}

#[test]
fn what_python_does_not_read_is_said_as_python_says_it() {
    for (pattern, said) in [
        ("(", "missing ), unterminated subpattern at position 0"),
        ("a(b(c)", "missing ), unterminated subpattern at position 1"),
        ("a)", "unbalanced parenthesis at position 1"),
        ("*a", "nothing to repeat at position 0"),
        ("(a|+)", "nothing to repeat at position 3"),
        ("a**", "multiple repeat at position 2"),
        ("x[a", "unterminated character set at position 1"),
        (r"a\q", r"bad escape \q at position 1"),
        ("a\\", "bad escape (end of pattern) at position 1"),
    ] {
        assert_eq!(Pattern::text(pattern, Flags::default()).unwrap_err(), said, "{pattern}");
    }
    for pattern in ["(?:a)(?=b)(?<!c)(?P<n>d)(?P=n)", "a+?b*+c??", "(?x) a ( # (\n b )", "a{2}?"] {
        assert!(Pattern::text(pattern, Flags::default()).is_ok(), "{pattern}");
    }
}

#[test]
fn a_wrong_template_is_wrong_whether_anything_matches_or_not() {
    let pattern = Pattern::text("(a)", Flags::default()).unwrap();
    for (template, said) in [
        (r"\9", "invalid group reference 9 at position 1"),
        (r"x\q", r"bad escape \q at position 1"),
        (r"\g<2>", "invalid group reference 2 at position 3"),
    ] {
        assert_eq!(pattern.replace_all("zzz", template).unwrap_err(), said, "{template}");
    }
}
