//! The scale subresource: the replicas of a workload as an object of its own.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::object::{set, text};
use crate::patch::{merge, strategic};
use crate::read::get;
use crate::resource::Resource;
use crate::selector::line;
use crate::status::Failure;
use crate::store::Store;
use crate::write::{Update, Written, decode, go_error, update};

/// The scale of a workload.
#[must_use]
pub fn of(object: &Value) -> Value {
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.pointer(&format!("/metadata/{key}")) {
            set(&mut metadata, &format!("/{key}"), value.clone());
        }
    }
    let replicas =
        |place: &str| object.pointer(&format!("/{place}/replicas")).cloned().unwrap_or_else(|| json!(0));
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas("spec")},
        "status": {"replicas": replicas("status"), "selector": line(object.pointer("/spec/selector"))},
    })
}

/// Changes the scale of a workload.
pub fn change(
    store: &mut Store,
    resource: &Resource,
    written: &Written<'_>,
    verb: &str,
) -> Result<Answer, Failure> {
    let old = get(store, resource, written.target)?;
    let mut wanted = of(&old);
    if verb == "patch" {
        let patch: Value = serde_json::from_slice(written.body)
            .map_err(|error| Failure::bad_request(format!("error decoding patch: {}", go_error(&error))))?;
        let media =
            written.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match media {
            "application/json-patch+json" => crate::patch::json::apply(&mut wanted, &patch)?,
            "application/strategic-merge-patch+json" => strategic::apply(&mut wanted, &patch),
            _ => merge::apply(&mut wanted, &patch),
        }
    } else {
        wanted = decode(store, written, &["autoscaling/v1"], "Scale")?;
    }
    let mut object = old.clone();
    let given = text(&wanted, "/metadata/resourceVersion");
    if !given.is_empty() {
        set(&mut object, "/metadata/resourceVersion", given);
    }
    set(&mut object, "/spec/replicas", wanted.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0)));
    let options = if verb == "patch" { "PatchOptions" } else { "UpdateOptions" };
    let manager = written.manager();
    let change = Update { old, dry_run: written.dry_run(options)?, part: Some("scale"), manager: &manager };
    let stored = update(store, resource, &change, object)?;
    Ok(Answer::ok(of(&stored)))
}
