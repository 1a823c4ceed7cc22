//! What the conductor asks a person: whether a step is taken (`--step`), and what becomes of a task (`debugger`).

use super::super::batch::{Batch, Verdict};
use super::super::debugger::{Debugger, Turn};
use super::super::edit::Edit;
use super::super::names::HostNames;
use super::super::question::Question;
use super::super::target::setting;
use super::super::unit::{Finished, Unit};
use super::{Conductor, Key, State, step_task};
use crate::event::{EventKind, Outcome, StepInfo};
use crate::module::Map;
use crate::playbook::Debugger as When;
use std::sync::Arc;

/// How a task ended that a person is asked about.
pub(super) struct Ended {
    pub outcome: Outcome,
    /// Its arguments, if it ran once.
    pub args: Option<Map>,
    /// What the person had changed of it before.
    pub edit: Edit,
}

impl Conductor {
    /// Asks, and gives what was typed; nothing if nobody will answer any more.
    async fn ask(&mut self, said: String, prompt: String, headed: bool) -> Option<String> {
        let (question, told) = Question::new(said, prompt, headed);
        self.questions.send(question).await.ok()?;
        tokio::select! {
            answer = told => answer.ok().flatten(),
            _ = self.cancelled.wait_for(|stop| *stop) => None,
        }
    }

    /// A person ended the run.
    pub(super) async fn quit(&mut self) {
        self.units.abort_all();
        self.tell(EventKind::RunFailed { text: "User interrupted execution".into() }).await;
        self.quitted = true;
    }

    /// `--step`: whether a person wants the step that begins. Hosts that go together are asked for together.
    pub(super) async fn is_wanted(&mut self, info: &Arc<StepInfo>, fresh: bool, apart: Option<&str>) -> bool {
        if !self.stepping {
            return true;
        }
        if apart.is_none() && !fresh {
            return !self.declined.contains(&info.step);
        }
        let place = apart.map(|host| format!("on {host} ")).unwrap_or_default();
        let prompt = format!("Perform task: {} {place}(N)o/(y)es/(c)ontinue: ", title(info));
        let Some(answer) = self.ask(String::new(), prompt, true).await else {
            self.quit().await;
            return false;
        };
        match answer.to_lowercase().as_str() {
            "y" | "yes" => true,
            "c" | "continue" => {
                self.stepping = false;
                true
            }
            _ => {
                self.declined.insert(info.step);
                false
            }
        }
    }

    /// Whether a person is asked about what came of a task.
    pub(super) fn is_debugged(&self, key: &Key, finished: &Finished) -> bool {
        let Some(State::Running(run)) = self.plays.get(key.play) else { return false };
        let Some(task) = step_task(&run.batch.drawing.step(key.step).act) else { return false };
        let defaults = &self.plan.site.defaults;
        if !defaults.asks(&run.play(), &task.keywords) {
            return false;
        }
        let everywhere = defaults.debugs(&run.play());
        let when = task.keywords.debugger.as_ref();
        let host = run.batch.hosts.get(key.host).cloned().unwrap_or_else(|| Arc::from(""));
        let names = HostNames::new(self.world.clone(), run.advisor.scene.clone(), host, Some(task.clone()));
        let when = setting(when, &names.scope(), "debugger", When::named).unwrap_or_default();
        let answer = &finished.answer;
        let ignores = defaults.debugger_ignores_errors && answer.ignores_errors;
        let failed = matches!(answer.verdict, Verdict::Failed { .. }) && !ignores;
        let unreachable = matches!(answer.verdict, Verdict::Unreachable { .. });
        match when {
            Some(When::Always) => true,
            Some(When::Never) => false,
            Some(When::OnFailed) if failed => true,
            Some(When::OnUnreachable) if unreachable => true,
            Some(When::OnSkipped) if answer.verdict == Verdict::Skipped => true,
            _ => everywhere && (failed || unreachable),
        }
    }

    /// Asks a person about a task that ended. What runs again is put back to `before`: nobody has heard of its end.
    pub(super) async fn reconsider(&mut self, key: Key, ended: Ended, before: Batch) {
        let Some(unit) = self.debugged(&key, &ended).await else { return };
        let Some(State::Running(run)) = self.plays.get_mut(key.play) else { return };
        run.advisor.handler_names.truncate(before.drawing.handlers.len());
        run.batch = before;
        run.fell = true;
        let (step, host) = (key.number, unit.host.clone());
        self.tell(EventKind::UnitTakenBack { step, host, outcome: ended.outcome }).await;
        self.start(key, unit).await;
    }

    /// The task that a person wants to run again.
    async fn debugged(&mut self, key: &Key, ended: &Ended) -> Option<Unit> {
        let Some(State::Running(run)) = self.plays.get(key.play) else { return None };
        let title = title(run.infos.get(&key.step)?);
        let mut unit = self.unit_of(key)?;
        unit.edit.clone_from(&ended.edit);
        let mut debugger = Debugger::new(unit, title, &ended.outcome.result, ended.args.clone());
        let mut said = String::new();
        loop {
            let line = self.ask(said, debugger.prompt(), false).await;
            match debugger.hear(line.as_deref()) {
                Turn::Ask(words) => said = words,
                Turn::Continue => return None,
                Turn::Quit => {
                    self.quit().await;
                    return None;
                }
                Turn::Redo(edit) => return self.unit_of(key).map(|unit| Unit { edit, ..unit }),
            }
        }
    }
}

/// A step as questions call it.
fn title(info: &StepInfo) -> String {
    format!("{}: {}", if info.handler { "HANDLER" } else { "TASK" }, info.name)
}
