//! Where plugins of the site may lie: beside playbooks, in roles, in configured directories, in collections. A kind and
//! a name come in; a file or directory that may hold it goes out. Files are only searched for the name here, so that no
//! Python is started for a name that is merely misspelt.

use super::Places;
use crate::bridge::{Routing, Tree};
use muster_engine::template::GuestKind as Kind;
use std::path::{Path, PathBuf};

/// The places, as far as they are known.
#[derive(Debug)]
pub struct Shelf {
    places: Places,
    routing: Routing,
    playbook: Option<PathBuf>,
    /// Directories of playbooks and roles with plugins, in the order in which they were read.
    seats: Vec<PathBuf>,
}

const FOLDERS: [&str; 5] = ["filter_plugins", "test_plugins", "lookup_plugins", "action_plugins", "library"];

fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Filter => "filter_plugins",
        Kind::Test => "test_plugins",
        Kind::Lookup => "lookup_plugins",
    }
}

impl Shelf {
    pub fn new(places: &Places) -> Self {
        let (routing, playbook, seats) = (Routing::default(), None, vec![]);
        Self { places: places.clone(), routing, playbook, seats }
    }

    /// The directory of the first playbook.
    pub fn playbook(&self) -> Option<&Path> {
        self.playbook.as_deref()
    }

    /// The directories after the first `known`.
    pub fn since(&self, known: usize) -> &[PathBuf] {
        self.seats.get(known..).unwrap_or_default()
    }

    /// Takes a directory in; whether that is something new.
    pub fn seat(&mut self, dir: &Path) -> bool {
        let before = self.seats.len();
        if self.playbook.is_none() {
            self.playbook = Some(dir.to_path_buf());
            self.take(dir);
            // A role's plugins serve what was read before the role, too.
            let roots = std::iter::once(dir.join("roles")).chain(self.places.roles.clone());
            let mut roles: Vec<PathBuf> =
                roots.flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path()).collect();
            roles.sort();
            roles.iter().for_each(|role| self.take(role));
        } else {
            self.take(dir);
        }
        self.seats.len() > before
    }

    fn take(&mut self, dir: &Path) {
        let holds = FOLDERS.iter().any(|folder| dir.join(folder).is_dir());
        if holds && !self.seats.iter().any(|seat| seat == dir) {
            self.seats.push(dir.to_path_buf());
        }
    }

    /// What may hold a plugin of that name.
    pub fn candidate(&self, kind: Kind, name: &str, tree: Option<&Tree>) -> Option<PathBuf> {
        let name = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        if name.contains('.') {
            return self.of_collection(kind, name, tree);
        }
        let configured = match kind {
            Kind::Filter => &self.places.filters,
            Kind::Test => &self.places.tests,
            Kind::Lookup => &self.places.lookups,
        };
        let dirs = self.seats.iter().map(|seat| seat.join(folder(kind))).chain(configured.iter().cloned());
        let found = dirs.flat_map(|dir| files(&dir)).find(|file| match kind {
            Kind::Lookup => file.file_stem().is_some_and(|stem| stem == name),
            _ => std::fs::read_to_string(file).is_ok_and(|text| text.contains(name)),
        });
        found.or_else(|| {
            let routes = self.routing.of_core(tree?);
            self.of_collection(kind, routes.redirect(kind.name(), name)?, tree)
        })
    }

    fn of_collection(&self, kind: Kind, name: &str, tree: Option<&Tree>) -> Option<PathBuf> {
        let mut parts = name.splitn(3, '.');
        let (namespace, collection, _) = (parts.next()?, parts.next()?, parts.next()?);
        let beside = self.playbook.as_ref().map(|dir| dir.join("collections"));
        // A playbook of a collection finds those that lie beside its own.
        let around = self.playbook.iter().flat_map(|dir| dir.ancestors());
        let around = around.filter(|dir| dir.ends_with("ansible_collections")).map(Path::to_path_buf);
        let roots = beside.into_iter().chain(around).chain(self.places.collections.iter().cloned());
        let roots = roots.chain(tree.map(Tree::collections));
        let homes = roots.map(|root| match root.ends_with("ansible_collections") {
            true => root.join(namespace).join(collection),
            false => root.join("ansible_collections").join(namespace).join(collection),
        });
        let home = homes.into_iter().find(|home| home.is_dir())?;
        let plugins = home.join("plugins").join(kind.name());
        let routed = || std::fs::read_to_string(home.join("meta/runtime.yml")).ok();
        (plugins.is_dir() || routed().is_some_and(|text| text.contains(kind.name()))).then_some(plugins)
    }
}

/// The Python files of a directory, and of directories in it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let below = walkdir::WalkDir::new(dir).follow_links(true).max_depth(3).sort_by_file_name();
    let files = below.into_iter().flatten().map(walkdir::DirEntry::into_path);
    files.filter(|path| path.extension().is_some_and(|ending| ending == "py")).collect()
}
