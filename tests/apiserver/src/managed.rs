//! Who owns which fields: `metadata.managedFields`, written at every change and read by server-side apply. A set of fields is
//! kept as paths, and written as FieldsV1.

pub mod apply;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::object::{items, now, set, take, text};
use crate::resource::Resource;

/// The path of a field: `f:name` steps and `k:{"name":"x"}` steps into the items of a list.
pub type Path = Vec<String>;

/// A set of fields.
pub type Fields = BTreeSet<Path>;

/// The keys by which the items of a list are told apart in apply; none where the list is one value.
#[must_use]
pub fn list_keys(list: &str, item: &Value) -> Option<&'static [&'static str]> {
    Some(match list {
        "ports" if item.get("containerPort").is_some() => &["containerPort", "protocol"],
        "ports" => &["port", "protocol"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "conditions" | "addresses" => &["type"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "ownerReferences" => &["uid"],
        "webhooks" => &["name"],
        _ => return None,
    })
}

/// The step of a path that leads to an item of a list.
#[must_use]
pub fn item_step(list: &str, item: &Value) -> Option<String> {
    if list == "finalizers" {
        return Some(format!("v:{item}"));
    }
    let keys = list_keys(list, item)?;
    let mut named = Map::new();
    for key in keys {
        let usual = if *key == "protocol" { json!("TCP") } else { Value::Null };
        named.insert((*key).to_owned(), item.get(*key).cloned().unwrap_or(usual));
    }
    Some(format!("k:{}", Value::Object(named)))
}

/// The fields an object says something about; identity and what the server alone writes are left out.
#[must_use]
pub fn fields_of(object: &Value) -> Fields {
    let mut own = object.clone();
    for key in ["apiVersion", "kind"] {
        take(&mut own, &format!("/{key}"));
    }
    for key in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        take(&mut own, &format!("/metadata/{key}"));
    }
    let mut fields = Fields::new();
    collect(&own, "", &mut Vec::new(), &mut fields);
    fields
}

fn collect(value: &Value, name: &str, path: &mut Path, fields: &mut Fields) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                path.push(format!("f:{key}"));
                collect(inner, key, path, fields);
                path.pop();
            }
        }
        Value::Array(list) if !list.is_empty() && list.iter().all(|item| item_step(name, item).is_some()) => {
            for item in list {
                path.extend(item_step(name, item));
                fields.insert(path.clone());
                if item.is_object() {
                    collect(item, "", path, fields);
                }
                path.pop();
            }
        }
        _ if path.is_empty() => {}
        _ => {
            fields.insert(path.clone());
        }
    }
}

/// The value of a field.
#[must_use]
pub fn value_at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut place = object;
    let mut list = "";
    for step in path {
        place = match step.strip_prefix("f:") {
            Some(key) => {
                list = key;
                place.get(key)?
            }
            None => place.as_array()?.iter().find(|item| item_step(list, item).as_ref() == Some(step))?,
        };
    }
    Some(place)
}

/// A path as errors write it: `.spec.containers[name="a"].image`.
#[must_use]
pub fn shown(path: &[String]) -> String {
    let mut out = String::new();
    for step in path {
        if let Some(key) = step.strip_prefix("f:") {
            out.push_str(&format!(".{key}"));
        } else if let Some(value) = step.strip_prefix("v:") {
            out.push_str(&format!("[={value}]"));
        } else if let Some(keys) = step.strip_prefix("k:") {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            out.push_str(&format!("[{}]", keys.join(",")));
        }
    }
    out
}

/// A set of fields as FieldsV1.
#[must_use]
pub fn write(fields: &Fields) -> Value {
    let mut out = json!({});
    for path in fields {
        let mut place = &mut out;
        for step in path {
            if !place.is_object() {
                *place = json!({});
            }
            let Value::Object(map) = place else { break };
            place = map.entry(step.clone()).or_insert_with(|| json!({}));
        }
        let item = path.last().is_some_and(|step| step.starts_with("k:"));
        if let (true, Value::Object(map)) = (item, place) {
            map.insert(".".to_owned(), json!({}));
        }
    }
    out
}

/// The set of fields that FieldsV1 says.
#[must_use]
pub fn read(value: &Value) -> Fields {
    fn walk(value: &Value, path: &mut Path, fields: &mut Fields) {
        let map = value.as_object();
        let inner = map.into_iter().flatten().filter(|(key, _)| *key != ".");
        let mut leaf = true;
        for (step, value) in inner {
            leaf = false;
            path.push(step.clone());
            walk(value, path, fields);
            path.pop();
        }
        let item = path.last().is_some_and(|step| step.starts_with("k:"));
        if !path.is_empty() && (leaf || (item && value.get(".").is_some())) {
            fields.insert(path.clone());
        }
    }
    let mut fields = Fields::new();
    walk(value, &mut Vec::new(), &mut fields);
    fields
}

/// One entry of managedFields, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The apiVersion in which the fields are named.
    pub api_version: String,
    /// When it was written.
    pub time: String,
    /// The subresource, empty for the object itself.
    pub subresource: String,
    /// What it owns.
    pub fields: Fields,
}

/// The entries of an object.
#[must_use]
pub fn entries(object: &Value) -> Vec<Entry> {
    let read_entry = |entry: &Value| Entry {
        manager: text(entry, "/manager").to_owned(),
        operation: text(entry, "/operation").to_owned(),
        api_version: text(entry, "/apiVersion").to_owned(),
        time: text(entry, "/time").to_owned(),
        subresource: text(entry, "/subresource").to_owned(),
        fields: read(entry.get("fieldsV1").unwrap_or(&Value::Null)),
    };
    items(object, "/metadata/managedFields").map(read_entry).collect()
}

/// Writes the entries of an object; those that own nothing are left out.
pub fn set_entries(object: &mut Value, entries: &[Entry]) {
    let write_entry = |entry: &Entry| {
        let mut value = json!({
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": write(&entry.fields),
        });
        if !entry.subresource.is_empty() {
            set(&mut value, "/subresource", entry.subresource.clone());
        }
        value
    };
    let list: Vec<Value> = entries.iter().filter(|entry| !entry.fields.is_empty()).map(write_entry).collect();
    if list.is_empty() {
        take(object, "/metadata/managedFields");
    } else {
        set(object, "/metadata/managedFields", list);
    }
}

/// Writes down that a manager made or changed an object other than by apply: it owns what it changed, alone.
pub fn updated(
    resource: &Resource,
    old: Option<&Value>,
    object: &mut Value,
    manager: &str,
    subresource: &str,
) {
    let mut known = old.map(entries).unwrap_or_default();
    let before = old.map(fields_of).unwrap_or_default();
    let after = fields_of(object);
    let differs = |path: &Path| {
        let old = old.and_then(|old| value_at(old, path));
        let item = path.last().is_some_and(|step| step.starts_with("k:"));
        old.is_none() || (!item && old != value_at(object, path))
    };
    let changed: Fields = after.iter().filter(|path| differs(path)).cloned().collect();
    let gone: Fields = before.difference(&after).cloned().collect();
    if changed.is_empty() && gone.is_empty() {
        set_entries(object, &known);
        return;
    }
    for entry in &mut known {
        entry.fields.retain(|path| !changed.contains(path) && !gone.contains(path));
    }
    let own = known.iter_mut().find(|entry| {
        entry.manager == manager && entry.operation == "Update" && entry.subresource == subresource
    });
    match own {
        Some(entry) => {
            entry.fields.extend(changed);
            entry.time = now();
        }
        None => known.push(Entry {
            manager: manager.to_owned(),
            operation: "Update".to_owned(),
            api_version: resource.api_version(),
            time: now(),
            subresource: subresource.to_owned(),
            fields: changed,
        }),
    }
    set_entries(object, &known);
}
