//! Methods of strings.

use crate::template::arguments::{Args, items};
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::{Tuple, ValueKind};

/// A method of a string; nothing if there is none of that name.
pub fn call(text: &str, name: &str, args: &Args) -> Result<Option<Value>, Error> {
    if let Some(changed) = changed(text, name, args)? {
        return Ok(Some(Value::from(changed)));
    }
    if let Some(answer) = is(text, name) {
        return Ok(Some(Value::from(answer)));
    }
    let lines = |text: &str| Value::from(lines(text, args.truth(0, "keepends", false)));
    Ok(Some(match name {
        "split" => Value::from(split(text, args, false)?),
        "rsplit" => Value::from(split(text, args, true)?),
        "splitlines" => lines(text),
        "partition" | "rpartition" => {
            let by = args.need_text(0, "sep")?;
            let first = name == "partition";
            let parts = match if first { text.split_once(&by) } else { text.rsplit_once(&by) } {
                Some((before, after)) => [before, &by, after],
                None if first => [text, "", ""],
                None => ["", "", text],
            };
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        "startswith" | "endswith" => {
            let (wanted, part) = (args.need(0, "prefix")?, sliced(text, args, 1)?);
            let test = |with: &Value| match (with.as_str(), name) {
                (Some(with), "startswith") => Ok(part.starts_with(with)),
                (Some(with), _) => Ok(part.ends_with(with)),
                (None, _) => {
                    let kind = python::type_name(with);
                    Err(fault::error(format!("{name} first arg must be str or a tuple of str, not {kind}")))
                }
            };
            Value::from(match wanted.is_tuple() {
                true => items(&wanted)?.iter().map(test).collect::<Result<Vec<_>, _>>()?.contains(&true),
                false => test(&wanted)?,
            })
        }
        "find" | "rfind" | "index" | "rindex" => {
            let wanted = args.need_text(0, "sub")?;
            let skip = usize::try_from(args.int(1, "start")?.unwrap_or(0)).unwrap_or(0);
            let from = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
            let part = text.get(from..).unwrap_or("");
            let found = if name.starts_with('r') { part.rfind(&wanted) } else { part.find(&wanted) };
            let at = found.and_then(|at| text.get(..from + at)).map(|before| before.chars().count());
            match at {
                Some(at) => Value::from(at),
                None if name.ends_with("find") => Value::from(-1),
                None => return Err(fault::error("substring not found")),
            }
        }
        "count" => {
            let wanted = args.need_text(0, "sub")?;
            let part = sliced(text, args, 1)?;
            Value::from(match wanted.is_empty() {
                true => part.chars().count() + 1,
                false => part.matches(&wanted).count(),
            })
        }
        "join" => {
            let piece = |item: &Value| match item.kind() {
                ValueKind::String => python::text(item),
                _ => {
                    let kind = python::type_name(item);
                    Err(fault::error(format!("sequence item: expected str instance, {kind} found")))
                }
            };
            let all = items(&args.need(0, "iterable")?)?;
            Value::from(all.iter().map(piece).collect::<Result<Vec<_>, _>>()?.join(text))
        }
        "format" => Value::from(python::format(text, &args.given, &Value::from_pairs(args.pairs()))?),
        "format_map" => Value::from(python::format(text, &[], &args.need(0, "mapping")?)?),
        "encode" => Value::from_bytes(text.as_bytes().to_vec()),
        _ => return Ok(None),
    }))
}

/// Methods that give other text.
fn changed(text: &str, name: &str, args: &Args) -> Result<Option<String>, Error> {
    let width = || args.int(0, "width").map(|width| usize::try_from(width.unwrap_or(0)).unwrap_or(0));
    let size = text.chars().count();
    let fill =
        || args.text(1, "fillchar").map(|fill| fill.and_then(|fill| fill.chars().next()).unwrap_or(' '));
    let pad = |count: usize| fill().map(|fill| fill.to_string().repeat(count));
    let chars = || args.text(0, "chars");
    let strip = |left: bool, right: bool| {
        let chars = chars()?;
        let cut = |c: char| chars.as_ref().map_or(c.is_whitespace(), |chars| chars.contains(c));
        let text = if left { text.trim_start_matches(cut) } else { text };
        Ok::<_, Error>(if right { text.trim_end_matches(cut) } else { text }.to_string())
    };
    Ok(Some(match name {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "capitalize" => capitalized(text),
        "title" => titled(text),
        "swapcase" => {
            let swap = |c: char| match c.is_uppercase() {
                true => c.to_lowercase().collect::<String>(),
                false => c.to_uppercase().collect(),
            };
            text.chars().map(swap).collect()
        }
        "strip" => strip(true, true)?,
        "lstrip" => strip(true, false)?,
        "rstrip" => strip(false, true)?,
        "replace" => {
            let (old, new) = (args.need_text(0, "old")?, args.need_text(1, "new")?);
            match args.int(2, "count")?.and_then(|count| usize::try_from(count).ok()) {
                Some(count) => text.replacen(&old, &new, count),
                None => text.replace(&old, &new),
            }
        }
        "removeprefix" => text.strip_prefix(&args.need_text(0, "prefix")?).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(&args.need_text(0, "suffix")?).unwrap_or(text).into(),
        "zfill" => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            format!("{sign}{}{digits}", "0".repeat(width()?.saturating_sub(size)))
        }
        "ljust" => text.to_string() + &pad(width()?.saturating_sub(size))?,
        "rjust" => pad(width()?.saturating_sub(size))? + text,
        "center" => centered(text, width()?, fill()?),
        "expandtabs" => {
            let size = usize::try_from(args.int(0, "tabsize")?.unwrap_or(8)).unwrap_or(0);
            let mut out = String::new();
            let mut column = 0;
            for c in text.chars() {
                match c {
                    '\t' if size > 0 => {
                        let blanks = size - column % size;
                        out += &" ".repeat(blanks);
                        column += blanks;
                    }
                    '\t' => {}
                    c => {
                        column = if c == '\n' { 0 } else { column + 1 };
                        out.push(c);
                    }
                }
            }
            out
        }
        _ => return Ok(None),
    }))
}

/// Methods that say what text is made of.
fn is(text: &str, name: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased =
        |never: fn(char) -> bool, once: fn(char) -> bool| !text.chars().any(never) && text.chars().any(once);
    Some(match name {
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => text.is_ascii(),
        "islower" => cased(char::is_uppercase, char::is_lowercase),
        "isupper" => cased(char::is_lowercase, char::is_uppercase),
        "istitle" => text.chars().any(char::is_alphabetic) && titled(text) == text,
        "isprintable" => !text.chars().any(char::is_control),
        "isidentifier" => {
            all(|c| c.is_alphanumeric() || c == '_') && !text.starts_with(|c: char| c.is_numeric())
        }
        _ => return None,
    })
}

/// `str.capitalize`.
pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &chars.as_str().to_lowercase()
}

fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// `str.center`.
pub fn centered(text: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    let pad = |count: usize| fill.to_string().repeat(count);
    format!("{}{text}{}", pad(left), pad(missing - left))
}

/// The part between two optional positions.
fn sliced<'t>(text: &'t str, args: &Args, at: usize) -> Result<&'t str, Error> {
    let size = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let place = |position: i64| {
        let position = if position < 0 { (size + position).max(0) } else { position.min(size) };
        let nth = usize::try_from(position).unwrap_or(0);
        text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at)
    };
    let start = place(args.int(at, "start")?.unwrap_or(0));
    let end = place(args.int(at + 1, "end")?.unwrap_or(size));
    Ok(text.get(start..end).unwrap_or(""))
}

fn split(text: &str, args: &Args, right: bool) -> Result<Vec<Value>, Error> {
    let most = args.int(1, "maxsplit")?.and_then(|most| usize::try_from(most).ok());
    let by = args.text(0, "sep")?;
    if by.as_deref() == Some("") {
        return Err(fault::error("empty separator"));
    }
    let mut parts: Vec<String> = match (&by, most, right) {
        (Some(by), None, _) => text.split(by.as_str()).map(String::from).collect(),
        (Some(by), Some(most), false) => text.splitn(most + 1, by.as_str()).map(String::from).collect(),
        (Some(by), Some(most), true) => text.rsplitn(most + 1, by.as_str()).map(String::from).collect(),
        (None, None, _) => text.split_whitespace().map(String::from).collect(),
        (None, Some(most), false) => {
            let (mut out, mut rest) = (vec![], text.trim_start());
            while out.len() < most && !rest.is_empty() {
                let (word, tail) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                out.push(word.to_string());
                rest = tail.trim_start();
            }
            if !rest.is_empty() {
                out.push(rest.into());
            }
            out
        }
        (None, Some(most), true) => {
            let (mut out, mut rest) = (vec![], text.trim_end());
            while out.len() < most && !rest.is_empty() {
                let cut = rest.char_indices().rev().find(|(_, c)| c.is_whitespace());
                let (tail, word) = rest.split_at(cut.map_or(0, |(at, c)| at + c.len_utf8()));
                out.push(word.to_string());
                rest = tail.trim_end();
            }
            if !rest.is_empty() {
                out.push(rest.into());
            }
            out
        }
    };
    if right && most.is_some() {
        parts.reverse();
    }
    Ok(parts.into_iter().map(Value::from).collect())
}

/// Lines as Python splits them.
fn lines(text: &str, ends: bool) -> Vec<Value> {
    let mut out = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let at =
            rest.find(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(at);
        let mark = match tail {
            tail if tail.starts_with("\r\n") => 2,
            tail => tail.chars().next().map_or(0, char::len_utf8),
        };
        let (mark, tail) = tail.split_at(mark);
        out.push(Value::from(if ends { format!("{line}{mark}") } else { line.into() }));
        rest = tail;
    }
    out
}
