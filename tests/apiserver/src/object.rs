//! Reading and changing Kubernetes objects, which are plain JSON values here: the double keeps whatever a client sends.
//! Paths are JSON pointers. Reading what is not there gives the empty text; writing makes the maps on the way.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The text at a pointer, or the empty text.
#[must_use]
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a pointer.
#[must_use]
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The items of the list at a pointer; none where there is no list.
pub fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The name of an object.
#[must_use]
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// The namespace of an object, empty for one of the cluster.
#[must_use]
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// The uid of an object.
#[must_use]
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The resourceVersion of an object as a number, 0 where there is none.
#[must_use]
pub fn version(object: &Value) -> u64 {
    text(object, "/metadata/resourceVersion").parse().unwrap_or_default()
}

/// One label of an object.
#[must_use]
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// Whether a deletion of the object has begun.
#[must_use]
pub fn terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// The owner reference that controls the object.
#[must_use]
pub fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences")
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

/// Whether a condition of the status has the value `True`.
#[must_use]
pub fn is_true(object: &Value, condition: &str) -> bool {
    items(object, "/status/conditions")
        .any(|entry| text(entry, "/type") == condition && text(entry, "/status") == "True")
}

/// Writes a value at a pointer, making the maps on the way; what is in the way is replaced.
pub fn set(object: &mut Value, pointer: &str, value: impl Into<Value>) {
    let mut place = object;
    for key in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { return };
        place = map.entry(unescape(key)).or_insert(Value::Null);
    }
    *place = value.into();
}

/// Takes away what is at a pointer and gives it.
pub fn take(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/')?;
    object.pointer_mut(parent)?.as_object_mut()?.shift_remove(&unescape(key))
}

/// Sets a condition of the status; its transition time changes only with its value.
pub fn set_condition(object: &mut Value, kind: &str, status: &str, reason: &str, message: &str) {
    let mut condition = serde_json::json!({"type": kind, "status": status});
    let old = items(object, "/status/conditions").find(|entry| text(entry, "/type") == kind).cloned();
    let since = match &old {
        Some(old) if text(old, "/status") == status => old.get("lastTransitionTime").cloned(),
        _ => None,
    };
    if let Some(heartbeat) = old.as_ref().and_then(|old| old.get("lastHeartbeatTime")) {
        set(&mut condition, "/lastHeartbeatTime", heartbeat.clone());
    }
    set(&mut condition, "/lastTransitionTime", since.unwrap_or_else(|| Value::String(now())));
    if !reason.is_empty() {
        set(&mut condition, "/reason", reason);
    }
    if !message.is_empty() {
        set(&mut condition, "/message", message);
    }
    if object.pointer("/status/conditions").is_none() {
        set(object, "/status/conditions", Value::Array(Vec::new()));
    }
    if let Some(list) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        match list.iter_mut().find(|entry| text(entry, "/type") == kind) {
            Some(place) => *place = condition,
            None => list.push(condition),
        }
    }
}

/// A key as it stands in a JSON pointer.
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a part of a JSON pointer means.
#[must_use]
pub fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// The time of now as Kubernetes writes it, in whole seconds.
#[must_use]
pub fn now() -> String {
    stamp(Timestamp::now())
}

/// A time as Kubernetes writes it, in whole seconds.
#[must_use]
pub fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as Kubernetes writes it where it counts microseconds (leases, events).
#[must_use]
pub fn micro(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Five characters as the server appends to a generateName.
#[must_use]
pub fn suffix() -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    let pick = |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len()).copied().map_or('x', char::from);
    random.as_bytes().iter().take(5).map(pick).collect()
}
