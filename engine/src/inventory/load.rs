//! Inventory sources of every kind into one inventory. Paths and lists of hosts come in; an [`Inventory`] goes out, and
//! everything that is wrong with any source goes into the diagnostics at once.
//! A source that fails leaves nothing of itself in the inventory.

use super::vars_dir::veil;
use super::{Inventory, VarsDir, address, constructed, generator, grow, ini, script, toml, yaml};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use crate::node::{self, Limits, Node};
use crate::source::{SourceId, Sources, Span};
use crate::template::{Layer, Value, Variable};
use crate::vault::{self, Secrets};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kind of source, by the name of Ansible's plugin for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `a,b,`.
    HostList,
    /// `a[1:3],b,`; used where [`Format::HostList`] is not enabled.
    AdvancedHostList,
    /// A program that prints JSON.
    Script,
    /// The configuration of a plugin: `constructed` and `generator` are built in.
    Auto,
    /// YAML and JSON.
    Yaml,
    /// INI.
    Ini,
    /// TOML.
    Toml,
}

impl Format {
    /// The formats that Ansible enables.
    pub const DEFAULT: [Self; 6] =
        [Self::HostList, Self::Script, Self::Auto, Self::Yaml, Self::Ini, Self::Toml];

    /// The format of a plugin's name, with or without `ansible.builtin.`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
            "host_list" => Self::HostList,
            "advanced_host_list" => Self::AdvancedHostList,
            "script" => Self::Script,
            "auto" | "constructed" | "generator" => Self::Auto,
            "yaml" => Self::Yaml,
            "ini" => Self::Ini,
            "toml" => Self::Toml,
            _ => return None,
        })
    }

    /// Whether a file with that extension may be of this format.
    fn may_be(self, likely: bool, extension: &str) -> bool {
        match self {
            Self::HostList | Self::AdvancedHostList => false,
            Self::Script | Self::Auto => likely,
            Self::Yaml => matches!(extension, "" | "yml" | "yaml" | "json"),
            Self::Ini => true,
            Self::Toml => extension == "toml",
        }
    }
}

/// What is done about group names that are no names of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupNames {
    /// Nothing.
    Kept,
    /// They are warned of, once.
    #[default]
    Warned,
    /// What is odd becomes `_`, and that is said.
    Replaced,
    /// What is odd becomes `_`.
    ReplacedSilently,
}

/// How sources are read.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Vault passwords, for `group_vars` and `host_vars`.
    pub secrets: Arc<Secrets>,
    /// Which formats are tried, in this order (`INVENTORY_ENABLED`).
    pub enabled: Vec<Format>,
    /// Endings of file names that are passed over in a directory (`INVENTORY_IGNORE`).
    pub ignored_extensions: Vec<String>,
    /// What is done about group names that no expression can name: `control-plane` is one
    /// (`TRANSFORM_INVALID_GROUP_CHARS`).
    pub group_names: GroupNames,
    /// Whether a source that cannot be read is an error; otherwise it is a warning, as Ansible has it unless
    /// `INVENTORY_ANY_UNPARSED_IS_FAILED`.
    pub unparsed_is_failed: bool,
    /// Whether what an inventory script writes to stderr is shown although it went well.
    pub script_stderr: bool,
    /// The Python of this machine, for the `localhost` that no source mentions.
    pub python: Option<String>,
    /// How an installed `ansible-inventory` is called, for plugins that are not built in; nothing where there is none.
    pub plugins: Vec<String>,
    /// Extra variables, for `constructed` with `use_extra_vars`.
    pub extra: Layer,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let ignored =
            [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
        Self {
            secrets: Arc::default(),
            enabled: Format::DEFAULT.to_vec(),
            ignored_extensions: ignored.map(String::from).to_vec(),
            group_names: GroupNames::default(),
            unparsed_is_failed: true,
            script_stderr: true,
            python: None,
            plugins: vec![],
            extra: Layer::default(),
        }
    }
}

struct Loader<'a> {
    sources: &'a Arc<Sources>,
    options: &'a LoadOptions,
    diagnostics: &'a mut Diagnostics,
    inventory: Inventory,
    /// Whether any source was read.
    parsed: bool,
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
        let mut loader = Loader { sources, options, diagnostics, inventory: Self::empty(), parsed: false };
        if let Some(python) = &options.python {
            loader.inventory.set_python(python);
        }
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
            let before = self.inventory.len();
            self.list(input);
            // A list is in no directory, for which Ansible has this word.
            return put_origin(&mut self.inventory, before, Value::from(input), Value::from("None"));
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
        self.parsed = true;
        let source = self.sources.add("<inventory>", input);
        let listed = |format| self.options.enabled.contains(&format);
        let ranges = listed(Format::AdvancedHostList) && !listed(Format::HostList);
        for name in input.split(',') {
            let trimmed = name.trim();
            if trimmed.is_empty() {
                continue;
            }
            let start = name.as_ptr() as usize - input.as_ptr() as usize;
            let whole = Span { source, start: 0, end: self.sources.get(source).len() };
            let span = whole.part(start + (name.len() - name.trim_start().len()), trimmed.len());
            if ranges {
                match address::expand(trimmed) {
                    Ok((names, port)) => {
                        names.iter().for_each(|host| {
                            yaml::put_host(&mut self.inventory, "ungrouped", host, port, span)
                        });
                    }
                    Err(message) => {
                        self.unparsed(vec![
                            Diagnostic::parse("muster::inventory::range", message).at(span, ""),
                        ]);
                    }
                }
                continue;
            }
            let address = address::parse(trimmed, false);
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
            // A compiled program is no text.
            Err(_) if script::is_program(path, b"\x7fELF") => self.sources.add(path, ""),
            Err(error) => return self.unreadable(path, &error.to_string()),
        };
        match self.attempt(path, source) {
            Ok((mut inventory, mut warnings)) => {
                stamp(&mut inventory, self.inventory.len(), path);
                self.inventory = inventory;
                self.parsed = true;
                self.diagnostics.0.append(&mut warnings.0);
            }
            Err(errors) => self.unparsed(errors),
        }
    }

    /// Reads a file in every format that may be it; of the errors those of the likeliest.
    fn attempt(&self, path: &Path, source: SourceId) -> Result<(Inventory, Diagnostics), Vec<Diagnostic>> {
        let text = self.sources.get(source).text.clone();
        if vault::is_encrypted(&text) {
            let mut inventory = self.inventory.clone();
            return match self.vaulted(&mut inventory, path, source, &text) {
                Ok(()) => Ok((inventory, Diagnostics::default())),
                Err(why) => {
                    let message = format!("Unable to parse {} as an inventory source: {why}", path.display());
                    Err(vec![Diagnostic::error(Class::Error, "muster::inventory::vault", message).file(path)])
                }
            };
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let likely = likely(path, extension, &text);
        let mut formats: Vec<Format> = self.options.enabled.clone();
        // What a file is by its own account comes first.
        formats.sort_by_key(|format| *format != likely);
        let (mut told, mut other) = (vec![], vec![]);
        for format in formats.into_iter().filter(|format| format.may_be(*format == likely, extension)) {
            let mut inventory = self.inventory.clone();
            let mut warnings = Diagnostics::default();
            match self.format(format, &mut inventory, path, source, &mut warnings) {
                Ok(()) => return Ok((inventory, warnings)),
                Err(errors) if format == likely => {
                    // What was odd often explains what is wrong.
                    told = warnings.0;
                    told.extend(errors);
                }
                Err(errors) => other = errors,
            }
        }
        let known = told.iter().chain(&other).any(|found| matches!(found.severity, Severity::Error(_)));
        if !known {
            let message = format!("Unable to parse {} as an inventory source", path.display());
            let help = "no enabled inventory plugin takes a file of this kind";
            return Err(vec![Diagnostic::parse("muster::inventory::format", message).file(path).help(help)]);
        }
        Err(if told.is_empty() { other } else { told })
    }

    /// Reads a source that is a vault as a whole. Nothing said about it may show its text, so it is only said that.
    fn vaulted(
        &self,
        inventory: &mut Inventory,
        path: &Path,
        source: SourceId,
        text: &str,
    ) -> Result<(), String> {
        let plain = self.options.secrets.decrypt(text).map_err(|error| error.to_string())?;
        let hidden = Sources::default();
        let id = hidden.add(path, plain);
        let unsaid = &mut Diagnostics::default();
        let span = Span { source, start: 0, end: 14 };
        let documents = node::parse(&hidden, id, Limits::default(), unsaid).map_err(|error| error.message)?;
        let [root] = &*documents else { return Err("it must hold one YAML document".to_owned()) };
        yaml::read(inventory, &veil(root, span), unsaid)
            .map_err(|_| "its decrypted text is no YAML inventory; decrypt it to see why".to_owned())
    }

    fn format(
        &self,
        format: Format,
        inventory: &mut Inventory,
        path: &Path,
        source: SourceId,
        warnings: &mut Diagnostics,
    ) -> Result<(), Vec<Diagnostic>> {
        match format {
            Format::Script => script::read(inventory, path, source, self.options.script_stderr, warnings),
            Format::Ini => ini::read(inventory, self.sources, source, warnings),
            Format::Toml => yaml::read(inventory, &toml::tree(self.sources, source)?, warnings),
            Format::Yaml => yaml::read(inventory, &self.document(source, warnings)?, warnings),
            Format::Auto => {
                let root = self.document(source, warnings)?;
                let Some((plugin, span)) = constructed::plugin(&root) else {
                    let message = format!(
                        "no root 'plugin' key found, '{}' is not a valid YAML inventory plugin config file",
                        path.display()
                    );
                    return Err(vec![
                        Diagnostic::parse("muster::inventory::plugin", message).at(root.span.part(0, 1), ""),
                    ]);
                };
                match (&*plugin, root.as_map()) {
                    ("constructed", Some(map)) => constructed::read(inventory, map, self.options, warnings),
                    ("generator", Some(map)) => generator::read(inventory, map, span),
                    _ if !self.options.plugins.is_empty() => {
                        script::of_plugin(inventory, path, span, &self.options.plugins, warnings)
                    }
                    _ => {
                        let message = format!(
                            "inventory config '{}' specifies unknown plugin '{plugin}'",
                            path.display()
                        );
                        let help = "`constructed` and `generator` are built in; any other needs ansible-core on this machine, or can be a program that prints JSON";
                        Err(vec![
                            Diagnostic::parse("muster::inventory::plugin", message).at(span, "").help(help),
                        ])
                    }
                }
            }
            Format::HostList | Format::AdvancedHostList => Err(vec![]),
        }
    }

    /// The one document of a source.
    fn document(&self, source: SourceId, warnings: &mut Diagnostics) -> Result<Node, Vec<Diagnostic>> {
        let documents =
            node::parse(self.sources, source, Limits::default(), warnings).map_err(|e| vec![e])?;
        if let Some(second) = documents.get(1) {
            let message =
                "YAML parsing failed: Expected a single document in the stream but found another document.";
            return Err(vec![Diagnostic::parse("muster::inventory::yaml", message).at(second.span, "")]);
        }
        documents.into_iter().next().ok_or_else(Vec::new)
    }

    /// What remains to be said when every source is read.
    fn settle(&mut self) {
        self.inventory.settle();
        if !self.parsed && !self.diagnostics.has_errors() {
            let message = "No inventory was parsed, only implicit localhost is available";
            self.diagnostics.push(Diagnostic::warning("muster::inventory::nothing", message));
        }
        match self.options.group_names {
            GroupNames::Kept => {}
            GroupNames::Warned => self.check_group_names(),
            GroupNames::Replaced if self.inventory.replace_group_names() => {
                let message = "Invalid characters were found in group names and automatically replaced, use -vvvv to \
                               see details";
                self.diagnostics.push(Diagnostic::warning("muster::inventory::group_name", message));
            }
            GroupNames::Replaced => {}
            GroupNames::ReplacedSilently => _ = self.inventory.replace_group_names(),
        }
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

impl Loader<'_> {
    fn check_group_names(&mut self) {
        let odd = |group: &&Arc<super::Group>| grow::valid_group_name(&group.name) != *group.name;
        let mut odd = self.inventory.state.groups.values().filter(odd).peekable();
        if odd.peek().is_none() {
            return;
        }
        let message = "Invalid characters were found in group names but not replaced";
        let mut warning = Diagnostic::warning("muster::inventory::group_name", message);
        for group in odd {
            if let Some(place) = group.place {
                warning = warning.at(place, "not a valid variable name");
            }
        }
        self.diagnostics.push(warning);
    }
}

/// Tells the hosts that a file added where they come from.
fn stamp(inventory: &mut Inventory, before: usize, path: &Path) {
    let path: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let text = |path: &Path| Value::from(path.to_string_lossy().into_owned());
    put_origin(inventory, before, text(&path), text(path.parent().unwrap_or(Path::new("/"))));
}

/// Tells hosts that are new which source they come from, and its directory, unless they know.
fn put_origin(inventory: &mut Inventory, before: usize, file: Value, dir: Value) {
    let origin =
        [("inventory_file", file), ("inventory_dir", dir)].map(|(key, value)| (Arc::from(key), value));
    for host in inventory.state_mut().hosts.values_mut().skip(before) {
        let vars = Arc::make_mut(&mut Arc::make_mut(host).vars);
        for (key, value) in &origin {
            let key: &Arc<str> = key;
            vars.0.entry(key.clone()).or_insert_with(|| Variable::Known(value.clone()));
        }
    }
}

/// What a file is, by its look.
fn likely(path: &Path, extension: &str, text: &str) -> Format {
    let configures = || text.lines().any(|line| line.trim_start_matches(['"', '\'']).starts_with("plugin"));
    match extension {
        _ if text.is_empty() && script::is_program(path, b"\x7fELF") => Format::Script,
        _ if script::is_program(path, text.as_bytes()) => Format::Script,
        "" | "yml" | "yaml" | "config" if configures() => Format::Auto,
        "toml" => Format::Toml,
        "yml" | "yaml" | "json" => Format::Yaml,
        "" if looks_like_yaml(text) => Format::Yaml,
        _ => Format::Ini,
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
