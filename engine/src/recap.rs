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
                self.count(host, outcome, true);
                self.collect(host, outcome);
            }
            EventKind::UnitTakenBack { host, outcome, .. } => {
                self.count(host, outcome, false);
                let checks = checks(outcome);
                self.findings.retain(|finding| finding.host != *host || !checks.contains(&&finding.check));
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

    /// Counts an outcome, or takes it back.
    fn count(&mut self, host: &Arc<str>, outcome: &Outcome, counts: bool) {
        let tally = self.hosts.entry(host.clone()).or_default();
        let one = |counter: &mut u32| {
            *counter = if counts { counter.saturating_add(1) } else { counter.saturating_sub(1) };
        };
        let changed = outcome.result.get("changed").and_then(Json::as_bool).unwrap_or(false);
        match outcome.status {
            Status::Ok => one(&mut tally.ok),
            Status::Changed => {
                one(&mut tally.ok);
                one(&mut tally.changed);
            }
            Status::Skipped => one(&mut tally.skipped),
            Status::Failed | Status::Unreachable if outcome.ignored => {
                one(&mut tally.ok);
                one(&mut tally.ignored);
                if changed {
                    one(&mut tally.changed);
                }
            }
            Status::Failed if outcome.rescued => one(&mut tally.rescued),
            Status::Failed => one(&mut tally.failed),
            Status::Unreachable => one(&mut tally.unreachable),
        }
    }

    fn collect(&mut self, host: &Arc<str>, outcome: &Outcome) {
        let found = checks(outcome).into_iter().cloned();
        self.findings.extend(found.map(|check| Finding { host: host.clone(), check }));
    }
}

/// What a result and its items found.
fn checks(outcome: &Outcome) -> Vec<&Map> {
    let items = outcome.result.get("results").and_then(Json::as_array).into_iter().flatten();
    let all = std::iter::once(&outcome.result).chain(items.filter_map(Json::as_object));
    all.filter_map(|result| result.get("check").and_then(Json::as_object)).collect()
}
