//! `ansible.builtin.add_host`: a host that the run learns of. The run reads the result key `add_host`.

use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Side, Spec};
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.add_host`.
pub struct AddHost;

impl Module for AddHost {
    const NAME: &'static str = "ansible.builtin.add_host";
    // The other names are options of their own and no aliases: `host` and `group` become variables of the host too.
    const SPEC: Spec = Spec::new(
        "Adds a host, and groups for it, to the inventory of this run. Every other key is a variable of that host.",
        &[
            Opt::new("name", Kind::Raw, "The host's name, or `name:port`."),
            Opt::new("hostname", Kind::Raw, "Another name for `name`."),
            Opt::new("host", Kind::Raw, "Another name for `name`."),
            Opt::new("groups", Kind::Raw, "The groups it is put in: a list, or text with commas."),
            Opt::new("groupname", Kind::Raw, "Another name for `groups`."),
            Opt::new("group", Kind::Raw, "Another name for `groups`."),
        ],
    )
    .open()
    .examples("- add_host:\n    name: \"{{ new_address }}\"\n    groups: [joining]\n    ansible_user: core\n")
    .side(Side::Controller);
    type Args = Map;
    type Change = Infallible;

    async fn check(&self, args: &Map, _cx: &Context) -> Result<Check<Infallible>, Failure> {
        let named =
            ["name", "hostname", "host"].iter().find_map(|key| args.get(*key)).filter(|n| !n.is_null());
        let Some(named) = named else {
            return Err(Failure::new("name, host or hostname needs to be provided").raised());
        };
        let text = named.as_str().map_or_else(|| named.to_string(), str::to_string);
        let (name, port) = address(&text);
        let mut vars: Map = args
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "name" | "hostname" | "groupname" | "groups"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if let Some(port) = port {
            vars.insert("ansible_ssh_port".into(), port.into());
        }
        let groups = ["groupname", "groups", "group"].iter().find_map(|key| args.get(*key));
        let added = json!({"host_name": name, "groups": self::groups(groups)?, "host_vars": vars});
        Ok(Check::Done(Output::new(true).with("add_host", added)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// The host and the port of `host:port` or `[address]:port`; other text is a host.
fn address(text: &str) -> (&str, Option<u16>) {
    let parted = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => Some((host, rest.strip_prefix(':'))),
        None => text.split_once(':').map(|(host, port)| (host, Some(port))),
    };
    match parted {
        Some((host, None)) => (host, None),
        Some((host, Some(port))) => port.parse().map_or((text, None), |port| (host, Some(port))),
        None => (text, None),
    }
}

fn groups(given: Option<&Json>) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = match given {
        None | Some(Json::Null) => vec![],
        Some(Json::String(text)) if text.is_empty() => vec![],
        Some(Json::String(text)) => text.split(',').map(str::to_string).collect(),
        Some(Json::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_string)).collect()
        }
        Some(_) => return Err(Failure::new("Groups must be specified as a list.").raised()),
    };
    let mut seen: Vec<String> = vec![];
    for name in names.iter().map(|name| name.trim()) {
        if !seen.iter().any(|other| other == name) {
            seen.push(name.to_string());
        }
    }
    Ok(seen)
}
