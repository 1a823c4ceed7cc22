//! What the server fills in when an object is made: the defaults of pods and workloads that clients read back, and facts about
//! kinds that the rules of writing depend on.

use serde_json::{Value, json};

use crate::object::{items, set, text};
use crate::resource::Resource;
use crate::store::Store;

/// Whether objects of this kind count the changes of their spec.
#[must_use]
pub fn has_generation(resource: &Resource) -> bool {
    resource.custom()
        || matches!(
            resource.plural.as_str(),
            "pods"
                | "deployments"
                | "replicasets"
                | "statefulsets"
                | "daemonsets"
                | "jobs"
                | "cronjobs"
                | "poddisruptionbudgets"
                | "networkpolicies"
                | "ingresses"
                | "customresourcedefinitions"
                | "validatingwebhookconfigurations"
                | "mutatingwebhookconfigurations"
        )
}

/// Whether a replacement has to name the resourceVersion it replaces.
#[must_use]
pub fn demands_version(resource: &Resource) -> bool {
    resource.custom()
        || matches!(resource.group.as_str(), "policy" | "coordination.k8s.io" | "apiregistration.k8s.io")
        || resource.plural == "customresourcedefinitions"
}

/// Whether objects of this kind own others that are deleted with them.
#[must_use]
pub fn owns(resource: &Resource) -> bool {
    matches!(
        resource.plural.as_str(),
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" | "jobs" | "cronjobs"
    )
}

/// Fills in what is missing.
pub fn fill(store: &Store, resource: &Resource, object: &mut Value) {
    match resource.qualified().as_str() {
        "pods" => pod(store, object),
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" | "jobs.batch" => {
            workload(resource, object)
        }
        "namespaces" => namespace(object),
        "services" => service(store, object),
        "secrets" => secret(object),
        "nodes" if object.pointer("/spec/unschedulable") == Some(&json!(false)) => {
            crate::object::take(object, "/spec/unschedulable");
        }
        "persistentvolumeclaims" => {
            missing(object, "/spec/volumeMode", json!("Filesystem"));
            missing(object, "/status/phase", json!("Pending"));
        }
        _ => {}
    }
}

/// Sets a value where there is none.
fn missing(object: &mut Value, pointer: &str, value: Value) {
    if object.pointer(pointer).is_none_or(Value::is_null) {
        set(object, pointer, value);
    }
}

fn namespace(object: &mut Value) {
    let name = text(object, "/metadata/name").to_owned();
    missing(object, "/metadata/labels/kubernetes.io~1metadata.name", json!(name));
    if object.pointer("/metadata/deletionTimestamp").is_none() {
        missing(object, "/spec/finalizers", json!(["kubernetes"]));
    }
    missing(object, "/status/phase", json!("Active"));
}

fn secret(object: &mut Value) {
    use base64::Engine as _;
    missing(object, "/type", json!("Opaque"));
    let Some(Value::Object(given)) = crate::object::take(object, "/stringData") else { return };
    for (key, value) in given {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap_or_default());
        set(object, &format!("/data/{}", crate::object::escape(&key)), encoded);
    }
}

fn service(store: &Store, object: &mut Value) {
    missing(object, "/spec/type", json!("ClusterIP"));
    missing(object, "/spec/sessionAffinity", json!("None"));
    if text(object, "/spec/type") != "ExternalName" && text(object, "/spec/clusterIP").is_empty() {
        let used: Vec<&str> =
            store.list("services", None).map(|service| text(service, "/spec/clusterIP")).collect();
        let free = (100..255).map(|last| format!("10.96.0.{last}")).find(|ip| !used.contains(&ip.as_str()));
        let free = free.unwrap_or_else(|| "10.96.1.1".to_owned());
        set(object, "/spec/clusterIPs", json!([free]));
        set(object, "/spec/clusterIP", free);
    }
    let ports: Vec<Value> = items(object, "/spec/ports").cloned().map(service_port).collect();
    if !ports.is_empty() {
        set(object, "/spec/ports", ports);
    }
    missing(object, "/status", json!({"loadBalancer": {}}));
}

fn service_port(mut port: Value) -> Value {
    missing(&mut port, "/protocol", json!("TCP"));
    let number = port.get("port").cloned().unwrap_or_default();
    missing(&mut port, "/targetPort", number);
    port
}

fn workload(resource: &Resource, object: &mut Value) {
    match resource.plural.as_str() {
        "deployments" => {
            missing(object, "/spec/replicas", json!(1));
            missing(
                object,
                "/spec/strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}),
            );
            missing(object, "/spec/revisionHistoryLimit", json!(10));
            missing(object, "/spec/progressDeadlineSeconds", json!(600));
        }
        "replicasets" => missing(object, "/spec/replicas", json!(1)),
        "statefulsets" => {
            missing(object, "/spec/replicas", json!(1));
            missing(object, "/spec/podManagementPolicy", json!("OrderedReady"));
            missing(
                object,
                "/spec/updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
            );
            missing(object, "/spec/revisionHistoryLimit", json!(10));
        }
        "daemonsets" => {
            missing(
                object,
                "/spec/updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
            );
            missing(object, "/spec/revisionHistoryLimit", json!(10));
        }
        "jobs" => job(object),
        _ => {}
    }
    let restart = if resource.plural == "jobs" { "Never" } else { "Always" };
    if let Some(template) = object.pointer_mut("/spec/template") {
        pod_spec(template, restart);
    }
    missing(object, "/status", json!({}));
}

/// A Job selects its pods by its own uid, and names itself on them.
fn job(object: &mut Value) {
    for (key, value) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("manualSelector", json!(false)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        missing(object, &format!("/spec/{key}"), value);
    }
    let own = [text(object, "/metadata/uid").to_owned(), text(object, "/metadata/name").to_owned()];
    missing(object, "/spec/selector", json!({"matchLabels": {"batch.kubernetes.io/controller-uid": own[0]}}));
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        for prefix in ["batch.kubernetes.io~1", ""] {
            for (key, value) in ["controller-uid", "job-name"].iter().zip(&own) {
                missing(object, &format!("{labels}/{prefix}{key}"), json!(value));
            }
        }
    }
}

/// The defaults of a pod, or of the template of one.
fn pod_spec(pod: &mut Value, restart: &str) {
    for list in ["containers", "initContainers"] {
        let pointer = format!("/spec/{list}");
        let containers: Vec<Value> = items(pod, &pointer).cloned().map(container).collect();
        if !containers.is_empty() {
            set(pod, &pointer, containers);
        }
    }
    for (pointer, value) in [
        ("/spec/restartPolicy", json!(restart)),
        ("/spec/terminationGracePeriodSeconds", json!(30)),
        ("/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/securityContext", json!({})),
        ("/spec/schedulerName", json!("default-scheduler")),
    ] {
        missing(pod, pointer, value);
    }
}

fn container(mut container: Value) -> Value {
    missing(&mut container, "/resources", json!({}));
    missing(&mut container, "/terminationMessagePath", json!("/dev/termination-log"));
    missing(&mut container, "/terminationMessagePolicy", json!("File"));
    let image = text(&container, "/image");
    let latest = image.ends_with(":latest") || !image.rsplit('/').next().unwrap_or_default().contains(':');
    missing(&mut container, "/imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    let ports: Vec<Value> = items(&container, "/ports").cloned().collect();
    if !ports.is_empty() {
        let with = |mut port: Value| {
            missing(&mut port, "/protocol", json!("TCP"));
            port
        };
        set(&mut container, "/ports", ports.into_iter().map(with).collect::<Vec<_>>());
    }
    container
}

fn pod(store: &Store, object: &mut Value) {
    if object.pointer("/spec").is_none_or(|spec| !spec.is_object()) {
        return;
    }
    pod_spec(object, "Always");
    let class = text(object, "/spec/priorityClassName").to_owned();
    let priority = store
        .get("priorityclasses.scheduling.k8s.io", "", &class)
        .and_then(|class| class.get("value").cloned());
    missing(
        object,
        "/spec/priority",
        priority.unwrap_or_else(|| match class.as_str() {
            "system-node-critical" => json!(2_000_001_000),
            "system-cluster-critical" => json!(2_000_000_000),
            _ => json!(0),
        }),
    );
    missing(object, "/spec/enableServiceLinks", json!(true));
    missing(object, "/spec/preemptionPolicy", json!("PreemptLowerPriority"));
    let tolerates = |object: &Value, key: &str| {
        items(object, "/spec/tolerations").any(|known| {
            let of = text(known, "/key");
            (of == key || of.is_empty()) && matches!(text(known, "/effect"), "" | "NoExecute")
        })
    };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerates(object, key)
            && object.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_none()
        {
            let mut list: Vec<Value> = items(object, "/spec/tolerations").cloned().collect();
            list.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
            set(object, "/spec/tolerations", list);
        }
    }
    missing(object, "/status/phase", json!("Pending"));
    let class = quality(object);
    missing(object, "/status/qosClass", json!(class));
}

/// The quality of service of a pod by its requests and limits.
fn quality(pod: &Value) -> &'static str {
    let all: Vec<&Value> = items(pod, "/spec/containers").collect();
    let has = |container: &Value, kind: &str| {
        container
            .pointer(&format!("/resources/{kind}"))
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty())
    };
    if !all.iter().any(|container| has(container, "requests") || has(container, "limits")) {
        return "BestEffort";
    }
    let guaranteed = |container: &&Value| {
        let limits = container.pointer("/resources/limits");
        let requests = container.pointer("/resources/requests");
        ["cpu", "memory"].iter().all(|key| limits.and_then(|limits| limits.get(*key)).is_some())
            && (requests.is_none() || requests == limits)
    };
    if all.iter().all(guaranteed) { "Guaranteed" } else { "Burstable" }
}
