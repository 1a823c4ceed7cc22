//! The checks of objects whose refusals clients meet: names, labels, taints, pods, budgets, immutable fields. Whatever is
//! wrong is found at once, as causes with a field each.

use serde_json::{Value, json};

use crate::object::{items, name, set, take, terminating, text};
use crate::resource::Resource;
use crate::status::Cause;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
    start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const LABEL_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// What is wrong with a new object.
#[must_use]
pub fn new(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let given = name(object);
    // RBAC objects may be named with colons.
    let strict = resource.group != "rbac.authorization.k8s.io";
    if given.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if strict && !is_subdomain(given) {
        causes.push(Cause::invalid("metadata.name", &json!(given), SUBDOMAIN));
    }
    common(resource, object, &mut causes);
    if resource.qualified() == "pods" {
        pod(object, &mut causes);
    }
    causes
}

/// What is wrong with the new form of an object.
#[must_use]
pub fn changed(resource: &Resource, old: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    common(resource, object, &mut causes);
    finalizers(resource, old, object, &mut causes);
    let same = |pointer: &str| old.pointer(pointer) == object.pointer(pointer);
    match resource.qualified().as_str() {
        "pods" => pod_kept(old, object, &mut causes),
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            if !crate::selector::selects(
                object.pointer("/spec/selector"),
                &json!({"metadata": object.pointer("/spec/template/metadata")}),
            ) {
                let labels = object.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default();
                causes.push(Cause::invalid(
                    "spec.template.metadata.labels",
                    &labels,
                    "`selector` does not match template `labels`",
                ));
            }
            if !same("/spec/selector") {
                let selector = object.pointer("/spec/selector").cloned().unwrap_or_default();
                causes.push(Cause::invalid("spec.selector", &selector, "field is immutable"));
            }
        }
        "services" => {
            if !same("/spec/clusterIP") && !text(old, "/spec/clusterIP").is_empty() {
                let value = json!([text(object, "/spec/clusterIP")]);
                causes.push(Cause::invalid("spec.clusterIPs[0]", &value, "may not change once set"));
            }
        }
        _ => {}
    }
    causes
}

fn common(resource: &Resource, object: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten() {
        let part = key.rsplit('/').next().unwrap_or_default();
        if !is_label(part) || part.is_empty() {
            causes.push(Cause::invalid("metadata.labels", &json!(key), LABEL_KEY));
        }
        let value = value.as_str().unwrap_or_default();
        if !is_label(value) {
            causes.push(Cause::invalid("metadata.labels", &json!(value), LABEL_VALUE));
        }
    }
    match resource.qualified().as_str() {
        "nodes" => taints(object, causes),
        "poddisruptionbudgets.policy" => budget(object, causes),
        "configmaps" => {
            let size = |value: &Value| value.as_str().map_or(0, str::len);
            let maps = ["/data", "/binaryData"]
                .into_iter()
                .filter_map(|pointer| object.pointer(pointer)?.as_object());
            if maps.flat_map(|map| map.values()).map(size).sum::<usize>() > 1024 * 1024 {
                causes.push(Cause::new(
                    "FieldValueTooLong",
                    "[]",
                    "Too long: may not be more than 1048576 bytes",
                ));
            }
        }
        _ => {}
    }
}

fn taints(object: &Value, causes: &mut Vec<Cause>) {
    for (index, taint) in items(object, "/spec/taints").enumerate() {
        let effect = text(taint, "/effect");
        let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if !known.contains(&effect) {
            let cause = Cause::unsupported(
                format!("metadata.taints[{index}].effect"),
                &format!("{effect:?}"),
                &known,
            );
            // The server checks nodes twice, and so the cause is there twice.
            causes.extend([cause.clone(), cause]);
        }
    }
}

fn budget(object: &Value, causes: &mut Vec<Cause>) {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let (Some(least), Some(most)) = (spec.get("minAvailable"), spec.get("maxUnavailable")) else { return };
    let shown = json!({
        "MinAvailable": least,
        "Selector": spec.get("selector").cloned().unwrap_or_default(),
        "MaxUnavailable": most,
        "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
    });
    causes.push(Cause::invalid("spec", &shown, "minAvailable and maxUnavailable cannot be both set"));
}

fn finalizers(resource: &Resource, old: &Value, object: &Value, causes: &mut Vec<Cause>) {
    if !terminating(old) {
        return;
    }
    let before: Vec<&Value> = items(old, "/metadata/finalizers").collect();
    let added: Vec<String> = items(object, "/metadata/finalizers")
        .filter(|found| !before.contains(found))
        .map(|found| format!("{:?}", found.as_str().unwrap_or_default()))
        .collect();
    if added.is_empty() {
        return;
    }
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        added.join(", ")
    );
    let cause = Cause::forbidden("metadata.finalizers", &why);
    if resource.plural == "pods" {
        causes.push(cause.clone());
    }
    causes.push(cause);
}

fn pod(object: &Value, causes: &mut Vec<Cause>) {
    if items(object, "/spec/containers").next().is_none() {
        causes.push(Cause::required("spec.containers", ""));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, container) in items(object, "/spec/containers").enumerate() {
        let place = format!("spec.containers[{index}]");
        let given = text(container, "/name");
        if given.is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        if text(container, "/image").is_empty() {
            causes.push(Cause::required(format!("{place}.image"), ""));
        }
        for (number, port) in items(container, "/ports").enumerate() {
            let value = port.get("containerPort").cloned().unwrap_or_default();
            if !value.as_i64().is_some_and(|port| (1..=65_535).contains(&port)) {
                let field = format!("{place}.ports[{number}].containerPort");
                causes.push(Cause::invalid(field, &value, "must be between 1 and 65535, inclusive"));
            }
        }
        if seen.contains(&given) {
            let message = format!("Duplicate value: {given:?}");
            causes.push(Cause::new("FieldValueDuplicate", format!("{place}.name"), message));
        }
        seen.push(given);
    }
    let policy = text(object, "/spec/restartPolicy");
    let known = ["Always", "OnFailure", "Never"];
    if !known.contains(&policy) {
        causes.push(Cause::unsupported("spec.restartPolicy", &format!("{policy:?}"), &known));
    }
}

/// The few fields of the spec of a pod that may change.
fn pod_kept(old: &Value, object: &Value, causes: &mut Vec<Cause>) {
    let rest = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        for key in
            ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"]
        {
            take(&mut spec, &format!("/{key}"));
        }
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let mut containers: Vec<Value> = items(&spec, &format!("/{list}")).cloned().collect();
            containers.iter_mut().for_each(|container| {
                take(container, "/image");
            });
            if list == "ephemeralContainers" {
                take(&mut spec, "/ephemeralContainers");
            } else if !containers.is_empty() {
                set(&mut spec, &format!("/{list}"), containers);
            }
        }
        spec
    };
    let (before, after) = (rest(old), rest(object));
    if before == after {
        return;
    }
    let changed: Vec<&str> = after
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| before.get(*key) != Some(*value))
        .map(|(key, _)| key.as_str())
        .collect();
    let why = format!(
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
         `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
         `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  changed: {}\n",
        changed.join(", ")
    );
    causes.push(Cause::forbidden("spec", &why));
}

fn is_label(value: &str) -> bool {
    let edge = |found: Option<char>| found.is_none_or(|found| found.is_ascii_alphanumeric());
    value.len() <= 63
        && edge(value.chars().next())
        && edge(value.chars().last())
        && value.chars().all(|found| found.is_ascii_alphanumeric() || "-_.".contains(found))
}

fn is_subdomain(value: &str) -> bool {
    let part = |part: &str| {
        let edge = |found: Option<char>| {
            found.is_some_and(|found| found.is_ascii_lowercase() || found.is_ascii_digit())
        };
        edge(part.chars().next())
            && edge(part.chars().last())
            && part.chars().all(|found| found.is_ascii_lowercase() || found.is_ascii_digit() || found == '-')
    };
    value.len() <= 253 && value.split('.').all(part)
}
