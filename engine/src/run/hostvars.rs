//! `hostvars` and `vars` as objects: a host's variables are looked up and rendered when they are touched, for as many
//! hosts as there are, without a copy of any.

use super::names::HostNames;
use super::road;
use super::scene::Scene;
use super::world::World;
use crate::template::{Names, Scope, Value, Variable};
use indexmap::{IndexMap, IndexSet};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind};
use std::sync::Arc;

/// `hostvars`.
#[derive(Debug)]
pub struct HostVars {
    world: Arc<World>,
    scene: Arc<Scene>,
}

impl HostVars {
    /// The variables of every host, seen from a play.
    #[must_use]
    pub fn new(world: Arc<World>, scene: Arc<Scene>) -> Self {
        Self { world, scene }
    }
}

impl Object for HostVars {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let inventory = self.world.inventory();
        let host = inventory.host(name).map(|host| host.name.clone())?;
        let names = HostNames::new(self.world.clone(), self.scene.clone(), host, None).outside_the_play();
        Some(Value::from_object(HostVariables(Arc::new(Variables::new(names)))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let inventory = self.world.inventory();
        Enumerator::Values(inventory.hosts().map(|host| Value::from(&**host)).collect())
    }
}

/// One host's variables as `hostvars` gives them.
#[derive(Debug)]
pub struct HostVariables(Arc<Variables>);

impl Object for HostVariables {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get_value(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.0.enumerate()
    }
}

/// The variables of one host.
#[derive(Debug)]
pub struct Variables {
    names: HostNames,
    scope: Scope,
    front: Vec<Arc<str>>,
}

impl Variables {
    /// A host's variables as an object.
    #[must_use]
    pub fn new(names: HostNames) -> Self {
        let scope = names.clone().scope();
        Self { names, scope, front: vec![] }
    }

    /// The same with some that are not what they were.
    #[must_use]
    pub fn changed(names: HostNames, front: IndexMap<Arc<str>, Variable>) -> Self {
        let changed = front.keys().cloned().collect();
        Self { scope: names.clone().scope().with(front), names, front: changed }
    }
}

impl Object for Variables {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if road::is_unsaid(&self.names, name) {
            return None;
        }
        match self.scope.get(name) {
            Ok(value) => value,
            Err(fault) => {
                let kind =
                    if fault.undefined { ErrorKind::UndefinedError } else { ErrorKind::InvalidOperation };
                Some(Value::from(Error::new(kind, fault.message)))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        // `vars` and `hostvars` would lead back here for ever.
        let shown = |name: &Arc<str>| !matches!(&**name, "vars" | "hostvars");
        let mut names: IndexSet<Arc<str>> = self.names.clone().without_a_road().names().into_iter().collect();
        names.extend(self.front.iter().cloned());
        Enumerator::Values(names.iter().filter(|n| shown(n)).map(|n| Value::from(&**n)).collect())
    }
}
