//! Names over a few layers of variables, for what is rendered before any host is known: names of imported files and
//! roles, tags, patterns.

use super::step::{Around, RoleInstance};
use crate::inventory::Inventory;
use crate::playbook::Play;
use crate::template::{Layer, Names, Scope, Surroundings, Value, Variable, from_json};
use serde_json::Value as Json;
use std::sync::Arc;

/// Names over layers, the strongest first.
#[derive(Debug, Default)]
pub struct Layers {
    layers: Vec<Layer>,
    special: Vec<(Arc<str>, Value)>,
}

impl Layers {
    /// Only the extra variables.
    #[must_use]
    pub fn new(layers: Vec<Layer>) -> Self {
        Self { layers, special: vec![] }
    }

    /// What is known of a task before any host is: extra variables, those of includes, of tasks and blocks, of the
    /// role, of the play.
    #[must_use]
    pub fn around(extra: &Layer, play: &Play, play_layers: &[Layer], around: &Around) -> Self {
        let mut layers = vec![extra.clone()];
        layers.extend(around.include_vars.iter().cloned());
        if let Some(role) = &around.role {
            layers.extend(role_params(role));
        }
        layers.extend(around.keywords.vars.iter().cloned());
        if let Some(role) = &around.role {
            layers.extend(role_vars(role));
        }
        layers.extend(play_layers.iter().cloned());
        if let Some(role) = &around.role {
            layers.extend(role_defaults(role));
        }
        let text = |path: &std::path::Path| from_json(&path.to_string_lossy().into_owned().into());
        let mut special = vec![(Arc::from("playbook_dir"), text(&play.dir))];
        if let Some(role) = &around.role {
            special.push((Arc::from("role_path"), text(&role.role.dir)));
            special.push((Arc::from("role_name"), from_json(&role.role.short_name().into())));
        }
        Self { layers, special }
    }

    /// With `groups`: the only thing about hosts that a play's pattern can ask for.
    #[must_use]
    pub fn with_groups(mut self, inventory: &Inventory) -> Self {
        let hosts =
            |hosts: &Vec<Arc<str>>| Json::from(hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let groups = inventory.groups().iter().map(|(name, list)| (name.to_string(), hosts(list))).collect();
        self.special.push((Arc::from("groups"), from_json(&Json::Object(groups))));
        self
    }

    /// A scope over these names.
    #[must_use]
    pub fn scope(self, around: Surroundings) -> Scope {
        Scope::new(Arc::new(self), around)
    }
}

impl Names for Layers {
    fn get(&self, name: &str) -> Option<Variable> {
        let special =
            self.special.iter().find(|(n, _)| &**n == name).map(|(_, v)| Variable::Known(v.clone()));
        special.or_else(|| self.layers.iter().find_map(|layer| layer.get(name)).cloned())
    }

    fn names(&self) -> Vec<Arc<str>> {
        let special = self.special.iter().map(|(name, _)| name.clone());
        special.chain(self.layers.iter().flat_map(|layer| layer.0.keys().cloned())).collect()
    }
}

/// A role's parameters and those of the roles it was reached through, the strongest first.
pub fn role_params(role: &RoleInstance) -> impl Iterator<Item = Layer> + '_ {
    std::iter::once(role.params.clone()).chain(role.parents.iter().map(|parent| parent.params.clone()))
}

/// A role's `vars/`, those of its dependencies, then of the roles it was reached through, the strongest first.
#[must_use]
pub fn role_vars(role: &RoleInstance) -> Vec<Layer> {
    let mut layers = vec![role.role.vars.clone()];
    role.dependencies.iter().rev().for_each(|dependency| layers.extend(role_vars(dependency)));
    layers.extend(role.parents.iter().map(|parent| parent.role.vars.clone()));
    layers
}

/// A role's `defaults/`, those of its dependencies, then of the roles it was reached through, the strongest first.
#[must_use]
pub fn role_defaults(role: &RoleInstance) -> Vec<Layer> {
    let mut layers = vec![role.role.defaults.clone()];
    role.dependencies.iter().rev().for_each(|dependency| layers.extend(role_defaults(dependency)));
    layers.extend(role.parents.iter().map(|parent| parent.role.defaults.clone()));
    layers
}
