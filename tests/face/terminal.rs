//! Runs at a terminal: the task debugger and `--step`, answered as a person answers them. What is asked, and what the
//! answers do, is what ansible-playbook was seen to ask and do on a terminal.

use crate::going::Going;
use std::path::Path;
use std::process::Command;

/// A run of a playbook here, at a terminal.
fn at_terminal(dir: &Path, playbook: &str, words: &[&str]) -> Going {
    std::fs::write(dir.join("p.yml"), playbook).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir);
    command.env("NO_COLOR", "1").current_dir(dir);
    command.args(["run", "-i", "h1,h2,", "-c", "local", "p.yml"]).args(words);
    Going::at_terminal(command, dir.join("shown"))
}

const WRONG: &str = "- hosts: h1
  gather_facts: false
  vars: {text: wrong}
  tasks:
    - name: say
      command: echo {{ text }}
      register: said
      failed_when: said.stdout == 'wrong'
      debugger: on_failed
    - name: undefined
      debug: {msg: '{{ nobody }}', verbosity: 0}
      debugger: on_failed
    - {name: last, debug: {msg: '{{ said.stdout }}'}, debugger: always}
";

#[test]
fn a_failed_task_is_mended_in_the_debugger_and_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = at_terminal(dir.path(), WRONG, &[]);
    let talk = [
        ("[h1] TASK: say (debug)> ", "p task.args", "\n{'_raw_params': 'echo wrong'}\n"),
        ("", "p result._result.rc", "\n0\n"),
        ("", "p nope", "\n***NameError:NameError(\"name 'nope' is not defined\")\n"),
        ("", "task_vars['text'] = 'right'", ""),
        // What was rendered stays so until it is asked for anew.
        ("", "r", "\nfatal: [h1]"),
        ("", "u", ""),
        ("", "r", "\nchanged: [h1]"),
        ("[h1] TASK: undefined (debug)> ", "task.args['msg'] = ['a', {'b': 1}]", ""),
        ("", "task.args['msg'][1]['b'] = 2", ""),
        ("", "del task.args['verbosity']", ""),
        ("", "task.args", "\n{'msg': ['a', {'b': 2}]}\n"),
        ("", "redo", "\"b\": 2"),
        ("[h1] TASK: last (debug)> ", "help continue", "\nGoes on: the result stands.\n"),
        ("", "continue", "ok=3    changed=1    unreachable=0    failed=0"),
    ];
    let mut asked = "";
    for (question, line, _) in talk {
        asked = if question.is_empty() { asked } else { question };
        run.answer_next(asked, line);
    }
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    let shown = shown.replace("\r\n", "\n");
    let mut rest = shown.as_str();
    for (_, line, answer) in talk {
        rest = rest.split_once(&format!("(debug)> {line}")).unwrap_or_else(|| panic!("{line}: {shown}")).1;
        rest = rest.split_once(answer).map(|(_, rest)| rest).unwrap_or_else(|| panic!("{line}: {rest}"));
        rest = shown.get(shown.len() - rest.len() - answer.len()..).unwrap();
    }
}

#[test]
fn whoever_quits_the_debugger_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let playbook =
        "- hosts: all\n  strategy: debug\n  gather_facts: false\n  tasks:\n    - fail:\n    - debug:\n";
    let mut run = at_terminal(dir.path(), playbook, &["--limit", "h1"]);
    run.answer("[h1] TASK: fail (debug)> ", "q");
    let (code, shown) = run.end();
    assert_eq!(code, 99, "{shown}");
    assert!(shown.contains("User interrupted execution") && !shown.contains("PLAY RECAP"), "{shown}");
}

#[test]
fn steps_are_asked_for_until_a_person_has_seen_enough() {
    let dir = tempfile::tempdir().unwrap();
    let playbook = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: one, debug: }\n    - {name: two, debug: }\n    \
                    - {name: three, debug: }\n    - {name: four, debug: }\n";
    let mut run = at_terminal(dir.path(), playbook, &["--step"]);
    run.answer("Perform task: TASK: one (N)o/(y)es/(c)ontinue: ", "");
    run.answer("Perform task: TASK: two (N)o/(y)es/(c)ontinue: ", "y");
    run.answer("Perform task: TASK: three (N)o/(y)es/(c)ontinue: ", "c");
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains("TASK [one]") && shown.contains("TASK [four]"), "{shown}");
    assert!(
        shown.contains("ontinue: y\r\n\r\nPerform task: TASK: two (N)o/(y)es/(c)ontinue: ****"),
        "{shown}"
    );
    assert_eq!(shown.matches("ok=3 ").count(), 2, "{shown}");
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    for (playbook, words, code) in [
        (WRONG, &[][..], 1),
        ("- hosts: all\n  strategy: debug\n  tasks: []\n", &[], 1),
        ("- hosts: all\n  tasks: []\n", &["--step"], 5),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("p.yml"), playbook).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.env_clear().env("HOME", dir.path()).current_dir(dir.path());
        command.args(["run", "-i", "h1,", "-c", "local", "p.yml"]).args(words);
        let (got, shown) = Going::alone(command, dir.path().join("shown")).end();
        assert_eq!(got, code, "{shown}");
        assert!(shown.contains("terminal") && !shown.contains("PLAY ["), "{shown}");
    }
}
