//! Workloads get the pods they want: Deployments through ReplicaSets, StatefulSets by number, DaemonSets one a node; pods that
//! no longer match are released; pods without a node are put on one that fits.

use serde_json::{Value, json};

use super::controlled;
use crate::cluster::{reference, replica_set};
use crate::object::{
    controller, is_true, items, label, name, namespace, now, number, set, set_condition, suffix, take,
    terminating, text, uid,
};
use crate::selector::selects;
use crate::store::Store;

/// One round.
pub(super) fn run(store: &mut Store) {
    release(store);
    deployments(store);
    for resource in ["replicasets.apps", "statefulsets.apps"] {
        let all: Vec<Value> =
            store.list(resource, None).filter(|owner| !terminating(owner)).cloned().collect();
        for owner in all {
            replicate(store, &owner);
        }
    }
    daemons(store);
    schedule(store);
}

/// Pods whose labels no longer match their owner stand alone from then on.
fn release(store: &mut Store) {
    let pods: Vec<Value> =
        store.list("pods", None).filter(|pod| controller(pod).is_some()).cloned().collect();
    for mut pod in pods {
        let Some(owner) = controller(&pod).cloned() else { continue };
        let resource = match text(&owner, "/kind") {
            "ReplicaSet" => "replicasets.apps",
            "StatefulSet" => "statefulsets.apps",
            "DaemonSet" => "daemonsets.apps",
            _ => continue,
        };
        let found = store.get(resource, namespace(&pod), text(&owner, "/name"));
        if found.is_some_and(|found| !selects(found.pointer("/spec/selector"), &pod)) {
            take(&mut pod, "/metadata/ownerReferences");
            store.put("pods", pod);
        }
    }
}

/// The hash of a template, by which its ReplicaSet is found.
fn hash(template: &Value) -> String {
    let id =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, template.to_string().as_bytes()).simple().to_string();
    id.get(..10).unwrap_or_default().to_owned()
}

/// The template as its ReplicaSet has it, without the label that the ReplicaSet adds.
fn plain(template: Option<&Value>) -> Value {
    let mut template = template.cloned().unwrap_or_default();
    take(&mut template, "/metadata/labels/pod-template-hash");
    template
}

fn deployments(store: &mut Store) {
    let all: Vec<Value> =
        store.list("deployments.apps", None).filter(|found| !terminating(found)).cloned().collect();
    for deployment in all {
        let own: Vec<Value> = store
            .list("replicasets.apps", Some(namespace(&deployment)))
            .filter(|set| controller(set).is_some_and(|owner| text(owner, "/uid") == uid(&deployment)))
            .cloned()
            .collect();
        let template = plain(deployment.pointer("/spec/template"));
        let current = own.iter().find(|set| plain(set.pointer("/spec/template")) == template).cloned();
        let wanted = deployment.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(1));
        let current = current.unwrap_or_else(|| {
            let hash = hash(&template);
            let mut labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
            set(&mut labels, "/pod-template-hash", hash.clone());
            let mut made = replica_set(&deployment, &hash, &labels);
            set(
                &mut made,
                "/metadata/annotations/deployment.kubernetes.io~1revision",
                (own.len() + 1).to_string(),
            );
            set(&mut made, "/metadata/creationTimestamp", now());
            made
        });
        let revision = text(&current, "/metadata/annotations/deployment.kubernetes.io~1revision").to_owned();
        for mut old in own.into_iter().filter(|set| uid(set) != uid(&current)) {
            if number(&old, "/spec/replicas") != Some(0) {
                set(&mut old, "/spec/replicas", 0);
                bump(&mut old);
                store.put("replicasets.apps", old);
            }
        }
        let mut current = current;
        if current.pointer("/spec/replicas") != Some(&wanted)
            || current.pointer("/metadata/resourceVersion").is_none()
        {
            set(&mut current, "/spec/replicas", wanted);
            bump(&mut current);
            store.put("replicasets.apps", current);
        }
        let mut deployment = deployment;
        let key = "/metadata/annotations/deployment.kubernetes.io~1revision";
        if !revision.is_empty() && text(&deployment, key) != revision {
            set(&mut deployment, key, revision);
            store.put("deployments.apps", deployment);
        }
    }
}

fn bump(object: &mut Value) {
    let generation = number(object, "/metadata/generation").unwrap_or_default();
    set(object, "/metadata/generation", generation + 1);
}

/// A pod of an owner's template.
pub(super) fn from_template(owner: &Value, own: &str) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let mut metadata = json!({
        "name": own, "generateName": format!("{}-", name(owner)), "namespace": namespace(owner),
        "uid": uuid::Uuid::new_v4().to_string(), "generation": 1, "creationTimestamp": now(),
    });
    for key in ["labels", "annotations"] {
        if let Some(value) = template.pointer(&format!("/metadata/{key}")) {
            set(&mut metadata, &format!("/{key}"), value.clone());
        }
    }
    set(&mut metadata, "/ownerReferences", json!([reference(owner)]));
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": template.get("spec").cloned().unwrap_or_default(), "status": {"phase": "Pending", "qosClass": "BestEffort"},
    })
}

pub(super) fn create(store: &mut Store, mut pod: Value) {
    let pods = crate::resource::find(store, "", "v1", "pods");
    if let Some(pods) = pods {
        crate::defaults::fill(store, &pods, &mut pod);
        store.put("pods", pod);
    }
}

pub(super) fn counts(pod: &Value) -> bool {
    !terminating(pod) && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Makes and ends pods of a ReplicaSet or StatefulSet until there are as many as it wants.
fn replicate(store: &mut Store, owner: &Value) {
    let wanted = usize::try_from(number(owner, "/spec/replicas").unwrap_or(1)).unwrap_or_default();
    let pods = controlled(store, owner);
    if text(owner, "/kind") == "StatefulSet" {
        for index in 0..wanted {
            let own = format!("{}-{index}", name(owner));
            if store.get("pods", namespace(owner), &own).is_none() {
                let mut pod = from_template(owner, &own);
                set(&mut pod, "/metadata/labels/statefulset.kubernetes.io~1pod-name", own.clone());
                set(&mut pod, "/metadata/labels/apps.kubernetes.io~1pod-index", index.to_string());
                create(store, pod);
                // One after the other.
                break;
            }
        }
        let surplus = |pod: &&Value| {
            let index = name(pod).rsplit('-').next().and_then(|index| index.parse::<usize>().ok());
            index.is_some_and(|index| index >= wanted)
        };
        delete(store, pods.iter().filter(surplus));
        return;
    }
    let running: Vec<&Value> = pods.iter().filter(|pod| counts(pod)).collect();
    for _ in running.len()..wanted {
        create(store, from_template(owner, &format!("{}-{}", name(owner), suffix())));
    }
    delete(
        store,
        running.into_iter().rev().take(pods.iter().filter(|pod| counts(pod)).count().saturating_sub(wanted)),
    );
}

fn delete<'a>(store: &mut Store, pods: impl Iterator<Item = &'a Value>) {
    let Some(resource) = crate::resource::find(store, "", "v1", "pods") else { return };
    for pod in pods.filter(|pod| !terminating(pod)) {
        crate::delete::remove(store, &resource, pod, &crate::delete::Options::default());
    }
}

fn daemons(store: &mut Store) {
    let all: Vec<Value> =
        store.list("daemonsets.apps", None).filter(|found| !terminating(found)).cloned().collect();
    for owner in all {
        let pods = controlled(store, &owner);
        let nodes: Vec<String> = store
            .list("nodes", None)
            .filter(|node| selected(&owner, node))
            .map(|node| name(node).to_owned())
            .collect();
        for node in nodes {
            if pods.iter().any(|pod| text(pod, "/spec/nodeName") == node) {
                continue;
            }
            let mut pod = from_template(&owner, &format!("{}-{}", name(&owner), suffix()));
            set(&mut pod, "/spec/nodeName", node);
            set(&mut pod, "/spec/tolerations", json!([{"operator": "Exists"}]));
            set_condition(&mut pod, "PodScheduled", "True", "", "");
            create(store, pod);
        }
    }
}

/// Whether a node has the labels a template asks for.
fn selected(owner: &Value, node: &Value) -> bool {
    let wanted =
        owner.pointer("/spec/template/spec/nodeSelector").or_else(|| owner.pointer("/spec/nodeSelector"));
    let mut labels = wanted.and_then(Value::as_object).into_iter().flatten();
    labels.all(|(key, value)| label(node, key) == value.as_str())
}

fn tolerates(pod: &Value, taint: &Value) -> bool {
    items(pod, "/spec/tolerations").any(|toleration| {
        let fits = |key: &str| text(toleration, key).is_empty() || text(toleration, key) == text(taint, key);
        fits("/key")
            && fits("/effect")
            && (text(toleration, "/operator") == "Exists"
                || text(toleration, "/value") == text(taint, "/value"))
    })
}

/// Puts pods without a node on the ready node with the fewest pods that they fit on.
fn schedule(store: &mut Store) {
    let waiting: Vec<Value> = store
        .list("pods", None)
        .filter(|pod| {
            text(pod, "/spec/nodeName").is_empty()
                && !terminating(pod)
                && text(pod, "/status/phase") == "Pending"
        })
        .cloned()
        .collect();
    let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    for mut pod in waiting {
        let fits = |node: &&Value| {
            let open = |taint: &Value| text(taint, "/effect") == "PreferNoSchedule" || tolerates(&pod, taint);
            is_true(node, "Ready")
                && (node.pointer("/spec/unschedulable") != Some(&json!(true)) || tolerates(&pod, &cordon))
                && items(node, "/spec/taints").all(open)
                && selected(&json!({"spec": {"nodeSelector": pod.pointer("/spec/nodeSelector")}}), node)
        };
        let load = |node: &&Value| {
            store.list("pods", None).filter(|pod| text(pod, "/spec/nodeName") == name(node)).count()
        };
        let chosen =
            store.list("nodes", None).filter(fits).min_by_key(load).map(|node| name(node).to_owned());
        match chosen {
            Some(node) => {
                set(&mut pod, "/spec/nodeName", node);
                set_condition(&mut pod, "PodScheduled", "True", "", "");
            }
            None => {
                let count = store.list("nodes", None).count();
                let message = format!(
                    "0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector or were unschedulable."
                );
                set_condition(&mut pod, "PodScheduled", "False", "Unschedulable", &message);
            }
        }
        store.put("pods", pod);
    }
}
