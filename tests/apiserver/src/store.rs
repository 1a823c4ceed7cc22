//! The state of the cluster: objects by resource and name, one revision that every change raises, and the history of changes
//! that watches and consistent lists read. An object that is put is stored as it is; the rules are those of its callers.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::object::{name, namespace, set, version};

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The revision it made.
    pub revision: u64,
    /// The resource as the store names it, such as `deployments.apps`.
    pub resource: String,
    /// The object before, none for a new one.
    pub old: Option<Value>,
    /// The object after, none for a removed one.
    pub new: Option<Value>,
}

/// The objects of a cluster and how they came to be.
#[derive(Clone, Debug, Default)]
pub struct Store {
    revision: u64,
    compacted: u64,
    objects: BTreeMap<(String, String), Value>,
    history: VecDeque<Change>,
}

/// How many changes are kept before the oldest are forgotten.
const HISTORY: usize = 10_000;

/// The key of an object in its resource, which is also the order of lists.
#[must_use]
pub fn path(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

impl Store {
    /// The revision of now.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision up to which history is forgotten.
    #[must_use]
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Lifts the revision without a change, as writes elsewhere in a cluster do.
    pub fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Forgets the history up to a revision: older watches and lists get `410 Expired`.
    pub fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision));
        let compacted = self.compacted;
        self.history.retain(|change| change.revision > compacted);
    }

    /// One object.
    #[must_use]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(resource.to_owned(), path(namespace, name)))
    }

    /// The objects of a resource in the order of their keys, of one namespace or of all.
    pub fn list<'a>(&'a self, resource: &str, within: Option<&'a str>) -> impl Iterator<Item = &'a Value> {
        let start = (resource.to_owned(), String::new());
        let resource = resource.to_owned();
        let all = self.objects.range(start..).take_while(move |((found, _), _)| *found == resource);
        all.map(|(_, object)| object)
            .filter(move |object| within.is_none_or(|wanted| namespace(object) == wanted))
    }

    /// Stores an object at a new revision and gives it as stored. One that is equal to what is there changes nothing.
    pub fn put(&mut self, resource: &str, mut object: Value) -> Value {
        let key = (resource.to_owned(), path(namespace(&object), name(&object)));
        let old = self.objects.get(&key).cloned();
        if let Some(old) = &old {
            set(&mut object, "/metadata/resourceVersion", version(old).to_string());
            if *old == object {
                return object;
            }
        }
        self.revision += 1;
        set(&mut object, "/metadata/resourceVersion", self.revision.to_string());
        self.objects.insert(key, object.clone());
        self.remember(resource, old, Some(object.clone()));
        object
    }

    /// Stores an object as it is, with its own resourceVersion and without history: the state a test starts from.
    pub fn load(&mut self, resource: &str, mut object: Value) {
        let own = version(&object);
        if own == 0 {
            self.revision += 1;
            set(&mut object, "/metadata/resourceVersion", self.revision.to_string());
        }
        self.revision = self.revision.max(own);
        self.objects.insert((resource.to_owned(), path(namespace(&object), name(&object))), object);
    }

    /// Removes an object at a new revision and gives it with that revision.
    pub fn remove(&mut self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let old = self.objects.remove(&(resource.to_owned(), path(namespace, name)))?;
        self.revision += 1;
        let mut gone = old.clone();
        set(&mut gone, "/metadata/resourceVersion", self.revision.to_string());
        self.remember(resource, Some(gone.clone()), None);
        Some(gone)
    }

    /// The changes of a resource after a revision, oldest first.
    pub fn since<'a>(&'a self, resource: &'a str, revision: u64) -> impl Iterator<Item = &'a Change> {
        let start = self.history.partition_point(|change| change.revision <= revision);
        self.history.range(start..).filter(move |change| change.resource == resource)
    }

    /// The objects of a resource as they were at an earlier revision, in the order of their keys.
    #[must_use]
    pub fn at(&self, resource: &str, revision: u64) -> Vec<Value> {
        let key = |object: &Value| path(namespace(object), name(object));
        let mut found: BTreeMap<String, Value> =
            self.list(resource, None).map(|object| (key(object), object.clone())).collect();
        for change in self.history.iter().rev().take_while(|change| change.revision > revision) {
            if change.resource != resource {
                continue;
            }
            if let Some(new) = &change.new {
                found.remove(&key(new));
            }
            if let Some(old) = &change.old {
                found.insert(key(old), old.clone());
            }
        }
        found.into_values().collect()
    }

    /// Every resource that has objects.
    #[must_use]
    pub fn resources(&self) -> Vec<String> {
        let mut names: Vec<String> = self.objects.keys().map(|(resource, _)| resource.clone()).collect();
        names.dedup();
        names
    }

    fn remember(&mut self, resource: &str, old: Option<Value>, new: Option<Value>) {
        self.history.push_back(Change { revision: self.revision, resource: resource.to_owned(), old, new });
        while self.history.len() > HISTORY {
            if let Some(oldest) = self.history.pop_front() {
                self.compacted = oldest.revision;
            }
        }
    }
}
