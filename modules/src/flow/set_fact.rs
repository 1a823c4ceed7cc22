//! `ansible.builtin.set_fact`: variables that a host keeps for the rest of the run. Values come rendered and keep
//! their types; words such as `yes` in text stay text.

use super::{boolean, variable_name};
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Side, Spec};
use muster_engine::node::{self, Node};
use serde_json::Value as Json;
use std::convert::Infallible;

/// `ansible.builtin.set_fact`.
pub struct SetFact;

impl Module for SetFact {
    const NAME: &'static str = "ansible.builtin.set_fact";
    const SPEC: Spec = Spec::new(
        "Gives a host variables for the rest of the run. Every other key is a variable's name.",
        &[Opt::new(
            "cacheable",
            Kind::Raw,
            "Whether the variables are facts too, kept in the fact cache where there is one.",
        )
        .default("false")],
    )
    .open()
    .examples("- set_fact:\n    is_leader: \"{{ inventory_hostname == groups['control_plane'][0] }}\"\n")
    .side(Side::Controller);
    type Args = Map;
    type Change = Infallible;

    async fn check(&self, args: &Map, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let cacheable = args.get("cacheable").map_or(Ok(false), boolean)?;
        let mut facts = Map::new();
        for (name, value) in args.iter().filter(|(name, _)| *name != "cacheable") {
            let name = rendered(name, cx)?;
            variable_name(&name)?;
            facts.insert(name, value.clone());
        }
        if facts.is_empty() {
            let needed = "No key/value pairs provided, at least one is required for this action to succeed";
            return Err(Failure::new(needed).raised());
        }
        let mut output = Output::default().with("ansible_facts", Json::Object(facts));
        if cacheable {
            output = output.with("_ansible_facts_cacheable", true);
        }
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// A name, rendered where it is a template.
fn rendered(name: &str, cx: &Context) -> Result<String, Failure> {
    if !name.contains("{{") {
        return Ok(name.to_string());
    }
    Ok(cx.scope.text(&Node { span: cx.written.span, kind: node::Kind::Str(name.into()) })?)
}
