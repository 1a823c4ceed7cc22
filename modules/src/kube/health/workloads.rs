//! Workloads and pods: what is unavailable in the namespaces of the system, and pods anywhere that are not well. Pods of a workload
//! that is told of already, and those on a node that does not answer, are not told again.

use super::super::pod_status::{Told, is_passing, is_unwell, status};
use super::network::Explained;
use super::row::{Found, Problem};
use super::world::{Key, What, World, owner};
use crate::kube::fields::{condition, name, namespace, number, text};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What keeps the pods of a workload from being ready, for the end of a line.
pub(crate) fn pods_told(world: &World, key: &Key) -> String {
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    for pod in world.pods_of(key) {
        let told = status(pod);
        if is_unwell(pod, &told.word) {
            let word = if told.word == "Running" { "Running, not ready".into() } else { told.word };
            *words.entry(word).or_default() += 1;
        }
    }
    let told: Vec<String> = words.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
}

/// What a workload wants and has: available ones.
pub(crate) fn counts(workload: &Json) -> (i64, i64) {
    let replicas = || workload.pointer("/spec/replicas").and_then(Json::as_i64).unwrap_or(1);
    match text(workload, "/kind") {
        "DaemonSet" => {
            (number(workload, "/status/desiredNumberScheduled"), number(workload, "/status/numberAvailable"))
        }
        "StatefulSet" => (replicas(), number(workload, "/status/readyReplicas")),
        _ => (replicas(), number(workload, "/status/availableReplicas")),
    }
}

/// Workloads of the system that do not have what they want.
pub(super) fn unavailable(world: &World, namespaces: &[String], explained: &BTreeSet<Key>) -> Explained {
    let (mut found, mut keys) = (vec![], vec![]);
    for what in [What::Deployments, What::DaemonSets, What::StatefulSets] {
        let list = match world.list(what) {
            Ok(list) => list,
            Err(why) => return (Err(why), keys),
        };
        for workload in list.iter().filter(|one| namespaces.iter().any(|space| space == namespace(one))) {
            let key = Key::of(workload);
            let (wanted, has) = counts(workload);
            if explained.contains(&key) || has + world.lost(&key) >= wanted {
                continue;
            }
            let reason = condition(workload, "Progressing").map(|c| text(c, "/reason")).unwrap_or("");
            let late =
                if reason == "ProgressDeadlineExceeded" { ", and its rollout is over time" } else { "" };
            let observed = format!("{key}: {has} of {wanted} available{}{late}", pods_told(world, &key));
            found.push(Problem::new(
                observed,
                format!("kubectl -n {} describe {}", key.namespace, key.typed()),
            ));
            keys.push(key);
        }
    }
    (Ok(found), keys)
}

/// Pods that are not well.
pub(super) fn pods(world: &World, seconds: i64, explained: &BTreeSet<Key>) -> Found {
    let mut found = vec![];
    for pod in world.list(What::Pods)? {
        let told = status(pod);
        let owned = owner(pod);
        let known = owned.as_ref().is_some_and(|key| explained.contains(key));
        if known
            || world.is_on_sick_node(pod)
            || is_finished_noise(pod)
            || !is_bad(world, pod, &told, seconds)
        {
            continue;
        }
        found.push(problem(world, pod, &told));
    }
    Ok(found)
}

/// Pods that ended badly and that nobody waits for: of Jobs, and evicted ones that their workload has replaced.
fn is_finished_noise(pod: &Json) -> bool {
    let failed = text(pod, "/status/phase") == "Failed";
    failed && owner(pod).is_some()
}

fn is_bad(world: &World, pod: &Json, told: &Told, seconds: i64) -> bool {
    if told.word == "Terminating" {
        return world.is_older(text(pod, "/metadata/deletionTimestamp"), seconds);
    }
    if !is_unwell(pod, &told.word) {
        return false;
    }
    !is_passing(&told.word) || world.is_older(since(pod), seconds)
}

/// Since when a pod is as it is, as far as it says.
fn since(pod: &Json) -> &str {
    let ready = condition(pod, "Ready").map(|found| text(found, "/lastTransitionTime")).unwrap_or("");
    if ready.is_empty() { text(pod, "/metadata/creationTimestamp") } else { ready }
}

fn problem(world: &World, pod: &Json, told: &Told) -> Problem {
    let (space, own, node) = (namespace(pod), name(pod), text(pod, "/spec/nodeName"));
    let word = if told.word == "Running" { "Running, not ready" } else { told.word.as_str() };
    let mut observed = format!("{space}/{own}: {word}");
    let scheduled = condition(pod, "PodScheduled").filter(|found| text(found, "/status") == "False");
    let mut parts: Vec<String> = vec![];
    if !told.container.is_empty() {
        parts.push(format!("container {}", told.container));
    }
    parts.extend(Some(told.why.clone()).filter(|why| !why.is_empty()));
    parts.extend(scheduled.map(|found| text(found, "/message").to_string()).filter(|text| !text.is_empty()));
    if told.word != "Terminating" {
        parts.extend(Some(text(pod, "/status/message").to_string()).filter(|text| !text.is_empty()));
    }
    if !parts.is_empty() {
        observed += &format!(" ({})", parts.join(", "));
    }
    if !node.is_empty() {
        observed += &format!(" on {node}");
    }
    let from = if told.word == "Terminating" { text(pod, "/metadata/deletionTimestamp") } else { since(pod) };
    observed += &world.lasting(from);
    let container = if told.container.is_empty() { String::new() } else { format!(" -c {}", told.container) };
    let remedy = match told.word.trim_start_matches("Init:") {
        "CrashLoopBackOff" | "Error" | "OOMKilled" => {
            format!("kubectl -n {space} logs {own}{container} --previous")
        }
        word if word.starts_with("ExitCode") || word.starts_with("Signal") => {
            format!("kubectl -n {space} logs {own}{container} --previous")
        }
        "Running" | "NotReady" => {
            format!("kubectl -n {space} describe pod {own}; kubectl -n {space} logs {own}")
        }
        _ => format!("kubectl -n {space} describe pod {own}"),
    };
    Problem::new(observed, remedy)
}

/// Finished pods that failed, as warnings: those of Jobs that have not succeeded since, and evicted ones, which only take up room.
pub(super) fn failed(world: &World) -> Found {
    let jobs = world.list(What::Jobs)?;
    let succeeded = |key: &Key| {
        let own = |job: &&Json| namespace(job) == key.namespace && name(job) == key.name;
        jobs.iter().find(own).is_some_and(|job| number(job, "/status/succeeded") > 0)
    };
    let mut of: BTreeMap<Key, Vec<&Json>> = BTreeMap::new();
    for pod in world.list(What::Pods)?.iter().filter(|pod| is_finished_noise(pod)) {
        let Some(key) = owner(pod).filter(|key| key.kind != "Job" || !succeeded(key)) else { continue };
        of.entry(key).or_default().push(pod);
    }
    let problem = |(key, pods): (Key, Vec<&Json>)| {
        let word = pods.first().map(|pod| status(pod)).unwrap_or_default();
        let why = if word.why.is_empty() { word.word } else { format!("{}, {}", word.word, word.why) };
        let space = &key.namespace;
        let remedy = match key.kind.as_str() {
            "Job" => format!("kubectl -n {space} logs job/{}", key.name),
            _ => format!(
                "kubectl -n {space} delete pods --field-selector status.phase=Failed    # they only take up room"
            ),
        };
        let count = if pods.len() == 1 { "1 pod".to_string() } else { format!("{} pods", pods.len()) };
        Problem::new(format!("{key}: {count} failed ({why})"), remedy).mild()
    };
    Ok(of.into_iter().map(problem).collect())
}
