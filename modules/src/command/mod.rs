//! Commands: `command`, `shell`, `raw`, `script`, and executables of one's own. Words of a task come in, what the
//! program answered goes out. A command is one POSIX sh script on the target; only `creates`, `removes` and `chdir`
//! cost a look before it.

mod answer;
mod async_status;
mod exec;
mod git;
mod raw;
mod script;
mod sent;
mod shell;
pub(crate) mod words;

pub use async_status::AsyncStatus;
pub use git::Git;
pub use raw::Raw;
pub use script::Script;
pub use shell::Shell;

use exec::{Asked, Program};
use muster_engine::module::{
    Check, Context, Failure, Kind, Manners, Map, Module, Opt, Output, Reason, Registry, Spec,
};
use serde::Deserialize;
use serde_json::Value as Json;

pub(crate) use answer::{lines, moment};
pub(crate) use sent::Sent;

pub(crate) const CHDIR: Opt = Opt::new("chdir", Kind::Path, "The directory on the target to run in.");
pub(crate) const CREATES: Opt =
    Opt::new("creates", Kind::Path, "A path or glob on the target; when it exists, nothing runs.");
pub(crate) const REMOVES: Opt =
    Opt::new("removes", Kind::Path, "A path or glob on the target; when it does not exist, nothing runs.");

/// The options of `command` and `shell`, behind a module's own.
macro_rules! with_command {
    ($($option:expr),* $(,)?) => {{
        &[
            $($option,)*
            Opt::new("_raw_params", Kind::Str, "The free-form text: a program and its words."),
            Opt::new("cmd", Kind::Str, "The free-form text under a name."),
            Opt::new("argv", Kind::List, "The program and its words as a list, for words that hold spaces.")
                .elements(Kind::Str),
            CHDIR,
            Opt::new("executable", Kind::Path, "The shell, as an absolute path; `command` has none to choose."),
            CREATES,
            REMOVES,
            Opt::new("stdin", Kind::Str, "Text for standard input."),
            Opt::new("stdin_add_newline", Kind::Bool, "Whether a newline follows that text.").default("true"),
            Opt::new("strip_empty_ends", Kind::Bool, "Whether empty lines at the ends of the output are cut off.")
                .default("true"),
        ]
    }};
}
use with_command;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry.with(Command).with(Shell).with(Raw).with(Script).with(AsyncStatus).with(Git)
}

/// What runs commands on the host, and what it takes.
const WORKS: (&str, &[&str]) = (
    "ansible.legacy.command",
    &[
        "_raw_params",
        "_uses_shell",
        "argv",
        "chdir",
        "cmd",
        "creates",
        "executable",
        "expand_argument_vars",
        "removes",
        "stdin",
        "stdin_add_newline",
        "strip_empty_ends",
    ],
);

/// `ansible.builtin.command`: runs a program without a shell.
pub struct Command;

/// What a task gives to [`Command`] and [`Shell`].
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
    expand_argument_vars: bool,
    executable: Option<String>,
}

impl Module for Command {
    const NAME: &'static str = "ansible.builtin.command";
    const SPEC: Spec = Spec::new(
        "Runs a program on the target, its words given to it as they are, without a shell.",
        with_command![
            Opt::new("_uses_shell", Kind::Bool, "Of no effect here; `shell` is the module for that.").default("false"),
            Opt::new("expand_argument_vars", Kind::Bool, "Whether `$NAME` and a leading `~` in words are the target's.")
                .default("true"),
        ],
    )
    .free_form("_raw_params")
    .exclusive(&[&["_raw_params", "cmd", "argv"]])
    .one_of(&[&["_raw_params", "cmd", "argv"]])
    .examples(
        "- name: look at the kernel\n  command: uname -r\n  changed_when: false\n\
         - name: make a database once\n  command:\n    argv: [/usr/bin/make-db, \"name with spaces\"]\n    creates: /var/lib/db\n",
    )
    .manners(Manners { works: Some(WORKS), ..Manners::USUAL });
    type Args = Args;
    type Change = Program;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Program>, Failure> {
        let text = args._raw_params.as_deref().or(args.cmd.as_deref());
        let words = match (text, &args.argv) {
            (Some(text), _) => words::split(text)
                .map_err(|error| Failure::new(format!("Task failed: Module failed: {error}")))?,
            (None, argv) => argv.clone().unwrap_or_default(),
        };
        if words.is_empty() {
            let named = args._raw_params.is_some();
            return Err(nothing(args.cmd.is_some() && !named, args.argv.is_some() && !named));
        }
        let word = if args.expand_argument_vars { words::expanded } else { words::quote };
        let program = Program {
            shown: words.clone().into(),
            argv: words.iter().map(|text| word(text)).collect(),
            named: words,
            chdir: args.chdir.clone(),
            stdin: exec::input(args.stdin.as_deref(), args.stdin_add_newline),
            strip: args.strip_empty_ends,
        };
        let asked = Asked { creates: args.creates.as_deref(), removes: args.removes.as_deref() };
        let check = program.check(&asked, cx).await?;
        Ok(match (&args.executable, check) {
            (Some(exe), Check::Done(output)) => Check::Done(unused(output, exe)),
            (Some(exe), Check::Would { change, foreseen }) => {
                Check::Would { change, foreseen: unused(foreseen, exe) }
            }
            (None, check) => check,
        })
    }

    async fn apply(&self, program: Program, cx: &Context) -> Result<Output, Failure> {
        program.run(cx).await
    }
}

/// What is said of a command without a word, which a name was given for or a list.
fn nothing(named: bool, listed: bool) -> Failure {
    if named {
        let message = "Argument 'args' to run_command must be list or string";
        return Failure::new(message).with("rc", 257).with("cmd", Json::Null);
    }
    if !listed {
        return Failure::new("no command given").with("rc", 256);
    }
    let mut result = Map::new();
    result.insert("rc".into(), 257.into());
    answer::put_streams(&mut result, "", "", None);
    result.insert("cmd".into(), "".into());
    result.insert("msg".into(), "Error executing command.".into());
    Failure { reason: Reason::Failed, result }
}

fn unused(output: Output, executable: &str) -> Output {
    output.warn(format!(
        "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module. Not using '{executable}'."
    ))
}
