//! Small controllers with the effects that clients wait for: the taint of a cordoned node, budgets, pods that end and come
//! again, statuses, endpoints, namespaces that end. Each can be frozen. They are functions of the state, run after each change.

mod budgets;
mod ends;
mod jobs;
mod kubelet;
mod lifecycle;
mod statuses;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::double::Inner;
use crate::object::{items, name, set, take, text};
use crate::store::Store;

/// Which controllers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controllers {
    /// The taint of cordoned nodes.
    pub nodes: bool,
    /// The status of budgets.
    pub budgets: bool,
    /// Pods that terminate end, and pods on a ready node come up.
    pub kubelet: bool,
    /// How long a pod takes to end.
    pub ending: Duration,
    /// Pods are put on nodes, workloads get the pods they want, and Jobs end.
    pub workloads: bool,
    /// Namespaces that are deleted end, owned objects go with their owners.
    pub garbage: bool,
    /// Services have EndpointSlices.
    pub slices: bool,
    /// How long a node may be silent before it is lost; none where nobody keeps nodes alive.
    pub lifecycle: Option<Duration>,
}

impl Controllers {
    /// All of them, with pods that end in a fifth of a second.
    #[must_use]
    pub fn all() -> Self {
        Self {
            nodes: true,
            budgets: true,
            kubelet: true,
            ending: Duration::from_millis(200),
            workloads: true,
            garbage: true,
            slices: true,
            lifecycle: None,
        }
    }

    /// None of them.
    #[must_use]
    pub fn none() -> Self {
        Self {
            nodes: false,
            budgets: false,
            kubelet: false,
            ending: Duration::from_millis(200),
            workloads: false,
            garbage: false,
            slices: false,
            lifecycle: None,
        }
    }
}

/// How often they look when nothing changes: what ends by time needs it.
const TICK: Duration = Duration::from_millis(50);

/// Runs the controllers for as long as the double runs.
pub async fn run(inner: Arc<Inner>) {
    let mut changed = inner.revisions();
    let mut kubelet = kubelet::Kubelet::default();
    let mut lifecycle = lifecycle::Lifecycle::default();
    loop {
        // What was asked for is seen by its client before a controller answers to it.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let controllers = inner.controllers();
        inner.change(|store| {
            pass(store, &controllers);
            if controllers.kubelet {
                kubelet.run(store, controllers.ending);
            }
            if let Some(grace) = controllers.lifecycle {
                lifecycle.run(store, grace);
            }
        });
        let _ = tokio::time::timeout(TICK, changed.changed()).await;
    }
}

/// One pass of those that need no time.
fn pass(store: &mut Store, controllers: &Controllers) {
    if controllers.nodes {
        taints(store);
    }
    if controllers.garbage {
        ends::run(store);
    }
    if controllers.workloads {
        workloads::run(store);
        jobs::run(store);
    }
    if controllers.workloads || controllers.kubelet {
        statuses::run(store);
    }
    if controllers.budgets {
        budgets::run(store);
    }
    if controllers.slices {
        statuses::slices(store);
    }
}

/// Brings statuses, budgets and slices up to date at once, for a cluster that is being built.
pub fn settle(store: &mut Store) {
    statuses::run(store);
    budgets::run(store);
    statuses::slices(store);
}

/// A cordoned node has the taint, another one has it not.
fn taints(store: &mut Store) {
    const KEY: &str = "node.kubernetes.io/unschedulable";
    let nodes: Vec<Value> = store.list("nodes", None).cloned().collect();
    for mut node in nodes {
        let cordoned = node.pointer("/spec/unschedulable") == Some(&json!(true));
        let mut list: Vec<Value> = items(&node, "/spec/taints").cloned().collect();
        let tainted = list.iter().any(|taint| text(taint, "/key") == KEY);
        if cordoned == tainted {
            continue;
        }
        if cordoned {
            list.push(json!({"key": KEY, "effect": "NoSchedule", "timeAdded": crate::object::now()}));
        } else {
            list.retain(|taint| text(taint, "/key") != KEY);
        }
        if list.is_empty() {
            take(&mut node, "/spec/taints");
        } else {
            set(&mut node, "/spec/taints", list);
        }
        store.put("nodes", node);
    }
}

/// Whether the kubelet of a node answers.
fn alive(store: &Store, node: &str) -> bool {
    store.get("nodes", "", node).is_some_and(|node| crate::object::is_true(node, "Ready"))
}

/// The pods that an object controls.
fn controlled(store: &Store, owner: &Value) -> Vec<Value> {
    let uid = crate::object::uid(owner);
    let own = |pod: &&Value| crate::object::controller(pod).is_some_and(|found| text(found, "/uid") == uid);
    store.list("pods", Some(crate::object::namespace(owner))).filter(own).cloned().collect()
}

/// The key of an object for a list of things to do.
fn key(object: &Value) -> (String, String) {
    (crate::object::namespace(object).to_owned(), name(object).to_owned())
}
