//! The statuses of workloads, counted from their pods, and the EndpointSlices of services.

use serde_json::{Value, json};

use super::controlled;
use crate::object::{
    controller, is_true, items, label, name, namespace, now, number, set, set_condition, suffix, terminating,
    text, uid,
};
use crate::selector::selects;
use crate::store::Store;

/// Brings the status of every workload up to date.
pub(super) fn run(store: &mut Store) {
    for resource in ["replicasets.apps", "statefulsets.apps", "daemonsets.apps", "deployments.apps"] {
        let all: Vec<Value> = store.list(resource, None).cloned().collect();
        for workload in all {
            let counted = count(store, resource, &workload);
            if counted != workload {
                store.put(resource, counted);
            }
        }
    }
}

fn count(store: &Store, resource: &str, workload: &Value) -> Value {
    let pods: Vec<Value> = match resource {
        "deployments.apps" => store
            .list("replicasets.apps", Some(namespace(workload)))
            .filter(|set| controller(set).is_some_and(|owner| text(owner, "/uid") == uid(workload)))
            .flat_map(|set| controlled(store, set))
            .collect(),
        _ => controlled(store, workload),
    };
    let living: Vec<&Value> = pods
        .iter()
        .filter(|pod| !terminating(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
        .collect();
    let ready = living.iter().filter(|pod| is_true(pod, "Ready")).count();
    let all = living.len();
    let mut object = workload.clone();
    let wanted = usize::try_from(number(workload, "/spec/replicas").unwrap_or(1)).unwrap_or_default();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    match resource {
        "daemonsets.apps" => {
            counts.extend([
                ("currentNumberScheduled", all),
                ("desiredNumberScheduled", all),
                ("numberAvailable", ready),
                ("numberMisscheduled", 0),
                ("numberReady", ready),
                ("numberUnavailable", all - ready),
                ("updatedNumberScheduled", all),
            ]);
        }
        _ => counts.extend([("replicas", all), ("readyReplicas", ready), ("availableReplicas", ready)]),
    }
    match resource {
        "replicasets.apps" => counts.push(("fullyLabeledReplicas", all)),
        "statefulsets.apps" => counts.extend([("currentReplicas", all), ("updatedReplicas", all)]),
        "deployments.apps" => {
            counts.extend([("updatedReplicas", all), ("unavailableReplicas", wanted.saturating_sub(ready))])
        }
        _ => {}
    }
    let kept =
        ["numberMisscheduled", "numberReady", "currentNumberScheduled", "desiredNumberScheduled", "replicas"];
    for (key, value) in counts {
        let pointer = format!("/status/{key}");
        if value == 0 && !kept.contains(&key) {
            crate::object::take(&mut object, &pointer);
        } else {
            set(&mut object, &pointer, value);
        }
    }
    set(&mut object, "/status/observedGeneration", number(workload, "/metadata/generation").unwrap_or(1));
    if resource == "deployments.apps" {
        conditions(&mut object, wanted, ready);
    }
    object
}

fn conditions(object: &mut Value, wanted: usize, ready: usize) {
    // A quarter may be missing.
    if ready * 4 >= wanted * 3 {
        set_condition(
            object,
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        );
    } else {
        set_condition(
            object,
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        );
    }
    let failed =
        items(object, "/status/conditions").any(|entry| text(entry, "/reason") == "ProgressDeadlineExceeded");
    if ready == wanted {
        let message = format!("Deployment \"{}\" has successfully progressed.", name(object));
        set_condition(object, "Progressing", "True", "NewReplicaSetAvailable", &message);
    } else if !failed {
        set_condition(object, "Progressing", "True", "ReplicaSetUpdated", "Deployment is progressing.");
    }
}

const SLICES: &str = "endpointslices.discovery.k8s.io";

/// Gives every service with a selector a slice with its pods.
pub(super) fn slices(store: &mut Store) {
    let services: Vec<Value> = store
        .list("services", None)
        .filter(|service| {
            service.pointer("/spec/selector").is_some_and(Value::is_object)
                && text(service, "/spec/type") != "ExternalName"
        })
        .cloned()
        .collect();
    for service in services {
        let of = |slice: &&Value| label(slice, "kubernetes.io/service-name") == Some(name(&service));
        let old = store.list(SLICES, Some(namespace(&service))).find(of).cloned();
        let slice = slice(store, &service, old.as_ref());
        if old.as_ref() != Some(&slice) {
            store.put(SLICES, slice);
        }
    }
}

fn slice(store: &Store, service: &Value, old: Option<&Value>) -> Value {
    let selector = json!({"matchLabels": service.pointer("/spec/selector")});
    let endpoint = |pod: &Value| {
        let ready = is_true(pod, "Ready");
        json!({
            "addresses": [text(pod, "/status/podIP")],
            "conditions": {"ready": ready && !terminating(pod), "serving": ready, "terminating": terminating(pod)},
            "nodeName": text(pod, "/spec/nodeName"),
            "targetRef": {"kind": "Pod", "name": name(pod), "namespace": namespace(pod), "uid": uid(pod)},
        })
    };
    let endpoints: Vec<Value> = store
        .list("pods", Some(namespace(service)))
        .filter(|pod| selects(Some(&selector), pod) && !text(pod, "/status/podIP").is_empty())
        .map(endpoint)
        .collect();
    let port = |port: &Value| {
        let target = number(port, "/targetPort").or_else(|| number(port, "/port"));
        json!({"name": text(port, "/name"), "port": target, "protocol": text(port, "/protocol")})
    };
    let mut slice = old.cloned().unwrap_or_else(|| {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-{}", name(service), suffix()), "generateName": format!("{}-", name(service)),
                "namespace": namespace(service), "uid": uuid::Uuid::new_v4().to_string(), "generation": 1, "creationTimestamp": now(),
                "labels": {
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": name(service),
                },
                "ownerReferences": [crate::cluster::reference(service)],
            },
            "addressType": "IPv4",
        })
    });
    set(&mut slice, "/endpoints", if endpoints.is_empty() { Value::Null } else { Value::Array(endpoints) });
    set(&mut slice, "/ports", items(service, "/spec/ports").map(port).collect::<Vec<_>>());
    slice
}
