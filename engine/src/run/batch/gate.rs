//! Whether a host may take a step, and whether a host is lost: questions about gates that change nothing.

use super::{Batch, RoleRun};
use crate::plan::{Gate, Path, StepId};
use std::sync::Arc;

impl Batch {
    /// The path a host would have in a step that is open to it now (rule 1).
    pub(super) fn open(&self, id: StepId, host: usize) -> Option<Path> {
        let (step, state) = (self.drawing.step(id), self.state(host));
        if !state.reachable || step.hosts.as_ref().is_some_and(|hosts| !hosts.contains(host)) {
            return None;
        }
        if state.at.is_some_and(|at| self.drawing.rank(id) <= self.drawing.rank(at)) {
            return None;
        }
        let open = match step.gate {
            Gate::Open => true,
            Gate::Pending => !state.notified.is_empty() || !state.due.is_empty(),
            Gate::Notified { handler, flush } => state.due.contains(&handler) && self.is_in(flush, host),
            Gate::During { flush } => self.is_in(flush, host),
        };
        let complete = step
            .role
            .is_some_and(|role| !role.again && state.roles.get(&role.id) == Some(&RoleRun::Complete));
        if !open || complete {
            return None;
        }
        state.path.approach(&self.drawing.blocks, step.place)
    }

    /// Whether taking a step would carry a host over an earlier one that is open to it (rule 9). Only a host that was
    /// struck or cleared by what happened to others can have such a step behind the others.
    pub(super) fn jumps(&self, id: StepId, host: usize) -> bool {
        let state = self.state(host);
        if !state.moved {
            return false;
        }
        let from = state.at.map_or(0, |at| self.drawing.rank(at) + 1);
        let between = self.drawing.order.get(from..self.drawing.rank(id)).unwrap_or(&[]);
        between.iter().any(|step| self.open(*step, host).is_some())
    }

    /// Whether a host's last step was a flush whose condition held, or one of that flush's handlers.
    fn is_in(&self, flush: StepId, host: usize) -> bool {
        let state = self.state(host);
        let Some(at) = state.at else { return false };
        if state.flush != Some(flush) {
            return false;
        }
        at == flush
            || matches!(self.drawing.step(at).gate, Gate::Notified { flush: f, .. } | Gate::During { flush: f } if f == flush)
    }

    /// Whether a failure of this host is final: every block left, the play would be failed, and no step ahead is
    /// open to it (rule 5).
    #[must_use]
    pub fn is_lost(&self, host: usize) -> bool {
        self.state(host).path.ends_failed(&self.drawing.blocks)
            && !self.drawing.order.iter().any(|step| self.open(*step, host).is_some())
    }

    /// The hosts a host speaks for in a step: itself, or with `run_once` all that can be reached.
    #[must_use]
    pub fn spoken_for(&self, id: StepId, host: usize) -> Vec<Arc<str>> {
        let once = self.cells.get(id.index()).is_some_and(|cell| cell.once);
        let all = self.hosts.iter().enumerate();
        all.filter(|(i, _)| *i == host || (once && self.state(*i).reachable))
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Whether a failure at this moment would be answered by a rescue (rule 4).
    pub(super) fn is_rescued(&self, id: StepId, host: usize) -> bool {
        let path = &self.state(host).path;
        let blocks = &self.drawing.blocks;
        let handler = matches!(self.drawing.step(id).gate, Gate::Notified { .. } | Gate::During { .. });
        let outermost = path.frames().iter().find(|frame| blocks.get(frame.block).outermost);
        path.is_guarded(blocks) || (handler && outermost.is_some_and(|frame| blocks.get(frame.block).rescue))
    }
}
