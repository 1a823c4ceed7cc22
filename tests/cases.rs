//! Whole runs of the built binary against what ansible-core 2.19 did: each directory of `cases/` is a small site with
//! recorded answers (order of tasks, results of every host and item, recap, exit code). `oracle/compare --record`
//! writes them; here no Ansible is needed. Each case runs in a copy of its own, with a home of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is never the same twice, or is another program's business; as in `oracle/compare`.
const VOLATILE: &[&str] = &[
    "start",
    "end",
    "delta",
    "invocation",
    "warnings",
    "deprecations",
    "exception",
    "diff",
    "ansible_facts",
    "changed",
    "failed",
    "skipped",
    "unreachable",
    "ansible_loop_var",
    "ansible_index_var",
    "ansible_loop",
    "attempts_left",
    "atime",
    "mtime",
    "ctime",
    "inode",
    "dev",
    "elapsed",
    "stop",
    "backup_file",
    "src",
    "uid",
    "gid",
    "owner",
    "group",
    "_diff_included",
    "failed_when_suppressed_exception",
];
const COUNTERS: [&str; 7] = ["ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored"];

/// `case.json`: how a case is run and what of it is compared.
struct Case {
    name: String,
    dir: PathBuf,
    about: Json,
}

impl Case {
    fn read(dir: PathBuf) -> Self {
        let text = std::fs::read_to_string(dir.join("case.json")).unwrap_or_else(|_| "{}".into());
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let about = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, dir, about }
    }

    fn list(&self, key: &str) -> Vec<String> {
        let items = self.about[key].as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap().to_string()).collect()
    }

    fn says(&self, key: &str, otherwise: bool) -> bool {
        self.about[key].as_bool().unwrap_or(otherwise)
    }

    fn arguments(&self) -> Vec<String> {
        let given = self.list("args");
        let inventory =
            if given.iter().any(|arg| arg == "-i") { vec![] } else { vec!["-i".into(), "hosts".into()] };
        let playbook = self.about["playbook"].as_str().unwrap_or("site.yml").to_string();
        inventory.into_iter().chain(given).chain([playbook]).collect()
    }

    /// Runs it, and gives what it did in the shape of `expected.json`.
    fn run(&self) -> Json {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        copy(&self.dir, &top.join("site"));
        std::fs::create_dir(top.join("home")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["run", "--output", "json"]).args(self.arguments()).current_dir(top.join("site"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", top.join("home"))
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .env("USER", "root");
        for (name, value) in self.about["env"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        let done = command.stdin(std::process::Stdio::null()).output().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        let events: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut document = self.folded(&events);
        document["exit"] = json!(done.status.code());
        let only = self.list("only");
        if !only.is_empty() {
            document.as_object_mut().unwrap().retain(|key, _| only.contains(key));
        }
        clean(document, &top.display().to_string())
    }

    fn chosen(&self, result: &Json, status: &str) -> Json {
        let keys = self.about["keys"].as_array();
        let ignored = self.list("ignore");
        let bad = status.starts_with("failed") || status.starts_with("unreachable");
        let quiet = bad && !self.says("messages", true);
        let wanted = |key: &str| match keys {
            _ if key.starts_with("_ansible") => false,
            Some(keys) => keys.iter().any(|known| known == key),
            None => {
                let hidden = quiet && matches!(key, "msg" | "reason");
                !VOLATILE.contains(&key) && !ignored.iter().any(|known| known == key) && !hidden
            }
        };
        let kept = result.as_object().unwrap().iter().filter(|(key, _)| wanted(key));
        Json::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// Events in the shape of `expected.json`.
    fn folded(&self, events: &[Json]) -> Json {
        let mut fold = Fold::default();
        for event in events {
            self.fold(&mut fold, event);
        }
        let Fold { mut order, recap, stats, per_host, .. } = fold;
        if self.says("per_host", false) {
            return json!({"per_host": per_host, "recap": recap, "stats": stats});
        }
        for entry in &mut order {
            if let Some(results) = entry.get_mut("results").and_then(Json::as_object_mut) {
                results.sort_keys();
            }
        }
        json!({"order": order, "recap": recap, "stats": stats})
    }

    fn fold(&self, fold: &mut Fold, event: &Json) {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_string();
        match event["event"].as_str().unwrap() {
            "play_started" => fold.order.push(json!({"play": event["name"]})),
            "no_hosts_matched" => fold.order.push(json!({"no_hosts_matched": true})),
            "no_more_hosts" | "no_hosts_remaining" => fold.order.push(json!({"no_more_hosts": true})),
            "step_started" => {
                let kind = if event["handler"] == true { "handler" } else { "task" };
                fold.slots.insert(event["step"].as_u64().unwrap(), (fold.order.len(), text("name")));
                fold.order.push(json!({kind: event["name"], "results": {}}));
            }
            "included" => {
                let file = text("file");
                let file = Path::new(&file).file_name().unwrap().to_string_lossy();
                let mut hosts: Vec<&str> =
                    event["hosts"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
                hosts.sort_unstable();
                hosts.iter().for_each(|host| fold.count(host, "ok"));
                fold.order.push(json!({"included": file, "hosts": hosts}));
            }
            "item_finished" => self.item(fold, event),
            "unit_finished" => self.unit(fold, event),
            "run_finished" => fold.stats = event["stats"].clone(),
            _ => {}
        }
    }

    fn item(&self, fold: &mut Fold, event: &Json) {
        let outcome = &event["outcome"];
        let status = outcome["status"].as_str().unwrap();
        let item = json!([event["label"], status, self.chosen(&outcome["result"], status)]);
        let entry = fold.entry(event["step"].as_u64().unwrap(), event["host"].as_str().unwrap());
        match entry.get_mut("items").and_then(Json::as_array_mut) {
            Some(items) => items.push(item),
            None => entry["items"] = json!([item]),
        }
    }

    fn unit(&self, fold: &mut Fold, event: &Json) {
        let (outcome, host) = (&event["outcome"], event["host"].as_str().unwrap());
        let status = outcome["status"].as_str().unwrap();
        let ignored = outcome["ignored"] == true;
        let word = if ignored { format!("{status}-ignored") } else { status.to_string() };
        let shown = match event["delegate"].as_str() {
            Some(to) if event["looped"] == false && status != "skipped" => format!("{host} -> {to}"),
            _ => host.to_string(),
        };
        let mut result = outcome["result"].clone();
        if event["looped"] == true {
            result.as_object_mut().unwrap().remove("results");
        }
        let step = event["step"].as_u64().unwrap();
        let chosen = self.chosen(&result, status);
        let entry = fold.entry(step, &shown);
        entry["status"] = json!(word);
        entry["result"] = chosen;
        let entry = entry.clone();
        let name = fold.slots[&step].1.clone();
        fold.per_host.entry(host.to_string()).or_default().push(json!([name, entry]));
        let changed = result["changed"] == true;
        match (status, ignored) {
            ("skipped", _) => fold.count(host, "skipped"),
            ("ok" | "changed", _) => fold.count(host, "ok"),
            (_, true) => {
                fold.count(host, "ok");
                fold.count(host, "ignored");
            }
            ("unreachable", _) => fold.count(host, "unreachable"),
            _ if outcome["rescued"] == true => fold.count(host, "rescued"),
            _ => fold.count(host, "failed"),
        }
        if status == "changed" || (ignored && changed) {
            fold.count(host, "changed");
        }
    }

    fn difference(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.join("expected.json")).unwrap();
        let mut expected: Json = serde_json::from_str(&text).unwrap();
        expected.sort_all_objects();
        let mut own = self.run();
        own.sort_all_objects();
        if own == expected {
            return None;
        }
        let pretty = |json: &Json| serde_json::to_string_pretty(json).unwrap();
        let (expected, own) = (pretty(&expected), pretty(&own));
        let diff = similar::TextDiff::from_lines(&expected, &own);
        let diff = diff.unified_diff().context_radius(4).header("Ansible", "muster").to_string();
        Some(format!("== {}\n{diff}", self.name))
    }
}

#[derive(Default)]
struct Fold {
    order: Vec<Json>,
    slots: HashMap<u64, (usize, String)>,
    recap: BTreeMap<String, BTreeMap<&'static str, u64>>,
    per_host: BTreeMap<String, Vec<Json>>,
    stats: Json,
}

impl Fold {
    fn entry(&mut self, step: u64, host: &str) -> &mut Json {
        &mut self.order[self.slots[&step].0]["results"][host]
    }

    fn count(&mut self, host: &str, counter: &'static str) {
        let zero = || COUNTERS.iter().map(|name| (*name, 0)).collect();
        *self.recap.entry(host.to_string()).or_insert_with(zero).get_mut(counter).unwrap() += 1;
    }
}

/// Paths that differ from run to run, named.
fn clean(value: Json, top: &str) -> Json {
    match value {
        Json::String(text) => json!(text.replace(top, "{TOP}")),
        Json::Array(items) => items.into_iter().map(|item| clean(item, top)).collect(),
        Json::Object(map) => {
            let pairs = map.into_iter().map(|(key, value)| (key.replace(top, "{TOP}"), clean(value, top)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_name() != "expected.json" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn can_sudo() -> bool {
    let tried = Command::new("sudo").args(["-n", "-u", "nobody", "true"]).output();
    tried.is_ok_and(|done| done.status.success())
}

#[test]
fn every_site_runs_as_it_does_in_ansible() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let dirs = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<Case> =
        dirs.filter(|dir| dir.join("expected.json").exists()).map(Case::read).collect();
    if let Ok(wanted) = std::env::var("CASE") {
        cases.retain(|case| case.name == wanted);
    }
    cases.retain(|case| case.about["needs"] != "sudo" || can_sudo());
    assert!(!cases.is_empty(), "the cases are there");
    let (next, differences) = (AtomicUsize::new(0), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = case.difference();
                    differences.lock().unwrap().extend(found);
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
}
