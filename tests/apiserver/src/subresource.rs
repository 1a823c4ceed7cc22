//! Subresources: status, scale, eviction, binding, approval, log, exec and the proxies. A subresource that a resource does not
//! have is not found, and one without the verb is refused.

mod exec;
mod log;
mod scale;

use std::sync::Arc;

use axum::body::Body;
use hyper::Response;
use serde_json::{Value, json};

use crate::answer::{Answer, json_response, shown};
use crate::double::Inner;
use crate::eviction::evict;
use crate::object::{items, name, set, set_condition, text, uid};
use crate::patch::patch;
use crate::read::{as_served, get};
use crate::resource::Resource;
use crate::serve::{Asked, accept};
use crate::status::{Failure, details};
use crate::store::Store;
use crate::target::Target;
use crate::write::{Update, Written, decode, replace, update};

pub use exec::{ExecRequest, Execution, Outcome};

/// Answers a request for a subresource.
pub async fn answer(
    inner: &Arc<Inner>,
    resource: &Arc<Resource>,
    target: &Target,
    part: &str,
    asked: Asked,
) -> Result<Response<Body>, Failure> {
    let method = asked.parts.method.as_str().to_owned();
    let known = resource.subresource(part).ok_or_else(Failure::no_resource)?;
    let verb = target.verb(&method, &asked.query);
    if !known.verbs.iter().any(|known| known == verb) {
        return Err(Failure::no_method());
    }
    match (resource.plural.as_str(), part) {
        ("pods", "exec" | "attach") => return exec::answer(inner, resource, target, asked).await,
        ("pods", "portforward" | "proxy") => {
            let pod = inner.look(|store| get(store, resource, target))?;
            let host = exec::host(inner, &pod)?;
            return Err(Failure::internal(format!("error dialing backend: {}", exec::unreachable(&host))));
        }
        ("pods", "log") => return log::answer(inner, resource, target, &asked).await,
        ("nodes", "proxy") => {
            let node = inner.look(|store| get(store, resource, target))?;
            let asked_for = target.tail.trim_matches('/') == "stats/summary";
            if let Some(told) = inner.summary(name(&node)).filter(|_| asked_for) {
                return Ok(json_response(200, &told));
            }
            let message = format!("error trying to reach service: {}", exec::unreachable(&address(&node)));
            return Err(Failure::new(503, "ServiceUnavailable", message));
        }
        ("services", "proxy") => return Err(service_proxy(inner, resource, target)),
        _ => {}
    }
    let accept = accept(&asked)?;
    if verb == "get" {
        let object = inner.look(|store| get(store, resource, target))?;
        let object = if part == "scale" { scale::of(&object) } else { object };
        return Ok(shown(accept, &Answer::ok(accept.show(resource, object, ""))));
    }
    let written = Written { target, query: &asked.query, headers: &asked.parts.headers, body: &asked.body };
    let answer = inner.change(|store| match (part, verb) {
        ("eviction", _) => evict(store, resource, &written),
        ("binding", _) => bind(store, &written),
        ("scale", _) => scale::change(store, resource, &written, verb),
        ("token", _) => token(store, resource, &written),
        ("finalize", _) => finalize(store, resource, &written),
        (_, "update") => replace(store, resource, &written),
        (_, "patch") => patch(store, resource, &written),
        _ => Err(Failure::no_method()),
    })?;
    Ok(shown(accept, &answer))
}

/// The internal address of a node.
#[must_use]
pub fn address(node: &Value) -> String {
    let found = items(node, "/status/addresses").find(|entry| text(entry, "/type") == "InternalIP");
    found.map(|entry| text(entry, "/address").to_owned()).unwrap_or_default()
}

fn service_proxy(inner: &Arc<Inner>, resource: &Resource, target: &Target) -> Failure {
    let given = target.name.as_deref().unwrap_or_default();
    let own = given
        .split(':')
        .find(|part| !part.is_empty() && !matches!(*part, "http" | "https"))
        .unwrap_or_default();
    let space = target.space();
    inner.look(|store| {
        if store.get("services", space, own).is_none() {
            return Failure::not_found(resource, own);
        }
        if crate::admission::has_endpoint(store, space, own) {
            let message = "error trying to reach service: no network of pods behind this API server";
            return Failure::new(503, "ServiceUnavailable", message);
        }
        Failure::new(503, "ServiceUnavailable", format!("no endpoints available for service {own:?}"))
    })
}

/// Binds a pod to a node.
pub fn bind(store: &mut Store, written: &Written<'_>) -> Result<Answer, Failure> {
    let binding = decode(store, written, &["v1"], "Binding")?;
    let pods = crate::resource::find(store, "", "v1", "pods").ok_or_else(Failure::no_resource)?;
    let wanted = written.target.name.as_deref().unwrap_or(name(&binding)).to_owned();
    let target = Target { name: Some(wanted.clone()), ..written.target.clone() };
    let mut pod = get(store, &pods, &target)?;
    let node = text(&pod, "/spec/nodeName");
    if !node.is_empty() {
        let message = format!(
            "Operation cannot be fulfilled on pods/binding {wanted:?}: pod {wanted} is already assigned to node {node:?}"
        );
        return Err(Failure::new(409, "Conflict", message).with(details(&wanted, "", "pods/binding")));
    }
    set(&mut pod, "/spec/nodeName", text(&binding, "/target/name"));
    set_condition(&mut pod, "PodScheduled", "True", "", "");
    if !written.dry_run("CreateOptions")? {
        store.put("pods", pod);
    }
    Ok(Answer::success(201, None))
}

/// A token for a service account: no real one, but known by its name.
fn token(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let mut request = decode(store, written, &["authentication.k8s.io/v1"], "TokenRequest")?;
    let account = get(store, resource, written.target)?;
    set(&mut request, "/status/token", format!("token-of-{}", uid(&account)));
    set(&mut request, "/status/expirationTimestamp", crate::object::now());
    Ok(Answer::created(request))
}

/// Takes the finalizers of a namespace away; one that is terminating is then gone.
fn finalize(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let given = decode(store, written, &["v1"], "Namespace")?;
    let old = get(store, resource, written.target)?;
    let mut object = old.clone();
    set(
        &mut object,
        "/spec/finalizers",
        given.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([])),
    );
    let change =
        Update { old, dry_run: written.dry_run("UpdateOptions")?, part: Some("finalize"), manager: "" };
    let stored = update(store, resource, &change, object)?;
    Ok(Answer::ok(as_served(resource, &stored)))
}
