//! Filters, tests and lookups of the site, written in Python: run by the ansible-core of this machine in a process of
//! their own, which is started when the first of them is named. The engine's requests come in, values go out. Without
//! such plugins, or without ansible-core, no Python is run; what needs it is refused by name when the plan is made.

mod process;
mod shelf;

use crate::bridge::{Packages, Tree};
use muster_engine::template::{Fault, GuestKind as Kind};
use process::Process;
use serde_json::{Value as Json, json};
use shelf::Shelf;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Where such plugins are looked for, as the configuration has it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `filter_plugins`.
    pub filters: Vec<PathBuf>,
    /// `test_plugins`.
    pub tests: Vec<PathBuf>,
    /// `lookup_plugins`.
    pub lookups: Vec<PathBuf>,
    /// `collections_path`.
    pub collections: Vec<PathBuf>,
    /// `roles_path`.
    pub roles: Vec<PathBuf>,
    /// An ansible-core by its directory `ansible`, in place of the one that would be found.
    pub core: Option<PathBuf>,
    /// Where ansible-core may be.
    pub packages: Packages,
}

/// The site's filters, tests and lookups.
#[derive(Debug)]
pub struct Guests {
    places: Places,
    tree: OnceLock<Option<Tree>>,
    shelf: Mutex<Shelf>,
    known: Mutex<HashMap<(Kind, String), bool>>,
    /// Processes that have nothing to do. A plugin that asks for a variable whose template names another plugin keeps
    /// its own busy, so there may be several.
    idle: Mutex<Vec<Process>>,
    /// Why no process could be started.
    broken: OnceLock<String>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault(message: impl Into<String>) -> Fault {
    Fault::new(message, None)
}

impl Guests {
    /// Those that lie there.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self {
            shelf: Mutex::new(Shelf::new(&places)),
            places,
            tree: OnceLock::new(),
            known: Mutex::default(),
            idle: Mutex::default(),
            broken: OnceLock::new(),
        }
    }

    fn tree(&self) -> Option<&Tree> {
        let find = || match &self.places.core {
            Some(package) => Tree::at(package),
            None => Tree::find(&self.places.packages),
        };
        self.tree.get_or_init(find).as_ref()
    }

    /// A process that is free, or a new one.
    fn process(&self) -> Result<Process, String> {
        if let Some(process) = held(&self.idle).pop() {
            return Ok(process);
        }
        if let Some(why) = self.broken.get() {
            return Err(why.clone());
        }
        let tree = self.tree().ok_or("no ansible-core was found on this machine")?;
        let python = self.places.packages.python(self.places.core.as_deref());
        let setup = json!({
            "core": tree.package.parent(),
            "collections": self.places.collections,
            "playbook": held(&self.shelf).playbook(),
        });
        Process::start(&python, &setup).map_err(|why| self.broken.get_or_init(|| why).clone())
    }

    /// One request and what comes of it.
    fn ask(&self, mut request: Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, Fault> {
        let mut process = self.process().map_err(fault)?;
        let seats = held(&self.shelf).since(process.seats).to_vec();
        process.seats += seats.len();
        if let Some(request) = request.as_object_mut() {
            request.insert("dirs".into(), json!(seats));
        }
        // One that broke off is not used again.
        let told = process.ask(&request, answer).map_err(fault)?;
        held(&self.idle).push(process);
        match told.get("error").and_then(Json::as_str) {
            Some(said) => Err(Fault {
                undefined: told.get("undefined") == Some(&json!(true)),
                ..Fault::new(said, None)
            }),
            None => Ok(told),
        }
    }
}

impl muster_engine::template::Guests for Guests {
    fn beside(&self, dir: &Path) {
        if held(&self.shelf).seat(dir) {
            held(&self.known).retain(|_, known| *known);
        }
    }

    fn knows(&self, kind: Kind, name: &str) -> bool {
        let key = (kind, name.to_owned());
        if let Some(known) = held(&self.known).get(&key) {
            return *known;
        }
        let may_be = held(&self.shelf).candidate(kind, name, self.tree()).is_some() && self.tree().is_some();
        let request = json!({"do": "knows", "kind": kind.name(), "name": name});
        let known = may_be
            && self.ask(request, &|_| Json::Null).is_ok_and(|told| told.get("known") == Some(&json!(true)));
        held(&self.known).insert(key, known);
        known
    }

    fn absent(&self, kind: Kind, name: &str) -> Option<String> {
        let file = held(&self.shelf).candidate(kind, name, self.tree())?;
        let why = match (self.tree(), self.broken.get()) {
            (None, _) => "no ansible-core was found here (`pip install ansible-core`, or name its directory with `MUSTER_ANSIBLE_CORE`)".to_owned(),
            (_, Some(why)) => why.clone(),
            _ => return None,
        };
        Some(format!("{} may have it, which is Python: {why}", file.display()))
    }

    fn call(&self, request: Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, Fault> {
        self.ask(request, answer).map(|mut told| told.get_mut("value").map(Json::take).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
