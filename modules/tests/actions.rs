//! Action plugins with a stand-in for Python, which asks what a plugin would ask: what is done for it, how it may end, and
//! which names mean one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[expect(dead_code, reason = "shared with others")]
mod flow_support;
#[path = "actions/installed.rs"]
mod installed;

use flow_support::context;
use muster_engine::module::{
    About, AnyModule, Context, Errand, Failure, Finder, Found, Live, Nearby, Output, Reason, Said,
};
use muster_modules::bridge::{Bridge, Packages, Ways};
use muster_modules::guests::{Guests, Places};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PYTHON: &str = include_str!("actions/python");

/// A site with plugins beside its playbook, in a role and in a collection, and a place where Python would be.
struct Place {
    dir: tempfile::TempDir,
    core: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let core = installed::install(dir.path(), PYTHON);
        let write = |path: &str, text: &str| installed::write(dir.path(), path, text);
        write("site/action_plugins/see.py", "class ActionModule(ActionBase):\n    pass\n");
        write(
            "site/action_plugins/once.py",
            "class ActionModule(ActionBase):\n    BYPASS_HOST_LOOP = True\n",
        );
        write("site/action_plugins/debug.py", "");
        write("site/library/see", "#!/bin/sh\necho '{}'\n");
        write("site/roles/web/action_plugins/words.py", "    supports_raw_params = True\n");
        write("site/collections/ansible_collections/a/b/plugins/action/act.py", "");
        write("site/collections/ansible_collections/a/b/plugins/modules/act.py", "");
        write(
            "site/collections/ansible_collections/a/b/meta/runtime.yml",
            "plugin_routing: {action: {other: {redirect: a.b.act}}, modules: {third: {action_plugin: a.b.act}}}\n",
        );
        Self { dir, core }
    }

    fn site(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    fn near(&self, actions: bool) -> Nearby {
        Nearby { playbook: self.site(), roles: vec![self.site().join("roles/web")], actions }
    }

    fn bridge(&self, core: &Path) -> Bridge {
        let core = Some(core.to_path_buf());
        let guests = Guests::new(Places { core: core.clone(), ..Places::default() });
        let ways = Ways { core, packages: Packages::default(), ..Ways::default() };
        Bridge::new(ways).with_actions(guests)
    }

    fn named(&self, name: &str) -> Found {
        let bridge = self.bridge(&self.core);
        match name.contains('.') {
            true => bridge.installed(name, &self.near(true)),
            false => bridge.beside(name, &self.near(true)),
        }
    }

    fn plugin(&self, name: &str) -> Arc<dyn AnyModule> {
        match self.named(name) {
            Found::Module(module) => module,
            _ => panic!("{name} is no module"),
        }
    }

    fn context(&self) -> Context {
        let cx = context(&self.site(), &json!({}), &json!({"x": "{{ 1 + 1 }}"}));
        Context { errand: Arc::new(Task), playbook_dir: self.site(), ..cx }
    }

    async fn run(&self, args: Json, cx: &Context) -> Result<Output, Failure> {
        self.plugin("see").run(args.as_object().unwrap().clone(), cx).await
    }

    /// What the plugin is answered.
    async fn answers(&self, ask: Json, cx: &Context) -> Vec<Json> {
        let output = self.run(json!({"ask": ask}), cx).await.unwrap();
        output.result["answers"].as_array().unwrap().clone()
    }
}

/// A task for which everything is there that is built in.
struct Task;

impl Errand for Task {
    fn about(&self) -> About {
        About { action: "see".into(), register: Some("r".into()), background: 7, ..About::default() }
    }

    fn module(&self, name: &str) -> Option<Arc<dyn AnyModule>> {
        muster_modules::builtin().get(name).cloned()
    }
}

fn module(name: &str, args: Json, more: Json) -> Json {
    let mut asked = json!({"want": "module", "road": "task", "name": name, "args": args});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

#[tokio::test]
async fn a_plugin_is_told_its_task_and_answers_with_a_result() {
    let place = Place::new();
    let cx = Context { check_mode: true, verbosity: 2, ..place.context() };
    let output = place.run(json!({"result": {"changed": true}}), &cx).await.unwrap();
    assert!(output.changed());
    let told = &output.result["told"];
    let seen = [
        "plugin",
        "action",
        "register",
        "async",
        "check_mode",
        "verbosity",
        "connection",
        "remote_addr",
        "become",
    ];
    let seen: Vec<&Json> = seen.iter().map(|key| &told[key]).collect();
    let told = json!(["ansible.legacy.see", "see", "r", 7, true, 2, "local", "here", false]);
    assert_eq!(json!(seen), told);
}

#[tokio::test]
async fn commands_and_files_of_a_plugin_reach_its_host() {
    let place = Place::new();
    let path = |name: &str| place.site().join(name).display().to_string();
    std::fs::write(path("here"), b"\xff\n").unwrap();
    let ask = json!([
        {"want": "exec", "road": "task", "script": "cat; echo no >&2; exit 3", "stdin": "aW4="},
        {"want": "exec", "road": "here", "script": "pwd", "cwd": path("roles")},
        {"want": "put", "road": "task", "here": path("here"), "there": path("there")},
        {"want": "fetch", "road": "task", "here": path("back"), "there": path("there")},
        {"want": "put", "road": "task", "here": path("nowhere"), "there": path("there")},
        {"want": "fetch", "road": "task", "here": path("back"), "there": path("nowhere")},
    ]);
    let answers = place.answers(ask, &place.context()).await;
    assert_eq!(answers[0], json!({"rc": 3, "stdout": "aW4=", "stderr": "bm8K"}));
    assert_eq!(answers[1]["rc"], 0);
    assert_eq!(std::fs::read(path("back")).unwrap(), b"\xff\n");
    assert!(answers[4]["missing"].as_str().unwrap().contains("nowhere"), "{}", answers[4]);
    assert!(answers[5]["refused"].as_str().unwrap().contains("nowhere"), "{}", answers[5]);
}

#[tokio::test]
async fn modules_of_a_plugin_are_those_that_are_built_in() {
    let place = Place::new();
    let (old, new) = (place.site().join("old"), place.site().join("new"));
    std::fs::write(&old, "text").unwrap();
    let copy = json!({"src": old.display().to_string(), "dest": new.display().to_string(), "_original_basename": "x"});
    let ask = json!([
        module("ansible.legacy.command", json!({"_raw_params": "echo $E", "_uses_shell": true}), json!({"environment": {"E": "e"}})),
        module("ansible.legacy.stat", json!({"path": "/nowhere", "get_size": false}), json!({"forgiving": true})),
        module("ansible.legacy.copy", copy.clone(), json!({"check_mode": true})),
        module("ansible.legacy.copy", copy, json!({})),
        module("command", json!({"_raw_params": "false"}), json!({})),
        module("no_such", json!({}), json!({})),
        module("command", json!({"_raw_params": "echo late"}), json!({"background": 5})),
        {"want": "action", "road": "task", "name": "ansible.legacy.debug", "args": {"msg": "said"}},
        {"want": "has", "name": "ansible.builtin.template"},
        {"want": "has", "name": "no_such"},
    ]);
    let answers = place.answers(ask, &place.context()).await;
    assert_eq!(answers[0]["result"]["stdout"], "e");
    assert_eq!(answers[1]["result"]["stat"]["exists"], false);
    assert_eq!(answers[2]["result"]["changed"], true);
    assert_eq!(answers[3]["result"]["changed"], true, "check mode had not made it");
    assert_eq!(std::fs::read_to_string(&new).unwrap(), "text");
    assert_eq!(answers[4]["result"]["failed"], true);
    assert_eq!(answers[5]["refused"], "The module no_such was not found in configured module paths");
    assert_eq!(answers[6]["result"]["finished"], false);
    assert_eq!((&answers[7]["result"]["msg"], &answers[7]["of_host"]), (&json!("said"), &json!(false)));
    assert_eq!((&answers[8]["has"], &answers[9]["has"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn variables_are_rendered_when_a_plugin_asks_for_them() {
    let place = Place::new();
    let answers =
        place.answers(json!([{"ask": ["x"], "plain": false}, {"ask": ["y"]}]), &place.context()).await;
    assert_eq!(answers[0], json!({"value": 2}));
    assert_eq!(answers[1]["undefined"], true);
}

#[tokio::test]
async fn what_a_plugin_displays_is_shown_while_it_works() {
    let place = Place::new();
    let said: Arc<Mutex<Vec<Said>>> = Arc::default();
    let heard = said.clone();
    let live = Live::new(move |line| heard.lock().unwrap().push(line));
    let cx = Context { live, ..place.context() };
    place.answers(json!([{"want": "say", "line": "one\ntwo"}]), &cx).await;
    assert_eq!(*said.lock().unwrap(), [Said::Line("one".into()), Said::Line("two".into())]);
}

#[tokio::test]
async fn a_plugin_that_breaks_off_fails_its_task_with_words() {
    let place = Place::new();
    let cx = place.context();
    let raised = place.run(json!({"raised": true, "result": {"skipped": true}}), &cx).await.unwrap_err();
    assert_eq!(raised.reason, Reason::Raised);
    assert_eq!(raised.result["skipped"], true);
    let ended = place.run(json!({"ends": true}), &cx).await.unwrap_err();
    assert!(ended.message().ends_with("ended its process without an answer"), "{}", ended.message());
    let noise = place.run(json!({"noise": true}), &cx).await.unwrap_err();
    assert!(noise.message().ends_with("gave no answer but \"no JSON\""), "{}", noise.message());
    assert!(noise.message().contains("action_plugins/see.py"), "{}", noise.message());
}

#[tokio::test]
async fn a_plugin_that_nobody_waits_for_is_ended() {
    let place = Place::new();
    let note = place.site().join("pid");
    let args = json!({"sleep": note.display().to_string()});
    let cx = place.context();
    let began = async {
        while std::fs::read_to_string(&note).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = began => {}
        _ = place.run(args, &cx) => panic!("it sleeps"),
    }
    let pid = std::fs::read_to_string(note).unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Nobody has asked how it ended yet, or it is gone.
    let gone = || stat().is_empty() || stat().contains(") Z ");
    for _ in 0..50 {
        if gone() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", stat());
}

#[test]
fn an_action_plugin_stands_before_the_module_of_its_name() {
    let place = Place::new();
    for name in ["see", "once", "debug", "words", "a.b.act", "a.b.other", "a.b.third"] {
        assert!(place.plugin(name).minds_background(), "{name}");
    }
    assert!(place.plugin("once").speaks_for_all() && !place.plugin("see").speaks_for_all());
    assert!(
        place.plugin("words").spec().free_form.is_some() && place.plugin("see").spec().free_form.is_none()
    );
    let bridge = place.bridge(&place.core);
    let Found::Module(module) = bridge.beside("see", &place.near(false)) else { panic!("there is a module") };
    assert!(!module.minds_background(), "who asks for a module gets the module");
    assert!(matches!(bridge.beside("debug", &place.near(false)), Found::Nowhere(_)));
}

#[test]
fn without_ansible_core_an_action_plugin_is_refused_by_its_file() {
    let place = Place::new();
    let bridge = place.bridge(Path::new("/nonexistent"));
    let Found::Refused(why, help) = bridge.beside("see", &place.near(true)) else { panic!("it cannot run") };
    assert!(why.contains("site/action_plugins/see.py") && why.contains("no ansible-core"), "{why}");
    assert!(help.contains("pip install ansible-core"), "{help}");
    assert!(matches!(bridge.installed("a.b.act", &place.near(true)), Found::Refused(..)));
}
