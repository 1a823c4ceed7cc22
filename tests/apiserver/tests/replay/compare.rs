//! What counts as the same answer: status and telling headers, refusals word for word, everything else by shape: the same keys
//! with values of the same type. What differs from run to run (uids, times, revisions) may differ.

use serde_json::Value;

use crate::history::Recording;
use crate::wire::Answer;

/// How an answer differs from the recorded one.
pub fn differences(recording: &Recording, answer: &Answer) -> Vec<String> {
    let wanted = &recording.response;
    let mut found = Vec::new();
    if answer.status != wanted.status {
        found.push(format!(
            "status {} where {} was recorded: {}",
            answer.status,
            wanted.status,
            short(&answer.body)
        ));
        return found;
    }
    for header in [
        "content-type",
        "retry-after",
        "warning",
        "x-content-type-options",
        "cache-control",
        "sec-websocket-protocol",
    ] {
        let own = answer.headers.iter().find(|(key, _)| key == header).map(|(_, value)| value.as_str());
        let recorded = wanted.headers.get(header).and_then(Value::as_str);
        if own != recorded {
            found.push(format!("header {header} is {own:?}, was {recorded:?}"));
        }
    }
    let trimmed = recording.note.contains("trimmed");
    if wanted.status == 101 {
        return found;
    }
    if wanted.body.get("kind").is_some_and(|kind| kind == "Status") || wanted.status >= 400 {
        refusal(&wanted.body, &answer.body, &mut found);
    } else if let (Value::String(one), Value::String(other)) = (&wanted.body, &answer.body) {
        if one.trim() != other.trim() && !recording.name.starts_with("health/") {
            found.push(format!("text is {other:?}, was {one:?}"));
        }
    } else {
        shape(&wanted.body, &answer.body, "", trimmed, &mut found);
    }
    found.truncate(6);
    found
}

/// Refusals are compared word for word, but for what names a revision or lists what changed.
fn refusal(wanted: &Value, own: &Value, found: &mut Vec<String>) {
    let plain = |value: &Value| {
        let text = value.to_string();
        let text =
            text.split("\\n@@").next().unwrap_or_default().split("\\n  changed").next().unwrap_or_default();
        numbers(text)
    };
    if plain(wanted) == plain(own) {
        return;
    }
    for key in ["kind", "apiVersion", "status", "reason", "code", "message", "details", "metadata"] {
        let (one, other) = (wanted.get(key), own.get(key));
        let same = one.map(plain) == other.map(plain);
        if !same {
            found.push(format!(
                "{key} is {}, was {}",
                other.map_or_else(|| "absent".to_owned(), short),
                one.map_or_else(|| "absent".to_owned(), short)
            ));
        }
    }
    if !wanted.is_object() && wanted != own {
        found.push(format!("text is {}, was {}", short(own), short(wanted)));
    }
}

/// A text with its long numbers and ids taken out.
fn numbers(text: &str) -> String {
    let mut out = String::new();
    let mut digits = 0;
    for found in text.chars() {
        if found.is_ascii_digit() {
            digits += 1;
            if digits > 2 {
                continue;
            }
        } else {
            digits = 0;
        }
        out.push(found);
    }
    out
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(400).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

fn shape(wanted: &Value, own: &Value, path: &str, trimmed: bool, found: &mut Vec<String>) {
    match (wanted, own) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                match other.get(key) {
                    Some(own) => shape(value, own, &format!("{path}.{key}"), trimmed, found),
                    None => found.push(format!("{path}.{key} is missing, was {}", short(value))),
                }
            }
            for (key, value) in other.iter().filter(|(key, _)| !one.contains_key(*key)) {
                // The recordings leave managedFields out, and trimmed ones more than that.
                if key != "managedFields" && !trimmed {
                    found.push(format!("{path}.{key} was not there: {}", short(value)));
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => list(one, other, path, trimmed, found),
        _ if kind(wanted) != kind(own) => {
            found.push(format!("{path} is {}, was {}", short(own), short(wanted)))
        }
        (Value::String(one), Value::String(other))
            if path.contains(".cells[") && one != other && !is_age(one) =>
        {
            found.push(format!("{path} is {other:?}, was {one:?}"));
        }
        (Value::String(one), Value::String(other))
            if EXACT.iter().any(|exact| path.ends_with(exact)) && one != other =>
        {
            found.push(format!("{path} is {other:?}, was {one:?}"));
        }
        (Value::Bool(_) | Value::Number(_), _) if one_of(path) && wanted != own => {
            found.push(format!("{path} is {own}, was {wanted}"));
        }
        _ => {}
    }
}

/// Texts that have to be the same and not just be texts.
const EXACT: &[&str] = &[
    ".kind",
    ".apiVersion",
    ".type",
    ".phase",
    ".reason",
    ".metadata.namespace",
    ".groupVersion",
    ".effect",
];

/// Numbers and truths that have to be the same.
fn one_of(path: &str) -> bool {
    [
        ".allowed",
        ".unschedulable",
        ".replicas",
        ".disruptionsAllowed",
        ".remainingItemCount",
        ".generation",
        ".deletionGracePeriodSeconds",
    ]
    .iter()
    .any(|exact| path.ends_with(exact))
}

/// Whether a cell tells how long ago something was.
fn is_age(cell: &str) -> bool {
    let ago = cell.ends_with("ago)");
    let units = |found: char| found.is_ascii_digit() || "smhdy".contains(found);
    ago || (cell.starts_with(|found: char| found.is_ascii_digit()) && cell.chars().all(units))
}

fn list(one: &[Value], other: &[Value], path: &str, trimmed: bool, found: &mut Vec<String>) {
    let whole = !trimmed || path.is_empty();
    let discovery = path.ends_with(".groups") || path.ends_with(".paths");
    if discovery {
        return;
    }
    if one.len() != other.len() && whole {
        found.push(format!("{path} has {} items, was {}", other.len(), one.len()));
        return;
    }
    for (index, (wanted, own)) in one.iter().zip(other).enumerate() {
        shape(wanted, own, &format!("{path}[{index}]"), trimmed, found);
    }
}
