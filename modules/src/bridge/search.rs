//! Where modules that are not built in lie. A name comes in; the first file of that name goes out as a module, in
//! Ansible's order: beside the playbook, in roles, in configured directories; a collection beside the playbook, on the
//! collections path, installed with ansible-core; ansible-core's own. An action plugin stands before the module of its
//! name. What cannot run is refused by name.

use super::own::Own;
use super::routing::Routes;
use super::style::Style;
use super::{House, Ways};
use crate::actions::Action;
use crate::guests::Guests;
use muster_engine::module::{AnyModule, Finder, Found, Nearby};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Endings of files that are no modules.
const IDLE: [&str; 10] = [".pyo", ".pyc", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".ini"];
const YAML: [&str; 2] = [".yaml", ".yml"];

type Names = Arc<HashMap<String, PathBuf>>;

/// Finds modules that are not built in, and runs them.
#[derive(Clone)]
pub struct Bridge {
    house: Arc<House>,
    listed: Arc<Mutex<HashMap<PathBuf, Names>>>,
    guests: Option<Guests>,
}

impl Bridge {
    /// A bridge to what lies there.
    #[must_use]
    pub fn new(ways: Ways) -> Self {
        let house = House {
            ways,
            tree: std::sync::OnceLock::new(),
            known_arguments: std::sync::OnceLock::new(),
            routing: super::Routing::default(),
            packed: Mutex::default(),
            discovered: super::Discovered::default(),
        };
        Self { house: Arc::new(house), listed: Arc::default(), guests: None }
    }

    /// With what runs action plugins.
    #[must_use]
    pub fn with_actions(self, guests: Guests) -> Self {
        Self { guests: Some(guests), ..self }
    }

    /// The modules in configured directories, and in directories in these; where two have the same name the first
    /// directory's is meant.
    #[must_use]
    pub fn library(&self, dirs: &[PathBuf]) -> Vec<Arc<dyn AnyModule>> {
        let mut found: Vec<Arc<dyn AnyModule>> = vec![];
        for dir in dirs {
            let below = walkdir::WalkDir::new(dir).min_depth(1).max_depth(2).sort_by_file_name();
            let below = below.into_iter().flatten().filter(|entry| entry.file_type().is_dir());
            for dir in std::iter::once(dir.clone()).chain(below.map(walkdir::DirEntry::into_path)) {
                let names = self.names(&dir);
                let mut names: Vec<_> = names.iter().collect();
                names.sort();
                for (name, path) in names {
                    if !found.iter().any(|module| module.name() == name) {
                        found.push(Arc::new(self.own(name, name, path, &Nearby::default())));
                    }
                }
            }
        }
        found
    }

    /// What lies in a directory, by name; read once.
    fn names(&self, dir: &Path) -> Names {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let mut names = HashMap::new();
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            // PowerShell twins of Python modules come last.
            files.sort_by_key(|path| (path.extension().is_some_and(|ending| ending == "ps1"), path.clone()));
            for path in files.into_iter().filter(|path| is_module(path)) {
                if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
                    names.entry(name.to_string()).or_insert(path);
                }
            }
            // One whose file is named as one that will go is still found by its name.
            let going = names.iter().filter_map(|(name, path)| Some((name.strip_prefix('_')?, path)));
            let going: Vec<_> = going.map(|(name, path)| (name.to_string(), path.clone())).collect();
            going.into_iter().for_each(|(name, path)| _ = names.entry(name).or_insert(path));
            Arc::new(names)
        };
        listed.entry(dir.to_path_buf()).or_insert_with(read).clone()
    }

    fn own(&self, name: &str, called: &str, path: &Path, near: &Nearby) -> Own {
        let ways = &self.house.ways;
        let utils = around(near).map(|dir| dir.join("module_utils")).filter(|dir| dir.is_dir());
        Own {
            name: name.to_string(),
            called: called.to_string(),
            path: path.to_path_buf(),
            utils: utils.chain(ways.module_utils.iter().cloned()).collect(),
            collections: self.collections(near),
            notice: None,
            house: self.house.clone(),
        }
    }

    /// The `ansible_collections` directories, those installed with ansible-core left out.
    fn collections(&self, near: &Nearby) -> Vec<PathBuf> {
        let beside = near.playbook.join("collections");
        let roots = std::iter::once(&beside).chain(&self.house.ways.collections);
        let inside = |root: &PathBuf| match root.ends_with("ansible_collections") {
            true => root.clone(),
            false => root.join("ansible_collections"),
        };
        roots.map(inside).filter(|root| root.is_dir()).collect()
    }

    /// A file as a module, or why it cannot run.
    fn module(&self, own: Own) -> Found {
        let Ok(bytes) = std::fs::read(&own.path) else { return Found::Nowhere(vec![]) };
        let (name, shown) = (own.name.clone(), own.path.display());
        match Style::of(&bytes) {
            Style::PowerShell => Found::Refused(
                format!("`{name}` is a PowerShell module, and only POSIX targets are supported ({shown})"),
                "leave the task out for hosts that are not Windows".into(),
            ),
            Style::Python if self.house.tree().is_none() => Found::Refused(
                format!("`{name}`: {}", self.house.treeless(&own.path)),
                "install ansible-core here (`pip install ansible-core`), or name its directory with `MUSTER_ANSIBLE_CORE`".into(),
            ),
            _ => Found::Module(Arc::new(own)),
        }
    }

    /// The file of an action plugin of a short name.
    fn action_beside(&self, name: &str, near: &Nearby) -> Option<PathBuf> {
        let configured = self.house.ways.actions.iter().flat_map(|dir| {
            let below = walkdir::WalkDir::new(dir).min_depth(1).max_depth(1).sort_by_file_name();
            let below = below.into_iter().flatten().filter(|entry| entry.file_type().is_dir());
            std::iter::once(dir.clone()).chain(below.map(walkdir::DirEntry::into_path))
        });
        let mut dirs = around(near).map(|dir| dir.join("action_plugins")).chain(configured);
        dirs.find_map(|dir| self.names(&dir).get(name).filter(|path| is_python(path)).cloned())
    }

    /// An action plugin, or why it cannot run.
    fn action(&self, name: &str, file: &str) -> Found {
        match (&self.guests, self.house.tree()) {
            (Some(guests), Some(_)) => Found::Module(Arc::new(Action::new(name, file, guests.clone()))),
            _ => Found::Refused(
                format!(
                    "`{name}` needs its action plugin, Python that runs on this machine ({file}), and no ansible-core was found here"
                ),
                "install ansible-core here (`pip install ansible-core`), or name its directory with `MUSTER_ANSIBLE_CORE`".into(),
            ),
        }
    }

    /// A module of a collection or of ansible-core, whose modules lie in `dir` and plugins in `plugins`.
    fn routed(
        &self,
        routes: &Routes,
        name: &str,
        dir: &Path,
        plugins: &Path,
        near: &Nearby,
    ) -> Option<Found> {
        if let Some(gone) = routes.gone(name) {
            let help =
                "ansible-core's porting guides and the collection's change log say what to use instead";
            return Some(Found::Refused(gone, help.into()));
        }
        if let Some(target) = routes.redirect("modules", name) {
            return Some(Found::Moved(target.to_string()));
        }
        let full = format!("{}.{name}", routes.collection);
        let action = plugins.join("action").join(format!("{}.py", name.replace('.', "/")));
        let elsewhere = routes.action(name).map(str::to_string);
        let action = elsewhere.or_else(|| action.is_file().then(|| action.display().to_string()));
        if let Some(file) = action.filter(|_| near.actions) {
            return Some(self.action(&full, &file));
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        let folder = name.rsplit_once('.').map(|(folder, _)| dir.join(folder.replace('.', "/")));
        let path = self.names(&folder.unwrap_or_else(|| dir.to_path_buf())).get(short)?.clone();
        let mut own = self.own(&full, &full, &path, near);
        own.notice = routes.going(name);
        Some(self.module(own))
    }
}

impl Finder for Bridge {
    fn beside(&self, name: &str, near: &Nearby) -> Found {
        if let Some(file) = self.action_beside(name, near).filter(|_| near.actions) {
            return self.action(name, &file.display().to_string());
        }
        let mut searched = vec![];
        for dir in around(near) {
            let library = dir.join("library");
            match self.names(&library).get(name) {
                Some(path) => return self.module(self.own(name, name, path, near)),
                None => searched.extend(library.is_dir().then(|| library.display().to_string())),
            }
        }
        Found::Nowhere(searched)
    }

    fn installed(&self, name: &str, near: &Nearby) -> Found {
        let tree = self.house.tree();
        if let Some(short) = name.strip_prefix("ansible.builtin.") {
            let Some(tree) = tree else { return Found::Nowhere(vec![]) };
            let routes = self.house.routing.of_core(tree);
            let (modules, plugins) = (tree.package.join("modules"), tree.package.join("plugins"));
            let found = self.routed(&routes, short, &modules, &plugins, near);
            return found.unwrap_or_else(|| Found::Nowhere(vec![modules.display().to_string()]));
        }
        let mut parts = name.splitn(3, '.');
        let (Some(namespace), Some(collection), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Found::Nowhere(vec![]);
        };
        let mut searched = vec![];
        let roots = self.collections(near).into_iter().chain(tree.map(super::Tree::collections));
        for root in roots {
            let home = root.join(namespace).join(collection);
            if !home.is_dir() {
                searched.push(root.display().to_string());
                continue;
            }
            let plugins = home.join("plugins");
            let routes = self.house.routing.of_collection(&home);
            let found = self.routed(&routes, rest, &plugins.join("modules"), &plugins, near);
            // The first collection of a name is the collection, whether it has the module or not.
            return found
                .unwrap_or_else(|| Found::Nowhere(vec![plugins.join("modules").display().to_string()]));
        }
        Found::Nowhere(searched)
    }
}

fn is_python(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "py")
}

fn is_module(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_file()
        && !name.ends_with("__init__.py")
        && !name.starts_with('.')
        && !IDLE.iter().chain(&YAML).any(|ending| name.ends_with(ending))
}

/// The playbook's directory and those of roles.
fn around(near: &Nearby) -> impl Iterator<Item = &PathBuf> {
    std::iter::once(&near.playbook).filter(|dir| !dir.as_os_str().is_empty()).chain(&near.roles)
}
