//! What a run knows: the inventory as it grows and what hosts learned. Written by the dispatcher alone; units read
//! shared snapshots. Nothing is copied per host but what the host itself learned.

use super::lesson::Lesson;
use crate::inventory::{Inventory, VarsDir};
use crate::module::Jobs;
use crate::plan::Site;
use crate::template::{Value, Variable};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// What one host learned.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// `ansible_facts`: names without `ansible_`.
    pub facts: HashMap<Arc<str>, Value>,
    /// The same facts under the names they have as variables.
    pub injected: HashMap<Arc<str>, Value>,
    /// `set_fact` and `register`.
    pub set: HashMap<Arc<str>, Value>,
    /// `include_vars`.
    pub included: HashMap<Arc<str>, Variable>,
}

impl Learned {
    /// Learns facts as a module gave them.
    pub fn learn_facts(&mut self, facts: &crate::module::Map) {
        for (name, fact) in facts {
            let value = crate::template::from_json(fact);
            let short =
                if name == "ansible_local" { name } else { name.strip_prefix("ansible_").unwrap_or(name) };
            self.facts.insert(Arc::from(short), value.clone());
            self.injected.insert(Arc::from(name.as_str()), value);
        }
    }
}

/// Everything units read.
pub struct World {
    /// What was there before the run.
    pub site: Arc<Site>,
    inventory: RwLock<Arc<Inventory>>,
    groups: RwLock<Option<Value>>,
    learned: RwLock<HashMap<Arc<str>, Arc<Learned>>>,
    dirs: RwLock<HashMap<PathBuf, VarsDir>>,
    /// What `add_host` and `group_by` added, with the host that did: it outlives a refresh.
    added: RwLock<Vec<(Arc<str>, Lesson)>>,
    /// Tasks in the background.
    pub jobs: Arc<Jobs>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl World {
    /// The world before anything ran.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        if let Some(cache) = site.defaults.fact_cache.as_ref().filter(|_| site.defaults.flush_cache) {
            site.inventory.hosts().for_each(|host| cache.forget(host));
        }
        let inventory = RwLock::new(Arc::new(site.inventory.clone()));
        Self {
            site,
            inventory,
            groups: RwLock::new(None),
            learned: RwLock::default(),
            dirs: RwLock::default(),
            added: RwLock::default(),
            jobs: Arc::default(),
        }
    }

    /// The inventory as it is now.
    #[must_use]
    pub fn inventory(&self) -> Arc<Inventory> {
        read(&self.inventory).clone()
    }

    /// Changes the inventory.
    pub fn change_inventory<T>(&self, change: impl FnOnce(&mut Inventory) -> T) -> T {
        let mut inventory = write(&self.inventory);
        let answer = change(Arc::make_mut(&mut inventory));
        *write(&self.groups) = None;
        answer
    }

    /// Remembers what grew the inventory.
    pub fn remember(&self, host: &str, lesson: &Lesson) {
        write(&self.added).push((Arc::from(host), lesson.clone()));
    }

    /// `meta: refresh_inventory`: reads the sources again.
    pub fn refresh_inventory(&self) {
        let site = &self.site;
        let mut diagnostics = crate::diagnostic::Diagnostics::default();
        let options = site.inventory_options.clone();
        let fresh =
            Inventory::load(&site.loader.sources, &site.inventory_sources, &options, &mut diagnostics);
        self.change_inventory(|inventory| *inventory = fresh);
        for (host, lesson) in read(&self.added).iter() {
            lesson.grow(self, host);
        }
    }

    /// The `groups` variable.
    #[must_use]
    pub fn groups(&self) -> Value {
        if let Some(groups) = &*read(&self.groups) {
            return groups.clone();
        }
        let inventory = self.inventory();
        let list =
            |hosts: &Vec<Arc<str>>| Json::from(hosts.iter().map(|h| h.to_string()).collect::<Vec<_>>());
        let groups = inventory.groups().iter().map(|(name, hosts)| (name.to_string(), list(hosts))).collect();
        let value = crate::template::from_json(&Json::Object(groups));
        *write(&self.groups) = Some(value.clone());
        value
    }

    /// The `group_vars` and `host_vars` beside a playbook.
    #[must_use]
    pub fn vars_dirs(&self, dir: &Path) -> Vec<VarsDir> {
        if let Some(known) = read(&self.dirs).get(dir) {
            return vec![known.clone()];
        }
        let loader = &self.site.loader;
        let new = VarsDir::new(dir, loader.sources.clone(), loader.secrets.clone());
        write(&self.dirs).insert(dir.to_path_buf(), new.clone());
        vec![new]
    }

    /// What a host learned.
    #[must_use]
    pub fn learned(&self, host: &str) -> Arc<Learned> {
        if let Some(learned) = read(&self.learned).get(host) {
            return learned.clone();
        }
        if self.site.defaults.fact_cache.is_none() {
            return Arc::default();
        }
        write(&self.learned).entry(Arc::from(host)).or_insert_with(|| Arc::new(self.remembered(host))).clone()
    }

    /// What an earlier run learned of a host.
    fn remembered(&self, host: &str) -> Learned {
        let mut learned = Learned::default();
        if let Some(cache) = &self.site.defaults.fact_cache {
            learned.learn_facts(&cache.read(host));
        }
        learned
    }

    /// Keeps a host's facts for later runs, if they are to be kept.
    pub fn keep_facts(&self, host: &str) {
        let Some(cache) = &self.site.defaults.fact_cache else { return };
        let learned = self.learned(host);
        let fact = |(name, value): (&Arc<str>, &Value)| {
            Some((name.to_string(), crate::template::to_json(value).ok()?))
        };
        cache.write(host, &learned.injected.iter().filter_map(fact).collect());
    }

    /// `meta: clear_facts`.
    pub fn forget_facts(&self, host: &Arc<str>) {
        self.learn(host, |learned| {
            learned.facts.clear();
            learned.injected.clear();
        });
        if let Some(cache) = &self.site.defaults.fact_cache {
            cache.forget(host);
        }
    }

    /// Lets a host learn.
    pub fn learn(&self, host: &Arc<str>, learn: impl FnOnce(&mut Learned)) {
        let mut all = write(&self.learned);
        learn(Arc::make_mut(all.entry(host.clone()).or_insert_with(|| Arc::new(self.remembered(host)))));
    }
}
