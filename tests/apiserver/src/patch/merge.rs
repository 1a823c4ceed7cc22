//! JSON merge patch (RFC 7386): maps are merged, null takes away, everything else replaces.

use serde_json::{Map, Value};

/// Changes a document by a patch.
pub fn apply(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(map) = document else { return };
    for (key, value) in changes {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            apply(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_takes_away_and_lists_are_replaced() {
        let mut document = json!({"a": {"b": 1, "c": 2}, "list": [1, 2]});
        apply(&mut document, &json!({"a": {"b": null, "d": {"e": null}}, "list": [3]}));
        assert_eq!(document, json!({"a": {"c": 2, "d": {}}, "list": [3]}));
    }
}
