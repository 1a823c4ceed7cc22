//! `ansible.builtin.script`: a file of the controller, run on the target.

use super::{Sent, answer, words};
use crate::files::local::read;
use muster_engine::connection::Command;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Reason, Side, Spec};
use serde::Deserialize;

/// `ansible.builtin.script`: sends a script and runs it.
pub struct Script;

/// What a task gives to [`Script`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    _raw_params: Option<String>,
    cmd: Option<String>,
    chdir: Option<String>,
    creates: Option<String>,
    removes: Option<String>,
    executable: Option<String>,
}

impl Module for Script {
    const NAME: &'static str = "ansible.builtin.script";
    const SPEC: Spec = Spec::new("Sends a script of the controller to the target, runs it there and removes it.", &[
        Opt::new("_raw_params", Kind::Str, "The free-form text: the script's path and its words."),
        Opt::new("cmd", Kind::Str, "The script's path and its words."),
        Opt::new("creates", Kind::Str, "A path on the target; when it exists, nothing runs."),
        Opt::new("removes", Kind::Str, "A path on the target; when it does not exist, nothing runs."),
        Opt::new("chdir", Kind::Str, "The directory on the target to run in, as an absolute path."),
        Opt::new("executable", Kind::Str, "The program that runs the script; without it the script's first line says so."),
    ])
    .free_form("_raw_params")
    .exclusive(&[&["_raw_params", "cmd"]])
    .one_of(&[&["_raw_params", "cmd"]])
    .examples("- name: collect what the kernel says\n  script: collect.sh --since 1h\n  args:\n    creates: /var/tmp/collected\n")
    .side(Side::Controller);
    type Args = Args;
    type Change = Command;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Command>, Failure> {
        for (path, wanted, how) in [
            (&args.creates, false, "exists, matching creates"),
            (&args.removes, true, "does not exist, matching removes"),
        ] {
            let Some(path) = path.as_deref().filter(|path| !path.is_empty()) else { continue };
            if cx.sh(format!("[ -e {} ]", words::expanded(path))).await?.succeeded() != wanted {
                return Ok(Check::Done(Output::passed_over(format!("{path} {how} option"))));
            }
        }
        if let Some(dir) = args.chdir.as_deref().filter(|dir| !dir.starts_with('/')) {
            return Err(Failure::new(format!(
                "chdir {dir} must be an absolute path for a Unix-aware remote node"
            )));
        }
        let text = args._raw_params.as_deref().or(args.cmd.as_deref()).unwrap_or("").trim();
        let parts = words::split(text).map_err(|error| Failure::new(format!("Task failed: {error}")))?;
        let Some(named) = parts.first() else { return Err(Failure::new("no script given")) };
        let path = cx.find("files", named)?;
        let bytes = read(cx, &path, true).await?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("script");
        let rest = words::after_first(text);
        let cd = args.chdir.as_deref().map(|dir| format!("cd {} && ", words::quote(dir))).unwrap_or_default();
        // As on a terminal: in the order in which it was said.
        let merged = if &*cx.road.target().kind == "ssh" { " 2>&1" } else { "" };
        let with = args.executable.as_deref().map(|exe| format!("{exe} ")).unwrap_or_default();
        let change = Sent { name, bytes, beside: None }.command(&format!("{cd}{with}\"$f\"{rest}{merged}"));
        let foreseen = if args.creates.is_some() || args.removes.is_some() {
            Output::new(true)
        } else {
            Output::passed_over("Check mode is not supported for this task.")
        };
        Ok(Check::Would { change, foreseen })
    }

    async fn apply(&self, command: Command, cx: &Context) -> Result<Output, Failure> {
        let completed = cx.exec(command).await?;
        let mut result = Map::new();
        result.insert("rc".into(), answer::rc(&completed).into());
        let (out, err) = answer::heard(&completed, cx.road.target());
        answer::put_streams(&mut result, &out, &err, Some(&completed));
        result.insert("changed".into(), true.into());
        if completed.rc == 0 {
            return Ok(Output { result, vars: None });
        }
        result.insert("msg".into(), "non-zero return code".into());
        Err(Failure { reason: Reason::Failed, result })
    }
}
