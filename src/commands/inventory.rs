//! `muster inventory`: hosts, groups and variables as ansible-inventory shows them. Variables are shown as written,
//! never rendered; what a vault holds is never shown.

mod graph;
mod list;
mod values;

use super::print;
use crate::cli::Inventory as Asked;
use crate::exit::Exit;
use crate::given::Given;
use crate::session::Session;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use muster_engine::inventory::{Inventory, Name, Pattern, VarsDir};
use muster_engine::template::{Layer, Variable, Vars};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use values::Shown;

/// Variables that the run makes, and that are no part of an inventory.
const INTERNAL: [&str; 19] = [
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_playbook_python",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
];

/// An inventory and what is asked of it.
struct View<'a> {
    inventory: &'a Inventory,
    beside: Vec<VarsDir>,
    extra: Layer,
    limit: Option<HashSet<Name>>,
    export: bool,
    yaml: bool,
}

/// Names and variables, sorted.
type Variables<'a> = BTreeMap<Arc<str>, Variable>;

/// Shows what was asked for.
pub fn run(session: &Session, asked: &Asked) -> Result<Exit, Exit> {
    let message = match usize::from(asked.list) + usize::from(asked.host.is_some()) + usize::from(asked.graph)
    {
        1 => None,
        0 => Some("No action selected, at least one of --host, --graph or --list needs to be specified."),
        _ => Some(
            "Conflicting options used, only one of --host, --graph or --list can be used at the same time.",
        ),
    };
    if let Some(message) = message {
        return Err(session.stop(Class::Usage, "muster::cli::inventory", message, ""));
    }
    if asked.toml {
        let help = "`--yaml` and JSON are written; an inventory in TOML is read";
        return Err(session.stop(
            Class::Error,
            "muster::cli::unsupported",
            "`--toml` is not supported",
            help,
        ));
    }
    let given = Given::read(session, &asked.site)?.without_others().weighed(session)?;
    let dir = asked.playbook_dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let view = View {
        inventory: &given.inventory,
        beside: vec![VarsDir::new(dir, session.sources.clone(), given.secrets.clone())],
        extra: given.extra.clone(),
        limit: limit(session, &given, asked)?,
        export: asked.export,
        yaml: asked.yaml,
    };
    let text = match &asked.host {
        Some(host) => one(session, &view, host)?,
        None if asked.graph => graph(session, &view, asked)?,
        None if asked.yaml => view.yaml_list(),
        None => view.json_list(),
    };
    session.weigh(&given.inventory.take_diagnostics())?;
    for dir in &view.beside {
        session.weigh(&dir.take_diagnostics())?;
    }
    let Some(file) = &asked.output else { return Ok(print(&text)) };
    std::fs::write(file, text).map(|()| Exit(crate::exit::OK)).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", file.display());
        session.stop(Class::Error, "muster::inventory::output", message, "")
    })
}

fn limit(session: &Session, given: &Given, asked: &Asked) -> Result<Option<HashSet<Name>>, Exit> {
    let Some(limit) = &asked.site.limit else { return Ok(None) };
    let found = Pattern::limit(limit).and_then(|pattern| given.inventory.select(&pattern));
    let found =
        found.map_err(|bad| session.stop(Class::Error, "muster::inventory::limit", bad.message, ""))?;
    Ok(Some(found.hosts.into_iter().collect()))
}

fn one(session: &Session, view: &View<'_>, host: &str) -> Result<String, Exit> {
    if view.inventory.host(host).is_none() {
        let unmatched = format!("Could not match supplied host pattern, ignoring: {host}");
        session.say(&Diagnostics(vec![Diagnostic::warning("muster::inventory::pattern", unmatched)]));
        let message = format!("You must pass a single valid host to --host parameter, not `{host}`");
        let near = muster_engine::diagnostic::nearest(host, view.inventory.hosts().map(|name| &**name));
        let help = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        return Err(session.stop(Class::Usage, "muster::inventory::no_host", message, &help));
    }
    let vars = view.host_vars(host);
    Ok(if view.yaml { values::yaml(&vars) } else { values::json(&vars, false) })
}

fn graph(session: &Session, view: &View<'_>, asked: &Asked) -> Result<String, Exit> {
    let top = asked.pattern.as_deref().unwrap_or("all");
    view.graph(top, asked.vars).ok_or_else(|| {
        let message = format!("Pattern must be valid group name when using --graph, not `{top}`");
        session.stop(Class::Usage, "muster::inventory::no_group", message, "a graph begins with a group")
    })
}

impl View<'_> {
    /// The variables of a host, unrendered; `-e` stands above all.
    fn host_vars(&self, host: &str) -> Shown {
        let layers = self.inventory.layers(host, &self.beside);
        if !self.export {
            return merged([&self.extra].into_iter().chain(&layers));
        }
        let own = self.inventory.host(host).map(|host| host.vars.clone()).unwrap_or_default();
        let dirs = self.inventory.vars_dirs().iter().rev();
        let beside: Vec<Layer> = dirs.flat_map(|dir| dir.host(host).to_vec()).collect();
        merged(beside.iter().chain([&own]))
    }

    /// The variables of a group where they are written.
    fn group_vars(&self, group: &str) -> Shown {
        let own = self.inventory.group(group).map(|group| group.vars.clone()).unwrap_or_default();
        let dirs = self.inventory.vars_dirs().iter().rev();
        let beside: Vec<Layer> = dirs.flat_map(|dir| dir.group(group).to_vec()).collect();
        merged(beside.iter().chain([&own]))
    }

    fn is_wanted(&self, host: &Name) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.contains(host))
    }
}

/// Layers as one, the first the strongest.
fn merged<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Shown {
    let mut all: Variables<'_> = BTreeMap::new();
    for layer in layers {
        let Vars(vars) = &**layer;
        for (name, variable) in vars {
            if !INTERNAL.contains(&&**name) {
                all.entry(name.clone()).or_insert_with(|| variable.clone());
            }
        }
    }
    Shown(all.into_iter().collect())
}

#[cfg(test)]
mod tests;
