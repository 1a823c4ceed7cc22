//! A Python module and everything of Ansible's that it imports, in one zip. The module's text comes in; sources are
//! looked for in `module_utils` directories, in collections and in ansible-core, by Ansible's rules; bytes go out.

use super::imports::{Import, imports};
use super::routing::Routing;
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Packages of which the module's own and the target's parts are one.
const SHARED: &str = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n";

/// Where sources lie.
pub(super) struct Sources<'a> {
    /// `module_utils` directories, ansible-core's not among them.
    pub utils: &'a [PathBuf],
    /// `ansible_collections` directories.
    pub collections: &'a [PathBuf],
    /// ansible-core.
    pub tree: &'a Tree,
    /// What collections say has moved.
    pub routing: &'a Routing,
}

/// A source that is wanted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    parts: Vec<String>,
    /// Whether the last part may be a name in a module.
    ambiguous: bool,
    /// Whether it is a package only because something in it has moved.
    moved: bool,
    optional: bool,
}

/// A source that was found.
struct Source {
    parts: Vec<String>,
    text: String,
    package: bool,
    moved: bool,
}

/// The zip of a module with the dotted name `name`.
///
/// # Errors
/// Something it cannot do without is nowhere.
pub(super) fn pack(name: &str, text: &str, sources: &Sources<'_>) -> Result<Vec<u8>, String> {
    let own: Vec<String> = name.split('.').map(str::to_string).collect();
    let mut packed = Packed { sources, files: BTreeMap::new(), wanted: BTreeSet::new() };
    let version = &sources.tree.version;
    packed.files.insert(
        "ansible/__init__.py".into(),
        format!("{SHARED}__version__ = '{version}'\n__author__ = 'Ansible, Inc.'\n"),
    );
    packed.files.insert("ansible/module_utils/__init__.py".into(), SHARED.into());
    packed.want(imports(text, &own, false));
    for always in [
        "basic",
        "_internal._ansiballz._loader",
        "_internal._json._profiles._module_legacy_c2m",
        "_internal._json._profiles._module_legacy_m2c",
    ] {
        let parts: Vec<String> =
            format!("ansible.module_utils.{always}").split('.').map(str::to_string).collect();
        let optional = always != "basic";
        packed.wanted.insert(Wanted { parts, ambiguous: false, moved: false, optional });
    }
    let mut done = BTreeSet::new();
    while let Some(wanted) = packed.wanted.pop_first() {
        if !done.insert(wanted.parts.clone()) {
            continue;
        }
        match packed.locate(&wanted)? {
            Some(source) => packed.take(source, wanted.optional),
            None if wanted.optional => {}
            None => {
                let candidates: Vec<String> =
                    names(&wanted).iter().map(|parts| format!("'{}'", parts.join("."))).collect();
                return Err(format!(
                    "Could not find imported module support code for {name}. Looked for ([{}])",
                    candidates.join(", ")
                ));
            }
        }
    }
    packed.files.insert(format!("{}.py", own.join("/")), text.to_string());
    for depth in 1..own.len() {
        let package = own.get(..depth).unwrap_or_default().join("/");
        packed.files.entry(format!("{package}/__init__.py")).or_default();
    }
    zipped(&packed.files).map_err(|error| format!("could not pack {name}: {error}"))
}

struct Packed<'a> {
    sources: &'a Sources<'a>,
    files: BTreeMap<String, String>,
    wanted: BTreeSet<Wanted>,
}

/// The modules that something wanted may be in.
fn names(wanted: &Wanted) -> Vec<Vec<String>> {
    let below = match wanted.parts.first().map(String::as_str) {
        Some("ansible") => 2,
        _ => 5,
    };
    let mut names = vec![wanted.parts.clone()];
    if wanted.ambiguous && wanted.parts.len() > below + 1 {
        names.extend(wanted.parts.get(..wanted.parts.len() - 1).map(<[String]>::to_vec));
    }
    names
}

impl Packed<'_> {
    fn want(&mut self, found: Vec<Import>) {
        for Import { mut parts, optional } in found {
            // six makes its parts when it runs.
            if parts.get(2).is_some_and(|part| part == "six") {
                parts.truncate(3);
            }
            self.wanted.insert(Wanted { parts, ambiguous: true, moved: false, optional });
        }
    }

    fn locate(&self, wanted: &Wanted) -> Result<Option<Source>, String> {
        for parts in names(wanted) {
            let (text, package, moved) = match parts.first().map(String::as_str) {
                Some("ansible") => match self.of_core(&parts) {
                    Some((text, package)) => (text, package, false),
                    None => match self
                        .sources
                        .routing
                        .of_core(self.sources.tree)
                        .util(parts.get(2..).unwrap_or_default())
                    {
                        Some(target) => (redirect(&parts, &target), true, true),
                        None => continue,
                    },
                },
                _ => match self.of_collection(&parts) {
                    Some(found) => found,
                    None => continue,
                },
            };
            return Ok(Some(Source { parts, text, package, moved }));
        }
        let fake = wanted.moved.then(|| Source {
            parts: wanted.parts.clone(),
            text: String::new(),
            package: true,
            moved: true,
        });
        Ok(fake)
    }

    fn of_core(&self, parts: &[String]) -> Option<(String, bool)> {
        let core = self.sources.tree.package.join("module_utils");
        let relative = parts.get(2..).unwrap_or_default();
        self.sources.utils.iter().chain([&core]).find_map(|dir| source(dir, relative))
    }

    fn of_collection(&self, parts: &[String]) -> Option<(String, bool, bool)> {
        let (Some(namespace), Some(collection)) = (parts.get(1), parts.get(2)) else {
            return Some((String::new(), true, false));
        };
        let Some(relative) = parts.get(5..).filter(|relative| !relative.is_empty()) else {
            return Some((String::new(), true, false));
        };
        let homes = || self.sources.collections.iter().map(|root| root.join(namespace).join(collection));
        let home = homes().find(|home| home.is_dir())?;
        if let Some(target) = self.sources.routing.of_collection(&home).util(relative) {
            return Some((redirect(parts, &target), true, true));
        }
        let dir = home.join("plugins/module_utils");
        let path = relative.iter().fold(dir.clone(), |path, part| path.join(part));
        if path.is_dir() && !path.join("__init__.py").exists() {
            // In a collection every directory is a package.
            return Some((String::new(), true, false));
        }
        source(&dir, relative).map(|(text, package)| (text, package, false))
    }

    fn take(&mut self, source: Source, optional: bool) {
        let Source { parts, text, package, moved } = source;
        let path = match package {
            true => format!("{}/__init__.py", parts.join("/")),
            false => format!("{}.py", parts.join("/")),
        };
        if self.files.contains_key(&path) {
            return;
        }
        self.want(imports(&text, &parts, package));
        self.files.insert(path, text);
        for depth in 1..parts.len() {
            let parts = parts.get(..depth).unwrap_or_default().to_vec();
            if !self.files.contains_key(&format!("{}/__init__.py", parts.join("/"))) {
                self.wanted.insert(Wanted { parts, ambiguous: false, moved, optional });
            }
        }
    }
}

/// The text of a module or a package in a directory, and whether it is a package.
fn source(dir: &Path, parts: &[String]) -> Option<(String, bool)> {
    let path = parts.iter().fold(dir.to_path_buf(), |path, part| path.join(part));
    let read =
        |path: PathBuf| std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if let Some(text) = read(path.join("__init__.py")) {
        return Some((text, true));
    }
    let name = format!("{}.py", path.file_name()?.to_string_lossy());
    read(path.with_file_name(name)).map(|text| (text, false))
}

/// A module that is another one.
fn redirect(parts: &[String], target: &str) -> String {
    format!("import sys\nimport {target} as target\n\nsys.modules['{}'] = target\n", parts.join("."))
}

fn zipped(files: &BTreeMap<String, String>) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    for (name, text) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}
