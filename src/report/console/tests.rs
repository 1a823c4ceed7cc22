//! What a run looks like on the screen, character for character, from events made by hand.

use super::*;
use crate::report::{Format, Palette};
use muster_engine::module::Side;
use muster_engine::playbook::Show;
use serde_json::json;
use std::time::Duration;

/// Feeds events and keeps what was written.
struct Stage {
    console: Console<Vec<u8>, Vec<u8>>,
    recap: Recap,
}

impl Stage {
    fn new(look: Look) -> Self {
        Self { console: Console::new(vec![], vec![], look), recap: Recap::default() }
    }

    fn see(&mut self, kind: EventKind) -> &mut Self {
        let event = Event { at: 0, elapsed: Duration::ZERO, kind };
        self.recap.record(&event);
        self.console.show(&event, &self.recap).unwrap();
        self
    }

    fn play(&mut self, name: &str) -> &mut Self {
        self.see(EventKind::PlayStarted {
            play: 0,
            name: name.into(),
            hosts: vec![],
            check_mode: false,
            show: Show::Tasks,
        })
    }

    fn step(&mut self, step: usize, name: &str, action: &str) -> &mut Self {
        self.see(EventKind::StepStarted(Arc::new(StepInfo {
            play: 0,
            step,
            name: name.into(),
            handler: false,
            action: action.into(),
            side: Side::default(),
            place: "a.yml:3".into(),
            origin: None,
            check_mode: false,
            no_log: false,
        })))
    }

    fn began(&mut self, step: usize, host: &str) -> &mut Self {
        self.see(EventKind::UnitStarted { step, host: host.into() })
    }

    fn done(&mut self, step: usize, host: &str, status: Status, result: Json) -> &mut Self {
        self.ended(step, host, None, false, outcome(status, result))
    }

    fn ended(
        &mut self,
        step: usize,
        host: &str,
        delegate: Option<&str>,
        looped: bool,
        outcome: Outcome,
    ) -> &mut Self {
        self.see(EventKind::UnitFinished {
            step,
            host: host.into(),
            delegate: delegate.map(Into::into),
            looped,
            outcome,
            took: Duration::ZERO,
        })
    }

    fn item(&mut self, step: usize, label: &str, status: Status, result: Json) -> &mut Self {
        self.see(EventKind::ItemFinished {
            step,
            host: "h1".into(),
            delegate: None,
            label: label.into(),
            outcome: outcome(status, result),
        })
    }

    fn out(&self) -> String {
        String::from_utf8(self.console.out.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.console.err.clone()).unwrap()
    }
}

fn outcome(status: Status, result: Json) -> Outcome {
    let result = result.as_object().cloned().unwrap();
    Outcome { status, ignored: false, rescued: false, result }
}

fn ignored(status: Status, result: Json) -> Outcome {
    Outcome { ignored: true, ..outcome(status, result) }
}

#[test]
fn a_preflight_looks_as_in_the_konvoy_guide() {
    let mut stage = Stage::new(Look { width: 172, ..Look::default() });
    stage
        .see(EventKind::StageStarted { name: "Running Preflights".into() })
        .play("Bootstrap Bastion Nodes")
        .see(EventKind::NoHostsMatched { play: 0 })
        .play("Bootstrap Nodes")
        .step(
            1,
            "wait-ssh : wait 180 seconds for SSH target connection to become reachable (socket)",
            "wait_for",
        )
        .ended(1, "10.0.128.252", Some("localhost"), false, outcome(Status::Ok, json!({})))
        .step(
            2,
            "wait-ssh : wait 180 seconds for SSH target connection to become reachable (SSH)",
            "wait_ssh",
        )
        .done(2, "10.0.128.170", Status::Skipped, json!({}))
        .see(EventKind::RunFinished { exit: 0, stats: Map::new() });
    let stars = |n: usize| "*".repeat(n);
    assert_eq!(
        stage.out(),
        format!(
            "STAGE [Running Preflights]

PLAY [Bootstrap Bastion Nodes] {}
skipping: no hosts matched

PLAY [Bootstrap Nodes] {}

TASK [wait-ssh : wait 180 seconds for SSH target connection to become reachable (socket)] {}
ok: [10.0.128.252 -> localhost]

TASK [wait-ssh : wait 180 seconds for SSH target connection to become reachable (SSH)] {}
skipping: [10.0.128.170]

PLAY RECAP {}
10.0.128.170               : ok=0    changed=0    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0   
10.0.128.252               : ok=1    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   

",
            stars(142),
            stars(150),
            stars(83),
            stars(86),
            stars(162)
        )
    );
}

#[test]
fn a_failure_is_a_block_with_its_message_below() {
    let mut stage = Stage::new(Look { width: 40, ..Look::default() });
    let timed_out = json!({"changed": false, "elapsed": 180, "msg": "timed out\x1b[2J"});
    stage.play("P").step(1, "all : wait", "wait_for").done(1, "10.0.129.25", Status::Failed, timed_out);
    assert_eq!(
        stage.out(),
        "
PLAY [P] ********************************

TASK [all : wait] ***********************
fatal: [10.0.129.25]: FAILED! => {
   \"changed\": false,
   \"elapsed\": 180
}

MSG:

timed out\\x1b[2J
"
    );
}

#[test]
fn ansible_s_own_shapes_line_by_line() {
    let mut stage = Stage::new(Look { format: Format::Json, ..Look::default() });
    let failed = json!({"changed": true, "rc": 1, "msg": "non-zero return code"});
    stage
        .play("P one")
        .step(1, "debug", "ansible.builtin.debug")
        .done(
            1,
            "h1",
            Status::Ok,
            json!({"msg": "hi 1.5", "changed": false, "_ansible_verbose_always": true}),
        )
        .step(2, "command", "command")
        .ended(2, "h1", None, false, ignored(Status::Failed, failed.clone()))
        .step(3, "loopy", "command")
        .item(3, "a", Status::Changed, json!({"changed": true}))
        .item(3, "b", Status::Skipped, json!({"changed": false}))
        .item(3, "c", Status::Failed, failed)
        .ended(
            3,
            "h1",
            None,
            true,
            ignored(Status::Failed, json!({"results": [], "msg": "One or more items failed"})),
        )
        .step(4, "allskip", "command")
        .item(4, "a", Status::Skipped, json!({}))
        .ended(4, "h1", None, true, outcome(Status::Skipped, json!({"results": []})))
        .step(5, "copy", "copy")
        .done(5, "h1", Status::Changed, json!({"changed": true, "diff": {"before": "", "after": "a\n"}}))
        .step(6, "role : shell", "shell")
        .see(EventKind::UnitRetrying {
            step: 6,
            host: "h1".into(),
            delegate: None,
            left: 2,
            result: Map::new(),
        })
        .done(6, "h1", Status::Unreachable, json!({"changed": false, "msg": "no route", "unreachable": true}))
        .see(EventKind::Included {
            file: "/p/inc.yml".into(),
            hosts: vec!["h1".into(), "h2".into()],
            label: Some("1".into()),
        })
        .see(EventKind::NoMoreHosts);
    assert_eq!(
        stage.out(),
        "
PLAY [P one] *******************************************************************

TASK [debug] *******************************************************************
ok: [h1] => {
    \"msg\": \"hi 1.5\"
}

TASK [command] *****************************************************************
fatal: [h1]: FAILED! => {\"changed\": true, \"msg\": \"non-zero return code\", \"rc\": 1}
...ignoring

TASK [loopy] *******************************************************************
changed: [h1] => (item=a)
skipping: [h1] => (item=b) 
failed: [h1] (item=c) => {\"changed\": true, \"msg\": \"non-zero return code\", \"rc\": 1}
...ignoring

TASK [allskip] *****************************************************************
skipping: [h1] => (item=a) 
skipping: [h1]

TASK [copy] ********************************************************************
--- before
+++ after
@@ -0,0 +1 @@
+a

changed: [h1]

TASK [role : shell] ************************************************************
FAILED - RETRYING: [h1]: shell (2 retries left).
fatal: [h1]: UNREACHABLE! => {\"changed\": false, \"msg\": \"no route\", \"unreachable\": true}
included: /p/inc.yml for h1, h2 => (item=1)

NO MORE HOSTS LEFT *************************************************************
"
    );
}

#[test]
fn verbose_runs_show_results_and_task_paths() {
    let mut stage = Stage::new(Look { verbosity: 2, ..Look::default() });
    stage.play("P").step(1, "command", "command").done(
        1,
        "h1",
        Status::Changed,
        json!({"changed": true, "rc": 0, "invocation": {}, "_ansible_no_log": false}),
    );
    let shown = stage.out();
    assert!(
        shown.ends_with("\ntask path: a.yml:3\nchanged: [h1] => {\"changed\": true, \"rc\": 0}\n"),
        "{shown}"
    );
    let mut stage = Stage::new(Look { verbosity: 1, ..Look::default() });
    let facts = json!({"ansible_facts": {"a": 1}, "_ansible_verbose_override": true});
    stage.play("P").step(1, "Gathering Facts", "setup").done(1, "h1", Status::Ok, facts);
    assert!(stage.out().ends_with("ok: [h1]\n"));
}

#[test]
fn a_free_play_shows_the_banner_again_when_the_task_changes() {
    let mut stage = Stage::new(Look { width: 20, ..Look::default() });
    stage
        .play("P")
        .step(1, "one", "command")
        .began(1, "h1")
        .began(1, "h2")
        .done(1, "h2", Status::Ok, json!({}))
        .step(2, "two", "command")
        .began(2, "h2")
        .done(2, "h2", Status::Ok, json!({}))
        .done(1, "h1", Status::Ok, json!({}));
    assert_eq!(
        stage.out(),
        "\nPLAY [P] ************\n\nTASK [one] **********\nok: [h2]\n\nTASK [two] **********\nok: [h2]\n\n\
         TASK [one] **********\nok: [h1]\n"
    );
}

#[test]
fn hidden_hosts_hide_their_banners_too() {
    let mut stage = Stage::new(Look { show_ok: false, show_skipped: false, width: 20, ..Look::default() });
    stage
        .play("P")
        .step(1, "one", "command")
        .done(1, "h1", Status::Ok, json!({}))
        .done(1, "h2", Status::Skipped, json!({}))
        .step(2, "two", "command")
        .done(2, "h1", Status::Changed, json!({}));
    assert_eq!(stage.out(), "\nPLAY [P] ************\n\nTASK [two] **********\nchanged: [h1]\n");
}

#[test]
fn warnings_go_to_stderr_once() {
    let mut stage = Stage::new(Look::default());
    let warned = json!({"warnings": ["careful"], "deprecations": [{"msg": "old"}]});
    stage
        .play("P")
        .step(1, "one", "command")
        .done(1, "h1", Status::Ok, warned)
        .see(EventKind::Warning { text: "careful".into(), about: None });
    assert_eq!(
        stage.err(),
        "[WARNING]: careful\n\
         [WARNING]: Deprecation warnings can be disabled by setting `deprecation_warnings=False` in ansible.cfg.\n\
         [DEPRECATION WARNING]: old. This feature will be removed in the future.\n"
    );
    assert!(stage.out().ends_with("ok: [h1]\n"));
}

#[test]
fn delegates_are_named_with_their_address_when_it_differs() {
    let mut stage = Stage::new(Look::default());
    let elsewhere = json!({"_ansible_delegated_vars": {"ansible_host": "10.0.0.1"}});
    stage
        .play("P")
        .step(1, "one", "command")
        .ended(1, "h1", Some("cp"), false, outcome(Status::Ok, elsewhere))
        .ended(1, "h2", Some("h2"), false, outcome(Status::Ok, json!({})));
    assert!(stage.out().ends_with("ok: [h1 -> cp(10.0.0.1)]\nok: [h2]\n"));
}

#[test]
fn colours_are_ansible_s() {
    let mut stage = Stage::new(Look { palette: Palette { on: true }, ..Look::default() });
    stage.play("P").step(1, "one", "command").done(1, "h1", Status::Changed, json!({}));
    assert!(stage.out().ends_with("\x1b[0;33mchanged: [h1]\x1b[0m\n"));
}

#[test]
fn stats_follow_the_recap() {
    let mut stage = Stage::new(Look { show_stats: true, ..Look::default() });
    let stats = json!({"_run": {"z": 1}}).as_object().cloned().unwrap();
    stage.see(EventKind::RunFinished { exit: 0, stats });
    let stars = "*".repeat(66);
    assert!(
        stage.out().ends_with(&format!("\n\n\nCUSTOM STATS: {stars}\n\n\tRUN: {{ \"z\": 1}}\n\n")),
        "{}",
        stage.out()
    );
}

fn info(play: usize, step: usize, name: &str) -> Arc<StepInfo> {
    let (name, action) = (name.into(), "meta".into());
    let place = String::new();
    let origin = None;
    Arc::new(StepInfo {
        play,
        step,
        name,
        handler: false,
        action,
        side: Side::default(),
        place,
        origin,
        check_mode: false,
        no_log: false,
    })
}

#[test]
fn each_host_of_a_linear_play_has_a_banner_of_a_meta() {
    let mut stage = Stage::new(Look { width: 20, ..Look::default() });
    let skipped = json!({"msg": "noop", "skip_reason": "no"}).as_object().cloned();
    let meta = |host: &str, linear, skipped| EventKind::MetaFinished {
        step: info(0, 1, "meta"),
        host: host.into(),
        linear,
        said: "noop".into(),
        skipped,
    };
    stage.play("P").see(meta("h1", true, None)).see(meta("h2", true, skipped)).see(meta("h3", false, None));
    let banner = "\nTASK [meta] *********\n";
    assert_eq!(stage.out(), format!("\nPLAY [P] ************\n{banner}{banner}skipping: [h2]\n"));
}

#[test]
fn a_run_that_broke_off_counts_nothing() {
    let mut stage = Stage::new(Look::default());
    stage.play("P").see(EventKind::RunFailed { text: "no such handler".into() });
    stage.see(EventKind::RunFinished { exit: 1, stats: Map::new() });
    assert_eq!(stage.err(), "[ERROR]: no such handler\n");
    assert!(!stage.out().contains("RECAP"));
}

#[test]
fn plays_side_by_side_take_turns() {
    let mut stage = Stage::new(Look { width: 20, ..Look::default() });
    stage.play("P").step(1, "one", "command").began(1, "h1");
    stage.see(EventKind::PlayStarted {
        play: 1,
        name: "Q".into(),
        hosts: vec![],
        check_mode: false,
        show: Show::Tasks,
    });
    stage.see(EventKind::StepStarted(info(1, 2, "two"))).began(2, "h2");
    stage.done(1, "h1", Status::Ok, json!({})).done(2, "h2", Status::Ok, json!({}));
    let ends = stage.out().split_once("PLAY [Q] ************\n").unwrap().1.to_string();
    let one = "\nPLAY [P] ************\n\nTASK [one] **********\nok: [h1]\n";
    let two = "\nPLAY [Q] ************\n\nTASK [two] **********\nok: [h2]\n";
    assert_eq!(ends, format!("{one}{two}"));
}

fn bare(shape: Shape) -> Stage {
    let mut stage = Stage::new(Look { shape, format: Format::Json, ..Look::default() });
    let changed = json!({"changed": true, "rc": 0, "stdout": "a\nb", "stderr": "c", "msg": "", "cmd": "x"});
    stage
        .play("Ansible Ad-Hoc")
        .step(1, "shell", "shell")
        .done(1, "h1", Status::Changed, changed)
        .done(1, "h2", Status::Failed, json!({"changed": false, "rc": 3, "msg": "non-zero return code"}))
        .step(2, "ping", "ping")
        .done(2, "h1", Status::Ok, json!({"changed": false, "ping": "pong"}))
        .done(2, "h2", Status::Unreachable, json!({"changed": false, "msg": "gone", "unreachable": true}))
        .done(2, "h3", Status::Skipped, json!({"changed": false}));
    stage
}

#[test]
fn bare_results_look_as_the_program_ansible_shows_them() {
    assert_eq!(
        bare(Shape::Minimal).out(),
        "h1 | CHANGED | rc=0 >>\na\nbc\nh2 | FAILED | rc=3 >>\nnon-zero return code\nh1 | SUCCESS => {\n    \
         \"changed\": false,\n    \"ping\": \"pong\"\n}\nh2 | UNREACHABLE! => {\n    \"changed\": false,\n    \"msg\": \
         \"gone\",\n    \"unreachable\": true\n}\nh3 | SKIPPED\n"
    );
}

#[test]
fn bare_results_may_have_a_line_each() {
    let said = "An exception occurred during task execution. To see the full traceback, use -vvv. The error was: \
                (traceback unavailable)\n";
    assert_eq!(
        bare(Shape::OneLine).out(),
        format!(
            "h1 | CHANGED | rc=0 | (stdout) a\\nb (stderr) c\n{said}h2 | FAILED | rc=3 | (stdout) \nh1 | SUCCESS => \
             {{\"changed\": false,\"ping\": \"pong\"}}\nh2 | UNREACHABLE!: gone\nh3 | SKIPPED\n"
        )
    );
}

/// The first step of a play, as it stands in a file.
fn written(module: &str, side: Side, origin: Option<muster_engine::source::Span>) -> StepInfo {
    StepInfo {
        play: 0,
        step: 1,
        name: module.into(),
        handler: false,
        action: format!("ansible.builtin.{module}"),
        side,
        place: String::new(),
        origin,
        check_mode: false,
        no_log: false,
    }
}

#[test]
fn what_its_task_and_not_its_module_holds_for_failed_is_the_actions_failure() {
    let sources = Arc::new(muster_engine::source::Sources::default());
    let source = sources.add("/a.yml", "- command: id\n");
    let origin = Some(muster_engine::source::Span { source, start: 2, end: 9 });
    let lead = |result: serde_json::Value| {
        let look = Look { sources: Some(sources.clone()), format: Format::Json, ..Look::default() };
        let mut stage = Stage::new(look);
        let info = Arc::new(written("command", Side::Host, origin));
        stage.see(EventKind::StepStarted(info)).done(1, "h1", Status::Failed, result);
        let out = stage.out();
        out.lines().find(|line| line.starts_with("[ERROR]")).unwrap_or_default().to_owned()
    };
    assert_eq!(lead(json!({"msg": "no", "rc": 1})), "[ERROR]: Task failed: Module failed: no");
    assert_eq!(lead(json!({"msg": "", "_ansible_judged": true})), "[ERROR]: Task failed: Action failed.");
    assert_eq!(lead(json!({"msg": "a", "_ansible_said": "b"})), "[ERROR]: b");
    assert_eq!(lead(json!({"msg": "a", "_ansible_said": ""})), "");
}

#[test]
fn a_failure_shows_where_its_task_is_written_once() {
    let sources = Arc::new(muster_engine::source::Sources::default());
    let source = sources.add("/a.yml", "- hosts: all\n\n  tasks:\n    - fail:\n");
    let text = sources.get(source);
    let start = text.offset(3, 6);
    let origin = Some(muster_engine::source::Span { source, start, end: start + 4 });
    let look = Look { sources: Some(sources), format: Format::Json, ..Look::default() };
    let mut stage = Stage::new(look);
    let info = written("fail", Side::Controller, origin);
    stage
        .see(EventKind::StepStarted(Arc::new(info)))
        .done(1, "h1", Status::Failed, json!({"changed": false, "msg": "no"}))
        .done(1, "h2", Status::Failed, json!({"changed": false, "msg": "no"}));
    let line = |host| format!("fatal: [{host}]: FAILED! => {{\"changed\": false, \"msg\": \"no\"}}\n");
    let place = "[ERROR]: Task failed: Action failed: no\nOrigin: /a.yml:4:7\n\n2\n3   tasks:\n4     - fail:\n        ^ column \
                 7\n\n";
    assert!(stage.out().ends_with(&format!("{place}{}{}", line("h1"), line("h2"))), "{}", stage.out());
}

#[test]
fn what_led_to_a_fault_is_shown_place_by_place() {
    let sources = Arc::new(muster_engine::source::Sources::default());
    let source =
        sources.add("/a.yml", "- name: one\n  debug:\n    msg: \"{{ a }}\"\n  vars: {a: \"{{ b }}\"}\n");
    let text = sources.get(source);
    let at = |line, column| {
        let start = text.offset(line, column);
        muster_engine::source::Span { source, start, end: start + 1 }
    };
    let info = written("debug", Side::Controller, Some(at(0, 2)));
    let trail = json!([
        ["Finalization failed", {"span": at(1, 2)}],
        ["Resolving 'msg'", {"span": at(2, 9)}],
        ["'b' is undefined", {"span": at(3, 12)}],
    ]);
    let message = "Task failed: Finalization failed: Resolving 'msg': 'b' is undefined";
    let mut stage = Stage::new(Look { sources: Some(sources), format: Format::Json, ..Look::default() });
    stage.see(EventKind::StepStarted(Arc::new(info))).done(
        1,
        "h1",
        Status::Failed,
        json!({"msg": message, "_ansible_trail": trail}),
    );
    let shown = format!(
        "[ERROR]: {message}\n\n\
         Task failed.\nOrigin: /a.yml:1:3\n\n1 - name: one\n    ^ column 3\n\n<<< caused by >>>\n\n\
         Finalization failed.\nOrigin: /a.yml:2:3\n\n1 - name: one\n2   debug:\n    ^ column 3\n\n<<< caused by >>>\n\n\
         Resolving 'msg'.\nOrigin: /a.yml:3:10\n\n1 - name: one\n2   debug:\n3     msg: \"{{{{ a }}}}\"\n           ^ column 10\n\n\
         <<< caused by >>>\n\n\
         'b' is undefined\nOrigin: /a.yml:4:13\n\n2   debug:\n3     msg: \"{{{{ a }}}}\"\n4   vars: {{a: \"{{{{ b }}}}\"}}\n              ^ column 13\n\n\
         fatal: [h1]: FAILED! => {{\"msg\": \"{message}\"}}\n"
    );
    assert!(stage.out().ends_with(&shown), "{}", stage.out());
}
