//! The one minijinja environment of the process: Ansible's syntax settings, filters, tests, functions and printing.
//! Nothing comes in; what is in it is the same for every host, and whatever differs is found through the scope.

use super::arguments::Args;
use super::finish::{Omit, finish, is_omit};
use super::range::is_range;
use super::rewrite::{Plugin, operators};
use super::{Value, filters, functions, guests, lookups, methods, native, predicates, python};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, escape_formatter};
use std::collections::BTreeSet;
use std::sync::OnceLock;

struct Built {
    environment: Environment<'static>,
    filters: BTreeSet<String>,
    tests: BTreeSet<String>,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(build)
}

/// The environment.
pub fn environment() -> &'static Environment<'static> {
    &built().environment
}

/// The names of all filters.
pub fn filters() -> &'static BTreeSet<String> {
    &built().filters
}

/// The names of all tests.
pub fn tests() -> &'static BTreeSet<String> {
    &built().tests
}

/// Whether what is built in of that name is what answers: a collection that is here answers for its own filters, but
/// for those that are asked so often that a Python beside the run would be felt.
pub fn has(plugin: Plugin, name: &str) -> bool {
    match plugin {
        Plugin::Filter
            if name.starts_with("community.general.") && name != "community.general.json_query" =>
        {
            filters().contains(name) && !guests::knows(plugin, name)
        }
        Plugin::Filter => filters().contains(name),
        Plugin::Test => tests().contains(name),
        Plugin::Lookup => lookups::is_lookup(name),
    }
}

/// Whether there is one of that name: built in, or the site's own.
pub fn knows(plugin: Plugin, name: &str) -> bool {
    has(plugin, name) || guests::knows(plugin, name)
}

/// Filters a value; `all` is the value with its arguments.
pub fn filter(state: &mut State<'_, '_>, name: &str, all: &[Value]) -> Result<Value, Error> {
    match all.split_first() {
        Some((value, rest)) if !has(Plugin::Filter, name) => {
            guests::apply(Plugin::Filter, name, value, &Args::new(rest.to_vec()))
        }
        _ => state.apply_filter(name, all),
    }
}

/// Tests a value; `all` is the value with its arguments.
pub fn test(state: &mut State<'_, '_>, name: &str, all: &[Value]) -> Result<bool, Error> {
    match all.split_first() {
        Some((value, rest)) if !has(Plugin::Test, name) => {
            guests::apply(Plugin::Test, name, value, &Args::new(rest.to_vec())).map(|value| value.is_true())
        }
        _ => state.perform_test(name, all),
    }
}

/// The text of a value that is none, where it is put out.
pub fn printed(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map if !is_range(value) => {
            // Tuples print as lists, and what is omitted does not print.
            python::text(&finish(value.clone())?)
        }
        _ => python::text(value),
    }
}

fn build() -> Built {
    let mut env = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true);
    if let Ok(syntax) = syntax.build() {
        env.set_syntax(syntax);
    }
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_debug(true); // errors name the undefined variable and its place
    env.set_recursion_limit(400);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_unknown_method_callback(methods::call);
    env.set_formatter(|out, state, value| {
        if value.is_undefined() || !matches!(state.auto_escape(), AutoEscape::None) {
            return escape_formatter(out, state, value);
        }
        if value.is_none() || is_omit(value) {
            return Ok(());
        }
        match value.as_str() {
            Some(text) => out.write_str(text)?,
            None => out.write_str(&printed(value)?)?,
        }
        Ok(())
    });
    env.add_global("omit", Value::from_object(Omit));
    operators::install(&mut env);
    native::install(&mut env);
    let filters = filters::install(&mut env);
    let tests = predicates::install(&mut env);
    functions::install(&mut env);
    Built { environment: env, filters, tests }
}
