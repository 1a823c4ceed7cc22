//! What follows from an answer, and from the last one of a step: failures, notifications, flushes, metas, includes
//! and the rules over all hosts (rules 4 to 8 and 10, and growth).

use super::{Answer, Batch, Consult, Inclusion, Notice, RoleRun, Verdict, Work};
use crate::plan::{Act, Gate, HandlerId, Meta, Step, StepId};
use fixedbitset::FixedBitSet;

impl Batch {
    /// A host is through with a step. True if its failure is answered by a rescue: the recap counts it so.
    pub fn answer(&mut self, id: StepId, host: usize, answer: Answer, consult: &mut dyn Consult) -> bool {
        let step = self.drawing.step(id).clone();
        self.running = self.running.saturating_sub(1);
        let cell = self.cell(id);
        cell.running = cell.running.saturating_sub(1);
        let rescued = self.apply(id, &step, host, &answer, consult);
        if !answer.inclusions.is_empty() {
            self.cell(id).inclusions.push((host, answer.inclusions));
        }
        if self.is_linear() {
            if self.cell(id).running == 0 {
                self.close(id, consult);
            }
        } else {
            self.grow(id, consult);
            self.cell(id).through.grow_and_insert(host);
            self.release(id, Some(host));
        }
        rescued
    }

    fn apply(
        &mut self,
        id: StepId,
        step: &Step,
        host: usize,
        answer: &Answer,
        consult: &mut dyn Consult,
    ) -> bool {
        let ran = !matches!(answer.verdict, Verdict::Skipped | Verdict::Unreachable { .. });
        if let Some(role) = step.role.filter(|_| ran && step.task().is_some()) {
            self.state_mut(host).roles.entry(role.id).or_insert(RoleRun::Ran);
        }
        match answer.verdict {
            Verdict::Skipped => {}
            Verdict::Ok | Verdict::Changed => {
                self.done(id, step, host, consult);
                if answer.verdict == Verdict::Changed {
                    self.notify(step, host, &answer.notify, consult);
                }
            }
            Verdict::Failed { ignored } => {
                let cell = self.cell(id);
                cell.hit.grow_and_insert(host);
                cell.troubled |= !answer.ignores_errors;
                if !ignored {
                    return self.fail(id, host);
                }
            }
            Verdict::Unreachable { ignored } => {
                self.cell(id).troubled |= !answer.ignores_errors;
                self.state_mut(host).reachable = ignored;
            }
        }
        false
    }

    /// A failure nobody ignores (rule 4).
    fn fail(&mut self, id: StepId, host: usize) -> bool {
        let rescued = self.is_rescued(id, host);
        let struck: Vec<usize> = if self.cell(id).once {
            (0..self.hosts.len()).filter(|h| *h == host || self.state(*h).reachable).collect()
        } else {
            vec![host]
        };
        for h in struck {
            self.strike(h);
            self.state_mut(h).moved |= h != host;
        }
        if self.is_lost(host) {
            self.state_mut(host).doomed = true;
        }
        rescued
    }

    fn strike(&mut self, host: usize) {
        let blocks = &self.drawing.blocks;
        if let Some(state) = self.states.get_mut(host) {
            state.path.strike(blocks);
        }
    }

    fn notify(&mut self, step: &Step, host: usize, names: &[String], consult: &mut dyn Consult) {
        let flushing = matches!(step.gate, Gate::Notified { .. } | Gate::During { .. });
        for name in names {
            let handlers = consult.handlers(&self.drawing, name);
            if handlers.is_empty() {
                consult.missing_handler(name);
                continue;
            }
            if flushing {
                self.due(host, handlers, consult);
            } else {
                self.state_mut(host).notified.insert(name.clone());
                consult.say(Notice::Saved { handler: name.clone() });
            }
        }
    }

    fn due(&mut self, host: usize, handlers: Vec<HandlerId>, consult: &mut dyn Consult) {
        for id in handlers {
            if self.state_mut(host).due.insert(id)
                && let Some(handler) = self.drawing.handlers.get(id.0)
            {
                consult.say(Notice::Notified { host, handler: handler.task.title() });
            }
        }
    }

    /// What a step that is no task does to the state of its host.
    fn done(&mut self, id: StepId, step: &Step, host: usize, consult: &mut dyn Consult) {
        match &step.act {
            Act::Flush(_) => self.flush(id, step, host, consult),
            Act::RoleEnd(role) => {
                self.state_mut(host).roles.entry(*role).and_modify(|run| *run = RoleRun::Complete);
            }
            Act::Meta(_, Meta::EndHost) => self.end(host),
            Act::Meta(_, Meta::EndBatch) => self.end_all(),
            Act::Meta(_, Meta::EndPlay) => {
                self.endings.play = true;
                self.end_all();
            }
            Act::Meta(_, Meta::EndRole) => self.end_role(id, step, host),
            Act::Meta(_, Meta::ClearHostErrors) => self.clear(),
            _ => {}
        }
    }

    fn end(&mut self, host: usize) {
        let blocks = &self.drawing.blocks;
        if let Some(state) = self.states.get_mut(host) {
            state.path.end(blocks);
        }
    }

    fn end_all(&mut self) {
        for host in self.reachable().ones() {
            self.end(host);
        }
    }

    fn end_role(&mut self, id: StepId, step: &Step, host: usize) {
        let Some(role) = step.role else { return };
        let from = self.drawing.rank(id);
        let ahead = self.drawing.order.get(from + 1..).unwrap_or(&[]);
        let is_end = |id: &&StepId| matches!(self.drawing.step(**id).act, Act::RoleEnd(r) if r == role.id);
        let Some(end) = ahead.iter().find(is_end).copied() else { return };
        let before = self.drawing.order.get(self.drawing.rank(end).saturating_sub(1)).copied();
        self.state_mut(host).at = before;
    }

    fn clear(&mut self) {
        let blocks = &self.drawing.blocks;
        for state in &mut self.states {
            state.doomed = false;
            state.moved = true;
            state.reachable = true;
            state.path.clear(blocks);
        }
    }

    /// Rule 8.
    fn flush(&mut self, id: StepId, step: &Step, host: usize, consult: &mut dyn Consult) {
        let names: Vec<String> = self.state_mut(host).notified.drain(..).collect();
        for name in names {
            let handlers = consult.handlers(&self.drawing, &name);
            self.due(host, handlers, consult);
        }
        self.state_mut(host).flush = Some(id);
        self.draw_handlers(id, step);
    }

    /// Draws the handlers that were defined since this flush was drawn behind those it has.
    fn draw_handlers(&mut self, id: StepId, step: &Step) {
        let drawn = self.flushes.get(&id).copied().unwrap_or_else(|| self.drawing.drawn_with(id));
        let all = self.drawing.handlers.len();
        if drawn >= all {
            return;
        }
        let steps = self.drawing.handler_steps(drawn..all, id, step.place);
        let after = self.drawing.last_of_flush(id);
        self.lay(after, steps);
        self.flushes.insert(id, all);
    }

    /// Lays steps behind one that may already be behind some hosts. Gives the last of them.
    fn lay(&mut self, after: StepId, steps: Vec<Step>) -> StepId {
        let added = self.drawing.splice(after, steps);
        if let Some(first) = added.first().filter(|_| !self.is_linear()) {
            self.work.extend((0..self.hosts.len()).map(|host| Work::Cell(*first, host)));
        }
        added.last().copied().unwrap_or(after)
    }

    /// The last host is through (rule 7).
    pub(super) fn close(&mut self, id: StepId, consult: &mut dyn Consult) {
        self.grow(id, consult);
        let step = self.drawing.step(id).clone();
        let cell = self.cell(id).clone();
        if let Some(first) = cell.taken.ones().next() {
            let fatal = cell.once || consult.any_errors_fatal(&step, first);
            let once_meta = matches!(step.act, Act::Meta(..));
            if cell.troubled && fatal && !once_meta {
                self.doom(&cell.left, &cell.hit);
            }
            self.limit(&cell.left, &cell.hit, consult);
        }
        self.cell(id).closed = true;
        if !self.stopped {
            self.release(id, None);
        }
    }

    fn doom(&mut self, left: &FixedBitSet, hit: &FixedBitSet) {
        for host in left.ones().filter(|host| !hit.contains(*host)) {
            self.strike(host);
            let state = self.state_mut(host);
            state.doomed = true;
            state.moved = true;
        }
    }

    /// Rules 7c and 7d.
    fn limit(&mut self, left: &FixedBitSet, hit: &FixedBitSet, consult: &mut dyn Consult) {
        let Some(percentage) = self.max_fail_percentage else { return };
        let doomed = |batch: &Self| batch.states.iter().filter(|state| state.doomed).count();
        #[expect(clippy::cast_precision_loss, reason = "a count of hosts")]
        let share = doomed(self) as f64 / self.hosts.len().max(1) as f64;
        if share > percentage / 100.0 {
            self.doom(left, hit);
            self.endings.broken = true;
            consult.say(Notice::NoMoreHosts);
        }
        if self.endings.broken && doomed(self) >= left.count_ones(..) {
            consult.say(Notice::NoMoreHosts);
            self.stop();
        }
    }

    /// Lays what the hosts chose to include behind the step, one group after the other.
    fn grow(&mut self, id: StepId, consult: &mut dyn Consult) {
        let answers = std::mem::take(&mut self.cell(id).inclusions);
        if answers.is_empty() {
            return;
        }
        let mut ordered = answers;
        ordered.sort_by_key(|(host, _)| *host);
        let mut groups: Vec<(Inclusion, FixedBitSet)> = vec![];
        for (host, inclusions) in ordered {
            for inclusion in inclusions {
                let free = |(group, hosts): &&mut (Inclusion, FixedBitSet)| {
                    group.key == inclusion.key && !hosts.contains(host)
                };
                if let Some((_, hosts)) = groups.iter_mut().find(free) {
                    hosts.grow_and_insert(host);
                } else {
                    let mut hosts = FixedBitSet::with_capacity(self.hosts.len());
                    hosts.insert(host);
                    groups.push((inclusion, hosts));
                }
            }
        }
        let mut after = id;
        let mut missing = FixedBitSet::with_capacity(self.hosts.len());
        for (inclusion, hosts) in groups {
            match consult.grow(&mut self.drawing, id, &inclusion, &hosts) {
                Ok(steps) => {
                    let file = inclusion.file.clone();
                    let listed = hosts.ones().collect();
                    consult.say(Notice::Included { file, hosts: listed, label: inclusion.label.clone() });
                    after = self.lay(after, steps);
                }
                Err(None) => return,
                Err(Some(reason)) => {
                    let include = inclusion.written.clone();
                    consult.say(Notice::NotIncluded {
                        step: id,
                        hosts: hosts.ones().collect(),
                        include,
                        reason,
                    });
                    missing.union_with(&hosts);
                }
            }
        }
        if !missing.is_clear() {
            let cell = self.cell(id);
            cell.troubled = true;
            cell.hit.union_with(&missing);
        }
        for host in missing.ones() {
            self.strike(host);
            self.state_mut(host).doomed = true;
        }
    }
}
