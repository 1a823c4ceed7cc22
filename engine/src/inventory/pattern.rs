//! Which hosts are meant: `web:&prod:!old`, `~regex`, `web[0:2]`. Text comes in, a [`Pattern`] goes out whose terms
//! stand in the order in which they count: unions, then intersections, then exclusions.
//! No text is refused when it is read: a term that means nothing is a [`BadPattern`] when it is asked.

use super::address;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

/// A pattern that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadPattern {
    /// What is wrong with it.
    pub message: String,
}

/// Terms of host names, groups, wildcards and regular expressions.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    pub(super) terms: Vec<Term>,
    text: String,
}

/// What a term does to the hosts found so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Union,
    Intersection,
    Exclusion,
}

/// One term of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub act: Act,
    /// Without its `&` or `!`.
    pub text: String,
    /// Without its subscript.
    pub name: String,
    pub matcher: Matcher,
    pub subscript: Option<Subscript>,
    /// It was written `[x-y]`.
    pub dashed: bool,
}

/// How names are compared.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Letter for letter.
    Exact,
    /// Wildcards or a regular expression; nothing matches one that does not compile.
    Regex(Box<Result<fancy_regex::Regex, String>>),
}

/// `[1]`, `[1:3]`, `[1:]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscript {
    One(i64),
    Range(usize, Option<usize>),
}

impl Pattern {
    /// The pattern of one text: terms separated by commas, or else by colons and spaces.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::of(split(text), text.trim())
    }

    /// The pattern of several texts, as a play's `hosts` may list them.
    pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<&str> = texts.into_iter().collect();
        Self::of(texts.iter().flat_map(|text| split(text)).collect(), &texts.join(","))
    }

    /// The pattern of `--limit`: as [`Pattern::parse`], and `@file` stands for the patterns on the file's lines.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn limit(text: &str) -> Result<Self, BadPattern> {
        let mut terms = vec![];
        for term in split(text) {
            let Some(file) = term.strip_prefix('@') else {
                terms.push(term);
                continue;
            };
            let bad =
                |why: String| BadPattern { message: format!("Unable to find limit file {file}: {why}") };
            if Path::new(file).is_dir() {
                let message = format!("Limit starting with \"@\" must be a file, not a directory: {file}");
                return Err(BadPattern { message });
            }
            let lines = std::fs::read_to_string(Path::new(file)).map_err(|error| bad(error.to_string()))?;
            terms.extend(lines.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
        }
        Ok(Self::of(terms, text.trim()))
    }

    fn of(terms: Vec<String>, text: &str) -> Self {
        let mut terms: Vec<Term> = terms.iter().map(|term| Term::parse(term)).collect();
        terms.sort_by_key(|term| term.act);
        // A pattern that only takes away takes away from everything.
        if terms.first().is_none_or(|term| term.act != Act::Union) {
            terms.insert(0, Term::parse("all"));
        }
        Self { terms, text: text.to_owned() }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The terms of a text, in the order they were written.
fn split(text: &str) -> Vec<String> {
    let parts: Vec<&str> = if text.contains(',') {
        text.split(',').collect()
    } else if address::parse(text, true).is_some() {
        vec![text]
    } else {
        words(text)
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Runs of letters other than colons and spaces; what is in brackets stays whole.
fn words(text: &str) -> Vec<&str> {
    static WORD: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"(?:[^\s:\[\]]|\[[^\]]*\])+").ok());
    WORD.as_ref().map(|word| word.find_iter(text).map(|found| found.as_str()).collect()).unwrap_or_default()
}

impl Term {
    fn parse(text: &str) -> Self {
        let (act, text) = match text.chars().next() {
            Some('&') => (Act::Intersection, text.get(1..).unwrap_or("")),
            Some('!') => (Act::Exclusion, text.get(1..).unwrap_or("")),
            _ => (Act::Union, text),
        };
        let (name, subscript, dashed) = subscript(text);
        Self {
            act,
            text: text.to_owned(),
            name: name.to_owned(),
            matcher: Matcher::of(name),
            subscript,
            dashed,
        }
    }
}

/// A name and the subscript behind it. A regular expression has none.
fn subscript(text: &str) -> (&str, Option<Subscript>, bool) {
    let none = (text, None, false);
    if text.starts_with('~') {
        return none;
    }
    let Some((name, inner)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) else {
        return none;
    };
    if name.is_empty() {
        return none;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let one = inner.strip_prefix('-').unwrap_or(inner);
    if digits(one) {
        return inner.parse().map_or(none, |index| (name, Some(Subscript::One(index)), false));
    }
    let Some((start, end)) = inner.split_once([':', '-']) else { return none };
    let Some(from) = digits(start).then(|| start.parse().unwrap_or(usize::MAX)) else { return none };
    let to = match end {
        "" => None,
        end if digits(end) => Some(end.parse().unwrap_or(usize::MAX)),
        _ => return none,
    };
    (name, Some(Subscript::Range(from, to)), inner.contains('-'))
}

impl Subscript {
    /// The part of a list it means.
    pub fn of<T>(self, list: Vec<T>) -> Vec<T> {
        let one = |at: usize, list: Vec<T>| list.into_iter().skip(at).take(1).collect();
        match self {
            Self::One(at) if at < 0 => {
                let back = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
                match list.len().checked_sub(back) {
                    Some(at) => one(at, list),
                    None => vec![],
                }
            }
            Self::One(at) => one(usize::try_from(at).unwrap_or(usize::MAX), list),
            // Ansible takes an end of 0 for none: `web[1:0]` is `web[1]`.
            Self::Range(from, Some(0)) => one(from, list),
            Self::Range(from, to) => {
                let end = to.map_or(usize::MAX, |to| to.saturating_add(1));
                list.into_iter().take(end).skip(from).collect()
            }
        }
    }
}

impl Matcher {
    fn of(name: &str) -> Self {
        let regex = |text: String| {
            Self::Regex(Box::new(fancy_regex::Regex::new(&text).map_err(|error| error.to_string())))
        };
        match name.strip_prefix('~') {
            Some(text) => regex(format!("^(?:{text})")),
            None if name.contains(['*', '?', '[']) => regex(wildcard(name)),
            None => Self::Exact,
        }
    }

    /// Whether a name matches; the term's own name is given for letter-for-letter comparison.
    pub fn matches(&self, own: &str, name: &str) -> bool {
        match self {
            Self::Exact => own == name,
            Self::Regex(regex) => {
                regex.as_ref().as_ref().is_ok_and(|regex| regex.is_match(name).unwrap_or(false))
            }
        }
    }
}

/// The regular expression of a shell wildcard.
fn wildcard(text: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => match class(rest) {
                Some((inner, after)) => {
                    let (not, inner) = inner.strip_prefix('!').map_or(("", inner), |inner| ("^", inner));
                    let mut escaped = String::new();
                    for c in inner.chars() {
                        if matches!(c, '\\' | '[' | ']' | '^' | '&' | '~') {
                            escaped.push('\\');
                        }
                        escaped.push(c);
                    }
                    regex.push_str(&format!("[{not}{escaped}]"));
                    rest = after;
                }
                None => regex.push_str("\\["),
            },
            c => regex.push_str(&fancy_regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex + "$"
}

/// The inside of a class whose `[` was read, and what follows its `]`.
fn class(rest: &str) -> Option<(&str, &str)> {
    // A `]` that comes first is a letter of the class.
    let skip = usize::from(rest.starts_with('!'));
    let skip = skip + usize::from(rest.get(skip..)?.starts_with(']'));
    let end = skip + rest.get(skip..)?.find(']')?;
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}
