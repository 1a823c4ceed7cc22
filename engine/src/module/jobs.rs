//! Tasks that go on in the background (`async` with `poll: 0`). A module's future comes in and a job's id goes out;
//! whoever asks for the job is told how far it is. Jobs live as long as the run, which waits for them at its end.

use super::{Context, Failure, Map, Output, Reason};
use serde_json::json;
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

    /// Where Ansible would keep the results of a host's jobs: those who look for the file ask for this name.
    pub async fn place(cx: &Context) -> String {
        let asked = cx.sh(r#"d=${ANSIBLE_ASYNC_DIR:-~/.ansible_async}; case $d in "~/"*) d=$HOME/${d#??} ;; esac; printf %s "$d""#);
        // A host that went silent must not hold up what is told of it.
        match tokio::time::timeout(Duration::from_secs(10), asked).await {
            Ok(Ok(done)) if done.succeeded() && !done.stdout.is_empty() => done.out().into_owned(),
            // Whoever cannot be asked says so when the job begins.
            _ => "~/.ansible_async".into(),
        }
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

    /// Lets a module go on in the background for at most `limit`; gives the job's id.
    pub fn begin<F>(&self, limit: Duration, place: String, module: F) -> String
    where
        F: Future<Output = Result<Output, Failure>> + Send + 'static,
    {
        let id = Self::new_id();
        let (ended, own) = (self.ended.clone(), id.clone());
        ended.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), None);
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
        let id = jobs.begin(Duration::from_secs(10), "/d".into(), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(Output::new(true).with("rc", 0))
        });
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
        let id = jobs.begin(Duration::from_secs(1), "/d".into(), std::future::pending());
        jobs.all_ended().await;
        assert_eq!(jobs.look(&id).unwrap().unwrap()["failed"], json!(true));
    }
}
