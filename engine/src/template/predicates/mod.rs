//! Jinja tests: Jinja's own as Ansible has them, Ansible's, and those of collections. Each theme is a file with a
//! table; here they are registered under their short and full names. A failing test says its name.

mod addresses;
mod files;
mod results;
pub mod types;
mod versions;
pub mod words;

use super::Value;
use super::arguments::Args;
use super::fault;
use super::filters::{full_names, named};
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State};
use std::collections::BTreeSet;

/// What a test is: the tested value and the arguments come in.
pub type Predicate = fn(&mut State<'_, '_>, &Value, &Args) -> Result<bool, Error>;

/// Tests by name.
pub type Table = &'static [(&'static str, Predicate)];

/// Adds all tests and gives their names.
pub fn install(env: &mut Environment<'static>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for table in [types::TABLE, words::TABLE, results::TABLE, files::TABLE, versions::TABLE, addresses::TABLE]
    {
        for (name, predicate) in table {
            let (name, predicate) = (*name, *predicate);
            for full in full_names(name) {
                env.add_test(
                    full.clone(),
                    move |state: &mut State, value: Value, rest: Rest<ValueOrKwargs>| {
                        call(state, name, predicate, &value, rest.into_values())
                    },
                );
                names.insert(full);
            }
        }
    }
    names
}

fn call(
    state: &mut State<'_, '_>,
    name: &str,
    predicate: Predicate,
    value: &Value,
    rest: Vec<Value>,
) -> Result<bool, Error> {
    let args = Args::new(rest);
    if !matches!(name, "defined" | "undefined") {
        fault::defined(value)?;
        args.defined()?;
    }
    predicate(state, value, &args).map_err(|error| named("test", name, error))
}
