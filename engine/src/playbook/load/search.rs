//! Where roles lie: beside the playbook, on the roles path, in collections, or at a path of their own.

use super::Loader;
use crate::diagnostic::{Class, Diagnostic, nearest};
use crate::playbook::Role;
use crate::source::Span;
use std::path::{Component, Path, PathBuf};

/// A role that was found.
pub(super) struct Found {
    pub name: String,
    pub dir: PathBuf,
}

impl Loader {
    /// The directories of collections, those beside `dir` first.
    pub(super) fn collections(&self, dir: &Path) -> Vec<PathBuf> {
        let beside = dir.join("collections");
        // A playbook of a collection finds those that lie beside its own.
        let own = dir.ancestors().find(|dir| dir.ends_with("ansible_collections")).map(Path::to_path_buf);
        let roots = own.iter().chain(std::iter::once(&beside)).chain(&self.collections_path);
        roots
            .map(|root| {
                if root.ends_with("ansible_collections") {
                    root.clone()
                } else {
                    root.join("ansible_collections")
                }
            })
            .collect()
    }

    /// The whole name of a role that one of these collections has, or else the one that the playbook is of.
    #[must_use]
    pub fn in_collection(&self, name: &str, collections: &[String], near: &Path) -> Option<String> {
        let own = near.ancestors().find_map(|dir| {
            let collection = dir.parent().filter(|_| dir.ends_with("playbooks"))?;
            collection_of(&collection.join("roles").join(name)).map(|(_, collection)| collection)
        });
        let known = |collection: &&String| {
            let Some((namespace, collection)) = collection.split_once('.') else { return false };
            let role = |root: PathBuf| root.join(namespace).join(collection).join("roles").join(name);
            !name.contains('.') && self.collections(near).into_iter().map(role).any(|dir| dir.is_dir())
        };
        let found = collections.iter().chain(own.as_ref()).find(known)?;
        Some(format!("{found}.{name}"))
    }

    /// The directory of a role.
    pub(super) fn find(
        &self,
        name: &str,
        near: &Path,
        within: Option<&Path>,
        span: Span,
    ) -> Result<Found, Diagnostic> {
        let mut siblings = vec![];
        if let Some((namespace, collection, role)) = qualified(name) {
            let roles = |root: PathBuf| root.join(namespace).join(collection).join("roles");
            siblings = self.collections(near).into_iter().map(roles).collect();
            if let Some(dir) = siblings.iter().map(|home| home.join(role)).find(|dir| dir.is_dir()) {
                return Ok(Found { name: name.to_owned(), dir: absolute(&dir) });
            }
        }
        // A role of a collection looks there first.
        if let Some((home, prefix)) = within.and_then(collection_of) {
            let dir = home.join(name);
            if dir.is_dir() {
                return Ok(Found { name: format!("{prefix}.{name}"), dir: absolute(&dir) });
            }
        }
        let mut homes = vec![near.join("roles")];
        homes.extend(self.roles_path.iter().cloned());
        homes.extend(within.and_then(Path::parent).map(Path::to_path_buf));
        homes.push(near.to_path_buf());
        for home in &homes {
            let dir = home.join(name);
            if dir.exists() {
                return Ok(Found { name: name.to_owned(), dir: absolute(&dir) });
            }
        }
        let alone = Path::new(name);
        if let (true, Some(last)) = (alone.exists(), alone.file_name()) {
            return Ok(Found { name: last.to_string_lossy().into_owned(), dir: absolute(alone) });
        }
        Err(missing(name, &homes, &siblings, span))
    }
}

/// `namespace.collection.role`.
fn qualified(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.splitn(3, '.');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (word(found.0) && word(found.1) && found.2.split('.').all(word)).then_some(found)
}

impl Role {
    /// The collection that the role is of.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        collection_of(&self.dir)?;
        self.name.rsplit_once('.').map(|(collection, _)| collection)
    }
}

/// The roles directory and the name of the collection that holds a role.
#[must_use]
pub fn collection_of(role: &Path) -> Option<(PathBuf, String)> {
    let home = role.parent().filter(|home| home.ends_with("roles"))?;
    let collection = home.parent()?;
    let namespace = collection.parent()?;
    let root = namespace.parent()?.file_name()?;
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    (root == "ansible_collections")
        .then_some((home.to_path_buf(), format!("{}.{}", name(namespace)?, name(collection)?)))
}

/// The name of the collection that a directory lies in, however deep.
#[must_use]
pub fn collection_around(dir: &Path) -> Option<String> {
    let dir = absolute(dir);
    let mut above = dir.ancestors().collect::<Vec<_>>().into_iter().rev();
    above.find(|dir| dir.ends_with("ansible_collections"))?;
    let (namespace, collection) = (above.next()?.file_name()?, above.next()?.file_name()?);
    Some(format!("{}.{}", namespace.to_string_lossy(), collection.to_string_lossy()))
}

/// The path without `.` and `..`, from the root on.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn missing(name: &str, homes: &[PathBuf], siblings: &[PathBuf], span: Span) -> Diagnostic {
    let searched: Vec<String> = homes.iter().map(|home| absolute(home).display().to_string()).collect();
    let message = format!("the role '{name}' was not found in {}", searched.join(":"));
    let diagnostic =
        Diagnostic::error(Class::Error, "muster::playbook::role", message).at(span, "no such role");
    let mut known: Vec<String> = vec![];
    // The last is the playbook's own directory, where roles may lie but hardly ever do.
    for home in siblings.iter().chain(homes.iter().take(homes.len().saturating_sub(1))) {
        let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
        known.extend(
            entries
                .filter(|entry| entry.path().is_dir())
                .filter_map(|entry| entry.file_name().into_string().ok()),
        );
    }
    known.sort();
    known.dedup();
    match nearest(name.rsplit('.').next().unwrap_or(name), known.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic
            .help(format!("make the directory `roles/{name}` beside the playbook, or set `--roles-path`")),
    }
}
