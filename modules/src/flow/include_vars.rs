//! `ansible.builtin.include_vars`: variables from files of the controller. They are given as written, in
//! [`Output::vars`], so that templates in them are rendered when they are touched.

use crate::files::pattern::{Flags, Pattern};
use fancy_regex::Regex;
use muster_engine::diagnostic::Diagnostics;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Side, Spec};
use muster_engine::node::{self, Limits, Mapping, Node};
use muster_engine::source::{Sources, Span};
use muster_engine::template::to_json;
use muster_engine::vault;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `ansible.builtin.include_vars`.
pub struct IncludeVars;

/// What a task gives to [`IncludeVars`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    _raw_params: Option<String>,
    file: Option<String>,
    dir: Option<String>,
    depth: usize,
    files_matching: Option<String>,
    ignore_files: Vec<String>,
    extensions: Vec<String>,
    ignore_unknown_extensions: bool,
    name: Option<String>,
    hash_behaviour: Option<String>,
}

impl Module for IncludeVars {
    const NAME: &'static str = "ansible.builtin.include_vars";
    const SPEC: Spec = Spec::new("Reads variables from YAML or JSON files of the controller while the run goes on.", &[
        Opt::new("_raw_params", Kind::Str, "The free-form text: a file, as `file`."),
        Opt::new("file", Kind::Path, "A file: absolute, in `vars/`, or beside the tasks."),
        Opt::new("dir", Kind::Path, "A directory: all files in it and below it are read, by name."),
        Opt::new("depth", Kind::Int, "How deep below the directory is read; 0 is without end.").default("0"),
        Opt::new("files_matching", Kind::Str, "A regular expression that a file's name must match."),
        Opt::new("ignore_files", Kind::List, "Regular expressions for the ends of names that are left out.")
            .elements(Kind::Str)
            .default("[]"),
        Opt::new("extensions", Kind::List, "The endings that files of a directory may have.")
            .elements(Kind::Str)
            .default("[yaml, yml, json]"),
        Opt::new("ignore_unknown_extensions", Kind::Bool, "Whether files with other endings are left out and no error.")
            .default("false"),
        Opt::new("name", Kind::Str, "A variable that gets all of them as a mapping."),
        Opt::new("hash_behaviour", Kind::Str, "Whether a mapping replaces the one that is there, or is laid over it.")
            .choices(&["replace", "merge"]),
    ])
    .free_form("_raw_params")
    .examples("- include_vars: \"{{ ansible_facts.os_family }}.yml\"\n- include_vars:\n    dir: site\n    name: site\n")
    .side(Side::Controller);
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let file = args.file.as_deref().or(args._raw_params.as_deref());
        let mut reading = Reading {
            span: cx.written.span,
            secrets: cx.scope.around().secrets.clone(),
            files: vec![],
            vars: vec![],
            secret: false,
        };
        match (file, &args.dir) {
            (Some(_), of_dir) if of_dir.is_some() || names_a_directory(cx) => {
                let mixed =
                    "Task failed: You are mixing file only and dir only arguments, these are incompatible";
                return Err(Failure::new(mixed));
            }
            (Some(file), _) => {
                let path = cx
                    .find("vars", file.trim_end_matches('\n'))
                    .map_err(|failure| failed(failure.message()))?;
                reading.read(&path)?;
            }
            (None, Some(dir)) => {
                let dir = directory(dir, cx)?;
                for path in reading.chosen(args, &dir)? {
                    reading.read(&path)?;
                }
            }
            (None, None) => {
                return Err(failed(format!("Could not find file on the Ansible Controller.{REMOTE}")));
            }
        }
        let vars = match &args.name {
            None => Mapping(reading.vars),
            Some(name) => Mapping(vec![(
                Node { span: cx.written.span, kind: node::Kind::Str(name.as_str().into()) },
                Node { span: cx.written.span, kind: node::Kind::Map(Arc::new(Mapping(reading.vars))) },
            )]),
        };
        let vars = if args.hash_behaviour.as_deref() == Some("merge") { merged(vars, cx)? } else { vars };
        let mut output = Output::default().with("ansible_included_var_files", json!(reading.files));
        if reading.secret {
            output = output.with("_ansible_no_log", true);
        }
        Ok(Check::Done(Output { vars: Some(Arc::new(vars)), ..output }))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Mappings laid over those that variables of their names have now.
fn merged(vars: Mapping, cx: &Context) -> Result<Mapping, Failure> {
    let mut all = vec![];
    for (key, value) in vars.0 {
        let name = key.as_str().unwrap_or_default();
        let known = cx.scope.get(name).map_err(|fault| Failure::new(fault.message))?;
        let known = known.and_then(|known| to_json(&known).ok()).unwrap_or_default();
        all.push((key, laid_over(&known, &value)));
    }
    Ok(Mapping(all))
}

fn laid_over(known: &Json, value: &Node) -> Node {
    let (Json::Object(known), Some(map)) = (known, value.as_map()) else { return value.clone() };
    let span = value.span;
    let key = |name: &String| Node { span, kind: node::Kind::Str(name.as_str().into()) };
    let old = known.iter().filter(|(name, _)| map.get(name).is_none());
    let mut all: Vec<(Node, Node)> = old.map(|(name, value)| (key(name), written(value, span))).collect();
    for (key, value) in map.iter() {
        let below = key.as_str().and_then(|name| known.get(name)).unwrap_or(&Json::Null);
        all.push((key.clone(), laid_over(below, value)));
    }
    Node { span, kind: node::Kind::Map(Arc::new(Mapping(all))) }
}

/// A value as a node that nobody renders.
fn written(value: &Json, span: Span) -> Node {
    let kind = match value {
        Json::Null => node::Kind::Null,
        Json::Bool(yes) => node::Kind::Bool(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => node::Kind::Int(whole),
            (None, float) => node::Kind::Float(float.unwrap_or_default()),
        },
        Json::String(text) => {
            let plain = Node { span, kind: node::Kind::Str(text.as_str().into()) };
            node::Kind::Unsafe(Arc::new(plain))
        }
        Json::Array(items) => node::Kind::Seq(items.iter().map(|item| written(item, span)).collect()),
        Json::Object(map) => {
            let key = |name: &String| Node { span, kind: node::Kind::Str(name.as_str().into()) };
            let pairs = map.iter().map(|(name, value)| (key(name), written(value, span)));
            node::Kind::Map(Arc::new(Mapping(pairs.collect())))
        }
    };
    Node { span, kind }
}

/// What Ansible says behind every file that it does not find.
const REMOTE: &str =
    "\nIf you are using a module and expect the file to exist on the remote, see the remote_src option";

/// What is wrong with a file, as this module says so: in `message`.
fn failed(message: impl Into<String>) -> Failure {
    let message = message.into();
    Failure::new("Task failed: Action failed: Unknown error.")
        .caused_by(message.as_str())
        .with("message", message)
        .with("ansible_facts", json!({}))
        .with("ansible_included_var_files", json!([]))
}

fn directory(dir: &str, cx: &Context) -> Result<PathBuf, Failure> {
    let candidates = |base: &PathBuf| [base.join("vars").join(dir), base.join(dir)];
    let found = cx.scope.around().search.iter().flat_map(candidates).find(|path| path.exists());
    let path = found.unwrap_or_else(|| cx.playbook_dir.join(dir));
    let shown = path.display();
    match (path.exists(), path.is_dir()) {
        (true, true) => Ok(path),
        (true, false) => Err(failed(format!("{shown} is not a directory"))),
        (false, _) => Err(failed(format!("{shown} directory does not exist"))),
    }
}

/// Whether the task says anything that only a directory has.
fn names_a_directory(cx: &Context) -> bool {
    let only = ["dir", "depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"];
    cx.written.as_map().is_some_and(|map| only.iter().any(|name| map.get(name).is_some()))
}

/// What has been read so far.
struct Reading {
    /// Where the task stands: the places of what it reads.
    span: Span,
    secrets: Arc<vault::Secrets>,
    files: Vec<String>,
    vars: Vec<(Node, Node)>,
    /// Whether one of them was encrypted as a whole: then nothing of the result is shown.
    secret: bool,
}

impl Reading {
    /// The files of a directory, in the order they are read.
    fn chosen(&self, args: &Args, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
        let regex = |text: &str| {
            Pattern::text(text, Flags::default())
                .map_err(|error| Failure::new(format!("Task failed: {error}")))?;
            Regex::new(text)
                .map_err(|_| Failure::new(format!("Task failed: Invalid regular expression: {text}")))
        };
        let matching = args.files_matching.as_deref().map(regex).transpose()?;
        let ignored =
            args.ignore_files.iter().map(|end| regex(&format!("{end}$"))).collect::<Result<Vec<_>, _>>()?;
        let walk = walkdir::WalkDir::new(dir).follow_links(true);
        let walk = if args.depth > 0 { walk.max_depth(args.depth) } else { walk };
        let mut paths: Vec<PathBuf> = walk
            .into_iter()
            .flatten()
            .map(walkdir::DirEntry::into_path)
            .filter(|path| path.is_file())
            .collect();
        paths.sort_by(|a, b| (a.parent(), a.file_name()).cmp(&(b.parent(), b.file_name())));
        let mut chosen: Vec<PathBuf> = vec![];
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            let has = |regex: &Regex| regex.is_match(name).unwrap_or(false);
            if matching.as_ref().is_some_and(|regex| !has(regex)) || ignored.iter().any(has) {
                continue;
            }
            let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
            match args.extensions.iter().any(|known| known == ending) {
                true => chosen.push(path),
                false if args.ignore_unknown_extensions => {}
                false => {
                    let known = args.extensions.join(", ");
                    let read: Vec<String> = chosen.iter().map(|path| path.display().to_string()).collect();
                    let message = format!("{} does not have a valid extension: {known}", path.display());
                    return Err(failed(message).with("ansible_included_var_files", read));
                }
            }
        }
        Ok(chosen)
    }

    /// Reads one file; what it says replaces what was said before.
    fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display();
        let sources = Sources::default();
        let mut text = std::fs::read_to_string(path).map_err(|error| {
            let why = error.to_string();
            let why = why.split(" (os error").next().unwrap_or_default();
            let number = error.raw_os_error().unwrap_or(0);
            failed(format!(
                "An error occurred while trying to read the file '{shown}': [Errno {number}] {why}: '{shown}'"
            ))
        })?;
        if vault::is_encrypted(&text) {
            text = self
                .secrets
                .decrypt(&text)
                .map_err(|error| failed(format!("could not read {shown}: {error}")))?;
            self.secret = true;
        }
        let source = sources.add(path, text);
        let documents = node::parse(&sources, source, Limits::default(), &mut Diagnostics::default());
        let documents = documents.map_err(|error| {
            let place = error.labels.first().map(|label| sources.place(label.span).to_string());
            let place = place.unwrap_or_else(|| shown.to_string());
            let words = format!("{} at {place}", error.message.trim_end_matches('.'));
            failed(error.message).caused_by(words)
        })?;
        let document = documents.into_iter().next().filter(|node| !node.is_null());
        let pairs = match document.as_ref().map(|node| &node.kind) {
            None => vec![],
            Some(node::Kind::Map(map)) => map.0.clone(),
            Some(_) => return Err(failed(format!("{shown} must be stored as a dictionary/hash"))),
        };
        self.files.push(shown.to_string());
        for (key, value) in pairs {
            let (key, value) = (placed(&key, self.span), placed(&value, self.span));
            match self.vars.iter_mut().find(|(known, _)| known.as_str() == key.as_str()) {
                Some(known) => known.1 = value,
                None => self.vars.push((key, value)),
            }
        }
        Ok(())
    }
}

/// The node with the task's place: the run's sources do not hold the file it was read from.
fn placed(node: &Node, span: Span) -> Node {
    let kind = match &node.kind {
        node::Kind::Seq(items) => node::Kind::Seq(items.iter().map(|item| placed(item, span)).collect()),
        node::Kind::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (placed(key, span), placed(value, span)));
            node::Kind::Map(Arc::new(Mapping(pairs.collect())))
        }
        node::Kind::Unsafe(inner) => node::Kind::Unsafe(Arc::new(placed(inner, span))),
        other => other.clone(),
    };
    Node { span, kind }
}
