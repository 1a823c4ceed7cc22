//! `ansible.builtin.dpkg_selections`: what dpkg shall do with a package: install, hold, deinstall or purge it. dpkg is asked
//! what is selected, and told if that differs; nothing is installed or removed here.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.dpkg_selections`.
pub(super) struct DpkgSelections;

/// What a task gives to [`DpkgSelections`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    name: String,
    selection: String,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Change {
    line: String,
    output: Output,
}

impl Module for DpkgSelections {
    const NAME: &'static str = "ansible.builtin.dpkg_selections";
    const SPEC: Spec = Spec::new(
        "Sets what dpkg shall do with a package.",
        &[
            Opt::new("name", Kind::Str, "The package.").required(),
            Opt::new("selection", Kind::Str, "What dpkg shall do with it.")
                .choices(&["install", "hold", "deinstall", "purge"])
                .required(),
        ],
    )
    .examples("- dpkg_selections:\n    name: kubelet\n    selection: hold\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let (name, selection) = (&args.name, &args.selection);
        let command = format!("dpkg --get-selections {}\n", quote(name));
        let seen = tool::ask(cx, &["dpkg"], &command).await?;
        if !seen.succeeded() {
            return Err(tool::failed(seen.err().trim(), Some(seen.rc), &seen.out(), &seen.err()));
        }
        if seen.err().contains("no packages found matching") {
            return Err(Failure::new(format!(
                "Failed to find package '{name}' to perform selection '{selection}'."
            )));
        }
        let said = seen.out();
        let now = said.split_whitespace().nth(1).unwrap_or("not present");
        let changed = now != selection;
        let output = Output::new(changed).with("before", now).with("after", selection.as_str());
        if !changed {
            return Ok(Check::Done(output));
        }
        let change = Change { line: format!("{name} {selection}"), output: output.clone() };
        Ok(Check::Would { change, foreseen: output })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let command = format!("printf '%s\\n' {} | dpkg --set-selections\n", quote(&change.line));
        let done = tool::ask(cx, &["dpkg"], &command).await?;
        match done.succeeded() {
            true => Ok(change.output),
            false => Err(tool::failed(done.err().trim(), Some(done.rc), &done.out(), &done.err())),
        }
    }
}
