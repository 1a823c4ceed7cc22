//! `ansible.builtin.debug`: shows a message or the value of an expression.

use super::written;
use muster_engine::module::{
    Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec, VERBOSE,
};
use muster_engine::node::{self, Node};
use muster_engine::source::Span;
use muster_engine::template::{Expr, Fault, Scope, Spot, from_json, text_of, to_json};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;

/// `ansible.builtin.debug`.
pub struct Debug;

/// What a task gives to [`Debug`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    msg: Json,
    var: Option<Json>,
    verbosity: i64,
}

impl Module for Debug {
    const NAME: &'static str = "ansible.builtin.debug";
    const SPEC: Spec = Spec::new("Shows a message, or the value of an expression.", &[
        Opt::new("msg", Kind::Raw, "What to show: text, or any other value.").default("Hello world!"),
        Opt::new("var", Kind::Expr, "An expression, most often a variable's name, whose value is shown. Already an expression: no braces."),
        Opt::new("verbosity", Kind::Int, "Shown only from this many `-v` on.").default("0"),
    ])
    .exclusive(&[&["msg", "var"]])
    .examples("- debug:\n    var: ansible_facts\n    verbosity: 2\n- debug: msg=\"ready {{ inventory_hostname }}\"\n")
    .side(Side::Controller).manners(Manners { short: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        if args.verbosity > i64::from(cx.verbosity) {
            let output = Output::default().with("skipped_reason", "Verbosity threshold not met.");
            return Ok(Check::Done(output.with("skipped", true).with("changed", false)));
        }
        let output = match args.var.as_ref().filter(|var| *var != "") {
            Some(var) => shown(var, cx)?,
            None => Output::default().with("msg", args.msg.clone()),
        };
        Ok(Check::Done(output.with(VERBOSE, true)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

fn shown(var: &Json, cx: &Context) -> Result<Output, Failure> {
    let node = expression(var, cx)?;
    let text = node.as_str().unwrap_or("").to_string();
    let (expr, _) = Expr::parse_anyway(&node);
    match cx.scope.eval(&expr) {
        Ok(value) if Scope::is_omit(&value) => Ok(Output::default().with(&text, "<<Omit>>").warn(
            "The result of the `var` expression could not be omitted; a placeholder was used instead.",
        )),
        Ok(value) => {
            let json = to_json(&value).map_err(|fault| unresolved(fault, node.span))?;
            Ok(Output::default().with(&text, json))
        }
        Err(fault) if fault.undefined => {
            let error = format!("error 1 - {}", fault.message);
            let output = Output::default().with(&text, format!("<< {error} >>"));
            Ok(output.warn(format!("Encountered 1 template error.\n{error}")))
        }
        Err(fault) => Err(unresolved(fault, node.span)),
    }
}

/// The failure over what nobody wrote as an expression.
fn untrusted(span: Span) -> Failure {
    unresolved(Fault::untrusted(Spot::Written(span)), span)
}

/// The failure of an expression that stands at a place.
fn unresolved(fault: Fault, span: Span) -> Failure {
    fault.within("Error while resolving `var` expression", span).into()
}

/// The expression; where its text is a template, what that gives is the expression.
fn expression(var: &Json, cx: &Context) -> Result<Node, Failure> {
    let Json::String(text) = var else {
        let kind = match var {
            Json::Array(_) => "list",
            Json::Object(_) => "dict",
            Json::Bool(_) => "bool",
            Json::Number(n) if n.is_f64() => "float",
            _ => "int",
        };
        return Err(Failure::new(format!(
            "argument 'var' is of type {kind} and we were unable to convert to _check_type_str_no_conversion: \
             '{}' is not a string and conversion is not allowed",
            text_of(&from_json(var)).unwrap_or_default()
        )));
    };
    let written = cx.written.as_map().and_then(|map| map.get("var"));
    if written.is_some_and(|node| matches!(node.kind, node::Kind::Unsafe(_))) {
        return Err(untrusted(written.map_or(cx.written.span, |node| node.span)));
    }
    let node = written::node(cx, &["var"], var);
    if !text.contains("{{") && !text.contains("{%") {
        return Ok(node);
    }
    let given = cx.scope.text(&node)?;
    if cx.scope.around().sources.is_none() {
        return Ok(Node { span: node.span, kind: node::Kind::Str(given.into()) });
    }
    cx.scope.given(text, &given).ok_or_else(|| untrusted(node.span))
}
