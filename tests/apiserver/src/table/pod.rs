//! The columns of a pod that the server computes: how many containers are ready, the status in one word, the restarts.

use serde_json::{Value, json};

use super::{age, since};
use crate::object::{is_true, items, name, number, terminating, text};

/// The cells of a pod.
pub(super) fn cells(pod: &Value) -> Vec<Value> {
    let none = |value: &str| if value.is_empty() { "<none>".to_owned() } else { value.to_owned() };
    let ready = items(pod, "/status/containerStatuses")
        .filter(|status| status.get("ready") == Some(&Value::Bool(true)));
    let running = |status: &&Value| status.pointer("/state/running").is_some();
    let all = items(pod, "/spec/containers").count() + sidecars(pod).count();
    let ready = ready.filter(running).count()
        + sidecars(pod).filter(|status| status.get("ready") == Some(&json!(true))).count();
    let gates: Vec<&Value> = items(pod, "/spec/readinessGates").collect();
    let passed = gates.iter().filter(|gate| is_true(pod, text(gate, "/conditionType"))).count();
    let shown_gates =
        if gates.is_empty() { "<none>".to_owned() } else { format!("{passed}/{}", gates.len()) };
    vec![
        json!(name(pod)),
        json!(format!("{ready}/{all}")),
        json!(status(pod)),
        json!(restarts(pod)),
        age(pod),
        json!(none(text(pod, "/status/podIP"))),
        json!(none(text(pod, "/spec/nodeName"))),
        json!(none(text(pod, "/status/nominatedNodeName"))),
        json!(shown_gates),
    ]
}

/// The statuses of init containers that keep running.
fn sidecars(pod: &Value) -> impl Iterator<Item = &Value> {
    let always =
        items(pod, "/spec/initContainers").filter(|container| text(container, "/restartPolicy") == "Always");
    let names: Vec<&str> = always.map(|container| text(container, "/name")).collect();
    items(pod, "/status/initContainerStatuses").filter(move |status| names.contains(&text(status, "/name")))
}

/// The status of a pod in one word.
fn status(pod: &Value) -> String {
    let phase = text(pod, "/status/phase");
    let mut reason = match text(pod, "/status/reason") {
        "" => phase.to_owned(),
        own => own.to_owned(),
    };
    if items(pod, "/status/conditions").any(|entry| text(entry, "/reason") == "SchedulingGated") {
        reason = "SchedulingGated".to_owned();
    }
    let initializing = initializing(pod);
    match &initializing {
        Some(word) => reason.clone_from(word),
        None => {
            let mut running = false;
            let statuses: Vec<&Value> = items(pod, "/status/containerStatuses").collect();
            for status in statuses.iter().rev() {
                let waiting = text(status, "/state/waiting/reason");
                if !waiting.is_empty() {
                    reason = waiting.to_owned();
                } else if let Some(ended) = status.pointer("/state/terminated") {
                    reason = ended_reason(ended);
                } else if status.get("ready") == Some(&json!(true))
                    && status.pointer("/state/running").is_some()
                {
                    running = true;
                }
            }
            if reason == "Completed" && running {
                reason = if is_true(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
            }
        }
    }
    if terminating(pod) {
        if text(pod, "/status/reason") == "NodeLost" {
            return "Unknown".to_owned();
        }
        if !matches!(phase, "Succeeded" | "Failed") {
            return "Terminating".to_owned();
        }
    }
    reason
}

fn ended_reason(ended: &Value) -> String {
    match (text(ended, "/reason"), number(ended, "/signal").unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", number(ended, "/exitCode").unwrap_or_default()),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// What holds a pod whose init containers have not all ended well.
fn initializing(pod: &Value) -> Option<String> {
    let all = items(pod, "/spec/initContainers").count();
    for (index, status) in items(pod, "/status/initContainerStatuses").enumerate() {
        let sidecar = sidecars(pod).any(|found| found == status);
        if let Some(ended) = status.pointer("/state/terminated") {
            if number(ended, "/exitCode") == Some(0) {
                continue;
            }
            return Some(format!("Init:{}", ended_reason(ended)));
        }
        if sidecar && status.get("started") == Some(&json!(true)) {
            continue;
        }
        return Some(match text(status, "/state/waiting/reason") {
            "" | "PodInitializing" => format!("Init:{index}/{all}"),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

/// The restarts, and how long ago the last was.
fn restarts(pod: &Value) -> String {
    let lists = match initializing(pod) {
        Some(_) => "/status/initContainerStatuses",
        None => "/status/containerStatuses",
    };
    let count: i64 = items(pod, lists).filter_map(|status| number(status, "/restartCount")).sum();
    let last = items(pod, lists)
        .map(|status| text(status, "/lastState/terminated/finishedAt"))
        .max()
        .unwrap_or_default();
    if count > 0 && !last.is_empty() { format!("{count} ({} ago)", since(last)) } else { count.to_string() }
}
