//! The play a unit belongs to, as names see it: its layers of variables, its roles, its hosts. One per batch; the lists
//! that change while the batch runs are replaced whole by the dispatcher.

use crate::plan::{PlannedPlay, RoleInstance};
use crate::playbook::Play;
use crate::template::Layer;
use std::sync::{Arc, RwLock};

/// A batch of a play.
#[derive(Debug)]
pub struct Scene {
    /// The play as written.
    pub play: Arc<Play>,
    /// Its name.
    pub name: Arc<str>,
    /// `vars_files`, the strongest first.
    pub vars_files: Vec<crate::plan::VarsFile>,
    /// The play's variables, the strongest first.
    pub vars: Vec<Layer>,
    /// Every host of this batch.
    pub batch: Arc<[Arc<str>]>,
    lists: RwLock<Lists>,
}

#[derive(Debug)]
struct Lists {
    all: Arc<[Arc<str>]>,
    standing: Arc<[Arc<str>]>,
    roles: Arc<[Arc<RoleInstance>]>,
}

impl Scene {
    /// A batch at its start.
    #[must_use]
    pub fn new(planned: &PlannedPlay, all: Arc<[Arc<str>]>, batch: Arc<[Arc<str>]>) -> Self {
        let lists = Lists { standing: all.clone(), all, roles: Arc::from(planned.drawing.public.clone()) };
        Self {
            play: planned.play.clone(),
            name: Arc::from(planned.name.as_str()),
            vars_files: planned.vars_files.clone(),
            vars: planned.vars.clone(),
            batch,
            lists: RwLock::new(lists),
        }
    }

    /// Every host of the play, in the order of its pattern, then those that were added while the batch ran.
    #[must_use]
    pub fn all(&self) -> Arc<[Arc<str>]> {
        self.lists.read().unwrap_or_else(std::sync::PoisonError::into_inner).all.clone()
    }

    /// Lists a host that `add_host` brought, as Ansible does whatever the play's pattern says.
    pub fn list(&self, host: &str) {
        let mut lists = self.lists.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !lists.all.iter().any(|known| **known == *host) {
            let with = |hosts: &[Arc<str>]| hosts.iter().cloned().chain([Arc::from(host)]).collect();
            (lists.all, lists.standing) = (with(&lists.all), with(&lists.standing));
        }
    }

    /// The hosts of the play that are neither failed nor unreachable.
    #[must_use]
    pub fn standing(&self) -> Arc<[Arc<str>]> {
        self.lists.read().unwrap_or_else(std::sync::PoisonError::into_inner).standing.clone()
    }

    /// The roles whose variables the whole play sees.
    #[must_use]
    pub fn roles(&self) -> Arc<[Arc<RoleInstance>]> {
        self.lists.read().unwrap_or_else(std::sync::PoisonError::into_inner).roles.clone()
    }

    /// Replaces the hosts still standing.
    pub fn set_standing(&self, hosts: Arc<[Arc<str>]>) {
        self.lists.write().unwrap_or_else(std::sync::PoisonError::into_inner).standing = hosts;
    }

    /// Replaces the roles the whole play sees.
    pub fn set_roles(&self, roles: Arc<[Arc<RoleInstance>]>) {
        self.lists.write().unwrap_or_else(std::sync::PoisonError::into_inner).roles = roles;
    }
}
