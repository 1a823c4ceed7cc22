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

    /// An answer that nothing was to be done, given before anything was asked of the host: it does not even say that it
    /// did not fail.
    #[must_use]
    pub fn passed_over(message: impl Into<String>) -> Self {
        Self::new(false).with("skipped", true).with("msg", message.into()).with(PASSED_OVER, true)
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

/// Says in a result that a condition in template delimiters will go.
pub fn braces_go(result: &mut Map) {
    let by = json!({"resolved_name": "ansible.builtin", "type": null});
    let words = "Conditionals should not be surrounded by templating delimiters such as {{ }} or {% %}.";
    let said =
        json!({"msg": words, "version": "2.23", "collection_name": "ansible.builtin", "deprecator": by});
    if let Json::Array(all) = result.entry("deprecations").or_insert_with(|| json!([])) {
        all.push(said);
    }
}

/// Whose fault a bad answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The task failed.
    Failed,
    /// The host cannot be reached.
    Unreachable,
    /// The task broke off: its result says all, and no condition is asked of it.
    Raised,
}

/// What lies under a failure's `msg`, for a report to say behind it: no key of the result that a playbook sees.
pub const CAUSE: &str = "_ansible_cause";

/// What a report says of a failure in place of what its `msg` gives: as little a key that a playbook sees.
pub const SAID: &str = "_ansible_said";

/// Says that a result is shown however quiet the run is.
pub const VERBOSE: &str = "_ansible_verbose_always";

/// Says that a result is not shown, however verbose the run is.
pub const NEVER_VERBOSE: &str = "_ansible_verbose_override";

/// Says that a module was well, and that a condition of its task said otherwise: as little a key that a playbook sees.
pub const JUDGED: &str = "_ansible_judged";

/// Says that a result has nothing to say of failing: never a key of what comes out of a run.
pub const PASSED_OVER: &str = "_ansible_passed_over";

/// What a module made of arguments that were not given: told of its call, and no key of what comes out of a run.
pub const CALLED: &str = "_ansible_called";

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

    /// With other words for a report than `msg`.
    #[must_use]
    pub fn said(self, words: impl Into<String>) -> Self {
        self.with(SAID, Json::String(words.into()))
    }

    /// As of an action that ends before its module is asked: nobody is said to have failed but the task.
    #[must_use]
    pub fn raised(self) -> Self {
        let lead = if self.message().starts_with("Task failed: ") { "" } else { "Task failed: " };
        let words = format!("{lead}{}", self.message());
        self.said(words)
    }

    /// As [`Self::raised`], for another error's sake, which is told again as the cause.
    #[must_use]
    pub fn raised_again(self) -> Self {
        let again = json!([[self.message(), {"nowhere": true}]]);
        self.raised().with(Trail::KEY, again)
    }

    /// Whether the action ended before it had a result: no condition of the task is asked about it, and no attempt follows.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        if self.reason == Reason::Raised {
            return true;
        }
        let said = self.result.get(SAID).and_then(Json::as_str);
        let words = said.unwrap_or_else(|| self.message());
        let rest = words.strip_prefix("Task failed: ");
        said.is_none() && self.result.contains_key(Trail::KEY)
            || rest
                .is_some_and(|rest| !rest.starts_with("Action failed") && !rest.starts_with("Module failed"))
    }

    /// As of an action that is wrong before its module is asked and says so.
    #[must_use]
    pub fn acted(self) -> Self {
        let words = format!("Task failed: Action failed: {}", self.message());
        self.said(words)
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
