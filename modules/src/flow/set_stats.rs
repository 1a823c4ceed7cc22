//! `ansible.builtin.set_stats`: values for the end of the run. The run reads the result key `ansible_stats`.

use super::{boolean, variable_name};
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.set_stats`.
pub struct SetStats;

/// What a task gives to [`SetStats`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    data: Json,
    per_host: Json,
    aggregate: Json,
}

impl Module for SetStats {
    const NAME: &'static str = "ansible.builtin.set_stats";
    const SPEC: Spec = Spec::new(
        "Keeps values that are shown with the statistics at the end of the run.",
        &[
            Opt::new("data", Kind::Raw, "Names and values.").default("{}"),
            Opt::new("per_host", Kind::Raw, "Whether they are kept for this host alone.").default("false"),
            Opt::new("aggregate", Kind::Raw, "Whether a value is added to the one that is already there.")
                .default("true"),
        ],
    )
    .examples("- set_stats:\n    data:\n      nodes_checked: 1\n")
    .side(Side::Controller)
    .manners(Manners { names_first: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Infallible>, Failure> {
        let Json::Object(data) = &args.data else {
            return Err(Failure::new("The 'data' option needs to be a dictionary/hash"));
        };
        for name in data.keys() {
            variable_name(name)?;
        }
        let stats = json!({
            "data": data,
            "per_host": boolean(&args.per_host).unwrap_or(false),
            "aggregate": boolean(&args.aggregate).unwrap_or(false),
        });
        Ok(Check::Done(Output::default().with("ansible_stats", stats)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
