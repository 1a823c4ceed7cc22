//! The cells of a row by resource, in the order of the columns.

use serde_json::{Value, json};

use super::{age, containers, duration, pod, since};
use crate::object::{is_true, items, name, number, terminating, text};
use crate::resource::Resource;
use crate::selector::line;

/// The cells of an object; none where its resource has no columns of its own.
pub(super) fn of(resource: &Resource, object: &Value) -> Option<Vec<Value>> {
    let own = json!(name(object));
    let spec = |key: &str| number(object, &format!("/spec/{key}")).unwrap_or_default();
    let status = |key: &str| number(object, &format!("/status/{key}")).unwrap_or_default();
    let names = json!(containers(object, "name"));
    let images = json!(containers(object, "image"));
    let selector = json!(or_none(line(object.pointer("/spec/selector"))));
    let cells = match resource.storage().as_str() {
        "pods" => pod::cells(object),
        "nodes" => node(object),
        "deployments.apps" => vec![
            own,
            json!(format!("{}/{}", status("readyReplicas"), spec("replicas"))),
            json!(status("updatedReplicas")),
            json!(status("availableReplicas")),
            age(object),
            names,
            images,
            selector,
        ],
        "replicasets.apps" => {
            vec![
                own,
                json!(spec("replicas")),
                json!(status("replicas")),
                json!(status("readyReplicas")),
                age(object),
                names,
                images,
                selector,
            ]
        }
        "statefulsets.apps" => {
            vec![
                own,
                json!(format!("{}/{}", status("readyReplicas"), spec("replicas"))),
                age(object),
                names,
                images,
            ]
        }
        "daemonsets.apps" => vec![
            own,
            json!(status("desiredNumberScheduled")),
            json!(status("currentNumberScheduled")),
            json!(status("numberReady")),
            json!(status("updatedNumberScheduled")),
            json!(status("numberAvailable")),
            json!(or_none(line(object.pointer("/spec/template/spec/nodeSelector")))),
            age(object),
            names,
            images,
            selector,
        ],
        "jobs.batch" => job(object, own, names, images, selector),
        "services" => service(object, own),
        "poddisruptionbudgets.policy" => {
            let bound = |key: &str| match object.pointer(&format!("/spec/{key}")) {
                Some(Value::String(text)) => json!(text),
                Some(other) => json!(other.to_string()),
                None => json!("N/A"),
            };
            vec![
                own,
                bound("minAvailable"),
                bound("maxUnavailable"),
                json!(status("disruptionsAllowed")),
                age(object),
            ]
        }
        "persistentvolumeclaims" => claim(object, own),
        "persistentvolumes" => volume(object, own),
        "configmaps" => {
            let size = |key: &str| object.get(key).and_then(Value::as_object).map_or(0, serde_json::Map::len);
            vec![own, json!(size("data") + size("binaryData")), age(object)]
        }
        "secrets" => {
            let size = object.get("data").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            vec![own, json!(text(object, "/type")), json!(size), age(object)]
        }
        "namespaces" => vec![own, json!(text(object, "/status/phase")), age(object)],
        "serviceaccounts" => vec![own, json!(items(object, "/secrets").count()), age(object)],
        "leases.coordination.k8s.io" => vec![own, json!(text(object, "/spec/holderIdentity")), age(object)],
        "events" => event(object),
        "componentstatuses" => component(object, own),
        "apiservices.apiregistration.k8s.io" => api_service(object, own),
        "certificatesigningrequests.certificates.k8s.io" => request(object, own),
        "storageclasses.storage.k8s.io" => vec![
            own,
            json!(text(object, "/provisioner")),
            json!(text(object, "/reclaimPolicy")),
            json!(text(object, "/volumeBindingMode")),
            json!(object.get("allowVolumeExpansion") == Some(&json!(true))),
            age(object),
        ],
        "endpointslices.discovery.k8s.io" => slice(object, own),
        _ => return None,
    };
    Some(cells)
}

fn or_none(value: String) -> String {
    if value.is_empty() { "<none>".to_owned() } else { value }
}

fn node(object: &Value) -> Vec<Value> {
    let mut status = match items(object, "/status/conditions").find(|entry| text(entry, "/type") == "Ready") {
        Some(ready) if text(ready, "/status") == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object.pointer("/spec/unschedulable") == Some(&json!(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    roles.sort_unstable();
    let address = |kind: &str| {
        let found = items(object, "/status/addresses").find(|entry| text(entry, "/type") == kind);
        json!(or_none(found.map(|entry| text(entry, "/address").to_owned()).unwrap_or_default()))
    };
    let info = |key: &str| text(object, &format!("/status/nodeInfo/{key}"));
    let kernel = match info("architecture") {
        "" => info("kernelVersion").to_owned(),
        architecture => format!("{} ({architecture})", info("kernelVersion")),
    };
    vec![
        json!(name(object)),
        json!(status),
        json!(or_none(roles.join(","))),
        age(object),
        json!(info("kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        json!(info("osImage")),
        json!(kernel),
        json!(info("containerRuntimeVersion")),
    ]
}

fn job(object: &Value, own: Value, names: Value, images: Value, selector: Value) -> Vec<Value> {
    let status = match () {
        () if is_true(object, "Complete") => "Complete",
        () if is_true(object, "Failed") => "Failed",
        () if terminating(object) => "Terminating",
        () if is_true(object, "Suspended") => "Suspended",
        () if is_true(object, "FailureTarget") => "FailureTarget",
        () if is_true(object, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    let done = number(object, "/status/succeeded").unwrap_or_default();
    let wanted = number(object, "/spec/completions").unwrap_or(1);
    let start = text(object, "/status/startTime").parse::<jiff::Timestamp>();
    let end = text(object, "/status/completionTime").parse::<jiff::Timestamp>();
    let lasted = match (start, end) {
        (Ok(start), Ok(end)) => duration(end.as_second() - start.as_second()),
        (Ok(_), Err(_)) => since(text(object, "/status/startTime")),
        _ => String::new(),
    };
    vec![
        own,
        json!(status),
        json!(format!("{done}/{wanted}")),
        json!(lasted),
        age(object),
        names,
        images,
        selector,
    ]
}

fn service(object: &Value, own: Value) -> Vec<Value> {
    let kind = text(object, "/spec/type");
    let ingress: Vec<&str> = items(object, "/status/loadBalancer/ingress")
        .map(
            |entry| if text(entry, "/ip").is_empty() { text(entry, "/hostname") } else { text(entry, "/ip") },
        )
        .collect();
    let mut external: Vec<&str> = items(object, "/spec/externalIPs").filter_map(Value::as_str).collect();
    external.extend(&ingress);
    let external = match kind {
        "ExternalName" => text(object, "/spec/externalName").to_owned(),
        "LoadBalancer" if external.is_empty() => "<pending>".to_owned(),
        _ => or_none(external.join(",")),
    };
    let port = |port: &Value| {
        let protocol = text(port, "/protocol");
        let at = number(port, "/port").unwrap_or_default();
        match number(port, "/nodePort") {
            Some(node) => format!("{at}:{node}/{protocol}"),
            None => format!("{at}/{protocol}"),
        }
    };
    let ports: Vec<String> = items(object, "/spec/ports").map(port).collect();
    vec![
        own,
        json!(kind),
        json!(or_none(text(object, "/spec/clusterIP").to_owned())),
        json!(external),
        json!(or_none(ports.join(","))),
        age(object),
        json!(or_none(line(object.pointer("/spec/selector")))),
    ]
}

fn modes(object: &Value, pointer: &str) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    items(object, pointer).map(short).collect::<Vec<_>>().join(",")
}

fn claim(object: &Value, own: Value) -> Vec<Value> {
    let phase = if terminating(object) { "Terminating" } else { text(object, "/status/phase") };
    let volume = text(object, "/spec/volumeName");
    let bound = |value: String| if volume.is_empty() { String::new() } else { value };
    vec![
        own,
        json!(phase),
        json!(volume),
        json!(bound(text(object, "/status/capacity/storage").to_owned())),
        json!(bound(modes(object, "/status/accessModes"))),
        json!(text(object, "/spec/storageClassName")),
        json!("<unset>"),
        age(object),
        json!(text(object, "/spec/volumeMode")),
    ]
}

fn volume(object: &Value, own: Value) -> Vec<Value> {
    let claim = match text(object, "/spec/claimRef/name") {
        "" => String::new(),
        name => format!("{}/{name}", text(object, "/spec/claimRef/namespace")),
    };
    let phase = if terminating(object) { "Terminating" } else { text(object, "/status/phase") };
    vec![
        own,
        json!(text(object, "/spec/capacity/storage")),
        json!(modes(object, "/spec/accessModes")),
        json!(text(object, "/spec/persistentVolumeReclaimPolicy")),
        json!(phase),
        json!(claim),
        json!(text(object, "/spec/storageClassName")),
        json!("<unset>"),
        json!(text(object, "/status/reason")),
        age(object),
        json!(text(object, "/spec/volumeMode")),
    ]
}

fn event(object: &Value) -> Vec<Value> {
    let at = |pointer: &str| text(object, pointer);
    let first = if at("/firstTimestamp").is_empty() { at("/eventTime") } else { at("/firstTimestamp") };
    let last = match (at("/series/lastObservedTime"), at("/lastTimestamp")) {
        ("", "") => first,
        ("", last) => last,
        (last, _) => last,
    };
    let count = number(object, "/series/count").or_else(|| number(object, "/count")).unwrap_or(1);
    let source = match (at("/source/component"), at("/source/host")) {
        ("", _) => at("/reportingComponent").to_owned(),
        (component, "") => component.to_owned(),
        (component, host) => format!("{component}, {host}"),
    };
    let about = format!("{}/{}", at("/involvedObject/kind").to_lowercase(), at("/involvedObject/name"));
    vec![
        json!(since(last)),
        json!(at("/type")),
        json!(at("/reason")),
        json!(about),
        json!(at("/involvedObject/fieldPath")),
        json!(source),
        json!(at("/message").trim()),
        json!(since(first)),
        json!(count),
        json!(name(object)),
    ]
}

fn component(object: &Value, own: Value) -> Vec<Value> {
    let healthy = items(object, "/conditions").find(|entry| text(entry, "/type") == "Healthy");
    let of = |key: &str| healthy.map(|entry| text(entry, key)).unwrap_or_default();
    let status = match of("/status") {
        "True" => "Healthy",
        "False" => "Unhealthy",
        _ => "Unknown",
    };
    vec![own, json!(status), json!(of("/message")), json!(of("/error"))]
}

fn api_service(object: &Value, own: Value) -> Vec<Value> {
    let service = match text(object, "/spec/service/name") {
        "" => "Local".to_owned(),
        service => format!("{}/{service}", text(object, "/spec/service/namespace")),
    };
    let available = items(object, "/status/conditions").find(|entry| text(entry, "/type") == "Available");
    let available = match available {
        Some(entry) if text(entry, "/status") == "True" => "True".to_owned(),
        Some(entry) => format!("{} ({})", text(entry, "/status"), text(entry, "/reason")),
        None => "Unknown".to_owned(),
    };
    vec![own, json!(service), json!(available), age(object)]
}

fn request(object: &Value, own: Value) -> Vec<Value> {
    let mut condition: Vec<&str> =
        items(object, "/status/conditions").map(|entry| text(entry, "/type")).collect();
    if condition.is_empty() {
        condition.push("Pending");
    }
    if !text(object, "/status/certificate").is_empty() {
        condition.push("Issued");
    }
    let duration = number(object, "/spec/expirationSeconds").map_or_else(|| "<none>".to_owned(), duration);
    vec![
        own,
        age(object),
        json!(text(object, "/spec/signerName")),
        json!(text(object, "/spec/username")),
        json!(duration),
        json!(condition.join(",")),
    ]
}

fn slice(object: &Value, own: Value) -> Vec<Value> {
    let unset = |value: String| if value.is_empty() { "<unset>".to_owned() } else { value };
    let ports = items(object, "/ports").filter_map(|port| number(port, "/port")).map(|port| port.to_string());
    let addresses = items(object, "/endpoints")
        .flat_map(|endpoint| items(endpoint, "/addresses"))
        .filter_map(Value::as_str);
    vec![
        own,
        json!(text(object, "/addressType")),
        json!(unset(ports.collect::<Vec<_>>().join(","))),
        json!(unset(addresses.collect::<Vec<_>>().join(","))),
        age(object),
    ]
}
