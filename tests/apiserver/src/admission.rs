//! Admission: what stands between a good object and the store. Webhooks whose service is gone refuse as they do for real, and
//! a quota of pods holds. Webhooks are never called.

use serde_json::{Value, json};

use crate::object::{items, name, namespace, number, text};
use crate::resource::Resource;
use crate::selector::selects;
use crate::status::{Cause, Failure};
use crate::store::Store;

/// Refuses a new object, or lets it in with warnings.
pub fn review(store: &Store, resource: &Resource, object: &Value) -> Result<Vec<String>, Failure> {
    webhooks(store, resource, object)?;
    quota(store, resource, object)?;
    Ok(Vec::new())
}

fn webhooks(store: &Store, resource: &Resource, object: &Value) -> Result<(), Failure> {
    let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    let all = kinds.map(|kind| format!("{kind}.admissionregistration.k8s.io"));
    for configuration in all.iter().flat_map(|kind| store.list(kind, None)) {
        for hook in items(configuration, "/webhooks") {
            if applies(store, hook, resource, object) {
                call(store, hook)?;
            }
        }
    }
    Ok(())
}

fn applies(store: &Store, hook: &Value, resource: &Resource, object: &Value) -> bool {
    let has = |rule: &Value, key: &str, wanted: &str| {
        items(rule, &format!("/{key}")).any(|found| found == "*" || found.as_str() == Some(wanted))
    };
    let rule = items(hook, "/rules").any(|rule| {
        has(rule, "apiGroups", &resource.group)
            && has(rule, "apiVersions", &resource.version)
            && has(rule, "resources", &resource.plural)
            && has(rule, "operations", "CREATE")
    });
    let all = |selector: Option<&Value>, object: &Value| {
        selector.is_none_or(|selector| selects(Some(selector), object))
    };
    let space = store.get("namespaces", "", namespace(object)).cloned().unwrap_or_default();
    rule && all(hook.get("objectSelector"), object)
        && (namespace(object).is_empty() || all(hook.get("namespaceSelector"), &space))
}

/// A hook fails when its service is not there or has no ready endpoint; one that can be reached says yes.
fn call(store: &Store, hook: &Value) -> Result<(), Failure> {
    if text(hook, "/failurePolicy") == "Ignore" || hook.pointer("/clientConfig/service").is_none() {
        return Ok(());
    }
    let service = |key: &str| text(hook, &format!("/clientConfig/service/{key}"));
    let (space, name) = (service("namespace"), service("name"));
    let seconds = number(hook, "/timeoutSeconds").unwrap_or(10);
    let port = number(hook, "/clientConfig/service/port").unwrap_or(443);
    let path = if service("path").is_empty() { "/" } else { service("path") };
    let why = if store.get("services", space, name).is_none() {
        format!("service {name:?} not found")
    } else if !has_endpoint(store, space, name) {
        format!("no endpoints available for service {name:?}")
    } else {
        return Ok(());
    };
    let url = format!("https://{name}.{space}.svc:{port}{path}?timeout={seconds}s");
    let message = format!(
        "failed calling webhook {:?}: failed to call webhook: Post {url:?}: {why}",
        text(hook, "/name")
    );
    let failure = Failure::new(500, "InternalError", format!("Internal error occurred: {message}"));
    Err(failure.causes(&[Cause::new("", "", message)]))
}

/// Whether a service has a ready endpoint.
#[must_use]
pub fn has_endpoint(store: &Store, space: &str, service: &str) -> bool {
    store
        .list("endpointslices.discovery.k8s.io", Some(space))
        .filter(|slice| crate::object::label(slice, "kubernetes.io/service-name") == Some(service))
        .any(|slice| {
            items(slice, "/endpoints")
                .any(|endpoint| endpoint.pointer("/conditions/ready") == Some(&json!(true)))
        })
}

fn quota(store: &Store, resource: &Resource, object: &Value) -> Result<(), Failure> {
    if resource.qualified() != "pods" {
        return Ok(());
    }
    for quota in store.list("resourcequotas", Some(namespace(object))) {
        let hard = |key: &str| quota.pointer(&format!("/spec/hard/{key}"));
        let of = name(quota);
        if hard("requests.cpu").or_else(|| hard("cpu")).is_some() {
            let without: Vec<&str> = items(object, "/spec/containers")
                .filter(|container| container.pointer("/resources/requests/cpu").is_none())
                .map(|container| text(container, "/name"))
                .collect();
            if !without.is_empty() {
                let why = format!("failed quota: {of}: must specify requests.cpu for: {}", without.join(","));
                return Err(Failure::forbidden(resource, name(object), &why));
            }
        }
        let limit = hard("pods").and_then(|limit| limit.as_str()?.parse::<usize>().ok());
        let used = store.list("pods", Some(namespace(object))).count();
        if let Some(limit) = limit.filter(|limit| used >= *limit) {
            let why =
                format!("exceeded quota: {of}, requested: pods=1, used: pods={used}, limited: pods={limit}");
            return Err(Failure::forbidden(resource, name(object), &why));
        }
    }
    Ok(())
}
