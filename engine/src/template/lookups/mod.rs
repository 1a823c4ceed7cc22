//! Lookups: data from this machine, by plugin name. Terms and options come in, a list goes out; what comes from a file
//! or a command is data and never rendered. `with_*` loops use the same table as `lookup()` and `query()`.

mod commands;
mod config;
mod files;
mod generate;
mod ini;
mod inventory;
mod lists;
mod tables;
mod url;

use super::arguments::{Args, is_list, items};
use super::filters::named;
use super::lazy::Core;
use super::{Fault, Scope, Value, fault, finish, guests, python};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind};
use std::sync::Arc;

/// One call of a lookup.
pub struct Request {
    /// The scope it is called in.
    pub core: Arc<Core>,
    /// What is looked up.
    pub terms: Vec<Value>,
    /// Options, by name.
    pub options: Args,
}

impl Request {
    /// An option as text.
    fn option(&self, name: &str) -> Result<Option<String>, Error> {
        self.options
            .named(name)
            .filter(|value| !value.is_none())
            .map(|value| python::text(&value))
            .transpose()
    }

    /// Whether an option is true.
    fn is(&self, name: &str, otherwise: bool) -> bool {
        self.options.named(name).map_or(otherwise, |value| match value.as_str() {
            Some(text) => matches!(text.to_lowercase().as_str(), "yes" | "true" | "on" | "1"),
            None => value.is_true(),
        })
    }

    /// The terms as text.
    fn texts(&self) -> Result<Vec<String>, Error> {
        self.terms.iter().map(python::text).collect()
    }
}

/// What a lookup is.
pub type Lookup = fn(&Request) -> Result<Vec<Value>, Error>;

/// Lookups by name.
pub type Table = &'static [(&'static str, Lookup)];

fn find(name: &str) -> Option<Lookup> {
    let short = ["ansible.builtin.", "ansible.legacy.", "community.general."];
    let name = short.iter().find_map(|lead| name.strip_prefix(lead)).unwrap_or(name);
    TABLES.iter().copied().flatten().find(|(known, _)| *known == name).map(|(_, lookup)| *lookup)
}

const TABLES: [Table; 9] = [
    lists::TABLE,
    files::TABLE,
    commands::TABLE,
    config::TABLE,
    tables::TABLE,
    ini::TABLE,
    generate::TABLE,
    inventory::TABLE,
    url::TABLE,
];

/// The names of all that are built in.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().map(|(name, _)| *name)
}

fn run(core: &Arc<Core>, name: &str, terms: Vec<Value>, options: Args) -> Result<Vec<Value>, Error> {
    let Some(lookup) = find(name) else {
        if guests::knows(guests::Kind::Lookup, name) {
            return guests::look(core, name, &terms, &options);
        }
        return Err(fault::error(format!("The lookup plugin '{name}' was not found.")));
    };
    lookup(&Request { core: core.clone(), terms, options }).map_err(|error| named("lookup", name, error))
}

/// `lookup(name, ...)`, or `query(name, ...)` if a list is wanted.
pub fn call(core: &Arc<Core>, name: &str, mut args: Args, list: bool) -> Result<Value, Error> {
    let list = args.named("wantlist").map_or(list, |want| want.is_true());
    let errors = args.named("errors").map_or(Ok("strict".into()), |errors| python::text(&errors))?;
    // `lookup('env', 'X', default=undef())` is undefined where `X` is not set.
    let undefined = args.named("default").is_some_and(|otherwise| otherwise.is_undefined());
    if !(undefined && matches!(name.rsplit('.').next(), Some("env"))) {
        args.defined()?;
    }
    let terms = std::mem::take(&mut args.given);
    let found = match run(core, name, terms, args) {
        Err(_) if matches!(errors.as_str(), "ignore" | "warn") => {
            return Ok(if list { Value::from(Vec::<Value>::new()) } else { Value::from(()) });
        }
        found => found?,
    };
    if list {
        return Ok(Value::from(found));
    }
    if found.is_empty() {
        return Ok(Value::from(found));
    }
    if found.iter().all(|item| item.kind() == ValueKind::String) {
        let texts: Vec<&str> = found.iter().filter_map(|item| item.as_str()).collect();
        return Ok(Value::from(texts.join(",")));
    }
    let mut found = found;
    if found.len() == 1 { Ok(found.remove(0)) } else { Ok(Value::from(found)) }
}

/// What a lookup gives for terms, as a list: for `with_*` loops. `folder` is where the task finds its files.
///
/// # Errors
/// There is no such lookup, or it fails.
pub fn lookup(scope: &Scope, name: &str, terms: Value, folder: &str) -> Result<Value, Fault> {
    let core = scope.core();
    let run = || {
        let terms = if is_list(&terms) { items(&terms)? } else { vec![terms] };
        let folder = (name.ends_with("first_found")).then(|| (files::FOLDER, Value::from(folder)));
        let options: Kwargs = folder.into_iter().collect();
        let found = run(core, name, terms, Args::new(vec![Value::from(options)]))?;
        finish::finish(Value::from(found))
    };
    core.current(run).map_err(|error| fault::plain(&error))
}

/// Whether a lookup of that name is built in.
#[must_use]
pub fn is_lookup(name: &str) -> bool {
    find(name).is_some()
}

/// An error about a file that is not there.
fn not_found(error_kind: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!("{error_kind} '{name}': File not found. Use -vvvvv to see paths searched."),
    )
}
