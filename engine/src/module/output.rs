//! What a module answers: result keys as Ansible names them. Some keys speak to the run: `changed`, `skipped`,
//! `ansible_facts`, `add_host`, `add_group`, `ansible_stats`, `diff`, `warnings`, `deprecations`.

use super::Map;
use crate::connection::{ConnectionError, Trouble};
use crate::node::Mapping;
use crate::template::{Fault, Trail};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A good answer.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The result; `changed` is false where it is missing.
    pub result: Map,
    /// Variables written by a person that the host learns (`include_vars`): rendered lazily, unlike `ansible_facts`.
    pub vars: Option<Arc<Mapping>>,
}

impl Output {
    /// An answer that changed nothing (or something).
    #[must_use]
    pub fn new(changed: bool) -> Self {
        Self::default().with("changed", changed)
    }

    /// With a result key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.result.insert(key.to_string(), value.into());
        self
    }

    /// With a warning for the person who runs it.
    #[must_use]
    pub fn warn(mut self, text: impl Into<String>) -> Self {
        let list = self.result.entry("warnings").or_insert_with(|| json!([]));
        if let Json::Array(list) = list {
            list.push(Json::String(text.into()));
        }
        self
    }

    /// Whether it says it changed the host.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.result.get("changed").and_then(Json::as_bool).unwrap_or(false)
    }
}

/// Whose fault a bad answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The task failed.
    Failed,
    /// The host cannot be reached.
    Unreachable,
}

/// What lies under a failure's `msg`, for a report to say behind it: no key of the result that a playbook sees.
pub const CAUSE: &str = "_ansible_cause";

/// Says that a result is shown however quiet the run is.
pub const VERBOSE: &str = "_ansible_verbose_always";

/// Says that a result is not shown, however verbose the run is.
pub const NEVER_VERBOSE: &str = "_ansible_verbose_override";

/// Says that a result was well until its task's attempts were exhausted: as little a key that a playbook sees.
pub const EXHAUSTED: &str = "_ansible_exhausted";

/// A bad answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Failed or unreachable.
    pub reason: Reason,
    /// The result, with `msg`.
    pub result: Map,
}

impl Failure {
    /// A failed task and why.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        let mut result = Map::new();
        result.insert("msg".into(), Json::String(message.into()));
        Self { reason: Reason::Failed, result }
    }

    /// With a result key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.result.insert(key.to_string(), value.into());
        self
    }

    /// With what lies under it: Ansible keeps it out of `msg` and tells it beside the place.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<String>) -> Self {
        self.with(CAUSE, Json::String(cause.into()))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        self.result.get("msg").and_then(Json::as_str).unwrap_or("")
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        let mut failure = Self::new(error.to_string());
        if error.is_unreachable() {
            failure.reason = Reason::Unreachable;
        } else if error.trouble == Trouble::TimedOut {
            failure = failure.with("timedout", true);
        }
        failure
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let mut failure = Self::new(format!("Task failed: {}", fault.message));
        failure.result.insert(Trail::KEY.into(), fault.causes());
        failure
    }
}
