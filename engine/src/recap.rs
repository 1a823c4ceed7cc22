//! The recap: a fold over events, so that what was shown is what is counted. Also collects the findings of `check`
//! tasks, which are listed after it.

use crate::event::{Event, EventKind, Outcome, Status};
use crate::module::Map;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value as Json;
use std::sync::Arc;

/// The counters of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Steps that ended well, changed ones included.
    pub ok: u32,
    /// Steps that changed something.
    pub changed: u32,
    /// Steps at which the host could not be reached.
    pub unreachable: u32,
    /// Steps that failed and nothing answered.
    pub failed: u32,
    /// Steps skipped.
    pub skipped: u32,
    /// Failures that a rescue answered.
    pub rescued: u32,
    /// Failures ignored.
    pub ignored: u32,
}

/// What one `check` task found on one host.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The host.
    pub host: Arc<str>,
    /// The `check` key of the result: id, verdict, observed, required, remedy, severity, title.
    pub check: Map,
}

/// Counters per host in order of first appearance, findings, and custom stats.
#[derive(Clone, Debug, Default)]
pub struct Recap {
    /// Host to counters.
    pub hosts: IndexMap<Arc<str>, Tally>,
    /// What `check` tasks found, passes included.
    pub findings: Vec<Finding>,
    /// `set_stats`.
    pub stats: Map,
    /// The run's exit code, once it is over.
    pub exit: Option<u8>,
}

impl Recap {
    /// Counts one event.
    pub fn record(&mut self, event: &Event) {
        match &event.kind {
            EventKind::UnitFinished { host, outcome, .. } => {
                self.count(host, outcome);
                self.collect(host, outcome);
            }
            EventKind::Included { hosts, .. } => {
                for host in hosts {
                    self.hosts.entry(host.clone()).or_default().ok += 1;
                }
            }
            EventKind::RunFinished { exit, stats } => {
                self.exit = Some(*exit);
                self.stats.clone_from(stats);
            }
            _ => {}
        }
    }

    fn count(&mut self, host: &Arc<str>, outcome: &Outcome) {
        let tally = self.hosts.entry(host.clone()).or_default();
        let changed = outcome.result.get("changed").and_then(Json::as_bool).unwrap_or(false);
        match outcome.status {
            Status::Ok => tally.ok += 1,
            Status::Changed => {
                tally.ok += 1;
                tally.changed += 1;
            }
            Status::Skipped => tally.skipped += 1,
            Status::Failed | Status::Unreachable if outcome.ignored => {
                tally.ok += 1;
                tally.ignored += 1;
                tally.changed += u32::from(changed);
            }
            Status::Failed if outcome.rescued => tally.rescued += 1,
            Status::Failed => tally.failed += 1,
            Status::Unreachable => tally.unreachable += 1,
        }
    }

    fn collect(&mut self, host: &Arc<str>, outcome: &Outcome) {
        let items = outcome.result.get("results").and_then(Json::as_array).into_iter().flatten();
        let single = std::iter::once(&outcome.result);
        for result in single.chain(items.filter_map(Json::as_object)) {
            if let Some(Json::Object(check)) = result.get("check") {
                self.findings.push(Finding { host: host.clone(), check: check.clone() });
            }
        }
    }
}
