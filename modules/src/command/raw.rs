//! `ansible.builtin.raw`: a text for the target's login shell, nothing added and nothing looked at.

use super::{answer, words};
use muster_engine::connection::{Command, Way};
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Reason, Side, Spec};
use serde::Deserialize;

/// `ansible.builtin.raw`: runs a text as it is.
pub struct Raw;

/// What a task gives to [`Raw`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    _raw_params: String,
    executable: Option<String>,
}

impl Module for Raw {
    const NAME: &'static str = "ansible.builtin.raw";
    const SPEC: Spec = Spec::new(
        "Hands a text to the target's login shell as it is, for targets that have little else.",
        &[
            Opt::new("_raw_params", Kind::Str, "The free-form text.").required(),
            Opt::new("executable", Kind::Str, "Another shell for it, as an absolute path."),
        ],
    )
    .free_form("_raw_params")
    .examples("- name: ask a switch\n  raw: show version\n")
    .side(Side::Controller);
    type Args = Args;
    type Change = Command;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Command>, Failure> {
        let script = match &args.executable {
            Some(shell) => format!("{shell} -c {}", words::quote(&args._raw_params)),
            None => args._raw_params.clone(),
        };
        let change = Command { script, way: Way::Raw, ..Command::default() };
        Ok(Check::Would { change, foreseen: Output::new(false).with("skipped", true) })
    }

    async fn apply(&self, mut command: Command, cx: &Context) -> Result<Output, Failure> {
        command.escalation.clone_from(&cx.escalation);
        command.timeout = cx.timeout;
        let completed = cx.connection().await?.exec(&command).await?;
        let mut result = Map::new();
        result.insert("rc".into(), answer::rc(&completed).into());
        let (out, err) = answer::heard(&completed, cx.road.target());
        answer::put_streams(&mut result, &out, &err, Some(&completed));
        result.insert("changed".into(), true.into());
        if !cx.environment.is_empty() {
            result.insert(
                "warnings".into(),
                serde_json::json!(["raw module does not support the environment keyword"]),
            );
        }
        if completed.rc == 0 {
            return Ok(Output { result, vars: None });
        }
        result.insert("msg".into(), "non-zero return code".into());
        Err(Failure { reason: Reason::Failed, result })
    }
}
