//! What names mean for one host in one task: Ansible's order of precedence as one walk over shared layers, from the
//! strongest to the weakest. Nothing is merged and nothing is copied.

use super::scene::Scene;
use super::world::{Learned, World};
use super::{magic, road};
use crate::plan::{PlannedTask, VarsFile, role_defaults, role_vars};
use crate::template::{Layer, Names, Scope, Surroundings, Value, Variable};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Names for a host, in a task or (for `hostvars`) in none.
#[derive(Clone, Debug)]
pub struct HostNames {
    /// The world.
    pub world: Arc<World>,
    /// The play, once there is one.
    pub scene: Arc<Scene>,
    /// The host.
    pub host: Arc<str>,
    /// The task.
    pub task: Option<Arc<PlannedTask>>,
    /// Whom the task is delegated to: the road there is the one that it knows.
    pub delegate: Option<Arc<str>>,
    outside: bool,
    roadless: bool,
    learned: Arc<Learned>,
    inventory: Arc<OnceLock<Vec<Layer>>>,
    per_host: Arc<OnceLock<Vec<Layer>>>,
}

impl HostNames {
    /// Names as they are now.
    #[must_use]
    pub fn new(world: Arc<World>, scene: Arc<Scene>, host: Arc<str>, task: Option<Arc<PlannedTask>>) -> Self {
        let learned = world.learned(&host);
        let (inventory, per_host) = (Arc::default(), Arc::default());
        let (delegate, outside, roadless) = (None, false, false);
        Self { world, scene, host, task, delegate, outside, roadless, learned, inventory, per_host }
    }

    /// As `hostvars` sees them: without what the play and its roles say.
    #[must_use]
    pub fn outside_the_play(self) -> Self {
        Self { outside: true, ..self }
    }

    /// Of a task that is delegated.
    #[must_use]
    pub fn delegated(self, to: Arc<str>) -> Self {
        Self { delegate: Some(to), ..self }
    }

    /// Without what only a task knows of its connection.
    #[must_use]
    pub fn without_a_road(self) -> Self {
        Self { roadless: true, ..self }
    }

    /// A scope over these names.
    #[must_use]
    pub fn scope(self) -> Scope {
        let search = match &self.task {
            Some(task) => task.search.clone(),
            None => Arc::from([self.scene.play.dir.to_path_buf()]),
        };
        self.scope_in(search)
    }

    fn scope_in(self, search: Arc<[PathBuf]>) -> Scope {
        let secrets = self.world.site.loader.secrets.clone();
        let sources = Some(self.world.site.loader.sources.clone());
        let defaults = &self.world.site.defaults;
        let around = Surroundings {
            search,
            secrets,
            sources,
            managed: defaults.managed.clone(),
            broken_conditionals: defaults.broken_conditionals,
        };
        Scope::new(Arc::new(self), around)
    }

    fn inventory(&self) -> &[Layer] {
        self.inventory.get_or_init(|| {
            self.world.inventory().layers(&self.host, &self.world.vars_dirs(&self.scene.play.dir))
        })
    }

    /// Layers of `vars_files` whose names only this host knows.
    fn per_host(&self) -> &[Layer] {
        // Names in such a file's name are looked up without the files themselves.
        self.per_host.get_or_init(|| {
            let mut without = self.clone();
            without.per_host = Arc::new(OnceLock::from(vec![]));
            let scope = without.scope();
            let find = |file: &VarsFile| {
                let VarsFile::PerHost(node) = file else { return None };
                let names = node.as_seq().unwrap_or_else(|| std::slice::from_ref(node));
                let dir = &self.scene.play.dir;
                let paths = names.iter().filter_map(|name| scope.text(name).ok());
                let path = paths
                    .flat_map(|name| [dir.join("vars").join(&name), dir.join(&name)])
                    .find(|p| p.is_file());
                self.world.site.loader.vars(&path?, &mut crate::diagnostic::Diagnostics::default())
            };
            self.scene.vars_files.iter().filter_map(find).collect()
        })
    }

    /// Facts under the names they have as variables, if they have any.
    fn injected(&self) -> Option<&HashMap<Arc<str>, Value>> {
        self.world.site.defaults.inject_facts.then_some(&self.learned.injected)
    }

    /// What the play says; `hostvars` knows of no play.
    fn in_play(&self, name: &str) -> Option<Variable> {
        if self.outside {
            return None;
        }
        let roles = self.scene.roles();
        let of_role = roles.iter().rev().find_map(|role| within(&role_vars(role), name));
        let fixed = || {
            self.scene.vars_files.iter().find_map(|file| match file {
                VarsFile::Fixed(layer) => layer.get(name).cloned(),
                VarsFile::PerHost(_) => None,
            })
        };
        let varies = self.scene.vars_files.iter().any(|file| matches!(file, VarsFile::PerHost(_)));
        let per_host = || if varies { within(self.per_host(), name) } else { None };
        of_role.or_else(per_host).or_else(fixed).or_else(|| within(&self.scene.vars, name))
    }
}

fn within(layers: &[Layer], name: &str) -> Option<Variable> {
    layers.iter().find_map(|layer| layer.get(name)).cloned()
}

impl Names for HostNames {
    fn get(&self, name: &str) -> Option<Variable> {
        let task = self.task.as_deref();
        let site = &self.world.site;
        if let Some(value) = magic::value(self, name) {
            return Some(Variable::Known(value));
        }
        let known = |value: &crate::template::Value| Variable::Known(value.clone());
        site.extra
            .get(name)
            .cloned()
            .or_else(|| task.and_then(|task| within(&task.strong, name)))
            .or_else(|| self.learned.set.get(name).map(known))
            .or_else(|| self.learned.included.get(name).cloned())
            .or_else(|| task.and_then(|task| within(&task.middle, name)))
            .or_else(|| self.in_play(name))
            .or_else(|| self.learned.injected.get(name).filter(|_| site.defaults.inject_facts).map(known))
            .or_else(|| within(self.inventory(), name))
            .or_else(|| task.and_then(|task| within(&task.weak, name)))
            .or_else(|| {
                if self.outside {
                    return None;
                }
                self.scene.roles().iter().rev().find_map(|role| within(&role_defaults(role), name))
            })
            .or_else(|| if self.roadless { None } else { road::value(self, name) })
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: indexmap::IndexSet<Arc<str>> = magic::names(self)
            .filter(|name| !self.outside || !magic::OF_THE_PLAY.contains(&&**name))
            .collect();
        if !self.roadless {
            names.extend(road::names(self));
        }
        let mut add =
            |layers: &[Layer]| names.extend(layers.iter().flat_map(|layer| layer.0.keys().cloned()));
        add(std::slice::from_ref(&self.world.site.extra));
        if let Some(task) = &self.task {
            add(&task.strong);
            add(&task.middle);
            add(&task.weak);
        }
        if !self.outside {
            for role in self.scene.roles().iter() {
                add(&role_vars(role));
                add(&role_defaults(role));
            }
            for file in &self.scene.vars_files {
                if let VarsFile::Fixed(layer) = file {
                    add(std::slice::from_ref(layer));
                }
            }
            add(self.per_host());
            add(&self.scene.vars);
        }
        add(self.inventory());
        names.extend(self.learned.set.keys().cloned());
        names.extend(self.learned.included.keys().cloned());
        names.extend(self.injected().into_iter().flat_map(|facts| facts.keys().cloned()));
        names.into_iter().collect()
    }
}
