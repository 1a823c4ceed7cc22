//! `check`: a condition that is looked at and collected. One that does not hold never fails the task; it is a finding
//! under the result key `check`, with what was seen, what is required and how to mend it. What could not be told is a
//! verdict of its own and never a pass.

use super::{assert, written};
use muster_engine::module::{self, Context, Failure, Kind, Module, Opt, Output, Spec};
use muster_engine::node::Node;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `check`: one finding.
pub struct Check;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    #[default]
    Error,
    Warning,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Fail,
    Warn,
    Unknown,
}

/// What a task gives to [`Check`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    id: String,
    that: Json,
    observed: Json,
    required: Json,
    remedy: Json,
    title: Json,
    severity: Severity,
    noun: Option<String>,
    blocked_by: Json,
}

impl Module for Check {
    const NAME: &'static str = "check";
    const SPEC: Spec = Spec::new(
        "Looks whether a condition holds and keeps the finding; the host goes on either way. All findings are listed after the recap.",
        &[
            Opt::new("id", Kind::Str, "A name that stays the same from run to run, such as `Port-6443`; `--ignore` takes it.")
                .required(),
            Opt::new("that", Kind::Expr, "A condition or a list of them, written as under `when`; all must hold.").required(),
            Opt::new("observed", Kind::Expr, "What was seen: text with templates. What is undefined makes the verdict `unknown`."),
            Opt::new("required", Kind::Expr, "What is required: text with templates."),
            Opt::new("remedy", Kind::Expr, "What to type to mend it: text with templates."),
            Opt::new("title", Kind::Expr, "One line that says what is looked at; the id without it."),
            Opt::new("severity", Kind::Str, "Whether a condition that does not hold is a failure or a warning.")
                .choices(&["error", "warning"])
                .default("error"),
            Opt::new("noun", Kind::Str, "What is checked, for the sentence that counts what did not pass: `addon`; a check unless given."),
            Opt::new("blocked_by", Kind::Expr, "The id of the check whose finding explains this one: text with templates, empty for none. It is named in place of what was seen."),
        ],
    )
    .examples(
        "- check:\n    id: Swap\n    title: swap is off\n    that: ansible_facts.swaptotal_mb == 0\n    observed: \"{{ ansible_facts.swaptotal_mb }} MB\"\n    required: 0 MB\n    remedy: swapoff -a\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<module::Check<Infallible>, Failure> {
        let mut reason = None;
        let mut text = |name: &str, value: &Json| match shown(name, value, cx) {
            Ok(value) => value,
            Err(fault) => {
                reason.get_or_insert(format!("{name}: {fault}"));
                Json::Null
            }
        };
        let observed = text("observed", &args.observed);
        let required = text("required", &args.required);
        let remedy = text("remedy", &args.remedy);
        let blocker = text("blocked_by", &args.blocked_by);
        let title = Some(text("title", &args.title)).filter(|title| !title.is_null());
        let verdict = match (all_hold(&args.that, cx), args.severity) {
            (Ok(true), _) => Verdict::Pass,
            (Ok(false), Severity::Error) => Verdict::Fail,
            (Ok(false), Severity::Warning) => Verdict::Warn,
            (Err(fault), _) => {
                reason = Some(fault);
                Verdict::Unknown
            }
        };
        let mut finding = json!({
            "id": args.id,
            "verdict": if reason.is_some() { Verdict::Unknown } else { verdict },
            "observed": observed,
            "required": required,
            "remedy": remedy,
            "severity": args.severity,
            "title": title.unwrap_or_else(|| args.id.clone().into()),
        });
        if let Some(finding) = finding.as_object_mut() {
            let said = blocker.as_str().is_some_and(|id| !id.is_empty());
            let more = [
                ("reason", reason.map(Json::from)),
                ("noun", args.noun.clone().map(Json::from)),
                ("blocked_by", Some(blocker).filter(|_| said)),
            ];
            finding.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))));
        }
        Ok(module::Check::Done(Output::new(false).with("check", finding)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Whether all conditions hold; one that fails counts only if none before it is false.
fn all_hold(that: &Json, cx: &Context) -> Result<bool, String> {
    let conditions: Vec<Node> =
        assert::conditions(that, cx).map_err(|failure| failure.message().to_string())?;
    if conditions.is_empty() {
        return Err("there is no condition".into());
    }
    for condition in &conditions {
        if !assert::holds(condition, &cx.scope).map_err(|fault| fault.message)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An option's text or value, rendered.
fn shown(name: &str, value: &Json, cx: &Context) -> Result<Json, String> {
    if value.is_null() {
        return Ok(Json::Null);
    }
    let value = cx.scope.render(&written::node(cx, &[name], value)).map_err(|fault| fault.message)?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}
