//! Inventory sources of every kind into one inventory. Paths and lists of hosts come in; an [`Inventory`] goes out, and
//! everything that is wrong with any source goes into the diagnostics at once.
//! A source that fails leaves nothing of itself in the inventory.

use super::{Inventory, VarsDir, ini, yaml};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use crate::node::{self, Limits};
use crate::source::{SourceId, Sources};
use crate::template::{Value, Variable};
use crate::vault::Secrets;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How sources are read.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Vault passwords, for `group_vars` and `host_vars`.
    pub secrets: Arc<Secrets>,
    /// Endings of file names that are passed over in a directory (`INVENTORY_IGNORE`).
    pub ignored_extensions: Vec<String>,
    /// Whether a source that cannot be read is an error; otherwise it is a warning, as Ansible has it unless
    /// `INVENTORY_ANY_UNPARSED_IS_FAILED`.
    pub unparsed_is_failed: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let ignored =
            [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
        Self {
            secrets: Arc::default(),
            ignored_extensions: ignored.map(String::from).to_vec(),
            unparsed_is_failed: true,
        }
    }
}

struct Loader<'a> {
    sources: &'a Arc<Sources>,
    options: &'a LoadOptions,
    diagnostics: &'a mut Diagnostics,
    inventory: Inventory,
}

impl Inventory {
    /// Reads sources: files, directories, and lists of hosts with a comma in them. Without any there is only the
    /// implicit localhost.
    pub fn load(
        sources: &Arc<Sources>,
        inputs: &[String],
        options: &LoadOptions,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut loader = Loader { sources, options, diagnostics, inventory: Self::empty() };
        for input in inputs {
            loader.input(input);
        }
        loader.settle();
        loader.inventory
    }
}

impl Loader<'_> {
    fn input(&mut self, input: &str) {
        let path = Path::new(input);
        let exists = path.exists();
        if input.contains(',') && !exists {
            return self.list(input);
        }
        let dir = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let dir = VarsDir::new(dir, self.sources.clone(), self.options.secrets.clone());
        let dirs = &mut self.inventory.state_mut().dirs;
        // Of two sources in one directory the last counts.
        dirs.retain(|other| other.path() != dir.path());
        dirs.push(dir);
        if !exists {
            let message = format!("Unable to parse {input} as an inventory source: there is no such file");
            let help = format!("check the path, or write a comma behind it if it is a host: `-i {input},`");
            return self.unparsed(vec![
                Diagnostic::error(Class::Error, "muster::inventory::missing", message).file(path).help(help),
            ]);
        }
        if path.is_dir() { self.directory(path) } else { self.file(path) }
    }

    fn list(&mut self, input: &str) {
        let source = self.sources.add("<inventory>", input);
        for name in input.split(',') {
            let trimmed = name.trim();
            if trimmed.is_empty() {
                continue;
            }
            let start = name.as_ptr() as usize - input.as_ptr() as usize;
            let whole = crate::source::Span { source, start: 0, end: self.sources.get(source).len() };
            let span = whole.part(start + (name.len() - name.trim_start().len()), trimmed.len());
            let address = super::address::parse(trimmed, false);
            let (host, port) = address.map_or((trimmed, None), |address| (address.name, address.port));
            yaml::put_host(&mut self.inventory, "ungrouped", host, port, span);
        }
    }

    fn directory(&mut self, dir: &Path) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(dir, &error.to_string()),
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let text = name.to_string_lossy();
            let special = matches!(&*text, "group_vars" | "host_vars" | "vars_plugins");
            let ignored = self.options.ignored_extensions.iter().any(|ending| text.ends_with(&**ending));
            if special || ignored || text.starts_with('.') {
                continue;
            }
            let path = dir.join(&name);
            if path.is_dir() { self.directory(&path) } else { self.file(&path) }
        }
    }

    fn unreadable(&mut self, path: &Path, why: &str) {
        let message = format!("Unable to parse {} as an inventory source: {why}", path.display());
        self.unparsed(vec![
            Diagnostic::error(Class::Error, "muster::inventory::unreadable", message).file(path),
        ]);
    }

    /// Keeps what was wrong with a source: as errors, or as warnings if sources may fail.
    fn unparsed(&mut self, mut errors: Vec<Diagnostic>) {
        if !self.options.unparsed_is_failed {
            errors.iter_mut().for_each(|error| error.severity = Severity::Warning);
        }
        self.diagnostics.0.append(&mut errors);
    }

    fn file(&mut self, path: &Path) {
        let source = match self.sources.read(path) {
            Ok(source) => source,
            Err(error) => return self.unreadable(path, &error.to_string()),
        };
        match self.attempt(path, source) {
            Ok((mut inventory, mut warnings)) => {
                stamp(&mut inventory, self.inventory.len(), path);
                self.inventory = inventory;
                self.diagnostics.0.append(&mut warnings.0);
            }
            Err(errors) => self.unparsed(errors),
        }
    }

    /// Reads a file in every format that its name allows; of the errors those of the likeliest format.
    fn attempt(&self, path: &Path, source: SourceId) -> Result<(Inventory, Diagnostics), Vec<Diagnostic>> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let mut errors = vec![];
        if matches!(extension, "" | "yml" | "yaml" | "json") {
            match self.yaml(source) {
                Ok(done) => return Ok(done),
                Err(found) => errors = found,
            }
        }
        let mut inventory = self.inventory.clone();
        let mut warnings = Diagnostics::default();
        match ini::read(&mut inventory, self.sources, source, &mut warnings) {
            Ok(()) => Ok((inventory, warnings)),
            Err(found) => {
                let text = self.sources.get(source).text.clone();
                Err(if extension.is_empty() && !looks_like_yaml(&text) || errors.is_empty() {
                    found
                } else {
                    errors
                })
            }
        }
    }

    fn yaml(&self, source: SourceId) -> Result<(Inventory, Diagnostics), Vec<Diagnostic>> {
        let mut warnings = Diagnostics::default();
        let documents =
            node::parse(self.sources, source, Limits::default(), &mut warnings).map_err(|e| vec![e])?;
        let (Some(root), second) = (documents.first(), documents.get(1)) else { return Err(vec![]) };
        if let Some(second) = second {
            let message =
                "YAML parsing failed: Expected a single document in the stream but found another document.";
            return Err(vec![Diagnostic::parse("muster::inventory::yaml", message).at(second.span, "")]);
        }
        let mut inventory = self.inventory.clone();
        yaml::read(&mut inventory, root, &mut warnings)?;
        Ok((inventory, warnings))
    }

    /// What remains to be said when every source is read.
    fn settle(&mut self) {
        self.inventory.settle();
        let groups = self.inventory.state.groups.values();
        for group in groups.filter(|group| self.inventory.state.hosts.contains_key(&group.name)) {
            let message = format!("Found both group and host with same name: {}", group.name);
            let mut warning = Diagnostic::warning("muster::inventory::same_name", message);
            let host = self.inventory.host(&group.name).and_then(|host| host.place);
            for (place, text) in [(group.place, "the group"), (host, "the host")] {
                if let Some(place) = place {
                    warning = warning.at(place, text);
                }
            }
            self.diagnostics.push(warning.help("rename one of them: a pattern of that name means the host"));
        }
    }
}

/// Tells the hosts a file added where they come from.
fn stamp(inventory: &mut Inventory, before: usize, path: &Path) {
    let path: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let text = |path: &Path| Variable::Known(Value::from(path.to_string_lossy().into_owned()));
    let (file, dir) = (text(&path), text(path.parent().unwrap_or(Path::new("/"))));
    let (file_key, dir_key): (Arc<str>, Arc<str>) = (Arc::from("inventory_file"), Arc::from("inventory_dir"));
    for host in inventory.state_mut().hosts.values_mut().skip(before) {
        let host = Arc::make_mut(host);
        let vars = Arc::make_mut(&mut host.vars);
        vars.0.entry(file_key.clone()).or_insert_with(|| file.clone());
        vars.0.entry(dir_key.clone()).or_insert_with(|| dir.clone());
    }
}

/// Whether a text was meant as YAML rather than INI.
fn looks_like_yaml(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', ';'])
    });
    lines.next().is_some_and(|line| {
        let line = line.trim_end();
        line.starts_with("---") || line.ends_with(':') || line.starts_with('{') || line.contains(": ")
    })
}
