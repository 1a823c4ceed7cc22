//! Python's `str.format`. A format with `{}` fields and the arguments come in, text goes out.

use super::printf::{Directive, real};
use super::{repr, text};
use crate::template::fault;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

/// Formats as `format.format(*positional, **named)` does.
///
/// # Errors
/// A field names no argument, or its specification does not fit.
pub fn format(format: &str, positional: &[Value], named: &Value) -> Result<String, Error> {
    let mut next = 0;
    fields(format, positional, named, &mut next, 0)
}

fn fields(
    format: &str,
    positional: &[Value],
    named: &Value,
    next: &mut usize,
    depth: usize,
) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if after.starts_with("{{") || after.starts_with("}}") {
            out.push_str(after.get(..1).unwrap_or(""));
            rest = after.get(2..).unwrap_or("");
            continue;
        }
        if after.starts_with('}') {
            return Err(fault::error("Single '}' encountered in format string"));
        }
        let inside = after.get(1..).unwrap_or("");
        let Some(stop) = closing(inside) else {
            return Err(fault::error("Single '{' encountered in format string"));
        };
        let (field, tail) = inside.split_at(stop);
        rest = tail.get(1..).unwrap_or("");
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
        let mut value = argument(name, positional, named, next)?;
        match conversion {
            "r" => value = Value::from(repr(&value)),
            "s" => value = Value::from(text(&value)?),
            _ => {}
        }
        let spec = match spec.contains('{') && depth < 2 {
            true => fields(spec, positional, named, next, depth + 1)?,
            false => spec.to_string(),
        };
        out.push_str(&specified(&value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the field ends: the first `}` outside of nested fields.
fn closing(inside: &str) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn argument(name: &str, positional: &[Value], named: &Value, next: &mut usize) -> Result<Value, Error> {
    let cut = name.find(['.', '[']).unwrap_or(name.len());
    let (root, mut path) = name.split_at(cut);
    let mut value = if root.is_empty() {
        *next += 1;
        positional.get(*next - 1).cloned()
    } else if let Ok(index) = root.parse::<usize>() {
        positional.get(index).cloned()
    } else {
        let value = named.get_item(&Value::from(root)).unwrap_or_default();
        if value.is_undefined() {
            return Err(fault::error(format!("'{root}'")));
        }
        Some(value)
    }
    .ok_or_else(|| {
        fault::error(format!(
            "Replacement index {} out of range for positional args tuple",
            next.saturating_sub(1)
        ))
    })?;
    while !path.is_empty() {
        let key;
        (key, path) = match path.strip_prefix('[') {
            Some(index) => {
                let (key, rest) = index.split_once(']').unwrap_or((index, ""));
                (key.parse::<i64>().map_or_else(|_| Value::from(key), Value::from), rest)
            }
            None => {
                let path = path.get(1..).unwrap_or("");
                let stop = path.find(['.', '[']).unwrap_or(path.len());
                let (key, rest) = path.split_at(stop);
                (Value::from(key), rest)
            }
        };
        let found = fault::valid(value.get_item(&key)?)?;
        if found.is_undefined() {
            return Err(fault::undefined(fault::missing_key(&value, &key)));
        }
        value = found;
    }
    Ok(value)
}

/// A value under a format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`.
fn specified(value: &Value, spec: &str) -> Result<String, Error> {
    let mut chars: Vec<char> = spec.chars().collect();
    let (mut fill, mut align) = (' ', None);
    match chars.as_slice() {
        [with, to, ..] if "<>^=".contains(*to) => {
            (fill, align) = (*with, Some(*to));
            chars.drain(..2);
        }
        [to, ..] if "<>^=".contains(*to) => {
            align = Some(*to);
            chars.remove(0);
        }
        _ => {}
    }
    let mut chars = chars.into_iter().peekable();
    let mut directive = Directive::default();
    match chars.next_if(|c| "+- ".contains(*c)) {
        Some('+') => directive.plus = true,
        Some(' ') => directive.space = true,
        _ => {}
    }
    directive.alternate = chars.next_if_eq(&'#').is_some();
    if chars.next_if_eq(&'0').is_some() && align.is_none() {
        (fill, align) = ('0', Some('='));
    }
    let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
    let width: usize = digits.parse().unwrap_or(0);
    let group = chars.next_if(|c| ",_".contains(*c));
    if chars.next_if_eq(&'.').is_some() {
        let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
        directive.precision = digits.parse().ok();
    }
    let numeric =
        matches!(value.kind(), ValueKind::Number) || (value.kind() == ValueKind::Bool && !spec.is_empty());
    let kind =
        chars.next().unwrap_or(match (numeric, value.is_integer() || value.kind() == ValueKind::Bool) {
            (true, true) => 'd',
            (true, false) if directive.precision.is_some() => 'g',
            _ => 's',
        });
    let body = match kind {
        's' if numeric => super::repr(value),
        'b' => binary(value),
        '%' => {
            let number = super::number(value).and_then(|n| f64::try_from(n).ok()).unwrap_or(0.0) * 100.0;
            let sign = if number < 0.0 { "-" } else { "" };
            format!("{sign}{}%", real(number.abs(), 'f', directive.precision.unwrap_or(6)))
        }
        _ => directive.write(kind, value)?,
    };
    let body = group.map_or(body.clone(), |mark| grouped(&body, mark));
    let missing = width.saturating_sub(body.chars().count());
    let pad = |count: usize| fill.to_string().repeat(count);
    Ok(match align.unwrap_or(if numeric { '>' } else { '<' }) {
        '<' => body + &pad(missing),
        '^' => format!("{}{body}{}", pad(missing / 2), pad(missing - missing / 2)),
        '=' => {
            let (sign, digits) = body.split_at(usize::from(body.starts_with(['-', '+', ' '])));
            format!("{sign}{}{digits}", pad(missing))
        }
        _ => pad(missing) + &body,
    })
}

fn binary(value: &Value) -> String {
    let number = value.as_i64().unwrap_or(0);
    format!("{}{:b}", if number < 0 { "-" } else { "" }, number.unsigned_abs())
}

/// Digits before the point in groups of three.
fn grouped(body: &str, mark: char) -> String {
    let (sign, digits) = body.split_at(usize::from(body.starts_with(['-', '+', ' '])));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(c);
    }
    format!("{sign}{out}{fraction}")
}
