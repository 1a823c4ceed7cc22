//! Strategic merge patch: lists whose items have a key are merged by it, `$patch` and `$deleteFromPrimitiveList` are heard,
//! and lists without a key are replaced. The keys are those of the core kinds.

use serde_json::{Map, Value};

/// The key by which the items of a list with this name are told apart; none where the list is replaced as one.
#[must_use]
pub fn merge_key(list: &str, item: &Value) -> Option<&'static str> {
    Some(match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" if item.get("containerPort").is_some() => "containerPort",
        "ports" => "port",
        "conditions" | "addresses" => "type",
        "hostAliases" | "podIPs" | "hostIPs" => "ip",
        "ownerReferences" => "uid",
        "topologySpreadConstraints" => "topologyKey",
        "webhooks" if item.get("name").is_some() => "name",
        _ => return None,
    })
}

/// Changes a document by a patch.
pub fn apply(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if changes.get("$patch").is_some_and(|directive| directive == "replace") {
        *document = without_directives(patch);
        return;
    }
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(map) = document else { return };
    for (key, value) in changes {
        if key == "$retainKeys" {
            let kept: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            map.retain(|found, _| kept.contains(&found.as_str()));
        } else if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(old), Some(gone)) =
                (map.get_mut(list).and_then(Value::as_array_mut), value.as_array())
            {
                old.retain(|found| !gone.contains(found));
            }
        } else if key.starts_with('$') {
            // The order that `$setElementOrder` asks for is the one in which items are appended here.
        } else if value.is_null() {
            map.shift_remove(key);
        } else if value.get("$patch").is_some_and(|directive| directive == "delete") {
            map.shift_remove(key);
        } else if let Value::Array(items) = value {
            let old = map.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
            list(key, old, items);
        } else {
            apply(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn list(name: &str, old: &mut Value, items: &[Value]) {
    let key = items.first().and_then(|item| merge_key(name, item));
    let replace = items.iter().any(|item| item.get("$patch").is_some_and(|directive| directive == "replace"));
    let Some(list) = old.as_array_mut() else {
        *old = Value::Array(items.iter().map(without_directives).collect());
        return;
    };
    if name == "finalizers" {
        let new: Vec<Value> = items.iter().filter(|item| !list.contains(item)).cloned().collect();
        list.extend(new);
        return;
    }
    let Some(key) = key.filter(|_| !replace) else {
        let given = items.iter().filter(|item| item.get("$patch").is_none());
        *list = given.cloned().collect();
        return;
    };
    for item in items {
        let place = list.iter_mut().position(|found| found.get(key) == item.get(key));
        let delete = item.get("$patch").is_some_and(|directive| directive == "delete");
        match place {
            Some(place) if delete => {
                list.remove(place);
            }
            Some(place) => {
                if let Some(found) = list.get_mut(place) {
                    apply(found, item);
                }
            }
            None if delete => {}
            None => list.push(without_directives(item)),
        }
    }
}

/// A part of a patch as it stands in a document where there was nothing.
fn without_directives(patch: &Value) -> Value {
    match patch {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_directives(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(without_directives).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn containers_are_merged_by_name_and_taints_are_replaced() {
        let mut document = json!({"spec": {
            "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}],
            "taints": [{"key": "one"}],
        }});
        apply(
            &mut document,
            &json!({"spec": {
                "containers": [{"name": "b", "image": "y:2"}, {"name": "a", "$patch": "delete"}, {"name": "c", "image": "z:1"}],
                "taints": [{"key": "two"}],
            }}),
        );
        let wanted = json!({"spec": {
            "containers": [{"name": "b", "image": "y:2"}, {"name": "c", "image": "z:1"}],
            "taints": [{"key": "two"}],
        }});
        assert_eq!(document, wanted);
    }

    #[test]
    fn finalizers_are_added_and_taken_away_one_by_one() {
        let mut document = json!({"metadata": {"finalizers": ["a", "b"]}});
        apply(
            &mut document,
            &json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}}),
        );
        assert_eq!(document, json!({"metadata": {"finalizers": ["b", "c"]}}));
    }
}
