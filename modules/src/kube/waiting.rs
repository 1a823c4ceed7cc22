//! Waiting for one object: until it is as its kind calls ready or has a condition, or until it is gone. A path comes in; the
//! object as last seen and the seconds it took go out.

use super::cluster::Cluster;
use super::ready::{Condition, has_condition, is_ready};
use super::request::Refusal;
use muster_engine::module::{Failure, Kind, Opt, Output};
use serde::Deserialize;
use serde_json::Value as Json;
use std::time::{Duration, Instant};

const CONDITION: &[Opt] = &[
    Opt::new("type", Kind::Str, "The condition's type: `Ready`."),
    Opt::new("status", Kind::Str, "What it must be.").choices(&["True", "False", "Unknown"]).default("True"),
    Opt::new("reason", Kind::Str, "The reason it must have."),
];

/// The options of what waits.
pub(crate) const WAIT: [Opt; 4] = [
    Opt::new("wait", Kind::Bool, "Whether to wait until it is so.").default("false"),
    Opt::new("wait_sleep", Kind::Int, "Seconds between two looks.").default("5"),
    Opt::new("wait_timeout", Kind::Int, "Seconds to wait.").default("120"),
    Opt::new("wait_condition", Kind::Dict, "A condition to wait for, instead of what its kind calls ready.")
        .options(CONDITION),
];

/// The options `wait`, `wait_sleep`, `wait_timeout` and `wait_condition`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wait {
    pub wait: bool,
    pub wait_sleep: f64,
    pub wait_timeout: f64,
    pub wait_condition: Option<Condition>,
}

/// What waiting came to.
pub(crate) struct Waited {
    /// Whether it is as waited for.
    pub done: bool,
    /// The object as last seen; null when it is not there.
    pub object: Json,
    /// Seconds.
    pub duration: u64,
}

impl Waited {
    /// The answer of a module that waited: a failure with all it found, where that did not come in time.
    pub fn settled(done: bool, output: Output, late: &str) -> Result<Output, Failure> {
        match done {
            true => Ok(output),
            false => Err(output
                .result
                .into_iter()
                .filter(|(key, _)| key != "msg")
                .fold(Failure::new(late), |failure, (key, value)| failure.with(&key, value))),
        }
    }
}

impl Wait {
    /// Waits for the object of a path: to be ready, or to be gone.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked.
    pub async fn of(&self, cluster: &Cluster, path: &str, gone: bool) -> Result<Waited, Refusal> {
        let begun = Instant::now();
        loop {
            let object = match cluster.get(path).await {
                Ok(object) => object,
                Err(refusal) if refusal.is(404) => Json::Null,
                Err(refusal) => return Err(refusal),
            };
            let done = match (gone, &self.wait_condition) {
                (true, _) => object.is_null(),
                (false, _) if object.is_null() => false,
                (false, Some(condition)) if condition.kind.is_some() => has_condition(&object, condition),
                (false, _) => is_ready(&object),
            };
            let sleep = Duration::from_secs_f64(self.wait_sleep.max(0.1));
            let over = begun.elapsed() + sleep > Duration::from_secs_f64(self.wait_timeout.max(0.0));
            if done || over {
                return Ok(Waited { done, object, duration: begun.elapsed().as_secs() });
            }
            tokio::time::sleep(sleep).await;
        }
    }
}
