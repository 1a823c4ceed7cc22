//! Patching: the content type says how (JSON patch, merge, strategic merge, apply), the result goes the way of a replacement.
//! Nothing is stored when a patch changes nothing.

pub mod json;
pub mod merge;
pub mod strategic;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::managed;
use crate::read::{as_served, get};
use crate::resource::Resource;
use crate::status::{Cause, Failure};
use crate::store::Store;
use crate::write::{Update, Written, go_error, update};
use crate::{event, fields, object};

/// Patches an object, or with apply makes it.
pub fn patch(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let dry_run = written.dry_run("PatchOptions")?;
    let header =
        written.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = header.split(';').next().unwrap_or_default().trim();
    let known =
        ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
    if media == "application/strategic-merge-patch+json" && resource.custom() {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            known.join(", ")
        );
        return Err(Failure::new(415, "UnsupportedMediaType", message));
    }
    if !known.contains(&media) && media != "application/strategic-merge-patch+json" {
        return Err(Failure::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(json!({})));
    }
    if media == "application/apply-patch+yaml" {
        return managed::apply::apply(store, resource, written, dry_run);
    }
    if written.query.has("force") {
        let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
        return Err(Failure::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
    }
    let old = get(store, resource, written.target)?;
    let part = written.target.subresource.as_deref();
    let patch: Value = serde_json::from_slice(written.body)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {}", go_error(&error))))?;
    let mut patched = old.clone();
    match media {
        "application/json-patch+json" => json::apply(&mut patched, &patch)?,
        "application/merge-patch+json" => merge::apply(&mut patched, &patch),
        _ => strategic::apply(&mut patched, &patch),
    }
    typed(&old, &patched)?;
    let warnings = fields::check(resource, &patched, b"", written.query.get("fieldValidation"))?;
    for field in fields::unknown(resource, &patched.clone()) {
        object::take(&mut patched, &format!("/{field}"));
    }
    let wanted = object::name(&old);
    if object::name(&patched) != wanted {
        let cause = Cause::invalid("metadata.name", &json!(object::name(&patched)), "field is immutable");
        return Err(Failure::invalid(&resource.group, &resource.kind, wanted, &[cause]));
    }
    let patched = if resource.plural == "events" { event::stored(resource, &patched) } else { patched };
    let old = if resource.plural == "events" { event::stored(resource, &old) } else { old };
    let change = Update { old, dry_run, part, manager: &written.manager() };
    let stored = update(store, resource, &change, patched)?;
    Ok(Answer { warnings, ..Answer::ok(as_served(resource, &stored)) })
}

/// Refuses a patch that puts text where a number was: the types of the old object stand for a schema.
fn typed(old: &Value, patched: &Value) -> Result<(), Failure> {
    let number = |object: &Value| object.pointer("/spec/replicas").map(Value::is_number);
    if number(old) == Some(true) && number(patched) == Some(false) {
        let shown = serde_json::Value::String(patched.to_string());
        let message = format!(
            "Invalid value: {shown}: json: cannot unmarshal string into Go struct field .spec.replicas of type int32"
        );
        let cause = Cause::new("FieldValueInvalid", "patch", message);
        return Err(Failure::invalid("", "", "", &[cause]));
    }
    Ok(())
}
