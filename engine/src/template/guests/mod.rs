//! Filters, tests and lookups that are not built in: the site's own. Who can run them is welcomed once a process; then
//! compiling knows their names and evaluating calls them. Values go to them finished, and what they give is final.

mod wire;

use super::arguments::{Args, items};
use super::finish::finish;
use super::lazy::{self, Core, constant, holds_template};
use super::{Fault, Scope, Value, Variable, fault, python};
use minijinja::Error;
use serde_json::{Map, Value as Json, json};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// What a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A filter.
    Filter,
    /// A test.
    Test,
    /// A lookup.
    Lookup,
}

impl Kind {
    /// As Ansible writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Test => "test",
            Self::Lookup => "lookup",
        }
    }
}

/// Runs filters, tests and lookups of the site.
pub trait Guests: Send + Sync + fmt::Debug {
    /// A playbook or a role was read in this directory, which may hold some.
    fn beside(&self, dir: &Path);

    /// Whether there is one of that name that can run.
    fn knows(&self, kind: Kind, name: &str) -> bool;

    /// Why one of that name cannot run, if it is there, and what to do.
    fn absent(&self, kind: Kind, name: &str) -> Option<String>;

    /// Calls one. `answer` is asked for variables meanwhile.
    ///
    /// # Errors
    /// It fails, or is no longer there.
    fn call(&self, request: Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, Fault>;
}

static HOUSE: OnceLock<Box<dyn Guests>> = OnceLock::new();

/// Lets guests in, for the rest of the process; the first stay.
pub fn welcome(guests: Box<dyn Guests>) {
    let _ = HOUSE.set(guests);
}

/// A playbook or a role was read in this directory.
pub(crate) fn beside(dir: &Path) {
    HOUSE.get().into_iter().for_each(|guests| guests.beside(dir));
}

/// Whether a guest has that name.
pub fn knows(kind: Kind, name: &str) -> bool {
    HOUSE.get().is_some_and(|guests| guests.knows(kind, name))
}

/// Why a guest of that name cannot run, if it is there.
pub fn absent(kind: Kind, name: &str) -> Option<String> {
    HOUSE.get()?.absent(kind, name)
}

/// Calls a filter or test on a value in the scope that is being evaluated.
pub fn apply(kind: Kind, name: &str, value: &Value, args: &Args) -> Result<Value, Error> {
    fault::defined(value)?;
    args.defined()?;
    let core = lazy::current().ok_or_else(|| fault::error("no scope"))?;
    call(&core, kind, name, value, &args.given, args)
}

/// What a lookup gives for its terms.
pub fn look(core: &Arc<Core>, name: &str, terms: &[Value], options: &Args) -> Result<Vec<Value>, Error> {
    items(&call(core, Kind::Lookup, name, &Value::from(name), terms, options)?)
}

fn call(
    core: &Arc<Core>,
    kind: Kind,
    name: &str,
    value: &Value,
    given: &[Value],
    args: &Args,
) -> Result<Value, Error> {
    let guests = HOUSE
        .get()
        .ok_or_else(|| fault::error(format!("The {} plugin '{name}' was not found.", kind.name())))?;
    let packed = |value: &Value| wire::packed(&finish(value.clone())?);
    let given = given.iter().map(packed).collect::<Result<Vec<_>, Error>>()?;
    let named = args.pairs().into_iter().map(|(key, value)| Ok(json!([key, packed(&value)?])));
    let search: Vec<_> = core.around.search.iter().map(|dir| dir.display().to_string()).collect();
    let request = json!({
        "do": "call",
        "kind": kind.name(),
        "name": name,
        "value": packed(value)?,
        "args": given,
        "named": {"map": named.collect::<Result<Vec<_>, Error>>()?},
        "search": search,
    });
    let answer = |question: &Json| answered(core, question).unwrap_or_else(|error| refusal(&error));
    wire::unpacked(&guests.call(request, &answer)?)
}

/// What a plugin of the site is told that asks for variables, as one that is called is.
pub fn answer(scope: &Scope, question: &Json) -> Json {
    answered(scope.core(), question).unwrap_or_else(|error| refusal(&error))
}

fn refusal(error: &Error) -> Json {
    let fault = fault::plain(error);
    json!({"error": fault.message, "undefined": fault.undefined})
}

/// What a plugin asked for: the names of all variables, one of them, or something of another host's.
fn answered(core: &Arc<Core>, question: &Json) -> Result<Json, Error> {
    let path: Vec<&str> = question["ask"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let Some((first, rest)) = path.split_first() else {
        let plain = question["plain"] == json!(true);
        let mut keys = Map::new();
        for name in core.names.names() {
            let known = if plain { without_templates(core, &name)? } else { None };
            keys.insert(name.to_string(), known.map_or(Json::Null, |value| json!({"is": value})));
        }
        return Ok(json!({"keys": keys}));
    };
    let missing = || fault::undefined(format!("'{}' is undefined", path.join(".")));
    core.current(|| {
        let mut value = core.variable(first).ok_or_else(missing)?;
        for key in rest {
            value = fault::valid(value.get_item(&Value::from(*key))?)?;
        }
        if value.is_undefined() {
            // What a variable's own template lacks says more than that the variable has no value.
            if let (Some(Variable::Written(node)), []) = (core.names.get(first), rest) {
                Scope::of(core.clone()).render(&node)?;
            }
            return Err(missing());
        }
        // The variables of hosts are asked for one by one.
        if python::is_of_hosts(&value) {
            let keys: Vec<String> = value.try_iter()?.map(|key| key.to_string()).collect();
            return Ok(json!({"keys": keys}));
        }
        Ok(json!({"value": wire::packed(&finish(value)?)?}))
    })
}

/// A variable that nobody has to render.
fn without_templates(core: &Arc<Core>, name: &str) -> Result<Option<Json>, Error> {
    if matches!(name, "hostvars" | "vars" | "ansible_delegated_vars") {
        return Ok(None);
    }
    match core.names.get(name) {
        Some(Variable::Known(value)) => wire::packed(&finish(value)?).map(Some).or(Ok(None)),
        Some(Variable::Written(node)) if !holds_template(&node) => wire::packed(&constant(&node)).map(Some),
        _ => Ok(None),
    }
}
