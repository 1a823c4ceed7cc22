//! Names and versions of Debian packages: `name=1.*` taken apart, versions put in order as dpkg does, shell patterns
//! matched as Python's `fnmatch` does. All of it is pure.

use std::cmp::Ordering;

/// A package as a task names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub name: String,
    /// `=` or `>=`, and the version.
    pub version: Option<(Compare, String)>,
}

/// How a version is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// This one; a pattern may stand for it.
    Exactly,
    /// This one or a later one.
    AtLeast,
}

impl Wish {
    /// Takes `name`, `name=version`, `name>=version` apart.
    pub fn parse(text: &str) -> Self {
        let Some((head, version)) = text.split_once('=') else {
            return Self { name: text.to_string(), version: None };
        };
        let (name, compare) = match head.strip_suffix('>') {
            Some(name) => (name, Compare::AtLeast),
            None => (head, Compare::Exactly),
        };
        Self { name: name.to_string(), version: Some((compare, version.to_string())) }
    }

    /// Whether the name is a pattern.
    pub fn is_pattern(&self) -> bool {
        self.name.contains(['*', '?', '[', ']', '!'])
    }

    /// Whether a version is one of those wished for.
    pub fn accepts(&self, version: &str) -> bool {
        match &self.version {
            None => true,
            Some((Compare::Exactly, pattern)) => matches(pattern, version),
            Some((Compare::AtLeast, least)) => order(version, least) != Ordering::Less,
        }
    }
}

/// Puts two versions in order, as `dpkg --compare-versions` does.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let epoch = |text: &str| match text.split_once(':') {
        Some((epoch, rest)) => (epoch.parse::<u64>().unwrap_or(0), rest.to_string()),
        None => (0, text.to_string()),
    };
    let revision = |text: &str| match text.rsplit_once('-') {
        Some((upstream, revision)) => (upstream.to_string(), revision.to_string()),
        None => (text.to_string(), String::new()),
    };
    let ((epoch_a, rest_a), (epoch_b, rest_b)) = (epoch(a), epoch(b));
    let ((up_a, rev_a), (up_b, rev_b)) = (revision(&rest_a), revision(&rest_b));
    epoch_a.cmp(&epoch_b).then_with(|| part(&up_a, &up_b)).then_with(|| part(&rev_a, &rev_b))
}

/// Compares stretches of other characters and of digits in turn.
fn part(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let (text_a, rest_a) = split(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = split(b, |c| !c.is_ascii_digit());
        let weights = |text: &str| text.chars().map(weight).chain([0]).collect::<Vec<_>>();
        let found = weights(text_a).cmp(&weights(text_b));
        if found != Ordering::Equal {
            return found;
        }
        let (number_a, next_a) = split(rest_a, |c| c.is_ascii_digit());
        let (number_b, next_b) = split(rest_b, |c| c.is_ascii_digit());
        let (number_a, number_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
        let found = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b));
        if found != Ordering::Equal || (next_a.is_empty() && next_b.is_empty()) {
            return found;
        }
        (a, b) = (next_a, next_b);
    }
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// A tilde comes before the end, letters before everything else.
fn weight(c: char) -> i64 {
    match c {
        '~' => -1,
        c if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        c => i64::from(u32::from(c)) + 256,
    }
}

/// Whether a shell pattern (`*`, `?`, `[…]`, `[!…]`) matches the whole text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut regex = String::from("^(?s:");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => match set(rest.as_str()) {
                Some((inner, after)) => {
                    regex.push_str(&inner);
                    rest = after.chars();
                }
                None => regex.push_str(r"\["),
            },
            c => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    regex.push_str(")$");
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(text))
}

/// The set after a `[` as a regular expression, and what follows it.
fn set(text: &str) -> Option<(String, &str)> {
    let (negated, body) = match text.strip_prefix('!') {
        Some(body) => ("^", body),
        None => ("", text),
    };
    let end = body.char_indices().skip(1).find(|(_, c)| *c == ']').map(|(at, _)| at)?;
    let (inside, after) = body.split_at_checked(end)?;
    let escaped: String =
        inside.chars().flat_map(|c| if r"\[]&~^".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
    Some((format!("[{negated}{escaped}]"), after.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_dpkgs_order() {
        let sorted = ["1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0a-1", "1.0.1", "1.2", "1.10", "1:0.1"];
        for pair in sorted.windows(2) {
            assert_eq!(order(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(order(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(order("1.00", "1.0"), Ordering::Equal);
        assert_eq!(order("0:1.0-0", "1.0"), Ordering::Equal);
    }

    #[test]
    fn a_wish_is_taken_apart() {
        assert_eq!(Wish::parse("foo"), Wish { name: "foo".into(), version: None });
        let version = Some((Compare::Exactly, "1.*".into()));
        assert_eq!(Wish::parse("foo=1.*"), Wish { name: "foo".into(), version });
        let version = Some((Compare::AtLeast, "2:1".into()));
        assert_eq!(Wish::parse("foo>=2:1"), Wish { name: "foo".into(), version });
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, same) in [
            ("1.2*", "1.2.3-1", true),
            ("1.2*", "11.2", false),
            ("a?c", "abc", true),
            ("[!a]b", "cb", true),
            ("[a-c]", "b", true),
            ("[x", "[x", true),
            ("1.0+b", "1.0+b", true),
        ] {
            assert_eq!(matches(pattern, text), same, "{pattern} {text}");
        }
    }
}
