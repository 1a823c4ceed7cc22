//! The life of nodes that hosts keep alive: one that has not been heard of for a while is Unknown, is tainted, and its pods are
//! not ready; taints that end pods do so; what an out-of-service node held is let go. It runs only where hosts register.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::key;
use crate::cluster::unanswered;
use crate::delete::{Options, remove};
use crate::object::{
    is_true, items, label, name, namespace, now, number, set, set_condition, take, terminating, text,
};
use crate::store::Store;

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const ATTACHMENTS: &str = "volumeattachments.storage.k8s.io";

/// When each node was last heard of, and which ones are lost.
#[derive(Default)]
pub(super) struct Lifecycle {
    heard: BTreeMap<String, (String, Instant)>,
    lost: BTreeSet<String>,
}

impl Lifecycle {
    /// One round over all nodes.
    pub(super) fn run(&mut self, store: &mut Store, grace: Duration) {
        let nodes: Vec<Value> = store.list("nodes", None).cloned().collect();
        self.heard.retain(|known, _| nodes.iter().any(|node| name(node) == known));
        self.lost.retain(|known| nodes.iter().any(|node| name(node) == known));
        for (index, node) in nodes.iter().enumerate() {
            let own = name(node).to_owned();
            let mut changed = node.clone();
            if self.is_silent(store, node, grace) {
                if status(node) != "Unknown" {
                    unanswered(&mut changed);
                    mark_pods(store, &own, false);
                }
                self.lost.insert(own);
            } else if is_true(node, "Ready") && self.lost.remove(&own) {
                mark_pods(store, &own, true);
            }
            taint(&mut changed);
            network(store, &mut changed, index);
            if changed != *node {
                store.put("nodes", changed);
            }
        }
        end_pods(store);
        detach(store);
        endpoints(store);
    }

    fn is_silent(&mut self, store: &Store, node: &Value, grace: Duration) -> bool {
        let lease = store.get("leases.coordination.k8s.io", "kube-node-lease", name(node));
        let ready = items(node, "/status/conditions").find(|entry| text(entry, "/type") == "Ready");
        let renewed = lease.map(|lease| text(lease, "/spec/renewTime")).unwrap_or_default();
        let posted = ready.map(|ready| text(ready, "/lastHeartbeatTime")).unwrap_or_default();
        let beat = format!("{renewed} {posted}");
        match self.heard.get(name(node)) {
            Some((known, since)) if *known == beat => since.elapsed() >= grace,
            _ => {
                self.heard.insert(name(node).to_owned(), (beat, Instant::now()));
                false
            }
        }
    }
}

/// What the Ready condition of a node says.
fn status(node: &Value) -> &str {
    let ready = items(node, "/status/conditions").find(|entry| text(entry, "/type") == "Ready");
    ready.map(|ready| text(ready, "/status")).unwrap_or_default()
}

fn is_mirror(pod: &Value) -> bool {
    !text(pod, "/metadata/annotations/kubernetes.io~1config.mirror").is_empty()
}

fn on_node<'a>(store: &'a Store, node: &'a str) -> impl Iterator<Item = &'a Value> {
    store.list("pods", None).filter(move |pod| text(pod, "/spec/nodeName") == node)
}

/// The pods of a node that is lost are not ready, those of one that is back are; static pods are reported by their host.
fn mark_pods(store: &mut Store, node: &str, ready: bool) {
    let pods: Vec<Value> = on_node(store, node).filter(|pod| !(ready && is_mirror(pod))).cloned().collect();
    for mut pod in pods {
        let running = items(&pod, "/status/containerStatuses").all(|found| found["ready"] == json!(true));
        if ready && !running {
            continue;
        }
        set_condition(&mut pod, "Ready", if ready { "True" } else { "False" }, "", "");
        store.put("pods", pod);
    }
}

/// A node that is not ready carries a taint of that, once for the scheduler and once for its pods.
fn taint(node: &mut Value) {
    let wanted = match status(node) {
        "True" => None,
        "Unknown" => Some(UNREACHABLE),
        _ => Some(NOT_READY),
    };
    let mut list: Vec<Value> = items(node, "/spec/taints").cloned().collect();
    let before = list.clone();
    list.retain(|taint| {
        let own = text(taint, "/key");
        (own != NOT_READY && own != UNREACHABLE) || Some(own) == wanted
    });
    for effect in ["NoSchedule", "NoExecute"] {
        let Some(own) = wanted else { break };
        if !list.iter().any(|taint| text(taint, "/key") == own && text(taint, "/effect") == effect) {
            list.push(json!({"key": own, "effect": effect, "timeAdded": now()}));
        }
    }
    if list == before {
        return;
    }
    if list.is_empty() {
        take(node, "/spec/taints");
    } else {
        set(node, "/spec/taints", list);
    }
}

/// A node gets a range of addresses for its pods, and its network is there once calico runs on it.
fn network(store: &Store, node: &mut Value, index: usize) {
    if text(node, "/spec/podCIDR").is_empty() {
        let taken =
            |range: &str| store.list("nodes", None).any(|other| text(other, "/spec/podCIDR") == range);
        let free = (index..index + 250).map(|third| format!("10.244.{}.0/24", third % 250));
        if let Some(range) = free.into_iter().find(|range| !taken(range)) {
            set(node, "/spec/podCIDR", range.clone());
            set(node, "/spec/podCIDRs", json!([range]));
        }
    }
    let known = items(node, "/status/conditions").any(|entry| text(entry, "/type") == "NetworkUnavailable");
    let calico = |pod: &Value| label(pod, "k8s-app") == Some("calico-node") && is_true(pod, "Ready");
    if !known && on_node(store, name(node)).any(calico) {
        set_condition(node, "NetworkUnavailable", "False", "CalicoIsUp", "Calico is running on this node");
    }
}

/// How long a pod may stay on a node with a taint: none for ever.
fn tolerated(pod: &Value, taint: &Value) -> Option<i64> {
    let fits = |toleration: &&Value| {
        let same = |key: &str| text(toleration, key).is_empty() || text(toleration, key) == text(taint, key);
        let any = text(toleration, "/operator") == "Exists";
        same("/key") && same("/effect") && (any || text(toleration, "/value") == text(taint, "/value"))
    };
    let mut found = items(pod, "/spec/tolerations").filter(fits).peekable();
    if found.peek().is_none() {
        return Some(0);
    }
    found
        .map(|toleration| number(toleration, "/tolerationSeconds"))
        .collect::<Option<Vec<i64>>>()?
        .into_iter()
        .min()
}

/// Pods that do not tolerate a taint are deleted when their time is over; on a node out of service they are gone at once.
fn end_pods(store: &mut Store) {
    let Some(pods) = crate::resource::find(store, "", "v1", "pods") else { return };
    let nodes: Vec<Value> = store.list("nodes", None).cloned().collect();
    for node in &nodes {
        let taints: Vec<&Value> =
            items(node, "/spec/taints").filter(|taint| text(taint, "/effect") == "NoExecute").collect();
        let out_of_service = is_out_of_service(node);
        let own: Vec<Value> = on_node(store, name(node)).cloned().collect();
        for pod in own {
            if terminating(&pod) {
                if out_of_service {
                    let (space, own) = key(&pod);
                    store.remove("pods", &space, &own);
                }
                continue;
            }
            let over = |taint: &&Value| {
                tolerated(&pod, taint).is_some_and(|seconds| {
                    let since =
                        text(taint, "/timeAdded").parse::<Timestamp>().unwrap_or_else(|_| Timestamp::now());
                    seconds == 0 || since + SignedDuration::from_secs(seconds) < Timestamp::now()
                })
            };
            if taints.iter().any(over) {
                remove(store, &pods, &pod, &Options::default());
            }
        }
    }
}

fn is_out_of_service(node: &Value) -> bool {
    !is_true(node, "Ready") && items(node, "/spec/taints").any(|taint| text(taint, "/key") == OUT_OF_SERVICE)
}

/// A volume is detached from a node that is out of service, and from one where no pod uses it any more.
fn detach(store: &mut Store) {
    let attachments: Vec<Value> = store.list(ATTACHMENTS, None).cloned().collect();
    for attachment in attachments {
        let node = text(&attachment, "/spec/nodeName");
        let free = match store.get("nodes", "", node) {
            Some(node) if is_out_of_service(node) => true,
            Some(node) if is_true(node, "Ready") => {
                let volume = text(&attachment, "/spec/source/persistentVolumeName");
                let claim = store
                    .get("persistentvolumes", "", volume)
                    .and_then(|found| found.pointer("/spec/claimRef"));
                claim.is_some_and(|claim| !on_node(store, name(node)).any(|pod| mounts(pod, claim)))
            }
            _ => false,
        };
        if free {
            store.remove(ATTACHMENTS, "", name(&attachment));
        }
    }
}

fn mounts(pod: &Value, claim: &Value) -> bool {
    namespace(pod) == text(claim, "/namespace")
        && items(pod, "/spec/volumes")
            .any(|volume| text(volume, "/persistentVolumeClaim/claimName") == text(claim, "/name"))
}

/// The service `kubernetes` leads to the API servers that are ready.
fn endpoints(store: &mut Store) {
    const SLICES: &str = "endpointslices.discovery.k8s.io";
    let Some(service) = store.get("services", "default", "kubernetes").cloned() else { return };
    let mut ready: Vec<String> = store
        .list("pods", Some("kube-system"))
        .filter(|pod| label(pod, "component") == Some("kube-apiserver") && is_true(pod, "Ready"))
        .map(|pod| text(pod, "/status/podIP").to_owned())
        .collect();
    ready.sort();
    let slice = store.get(SLICES, "default", "kubernetes").cloned();
    let mut slice = slice.unwrap_or_else(|| {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": "kubernetes", "namespace": "default", "uid": uuid::Uuid::new_v4().to_string(), "generation": 1,
                "creationTimestamp": now(), "labels": {"kubernetes.io/service-name": name(&service)},
            },
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        })
    });
    let of = |address: &String| json!({"addresses": [address], "conditions": {"ready": true}});
    set(&mut slice, "/endpoints", ready.iter().map(of).collect::<Vec<_>>());
    store.put(SLICES, slice);
}
