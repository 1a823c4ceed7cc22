//! `ansible.builtin.group_by`: puts hosts in groups by a value of theirs. The run reads `add_group`, `parent_groups`.

use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use std::convert::Infallible;

/// `ansible.builtin.group_by`.
pub struct GroupBy;

/// What a task gives to [`GroupBy`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    key: Option<String>,
    parents: Vec<String>,
}

impl Module for GroupBy {
    const NAME: &'static str = "ansible.builtin.group_by";
    const SPEC: Spec = Spec::new(
        "Puts the host in a group that is named by a value, for the rest of the run.",
        &[
            Opt::new("key", Kind::Str, "The group's name; it must be given. Spaces become dashes."),
            Opt::new("parents", Kind::List, "The groups that the group is part of.")
                .elements(Kind::Str)
                .default("[all]"),
        ],
    )
    .examples("- group_by:\n    key: os_{{ ansible_facts.distribution }}\n")
    .side(Side::Controller)
    .manners(Manners { names_first: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Infallible>, Failure> {
        let Some(key) = &args.key else {
            return Err(Failure::new("the 'key' param is required when using group_by"));
        };
        let dashed = |name: &String| name.replace(' ', "-");
        let parents: Vec<String> = args.parents.iter().map(dashed).collect();
        let output = Output::new(true).with("add_group", dashed(key)).with("parent_groups", parents);
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
