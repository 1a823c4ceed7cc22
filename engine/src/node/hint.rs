//! Guesses at the usual mistakes in YAML. The line an error was found in comes in; what is probably wrong with it, where
//! in the text, and what to write instead go out. The sentences are those Ansible's users know.

use regex::Regex;
use std::sync::LazyLock;

/// What is probably wrong.
pub(super) struct Hint {
    /// A sentence.
    pub message: &'static str,
    /// What to write instead.
    pub help: &'static str,
    /// The byte of the text it begins at.
    pub offset: usize,
}

/// What stands before a value: dashes of a list, then perhaps a key.
static VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*(?:-\s+)*(?:[\w\s]+:\s+)?(?<value>.*)$").ok());
static LOOSE_VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*(?:-\s+)*(?:[\w\s\[\]{}]+:\s+)?(?<value>.*)$").ok());

/// The first mistake that fits the line around a byte of a text.
pub(super) fn guess(text: &str, at: usize) -> Option<Hint> {
    let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i))?;
    let start = text.get(..at)?.rfind('\n').map_or(0, |i| i + 1);
    let line = text.get(start..)?.split('\n').next()?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    tab(line).or_else(|| template(line)).or_else(|| colon(line)).or_else(|| quote(line)).map(|mut hint| {
        hint.offset += start;
        hint
    })
}

fn tab(line: &str) -> Option<Hint> {
    let offset = line.find('\t')?;
    Some(Hint { message: "Tabs are usually invalid in YAML.", help: "indent with spaces", offset })
}

fn value<'a>(pattern: &LazyLock<Option<Regex>>, line: &'a str) -> Option<(usize, &'a str)> {
    let found = pattern.as_ref()?.captures(line)?.name("value")?;
    Some((found.start(), found.as_str()))
}

fn template(line: &str) -> Option<Hint> {
    let (offset, value) = value(&VALUE, line)?;
    (value.starts_with("{{") && value.contains("}}")).then_some(Hint {
        message: "This may be an issue with missing quotes around a template block.",
        help: "a value that begins with a template must be quoted: write `\"{{ name }}\"`, not `{{ name }}`",
        offset,
    })
}

fn colon(line: &str) -> Option<Hint> {
    if line.trim_start().starts_with(':') {
        return None;
    }
    let (offset, value) = value(&LOOSE_VALUE, line)?;
    let trimmed = value.trim();
    let quoted = |quote: char| {
        let inner = trimmed.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner.is_some_and(|inner| !inner.contains(quote))
    };
    if quoted('\'') || quoted('"') {
        return None;
    }
    let last = value.strip_suffix(':').map(str::len);
    let found = [value.find(": "), last].into_iter().flatten().min()?;
    Some(Hint {
        message: "Colons in unquoted values must be followed by a non-space character.",
        help: "quote the whole value: write `\"echo 'name: x'\"`, not `echo 'name: x'`",
        offset: offset + found,
    })
}

fn quote(line: &str) -> Option<Hint> {
    let (offset, value) = value(&VALUE, line)?;
    let first = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let help = "quote the whole value with the other quote: write `'\"a\" in b'`, not `\"a\" in b`";
    let message = if !value.ends_with(first) {
        "Values starting with a quote must end with the same quote."
    } else if line.matches(first).count() > 2 {
        "Values starting with a quote must end with the same quote, and not contain that quote."
    } else {
        return None;
    };
    Some(Hint { message, help, offset })
}
