//! Steps: what stands in a plan. A task with everything static around it resolved (keywords joined, role known,
//! module found) becomes a [`PlannedTask`]; a [`Step`] places it in the tree of blocks and behind a gate.

use super::place::Place;
use crate::module::AnyModule;
use crate::playbook::{Action, Keywords, Role, RoleUse, Task};
use crate::template::Layer;
use fixedbitset::FixedBitSet;
use petgraph::graph::NodeIndex;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Names a step of a drawing.
pub type StepId = NodeIndex;

/// Names a handler of a drawing, in order of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(pub usize);

/// Names a role used in a play: uses that are the same in every way are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoleId(pub usize);

/// One use of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleListing {
    /// What is used.
    pub id: RoleId,
    /// Whether this use runs although another one of it has.
    pub again: bool,
}

/// When a step may begin on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// The same host is through with the other step.
    SameHost,
    /// Every host is.
    AllHosts,
}

/// Whether a step runs, on top of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// If the handler is due and the host is in that flush.
    Notified {
        /// The handler.
        handler: HandlerId,
        /// The flush.
        flush: StepId,
    },
    /// If the host is in that flush: what an include among its handlers brought.
    During {
        /// The flush.
        flush: StepId,
    },
    /// If anything is notified or due: an implicit flush.
    Pending,
}

/// A role through which another was reached.
#[derive(Clone, Debug)]
pub struct Ancestor {
    /// The role.
    pub role: Arc<Role>,
    /// Its parameters.
    pub params: Layer,
    /// Whether a task of it included or imported the other role, rather than its `meta` asking for it.
    pub includes: bool,
}

/// A role in use: found, with its parameters and the roles it was reached through.
#[derive(Debug)]
pub struct RoleInstance {
    /// The role.
    pub role: Arc<Role>,
    /// Parameters of this use.
    pub params: Layer,
    /// Whether its variables are seen by the whole play.
    pub public: bool,
    /// Who depends on it (or included it), nearest first.
    pub parents: Vec<Ancestor>,
    /// Its own dependencies.
    pub dependencies: Vec<Arc<RoleInstance>>,
}

/// What stands around a task: what it inherits, and what an include in its place would hand on.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The joined keywords of everything around.
    pub keywords: Keywords,
    /// Variables of includes and imports: stronger than facts and registered variables. Innermost first.
    pub include_vars: Vec<Layer>,
    /// The role.
    pub role: Option<Arc<RoleInstance>>,
    /// The role's listing.
    pub listing: Option<RoleListing>,
    /// Whether it stands under `handlers`.
    pub handler: bool,
    /// Whether some block around it has a `rescue` for what fails here.
    pub guarded: bool,
}

/// A task with everything static around it resolved.
#[derive(Clone)]
pub struct PlannedTask {
    /// The task as written.
    pub task: Arc<Task>,
    /// What stands around it.
    pub around: Arc<Around>,
    /// Its keywords with all around them.
    pub keywords: Keywords,
    /// The module, for a task that names one known before the run.
    pub module: Option<Arc<dyn AnyModule>>,
    /// Directories searched for files, nearest first: the roles', the task's own, the play's.
    pub search: Arc<[PathBuf]>,
    /// Layers stronger than what the host learned: includes, role parameters.
    pub strong: Vec<Layer>,
    /// Layers weaker than that and stronger than the play's: the task, blocks, its role's `vars`.
    pub middle: Vec<Layer>,
    /// Its role's defaults.
    pub weak: Vec<Layer>,
    /// Its tags, rendered.
    pub tags: BTreeSet<String>,
}

impl fmt::Debug for PlannedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedTask").field("task", &self.task).finish_non_exhaustive()
    }
}

impl PlannedTask {
    /// Its name as written, with its role's; the action where it has none.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.task.name.as_ref().and_then(|name| name.as_str());
        let name = name.map_or_else(|| self.action().to_string(), str::to_string);
        match &self.around.role {
            Some(role) => format!("{} : {name}", role.role.name),
            None => name,
        }
    }

    /// The module or action as written.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.task.called
    }
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Gathers facts.
    Facts(Arc<PlannedTask>),
    /// Runs a module.
    Module(Arc<PlannedTask>),
    /// Includes a file of tasks, and grows the plan.
    IncludeTasks(Arc<PlannedTask>),
    /// Includes a role, and grows the plan.
    IncludeRole(Arc<PlannedTask>, Arc<RoleUse>),
    /// Runs what was notified.
    Flush(Option<Arc<PlannedTask>>),
    /// A `meta` task other than `flush_handlers`.
    Meta(Arc<PlannedTask>, Meta),
    /// A role listed in `roles` is through.
    RoleEnd(RoleId),
    /// Holds a place open: the body of a block that would else be empty.
    Silent,
}

impl Act {
    /// What a task does.
    #[must_use]
    pub fn of(task: Arc<PlannedTask>) -> Self {
        match &task.task.action {
            Action::IncludeTasks(_) => Self::IncludeTasks(task),
            Action::IncludeRole(role) => {
                let role = role.clone();
                Self::IncludeRole(task, role)
            }
            Action::Meta { word, .. } => match Meta::named(word) {
                Some(meta) => Self::Meta(task, meta),
                None => Self::Flush(Some(task)),
            },
            Action::Module { .. } | Action::ImportTasks(_) | Action::ImportRole(_) => Self::Module(task),
        }
    }
}

/// The words of `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meta {
    /// Nothing.
    Noop,
    /// Ends the play for this host.
    EndHost,
    /// Ends the batch for every host.
    EndBatch,
    /// Ends the play for every host.
    EndPlay,
    /// Ends the role for this host.
    EndRole,
    /// Forgets failures and unreachable hosts.
    ClearHostErrors,
    /// Forgets facts.
    ClearFacts,
    /// Reads the inventory again.
    RefreshInventory,
    /// Closes the connection.
    ResetConnection,
}

impl Meta {
    /// The word's meaning; nothing for a word that is none (`flush_handlers` is a step of its own).
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "noop" => Self::Noop,
            "end_host" => Self::EndHost,
            "end_batch" => Self::EndBatch,
            "end_play" => Self::EndPlay,
            "end_role" => Self::EndRole,
            "clear_host_errors" => Self::ClearHostErrors,
            "clear_facts" => Self::ClearFacts,
            "refresh_inventory" => Self::RefreshInventory,
            "reset_connection" => Self::ResetConnection,
            _ => return None,
        })
    }

    /// Whether it is asked of the first host alone and means all.
    #[must_use]
    pub fn is_once(self) -> bool {
        matches!(
            self,
            Self::EndBatch
                | Self::EndPlay
                | Self::ClearHostErrors
                | Self::ClearFacts
                | Self::RefreshInventory
        )
    }
}

/// One node of the graph.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands in the tree.
    pub place: Place,
    /// Its hosts, as indices into the batch; nothing means all.
    pub hosts: Option<FixedBitSet>,
    /// Whether it runs.
    pub gate: Gate,
    /// What it does.
    pub act: Act,
    /// The use of a role it stands in.
    pub role: Option<RoleListing>,
}

impl Step {
    /// The task it runs, if it runs one.
    #[must_use]
    pub fn task(&self) -> Option<&Arc<PlannedTask>> {
        match &self.act {
            Act::Facts(task)
            | Act::Module(task)
            | Act::IncludeTasks(task)
            | Act::IncludeRole(task, _)
            | Act::Meta(task, _) => Some(task),
            Act::Flush(task) => task.as_ref(),
            Act::RoleEnd(_) | Act::Silent => None,
        }
    }
}
