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
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many processes may be forked at once: each holds some megabytes.
const FORKS: usize = 64;

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

/// The site's filters, tests and lookups; its action plugins are run by the same Python. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guests(Arc<House>);

/// What all of them share.
#[derive(Debug)]
struct House {
    places: Places,
    tree: OnceLock<Option<Tree>>,
    shelf: Mutex<Shelf>,
    known: Mutex<HashMap<(Kind, String), bool>>,
    /// Processes that have nothing to do. A plugin that asks for a variable whose template names another plugin keeps
    /// its own busy, so there may be several.
    idle: Mutex<Vec<Process>>,
    /// The process that those with a process of their own are forked from.
    forker: Mutex<Option<Process>>,
    /// How many of these there may be.
    forks: Arc<Semaphore>,
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
        Self(Arc::new(House {
            shelf: Mutex::new(Shelf::new(&places)),
            places,
            tree: OnceLock::new(),
            known: Mutex::default(),
            idle: Mutex::default(),
            forker: Mutex::default(),
            forks: Arc::new(Semaphore::new(FORKS)),
            broken: OnceLock::new(),
        }))
    }

    /// Leave for one more process, once there are not too many.
    pub(crate) async fn leave(&self) -> Option<OwnedSemaphorePermit> {
        self.0.forks.clone().acquire_owned().await.ok()
    }

    /// Forks a process of Python with ansible-core in it that does what `program` makes of its messages, and ends; gives
    /// its id and the stream that it speaks through. `plugin` is read before, once. The first time this takes as long as
    /// Python takes to start.
    ///
    /// # Errors
    /// No such process can be had; in words.
    pub(crate) fn fork(&self, program: &str, plugin: &str) -> Result<(i32, UnixStream), String> {
        let house = &self.0;
        let mut forker = held(&house.forker);
        let mut process = match forker.take() {
            Some(process) => process,
            None => house.start(Some(program))?,
        };
        let told = house.tell(&mut process, json!({"do": "act", "plugin": plugin}), &|_| Json::Null)?;
        *forker = Some(process);
        let pid = told.get("pid").and_then(Json::as_i64).and_then(|pid| i32::try_from(pid).ok());
        let socket = told.get("socket").and_then(Json::as_str);
        let (pid, socket) = pid.zip(socket).ok_or_else(|| told.get("error").unwrap_or(&told).to_string())?;
        let stream = UnixStream::connect(socket).map_err(|error| format!("{socket}: {error}"))?;
        Ok((pid, stream))
    }
}

impl House {
    fn tree(&self) -> Option<&Tree> {
        let find = || match &self.places.core {
            Some(package) => Tree::at(package),
            None => Tree::find(&self.places.packages),
        };
        self.tree.get_or_init(find).as_ref()
    }

    /// A process that is free, or a new one.
    fn process(&self) -> Result<Process, String> {
        match held(&self.idle).pop() {
            Some(process) => Ok(process),
            None => self.start(None),
        }
    }

    fn start(&self, actions: Option<&str>) -> Result<Process, String> {
        if let Some(why) = self.broken.get() {
            return Err(why.clone());
        }
        let tree = self.tree().ok_or("no ansible-core was found on this machine")?;
        let python = self.places.packages.python(self.places.core.as_deref());
        let mut setup = json!({
            "core": tree.package.parent(),
            "collections": self.places.collections,
            "playbook": held(&self.shelf).playbook(),
        });
        if let (Some(program), Some(setup)) = (actions, setup.as_object_mut()) {
            setup.insert("actions".into(), json!(program));
        }
        let process = Process::start(&python, &setup);
        match actions {
            Some(_) => process,
            None => process.map_err(|why| self.broken.get_or_init(|| why).clone()),
        }
    }

    /// One request to a process, with the directories that it does not know yet.
    fn tell(
        &self,
        process: &mut Process,
        mut request: Json,
        answer: &dyn Fn(&Json) -> Json,
    ) -> Result<Json, String> {
        let seats = held(&self.shelf).since(process.seats).to_vec();
        process.seats += seats.len();
        if let Some(request) = request.as_object_mut() {
            request.insert("dirs".into(), json!(seats));
        }
        process.ask(&request, answer)
    }

    /// One request and what comes of it.
    fn ask(&self, request: Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, Fault> {
        let mut process = self.process().map_err(fault)?;
        // One that broke off is not used again.
        let told = self.tell(&mut process, request, answer).map_err(fault)?;
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
        if held(&self.0.shelf).seat(dir) {
            held(&self.0.known).retain(|_, known| *known);
        }
    }

    fn knows(&self, kind: Kind, name: &str) -> bool {
        let key = (kind, name.to_owned());
        if let Some(known) = held(&self.0.known).get(&key) {
            return *known;
        }
        let may_be =
            held(&self.0.shelf).candidate(kind, name, self.0.tree()).is_some() && self.0.tree().is_some();
        let request = json!({"do": "knows", "kind": kind.name(), "name": name});
        let known = may_be
            && self.0.ask(request, &|_| Json::Null).is_ok_and(|told| told.get("known") == Some(&json!(true)));
        held(&self.0.known).insert(key, known);
        known
    }

    fn absent(&self, kind: Kind, name: &str) -> Option<String> {
        let file = held(&self.0.shelf).candidate(kind, name, self.0.tree())?;
        let why = match (self.0.tree(), self.0.broken.get()) {
            (None, _) => "no ansible-core was found here (`pip install ansible-core`, or name its directory with `MUSTER_ANSIBLE_CORE`)".to_owned(),
            (_, Some(why)) => why.clone(),
            _ => return None,
        };
        Some(format!("{} may have it, which is Python: {why}", file.display()))
    }

    fn call(&self, request: Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, Fault> {
        self.0.ask(request, answer).map(|mut told| told.get_mut("value").map(Json::take).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
