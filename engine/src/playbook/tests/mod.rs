//! Whole playbooks in directories of their own: what they become, and what is said about the bad ones.

mod good;
mod mistakes;
mod mutations;
mod roles;

use super::{Loader, Playbook};
use crate::diagnostic::{Class, Diagnostics, Severity};
use crate::source::Sources;
use crate::template::{Names, Scope, Surroundings, Variable};
use crate::vault::Secrets;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Extra variables of a test.
#[derive(Debug)]
struct Extra(&'static [(&'static str, &'static str)]);

impl Names for Extra {
    fn get(&self, name: &str) -> Option<Variable> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(Variable::Known(minijinja::Value::from(*value)))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|(name, _)| Arc::from(*name)).collect()
    }
}

/// A directory of files.
struct Site(TempDir);

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            site.write(path, text);
        }
        site
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn loader(&self, extra: &'static [(&'static str, &'static str)]) -> Loader {
        let extra = Scope::new(Arc::new(Extra(extra)), Surroundings::default());
        let paths = vec![self.path().join("more-roles")];
        Loader::new(Arc::new(Sources::default()), Arc::new(Secrets::default()), extra, paths, vec![])
    }

    fn playbook(&self) -> (Playbook, String) {
        let loader = self.loader(&[("extra", "other")]);
        let mut diagnostics = Diagnostics::default();
        let playbook = loader.playbook(&self.path().join("site.yml"), &mut diagnostics);
        (playbook, self.said(&loader, &diagnostics))
    }

    /// One line for each diagnostic: exit code, code, place, message; then its help.
    fn said(&self, loader: &Loader, diagnostics: &Diagnostics) -> String {
        let mut said = String::new();
        let here = format!("{}/", self.path().canonicalize().unwrap().display());
        for diagnostic in &diagnostics.0 {
            let exit = match diagnostic.severity {
                Severity::Warning => "warning",
                Severity::Error(class) => exit(class),
            };
            let place = match diagnostic.labels.first() {
                Some(label) => {
                    let source = loader.sources.get(label.span.source);
                    let (line, column) = source.line_column(label.span.start);
                    let text = source.text.get(label.span.start as usize..label.span.end as usize).unwrap();
                    assert!(!text.is_empty() || label.span.start == label.span.end);
                    format!("{line}:{column}")
                }
                None => "-".to_owned(),
            };
            let code = diagnostic.code.trim_start_matches("muster::");
            writeln!(said, "{exit} {code} {place} {}", diagnostic.message).unwrap();
            if let Some(help) = &diagnostic.help {
                writeln!(said, "    {help}").unwrap();
            }
        }
        let there = self.path().display().to_string();
        said.replace(&here, "").replace(&format!("{there}/"), "").replace(&there, ".")
    }
}

fn exit(class: Class) -> &'static str {
    match class {
        Class::Error => "1",
        Class::Undefined => "2",
        Class::Parse => "4",
        Class::Usage => "5",
    }
}
