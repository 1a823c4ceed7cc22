//! `kubectl apply` without the server's help: what was applied before stands in an annotation; it, the object as it is and the object
//! as wished make a merge patch. What others added stays, what was taken out of the definition goes.

use serde_json::{Map, Value as Json, json};

/// Where the definition that was applied last is kept.
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A definition with itself in its annotation.
pub(crate) fn annotated(definition: &Json) -> Json {
    let mut whole = definition.clone();
    if let Some(metadata) = whole.get_mut("metadata").and_then(Json::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if annotations.is_null() {
            *annotations = json!({});
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(ANNOTATION.into(), sorted(definition).to_string().into());
        }
    }
    whole
}

/// The merge patch that makes an object as wished; none where it is so.
pub(crate) fn three_way(definition: &Json, actual: &Json) -> Option<Json> {
    let annotations = actual.pointer("/metadata/annotations");
    let last = annotations.and_then(|all| all.get(ANNOTATION)).and_then(Json::as_str);
    let last = last.and_then(|text| serde_json::from_str::<Json>(text).ok()).unwrap_or_default();
    let kind = definition.get("kind").and_then(Json::as_str).unwrap_or_default();
    let patch = merged(&last, &annotated(definition), actual, &mut vec![kind]);
    patch.as_object().is_some_and(|patch| !patch.is_empty()).then_some(patch)
}

/// The patch of one mapping.
fn merged<'a>(last: &'a Json, wished: &'a Json, actual: &'a Json, place: &mut Vec<&'a str>) -> Json {
    let mut patch = Map::new();
    let Some(wished) = wished.as_object() else { return json!({}) };
    for key in last.as_object().into_iter().flat_map(Map::keys) {
        if !wished.contains_key(key) && actual.get(key).is_some_and(|value| !value.is_null()) {
            patch.insert(key.clone(), Json::Null);
        }
    }
    for (key, want) in wished {
        let (is, was) = (actual.get(key).unwrap_or(&Json::Null), last.get(key).unwrap_or(&Json::Null));
        place.push(key);
        let value = match (want, is) {
            (Json::Object(_), Json::Object(_)) => Some(merged(was, want, is, place))
                .filter(|patch| patch.as_object().is_some_and(|map| !map.is_empty())),
            (Json::Array(wanted), Json::Array(items)) => {
                Some(list(was, wanted, items, place)).filter(|list| list != is)
            }
            (want, is) => (want != is).then(|| want.clone()),
        };
        place.pop();
        patch.extend(value.map(|value| (key.clone(), value)));
    }
    Json::Object(patch)
}

/// A list as it shall be. Items with a key are merged one by one; any other list is replaced.
fn list<'a>(last: &'a Json, wished: &'a [Json], actual: &'a [Json], place: &mut Vec<&'a str>) -> Json {
    let last: &[Json] = last.as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(key) =
        merge_key(place).filter(|key| [last, wished, actual].iter().all(|list| is_keyed(list, key)))
    else {
        return Json::from(wished.to_vec());
    };
    let of = |list: &'a [Json], item: &Json| list.iter().find(|one| one.get(key) == item.get(key));
    let mut items = vec![];
    for want in wished {
        items.push(match of(actual, want) {
            Some(is) => patched(is, &merged(of(last, want).unwrap_or(&Json::Null), want, is, place)),
            None => want.clone(),
        });
    }
    let others = actual.iter().filter(|is| of(wished, is).is_none() && of(last, is).is_none());
    items.extend(others.cloned());
    // An order that only the server chose is no difference.
    let same = items.len() == actual.len() && items.iter().all(|item| actual.contains(item));
    if same { Json::from(actual.to_vec()) } else { Json::from(items) }
}

/// Whether every item has the key, and no two the same.
fn is_keyed(list: &[Json], key: &str) -> bool {
    list.iter().enumerate().all(|(at, item)| {
        let value = item.get(key);
        value.is_some() && list.iter().take(at).all(|other| other.get(key) != value)
    })
}

/// A mapping with a merge patch applied.
fn patched(is: &Json, patch: &Json) -> Json {
    let (Some(mut map), Some(patch)) = (is.as_object().cloned(), patch.as_object()) else {
        return patch.clone();
    };
    for (key, value) in patch {
        match (value, map.get(key)) {
            (Json::Null, _) => drop(map.shift_remove(key)),
            (Json::Object(_), Some(inner @ Json::Object(_))) => {
                let inner = patched(inner, value);
                map.insert(key.clone(), inner);
            }
            (value, _) => drop(map.insert(key.clone(), value.clone())),
        }
    }
    Json::Object(map)
}

/// What tells the items of a list of a core kind apart, by where the list is.
fn merge_key(place: &[&str]) -> Option<&'static str> {
    let (list, around) = place.split_last()?;
    let parent = around.last()?;
    match (place.first().copied()?, *parent, *list) {
        ("Service", "spec", "ports") => Some("port"),
        ("ServiceAccount", _, "secrets" | "imagePullSecrets") => Some("name"),
        ("ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration", _, "webhooks") => Some("name"),
        (
            _,
            "spec",
            "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "imagePullSecrets",
        ) => Some("name"),
        (_, "spec", "hostAliases") => Some("ip"),
        (_, "containers" | "initContainers" | "ephemeralContainers", list) => match list {
            "env" => Some("name"),
            "ports" => Some("containerPort"),
            "volumeMounts" => Some("mountPath"),
            "volumeDevices" => Some("devicePath"),
            _ => None,
        },
        _ => None,
    }
}

/// A value with the keys of its mappings in order.
pub(crate) fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            keys.into_iter().filter_map(|key| Some((key.clone(), sorted(map.get(key)?)))).collect()
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(containers: Json, labels: Json) -> Json {
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "labels": labels},
            "spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn what_others_added_stays_and_what_was_taken_out_goes() {
        let first = deployment(
            json!([{"name": "web", "image": "a", "env": [{"name": "A", "value": "1"}]}]),
            json!({"a": "1", "b": "2"}),
        );
        let mut actual = annotated(&first);
        assert_eq!(three_way(&first, &actual), None);
        // A sidecar and a default came from elsewhere.
        actual["spec"]["replicas"] = json!(3);
        let containers = json!([{"name": "web", "image": "a", "env": [{"name": "A", "value": "1"}], "imagePullPolicy": "Always"}, {"name": "mesh"}]);
        actual["spec"]["template"]["spec"]["containers"] = containers;
        assert_eq!(three_way(&first, &actual), None);
        let second = deployment(json!([{"name": "web", "image": "b"}]), json!({"a": "1"}));
        let mut patch = three_way(&second, &actual).unwrap();
        patch["metadata"].as_object_mut().unwrap().shift_remove("annotations");
        assert_eq!(
            patch,
            json!({"metadata": {"labels": {"b": null}}, "spec": {"template": {"spec": {"containers": [
                {"name": "web", "image": "b", "imagePullPolicy": "Always"}, {"name": "mesh"}]}}}})
        );
    }

    #[test]
    fn a_list_without_a_key_is_replaced() {
        let args = |list: Json| deployment(json!([{"name": "web", "args": list}]), json!({}));
        let actual = annotated(&args(json!(["a", "b"])));
        let patch = three_way(&args(json!(["c"])), &actual).unwrap();
        assert_eq!(patch.pointer("/spec/template/spec/containers/0/args"), Some(&json!(["c"])));
    }
}
