//! Files to plays, tasks, roles and variables. A [`Loader`] finds them, decrypts them, reads each once and hands out
//! shared results; what is wrong in them goes into the caller's bag, once, however often they are asked for.

mod files;
mod groups;
mod playbook;
mod role;
mod search;

pub use files::NO_TASKS;
pub use role::RoleFrom;
pub use search::{collection_around, collection_of};

use super::{Entry, Role};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Sources;
use crate::template::{Layer, Scope};
use crate::vault::Secrets;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Reads playbooks and what they take in.
pub struct Loader {
    /// Every text that is read.
    pub sources: Arc<Sources>,
    /// Vault passwords.
    pub secrets: Arc<Secrets>,
    /// Extra variables: all that the name of an imported playbook may be made of.
    pub extra: Scope,
    /// Directories of roles, after those beside the playbook.
    pub roles_path: Vec<PathBuf>,
    /// Directories that hold an `ansible_collections`, after the one beside the playbook.
    pub collections_path: Vec<PathBuf>,
    tasks: Cache<(PathBuf, bool, bool), Arc<[Entry]>>,
    roles: Cache<(PathBuf, RoleFrom), Arc<Role>>,
    role_dirs: Mutex<Vec<PathBuf>>,
    vars: Cache<PathBuf, Layer>,
    groups: Cache<(String, PathBuf), Arc<[String]>>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("roles_path", &self.roles_path)
            .field("collections_path", &self.collections_path)
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader that has read nothing yet.
    #[must_use]
    pub fn new(
        sources: Arc<Sources>,
        secrets: Arc<Secrets>,
        extra: Scope,
        roles_path: Vec<PathBuf>,
        collections_path: Vec<PathBuf>,
    ) -> Self {
        let (tasks, roles, vars) = (Cache::default(), Cache::default(), Cache::default());
        let (role_dirs, groups) = (Mutex::default(), Cache::default());
        Self { sources, secrets, extra, roles_path, collections_path, tasks, roles, role_dirs, vars, groups }
    }

    /// The directories of all roles that were read, in that order: what lies in one serves the others.
    #[must_use]
    pub fn role_dirs(&self) -> Vec<PathBuf> {
        self.role_dirs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tasks, or handlers, of a file; nothing if it cannot be read as such.
    pub fn tasks(&self, path: &Path, handlers: bool, diagnostics: &mut Diagnostics) -> Option<Arc<[Entry]>> {
        self.task_file(path, handlers, super::read::Home::Anything, diagnostics)
    }

    /// The variables of a YAML or JSON file.
    pub fn vars(&self, path: &Path, diagnostics: &mut Diagnostics) -> Option<Layer> {
        self.vars.get(path.to_path_buf(), diagnostics, |diagnostics| self.vars_file(path, diagnostics))
    }
}

/// What was read, if it made sense, and what was wrong with it. A file that could not be read is tried again.
struct Cache<K, V>(Mutex<HashMap<K, Read<V>>>);

type Read<V> = (Option<V>, Vec<Diagnostic>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    fn get(
        &self,
        key: K,
        diagnostics: &mut Diagnostics,
        read: impl FnOnce(&mut Diagnostics) -> Option<V>,
    ) -> Option<V> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((value, found)) = known().get(&key) {
            for diagnostic in found {
                if !diagnostics.0.contains(diagnostic) {
                    diagnostics.push(diagnostic.clone());
                }
            }
            return value.clone();
        }
        let mut found = Diagnostics::default();
        let value = read(&mut found);
        if !found.0.iter().any(|found| found.code == files::UNREADABLE) {
            known().insert(key, (value.clone(), found.0.clone()));
        }
        diagnostics.0.append(&mut found.0);
        value
    }
}
