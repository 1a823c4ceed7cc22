//! Which hosts begin which steps: waits that are over, gates read, steps taken (rules 2, 3 and 9).

use super::{Answer, Batch, Begin, Consult, Notice, Verdict, Work};
use crate::plan::{Act, Gate, Meta, Step, StepId, Wait};

impl Batch {
    /// The next host that must begin a step now; nothing while all that can run is running, or when the batch is
    /// through ([`Batch::is_through`]).
    pub fn next(&mut self, consult: &mut dyn Consult) -> Option<Begin> {
        loop {
            if let Some(begin) = self.begins.pop_front() {
                return Some(begin);
            }
            if self.stopped {
                return None;
            }
            match self.work.pop_front() {
                Some(Work::Step(step)) => self.consider(step, consult),
                Some(Work::Cell(step, host)) => self.consider_cell(step, host, consult),
                None if self.running > 0 || !self.sweep() => return None,
                None => {}
            }
        }
    }

    /// Whether nothing runs and nothing is left to run. Ask after [`Batch::next`] gave nothing.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.running == 0 && self.begins.is_empty() && (self.stopped || self.work.is_empty())
    }

    /// Whether a host has nothing left to do in this round.
    #[must_use]
    pub fn is_host_through(&self, host: usize) -> bool {
        let last = self.drawing.order.last().and_then(|id| self.cells.get(id.index()));
        !self.state(host).reachable || last.is_none_or(|cell| cell.closed || cell.through.contains(host))
    }

    /// Takes no further step: what runs is waited for.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.begins.clear();
        self.work.clear();
    }

    /// Begins another round if some host still has an open step behind the others (rule 9).
    fn sweep(&mut self) -> bool {
        let hosts = self.hosts.len();
        let order = self.drawing.order.clone();
        if !order.iter().any(|id| (0..hosts).any(|host| self.open(*id, host).is_some())) {
            return false;
        }
        self.cells.iter_mut().for_each(|cell| *cell = super::Cell::default());
        let first: Vec<StepId> =
            order.into_iter().filter(|id| self.drawing.waits(*id).next().is_none()).collect();
        if self.is_linear() {
            self.work.extend(first.into_iter().map(Work::Step));
        } else {
            self.work.extend(first.into_iter().flat_map(|id| (0..hosts).map(move |h| Work::Cell(id, h))));
        }
        true
    }

    /// Reads the gates of all hosts at one moment; the open ones take the step.
    fn consider(&mut self, id: StepId, consult: &mut dyn Consult) {
        let left = self.reachable();
        let ready = |host: &usize| self.open(id, *host).is_some() && !self.jumps(id, *host);
        let takers: Vec<usize> = (0..self.hosts.len()).filter(ready).collect();
        let cell = self.cell(id);
        if cell.considered {
            return;
        }
        cell.considered = true;
        cell.left = left;
        let Some(first) = takers.first().copied() else { return self.close(id, consult) };
        let step = self.drawing.step(id).clone();
        let once = match &step.act {
            Act::Meta(_, meta) => meta.is_once(),
            _ => consult.run_once(&step, first),
        };
        for host in &takers {
            self.take(id, *host);
        }
        self.cell(id).once = once;
        if let Gate::Notified { handler, .. } = step.gate
            && once
        {
            self.states.iter_mut().for_each(|state| {
                state.due.shift_remove(&handler);
            });
        }
        let runners = if once { takers.get(..1).unwrap_or(&[]) } else { &takers[..] };
        for (i, host) in runners.iter().enumerate() {
            self.begin(id, &step, *host, i == 0, consult);
        }
    }

    /// Lets one host take a step, or pass it.
    fn consider_cell(&mut self, id: StepId, host: usize, consult: &mut dyn Consult) {
        if self.cell(id).through.contains(host) || self.cell(id).taken.contains(host) {
            return;
        }
        let waits: Vec<(StepId, Wait)> = self.drawing.waits(id).collect();
        let over = waits.iter().all(|(before, wait)| match wait {
            Wait::SameHost => self.cell(*before).through.contains(host),
            Wait::AllHosts => self.cell(*before).closed,
        });
        if !over || !self.state(host).reachable {
            return;
        }
        if self.open(id, host).is_none() || self.jumps(id, host) {
            return self.pass(id, host);
        }
        let step = self.drawing.step(id).clone();
        let first = self.cell(id).taken.is_clear();
        self.cell(id).left.grow_and_insert(host);
        self.take(id, host);
        self.begin(id, &step, host, first, consult);
    }

    fn take(&mut self, id: StepId, host: usize) {
        let Some(path) = self.open(id, host) else { return };
        let gate = self.drawing.step(id).gate;
        let state = self.state_mut(host);
        state.path = path;
        state.at = Some(id);
        if let Gate::Notified { handler, .. } = gate {
            state.due.shift_remove(&handler);
        }
        self.cell(id).taken.grow_and_insert(host);
    }

    /// Sends a host off; what needs nobody outside is done at once.
    fn begin(&mut self, id: StepId, step: &Step, host: usize, first: bool, consult: &mut dyn Consult) {
        self.cell(id).running += 1;
        self.running += 1;
        let asks = |task: &Option<std::sync::Arc<crate::plan::PlannedTask>>| {
            task.as_ref().is_some_and(|task| !task.keywords.when.is_empty())
        };
        match &step.act {
            Act::Silent | Act::RoleEnd(_) => {
                self.answer(id, host, Answer::new(Verdict::Ok), consult);
            }
            Act::Meta(_, Meta::Noop) => {
                consult.say(Notice::Meta { step: id, host });
                self.answer(id, host, Answer::new(Verdict::Ok), consult);
            }
            Act::Flush(task) if !asks(task) => {
                if task.is_some() {
                    consult.say(Notice::Meta { step: id, host });
                }
                self.answer(id, host, Answer::new(Verdict::Ok), consult);
            }
            _ => self.begins.push_back(Begin { step: id, host, first }),
        }
    }

    /// A host is through with a step it never took.
    fn pass(&mut self, id: StepId, host: usize) {
        self.cell(id).through.grow_and_insert(host);
        for (next, _) in self.drawing.successors(id) {
            self.work.push_back(Work::Cell(next, host));
        }
    }

    /// What waited for a step or for a host in it may go on.
    pub(super) fn release(&mut self, id: StepId, host: Option<usize>) {
        for (next, wait) in self.drawing.successors(id) {
            match (wait, host) {
                (Wait::SameHost, Some(host)) => self.work.push_back(Work::Cell(next, host)),
                (Wait::AllHosts, None) => {
                    let before: Vec<StepId> = self.drawing.waits(next).map(|(step, _)| step).collect();
                    if before.into_iter().all(|step| self.cell(step).closed) {
                        self.work.push_back(Work::Step(next));
                    }
                }
                _ => {}
            }
        }
    }
}
