//! Tasks that go on in the background (`async` with `poll: 0`). A module's future comes in and a job's id goes out;
//! whoever asks for the job is told how far it is, later runs by its file on the host. Jobs live as long as the run, which
//! waits for them at its end.

use super::{Context, Failure, Map, Output, Reason};
use crate::connection::{Command, Completed};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Background jobs by id.
#[derive(Debug, Default)]
pub struct Jobs {
    ended: Arc<Mutex<HashMap<String, Option<Map>>>>,
    running: Mutex<JoinSet<()>>,
}

impl Jobs {
    /// What a job's result says of the job.
    #[must_use]
    pub fn about(id: &str, place: &str, finished: bool) -> Map {
        let mut about = Map::new();
        about.insert("started".into(), json!(true));
        about.insert("finished".into(), json!(finished));
        about.insert("ansible_job_id".into(), json!(id));
        about.insert("results_file".into(), json!(file(place, id)));
        about
    }

    /// Where the results of a host's jobs are kept, in a directory that is there from then on.
    pub async fn place(cx: &Context) -> String {
        let asked = cx
            .sh(r#"d=${ANSIBLE_ASYNC_DIR:-~/.ansible_async}; case $d in "~/"*) d=$HOME/${d#??} ;; esac
(umask 077; mkdir -p "$d"); printf %s "$d""#);
        // A host that went silent must not hold up what is told of it.
        match tokio::time::timeout(Duration::from_secs(10), asked).await {
            Ok(Ok(done)) if done.succeeded() && !done.stdout.is_empty() => done.out().into_owned(),
            // Whoever cannot be asked says so when the job begins.
            _ => "~/.ansible_async".into(),
        }
    }

    /// How far a job of another run is, by its file on the host.
    pub async fn kept(cx: &Context, place: &str, id: &str) -> Option<Map> {
        let done = about_file(cx, place, id, r#"cat "$MUSTER_JOB""#, None).await?;
        let mut result: Map = serde_json::from_slice(&done.stdout).ok()?;
        result.extend(Self::about(id, place, !result.contains_key("started")));
        Some(result)
    }

    /// Takes the file of a job from the host; whether it was there.
    pub async fn erase(cx: &Context, place: &str, id: &str) -> bool {
        let script = r#"[ -e "$MUSTER_JOB" ] && rm -f "$MUSTER_JOB""#;
        about_file(cx, place, id, script, None).await.is_some_and(|done| done.succeeded())
    }

    /// A result as `async_status` tells it: every one has text, if only none.
    #[must_use]
    pub fn told(mut result: Map) -> Map {
        for (key, lines) in [("stderr", "stderr_lines"), ("stdout", "stdout_lines")] {
            if !result.contains_key(key) {
                result.insert(key.into(), json!(""));
                result.insert(lines.into(), json!([]));
            }
        }
        result
    }

    /// A name nobody has used.
    #[must_use]
    pub fn new_id() -> String {
        format!("j{}.{}", rand::random_range(100_000_000_000_u64..1_000_000_000_000), std::process::id())
    }

    /// Lets a module go on in the background for at most `limit`, and keeps how far it is in a file of the host that it
    /// runs on; gives the job's id.
    pub async fn begin<F>(&self, limit: Duration, place: String, host: Option<Context>, module: F) -> String
    where
        F: Future<Output = Result<Output, Failure>> + Send + 'static,
    {
        let id = Self::new_id();
        let (ended, own) = (self.ended.clone(), id.clone());
        ended.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), None);
        keep(host.as_ref(), &place, &id, Self::about(&id, &place, false)).await;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            let mut result = match tokio::time::timeout(limit, module).await {
                Ok(Ok(output)) => output.result,
                Ok(Err(failure)) => {
                    let mut result = failure.result;
                    let key = if failure.reason == Reason::Unreachable { "unreachable" } else { "failed" };
                    result.insert(key.into(), json!(true));
                    result
                }
                Err(_) => {
                    let mut result = Map::new();
                    let message = format!("Timeout exceeded: the job ran longer than {}s", limit.as_secs());
                    result.insert("failed".into(), json!(true));
                    result.insert("msg".into(), json!(message));
                    result
                }
            };
            keep(host.as_ref(), &place, &own, result.clone()).await;
            result.extend(Self::about(&own, &place, true));
            ended.lock().unwrap_or_else(PoisonError::into_inner).insert(own, Some(result));
        });
        id
    }

    /// How far a job is: nothing if there is none, its result once it ended.
    #[must_use]
    pub fn look(&self, id: &str) -> Option<Option<Map>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Forgets a job's result; whether there was such a job.
    pub fn forget(&self, id: &str) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }

    /// Waits for every job; each ends by its own limit.
    pub async fn all_ended(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
    }
}

/// Runs a script that asks for the file of a job; a host that does not answer knows none.
async fn about_file(
    cx: &Context,
    place: &str,
    id: &str,
    script: &str,
    input: Option<Vec<u8>>,
) -> Option<Completed> {
    let mut command = Command::new(script);
    if let Some(input) = input {
        command = command.stdin(input);
    }
    command.environment.clone_from(&cx.environment);
    command.environment.push(("MUSTER_JOB".into(), file(place, id)));
    tokio::time::timeout(Duration::from_secs(10), cx.exec(command)).await.ok()?.ok()
}

/// Writes how far a job is; what cannot be kept is no reason to end the job.
async fn keep(host: Option<&Context>, place: &str, id: &str, mut result: Map) {
    let Some(cx) = host else { return };
    result.retain(|key, _| !key.starts_with("_ansible_") && !key.ends_with("_lines"));
    let script = r#"umask 077; cat >"$MUSTER_JOB.tmp" && mv -f "$MUSTER_JOB.tmp" "$MUSTER_JOB""#;
    let text = Json::Object(result).to_string().into_bytes();
    _ = about_file(cx, place, id, script, Some(text)).await;
}

/// The file of a job's result; an absolute name stays one.
fn file(place: &str, id: &str) -> String {
    if id.starts_with('/') { id.to_string() } else { format!("{place}/{id}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_is_looked_at_while_it_runs_and_when_it_ended() {
        let jobs = Jobs::default();
        let id = jobs.begin(Duration::from_secs(10), "/d".into(), None, async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(Output::new(true).with("rc", 0))
        });
        let id = id.await;
        assert_eq!(jobs.look(&id), Some(None));
        jobs.all_ended().await;
        let result = jobs.look(&id).unwrap().unwrap();
        assert_eq!((result["rc"].clone(), result["finished"].clone()), (json!(0), json!(true)));
        assert_eq!(result["results_file"], json!(format!("/d/{id}")));
        assert_eq!(jobs.look("nobody"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_over_its_limit_failed() {
        let jobs = Jobs::default();
        let id = jobs.begin(Duration::from_secs(1), "/d".into(), None, std::future::pending()).await;
        jobs.all_ended().await;
        assert_eq!(jobs.look(&id).unwrap().unwrap()["failed"], json!(true));
    }
}
