//! `ansible.builtin.wait_for_connection`: waits until a host can be logged in to and runs commands.

use super::logged_in;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// `ansible.builtin.wait_for_connection`.
pub struct WaitForConnection;

/// What a task gives to [`WaitForConnection`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    connect_timeout: u64,
    delay: u64,
    sleep: u64,
    timeout: u64,
}

impl Module for WaitForConnection {
    const NAME: &'static str = "ansible.builtin.wait_for_connection";
    const SPEC: Spec = Spec::new(
        "Waits until the target can be logged in to and runs commands.",
        &[
            Opt::new(
                "connect_timeout",
                Kind::Int,
                "Seconds for one try; at least what connecting itself may take.",
            )
            .default("5"),
            Opt::new("delay", Kind::Int, "Seconds before the first try.").default("0"),
            Opt::new("sleep", Kind::Int, "Seconds between tries.").default("1"),
            Opt::new("timeout", Kind::Int, "Seconds after which it fails.").default("600"),
        ],
    )
    .examples("- wait_for_connection:\n    delay: 10\n    timeout: 300\n")
    .side(Side::Both)
    .manners(Manners { names_first: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Args>, Failure> {
        Ok(Check::Would { change: *args, foreseen: Output::new(false).with("skipped", true) })
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        let start = Instant::now();
        sleep(Duration::from_secs(args.delay)).await;
        let waited = login(cx, "ping module test", args.timeout, args.sleep).await;
        let elapsed = start.elapsed().as_secs();
        match waited {
            Ok(()) => Ok(Output::new(false).with("elapsed", elapsed)),
            Err(message) => Err(Failure::new(message).with("elapsed", elapsed).with("changed", false)),
        }
    }
}

/// Tries to log in until it works.
///
/// # Errors
/// The time is over; the message tells the last reason.
pub(super) async fn login(cx: &Context, what: &str, timeout: u64, pause: u64) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(timeout);
    let mut last = String::from("no try was made");
    while Instant::now() < end {
        match timeout_at(end, logged_in(cx)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(message)) => last = message,
            Err(_) => last = "the target did not answer in time".into(),
        }
        sleep(Duration::from_secs(pause).min(end.saturating_duration_since(Instant::now()))).await;
    }
    Err(format!("timed out waiting for {what}: {last}"))
}
