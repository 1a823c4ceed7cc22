//! Getting and listing: selectors, pages with their continue tokens, and what a resourceVersion means to a list. A list is of
//! one revision; a page that follows is of the revision of the first one, or is refused as expired.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::event;
use crate::object::{name, namespace};
use crate::resource::Resource;
use crate::selector::Selector;
use crate::status::{Cause, Failure};
use crate::store::{Store, path};
use crate::target::{Query, Target};

/// One object, or that it is not there.
pub fn get(store: &Store, resource: &Resource, target: &Target) -> Result<Value, Failure> {
    let wanted = target.name.as_deref().unwrap_or_default();
    let found = store.get(&resource.storage(), target.space(), wanted);
    found.map(|object| as_served(resource, object)).ok_or_else(|| Failure::not_found(resource, wanted))
}

/// An object of the store with the apiVersion and kind under which it is asked for.
#[must_use]
pub fn as_served(resource: &Resource, object: &Value) -> Value {
    if resource.plural == "events" {
        return event::served(resource, object);
    }
    let mut object = object.clone();
    if let Value::Object(map) = &mut object {
        map.insert("kind".into(), resource.kind.clone().into());
        map.insert("apiVersion".into(), resource.api_version().into());
    }
    object
}

/// Whether a list has to wait for a revision that is not there yet.
#[must_use]
pub fn waits_for(store: &Store, query: &Query) -> Option<u64> {
    query.get("resourceVersion").parse().ok().filter(|wanted| *wanted > store.revision())
}

/// The refusal of a list whose revision does not come.
#[must_use]
pub fn too_large(store: &Store, wanted: u64) -> Failure {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {}", store.revision());
    let cause = Cause::new("ResourceVersionTooLarge", "", "Too large resource version");
    Failure::new(504, "Timeout", message).causes(&[cause]).retry(1)
}

/// What of the options of a list is wrong, whatever the state of the cluster.
pub fn check_options(query: &Query) -> Result<(), Failure> {
    let rule = query.get("resourceVersionMatch");
    if query.is_true("sendInitialEvents") {
        if rule != "NotOlderThan" {
            return Err(list_options(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
    } else if !rule.is_empty() && !query.has("resourceVersion") {
        return Err(list_options("resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    Ok(())
}

fn list_options(why: &str) -> Failure {
    Failure::invalid("meta.k8s.io", "ListOptions", "", &[Cause::forbidden("resourceVersionMatch", why)])
}

/// The list that a request selects.
pub fn list(store: &Store, resource: &Resource, target: &Target, query: &Query) -> Result<Value, Failure> {
    let selector = Selector::read(resource, query.get("labelSelector"), query.get("fieldSelector"))?;
    check_options(query)?;
    let limit =
        query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let (revision, start) = revision(store, query, limit.is_some())?;
    let within = target.namespace.as_deref().filter(|_| resource.namespaced);
    let named = target.name.as_deref();
    let mut found: Vec<Value> = store
        .at(&resource.storage(), revision)
        .into_iter()
        .filter(|object| within.is_none_or(|wanted| namespace(object) == wanted))
        .filter(|object| named.is_none_or(|wanted| name(object) == wanted))
        .filter(|object| selector.matches(resource, object))
        .filter(|object| start.as_ref().is_none_or(|start| path(namespace(object), name(object)) >= *start))
        .collect();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let (Some(limit), Value::Object(metadata)) = (limit, &mut metadata) {
        let left = found.len().saturating_sub(limit);
        found.truncate(limit);
        if let (true, Some(last)) = (left > 0, found.last()) {
            metadata.insert(
                "continue".into(),
                token(i128::from(revision), &path(namespace(last), name(last))).into(),
            );
            if selector.is_empty() {
                metadata.insert("remainingItemCount".into(), left.into());
            }
        }
    }
    let items: Vec<Value> = found.iter().map(|object| item(resource, object)).collect();
    Ok(json!({
        "kind": format!("{}List", resource.kind),
        "apiVersion": resource.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

/// An object as it stands in a list: built-in kinds leave kind and apiVersion to the list.
fn item(resource: &Resource, object: &Value) -> Value {
    let mut object = as_served(resource, object);
    if let (false, Value::Object(map)) = (resource.custom(), &mut object) {
        map.shift_remove("kind");
        map.shift_remove("apiVersion");
    }
    object
}

/// The revision a list is of, and the key its page starts at.
fn revision(store: &Store, query: &Query, limited: bool) -> Result<(u64, Option<String>), Failure> {
    let given = query.get("resourceVersion");
    let from = query.get("continue");
    if !from.is_empty() {
        if !matches!(given, "" | "0") {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let (at, start) = read_token(from)?;
        let Ok(at) = u64::try_from(at) else { return Ok((store.revision(), Some(start))) };
        if at < store.compacted() {
            let message = "The provided continue parameter is too old to display a consistent list result. \
                           You can start a new list without the continue parameter, or use the continue token in this \
                           response to retrieve the remainder of the results. Continuing with the provided token results \
                           in an inconsistent list - objects that were created, modified, or deleted between the time \
                           the first chunk was returned and now may show up in the list.";
            let last = start.trim_end_matches('\0');
            return Err(Failure { token: Some(token(-1, last)), ..Failure::expired(message) });
        }
        return Ok((at.min(store.revision()), Some(start)));
    }
    if given.is_empty() {
        return Ok((store.revision(), None));
    }
    let wanted: u64 = given.parse().map_err(|_| {
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {given:?}: strconv.ParseUint: parsing {given:?}: invalid syntax"
        ))
    })?;
    if wanted > store.revision() {
        return Err(too_large(store, wanted));
    }
    let rule = query.get("resourceVersionMatch");
    let exact = wanted > 0 && (rule == "Exact" || (rule.is_empty() && limited));
    if !exact {
        return Ok((store.revision(), None));
    }
    if wanted < store.compacted() {
        return Err(Failure::expired("The resourceVersion for the provided list is too old."));
    }
    Ok((wanted, None))
}

/// The token with which a list goes on after a key.
fn token(revision: i128, last: &str) -> String {
    let start = if revision < 0 { format!("{last}\0") } else { format!("/{last}\0") };
    let escaped = start.replace('\0', "\\u0000");
    URL_SAFE_NO_PAD.encode(format!(r#"{{"v":"meta.k8s.io/v1","rv":{revision},"start":"{escaped}"}}"#))
}

fn read_token(token: &str) -> Result<(i128, String), Failure> {
    let refuse =
        |why: &str| Failure::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refuse("illegal base64 data at input byte 0"))?;
    let first: String =
        String::from_utf8_lossy(bytes.get(..1).unwrap_or_default()).escape_unicode().to_string();
    let shown = bytes.first().map_or(first, |byte| format!("\\u{byte:04x}"));
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|_| refuse(&format!("invalid character '{shown}' looking for beginning of value")))?;
    let revision = value
        .get("rv")
        .and_then(Value::as_i64)
        .ok_or_else(|| refuse("incorrect encoded start resourceVersion"))?;
    let start = value.get("start").and_then(Value::as_str).unwrap_or_default();
    Ok((i128::from(revision), start.trim_start_matches('/').to_owned()))
}
