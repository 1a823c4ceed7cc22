//! `ansible.builtin.fail`: fails, with a message.

use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;

/// `ansible.builtin.fail`.
pub struct Fail;

/// What a task gives to [`Fail`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    msg: Json,
}

impl Module for Fail {
    const NAME: &'static str = "ansible.builtin.fail";
    const SPEC: Spec = Spec::new(
        "Fails, most often under a condition.",
        &[Opt::new("msg", Kind::Raw, "Why.").default("Failed as requested from task")],
    )
    .examples("- fail:\n    msg: this host has no role\n  when: group_names | length == 0\n")
    .side(Side::Controller)
    .manners(Manners { names_first: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Infallible>, Failure> {
        Err(Failure::new("").with("msg", args.msg.clone()).with("changed", false))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
