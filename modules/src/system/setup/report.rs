//! What the facts script printed: sections by name. A line that is `\x01` and a name begins one.

use indexmap::IndexMap;

/// The sections, in the order they were printed.
#[derive(Debug, Default)]
pub(super) struct Report(IndexMap<String, String>);

impl Report {
    /// Divides what the script printed.
    pub fn parse(text: &str) -> Self {
        let mut sections = IndexMap::new();
        for part in text.split("\n\u{1}").map(|part| part.strip_prefix('\u{1}').unwrap_or(part)) {
            let (name, body) = part.split_once('\n').unwrap_or((part, ""));
            sections.insert(name.to_string(), body.trim_end_matches('\n').to_string());
        }
        Self(sections)
    }

    /// A section's text, if the script found something for it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A section's text without space around it, if there is any.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A section's lines; none if it is not there.
    pub fn lines(&self, name: &str) -> std::str::Lines<'_> {
        self.get(name).unwrap_or("").lines()
    }

    /// Whether a path or program is there.
    pub fn has(&self, path: &str) -> bool {
        self.lines("there").any(|line| line == path)
    }

    /// The sections whose names begin so, with the rest of the name.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, body)| Some((name.strip_prefix(prefix)?, body.as_str())))
    }
}

/// The value of `KEY=value`, quotes taken off, in a file of such lines.
pub(super) fn assigned<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim().trim_matches(['"', '\'']))
}

/// The number at the start of a text.
pub(super) fn number(text: &str) -> Option<i64> {
    text.split_whitespace().next()?.parse().ok()
}
