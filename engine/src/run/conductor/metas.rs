//! What `meta` tasks do to the run, and how it is told.

use super::super::meta;
use super::super::names::HostNames;
use super::{Conductor, State};
use crate::event::EventKind;
use crate::plan::{Meta, StepId, Wait};
use crate::playbook::Action;
use serde_json::Value as Json;
use std::sync::Arc;

impl Conductor {
    pub(super) async fn tell_meta(&mut self, play: usize, step: StepId, host: &Arc<str>, skipped: bool) {
        let numbered = *self.numbers.entry((play, step)).or_insert_with(|| {
            self.steps += 1;
            self.steps - 1
        });
        let Some(State::Running(run)) = self.plays.get_mut(play) else { return };
        let Some(task) = run.batch.drawing.step(step).task().cloned() else { return };
        let word = match &task.task.action {
            Action::Meta { word, .. } => word.clone(),
            _ => return,
        };
        let (world, scene) = (self.world.clone(), run.advisor.scene.clone());
        let scope = || HostNames::new(world, scene, host.clone(), Some(task.clone())).scope();
        let info = run.info(step, (play, numbered), &self.world, scope);
        let linear = run.batch.drawing.wait == Wait::AllHosts;
        let role = task.around.role.as_ref().map_or("", |role| &role.role.name);
        let skipped = skipped.then(|| meta::skipped(&word, host, role));
        let reason = skipped.as_ref().and_then(|result| result.get("skip_reason")).and_then(Json::as_str);
        let said = reason.map_or_else(|| meta::done(&word, host, role), str::to_string);
        self.tell(EventKind::MetaFinished { step: info, host: host.clone(), linear, said, skipped }).await;
    }

    pub(super) fn meta(&mut self, play: usize, meta: Meta, host: &Arc<str>) {
        match meta {
            Meta::ClearFacts => {
                let Some(State::Running(run)) = self.plays.get(play) else { return };
                run.all.iter().for_each(|host| self.world.forget_facts(host));
            }
            Meta::RefreshInventory => self.world.refresh_inventory(),
            Meta::ResetConnection => self.pool.forget_host(host),
            _ => {}
        }
    }
}
