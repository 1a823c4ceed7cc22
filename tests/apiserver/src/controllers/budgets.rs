//! The status of disruption budgets, by the arithmetic of the real controller: how many pods a budget expects, wants healthy,
//! has healthy, and so allows to go.

use serde_json::Value;

use crate::object::{controller, is_true, name, namespace, number, set, terminating, text};
use crate::selector::selects;
use crate::store::Store;

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// Brings every budget up to date.
pub(super) fn run(store: &mut Store) {
    let budgets: Vec<Value> = store.list(BUDGETS, None).cloned().collect();
    for budget in budgets {
        let counted = count(store, &budget);
        if counted != budget {
            store.put(BUDGETS, counted);
        }
    }
}

fn count(store: &Store, budget: &Value) -> Value {
    let pods: Vec<&Value> = store
        .list("pods", Some(namespace(budget)))
        .filter(|pod| selects(budget.pointer("/spec/selector"), pod))
        .filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
        .collect();
    let mut budget = budget.clone();
    let (expected, desired) = match wanted(store, &budget, &pods) {
        Ok(counted) => counted,
        // Its generation is never observed.
        Err(message) => {
            crate::object::set_condition(&mut budget, "DisruptionAllowed", "False", "SyncFailed", &message);
            return budget;
        }
    };
    // A pod that an eviction was granted for is not healthy, though it is not yet marked.
    let granted =
        |pod: &Value| budget.pointer("/status/disruptedPods").and_then(|map| map.get(name(pod))).is_some();
    let healthy =
        pods.iter().filter(|pod| is_true(pod, "Ready") && !terminating(pod) && !granted(pod)).count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let left: serde_json::Map<String, Value> = budget
        .pointer("/status/disruptedPods")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(own, _)| pods.iter().any(|pod| name(pod) == own.as_str() && !terminating(pod)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if left.is_empty() {
        crate::object::take(&mut budget, "/status/disruptedPods");
    } else {
        set(&mut budget, "/status/disruptedPods", left);
    }
    for (key, value) in [
        ("observedGeneration", number(&budget, "/metadata/generation").unwrap_or(1)),
        ("disruptionsAllowed", allowed),
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("expectedPods", expected),
    ] {
        set(&mut budget, &format!("/status/{key}"), value);
    }
    let (status, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    condition(&mut budget, status, reason, "");
    budget
}

fn condition(budget: &mut Value, status: &str, reason: &str, message: &str) {
    crate::object::set_condition(budget, "DisruptionAllowed", status, reason, message);
    let generation = number(budget, "/metadata/generation").unwrap_or(1);
    if let Some(entry) = budget.pointer_mut("/status/conditions/0") {
        set(entry, "/message", message);
        set(entry, "/observedGeneration", generation);
    }
}

/// How many pods are expected and how many must stay healthy; or why the owner cannot be counted.
fn wanted(store: &Store, budget: &Value, pods: &[&Value]) -> Result<(i64, i64), String> {
    let present = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    if let Some(most) = budget.pointer("/spec/maxUnavailable") {
        let expected = scale(store, pods)?;
        return Ok((expected, (expected - share(most, expected)).max(0)));
    }
    match budget.pointer("/spec/minAvailable") {
        Some(Value::Number(least)) => Ok((present, least.as_i64().unwrap_or_default())),
        Some(least) => {
            let expected = scale(store, pods)?;
            Ok((expected, share(least, expected)))
        }
        None => Ok((present, 1)),
    }
}

/// A number, or a percentage of a whole rounded up.
fn share(value: &Value, whole: i64) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
            (whole * percent + 99) / 100
        }
        _ => 0,
    }
}

/// The replicas that the owners of pods want; pods without one count for nothing.
fn scale(store: &Store, pods: &[&Value]) -> Result<i64, String> {
    let mut counted: Vec<String> = Vec::new();
    let mut sum = 0;
    for owner in pods.iter().filter_map(|pod| controller(pod)) {
        let mut kind = text(owner, "/kind").to_owned();
        let mut own = text(owner, "/name").to_owned();
        let space = pods.first().map(|pod| namespace(pod)).unwrap_or_default();
        if kind == "ReplicaSet"
            && let Some(above) = store.get("replicasets.apps", space, &own).and_then(controller)
        {
            kind = text(above, "/kind").to_owned();
            own = text(above, "/name").to_owned();
        }
        let key = format!("{kind}/{own}");
        if counted.contains(&key) {
            continue;
        }
        counted.push(key);
        let resource = match kind.as_str() {
            "Deployment" => "deployments.apps",
            "ReplicaSet" => "replicasets.apps",
            "StatefulSet" => "statefulsets.apps",
            _ => {
                let (group, _) = text(owner, "/apiVersion").split_once('/').unwrap_or_default();
                let resource = format!("{}s.{group}", kind.to_lowercase());
                return Err(format!(
                    "{} does not implement the scale subresource",
                    resource.trim_end_matches('.')
                ));
            }
        };
        let found =
            store.get(resource, space, &own).ok_or_else(|| format!("{resource} {own:?} not found"))?;
        sum += number(found, "/spec/replicas").unwrap_or(1);
    }
    Ok(sum)
}
