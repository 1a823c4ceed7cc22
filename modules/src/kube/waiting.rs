//! Waiting for one object: until it is as its kind calls ready or has a condition, or until it is gone. A path comes in; the
//! object as last seen and the seconds it took go out.

use super::cluster::Cluster;
use super::ready::{Condition, has_condition, is_ready};
use super::request::Refusal;
use serde::Deserialize;
use serde_json::Value as Json;
use std::time::{Duration, Instant};

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
