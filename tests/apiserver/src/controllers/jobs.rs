//! Jobs get a pod at a time until as many have succeeded as they want, or more have failed than they bear; their status counts the
//! pods, and a Job that is done has the two conditions that the real controller writes.

use serde_json::{Value, json};

use super::workloads::{counts, create, from_template};
use super::{controlled, name};
use crate::object::{is_true, number, set, suffix, terminating, text};
use crate::store::Store;

const JOBS: &str = "jobs.batch";

/// One round.
pub(super) fn run(store: &mut Store) {
    let ended = |job: &&Value| is_true(job, "Complete") || is_true(job, "Failed");
    let open: Vec<Value> =
        store.list(JOBS, None).filter(|job| !terminating(job) && !ended(job)).cloned().collect();
    for job in open {
        let pods = controlled(store, &job);
        let in_phase = |phase: &str| pods.iter().filter(|pod| text(pod, "/status/phase") == phase).count();
        let (succeeded, failed) = (in_phase("Succeeded"), in_phase("Failed"));
        let active: Vec<&Value> = pods.iter().filter(|pod| counts(pod)).collect();
        let at_most = |pointer: &str, default: usize| {
            number(&job, pointer).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
        };
        let is_done = succeeded >= at_most("/spec/completions", 1);
        let is_lost = failed > at_most("/spec/backoffLimit", 6);
        if active.is_empty() && !is_done && !is_lost && job.pointer("/spec/suspend") != Some(&json!(true)) {
            create(store, from_template(&job, &format!("{}-{}", name(&job), suffix())));
            continue;
        }
        let ready = active.iter().filter(|pod| is_true(pod, "Ready")).count();
        let counted =
            counted(&job, &[("active", active.len()), ("succeeded", succeeded), ("failed", failed)]);
        let counted = finished(counted, ready, is_done, is_lost);
        if counted != job {
            store.put(JOBS, counted);
        }
    }
}

/// A Job with its pods counted: a number that is zero is not written.
fn counted(job: &Value, numbers: &[(&str, usize)]) -> Value {
    let mut job = job.clone();
    if text(&job, "/status/startTime").is_empty() {
        set(&mut job, "/status/startTime", crate::object::now());
    }
    for (key, number) in numbers {
        let pointer = format!("/status/{key}");
        if *number == 0 {
            crate::object::take(&mut job, &pointer);
        } else {
            set(&mut job, &pointer, *number);
        }
    }
    job
}

fn finished(mut job: Value, ready: usize, is_done: bool, is_lost: bool) -> Value {
    for (key, value) in
        [("ready", json!(ready)), ("terminating", json!(0)), ("uncountedTerminatedPods", json!({}))]
    {
        set(&mut job, &format!("/status/{key}"), value);
    }
    let (kinds, reason, message) = match (is_done, is_lost) {
        (true, _) => (
            ["SuccessCriteriaMet", "Complete"],
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        ),
        (_, true) => (
            ["FailureTarget", "Failed"],
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ),
        _ => return job,
    };
    let now = crate::object::now();
    if is_done {
        set(&mut job, "/status/completionTime", now.clone());
    }
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": reason, "message": message,
        })
    };
    set(&mut job, "/status/conditions", kinds.map(condition).to_vec());
    job
}
