//! Tasks whose module has an action plugin, with a stand-in for the Python that runs it.

use super::{muster, out};
use tempfile::TempDir;

#[path = "../../modules/tests/actions/installed.rs"]
mod installed;

const PYTHON: &str = include_str!("../../modules/tests/actions/python");
const PLAYBOOK: &str = r#"
- hosts: h1
  gather_facts: false
  tasks:
    - see: {result: {msg: hello, changed: true, ansible_facts: {learned: 5}}}
      register: one
      notify: hear
    - debug: {msg: "{{ one.told.register }} {{ learned }}"}
    - see: {raised: true, result: {failed: true, msg: no}}
      until: two is success
      retries: 2
      delay: 0
      failed_when: false
      ignore_errors: true
      register: two
    - debug: {msg: "{{ two.failed }} {{ two.attempts | default('unasked') }}"}
    - see: {raised: true, result: {skipped: true, msg: not today}}
    - see: {result: {msg: a secret, _ansible_no_log: true}}
      register: three
    - see:
        passes: true
        ask: [{want: module, road: task, name: command, args: {_raw_params: echo behind}, background: 9}]
      async: 9
      poll: 1
      register: four
    - debug: {msg: "{{ four.stdout }} {{ four.finished }}"}
  handlers:
    - name: hear
      see: {result: {msg: heard}}
"#;

fn site() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    installed::install(dir.path(), PYTHON);
    let write = |path: &str, text: &str| installed::write(dir.path(), path, text);
    write("plugins/see.py", "class ActionModule(ActionBase):\n    pass\n");
    write("p.yml", PLAYBOOK);
    dir
}

#[test]
fn a_task_with_an_action_plugin_is_a_task_like_any_other() {
    let site = site();
    let core = site.path().join("lib/python3/site-packages/ansible");
    let mut command = muster(site.path(), "run -v -i h1, -c local p.yml");
    let (code, shown, said) =
        out(command.env("MUSTER_ANSIBLE_CORE", core).env("ANSIBLE_ACTION_PLUGINS", "plugins"));
    assert_eq!(code, 0, "{shown}\n{said}");
    for line in [
        "\"msg\": \"one 5\"",
        "\"msg\": \"True unasked\"",
        "skipping: [h1]",
        "\"msg\": \"behind True\"",
        "RUNNING HANDLER [hear]",
        "ok=8    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=1",
    ] {
        assert!(shown.contains(line), "{line} is missing:\n{shown}");
    }
    assert!(!shown.contains("a secret"), "{shown}");
}

#[test]
fn without_ansible_core_its_file_is_named_before_anything_runs() {
    let site = site();
    let mut command = muster(site.path(), "run -i h1, -c local p.yml");
    command.env("MUSTER_ANSIBLE_CORE", "/nonexistent").env("ANSIBLE_ACTION_PLUGINS", "plugins");
    let (code, shown, said) = out(&mut command);
    assert_eq!((code, shown.as_str()), (4, ""), "{said}");
    assert!(said.contains("plugins/see.py"), "{said}");
    assert!(said.contains("no ansible-core was found"), "{said}");
}
