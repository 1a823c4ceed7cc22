//! YAML in and out. Objects go out with sorted keys in block style, as the server writes them.

use serde_json::Value;

/// Reads one YAML document, which may be JSON.
pub fn read(source: &str) -> Result<Value, String> {
    serde_saphyr::from_str(source).map_err(|error| error.to_string())
}

/// Reads every document of a text, or the JSON it is; empty documents are left out.
pub fn documents(source: &str) -> Result<Vec<Value>, String> {
    if source.trim_start().starts_with('{') {
        return serde_json::from_str(source).map(|value| vec![value]).map_err(|error| error.to_string());
    }
    let all: Vec<Value> = serde_saphyr::from_multiple(source).map_err(|error| error.to_string())?;
    Ok(all.into_iter().filter(|value| !value.is_null()).collect())
}

/// Writes a value as a YAML document.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                out.push_str(&indent);
                out.push_str(&scalar(key));
                out.push(':');
                entry(map.get(key).unwrap_or(&Value::Null), depth, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for item in list {
                let mut inner = String::new();
                match item {
                    Value::Object(map) if !map.is_empty() => block(item, depth + 1, &mut inner),
                    Value::Array(items) if !items.is_empty() => block(item, depth + 1, &mut inner),
                    other => inner = format!("{indent}  {}\n", flat(other)),
                }
                // The first line of the item stands behind its dash.
                out.push_str(&indent);
                out.push_str("- ");
                out.push_str(inner.get(indent.len() + 2..).unwrap_or_default());
            }
        }
        other => {
            out.push_str(&indent);
            out.push_str(&flat(other));
            out.push('\n');
        }
    }
}

fn entry(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        Value::String(text) if text.contains('\n') => {
            let end = if text.ends_with('\n') { "" } else { "-" };
            out.push_str(&format!(" |{end}\n"));
            for line in text.lines() {
                if !line.is_empty() {
                    out.push_str(&"  ".repeat(depth + 1));
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        other => {
            out.push(' ');
            out.push_str(&flat(other));
            out.push('\n');
        }
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A text that reads back as that text: quoted where it would be taken for something else.
fn scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.starts_with(|first: char| {
            first.is_whitespace() || "-?:,[]{}#&*!|>'\"%@`=~.+".contains(first) || first.is_ascii_digit()
        })
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(|inner: char| inner.is_control())
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
        );
    let path = text.starts_with('.') && text.len() > 2 && !text.contains(": ") && text.starts_with("./");
    if plain || path || is_word_with_digit(text) {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

/// A text such as `10.0.0.1` or a uid: it begins with a digit and still is no number and no time.
fn is_word_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|found| found.is_ascii_alphanumeric() || ".-/_".contains(found))
        && (text.contains(|found: char| found.is_ascii_alphabetic() && !"eExXoObB".contains(found))
            || text.matches('.').count() > 1)
        && !text.ends_with('Z')
}
