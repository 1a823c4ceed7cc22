//! A role from its directory: `tasks`, `handlers`, `vars`, `defaults` and `meta`.

use super::Loader;
use super::search::{Found, absolute};
use crate::diagnostic::{Class, Diagnostic, Diagnostics};
use crate::node::{Kind, Mapping, Node};
use crate::playbook::read::{Home, Requirement};
use crate::playbook::table::{self, Place};
use crate::playbook::{Argspec, Entry, Role, RoleUse, Setting};
use crate::source::Span;
use crate::template::{self, Layer, Vars};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// Files to take in place of each `main`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoleFrom {
    /// `tasks_from`.
    pub tasks: Option<String>,
    /// `vars_from`.
    pub vars: Option<String>,
    /// `defaults_from`.
    pub defaults: Option<String>,
    /// `handlers_from`.
    pub handlers: Option<String>,
}

/// What `meta/main.yml` says.
#[derive(Default)]
struct Meta {
    dependencies: Vec<Arc<RoleUse>>,
    allow_duplicates: bool,
    argument_specs: Option<Node>,
    collections: Vec<String>,
}

/// A role while its parts are looked for.
struct Directory<'a> {
    found: &'a Found,
    span: Span,
}

impl Loader {
    /// The role of that name, read with other files than `main` where `from` says so. `near` is the playbook's
    /// directory, `within` the directory of the role that asks, `span` the place of the name.
    pub fn role(
        &self,
        name: &str,
        from: &RoleFrom,
        near: &Path,
        within: Option<&Path>,
        span: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Role>> {
        let found = diagnostics.keep(self.find(name, near, within, span))?;
        let mut dirs = self.role_dirs.lock().unwrap_or_else(PoisonError::into_inner);
        if !dirs.contains(&found.dir) {
            dirs.push(found.dir.clone());
            template::beside(&found.dir);
        }
        drop(dirs);
        let key = (found.dir.clone(), from.clone());
        self.roles.get(key, diagnostics, |diagnostics| {
            let role = Directory { found: &found, span };
            self.load(&role, from, diagnostics).map(Arc::new)
        })
    }

    fn load(&self, role: &Directory<'_>, from: &RoleFrom, diagnostics: &mut Diagnostics) -> Option<Role> {
        let vars = self.variables(role, "vars", from.vars.as_deref(), diagnostics);
        let defaults = self.variables(role, "defaults", from.defaults.as_deref(), diagnostics);
        let meta = self.meta(role, diagnostics);
        let tasks = self.entries(role, "tasks", from.tasks.as_deref(), diagnostics);
        let handlers = self.entries(role, "handlers", from.handlers.as_deref(), diagnostics);
        let meta = meta.unwrap_or_default();
        let specs = self.argument_specs(role, meta.argument_specs, diagnostics);
        let entry = from.tasks.as_deref().unwrap_or("main");
        // A part that makes no sense was reported; the others may still tell of more.
        Some(Role {
            name: role.found.name.as_str().into(),
            dir: role.found.dir.clone(),
            tasks: tasks?.to_vec(),
            handlers: handlers?.to_vec(),
            defaults: defaults?,
            vars: vars?,
            dependencies: meta.dependencies,
            allow_duplicates: meta.allow_duplicates,
            collections: meta.collections,
            argspec: specs.and_then(|specs| argspec(&specs, entry, diagnostics)),
        })
    }

    /// Tasks or handlers.
    fn entries(
        &self,
        role: &Directory<'_>,
        part: &str,
        from: Option<&str>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<[Entry]>> {
        let files = diagnostics.keep(role.files(part, from, false))?;
        let read = |path: &PathBuf| self.task_file(path, part == "handlers", Home::Role, diagnostics);
        Some(files.first().and_then(read).unwrap_or_default())
    }

    /// Variables of one file, or of all files of a directory: the later win.
    fn variables(
        &self,
        role: &Directory<'_>,
        part: &str,
        from: Option<&str>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Layer> {
        let files = diagnostics.keep(role.files(part, from, true))?;
        let mut layers = vec![];
        for path in &files {
            layers.extend(self.vars(path, diagnostics));
        }
        if let [layer] = layers.as_slice() {
            return Some(Arc::clone(layer));
        }
        let mut vars = Vars::default();
        for layer in layers {
            vars.0.extend(layer.0.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        }
        Some(Arc::new(vars))
    }

    fn meta(&self, role: &Directory<'_>, diagnostics: &mut Diagnostics) -> Option<Meta> {
        let mut meta = Meta::default();
        let files = diagnostics.keep(role.files("meta", None, false))?;
        let Some(path) = files.first() else { return Some(meta) };
        let file = self.file(path, "role metadata", Class::Error, diagnostics)?;
        let map = match &file.node.kind {
            Kind::Null => return Some(meta),
            Kind::Map(map) => map,
            _ => {
                let message = format!("the metadata of role `{}` is not a dictionary", role.found.name);
                let label = format!("this is {}", file.node.describe());
                diagnostics
                    .push(Diagnostic::parse("muster::playbook::role", message).at(file.node.span, label));
                return None;
            }
        };
        let mut reader = self.reader(&file, Home::Role, diagnostics);
        for (key, value) in map.iter() {
            match key.as_str().unwrap_or_default() {
                "dependencies" => meta.dependencies = reader.roles(value, Requirement::Dependency),
                "allow_duplicates" => {
                    meta.allow_duplicates =
                        matches!(reader.flag("allow_duplicates", key, value), Some(Setting::Fixed(true)));
                }
                "argument_specs" => meta.argument_specs = Some(value.clone()),
                "collections" => meta.collections = reader.collections(key, value),
                "galaxy_info" => {}
                name if table::keyword(name)
                    .is_some_and(|known| known.stands(Place::Play) && known.stands(Place::Role)) => {}
                _ => reader.unknown(
                    key,
                    "RoleMetadata",
                    &["dependencies", "allow_duplicates", "argument_specs", "galaxy_info", "collections"],
                ),
            }
        }
        Some(meta)
    }

    /// The specs of a file of their own, or else those of `meta/main.yml`.
    fn argument_specs(
        &self,
        role: &Directory<'_>,
        meta: Option<Node>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Node> {
        let dir = role.found.dir.join("meta");
        let path = ["yml", "yaml"]
            .map(|end| dir.join("argument_specs").with_extension(end))
            .into_iter()
            .find(|path| path.is_file());
        let Some(path) = path else { return meta };
        let file = self.file(&path, "argument spec", Class::Error, diagnostics)?;
        file.node.as_map().and_then(|map| map.get("argument_specs")).cloned()
    }
}

fn argspec(specs: &Node, entry: &str, diagnostics: &mut Diagnostics) -> Option<Argspec> {
    let mut wrong = |node: &Node, what: &str| {
        let message = format!("{what} must be a dictionary, not {}", node.describe());
        let label = "not a mapping";
        diagnostics.push(Diagnostic::parse("muster::playbook::argspec", message).at(node.span, label));
    };
    if specs.is_null() {
        return None;
    }
    let Some(map) = specs.as_map() else {
        wrong(specs, "`argument_specs`");
        return None;
    };
    let spec = map.get(entry).filter(|spec| !spec.is_null())?;
    let Some(map) = spec.as_map() else {
        wrong(spec, &format!("the argument spec of `{entry}`"));
        return None;
    };
    let empty = || Node { span: spec.span, kind: Kind::Map(Arc::new(Mapping::default())) };
    let options = match map.get("options") {
        None => empty(),
        Some(options) if options.is_null() => empty(),
        Some(options) if options.as_map().is_some() => options.clone(),
        Some(options) => {
            wrong(options, "`options`");
            return None;
        }
    };
    let short_description = map.get("short_description").and_then(Node::as_str).map(Arc::from);
    Some(Argspec { entry: entry.into(), options, short_description })
}

impl Directory<'_> {
    /// The files of a part of the role: `main`, or what `from` names, with the usual ends; with `dirs` all files of
    /// a directory of that name.
    fn files(&self, part: &str, from: Option<&str>, dirs: bool) -> Result<Vec<PathBuf>, Diagnostic> {
        let dir = self.found.dir.join(part);
        if !dir.is_dir() {
            return Ok(vec![]);
        }
        // With no name given the plain `main` comes last, else the plain name comes first.
        let ends: &[&str] =
            if from.is_some() { &["", ".yml", ".yaml", ".json"] } else { &[".yml", ".yaml", ".json", ""] };
        let name = from.unwrap_or("main");
        for end in ends {
            let path = absolute(&dir.join(format!("{name}{end}")));
            if !path.exists() || (path.is_dir() && !dirs) {
                continue;
            }
            if !path.starts_with(&self.found.dir) {
                let message = format!(
                    "Failed loading '{}' for role ({}) as it is not inside the expected role path: '{}'",
                    path.display(),
                    self.found.name,
                    dir.display()
                );
                return Err(self.fault(message, "name a file of the role"));
            }
            return Ok(if path.is_dir() { variable_files(&path) } else { vec![path] });
        }
        match from {
            None => Ok(vec![]),
            Some(name) => {
                let message =
                    format!("could not find specified file in role `{}`: {part}/{name}", self.found.name);
                let names: Vec<String> = std::fs::read_dir(&dir)
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .collect();
                let stems =
                    names.iter().map(|name| name.split_once('.').map_or(name.as_str(), |(stem, _)| stem));
                let help = match crate::diagnostic::nearest(name, stems) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("make the file `{}`", dir.join(name).with_extension("yml").display()),
                };
                Err(self.fault(message, &help))
            }
        }
    }

    fn fault(&self, message: String, help: &str) -> Diagnostic {
        Diagnostic::parse("muster::playbook::role", message).at(self.span, "asked for here").help(help)
    }
}

/// The YAML and JSON files of a directory and those below it, by name; hidden ones and backups are left out.
fn variable_files(dir: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(dir).follow_links(true).sort_by_file_name().into_iter();
    let plain = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name.ends_with('~'))
    };
    let of_variables = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        end.is_none_or(|end| matches!(end, "yml" | "yaml" | "json"))
    };
    walk.filter_entry(plain)
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(of_variables)
        .collect()
}
