//! What is known of one host of a batch, and what a host answers.

use crate::plan::{HandlerId, Path, RoleId, StepId};
use crate::template::Layer;
use indexmap::IndexSet;
use std::collections::HashMap;

/// How far a role is on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleRun {
    /// Some task of it ran.
    Ran,
    /// It is through, and would not run again.
    Complete,
}

/// One host of a batch. Only the dispatcher touches it.
#[derive(Clone, Debug)]
pub struct HostState {
    /// Where it is in the tree of blocks.
    pub path: Path,
    /// The last step it took; what lies before is behind it for good.
    pub at: Option<StepId>,
    /// Names said by changed tasks, not yet flushed.
    pub notified: IndexSet<String>,
    /// Handlers flushed, not yet run.
    pub due: IndexSet<HandlerId>,
    /// The flush it is in, if the flush's condition held.
    pub flush: Option<StepId>,
    /// Whether it can be reached.
    pub reachable: bool,
    /// Whether it counts for `max_fail_percentage` and is left out of later plays.
    pub doomed: bool,
    /// Whether it was struck or cleared by what happened to others: it may have open steps behind them.
    pub moved: bool,
    /// Roles it ran.
    pub roles: HashMap<RoleId, RoleRun>,
}

impl HostState {
    /// A host at the start of a batch; one that failed in an earlier batch takes no step.
    #[must_use]
    pub fn new(failed: bool, reachable: bool) -> Self {
        let mut path = Path::default();
        if failed {
            path.lose();
        }
        Self {
            path,
            at: None,
            notified: IndexSet::new(),
            due: IndexSet::new(),
            flush: None,
            reachable,
            doomed: false,
            moved: false,
            roles: HashMap::new(),
        }
    }
}

/// How a host came through a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Well (or a condition that held).
    Ok,
    /// Well, and something changed.
    Changed,
    /// A condition did not hold.
    Skipped,
    /// Badly.
    Failed {
        /// `ignore_errors`.
        ignored: bool,
    },
    /// It could not be reached.
    Unreachable {
        /// `ignore_unreachable`.
        ignored: bool,
    },
}

/// Something to include, as one host chose it.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// The file, or the role's name.
    pub file: String,
    /// What makes it the same for two hosts: the file, the item, the variables.
    pub key: String,
    /// The loop item and its variables.
    pub vars: Layer,
    /// The item as its label shows it.
    pub label: Option<String>,
    /// What the task names, rendered (files only).
    pub written: Option<String>,
    /// `tasks_from`, `vars_from`, `defaults_from`, `handlers_from`, rendered (roles only).
    pub from: [Option<String>; 4],
}

/// What a host answers when it is through with a step.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How.
    pub verdict: Verdict,
    /// Handlers to notify, rendered; looked at only when something changed.
    pub notify: Vec<String>,
    /// What to include.
    pub inclusions: Vec<Inclusion>,
    /// Whether the task ignores errors, whatever the verdict.
    pub ignores_errors: bool,
}

impl Answer {
    /// A verdict alone.
    #[must_use]
    pub fn new(verdict: Verdict) -> Self {
        Self { verdict, notify: vec![], inclusions: vec![], ignores_errors: false }
    }
}
