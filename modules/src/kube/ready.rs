//! When an object is as its waiter wants it: rolled out, ready, with a condition, or gone. An object as the API gives it comes
//! in, yes or no goes out.

use serde::Deserialize;
use serde_json::Value as Json;

/// `wait_condition`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub status: String,
    pub reason: Option<String>,
}

fn number(object: &Json, path: &str) -> i64 {
    object.pointer(path).and_then(Json::as_i64).unwrap_or(0)
}

/// Whether the object's controller has seen what is wished, and has done it.
pub(crate) fn is_ready(object: &Json) -> bool {
    let of = |path: &str| number(object, path);
    let has = |path: &str| object.pointer(path).is_some_and(|value| !value.is_null());
    if !has("/status") {
        // Kinds without a status are ready by being there.
        return !matches!(kind(object), "Deployment" | "DaemonSet" | "StatefulSet" | "Pod");
    }
    let observed = of("/status/observedGeneration") == of("/metadata/generation");
    match kind(object) {
        "Deployment" => {
            let replicas = of("/status/replicas");
            observed
                && of("/spec/replicas") == replicas
                && of("/status/availableReplicas") == replicas
                && of("/status/updatedReplicas") == replicas
                && of("/status/unavailableReplicas") == 0
        }
        "DaemonSet" => {
            let desired = of("/status/desiredNumberScheduled");
            observed
                && has("/status/desiredNumberScheduled")
                && of("/status/updatedNumberScheduled") == desired
                && of("/status/numberReady") == desired
                && of("/status/numberUnavailable") == 0
        }
        "StatefulSet" => {
            let wished = of("/spec/replicas");
            let strategy = object.pointer("/spec/updateStrategy/type").and_then(Json::as_str);
            let all = observed && of("/status/replicas") == wished;
            match strategy {
                Some("OnDelete") => all,
                _ => {
                    let revision = |which: &str| object.pointer(&format!("/status/{which}Revision")).cloned();
                    all && revision("update") == revision("current")
                        && of("/status/updatedReplicas") == wished
                        && of("/status/readyReplicas") == wished
                }
            }
        }
        "Pod" => {
            let containers = object.pointer("/status/containerStatuses").and_then(Json::as_array);
            containers.is_some_and(|all| all.iter().all(|one| one.get("ready") == Some(&Json::Bool(true))))
        }
        _ => true,
    }
}

/// Whether the object has the condition.
pub(crate) fn has_condition(object: &Json, wanted: &Condition) -> bool {
    let Some(conditions) = object.pointer("/status/conditions").and_then(Json::as_array) else {
        return false;
    };
    let text = |condition: &'_ Json, key: &str| condition.get(key).and_then(Json::as_str).map(str::to_string);
    let found = conditions.iter().find(|one| text(one, "type") == wanted.kind);
    found.is_some_and(|found| {
        text(found, "status").as_ref() == Some(&wanted.status)
            && wanted.reason.as_ref().is_none_or(|reason| text(found, "reason").as_ref() == Some(reason))
    })
}

/// The kind of an object.
pub(crate) fn kind(object: &Json) -> &str {
    object.get("kind").and_then(Json::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_is_ready_when_the_new_generation_is_rolled_out() {
        let deployment = |observed: i64, updated: i64, available: i64| {
            json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 3},
                "status": {"observedGeneration": observed, "replicas": 3, "updatedReplicas": updated, "availableReplicas": available}})
        };
        assert!(is_ready(&deployment(2, 3, 3)));
        assert!(!is_ready(&deployment(1, 3, 3)), "the controller has not looked yet");
        assert!(!is_ready(&deployment(2, 1, 3)), "old pods still answer");
        assert!(!is_ready(&deployment(2, 3, 2)));
    }

    #[test]
    fn a_condition_has_the_status_that_is_wanted() {
        let node = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}});
        let wanted =
            |status: &str| Condition { kind: Some("Ready".into()), status: status.into(), reason: None };
        assert!(!has_condition(&node, &wanted("True")));
        assert!(has_condition(&node, &wanted("Unknown")));
    }
}
