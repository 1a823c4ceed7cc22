//! Tables, which the server prints for kubectl: columns by resource from `columns.json`, cells computed from the objects. A
//! resource without columns of its own has its name and age.

mod cells;
mod pod;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::metadata_only;
use crate::object::{items, name, text};
use crate::resource::Resource;

type Columns = Vec<(String, String, String, u8)>;

static COLUMNS: LazyLock<BTreeMap<String, Columns>> =
    LazyLock::new(|| serde_json::from_str(include_str!("columns.json")).unwrap_or_default());

/// The Table of an object or of a list; `with` is what the query said of `includeObject`.
#[must_use]
pub fn of(resource: &Resource, body: &Value, with: &str) -> Value {
    let (metadata, objects) = match body.get("items").and_then(Value::as_array) {
        Some(items) => (body.get("metadata").cloned().unwrap_or_default(), items.iter().collect::<Vec<_>>()),
        None => (json!({"resourceVersion": text(body, "/metadata/resourceVersion")}), vec![body]),
    };
    let rows: Vec<Value> = objects.into_iter().map(|object| row(resource, object, with)).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns(resource),
        "rows": rows,
    })
}

fn columns(resource: &Resource) -> Vec<Value> {
    let usual: Columns = vec![
        ("Name".to_owned(), "string".to_owned(), "name".to_owned(), 0),
        ("Age".to_owned(), if resource.custom() { "date" } else { "string" }.to_owned(), String::new(), 0),
    ];
    let own = COLUMNS.get(&resource.storage()).unwrap_or(&usual);
    own.iter()
        .map(|(name, kind, format, priority)| {
            json!({"name": name, "type": kind, "format": format, "description": name, "priority": priority})
        })
        .collect()
}

fn row(resource: &Resource, object: &Value, with: &str) -> Value {
    let cells = cells::of(resource, object).unwrap_or_else(|| vec![json!(name(object)), age(object)]);
    let shown = match with {
        "None" => Value::Null,
        "Object" => crate::read::as_served(resource, object),
        _ => metadata_only(object.clone()),
    };
    let mut row = json!({"cells": cells});
    if let Value::Object(map) = &mut row {
        let ended = match (resource.qualified().as_str(), text(object, "/status/phase")) {
            ("pods", "Succeeded") => Some(("Succeeded", "The pod has completed successfully.")),
            ("pods", "Failed") => Some(("Failed", "The pod failed.")),
            _ => None,
        };
        if let Some((reason, message)) = ended {
            let condition =
                json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]);
            map.insert("conditions".into(), condition);
        }
        map.insert("object".into(), shown);
    }
    row
}

/// The age of an object as its table shows it.
fn age(object: &Value) -> Value {
    json!(since(text(object, "/metadata/creationTimestamp")))
}

/// How long ago a time was, in the words of kubectl.
fn since(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(then) => duration(Timestamp::now().as_second() - then.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A number of seconds in the words of kubectl: two units while they are small.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: char, small: i64, part: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{part}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, 'd', hours % 24, 'h'),
        () if days < 730 => format!("{days}d"),
        () if days < 2920 => two(days / 365, 'y', days % 365, 'd'),
        () => format!("{}y", days / 365),
    }
}

/// The names or images of the containers of a workload.
fn containers(object: &Value, key: &str) -> String {
    let all =
        items(object, "/spec/template/spec/containers").map(|container| text(container, &format!("/{key}")));
    all.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_has_two_units_while_they_tell_something() {
        let all = [5, 119, 183, 600, 7200, 11_100, 100_000, 200_000, 1_000_000, 70_000_000];
        let shown: Vec<String> = all.into_iter().map(duration).collect();
        assert_eq!(shown, ["5s", "119s", "3m3s", "10m", "120m", "3h5m", "27h", "2d7h", "11d", "2y80d"]);
    }
}
