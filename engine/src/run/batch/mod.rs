//! One batch of hosts on its way through a play: the dispatcher's rules, without time or tasks. It says which host
//! begins which step ([`Begin`]); answers come in ([`Answer`]), and gates, waits, failures, handlers and includes
//! follow from them. It alone holds host state. The rules are those of `docs/design/plan-and-run.md`.

mod close;
mod gate;
mod settle;
mod state;
#[cfg(test)]
mod tests;

pub use state::{Answer, HostState, Inclusion, RoleRun, Verdict};

use crate::plan::{Drawing, HandlerId, Step, StepId, Wait};
use fixedbitset::FixedBitSet;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A host that must begin a step now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The step.
    pub step: StepId,
    /// The host, as an index into the batch.
    pub host: usize,
    /// Whether it is the first of this step in this round: its banner comes before.
    pub first: bool,
}

/// Something to tell the reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A group of hosts included something.
    Included {
        /// The file or role.
        file: String,
        /// The hosts.
        hosts: Vec<usize>,
        /// The loop item.
        label: Option<String>,
    },
    /// What a group wanted to include is not to be had.
    NotIncluded {
        /// The step.
        step: StepId,
        /// The hosts.
        hosts: Vec<usize>,
        /// What the task names, if it is a file.
        include: Option<String>,
        /// Why.
        reason: String,
    },
    /// A handler was notified, and waits for a flush.
    Saved {
        /// The name or topic.
        handler: String,
    },
    /// A flush found a handler that was notified.
    Notified {
        /// The host.
        host: usize,
        /// The handler's name.
        handler: String,
    },
    /// A `meta` task that asks for no condition was done.
    Meta {
        /// The step.
        step: StepId,
        /// The host.
        host: usize,
    },
    /// No host is left.
    NoMoreHosts,
}

/// What the rules must ask somebody who can render and read files.
pub trait Consult {
    /// Whether `run_once` holds for a step, asked of its first host.
    fn run_once(&mut self, step: &Step, host: usize) -> bool;
    /// Whether `any_errors_fatal` holds for a step.
    fn any_errors_fatal(&mut self, step: &Step, host: usize) -> bool;
    /// The handlers a notification means: the last of that name and every listener.
    fn handlers(&mut self, drawing: &Drawing, name: &str) -> Vec<HandlerId>;
    /// The steps of something included, placed in `block`; blocks and handlers are added to the drawing.
    ///
    /// # Errors
    /// Why it is not to be had; nothing where the run ends for it.
    fn grow(
        &mut self,
        drawing: &mut Drawing,
        step: StepId,
        inclusion: &Inclusion,
        hosts: &FixedBitSet,
    ) -> Result<Vec<Step>, Option<String>>;
    /// A handler that nobody defined was notified.
    fn missing_handler(&mut self, name: &str);
    /// Tells the reports.
    fn say(&mut self, notice: Notice);
}

/// How a batch was ended before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endings {
    /// `end_play`: no further batch.
    pub play: bool,
    /// `max_fail_percentage` was passed: no further play.
    pub broken: bool,
}

/// What is known of one step in this round.
#[derive(Clone, Debug, Default)]
struct Cell {
    considered: bool,
    closed: bool,
    taken: FixedBitSet,
    through: FixedBitSet,
    running: usize,
    /// The hosts reachable when the step began.
    left: FixedBitSet,
    /// The hosts that failed here, ignored or not.
    hit: FixedBitSet,
    /// Whether a host failed or was unreachable, and the task ignores no errors.
    troubled: bool,
    inclusions: Vec<(usize, Vec<Inclusion>)>,
    once: bool,
}

/// One batch of hosts on its way through a play.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The play, growing.
    pub drawing: Drawing,
    /// The hosts, in order.
    pub hosts: Vec<Arc<str>>,
    /// How it was ended.
    pub endings: Endings,
    max_fail_percentage: Option<f64>,
    states: Vec<HostState>,
    cells: Vec<Cell>,
    flushes: HashMap<StepId, usize>,
    begins: VecDeque<Begin>,
    work: VecDeque<Work>,
    running: usize,
    stopped: bool,
}

/// Something to look at again.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// All its waits are for all hosts, and over.
    Step(StepId),
    /// One host may be able to take it.
    Cell(StepId, usize),
}

impl Batch {
    /// A batch at the start of a play. Hosts that failed or were lost before fill their places without running.
    #[must_use]
    pub fn new(
        drawing: Drawing,
        hosts: Vec<Arc<str>>,
        max_fail_percentage: Option<f64>,
        failed: impl Fn(&str) -> bool,
        unreachable: impl Fn(&str) -> bool,
    ) -> Self {
        let states = hosts.iter().map(|host| HostState::new(failed(host), !unreachable(host))).collect();
        let cells = vec![Cell::default(); drawing.graph.node_count()];
        let first = drawing.order.iter().filter(|id| drawing.waits(**id).next().is_none()).copied();
        let linear = drawing.wait == Wait::AllHosts;
        let cell = |id| (0..hosts.len()).map(move |host| Work::Cell(id, host));
        let work = if linear { first.map(Work::Step).collect() } else { first.flat_map(cell).collect() };
        Self {
            drawing,
            hosts,
            endings: Endings::default(),
            max_fail_percentage,
            states,
            cells,
            flushes: HashMap::new(),
            begins: VecDeque::new(),
            work,
            running: 0,
            stopped: false,
        }
    }

    /// The state of a host.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "hosts are indices into this batch")]
    pub fn state(&self, host: usize) -> &HostState {
        &self.states[host]
    }

    #[expect(clippy::indexing_slicing, reason = "hosts are indices into this batch")]
    fn state_mut(&mut self, host: usize) -> &mut HostState {
        &mut self.states[host]
    }

    #[expect(clippy::indexing_slicing, reason = "every step gets a cell when it is drawn")]
    fn cell(&mut self, step: StepId) -> &mut Cell {
        if self.cells.len() <= step.index() {
            self.cells.resize(step.index() + 1, Cell::default());
        }
        &mut self.cells[step.index()]
    }

    fn is_linear(&self) -> bool {
        self.drawing.wait == Wait::AllHosts
    }

    fn reachable(&self) -> FixedBitSet {
        self.states.iter().enumerate().filter(|(_, s)| s.reachable).map(|(i, _)| i).collect()
    }
}
