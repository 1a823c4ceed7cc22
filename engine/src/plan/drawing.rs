//! One play as a graph: steps in plan order joined by waits, the tree of blocks, the handlers. Made by `draw`,
//! cloned for each batch, and grown there when an include has run. Plan order is total and every wait points forward.

use super::place::{Blocks, Place};
use super::step::{Act, Gate, HandlerId, PlannedTask, RoleInstance, Step, StepId, Wait};
use petgraph::Direction;
use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef;
use std::ops::Range;
use std::sync::Arc;

/// A handler as drawn.
#[derive(Clone, Debug)]
pub struct Handler {
    /// Its task.
    pub task: Arc<PlannedTask>,
    /// Whether it is the first of its block, or of a run of bare handlers in one file.
    pub first: bool,
}

/// The steps of a play.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The tree of blocks.
    pub blocks: Blocks,
    /// The graph.
    pub graph: DiGraph<Step, Wait>,
    /// Steps in plan order.
    pub order: Vec<StepId>,
    /// Handlers in order of definition: those of roles first.
    pub handlers: Vec<Handler>,
    /// Roles whose variables the whole play sees, in order.
    pub public: Vec<Arc<RoleInstance>>,
    /// How neighbours are joined: the strategy.
    pub wait: Wait,
    rank: Vec<usize>,
}

impl Drawing {
    /// An empty drawing whose neighbours will be joined by `wait`.
    #[must_use]
    pub fn new(wait: Wait) -> Self {
        Self {
            blocks: Blocks::default(),
            graph: DiGraph::new(),
            order: vec![],
            handlers: vec![],
            public: vec![],
            wait,
            rank: vec![],
        }
    }

    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: StepId) -> &Step {
        &self.graph[id]
    }

    /// Where a step stands in plan order.
    #[must_use]
    pub fn rank(&self, id: StepId) -> usize {
        self.rank.get(id.index()).copied().unwrap_or(usize::MAX)
    }

    /// The steps that wait for this one.
    pub fn successors(&self, id: StepId) -> Vec<(StepId, Wait)> {
        self.graph.edges(id).map(|edge| (edge.target(), *edge.weight())).collect()
    }

    /// The steps this one waits for.
    pub fn waits(&self, id: StepId) -> impl Iterator<Item = (StepId, Wait)> + '_ {
        self.graph.edges_directed(id, Direction::Incoming).map(|edge| (edge.source(), *edge.weight()))
    }

    /// Appends a step to the end of the play, and behind a flush all handlers.
    pub fn append(&mut self, step: Step) {
        let (flush, place) = (matches!(step.act, Act::Flush(_)), step.place);
        let id = self.push(step);
        if flush {
            for handler in self.handler_steps(0..self.handlers.len(), id, place) {
                self.push(handler);
            }
        }
    }

    /// Appends a step to the end of the play.
    pub fn push(&mut self, step: Step) -> StepId {
        let id = self.graph.add_node(step);
        if let Some(last) = self.order.last() {
            self.graph.add_edge(*last, id, self.wait);
        }
        self.rank.push(self.order.len());
        self.order.push(id);
        id
    }

    /// Lays steps directly behind `after`, chained with the strategy's wait. What waited for `after` still does, and
    /// for the last of the new ones too.
    pub fn splice(&mut self, after: StepId, steps: Vec<Step>) -> Vec<StepId> {
        let successors = self.successors(after);
        let mut last = after;
        let mut added = vec![];
        for step in steps {
            let id = self.graph.add_node(step);
            self.graph.add_edge(last, id, self.wait);
            self.rank.push(0);
            added.push(id);
            last = id;
        }
        if last != after {
            for (successor, wait) in successors {
                self.graph.add_edge(last, successor, wait);
            }
            let at = (self.rank(after) + 1).min(self.order.len());
            self.order.splice(at..at, added.iter().copied());
            for (rank, id) in self.order.iter().enumerate().skip(at) {
                if let Some(slot) = self.rank.get_mut(id.index()) {
                    *slot = rank;
                }
            }
        }
        added
    }

    /// Adds a handler behind those already defined.
    pub fn define(&mut self, task: Arc<PlannedTask>, first: bool) -> HandlerId {
        self.handlers.push(Handler { task, first });
        HandlerId(self.handlers.len() - 1)
    }

    /// The steps of some handlers for one flush.
    #[must_use]
    pub fn handler_steps(&self, handlers: Range<usize>, flush: StepId, place: Place) -> Vec<Step> {
        let step = |(i, handler): (usize, &Handler)| Step {
            place,
            hosts: None,
            gate: Gate::Notified { handler: HandlerId(i), flush },
            act: Act::of(handler.task.clone()),
            role: None,
        };
        self.handlers.iter().enumerate().skip(handlers.start).take(handlers.len()).map(step).collect()
    }

    /// How many handlers were drawn behind a flush.
    #[must_use]
    pub fn drawn_with(&self, flush: StepId) -> usize {
        let of_flush =
            |id: &&StepId| matches!(self.step(**id).gate, Gate::Notified { flush: f, .. } if f == flush);
        self.order.iter().filter(of_flush).count()
    }

    /// The last step that belongs to a flush: its last handler's, or the flush itself.
    #[must_use]
    pub fn last_of_flush(&self, flush: StepId) -> StepId {
        let of_flush = |id: &&StepId| matches!(self.step(**id).gate, Gate::Notified { flush: f, .. } | Gate::During { flush: f } if f == flush);
        self.order.iter().rev().find(of_flush).copied().unwrap_or(flush)
    }
}
