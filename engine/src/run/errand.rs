//! What a module may ask about the task that it runs for. A unit's snapshots come in; what the task says, rendered where
//! it is asked for, and modules by name go out.

use super::scene::Scene;
use super::target::{flag, number};
use super::unit::Unit;
use super::world::World;
use crate::module::{About, AnyModule, Errand};
use crate::plan::PlannedTask;
use crate::playbook::Setting;
use crate::template::Scope;
use std::sync::Arc;

/// The errand of one task on one host.
pub struct TaskErrand {
    world: Arc<World>,
    scene: Arc<Scene>,
    task: Arc<PlannedTask>,
    scope: Scope,
    delegate: Option<Arc<str>>,
}

impl TaskErrand {
    /// What a unit does, with the names that it sees and whom it is delegated to.
    #[must_use]
    pub fn new(unit: &Unit, scope: Scope, delegate: Option<Arc<str>>) -> Self {
        let (world, scene, task) = (unit.world.clone(), unit.scene.clone(), unit.task.clone());
        Self { world, scene, task, scope, delegate }
    }

    fn flag(&self, keyword: Option<&Setting<bool>>) -> Option<bool> {
        flag(keyword, &self.scope).ok().flatten()
    }

    fn number(&self, keyword: Option<&Setting<i64>>) -> Option<i64> {
        number(keyword, &self.scope).ok().flatten()
    }
}

impl Errand for TaskErrand {
    fn about(&self) -> About {
        let PlannedTask { task, around, keywords, .. } = &*self.task;
        let defaults = &self.world.site.defaults;
        let search = self.task.search.iter();
        let vars = keywords.vars.iter().flat_map(|layer| layer.0.keys().cloned());
        About {
            action: self.task.action().to_string(),
            name: task.name.as_ref().and_then(|name| self.scope.text(name).ok()),
            play: self.scene.name.to_string(),
            hosts: self.scene.all().to_vec(),
            role: around.role.as_ref().map(|role| (role.role.name.to_string(), role.role.dir.clone())),
            dir: task.dir.to_path_buf(),
            // A playbook's own directory is looked in anyway.
            search: search
                .filter(|path| **path != *self.scene.play.dir || **path == *task.dir)
                .cloned()
                .collect(),
            collections: keywords.collections.clone(),
            vars: vars.collect(),
            tags: self.task.tags.iter().cloned().collect(),
            register: task.register.clone(),
            delegate_to: self.delegate.clone(),
            delegate_facts: self.flag(keywords.delegate_facts.as_ref()).unwrap_or(false),
            run_once: self.flag(keywords.run_once.as_ref()),
            ignore_errors: self.flag(keywords.ignore_errors.as_ref()),
            timeout: self.number(keywords.timeout.as_ref()).or(defaults.task_timeout).unwrap_or(0),
            background: self.number(task.background.as_ref()).unwrap_or(0),
            poll: self.number(task.poll.as_ref()).unwrap_or(defaults.poll_interval),
            retries: self.number(task.retries.as_ref()),
        }
    }

    fn module(&self, name: &str) -> Option<Arc<dyn AnyModule>> {
        self.world.site.module_itself(name, &self.task.around, &self.scene.play.dir)
    }
}
