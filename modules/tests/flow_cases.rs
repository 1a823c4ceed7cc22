//! Runs every case under `cases/` of the modules that run commands, steer, wait and gather. What a case expects is what
//! Ansible answers to the same task; `<any>` and `<time>` stand for what differs from run to run.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod flow_support;

use flow_support::{context, run};
use muster_engine::module::{Failure, Map, Output};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

const MODULES: [&str; 18] = [
    "add_host",
    "assert",
    "check",
    "command",
    "debug",
    "fail",
    "getent",
    "group_by",
    "include_vars",
    "pause",
    "ping",
    "raw",
    "script",
    "set_fact",
    "set_stats",
    "shell",
    "wait_for",
    "wait_for_connection",
];

#[tokio::test(flavor = "multi_thread")]
async fn modules_answer_as_in_ansible() {
    let mut wrong = vec![];
    let mut count = 0;
    for module in MODULES {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(module);
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            count += 1;
            if let Err(difference) = one(&path).await {
                wrong.push(format!("{}:\n{difference}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 80, "only {count} cases");
}

async fn one(path: &Path) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let tmp = dir.path().to_str().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let expect = serde_json::from_str::<Json>(&text).unwrap()["expect"].clone();
    let case: Json = serde_json::from_str(&text.replace("$TMP", tmp)).unwrap();
    for (name, content) in case["files"].as_object().into_iter().flatten() {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content.as_str().unwrap()).unwrap();
    }
    let nothing = json!({});
    let (args, vars) = (case.get("args").unwrap_or(&nothing), case.get("vars").unwrap_or(&nothing));
    let mut cx = context(dir.path(), args, vars);
    cx.check_mode = case["check"].as_bool().unwrap_or(false);
    for (name, value) in case["environment"].as_object().into_iter().flatten() {
        cx.environment.push((name.clone(), value.as_str().unwrap().to_string()));
    }
    let registry = muster_modules::builtin();
    let Some(module) = registry.get(case["module"].as_str().unwrap()) else {
        return Err("no such module".into());
    };
    let (answer, result) = match run(module.as_ref(), args, &cx).await {
        Ok(output) => {
            (if output.result.contains_key("skipped") { "skipped" } else { "ok" }, full(output, &cx))
        }
        Err(Failure { result, .. }) => ("failed", result),
    };
    let mut result: Json =
        serde_json::from_str(&Json::Object(result).to_string().replace(tmp, "$TMP")).unwrap();
    let map = result.as_object_mut().unwrap();
    map.entry("changed").or_insert(json!(false));
    map.remove("skipped");
    map.remove("_ansible_facts_cacheable");
    // Places are of this run's own sources.
    map.remove("_ansible_trail");
    same(&expect["answer"], &json!(answer), "answer")
        .and_then(|()| same(&expect["result"], &result, "result"))
        .map_err(|difference| format!("  {difference}\n  expected {}\n  answered {answer} {result}", expect))
}

/// The result, with variables that were given as written among the facts.
fn full(output: Output, cx: &muster_engine::module::Context) -> Map {
    let mut result = output.result;
    if let Some(vars) = output.vars {
        let node =
            muster_engine::node::Node { span: cx.written.span, kind: muster_engine::node::Kind::Map(vars) };
        let facts = serde_json::to_value(cx.scope.render(&node).unwrap()).unwrap();
        result.insert("ansible_facts".into(), facts);
    }
    result
}

fn same(expected: &Json, answered: &Json, at: &str) -> Result<(), String> {
    match (expected, answered) {
        (Json::String(any), _) if any == "<any>" => Ok(()),
        (Json::String(time), Json::String(_)) if time == "<time>" => Ok(()),
        (Json::Object(expected), Json::Object(answered)) => {
            // What begins so is between a module and the run.
            let extra =
                answered.keys().find(|key| !expected.contains_key(*key) && !key.starts_with("_ansible_"));
            if let Some(key) = extra {
                return Err(format!("{at}.{key} is too much"));
            }
            expected.iter().try_for_each(|(key, value)| match answered.get(key) {
                Some(answer) => same(value, answer, &format!("{at}.{key}")),
                None => Err(format!("{at}.{key} is missing")),
            })
        }
        (expected, answered) if expected == answered => Ok(()),
        (expected, answered) => Err(format!("{at} is {answered} and not {expected}")),
    }
}
