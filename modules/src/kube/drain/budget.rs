//! Disruption budgets: which guard a pod, and what they will say to its eviction. Objects of the API come in; what is so, and
//! what a person can do about it, go out. Nothing here asks anybody but [`Budgets::of`].

use super::pod::Pod;
use crate::kube::cluster::Cluster;
use crate::kube::fields::{condition, items, text};
use serde_json::{Value as Json, json};

/// One budget.
#[derive(Clone, Debug)]
pub(super) struct Budget(Json);

/// What a budget says to one eviction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may go now.
    Allows,
    /// It may go when something else has changed by itself.
    Waits(String),
    /// It may never go as things are: somebody has to change something.
    Never(String),
}

impl Standing {
    /// The words of it.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Allows => None,
            Self::Waits(why) | Self::Never(why) => Some(why),
        }
    }
}

/// The budgets of a cluster, or of a namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Budgets {
    all: Vec<Budget>,
    /// Why they are not known.
    pub unknown: Option<String>,
}

impl Budgets {
    /// The budgets of a namespace, or of all.
    pub async fn of(cluster: &Cluster, namespace: Option<&str>) -> Self {
        let path = |version: &str| match namespace {
            Some(namespace) => format!("/apis/policy/{version}/namespaces/{namespace}/poddisruptionbudgets"),
            None => format!("/apis/policy/{version}/poddisruptionbudgets"),
        };
        let mut found = cluster.list(&path("v1"), &[]).await;
        if found.as_ref().is_err_and(|refusal| refusal.is(404)) {
            found = cluster.list(&path("v1beta1"), &[]).await;
        }
        match found {
            Ok(all) => Self { all: all.into_iter().map(Budget).collect(), unknown: None },
            Err(refusal) => Self { all: vec![], unknown: Some(refusal.to_string()) },
        }
    }

    /// Those that guard a pod.
    pub fn guarding(&self, pod: &Pod) -> Vec<&Budget> {
        self.all.iter().filter(|budget| budget.guards(pod)).collect()
    }

    /// What they say to its eviction: several together are more than the server can ask.
    pub fn standing(&self, pod: &Pod) -> Standing {
        match self.guarding(pod).as_slice() {
            _ if pod.is_free() => Standing::Allows,
            [] => Standing::Allows,
            [one] => one.standing(pod),
            several => Standing::Never(overlap(pod, several)),
        }
    }
}

/// Why two budgets over one pod never work.
fn overlap(pod: &Pod, budgets: &[&Budget]) -> String {
    let names: Vec<String> =
        budgets.iter().map(|budget| format!("{} ({})", budget.name(), budget.limit())).collect();
    format!(
        "{} disruption budgets select this pod, and the server evicts under one only: {}. Waiting does not help: change a selector \
         or delete one of them (`kubectl -n {} get pdb`)",
        budgets.len(),
        names.join(", "),
        pod.namespace()
    )
}

impl Budget {
    pub fn name(&self) -> &str {
        text(&self.0, "/metadata/name")
    }

    fn number(&self, field: &str) -> i64 {
        self.0.pointer(&format!("/status/{field}")).and_then(Json::as_i64).unwrap_or(0)
    }

    /// How many may go at once, now.
    pub fn allowed(&self) -> i64 {
        self.number("disruptionsAllowed")
    }

    /// Its rule: `minAvailable 2`.
    pub fn limit(&self) -> String {
        let limit = ["maxUnavailable", "minAvailable"].into_iter().find_map(|key| {
            let value = self.0.pointer(&format!("/spec/{key}"))?;
            Some(format!("{key} {}", value.as_str().map_or_else(|| value.to_string(), str::to_string)))
        });
        limit.unwrap_or_else(|| "minAvailable 1".into())
    }

    /// What it says now, for results.
    pub fn shown(&self) -> Json {
        json!({
            "name": self.name(), "limit": self.limit(), "disruptions_allowed": self.allowed(),
            "current_healthy": self.number("currentHealthy"), "desired_healthy": self.number("desiredHealthy"),
            "expected_pods": self.number("expectedPods"),
        })
    }

    fn guards(&self, pod: &Pod) -> bool {
        let empty = text(&self.0, "/apiVersion") == "policy/v1";
        text(&self.0, "/metadata/namespace") == pod.namespace()
            && self.0.pointer("/spec/selector").is_some_and(|selector| selects(selector, pod, empty))
    }

    /// What it says to the eviction of a pod that runs. The numbers of a refusal cannot be relied on, so the budget is read.
    fn standing(&self, pod: &Pod) -> Standing {
        let (name, limit) = (self.name(), self.limit());
        let (healthy, desired, expected) =
            (self.number("currentHealthy"), self.number("desiredHealthy"), self.number("expectedPods"));
        let always = text(&self.0, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if !pod.is_ready() && (always || (healthy >= desired && desired > 0)) {
            return Standing::Allows;
        }
        let failed =
            condition(&self.0, "DisruptionAllowed").filter(|found| text(found, "/reason") == "SyncFailed");
        if let Some(failed) = failed {
            return Standing::Never(format!(
                "the budget {name} ({limit}) cannot be computed: {}. Waiting does not help: give it a minAvailable number, or delete it",
                text(failed, "/message")
            ));
        }
        let generation = self.0.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or(0);
        if self.number("observedGeneration") < generation {
            return Standing::Waits(format!(
                "the budget {name} is new, and its controller has not looked at it yet"
            ));
        }
        if self.allowed() > 0 {
            return Standing::Allows;
        }
        if expected == 0 {
            return Standing::Never(format!(
                "the budget {name} ({limit}) counts only pods with a controller, and those it selects have none: it never allows one to \
                 go. Delete it, or give it a minAvailable number"
            ));
        }
        if matches!(limit.as_str(), "maxUnavailable 0" | "maxUnavailable 0%" | "minAvailable 100%") {
            return Standing::Never(format!(
                "the budget {name} has {limit}: it never allows a pod to go. Change it for the time of the drain"
            ));
        }
        if desired >= expected {
            return Standing::Never(format!(
                "the budget {name} ({limit}) wants {desired} healthy pods and there are to be {expected}: none may ever go. Scale the \
                 workload up by one, or lower the budget"
            ));
        }
        if !pod.is_ready() {
            return Standing::Waits(format!(
                "the pod is not Ready, and the budget {name} ({limit}) has {healthy} healthy pods of {desired}: it guards ill pods as well. \
                 Mend the workload, or set unhealthyPodEvictionPolicy: AlwaysAllow"
            ));
        }
        Standing::Waits(format!(
            "the budget {name} ({limit}) has {healthy} healthy pods and needs {desired}: it allows the next one when another is Ready"
        ))
    }
}

/// Whether a label selector selects a pod; `empty` is whether one without rules selects everything.
fn selects(selector: &Json, pod: &Pod, empty: bool) -> bool {
    let label = |key: &str| {
        pod.0.pointer("/metadata/labels").and_then(|labels| labels.get(key)).and_then(Json::as_str)
    };
    let labels = selector.get("matchLabels").and_then(Json::as_object);
    let labels: Vec<(&String, &Json)> = labels.into_iter().flatten().collect();
    let rules: Vec<&Json> = items(selector, "/matchExpressions").collect();
    if labels.is_empty() && rules.is_empty() {
        return empty;
    }
    let holds = |rule: &Json| {
        let is = label(text(rule, "/key"));
        let among = is.is_some_and(|is| items(rule, "/values").any(|value| value.as_str() == Some(is)));
        match text(rule, "/operator") {
            "In" => among,
            "NotIn" => !among,
            "Exists" => is.is_some(),
            "DoesNotExist" => is.is_none(),
            _ => false,
        }
    };
    labels.iter().all(|(key, value)| label(key) == value.as_str()) && rules.into_iter().all(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready: &str) -> Pod {
        Pod(
            json!({"metadata": {"namespace": "shop", "name": "web-1", "labels": {"app": "web", "tier": "front"}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}}),
        )
    }

    fn budget(limit: Json, status: Json) -> Budget {
        let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
        spec.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
        Budget(
            json!({"apiVersion": "policy/v1", "metadata": {"namespace": "shop", "name": "web-pdb", "generation": 1},
            "spec": spec, "status": status}),
        )
    }

    fn counted(allowed: i64, healthy: i64, desired: i64, expected: i64) -> Json {
        json!({"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected})
    }

    #[test]
    fn what_can_never_go_is_told_from_what_waits() {
        let failed = json!({"conditions": [{"type": "DisruptionAllowed", "reason": "SyncFailed", "message": "jobs.batch does not implement the scale subresource"}]});
        for (limit, status, ready, words) in [
            (json!({"minAvailable": 2}), counted(1, 3, 2, 3), "True", None),
            (
                json!({"minAvailable": 2}),
                counted(0, 2, 2, 3),
                "True",
                Some(("waits", "when another is Ready")),
            ),
            (
                json!({"minAvailable": 3}),
                counted(0, 3, 3, 3),
                "True",
                Some(("never", "Scale the workload up")),
            ),
            (
                json!({"minAvailable": "100%"}),
                counted(0, 3, 3, 3),
                "True",
                Some(("never", "minAvailable 100%")),
            ),
            (json!({"maxUnavailable": 0}), counted(0, 3, 3, 3), "True", Some(("never", "maxUnavailable 0"))),
            (json!({"maxUnavailable": 1}), counted(0, 1, 0, 0), "True", Some(("never", "have none"))),
            (json!({"maxUnavailable": 1}), failed, "True", Some(("never", "jobs.batch does not implement"))),
            (json!({"maxUnavailable": 1}), json!({}), "True", Some(("waits", "not looked at it yet"))),
            (json!({"minAvailable": 1}), counted(0, 0, 1, 2), "False", Some(("waits", "AlwaysAllow"))),
            (json!({"minAvailable": 1}), counted(0, 1, 1, 2), "False", None),
            (
                json!({"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}),
                counted(0, 0, 1, 2),
                "False",
                None,
            ),
        ] {
            let standing = budget(limit.clone(), status.clone()).standing(&pod(ready));
            let expected = words.map(|(kind, words)| (kind == "never", words));
            match (&standing, expected) {
                (Standing::Allows, None) => {}
                (Standing::Waits(why), Some((false, words)))
                | (Standing::Never(why), Some((true, words))) => {
                    assert!(why.contains(words), "{why}");
                }
                _ => panic!("{limit} {status}: {standing:?}"),
            }
        }
    }

    #[test]
    fn two_budgets_over_one_pod_are_both_named() {
        let one = budget(json!({"minAvailable": 1}), counted(1, 2, 1, 2));
        let mut other = one.clone();
        other.0["metadata"]["name"] = json!("all-pdb");
        other.0["spec"]["selector"] = json!({});
        let budgets = Budgets { all: vec![one, other], unknown: None };
        let Standing::Never(why) = budgets.standing(&pod("True")) else { panic!("allowed") };
        assert!(why.contains("web-pdb (minAvailable 1), all-pdb (minAvailable 1)"), "{why}");
        let mut pending = pod("False");
        pending.0["status"]["phase"] = json!("Pending");
        assert_eq!(budgets.standing(&pending), Standing::Allows);
    }

    #[test]
    fn selectors_mean_what_they_mean_to_the_server() {
        let rule = |operator: &str, values: Json| json!({"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]});
        for (selector, selected) in [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (rule("In", json!(["front", "back"])), true),
            (rule("NotIn", json!(["front"])), false),
            (rule("Exists", json!([])), true),
            (rule("DoesNotExist", json!([])), false),
            (json!({}), true),
        ] {
            assert_eq!(selects(&selector, &pod("True"), true), selected, "{selector}");
        }
        assert!(!selects(&json!({}), &pod("True"), false), "policy/v1beta1 selects nothing without rules");
    }
}
