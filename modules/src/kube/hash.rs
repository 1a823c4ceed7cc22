//! `append_hash`: a ConfigMap or Secret named by what it holds, so that what uses it by name is rolled out when it changes. The
//! hash is kubernetes.core's, so that both find each other's objects.

use super::apply::sorted;
use muster_engine::module::ascii_json;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

/// Appends the hash to an object's name, if it is of a kind that has one.
pub(crate) fn append(object: &mut Json) {
    let kind = object.get("kind").and_then(Json::as_str).unwrap_or_default().to_string();
    if !matches!(kind.as_str(), "ConfigMap" | "Secret") {
        return;
    }
    let text = |path: &str| object.pointer(path).and_then(Json::as_str).unwrap_or_default().to_string();
    let (name, generated) = (text("/metadata/name"), text("/metadata/generateName"));
    let (key, field, value) = match name.is_empty() && !generated.is_empty() {
        true => ("generateName", "generateName", generated),
        false => ("name", "name", name),
    };
    let part = |key: &str| object.get(key).map_or_else(|| json!(""), sorted);
    let mut counted = vec![("data", part("data")), ("kind", json!(kind)), (field, json!(value))];
    if kind == "Secret" {
        counted.push(("type", part("type")));
    }
    let pairs: Vec<String> =
        counted.iter().map(|(key, value)| format!("\"{key}\":{}", ascii_json(&value.to_string()))).collect();
    let digest = hex::encode(Sha256::digest(format!("{{{}}}", pairs.join(","))));
    let hash: String = digest.chars().take(10).map(readable).collect();
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.insert(key.into(), format!("{value}-{hash}").into());
    }
}

/// No vowels and nothing that looks like another: no words come about.
fn readable(c: char) -> char {
    match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    }
}
