//! `ansible.builtin.async_status`: how far a task in the background is. A job's id comes in; its result goes out once
//! the job has ended.

use muster_engine::module::{Check, Context, Failure, Jobs, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.async_status`.
pub struct AsyncStatus;

/// What a task gives to [`AsyncStatus`].
#[derive(Debug, Deserialize)]
pub struct Args {
    jid: String,
    mode: String,
}

impl Module for AsyncStatus {
    const NAME: &'static str = "ansible.builtin.async_status";
    const SPEC: Spec = Spec::new(
        "Tells whether a task started with `async` and `poll: 0` has ended, and with what result.",
        &[
            Opt::new("jid", Kind::Str, "The job: `ansible_job_id` of what the task registered.").required(),
            Opt::new("mode", Kind::Str, "`status` to ask, `cleanup` to forget the result.")
                .choices(&["status", "cleanup"])
                .default("status"),
        ],
    )
    .examples(
        "- command: sleep 5\n  async: 60\n  poll: 0\n  register: job\n- async_status:\n    jid: \"{{ job.ansible_job_id }}\"\n  \
         register: state\n  until: state is finished\n  retries: 10\n  delay: 1\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let told = |result| Output { result: Jobs::told(result), vars: None };
        let ended = |result: Map| {
            if result.get("failed") != Some(&Json::Bool(true)) {
                return Ok(Check::Done(told(result)));
            }
            let mut failure = Failure::new("");
            failure.result = Jobs::told(result);
            Err(failure)
        };
        if args.mode == "cleanup" {
            let place = Jobs::place(cx).await;
            let known = Jobs::erase(cx, &place, &args.jid).await | cx.jobs.forget(&args.jid);
            let mut result = Jobs::about(&args.jid, &place, !known);
            let file = result.shift_remove("results_file");
            result.insert("erased".into(), file.unwrap_or_default());
            if known {
                result.insert("started".into(), json!(false));
                return Ok(Check::Done(told(result)));
            }
            let mut failure = Failure::new("could not find job");
            failure.result.extend(Jobs::told(result));
            return Err(failure);
        }
        match cx.jobs.look(&args.jid) {
            None => {
                let place = Jobs::place(cx).await;
                match Jobs::kept(cx, &place, &args.jid).await {
                    Some(result) => ended(result),
                    None => {
                        let mut failure = Failure::new("could not find job");
                        failure.result.extend(Jobs::told(Jobs::about(&args.jid, &place, true)));
                        Err(failure)
                    }
                }
            }
            Some(None) => Ok(Check::Done(told(Jobs::about(&args.jid, &Jobs::place(cx).await, false)))),
            Some(Some(result)) => ended(result),
        }
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
