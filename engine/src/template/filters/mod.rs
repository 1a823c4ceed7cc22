//! Filters: Jinja's own as Ansible has them, Ansible's, and those of collections that playbooks use. Each theme is a
//! file with a table; here they are registered under their short and full names. A failing filter says its name.

pub mod addresses;
pub mod attributes;
mod certificates;
mod collections;
pub mod crypt;
mod data;
mod dicts;
mod hashes;
mod html;
mod json_error;
mod json_query;
mod logic;
mod numbers;
pub mod paths;
pub(super) mod pretty;
pub mod random;
pub mod regex;
pub mod sequences;
mod sets;
mod text;
pub mod times;
mod yaml;

use super::Value;
use super::arguments::Args;
use super::fault;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use std::collections::BTreeSet;

/// What a filter is: the piped value and the arguments come in.
pub type Filter = fn(&mut State<'_, '_>, &Value, &Args) -> Result<Value, Error>;

/// Filters by name.
pub type Table = &'static [(&'static str, Filter)];

/// Filters that take an undefined value.
const TOLERANT: &[&str] = &["default", "d", "mandatory", "type_debug", "ternary"];

/// Adds all filters and gives their names.
pub fn install(env: &mut Environment<'static>) -> BTreeSet<String> {
    let tables = [
        logic::TABLE,
        text::TABLE,
        html::TABLE,
        numbers::TABLE,
        sequences::TABLE,
        attributes::TABLE,
        sets::TABLE,
        dicts::TABLE,
        data::TABLE,
        regex::TABLE,
        hashes::TABLE,
        paths::TABLE,
        times::TABLE,
        random::TABLE,
        addresses::TABLE,
        collections::TABLE,
        certificates::TABLE,
    ];
    let mut names = BTreeSet::new();
    for (name, filter) in tables.into_iter().flatten() {
        let (name, filter) = (*name, *filter);
        for full in names_of(name) {
            env.add_filter(
                full.clone(),
                move |state: &mut State, value: Value, rest: Rest<ValueOrKwargs>| {
                    call(state, name, filter, &value, rest.into_values())
                },
            );
            names.insert(full);
        }
    }
    names
}

/// Filters of collections that ansible-core knows by their short names: what was once its own.
const ONCE_BUILT_IN: &[&str] = &[
    "cidr_merge",
    "hwaddr",
    "ip4_hex",
    "ipaddr",
    "ipmath",
    "ipsubnet",
    "ipv4",
    "ipv6",
    "ipwrap",
    "json_query",
    "network_in_network",
    "network_in_usable",
    "next_nth_usable",
    "nthhost",
    "previous_nth_usable",
    "random_mac",
    "reduce_on_network",
    "slaac",
];

/// The names a filter goes by.
fn names_of(name: &str) -> Vec<String> {
    match name.rsplit_once('.') {
        Some((collection, short)) if ONCE_BUILT_IN.contains(&short) => {
            let moved = (collection == "ansible.utils").then(|| format!("ansible.netcommon.{short}"));
            [name.into(), short.into()].into_iter().chain(moved).collect()
        }
        _ => full_names(name),
    }
}

/// The names a plugin goes by: those of a collection have only the one.
pub fn full_names(name: &str) -> Vec<String> {
    match name.contains('.') {
        true => vec![name.into()],
        false => vec![name.into(), format!("ansible.builtin.{name}"), format!("ansible.legacy.{name}")],
    }
}

fn call(
    state: &mut State<'_, '_>,
    name: &str,
    filter: Filter,
    value: &Value,
    rest: Vec<Value>,
) -> Result<Value, Error> {
    let args = Args::new(rest);
    if !TOLERANT.contains(&name) {
        fault::defined(value)?;
        args.defined()?;
    }
    filter(state, value, &args).map_err(|error| named("filter", name, error))
}

/// The error with the name of the plugin, unless it comes from deeper or is about something undefined.
pub fn named(plugin: &str, name: &str, error: Error) -> Error {
    let ours = matches!(
        error.kind(),
        ErrorKind::InvalidOperation | ErrorKind::UnknownFilter | ErrorKind::UnknownTest
    );
    if !ours || fault::carried(&error).is_some() {
        return error;
    }
    let said = match error.kind() {
        ErrorKind::InvalidOperation => String::new(),
        _ => fault::plain(&error).message,
    };
    let detail = if said.is_empty() { error.detail().unwrap_or("") } else { &said };
    if detail.contains("` is undefined") || detail.starts_with("The ") && detail.contains(" plugin '") {
        return error;
    }
    // Lookups go by the name they were called with.
    let full = match plugin {
        "lookup" => name.to_string(),
        _ if name.contains('.') => name.to_string(),
        _ => format!("ansible.builtin.{name}"),
    };
    fault::error(format!("The {plugin} plugin '{full}' failed: {detail}"))
}
