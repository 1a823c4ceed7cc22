//! The rules of plan and run against what ansible-core 2.19 did: each directory of `plan-cases/` is a small site with
//! observed answers (order of tasks, which hosts ran what and how, recap, exit code). Run once with one unit at a time
//! and again with many, where hosts answer in any order.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use muster_engine::event::{Event, EventKind, Outcome, Status};
use muster_engine::plan::Defaults;
use muster_engine::recap::Recap;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

fn word(outcome: &Outcome) -> &'static str {
    match (outcome.status, outcome.ignored) {
        (Status::Ok, _) => "ok",
        (Status::Changed, _) => "changed",
        (Status::Skipped, _) => "skipped",
        (Status::Failed, false) => "failed",
        (Status::Failed, true) => "failed-ignored",
        (Status::Unreachable, false) => "unreachable",
        (Status::Unreachable, true) => "unreachable-ignored",
    }
}

/// What a run did, in the shape of `expected.json`.
fn observed(events: &[Event]) -> Json {
    let mut order: Vec<Json> = vec![];
    let mut names: HashMap<usize, (String, bool)> = HashMap::new();
    let mut at: HashMap<usize, usize> = HashMap::new();
    let mut per_host: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut recap = Recap::default();
    let mut exit = 255;
    for event in events {
        recap.record(event);
        match &event.kind {
            EventKind::PlayStarted { name, .. } => order.push(json!({"play": name})),
            EventKind::StepStarted(info) => {
                names.insert(info.step, (info.name.clone(), info.handler));
            }
            EventKind::UnitFinished { step, host, outcome, .. } => {
                let (name, handler) = names.get(step).cloned().unwrap_or_default();
                let slot = *at.entry(*step).or_insert_with(|| {
                    let kind = if handler { "handler" } else { "task" };
                    order.push(json!({kind: name, "results": {}}));
                    order.len() - 1
                });
                order[slot]["results"][&**host] = json!(word(outcome));
                per_host.entry(host.to_string()).or_default().push(json!([name, word(outcome)]));
            }
            EventKind::Included { file, hosts, .. } => {
                let file = Path::new(file).file_name().unwrap().to_string_lossy();
                order.push(json!({"included": file, "hosts": hosts}));
            }
            EventKind::NoMoreHosts => order.push(json!({"no_more_hosts": true})),
            EventKind::RunFinished { exit: code, .. } => exit = *code,
            _ => {}
        }
    }
    let tallies: BTreeMap<_, _> = recap.hosts.iter().collect();
    json!({"order": order, "per_host": per_host, "recap": tallies, "exit": exit})
}

/// The order without the `ok` of an include itself: the cases list it, reports and events do not.
fn without_includes(order: &Json, events: &[Event]) -> Json {
    let included: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepStarted(info) if info.action.starts_with("include_") => Some(info.name.clone()),
            _ => None,
        })
        .collect();
    let mut kept = vec![];
    for mut entry in order.as_array().unwrap().iter().cloned() {
        let name = entry.get("task").or(entry.get("handler")).and_then(Json::as_str);
        if name.is_some_and(|name| included.iter().any(|known| known == name)) {
            let results = entry["results"].as_object_mut().unwrap();
            results.retain(|_, word| word != "ok");
            if results.is_empty() {
                continue;
            }
        }
        kept.push(entry);
    }
    Json::Array(kept)
}

async fn differences(dir: &Path, forks: usize) -> Option<String> {
    let defaults = Defaults { forks, ..Defaults::default() };
    let site = support::site(&dir.join("hosts.yml"), defaults);
    let plan = match support::plan(&site, &dir.join("site.yml")) {
        Ok(plan) => plan,
        Err(diagnostics) => return Some(format!("{diagnostics:#?}")),
    };
    let events = support::events(plan).await;
    let own = observed(&events);
    let text = std::fs::read_to_string(dir.join("expected.json")).unwrap();
    let expected: Json = serde_json::from_str(&text).unwrap();
    let mut wrong = vec![];
    for key in ["recap", "exit"] {
        if own[key] != expected[key] {
            wrong.push(format!("{key}: expected {}\n      got {}", expected[key], own[key]));
        }
    }
    if let Some(order) = expected.get("order") {
        let wanted = without_includes(order, &events);
        if own["order"] != wanted {
            let lines = |order: &Json| {
                order.as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    ")
            };
            wrong.push(format!(
                "order: expected\n    {}\n  got\n    {}",
                lines(&wanted),
                lines(&own["order"])
            ));
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan-cases");
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    dirs.retain(|dir| dir.join("expected.json").exists());
    dirs.sort();
    assert!(dirs.len() >= 47, "the cases are there");
    dirs
}

async fn all_cases(forks: usize) {
    let mut failed = vec![];
    let dirs = cases();
    for dir in &dirs {
        if let Some(difference) = differences(dir, forks).await {
            failed.push(format!("== {}\n{difference}", dir.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failed.is_empty(), "{} of {} differ\n{}", failed.len(), dirs.len(), failed.join("\n"));
}

#[tokio::test]
async fn every_case_ends_as_in_ansible_with_one_unit_at_a_time() {
    all_cases(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case_ends_as_in_ansible_whatever_order_hosts_answer_in() {
    for _ in 0..3 {
        all_cases(16).await;
    }
}
