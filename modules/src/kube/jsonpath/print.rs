//! Values as kubectl prints them: text as it is, numbers as Go has them, lists and mappings as JSON with sorted keys.

use serde_json::Value as Json;

/// What one part of a template found: values divided by spaces.
pub(super) fn line(found: &[Json]) -> String {
    found.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn text(value: &Json) -> String {
    match value {
        Json::Array(_) | Json::Object(_) => json(value),
        other => go(other),
    }
}

/// A value as Go's `%v` prints it.
pub(super) fn go(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Bool(word) => word.to_string(),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => shortest(float, 21),
            None => number.to_string(),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs = keys.iter().map(|key| format!("{key}:{}", map.get(*key).map(go).unwrap_or_default()));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
    }
}

/// A float with as few digits as say it; with an exponent where it is very big or small.
fn shortest(float: f64, most: i32) -> String {
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..most).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// JSON as Go writes it: keys in order, no spaces, and nothing that a page of HTML would mind.
fn json(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs = keys.iter().map(|key| {
                let value = map.get(*key).map(json).unwrap_or_default();
                format!("{}:{value}", quoted(key))
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Json::String(text) => quoted(text),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float != 0.0 && !(1e-6..1e21).contains(&float.abs()) => {
                shortest(float, 0).replace("e-0", "e-").replace("e+0", "e+")
            }
            Some(float) => float.to_string(),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let plain = Json::from(text).to_string();
    plain
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
