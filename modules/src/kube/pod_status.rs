//! A pod's state as kubectl prints it, and whether it is well. Among a pod's many fields the one word that says most is found here:
//! `CrashLoopBackOff`, `Init:1/2`, `Terminating`. A pod comes in, a word and its reason go out.

use crate::kube::fields::{condition, is_true, items, number, text};
use serde_json::Value as Json;

/// What one container of a pod says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// kubectl's word.
    pub word: String,
    /// The container that made it so.
    pub container: String,
    /// What there is to say besides: an exit code, a message.
    pub why: String,
}

/// The word for a pod.
pub(crate) fn status(pod: &Json) -> Told {
    let mut told = Told { word: of_pod(pod), ..Told::default() };
    let starting = initializing(pod);
    match starting {
        Some(starting) if !is_true(pod, "Initialized") => told = starting,
        _ => {
            if let Some(running) = of_containers(pod) {
                told = running;
            }
        }
    }
    let over = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        if text(pod, "/status/reason") == "NodeLost" {
            told.word = "Unknown".into();
        } else if !over {
            told.word = "Terminating".into();
        }
    }
    told
}

fn of_pod(pod: &Json) -> String {
    let gated =
        condition(pod, "PodScheduled").is_some_and(|found| text(found, "/reason") == "SchedulingGated");
    match text(pod, "/status/reason") {
        _ if gated => "SchedulingGated".into(),
        "" => text(pod, "/status/phase").into(),
        reason => reason.into(),
    }
}

/// How a container that ended is called.
fn ended(state: &Json) -> String {
    match (text(state, "/reason"), number(state, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(state, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.into(),
    }
}

/// What is known of why a container is as it is.
fn why(container: &Json) -> String {
    let mut parts = vec![];
    let last = ["/state/terminated", "/lastState/terminated"].iter().find_map(|path| container.pointer(path));
    if let Some(last) = last {
        parts.push(format!("exit code {}", number(last, "/exitCode")));
        if text(last, "/reason") == "OOMKilled" {
            parts.push("OOMKilled".into());
        }
    }
    if number(container, "/restartCount") > 0 {
        parts.push(format!("{} restarts", number(container, "/restartCount")));
    }
    let message = text(container, "/state/waiting/message");
    if last.is_none() && !message.is_empty() {
        parts.push(message.lines().next().unwrap_or("").chars().take(160).collect());
    }
    parts.join(", ")
}

fn told(container: &Json, word: String) -> Told {
    Told { word, container: text(container, "/name").into(), why: why(container) }
}

/// The first init container that is not done, sidecars that run aside.
fn initializing(pod: &Json) -> Option<Told> {
    let count = items(pod, "/spec/initContainers").count();
    let stays = |own: &str| {
        items(pod, "/spec/initContainers")
            .any(|spec| text(spec, "/name") == own && text(spec, "/restartPolicy") == "Always")
    };
    for (at, container) in items(pod, "/status/initContainerStatuses").enumerate() {
        let ended_with = container.pointer("/state/terminated");
        if ended_with.is_some_and(|state| number(state, "/exitCode") == 0) {
            continue;
        }
        let started = container.get("started").and_then(Json::as_bool) == Some(true);
        if started && stays(text(container, "/name")) {
            continue;
        }
        let word = match (ended_with, text(container, "/state/waiting/reason")) {
            (Some(state), _) => ended(state),
            (None, "" | "PodInitializing") => format!("{at}/{count}"),
            (None, reason) => reason.into(),
        };
        return Some(told(container, format!("Init:{word}")));
    }
    None
}

/// The first container, in their order, that has something to say; a pod of which some ended well and some run is running.
fn of_containers(pod: &Json) -> Option<Told> {
    let mut found: Option<Told> = None;
    let mut runs = false;
    let containers: Vec<&Json> = items(pod, "/status/containerStatuses").collect();
    for container in containers.into_iter().rev() {
        let waiting = text(container, "/state/waiting/reason");
        let is_ready = container.get("ready").and_then(Json::as_bool) == Some(true);
        if !waiting.is_empty() {
            found = Some(told(container, waiting.into()));
        } else if let Some(state) = container.pointer("/state/terminated") {
            found = Some(told(container, ended(state)));
        } else if is_ready && container.pointer("/state/running").is_some() {
            runs = true;
        }
    }
    if let Some(told) = found.as_mut().filter(|told| told.word == "Completed" && runs) {
        told.word = if is_true(pod, "Ready") { "Running" } else { "NotReady" }.into();
    }
    found
}

/// Words of a pod that may only be on its way.
pub(crate) fn is_passing(word: &str) -> bool {
    let counted =
        word.strip_prefix("Init:").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    counted
        || matches!(
            word,
            "Pending"
                | "ContainerCreating"
                | "PodInitializing"
                | "Running"
                | "NotReady"
                | "Unknown"
                | "SchedulingGated"
        )
}

/// Whether a pod is neither finished nor running with all of its containers ready.
pub(crate) fn is_unwell(pod: &Json, word: &str) -> bool {
    match text(pod, "/status/phase") {
        "Succeeded" => false,
        "Failed" | "Pending" | "Unknown" | "" => true,
        _ => {
            let ready = |container: &Json| container.get("ready").and_then(Json::as_bool) == Some(true);
            let done = |container: &Json| {
                container.pointer("/state/terminated/exitCode").and_then(Json::as_i64) == Some(0)
            };
            !matches!(word, "Running" | "Completed")
                || !items(pod, "/status/containerStatuses").all(|one| ready(one) || done(one))
                || !is_true(pod, "Ready")
                    && condition(pod, "Ready").is_some_and(|c| text(c, "/reason") != "PodCompleted")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn word(pod: Json) -> String {
        status(&pod).word
    }

    #[test]
    fn the_word_is_kubectls() {
        let with =
            |containers: Json| json!({"status": {"phase": "Running", "containerStatuses": containers}});
        let running = json!({"name": "a", "ready": true, "state": {"running": {}}});
        assert_eq!(word(json!({"status": {"phase": "Pending"}})), "Pending");
        assert_eq!(word(json!({"status": {"phase": "Failed", "reason": "Evicted"}})), "Evicted");
        assert_eq!(word(with(json!([running]))), "Running");
        let crash = json!({"name": "b", "ready": false, "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}});
        let found = status(&with(json!([running, crash])));
        assert_eq!((found.word.as_str(), found.container.as_str()), ("CrashLoopBackOff", "b"));
        assert_eq!(found.why, "exit code 137, OOMKilled, 7 restarts");
        let done = json!({"name": "c", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        assert_eq!(word(with(json!([done]))), "Completed");
        assert_eq!(word(with(json!([running, done]))), "NotReady");
        let signalled = json!({"name": "d", "state": {"terminated": {"exitCode": 0, "signal": 9}}});
        assert_eq!(word(with(json!([signalled]))), "Signal:9");
    }

    #[test]
    fn init_containers_come_first_and_sidecars_that_run_do_not_count() {
        let pod = |statuses: Json| {
            json!({"spec": {"initContainers": [{"name": "side", "restartPolicy": "Always"}, {"name": "two"}]},
                "status": {"phase": "Pending", "initContainerStatuses": statuses,
                    "containerStatuses": [{"name": "m", "state": {"waiting": {"reason": "PodInitializing"}}}]}})
        };
        let side = json!({"name": "side", "started": true, "state": {"running": {}}});
        assert_eq!(word(pod(json!([side, {"name": "two", "state": {"running": {}}}]))), "Init:1/2");
        let bad = json!({"name": "two", "state": {"waiting": {"reason": "ImagePullBackOff"}}});
        assert_eq!(word(pod(json!([side, bad]))), "Init:ImagePullBackOff");
        let failed = json!({"name": "two", "state": {"terminated": {"exitCode": 3}}});
        assert_eq!(word(pod(json!([side, failed]))), "Init:ExitCode:3");
        assert!(is_passing("Init:1/2") && !is_passing("Init:ExitCode:3"));
    }

    #[test]
    fn a_pod_that_is_deleted_says_so() {
        let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
        assert_eq!(word(going), "Terminating");
        let lost = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running", "reason": "NodeLost"}});
        assert_eq!(word(lost), "Unknown");
    }
}
