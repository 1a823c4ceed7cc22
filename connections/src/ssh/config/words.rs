//! Words, patterns, tokens and times as ssh_config writes them. Pure: text in, values out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A line's keyword in lower case and the rest of the line.
pub(crate) fn keyword(line: &str) -> Option<(String, &str)> {
    let line = line.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{c}');
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').map_or(rest, str::trim_start);
    Some((word.trim_matches('"').to_ascii_lowercase(), rest))
}

/// Splits into words: quotes group, a backslash escapes a quote, a backslash or (outside quotes) a space, and a `#`
/// at the beginning of a word ends the line. None when a quote does not end.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        match chars.peek() {
            None | Some('#') => return Some(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        loop {
            match chars.next() {
                None if quote.is_some() => return None,
                None => break,
                Some('\\') => match chars.peek() {
                    Some(&next @ ('\'' | '"' | '\\')) => {
                        word.push(next);
                        chars.next();
                    }
                    Some(' ') if quote.is_none() => {
                        word.push(' ');
                        chars.next();
                    }
                    _ => word.push('\\'),
                },
                Some(' ' | '\t') if quote.is_none() => break,
                Some(c @ ('"' | '\'')) if quote.is_none() => quote = Some(c),
                Some(c) if quote == Some(c) => quote = None,
                Some(c) => word.push(c),
            }
        }
        words.push(word);
    }
}

/// Whether a text matches one pattern of `*` and `?`.
pub(crate) fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                t += 1;
                p += 1;
            }
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, t) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Whether a text matches a comma list of patterns; a negated pattern that matches forbids.
pub(crate) fn matches_list(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text, negated) => return false,
            Some(_) => {}
            None => found |= matches(text, pattern),
        }
    }
    found
}

/// The values of `%x` tokens.
pub(crate) type Tokens = HashMap<char, String>;

/// Replaces `%x` tokens; `Err` names one that is unknown here.
pub(crate) fn expand(text: &str, tokens: &Tokens) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some(key) => match tokens.get(&key) {
                Some(value) => out.push_str(value),
                None => return Err(format!("`%{key}` has no meaning in `{text}`")),
            },
            None => return Err(format!("`{text}` ends with a lone `%`")),
        }
    }
    Ok(out)
}

/// Replaces `${NAME}` from the environment; `Err` names one that is not set.
pub(crate) fn expand_environment(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("`{text}` has a `${{` without a `}}`"));
        };
        out.push_str(before);
        let value = std::env::var(name)
            .map_err(|_| format!("the environment variable {name} in `{text}` is not set"))?;
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A path with `~` replaced by the home directory.
pub(crate) fn tilde(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// A time: seconds, or numbers with s, m, h, d, w.
pub(crate) fn time(text: &str) -> Option<Duration> {
    let mut total = 0u64;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let factor = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        number.clear();
    }
    if !number.is_empty() {
        total = total.checked_add(number.parse().ok()?)?;
    }
    (!text.is_empty()).then(|| Duration::from_secs(total))
}
