//! `hidden_fields`: parts of an object that a result shall not show. Paths as kubernetes.core writes them
//! (`metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]`, `spec.containers[0].env`) come in; what they
//! name is gone from the object.

use serde_json::Value as Json;

/// Takes the named fields out of an object.
pub(crate) fn hide(object: &mut Json, fields: &[String]) {
    for field in fields {
        take(object, &steps(field));
    }
}

/// The steps of a path: names divided by dots, names and indices in brackets.
fn steps(field: &str) -> Vec<String> {
    let (mut found, mut step, mut inside) = (vec![], String::new(), false);
    for c in field.chars() {
        match c {
            '[' if !inside => {
                inside = true;
                found.push(std::mem::take(&mut step));
            }
            ']' if inside => {
                inside = false;
                found.push(std::mem::take(&mut step).trim_matches(['\'', '"']).to_string());
            }
            '.' if !inside => found.push(std::mem::take(&mut step)),
            _ => step.push(c),
        }
    }
    found.push(step);
    found.retain(|step| !step.is_empty());
    found
}

fn take(value: &mut Json, steps: &[String]) {
    let Some((first, rest)) = steps.split_first() else { return };
    let index = first.parse::<usize>().ok();
    match value {
        Json::Object(map) if rest.is_empty() => {
            map.shift_remove(first);
        }
        Json::Object(map) => {
            if let Some(inner) = map.get_mut(first) {
                take(inner, rest);
            }
        }
        Json::Array(items) => match index {
            Some(at) if rest.is_empty() && at < items.len() => {
                items.remove(at);
            }
            Some(at) => items.get_mut(at).into_iter().for_each(|item| take(item, rest)),
            // Without an index every item is meant.
            None => items.iter_mut().for_each(|item| take(item, steps)),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_with_dots_stand_in_brackets() {
        let mut object = json!({"metadata": {"managedFields": [1], "annotations": {"a.b/c": "x", "d": "y"}},
            "spec": {"containers": [{"env": [1, 2]}, {"env": [3]}]}});
        let fields = ["metadata.managedFields", "metadata.annotations[a.b/c]", "spec.containers[0].env"];
        hide(&mut object, &fields.map(String::from));
        assert_eq!(
            object,
            json!({"metadata": {"annotations": {"d": "y"}}, "spec": {"containers": [{}, {"env": [3]}]}})
        );
    }
}
