//! Server-side apply: what a manager says becomes so and its own, what it no longer says and nobody else owns goes, and what
//! another manager owns with another value is a conflict unless it is forced.

use serde_json::{Value, json};

use super::{Entry, Fields, Path, entries, fields_of, item_step, set_entries, shown, value_at};
use crate::answer::Answer;
use crate::object::{name, namespace, now, set, take};
use crate::read::{as_served, get};
use crate::resource::Resource;
use crate::status::{Cause, Failure};
use crate::store::Store;
use crate::write::{Update, Written, insert, update};
use crate::{fields, yaml};

/// Applies the body of a request.
pub fn apply(
    store: &mut Store,
    resource: &Resource,
    written: &Written<'_>,
    dry_run: bool,
) -> Result<Answer, Failure> {
    let manager = written.query.get("fieldManager");
    if manager.is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(Failure::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
    }
    let source = String::from_utf8_lossy(written.body);
    let mut wanted =
        yaml::read(&source).map_err(|why| Failure::bad_request(format!("error decoding YAML: {why}")))?;
    check(resource, written, &mut wanted)?;
    let old = match get(store, resource, written.target) {
        Ok(old) => old,
        Err(_) if written.target.subresource.is_none() => {
            let fields = fields_of(&wanted);
            let mut object = wanted;
            let (mut stored, warnings) = insert(store, resource, &mut object, true, "")?;
            set_entries(&mut stored, &[entry(resource, manager, fields)]);
            let stored = if dry_run { stored } else { store.put(&resource.storage(), stored) };
            return Ok(Answer { warnings, ..Answer::created(as_served(resource, &stored)) });
        }
        Err(failure) => return Err(failure),
    };
    let mut known = entries(&old);
    let given = fields_of(&wanted);
    let force = written.query.is_true("force");
    let conflicts = conflicts(&known, manager, &old, &wanted, &given);
    if !conflicts.is_empty() && !force {
        return Err(refusal(&conflicts));
    }
    for (rival, path) in &conflicts {
        for entry in known.iter_mut().filter(|entry| same(entry, rival)) {
            entry.fields.remove(path);
        }
    }
    let before = known.iter().find(|entry| entry.operation == "Apply" && entry.manager == manager);
    let dropped: Fields =
        before.map(|entry| entry.fields.difference(&given).cloned().collect()).unwrap_or_default();
    let mut merged = old.clone();
    merge(&mut merged, &wanted, "");
    // The deepest first, so that an item goes after what it holds.
    for path in dropped.iter().rev() {
        let owned = known.iter().any(|entry| {
            !(entry.operation == "Apply" && entry.manager == manager)
                && entry.fields.iter().any(|other| other.starts_with(path))
        });
        if !owned {
            remove(&mut merged, path);
        }
    }
    let own = known.iter_mut().find(|entry| entry.operation == "Apply" && entry.manager == manager);
    match own {
        Some(own) if own.fields == given => {}
        Some(own) => {
            own.fields = given;
            own.time = now();
        }
        None => known.push(entry(resource, manager, given)),
    }
    set_entries(&mut merged, &known);
    take(&mut merged, "/metadata/resourceVersion");
    let change = Update { old, dry_run, part: written.target.subresource.as_deref(), manager: "" };
    let stored = update(store, resource, &change, merged)?;
    Ok(Answer::ok(as_served(resource, &stored)))
}

fn entry(resource: &Resource, manager: &str, fields: Fields) -> Entry {
    Entry {
        manager: manager.to_owned(),
        operation: "Apply".to_owned(),
        api_version: resource.api_version(),
        time: now(),
        subresource: String::new(),
        fields,
    }
}

fn check(resource: &Resource, written: &Written<'_>, wanted: &mut Value) -> Result<(), Failure> {
    if wanted.pointer("/metadata/managedFields").is_some_and(|list| !list.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let path = written.target.name.as_deref().unwrap_or_default();
    if name(wanted).is_empty() {
        set(wanted, "/metadata/name", path);
    }
    if name(wanted) != path {
        let message =
            format!("the name of the object ({}) does not match the name on the URL ({path})", name(wanted));
        return Err(Failure::bad_request(message));
    }
    let space = written.target.space();
    if !namespace(wanted).is_empty() && namespace(wanted) != space {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    if resource.namespaced {
        set(wanted, "/metadata/namespace", space);
    }
    let stranger = fields::unknown(resource, wanted).next();
    if let Some(field) = stranger {
        let place = crate::store::path(space, path);
        let message = format!(
            "failed to create typed patch object ({place}; {}/{}, Kind={}): .{field}: field not declared in schema",
            resource.group, resource.version, resource.kind
        );
        return Err(Failure::internal(message));
    }
    Ok(())
}

fn same(one: &Entry, other: &Entry) -> bool {
    one.manager == other.manager && one.operation == other.operation && one.subresource == other.subresource
}

/// The fields that another manager owns and that would get another value.
fn conflicts(
    known: &[Entry],
    manager: &str,
    old: &Value,
    wanted: &Value,
    given: &Fields,
) -> Vec<(Entry, Path)> {
    let mut found = Vec::new();
    for entry in known.iter().filter(|entry| !(entry.operation == "Apply" && entry.manager == manager)) {
        for path in entry.fields.intersection(given) {
            let item = path.last().is_some_and(|step| !step.starts_with("f:"));
            if !item && value_at(old, path) != value_at(wanted, path) {
                found.push((entry.clone(), path.clone()));
            }
        }
    }
    found
}

fn refusal(conflicts: &[(Entry, Path)]) -> Failure {
    let of = |entry: &Entry| {
        let mut line = format!("{:?}", entry.manager);
        if !entry.subresource.is_empty() {
            line.push_str(&format!(" with subresource {:?}", entry.subresource));
        }
        if entry.operation == "Update" {
            line.push_str(&format!(" using {} at {}", entry.api_version, entry.time));
        }
        line
    };
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|(entry, path)| {
            Cause::new("FieldManagerConflict", shown(path), format!("conflict with {}", of(entry)))
        })
        .collect();
    let message = match conflicts {
        [(entry, path)] => {
            format!("Apply failed with 1 conflict: conflict with {}: {}", of(entry), shown(path))
        }
        many => {
            let mut managers: Vec<String> = many.iter().map(|(entry, _)| of(entry)).collect();
            managers.sort();
            managers.dedup();
            let mut lines = format!("Apply failed with {} conflicts:", many.len());
            for (index, manager) in managers.iter().enumerate() {
                let paths = many.iter().filter(|(entry, _)| of(entry) == *manager);
                let paths: String = paths.map(|(_, path)| format!("\n- {}", shown(path))).collect();
                let gap = if index == 0 { " " } else { "\n" };
                lines.push_str(&format!("{gap}conflicts with {manager}:{paths}"));
            }
            lines
        }
    };
    Failure::new(409, "Conflict", message).with(json!({})).causes(&causes)
}

/// Writes what a manager says into the object; items of keyed lists are found by their keys.
fn merge(place: &mut Value, wanted: &Value, name: &str) {
    match (place, wanted) {
        (Value::Object(map), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(map.entry(key.clone()).or_insert(Value::Null), value, key);
            }
        }
        (Value::Array(list), Value::Array(items))
            if items.iter().all(|item| item_step(name, item).is_some()) =>
        {
            for item in items {
                let step = item_step(name, item);
                match list.iter_mut().find(|found| item_step(name, found) == step) {
                    Some(found) => merge(found, item, ""),
                    None => list.push(item.clone()),
                }
            }
        }
        (place, wanted) => *place = wanted.clone(),
    }
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = object;
    let mut list = "";
    for step in parents {
        let next = match step.strip_prefix("f:") {
            Some(key) => {
                list = key;
                place.get_mut(key)
            }
            None => place
                .as_array_mut()
                .and_then(|items| items.iter_mut().find(|item| item_step(list, item).as_ref() == Some(step))),
        };
        let Some(next) = next else { return };
        place = next;
    }
    match (last.strip_prefix("f:"), place) {
        (Some(key), Value::Object(map)) => {
            map.shift_remove(key);
        }
        (None, Value::Array(items)) => items.retain(|item| item_step(list, item).as_ref() != Some(last)),
        _ => {}
    }
}
