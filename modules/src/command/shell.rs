//! `ansible.builtin.shell`: a text for a shell on the target.

use super::exec::{self, Asked, Program};
use super::{Args, CHDIR, CREATES, REMOVES, WORKS, with_command, words};
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Spec};

/// `ansible.builtin.shell`: runs a text through a shell.
pub struct Shell;

/// What makes `command` a shell.
const TOLD: &[(&str, &str)] = &[("_uses_shell", "true"), ("expand_argument_vars", "true")];

impl Module for Shell {
    const NAME: &'static str = "ansible.builtin.shell";
    const SPEC: Spec = Spec::new(
        "Runs a text through a shell on the target: pipes, redirections and variables work.",
        with_command![],
    )
    .free_form("_raw_params")
    .exclusive(&[&["_raw_params", "cmd", "argv"]])
    .one_of(&[&["_raw_params", "cmd", "argv"]])
    .examples(
        "- name: count the pods of this node\n  shell: crictl pods -q | wc -l\n  changed_when: false\n\
             - name: use bash\n  shell:\n    cmd: set -o pipefail; dmesg | tail\n    executable: /bin/bash\n",
    )
    .manners(Manners {
        lacks: Some("expand_argument_vars"),
        told: TOLD,
        works: Some(WORKS),
        ..Manners::USUAL
    });
    type Args = Args;
    type Change = Program;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Program>, Failure> {
        let text = args._raw_params.clone().or_else(|| args.cmd.clone());
        let (shown, text) = match (text, &args.argv) {
            (Some(text), _) => (text.clone().into(), text),
            (None, argv) => {
                let argv = argv.clone().unwrap_or_default();
                (argv.clone().into(), words::join(&argv))
            }
        };
        let shell = args.executable.clone().unwrap_or_else(|| cx.road.target().shell.clone());
        let program = Program {
            shown,
            argv: vec![words::expanded(&shell), "-c".into(), words::quote(&text)],
            named: vec![shell, "-c".into(), text],
            chdir: args.chdir.clone(),
            stdin: exec::input(args.stdin.as_deref(), args.stdin_add_newline),
            strip: args.strip_empty_ends,
        };
        program.check(&Asked { creates: args.creates.as_deref(), removes: args.removes.as_deref() }, cx).await
    }

    async fn apply(&self, program: Program, cx: &Context) -> Result<Output, Failure> {
        program.run(cx).await
    }
}
