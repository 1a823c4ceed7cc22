//! `group_vars` and `host_vars` of one directory. Names of groups and hosts come in, their [`Layer`]s go out, strongest
//! first. Files are read when first asked for and once; what is wrong with them waits in [`VarsDir::take_diagnostics`].
//! The plain text of a vaulted file is never kept: its values point at the vault.

use crate::diagnostic::{Class, Diagnostic, Diagnostics};
use crate::node::{self, Kind, Limits, Mapping, Node};
use crate::source::{Sources, Span};
use crate::template::{Layer, Vars};
use crate::vault::{self, Secrets};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

const EXTENSIONS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// The variables beside an inventory source or a playbook. A clone shares everything.
#[derive(Clone, Debug)]
pub struct VarsDir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    sources: Arc<Sources>,
    secrets: Arc<Secrets>,
    groups: Folder,
    hosts: Folder,
    diagnostics: Mutex<Diagnostics>,
}

/// `group_vars` or `host_vars`.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    entries: OnceLock<HashSet<String>>,
    layers: RwLock<HashMap<String, Arc<[Layer]>>>,
}

impl Folder {
    fn new(path: PathBuf) -> Self {
        Self { path, entries: OnceLock::new(), layers: RwLock::default() }
    }

    /// What a name stands for: the first that is there of `name`, `name.yml`, `name.yaml`, `name.json`.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let entries = self.entries.get_or_init(|| {
            let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
        });
        if entries.is_empty() {
            return None;
        }
        let plain = !name.contains('/');
        let below = !name.starts_with('/') && !name.split('/').any(|part| part == "..");
        EXTENSIONS.iter().find_map(|extension| {
            let file = format!("{name}{extension}");
            let there = if plain { entries.contains(&file) } else { below && self.path.join(&file).exists() };
            there.then(|| self.path.join(file))
        })
    }
}

impl VarsDir {
    /// The variables of a directory.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, sources: Arc<Sources>, secrets: Arc<Secrets>) -> Self {
        let path = path.into();
        let groups = Folder::new(path.join("group_vars"));
        let hosts = Folder::new(path.join("host_vars"));
        Self(Arc::new(Inner { path, sources, secrets, groups, hosts, diagnostics: Mutex::default() }))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// `group_vars/NAME`, strongest first.
    #[must_use]
    pub fn group(&self, name: &str) -> Arc<[Layer]> {
        self.layers(&self.0.groups, name)
    }

    /// `host_vars/NAME`, strongest first.
    #[must_use]
    pub fn host(&self, name: &str) -> Arc<[Layer]> {
        self.layers(&self.0.hosts, name)
    }

    /// What was wrong with files read since the last call.
    #[must_use]
    pub fn take_diagnostics(&self) -> Diagnostics {
        std::mem::take(&mut *self.0.diagnostics.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn layers(&self, folder: &Folder, name: &str) -> Arc<[Layer]> {
        let known = folder.layers.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(layers) = known {
            return layers;
        }
        let Some(path) = folder.find(name) else { return Arc::default() };
        let mut all = folder.layers.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if let Some(layers) = all.get(name) {
            return layers.clone();
        }
        let mut found = Diagnostics::default();
        let files = if path.is_dir() { files(&path, &mut found) } else { vec![path] };
        let mut layers: Vec<Layer> = files.iter().filter_map(|file| self.read(file, &mut found)).collect();
        layers.reverse();
        let layers: Arc<[Layer]> = layers.into();
        all.insert(name.to_owned(), layers.clone());
        self.0.diagnostics.lock().unwrap_or_else(PoisonError::into_inner).0.append(&mut found.0);
        layers
    }

    fn read(&self, file: &Path, diagnostics: &mut Diagnostics) -> Option<Layer> {
        let read = read_vars(&self.0.sources, &self.0.secrets, file, diagnostics);
        diagnostics.keep(read).map(Arc::new)
    }
}

/// The variables in a file, which may be a vault as a whole.
///
/// # Errors
/// It cannot be read or opened, is not YAML, or holds no mapping.
pub fn read_vars(
    sources: &Sources,
    secrets: &Secrets,
    file: &Path,
    warnings: &mut Diagnostics,
) -> Result<Vars, Diagnostic> {
    let unreadable = |why: String| {
        let message = format!("cannot read `{}`: {why}", file.display());
        Diagnostic::error(Class::Error, "muster::inventory::vars_file", message).file(file)
    };
    let source = sources.read(file).map_err(|error| unreadable(error.to_string()))?;
    let text = sources.get(source);
    let whole = Span { source, start: 0, end: text.len() };
    let documents = if vault::is_encrypted(&text.text) {
        let plain = secrets
            .decrypt(&text.text)
            .map_err(|why| unreadable(why.to_string()).at(whole.part(0, 14), ""))?;
        let hidden = Sources::default();
        let id = hidden.add(file, plain);
        // A diagnostic of the plain text would show a line of it.
        let documents = node::parse(&hidden, id, Limits::default(), &mut Diagnostics::default())
            .map_err(|error| unreadable(error.message))?;
        documents.iter().map(|document| veil(document, whole.part(0, 14))).collect()
    } else {
        node::parse(sources, source, Limits::default(), warnings)?
    };
    let mut documents = documents.into_iter();
    let Some(document) = documents.next() else { return Ok(Vars::default()) };
    if let Some(second) = documents.next() {
        let message =
            "YAML parsing failed: Expected a single document in the stream but found another document.";
        return Err(Diagnostic::parse("muster::inventory::vars_file", message)
            .at(second.span, "the second begins here"));
    }
    match &document.kind {
        Kind::Null => Ok(Vars::default()),
        Kind::Map(map) => Ok(named(map.as_ref())),
        _ => {
            let message = format!("`{}` must hold variables, but is {}", file.display(), document.describe());
            Err(Diagnostic::parse("muster::inventory::vars_file", message)
                .at(document.span.part(0, 1), "expected `name: value`")
                .help("write one `name: value` on each line"))
        }
    }
}

/// The variables of a mapping; keys that are no strings become text.
fn named(map: &Mapping) -> Vars {
    let pair = |(key, value): &(Node, Node)| {
        (Arc::from(&*super::yaml::text(key)), crate::template::Variable::Written(value.clone()))
    };
    Vars(map.iter().map(pair).collect())
}

/// A tree with every place replaced.
pub(super) fn veil(node: &Node, span: Span) -> Node {
    let kind = match &node.kind {
        Kind::Unsafe(inner) => Kind::Unsafe(Arc::new(veil(inner, span))),
        Kind::Seq(items) => Kind::Seq(items.iter().map(|item| veil(item, span)).collect()),
        Kind::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (veil(key, span), veil(value, span)));
            Kind::Map(Arc::new(Mapping(pairs.collect())))
        }
        other => other.clone(),
    };
    Node { span, kind }
}

/// The files of a directory and of those below it whose names have no extension, sorted, weakest first.
fn files(dir: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot list `{}`: {error}", dir.display());
            diagnostics
                .push(Diagnostic::error(Class::Error, "muster::inventory::vars_file", message).file(dir));
            return vec![];
        }
    };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let mut found = vec![];
    for name in names.iter().filter(|name| !name.starts_with('.') && !name.ends_with('~')) {
        let path = dir.join(name);
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            if extension.is_none() {
                found.extend(files(&path, diagnostics));
            }
        } else if extension.is_none_or(|extension| matches!(extension, "yml" | "yaml" | "json")) {
            found.push(path);
        }
    }
    found
}
