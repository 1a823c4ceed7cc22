//! JSON patch (RFC 6902). Every failure, a test that fails among them, is one generic refusal, as the server's.

use serde_json::Value;
use serde_json::json;

use crate::object::{text, unescape};
use crate::status::Failure;

/// Changes a document by a list of operations; the document is of no use after a failure.
pub fn apply(document: &mut Value, patch: &Value) -> Result<(), Failure> {
    let rejected = || {
        let message = "the server rejected our request due to an error in our request";
        Failure::new(422, "Invalid", message).with(json!({}))
    };
    let operations = patch.as_array().ok_or_else(|| {
        Failure::bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        )
    })?;
    for operation in operations {
        one(document, operation).ok_or_else(rejected)?;
    }
    Ok(())
}

fn one(document: &mut Value, operation: &Value) -> Option<()> {
    let path = operation.get("path")?.as_str()?;
    let value = || operation.get("value").cloned();
    let from = text(operation, "/from");
    match text(operation, "/op") {
        "add" => add(document, path, value()?),
        "replace" => {
            *document.pointer_mut(path)? = value()?;
            Some(())
        }
        "remove" => remove(document, path).map(|_| ()),
        "test" => (document.pointer(path).unwrap_or(&Value::Null)
            == operation.get("value").unwrap_or(&Value::Null))
        .then_some(()),
        "copy" => {
            let copied = document.pointer(from)?.clone();
            add(document, path, copied)
        }
        "move" => {
            let moved = remove(document, from)?;
            add(document, path, moved)
        }
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let Some((parent, key)) = path.rsplit_once('/') else {
        *document = value;
        return Some(());
    };
    match document.pointer_mut(parent)? {
        Value::Object(map) => {
            map.insert(unescape(key), value);
        }
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => {
            let index: usize = key.parse().ok()?;
            (index <= list.len()).then(|| list.insert(index, value))?;
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = path.rsplit_once('/')?;
    match document.pointer_mut(parent)? {
        Value::Object(map) => map.shift_remove(&unescape(key)),
        Value::Array(list) => {
            let index: usize = key.parse().ok()?;
            (index < list.len()).then(|| list.remove(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_does_what_its_name_says() {
        let mut document = json!({"a": {"b/c": 1}, "list": [1, 3]});
        let patch = json!([
            {"op": "test", "path": "/a/b~1c", "value": 1},
            {"op": "add", "path": "/list/1", "value": 2},
            {"op": "add", "path": "/list/-", "value": 4},
            {"op": "copy", "from": "/a", "path": "/copied"},
            {"op": "move", "from": "/a/b~1c", "path": "/moved"},
            {"op": "replace", "path": "/a", "value": "new"},
            {"op": "remove", "path": "/list/0"},
        ]);
        apply(&mut document, &patch).unwrap();
        assert_eq!(document, json!({"a": "new", "list": [2, 3, 4], "copied": {"b/c": 1}, "moved": 1}));
    }

    #[test]
    fn a_test_that_fails_and_a_path_that_is_missing_are_the_same_refusal() {
        for operation in
            [json!({"op": "test", "path": "/a", "value": 2}), json!({"op": "remove", "path": "/none"})]
        {
            let failure = apply(&mut json!({"a": 1}), &json!([operation])).unwrap_err();
            assert_eq!((failure.code, failure.reason, failure.details), (422, "Invalid", Some(json!({}))));
        }
    }
}
