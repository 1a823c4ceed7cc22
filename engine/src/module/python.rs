//! JSON values as Python shows them: `str`, `repr`, type names, `json.dumps`. Ansible's messages and its conversions to
//! text are made of these.

use serde_json::{Map, Value};

/// The name of a value's type.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// A value as `str()` gives it.
#[must_use]
pub fn str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => repr(value),
    }
}

/// A value as `repr()` gives it.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => crate::node::float_repr(float),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", quoted(key), repr(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() && u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// A value as `json.dumps` writes it: with blanks after `,` and `:`.
pub(super) fn dumps(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumps).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}: {}", dumps(&Value::from(key.as_str())), dumps(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => ascii(&Value::from(text.as_str()).to_string()),
        Value::Number(number) if number.is_f64() => repr(value),
        _ => value.to_string(),
    }
}

/// JSON text with everything beyond ASCII escaped.
#[must_use]
pub fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// A mapping written as a Python literal; nothing if it is not one.
pub(super) fn dict_literal(text: &str) -> Option<Map<String, Value>> {
    let mut json = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let used = match (c, rest.get(..word)?) {
            ('\'' | '"', _) => {
                let (string, used) = string_literal(rest, c)?;
                json.push_str(&Value::from(string).to_string());
                used
            }
            (_, "") => {
                json.push(match c {
                    '(' => '[',
                    ')' => ']',
                    other => other,
                });
                c.len_utf8()
            }
            (_, "True") => push(&mut json, "true", word),
            (_, "False") => push(&mut json, "false", word),
            (_, "None") => push(&mut json, "null", word),
            (_, other) if c.is_ascii_digit() => push(&mut json, other, word),
            _ => return None,
        };
        rest = rest.get(used..)?;
    }
    serde_json::from_str(&json).ok()
}

fn push(json: &mut String, text: &str, used: usize) -> usize {
    json.push_str(text);
    used
}

/// The string that begins a text, and how many bytes it takes with its quotes.
fn string_literal(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                c @ ('\\' | '\'' | '"') => out.push(c),
                _ => return None,
            },
            c if c == quote => return Some((out, at + 1)),
            c => out.push(c),
        }
    }
    None
}
