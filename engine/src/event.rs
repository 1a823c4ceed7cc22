//! What happens in a run, as one ordered stream. Made by the dispatcher alone, owned and serialisable; what a
//! `no_log` task answered is hidden before an event is made, so no report can leak it.

use crate::module::{Map, Side};
use crate::playbook::Show;
use crate::source::Span;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Since the run began.
    pub elapsed: Duration,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A step as reports show it.
#[derive(Clone, Debug, Serialize)]
pub struct StepInfo {
    /// The number of its play.
    pub play: usize,
    /// Its number in the plan; a step that runs again (another batch, another flush) has another.
    pub step: usize,
    /// Its name, rendered: `role : task`, or the module's name when it has none.
    pub name: String,
    /// Whether it is a handler.
    pub handler: bool,
    /// The module or action.
    pub action: String,
    /// Where Ansible does the module's work.
    #[serde(skip)]
    pub side: Side,
    /// `file:line` of the task; empty for the engine's own steps (gathering facts).
    pub place: String,
    /// The task as written; none for the engine's own steps.
    #[serde(skip)]
    pub origin: Option<Span>,
    /// Whether it runs in check mode.
    pub check_mode: bool,
    /// Whether `no_log` is written on it: its name may be shown, what it answered may not.
    pub no_log: bool,
}

impl StepInfo {
    /// The module or action without the collection it is of.
    #[must_use]
    pub fn module(&self) -> &str {
        self.action.rsplit('.').next().unwrap_or_default()
    }
}

/// How a unit or an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing changed.
    Ok,
    /// Something changed.
    Changed,
    /// `when` said no, or there was nothing to do.
    Skipped,
    /// It failed.
    Failed,
    /// The host could not be reached.
    Unreachable,
}

/// How a unit or an item ended, with its result.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The status.
    pub status: Status,
    /// A failure or an unreachable host that the task ignores.
    pub ignored: bool,
    /// A failure that a rescue answers: counted as `rescued`, not `failed`.
    pub rescued: bool,
    /// The result as registered, censored for `no_log`.
    pub result: Map,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run begins.
    RunStarted {
        /// The playbooks as given.
        playbooks: Vec<String>,
        /// How many plays each has.
        plays: Vec<usize>,
        /// Whether nothing may change.
        check_mode: bool,
    },
    /// A play under another stage begins.
    StageStarted {
        /// Its heading.
        name: String,
    },
    /// A play (or one batch of it) begins.
    PlayStarted {
        /// Its number among all plays, from 0.
        play: usize,
        /// Its name, rendered.
        name: String,
        /// Its hosts in this batch.
        hosts: Vec<Arc<str>>,
        /// Whether it runs in check mode.
        check_mode: bool,
        /// What of it a person is to see.
        show: Show,
    },
    /// No host of the inventory matches the play's pattern.
    NoHostsMatched {
        /// The play.
        play: usize,
    },
    /// All hosts of the play were lost before it began.
    NoHostsRemaining {
        /// The play.
        play: usize,
    },
    /// The first host takes a step: reports show its banner.
    StepStarted(Arc<StepInfo>),
    /// A host begins a step.
    UnitStarted {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
    },
    /// An attempt of `until`/`retries` was not enough.
    UnitRetrying {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
        /// Whom it was delegated to.
        delegate: Option<Arc<str>>,
        /// Attempts still to come.
        left: i64,
        /// What the attempt gave.
        result: Map,
    },
    /// One item of a loop ended.
    ItemFinished {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
        /// Whom it was delegated to.
        delegate: Option<Arc<str>>,
        /// The item as its label shows it.
        label: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// A host is through with a step.
    UnitFinished {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
        /// Whom it was delegated to.
        delegate: Option<Arc<str>>,
        /// Whether it was a loop whose items were reported before.
        looped: bool,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A person wants a step again on a host: how it ended does not count.
    UnitTakenBack {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
        /// How it had ended.
        outcome: Outcome,
    },
    /// A `meta` task was done, or skipped, on a host.
    MetaFinished {
        /// The step.
        step: Arc<StepInfo>,
        /// The host.
        host: Arc<str>,
        /// Whether hosts go through the play together: each then has a banner.
        linear: bool,
        /// What was done, in words.
        said: String,
        /// Why not, for a condition that did not hold.
        skipped: Option<Map>,
    },
    /// A file or role was included for some hosts: each counts one `ok`.
    Included {
        /// The file, absolute, or the role's name.
        file: String,
        /// The hosts.
        hosts: Vec<Arc<str>>,
        /// The loop item's label, if it was a loop.
        label: Option<String>,
    },
    /// A changed task notified a handler, which waits for a flush.
    HandlerSaved {
        /// The handler's name or topic.
        handler: String,
    },
    /// A flush found a handler that was notified.
    HandlerNotified {
        /// The host.
        host: Arc<str>,
        /// The handler's name.
        handler: String,
    },
    /// No host is left: the run stops here.
    NoMoreHosts,
    /// Something the person should know.
    Warning {
        /// One or more sentences.
        text: String,
        /// What it is about.
        #[serde(skip)]
        about: Option<Span>,
    },
    /// Something that will not work for ever.
    Deprecated {
        /// One or more sentences.
        text: String,
    },
    /// A step says what is going on, while it works.
    UnitOutput {
        /// The step.
        step: usize,
        /// The host.
        host: Arc<str>,
        /// The line.
        line: String,
    },
    /// The run cannot go on: nothing is counted.
    RunFailed {
        /// One or more sentences.
        text: String,
    },
    /// A person asked the run to stop.
    RunCancelling,
    /// The run is over.
    RunFinished {
        /// The exit code, as ansible-playbook's: 0, 2 failed, 4 unreachable.
        exit: u8,
        /// `set_stats` of the whole run.
        stats: Map,
    },
}
