//! `ansible.builtin.assert`: conditions that must hold, else the task fails and names the first that does not.

use super::written;
use muster_engine::module::{
    Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec, VERBOSE, braces_go, python_type,
};
use muster_engine::node::{self, Node};
use muster_engine::template::{Expr, Fault, Scope, Spot, to_json};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;

/// `ansible.builtin.assert`.
pub struct Assert;

/// What a task gives to [`Assert`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    that: Json,
    fail_msg: Json,
    success_msg: Json,
    quiet: bool,
}

impl Module for Assert {
    const NAME: &'static str = "ansible.builtin.assert";
    const SPEC: Spec = Spec::new("Fails unless every condition holds.", &[
        Opt::new("that", Kind::Expr, "A condition or a list of them, written as under `when`.").required(),
        Opt::new("fail_msg", Kind::Raw, "What to say when one does not hold: text or a list of texts.")
            .aliases(&["msg"])
            .default("Assertion failed"),
        Opt::new("success_msg", Kind::Raw, "What to say when all hold: text or a list of texts.")
            .default("All assertions passed"),
        Opt::new("quiet", Kind::Bool, "Whether a success is shown in one line.").default("false"),
    ])
    .examples("- assert:\n    that:\n      - ansible_facts.memtotal_mb >= 1700\n    fail_msg: too little memory for a control plane\n")
    .side(Side::Controller).manners(Manners { short: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        texts("fail_msg", &args.fail_msg)?;
        texts("success_msg", &args.success_msg)?;
        let mut output = Output::default();
        if !args.quiet {
            output = output.with(VERBOSE, true);
        }
        for that in conditions(&args.that, cx)? {
            let condition = condition(&that)?;
            let holds = cx.scope.holds(&condition)?;
            if cx.scope.is_braced(&condition) {
                braces_go(&mut output.result);
            }
            if !holds {
                let shown = match &that.kind {
                    node::Kind::Bool(value) => Json::Bool(*value),
                    _ => that.as_str().into(),
                };
                let failure = Failure::new("").with("evaluated_to", false).with("assertion", shown);
                let mut failure = failure.with("msg", args.fail_msg.clone()).with("changed", false);
                if let Some(said) = output.result.get("deprecations") {
                    failure = failure.with("deprecations", said.clone());
                }
                return Err(if args.quiet { failure } else { failure.with(VERBOSE, true) });
            }
        }
        Ok(Check::Done(output.with("changed", false).with("msg", args.success_msg.clone())))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// The conditions under `that`: a list, one alone, or the list that a template gives.
pub(super) fn conditions(that: &Json, cx: &Context) -> Result<Vec<Node>, Failure> {
    let node = written::node(cx, &["that"], that);
    let trusted = |value: &Json| match value.as_str() {
        Some(text) if !written::is_template(text) && !cx.scope.is_written(text) => {
            Err(Fault::untrusted(Spot::Value(text.into())))
        }
        _ => Ok(()),
    };
    let is_here = cx.written.as_map().is_some_and(|map| map.get("that").is_some());
    if !is_here {
        let items = that.as_array().map_or(std::slice::from_ref(that), Vec::as_slice);
        items.iter().try_for_each(trusted)?;
    }
    if let Some(text) = node.as_str().filter(|text| written::is_template(text)) {
        // A list that is written down is as good as one that is written here: its conditions stay where they are.
        let name = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        if let Some(node::Kind::Seq(items)) = cx.scope.written(name).map(|node| node.kind) {
            return Ok(items.to_vec());
        }
        let listed = cx.scope.render(&node).ok().and_then(|value| to_json(&value).ok());
        if let (Some(Json::Array(items)), false) = (listed, text.is_empty()) {
            items.iter().try_for_each(trusted)?;
            return Ok(items.iter().map(|item| written::made(item, node.span)).collect());
        }
    }
    Ok(match &node.kind {
        node::Kind::Seq(items) => items.to_vec(),
        _ => vec![node],
    })
}

/// Whether a condition holds.
///
/// # Errors
/// It is no condition, does not parse, fails, or its result is no boolean.
pub(super) fn holds(that: &Node, scope: &Scope) -> Result<bool, Fault> {
    scope.holds(&condition(that)?)
}

/// A condition, as one that does not parse too: it fails when it is weighed.
fn condition(that: &Node) -> Result<Expr, Fault> {
    let fault = |message: String| Fault::new(message, Some(that.span)).of(that.span);
    if that.is_null() {
        return Err(fault("Empty conditional expressions are not allowed.".into()));
    }
    if !matches!(that.kind, node::Kind::Bool(_) | node::Kind::Str(_)) && that.as_str().is_none() {
        return Err(fault("Conditional expressions must be strings.".into()));
    }
    Ok(Expr::parse_anyway(that).0)
}

fn texts(option: &str, value: &Json) -> Result<(), Failure> {
    let kind = match value {
        Json::String(_) => return Ok(()),
        Json::Array(items) if items.iter().all(Json::is_string) => return Ok(()),
        other => python_type(other),
    };
    Err(Failure::new(format!(
        "argument '{option}' is of type {kind} and we were unable to convert to str_or_list_of_str: \
         a string or list of strings is required"
    )))
}
