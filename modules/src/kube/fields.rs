//! What is at a place of a Kubernetes object. An object and a JSON pointer, or a condition's name, come in; what is there goes out.
//! A field that is missing, or of another type, is as good as empty: objects of many versions are read so.

use serde_json::Value as Json;

/// The text at a pointer, or none.
pub(crate) fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or("")
}

/// The number at a pointer, or 0.
pub(crate) fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or(0)
}

/// The items at a pointer.
pub(crate) fn items<'a>(object: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    object.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

/// An object's name.
pub(crate) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// An object's namespace.
pub(crate) fn namespace(object: &Json) -> &str {
    text(object, "/metadata/namespace")
}

/// A condition of an object.
pub(crate) fn condition<'a>(object: &'a Json, kind: &str) -> Option<&'a Json> {
    items(object, "/status/conditions").find(|condition| text(condition, "/type") == kind)
}

/// Whether an object has a condition.
pub(crate) fn is_true(object: &Json, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| text(condition, "/status") == "True")
}
