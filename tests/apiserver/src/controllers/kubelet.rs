//! The kubelets of ready nodes: pods that are deleted end after a while, pods that are bound come up, and those of Jobs end well.
//! A node that is lost does none of it, and so its pods stay.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alive;
use crate::object::{controller, items, name, namespace, now, number, set, terminating, text, uid};
use crate::store::Store;

/// What the kubelets remember: since when each pod is ending, and since when each pod of a Job runs that they brought up.
#[derive(Default)]
pub(super) struct Kubelet {
    ending: BTreeMap<String, Instant>,
    working: BTreeMap<String, Instant>,
}

impl Kubelet {
    /// One round over all pods.
    pub(super) fn run(&mut self, store: &mut Store, ending: Duration) {
        let pods: Vec<Value> = store.list("pods", None).cloned().collect();
        for known in [&mut self.ending, &mut self.working] {
            known.retain(|known, _| pods.iter().any(|pod| uid(pod) == known));
        }
        for mut pod in pods {
            if !alive(store, text(&pod, "/spec/nodeName")) {
                continue;
            }
            if terminating(&pod) {
                let since = *self.ending.entry(uid(&pod).to_owned()).or_insert_with(Instant::now);
                let grace = number(&pod, "/metadata/deletionGracePeriodSeconds").unwrap_or_default();
                if grace == 0 || since.elapsed() >= ending.min(Duration::from_secs(grace.unsigned_abs())) {
                    end(store, pod);
                }
            } else if text(&pod, "/status/phase") == "Pending"
                // What mirrors a static pod is reported by the host that runs it.
                && text(&pod, "/metadata/annotations/kubernetes.io~1config.mirror").is_empty()
                && items(&pod, "/status/containerStatuses").next().is_none()
            {
                let host =
                    store.get("nodes", "", text(&pod, "/spec/nodeName")).map(crate::subresource::address);
                let host = host.unwrap_or_default();
                crate::cluster::run(&mut pod, &host);
                if pod.pointer("/spec/hostNetwork") == Some(&json!(true)) {
                    set(&mut pod, "/status/podIP", host.clone());
                    set(&mut pod, "/status/podIPs", json!([{"ip": host}]));
                }
                if controller(&pod).is_some_and(|owner| text(owner, "/kind") == "Job") {
                    self.working.insert(uid(&pod).to_owned(), Instant::now());
                }
                store.put("pods", pod);
            } else if self.working.get(uid(&pod)).is_some_and(|since| since.elapsed() >= ending) {
                self.working.remove(uid(&pod));
                set_down(&mut pod, "PodCompleted");
                set(&mut pod, "/status/phase", "Succeeded");
                store.put("pods", pod);
            }
        }
    }
}

/// The containers of a pod have ended, and it is not ready for that reason.
fn set_down(pod: &mut Value, reason: &str) {
    for kind in ["Ready", "ContainersReady"] {
        crate::object::set_condition(pod, kind, "False", reason, "");
    }
    let ended: Vec<Value> = items(pod, "/status/containerStatuses").cloned().map(ended).collect();
    set(pod, "/status/containerStatuses", ended);
}

/// The end of a pod as its watchers see it: its containers ended, its grace used up, and then it is gone if nothing holds it.
fn end(store: &mut Store, mut pod: Value) {
    let held = items(&pod, "/metadata/finalizers").next().is_some();
    if number(&pod, "/metadata/deletionGracePeriodSeconds") != Some(0) {
        set_down(&mut pod, "PodFailed");
        pod = store.put("pods", pod);
        set(&mut pod, "/metadata/deletionGracePeriodSeconds", 0);
        set(&mut pod, "/metadata/deletionTimestamp", now());
        pod = store.put("pods", pod);
    }
    if !held {
        store.remove("pods", namespace(&pod), name(&pod));
    }
}

fn ended(mut status: Value) -> Value {
    set(&mut status, "/ready", false);
    set(&mut status, "/started", false);
    set(
        &mut status,
        "/state",
        json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now()}}),
    );
    status
}
