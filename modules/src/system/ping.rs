//! `ansible.builtin.ping`: whether a host can be logged in to and runs commands.

use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use std::convert::Infallible;

/// `ansible.builtin.ping`.
pub struct Ping;

/// What a task gives to [`Ping`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    data: String,
}

impl Module for Ping {
    const NAME: &'static str = "ansible.builtin.ping";
    const SPEC: Spec = Spec::new(
        "Logs in and runs a command that does nothing; answers `pong`. Not an ICMP ping.",
        &[Opt::new("data", Kind::Str, "What to answer; `crash` fails.").default("pong")],
    )
    .examples("- ping:\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        if args.data == "crash" {
            return Err(Failure::new("Task failed: Module failed: boom"));
        }
        let answered = cx.sh("exit 0").await?;
        if !answered.succeeded() {
            let stderr = answered.err().trim().to_string();
            let message = format!("the shell of the target ended with {}: {stderr}", answered.rc);
            return Err(Failure::new(message).with("rc", answered.rc));
        }
        Ok(Check::Done(Output::default().with("ping", args.data.as_str())))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
