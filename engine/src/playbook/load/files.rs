//! One file: its text, decrypted if it is a vault, its one document, and a reader for it.

use super::Loader;
use crate::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use crate::node::{self, Limits, Node};
use crate::playbook::read::{Around, Home, Reader};
use crate::playbook::{Entry, reserved};
use crate::source::SourceId;
use crate::template::{Layer, Vars};
use crate::vault;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The code of everything that may be otherwise at the next try.
pub(super) const UNREADABLE: &str = "muster::playbook::file";

/// A file as a tree.
pub(super) struct File {
    pub path: PathBuf,
    pub node: Node,
    sealed: bool,
}

/// A file of tasks that is no list of them.
pub const NO_TASKS: &str = "muster::playbook::task_file";

impl Loader {
    /// Reads a file as one YAML document. `what` it is, for messages: `playbook`, `tasks file`.
    pub(super) fn file(
        &self,
        path: &Path,
        what: &str,
        class: Class,
        diagnostics: &mut Diagnostics,
    ) -> Option<File> {
        let source = diagnostics
            .keep(self.sources.read(path).map_err(|error| unreadable(path, what, class, &error)))?;
        self.file_of(path, source, what, diagnostics)
    }

    /// The same of a text that was read.
    pub(super) fn file_of(
        &self,
        path: &Path,
        source: SourceId,
        what: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<File> {
        let text = Arc::clone(&self.sources.get(source).text);
        let sealed = vault::is_encrypted(&text);
        let source = if sealed {
            let plain = self.secrets.decrypt(&text).map_err(|error| {
                Diagnostic::parse(
                    "muster::playbook::vault",
                    format!("cannot decrypt {what} `{}`: {error}", path.display()),
                )
                .file(path)
                .help("give the password with `--vault-password-file` or `--ask-vault-pass`")
            });
            self.sources.add_sealed(path, diagnostics.keep(plain)?)
        } else {
            source
        };
        let documents = diagnostics_of(diagnostics, |found| {
            node::parse(&self.sources, source, Limits::default(), found)
        })?;
        let mut documents = documents.into_iter();
        let node = documents.next()?;
        if let Some(second) = documents.next() {
            let message = format!("`{}` holds more than one document", path.display());
            diagnostics.push(
                Diagnostic::parse("muster::playbook::documents", message)
                    .at(second.span, "a second document")
                    .help("remove the `---` before it"),
            );
            return None;
        }
        Some(File { path: path.to_path_buf(), node, sealed })
    }

    /// A reader for a file.
    pub(super) fn reader<'a>(
        &'a self,
        file: &'a File,
        home: Home,
        diagnostics: &'a mut Diagnostics,
    ) -> Reader<'a> {
        Reader {
            sources: &self.sources,
            diagnostics,
            extra: &self.extra,
            file: &file.path,
            dir: directory(&file.path).into(),
            home,
            sealed: file.sealed,
        }
    }

    pub(super) fn task_file(
        &self,
        path: &Path,
        handlers: bool,
        home: Home,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<[Entry]>> {
        let key = (path.to_path_buf(), handlers, home == Home::Role);
        self.tasks.get(key, diagnostics, |diagnostics| {
            let file = self.file(path, "tasks file", Class::Error, diagnostics)?;
            let shown = format!("`{}`", path.display());
            if file.node.is_null() || file.node.as_seq().is_some_and(<[Node]>::is_empty) {
                let message = format!("file {shown} is empty and had no tasks to include");
                diagnostics.push(Diagnostic::warning("muster::playbook::empty", message).file(path));
            }
            if home != Home::Role && !file.node.is_null() && file.node.as_seq().is_none() {
                let message = format!("{shown} must be a list of tasks, not {}", file.node.describe());
                let found = Diagnostic::parse(NO_TASKS, message).at(file.node.span, "not a list");
                diagnostics.push(found.help("begin each task with `- `"));
                return None;
            }
            let mut reader = self.reader(&file, home, diagnostics);
            Some(reader.entries(&shown, &file.node, Around::nothing(handlers)).into())
        })
    }

    pub(super) fn vars_file(&self, path: &Path, diagnostics: &mut Diagnostics) -> Option<Layer> {
        let file = self.file(path, "variables file", Class::Error, diagnostics)?;
        if file.node.is_null() {
            return Some(Layer::default());
        }
        let Some(map) = file.node.as_map() else {
            let what = file.node.describe();
            let message = format!("`{}` must contain a dictionary of variables, not {what}", path.display());
            diagnostics.push(
                Diagnostic::parse("muster::playbook::vars", message)
                    .at(file.node.span, format!("this is {what}"))
                    .help("write `name: value`, one on each line"),
            );
            return None;
        };
        let before = diagnostics.0.len();
        self.reader(&file, Home::Anything, diagnostics).syntax(&file.node);
        // Nobody may ever use them, so a broken template does not keep the others from running.
        for found in diagnostics.0.iter_mut().skip(before) {
            found.severity = Severity::Warning;
        }
        reserved::warn_all(map, diagnostics);
        Some(Arc::new(Vars::written(map)))
    }
}

/// Keeps what a function that may fail found on its way, and its error.
fn diagnostics_of<T>(
    diagnostics: &mut Diagnostics,
    read: impl FnOnce(&mut Diagnostics) -> Result<T, Diagnostic>,
) -> Option<T> {
    let result = read(diagnostics);
    diagnostics.keep(result)
}

/// The directory a file is in, absolute and without `.` and `..`: `playbook_dir` and what is found from it.
pub(super) fn directory(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for part in whole.parent().unwrap_or(&whole).components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn unreadable(path: &Path, what: &str, class: Class, error: &io::Error) -> Diagnostic {
    let shown = path.display();
    let diagnostic = match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("the {what} `{shown}` could not be found");
            let diagnostic = Diagnostic::error(class, UNREADABLE, message);
            match neighbour(path) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("check the name, and the directory it is looked for in"),
            }
        }
        io::ErrorKind::InvalidData => {
            let message = format!("could not read the {what} `{shown}` due to encoding issues");
            Diagnostic::parse(UNREADABLE, message).help("save it as UTF-8")
        }
        io::ErrorKind::IsADirectory => {
            let message = format!("the {what} `{shown}` does not appear to be a file");
            Diagnostic::error(class, UNREADABLE, message).help("name a file within the directory")
        }
        _ => {
            let message = format!("could not read the {what} `{shown}`: {error}");
            Diagnostic::error(class, UNREADABLE, message)
        }
    };
    diagnostic.file(path)
}

/// The file beside it whose name is most like it.
fn neighbour(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(directory(path))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    crate::diagnostic::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}
