//! Filters by regular expression, with Python's syntax and replacements. A text and a pattern come in; what matches or
//! the changed text goes out. Patterns are compiled once per process, and backtracking has a limit.

use super::Table;
use crate::template::arguments::Args;
use crate::template::{Value, fault, python};
use fancy_regex::{Captures, Regex, RegexBuilder};
use minijinja::{Error, State};
use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

pub const TABLE: Table = &[
    ("regex_search", search),
    ("regex_findall", findall),
    ("regex_replace", replace),
    ("regex_escape", escape),
];

/// `re.IGNORECASE` and `re.MULTILINE`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags {
    pub ignorecase: bool,
    pub multiline: bool,
}

/// A Python pattern, compiled.
///
/// # Errors
/// It is no pattern.
pub fn regex(pattern: &str, flags: Flags) -> Result<Regex, Error> {
    type Shelf = RwLock<HashMap<(String, Flags), Regex>>;
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    let shelf = SHELF.get_or_init(Shelf::default);
    let key = (pattern.to_string(), flags);
    if let Some(found) = shelf.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(found.clone());
    }
    let lead = match (flags.ignorecase, flags.multiline) {
        (true, true) => "(?im)",
        (true, false) => "(?i)",
        (false, true) => "(?m)",
        (false, false) => "",
    };
    let made = RegexBuilder::new(&format!("{lead}{}", translated(pattern, flags.multiline)))
        .backtrack_limit(2_000_000)
        .build()
        .map_err(|error| fault::error(format!("invalid regular expression: {error}")))?;
    shelf.write().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
    Ok(made)
}

/// What Python writes otherwise: `\Z` is the very end, `$` is also before a last newline, `(?P=name)` a reference.
fn translated(pattern: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !class => out.push_str(r"\z"),
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '[' if !class => {
                class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' => out.push_str("\\["),
            '&' | '~' if class && chars.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            '$' if !class && !multiline => out.push_str(r"(?=\n?\z)"),
            c => out.push(c),
        }
    }
    out
}

fn flags(args: &Args, at: usize) -> Flags {
    Flags {
        multiline: args.truth(at, "multiline", false),
        ignorecase: args.truth(at + 1, "ignorecase", false),
    }
}

fn broke(error: fancy_regex::Error) -> Error {
    fault::error(format!("the regular expression gave up: {error}"))
}

fn group(captures: &Captures<'_, str>, index: usize) -> Value {
    captures.get(index).map_or(Value::from(()), |found| Value::from(found.as_str()))
}

fn search(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let named = |name: &str| args.named(name).is_some_and(|value| value.is_true());
    let flags = Flags { ignorecase: named("ignorecase"), multiline: named("multiline") };
    let regex = regex(&args.need_text(0, "regex")?, flags)?;
    let found = regex.captures(text.as_str()).map_err(broke)?;
    let wanted: Vec<String> = args.given.iter().skip(1).map(python::text).collect::<Result<_, _>>()?;
    // What the groups are called is looked at first, whether anything is found or not.
    let wanted = wanted.iter().map(|name| Wanted::read(name)).collect::<Result<Vec<_>, _>>()?;
    let Some(captures) = found else { return Ok(Value::from(())) };
    if wanted.is_empty() {
        return Ok(group(&captures, 0));
    }
    let mut out = vec![];
    for wanted in wanted {
        let found = match wanted {
            Wanted::Number(index) if index < captures.len() => group(&captures, index),
            Wanted::Name(name) if regex.capture_names().flatten().any(|known| known == name) => {
                captures.name(name).map_or(Value::from(()), |found| Value::from(found.as_str()))
            }
            _ => return Err(fault::error("no such group")),
        };
        out.push(found);
    }
    Ok(Value::from(out))
}

/// A group that is asked for: `\\1`, `\\g<1>` or `\\g<name>`.
enum Wanted<'a> {
    Number(usize),
    Name(&'a str),
}

impl<'a> Wanted<'a> {
    fn read(name: &'a str) -> Result<Self, Error> {
        let unreadable = || fault::error("'NoneType' object has no attribute 'group'");
        if let Some(rest) = name.strip_prefix("\\g") {
            let bare =
                rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).ok_or_else(unreadable)?;
            return Ok(bare.parse().map_or(Self::Name(bare), Self::Number));
        }
        let Some(number) = name.strip_prefix('\\') else { return Err(fault::error("Unknown argument")) };
        number.parse().map(Self::Number).map_err(|_| unreadable())
    }
}

fn findall(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let regex = regex(&args.need_text(0, "regex")?, flags(args, 1))?;
    let empty = |captures: &Captures<'_, str>, i: usize| {
        Value::from(captures.get(i).map_or("", |found| found.as_str()))
    };
    let each = regex.captures_iter(text.as_str()).map(|captures| {
        let captures = captures.map_err(broke)?;
        Ok(match captures.len() {
            1 => empty(&captures, 0),
            2 => empty(&captures, 1),
            groups => {
                let all: Vec<Value> = (1..groups).map(|i| empty(&captures, i)).collect();
                Value::from(minijinja::value::Tuple::from(all))
            }
        })
    });
    each.collect::<Result<Vec<_>, Error>>().map(Value::from)
}

fn replace(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let pattern = args.text(0, "pattern")?.unwrap_or_default();
    let with = args.text(1, "replacement")?.unwrap_or_default();
    let flags = Flags {
        ignorecase: args.truth(2, "ignorecase", false),
        multiline: args.truth(3, "multiline", false),
    };
    let most = args.int(4, "count")?.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let needed = usize::try_from(args.int(5, "mandatory_count")?.unwrap_or(0)).unwrap_or(0);
    let regex = regex(&pattern, flags)?;
    let (mut out, mut at, mut count) = (String::new(), 0, 0);
    for captures in regex.captures_iter(text.as_str()) {
        let captures = captures.map_err(broke)?;
        let Some(whole) = captures.get(0) else { break };
        if most.is_some_and(|most| count >= most) {
            break;
        }
        out.push_str(text.get(at..whole.start()).unwrap_or(""));
        expand(&mut out, &with, &captures)?;
        at = whole.end();
        count += 1;
    }
    if count < needed {
        return Err(fault::error(format!(
            "'{pattern}' should match {needed} times, but matches {count} times in '{text}'"
        )));
    }
    out.push_str(text.get(at..).unwrap_or(""));
    Ok(Value::from(out))
}

/// A Python replacement: `\1`, `\g<1>`, `\g<name>` and the usual escapes.
fn expand(out: &mut String, with: &str, captures: &Captures<'_, str>) -> Result<(), Error> {
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let mut number = String::from(digit);
                number.extend(chars.next_if(char::is_ascii_digit));
                let index: usize = number.parse().unwrap_or(0);
                if index >= captures.len() {
                    return Err(fault::error(format!("invalid group reference {index} at position 1")));
                }
                out.push_str(captures.get(index).map_or("", |found| found.as_str()));
            }
            Some('g') if chars.next_if_eq(&'<').is_some() => {
                let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '>')).collect();
                chars.next();
                let found = match name.parse::<usize>() {
                    Ok(index) => captures.get(index),
                    Err(_) => captures.name(&name),
                };
                out.push_str(found.map_or("", |found| found.as_str()));
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(other) if other.is_ascii_alphabetic() => {
                return Err(fault::error(format!("bad escape \\{other} at position 0")));
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => return Err(fault::error("bad escape (end of pattern) at position 0")),
        }
    }
    Ok(())
}

fn escape(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let special = match args.text(0, "re_type")?.as_deref() {
        None | Some("python") => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        Some("posix_basic") => "].[^$*\\",
        Some(other) => return Err(fault::error(format!("Invalid regex type ({other})"))),
    };
    let mut out = String::new();
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Value::from(out))
}
