//! Events, which two groups serve: they are stored in the form of the core group and converted for events.k8s.io.

use serde_json::{Map, Value};

use crate::resource::Resource;

/// The names of a field of an event in the core group and in events.k8s.io.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// A stored event as a group serves it.
#[must_use]
pub fn served(resource: &Resource, object: &Value) -> Value {
    renamed(resource, object, |(core, new)| (core, new))
}

/// An event that came through a group as it is stored.
#[must_use]
pub fn stored(resource: &Resource, object: &Value) -> Value {
    let mut object = renamed(resource, object, |(core, new)| (new, core));
    if let Value::Object(map) = &mut object {
        map.insert("apiVersion".into(), "v1".into());
    }
    object
}

fn renamed(
    resource: &Resource,
    object: &Value,
    order: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    let mut out = Map::new();
    let names: Vec<(&str, &str)> =
        if resource.group.is_empty() { Vec::new() } else { NAMES.iter().map(|pair| order(*pair)).collect() };
    for (key, value) in object.as_object().into_iter().flatten() {
        let renamed = names.iter().find(|(from, _)| from == key).map_or(key.as_str(), |(_, to)| to);
        out.insert(renamed.to_owned(), value.clone());
    }
    out.insert("kind".into(), "Event".into());
    out.insert("apiVersion".into(), resource.api_version().into());
    Value::Object(out)
}
