//! The eviction subresource: the budget of a pod is asked, and where it allows one disruption less is left and the pod is
//! deleted. Blocked is 429 with a cause and no Retry-After, except where the budget was not observed yet.

use serde_json::Value;

use crate::answer::Answer;
use crate::delete::{Options, remove};
use crate::object::{is_true, items, name, namespace, now, number, set, set_condition, terminating, text};
use crate::read::get;
use crate::resource::Resource;
use crate::selector::selects;
use crate::status::{Cause, Failure};
use crate::store::Store;
use crate::write::{Written, decode};

/// Evicts a pod.
pub fn evict(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let eviction = decode(store, written, &["policy/v1", "policy/v1beta1"], "Eviction")?;
    let dry_run = written.dry_run("CreateOptions")?;
    let space = written.target.namespace.as_deref().unwrap_or_default();
    let given = namespace(&eviction);
    if !given.is_empty() && given != space {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    if store.get("namespaces", "", space).is_none() {
        return Err(Failure::no_namespace(space));
    }
    if name(&eviction) != written.target.name.as_deref().unwrap_or_default() {
        return Err(Failure::bad_request("name in URL does not match name in Eviction object"));
    }
    let content = eviction.get("deleteOptions").cloned().unwrap_or_default();
    if dry_run && items(&content, "/dryRun").any(|value| value != "All") {
        let given: Vec<&str> = items(&content, "/dryRun").filter_map(Value::as_str).collect();
        let message =
            format!("Non-matching dry-run options in request and content: [All] and [{}]", given.join(" "));
        return Err(Failure::internal(message));
    }
    let mut options = Options::read(&content)?;
    options.dry_run |= dry_run;
    let pod = get(store, resource, written.target)?;
    options.hold(resource, &pod)?;
    let free = matches!(text(&pod, "/status/phase"), "Pending" | "Succeeded" | "Failed") || terminating(&pod);
    if !free {
        ask_budget(store, &pod, options.dry_run)?;
    }
    let mut pod = pod;
    if !options.dry_run && !terminating(&pod) {
        set_condition(
            &mut pod,
            "DisruptionTarget",
            "True",
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
        );
        pod = store.put("pods", pod);
    }
    remove(store, resource, &pod, &options);
    Ok(Answer::success(201, None))
}

fn blocked(budget: &Value, why: &str) -> Failure {
    let cause = Cause::new("DisruptionBudget", "", format!("The disruption budget {} {why}", name(budget)));
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    Failure::new(429, "TooManyRequests", message).causes(&[cause])
}

/// Takes one disruption from the budget of a pod, or says why there is none.
fn ask_budget(store: &mut Store, pod: &Value, dry_run: bool) -> Result<(), Failure> {
    let key = "poddisruptionbudgets.policy";
    let budgets: Vec<Value> = store
        .list(key, Some(namespace(pod)))
        .filter(|budget| selects(budget.pointer("/spec/selector"), pod))
        .cloned()
        .collect();
    let budget = match budgets.as_slice() {
        [] => return Ok(()),
        [budget] => budget,
        _ => {
            let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Failure::internal(message));
        }
    };
    let status = |field: &str| number(budget, &format!("/status/{field}")).unwrap_or_default();
    let ready = is_true(pod, "Ready");
    if !ready {
        let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        let healthy = status("currentHealthy") >= status("desiredHealthy") && status("desiredHealthy") > 0;
        if always || healthy {
            return Ok(());
        }
    }
    if status("observedGeneration") < number(budget, "/metadata/generation").unwrap_or_default() {
        return Err(blocked(budget, "is still being processed by the server.").retry(10));
    }
    if status("disruptionsAllowed") <= 0 {
        let (needs, has) = (status("desiredHealthy"), status("currentHealthy"));
        // Numbers are told only where they explain it.
        let why = if needs < has {
            "does not allow evicting pods currently".to_owned()
        } else {
            format!("needs {needs} healthy pods and has {has} currently")
        };
        return Err(blocked(budget, &why));
    }
    if !dry_run {
        let mut budget = budget.clone();
        set(&mut budget, "/status/disruptionsAllowed", status("disruptionsAllowed") - 1);
        set(&mut budget, &format!("/status/disruptedPods/{}", name(pod)), now());
        if status("disruptionsAllowed") == 1 {
            set_condition(&mut budget, "DisruptionAllowed", "False", "InsufficientPods", "");
        }
        store.put(key, budget);
    }
    Ok(())
}
