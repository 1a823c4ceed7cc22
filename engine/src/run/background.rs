//! How long a module may run, and what of it goes on in the background: `timeout`, `async` and `poll`. A module and its
//! limits come in, its answer goes out in time.

use super::result::says;
use crate::module::{AnyModule, Context, Failure, Jobs, Map, Output, Reason};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Whether Ansible runs an action on the controller, from where it cannot go to the background.
pub fn is_attended(module: &str) -> bool {
    const ATTENDED: [&str; 21] = [
        "add_host",
        "assemble",
        "assert",
        "async_status",
        "copy",
        "debug",
        "fail",
        "fetch",
        "gather_facts",
        "group_by",
        "include_vars",
        "pause",
        "raw",
        "reboot",
        "script",
        "set_fact",
        "set_stats",
        "template",
        "unarchive",
        "validate_argument_spec",
        "wait_for_connection",
    ];
    module.strip_prefix("ansible.builtin.").is_some_and(|name| ATTENDED.contains(&name))
}

/// What Ansible says in the place of where a module was when its time was over.
const TRACEBACK: &str = "Configure `DISPLAY_TRACEBACK` to see a traceback on timeout errors.";

/// How long a module may run.
pub struct Limit {
    /// `timeout`, in seconds.
    pub timeout: Option<i64>,
    /// `async`, in seconds.
    pub background: Option<i64>,
}

impl Limit {
    /// Runs it, no longer than it may.
    pub async fn run(&self, module: &dyn AnyModule, args: Map, cx: &Context) -> Result<Output, Failure> {
        let limit = self.timeout.into_iter().chain(self.background).min();
        let Some(seconds) = limit else { return module.run(args, cx).await };
        let over =
            tokio::time::timeout(Duration::from_secs(seconds.unsigned_abs()), module.run(args, cx)).await;
        let place = match self.background {
            Some(_) => Jobs::place(cx).await,
            None => String::new(),
        };
        match (over, self.background) {
            (Ok(Ok(mut output)), Some(_)) => {
                output.result = Jobs::told(output.result);
                output.result.extend(Jobs::about(&Jobs::new_id(), &place, true));
                Ok(output)
            }
            (Ok(Err(mut failure)), Some(_)) if failure.reason == Reason::Failed => {
                failure.result = Jobs::told(failure.result);
                failure.result.extend(Jobs::about(&Jobs::new_id(), &place, true));
                Err(failure)
            }
            (Ok(answer), _) => answer,
            (Err(_), Some(limit)) if self.timeout.is_none_or(|timeout| limit <= timeout) => {
                let message = format!("async task did not complete within the requested time - {limit}s");
                Err(Failure::new(message)
                    .with(
                        "async_result",
                        Json::Object(Jobs::told(Jobs::about(&Jobs::new_id(), &place, false))),
                    )
                    .with("changed", false))
            }
            (Err(_), _) => Err(Failure::new(format!("Task failed: Timed out after {seconds} second(s)."))
                .with("timedout", json!({"frame": TRACEBACK, "period": seconds}))),
        }
    }
}

/// How often a job is looked at.
const LOOKING: Duration = Duration::from_millis(100);

/// What came of the job that a module left in the background, where it is waited for.
///
/// # Errors
/// There is no job, or its time is over.
pub async fn left_behind(
    output: Result<Output, Failure>,
    jobs: &Jobs,
    seconds: i64,
) -> Result<Output, Failure> {
    let output = output?;
    if says(&output.result, "failed") || says(&output.result, "skipped") {
        return Ok(output);
    }
    let id = output.result.get("ansible_job_id").and_then(Json::as_str);
    let id = id.ok_or_else(|| Failure::new("No job id was returned by the async task"))?;
    let ended = async {
        loop {
            match jobs.look(id) {
                Some(Some(result)) => return Some(result),
                Some(None) => tokio::time::sleep(LOOKING).await,
                None => return None,
            }
        }
    };
    let over = tokio::time::timeout(Duration::from_secs(seconds.unsigned_abs()), ended).await;
    match over {
        Ok(Some(result)) => {
            jobs.forget(id);
            Ok(Output { result, vars: None })
        }
        Ok(None) => Err(Failure::new("could not find job").with("ansible_job_id", id)),
        Err(_) => {
            let message = format!("async task did not complete within the requested time - {seconds}s");
            Err(Failure::new(message).with("async_result", Json::Object(output.result.clone())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn left(jobs: &Jobs, takes: u64) -> Result<Output, Failure> {
        let id = jobs.begin(Duration::from_secs(60), "/tmp".into(), None, async move {
            tokio::time::sleep(Duration::from_secs(takes)).await;
            Ok(Output::new(true).with("rc", 0))
        });
        let id = id.await;
        Ok(Output { result: Jobs::about(&id, "/tmp", false), vars: None })
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_was_left_behind_gives_the_result() {
        let jobs = Jobs::default();
        let output = left_behind(left(&jobs, 3).await, &jobs, 10).await.unwrap();
        assert_eq!((&output.result["rc"], &output.result["finished"]), (&json!(0), &json!(true)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_not_waited_for_longer_than_it_may_take() {
        let jobs = Jobs::default();
        let late = left_behind(left(&jobs, 30).await, &jobs, 10).await.unwrap_err();
        assert_eq!(late.message(), "async task did not complete within the requested time - 10s");
        let none = left_behind(Ok(Output::new(true)), &jobs, 10).await.unwrap_err();
        assert_eq!(none.message(), "No job id was returned by the async task");
        let skipped = Ok(Output::new(false).with("skipped", true));
        assert!(left_behind(skipped, &jobs, 10).await.is_ok());
    }
}
