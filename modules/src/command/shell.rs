//! `ansible.builtin.shell`: a text for a shell on the target.

use super::exec::{self, Asked, Program};
use super::{CHDIR, CREATES, REMOVES, words};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.shell`: runs a text through a shell.
pub struct Shell;

/// What a task gives to [`Shell`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    _raw_params: Option<String>,
    cmd: Option<String>,
    argv: Option<Vec<String>>,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    stdin: Option<String>,
    stdin_add_newline: bool,
    strip_empty_ends: bool,
    executable: Option<String>,
}

impl Module for Shell {
    const NAME: &'static str = "ansible.builtin.shell";
    const SPEC: Spec = Spec::new(
        "Runs a text through a shell on the target: pipes, redirections and variables work.",
        &[
            Opt::new("_raw_params", Kind::Str, "The free-form text for the shell."),
            Opt::new("argv", Kind::List, "Words that are joined to the text, each quoted.")
                .elements(Kind::Str),
            CHDIR,
            Opt::new("cmd", Kind::Str, "The text for the shell."),
            CREATES,
            Opt::new("executable", Kind::Path, "The shell, as an absolute path; `/bin/sh` without it."),
            REMOVES,
            Opt::new("stdin", Kind::Str, "Text for its standard input."),
            Opt::new("stdin_add_newline", Kind::Bool, "Whether a newline follows that text.").default("true"),
            Opt::new(
                "strip_empty_ends",
                Kind::Bool,
                "Whether empty lines at the ends of the output are cut off.",
            )
            .default("true"),
        ],
    )
    .free_form("_raw_params")
    .exclusive(&[&["_raw_params", "cmd", "argv"]])
    .one_of(&[&["_raw_params", "cmd", "argv"]])
    .examples(
        "- name: count the pods of this node\n  shell: crictl pods -q | wc -l\n  changed_when: false\n\
             - name: use bash\n  shell:\n    cmd: set -o pipefail; dmesg | tail\n    executable: /bin/bash\n",
    );
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
