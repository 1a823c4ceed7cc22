//! Ansible's special variables: what a name means because of where and in what it is asked. They win over everything.

use super::hostvars::{HostVars, Variables};
use super::names::HostNames;
use crate::template::{Value, from_json};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Every special variable that always has a value.
pub const NAMES: &[&str] = &[
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "hostvars",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_names",
];

/// Those that have one in some places only.
const AT_TIMES: &[&str] = &[
    "ansible_collection_name",
    "ansible_limit",
    "ansible_parent_role_names",
    "ansible_parent_role_paths",
    "ansible_role_name",
    "ansible_search_path",
    "role_name",
    "role_path",
];

/// The special variables that have a value here.
pub fn names(names: &HostNames) -> impl Iterator<Item = Arc<str>> {
    let at_times = AT_TIMES.iter().filter(|name| value(names, name).is_some());
    NAMES.iter().chain(at_times).map(|name| Arc::from(*name))
}

fn text(value: impl Into<String>) -> Value {
    from_json(&Json::String(value.into()))
}

fn list<'a>(names: impl IntoIterator<Item = &'a Arc<str>>) -> Value {
    from_json(&Json::from(names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>()))
}

/// The value of a special variable.
#[must_use]
pub fn value(names: &HostNames, name: &str) -> Option<Value> {
    let (scene, site) = (&names.scene, &names.world.site);
    let role = || names.task.as_ref().and_then(|task| task.around.role.as_ref());
    let includers = || {
        let includers: Vec<_> = role()?.parents.iter().filter(|parent| parent.includes).collect();
        (!includers.is_empty()).then_some(includers)
    };
    Some(match name {
        "inventory_hostname" => text(&*names.host),
        "inventory_hostname_short" => text(names.host.split('.').next().unwrap_or_default()),
        "group_names" => list(&names.world.inventory().group_names(&names.host)),
        "groups" => names.world.groups(),
        "hostvars" => Value::from_object(HostVars::new(names.world.clone(), scene.clone())),
        "vars" => Value::from_object(Variables::new(names.clone())),
        "ansible_facts" => facts(names),
        "playbook_dir" => text(scene.play.dir.display().to_string()),
        "play_hosts" | "ansible_play_batch" => {
            let up = scene.standing();
            list(scene.batch.iter().filter(|host| up.contains(host)))
        }
        "ansible_play_hosts" => list(scene.standing().iter()),
        "ansible_play_hosts_all" => list(scene.all().iter()),
        "ansible_play_name" => text(&*scene.name),
        "role_names" | "ansible_play_role_names" => {
            let roles = scene.roles();
            list(&roles.iter().map(|role| role.role.name.clone()).collect::<Vec<_>>())
        }
        "ansible_dependent_role_names" => {
            let roles = scene.roles();
            let dependencies = roles.iter().flat_map(|role| role.dependencies.iter());
            list(&distinct(dependencies.map(|role| role.role.name.clone())))
        }
        "ansible_role_names" => {
            let roles = scene.roles();
            let all = roles.iter().flat_map(|role| role.dependencies.iter().chain(std::iter::once(role)));
            list(&distinct(all.map(|role| role.role.name.clone())))
        }
        "role_name" => text(role()?.role.short_name()),
        "ansible_role_name" => text(&*role()?.role.name),
        "ansible_collection_name" => text(role()?.role.collection()?),
        "role_path" => text(role()?.role.dir.display().to_string()),
        "ansible_parent_role_names" => {
            list(&includers()?.iter().map(|p| p.role.name.clone()).collect::<Vec<_>>())
        }
        "ansible_parent_role_paths" => {
            let paths = includers()?.into_iter().map(|p| p.role.dir.display().to_string());
            from_json(&json!(paths.collect::<Vec<_>>()))
        }
        "ansible_search_path" => {
            let search = names.task.as_ref()?.search.iter().map(|dir| dir.display().to_string());
            from_json(&json!(search.collect::<Vec<_>>()))
        }
        "environment" => {
            let written = names.task.iter().flat_map(|task| &task.keywords.environment);
            let scope = names.clone().scope();
            Value::from(written.filter_map(|node| scope.render(node).ok()).collect::<Vec<_>>())
        }
        "ansible_check_mode" => Value::from(site.defaults.check_mode),
        "ansible_diff_mode" => Value::from(site.defaults.diff),
        "ansible_forks" => Value::from(site.defaults.forks),
        "ansible_verbosity" => Value::from(site.defaults.verbosity),
        "ansible_run_tags" if site.selection.tags.is_empty() => from_json(&json!(["all"])),
        "ansible_run_tags" => from_json(&json!(site.selection.tags)),
        "ansible_skip_tags" => from_json(&json!(site.selection.skip_tags)),
        "ansible_limit" => text(site.selection.limit.clone()?),
        "ansible_inventory_sources" => {
            let sources = site.inventory_sources.iter().map(|source| absolute(source));
            from_json(&json!(sources.collect::<Vec<_>>()))
        }
        _ => return site.defaults.special.iter().find(|(known, _)| **known == *name).map(|(_, v)| v.clone()),
    })
}

/// A source of the inventory as Ansible names it: a path from the root, a list of hosts as it was given.
fn absolute(source: &str) -> String {
    if source.contains(',') {
        return source.into();
    }
    std::path::absolute(source).map_or_else(|_| source.into(), |path| path.display().to_string())
}

/// What is only of the play: a host's variables, seen through `hostvars`, have none of it.
pub const OF_THE_PLAY: &[&str] = &[
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_dependent_role_names",
    "ansible_role_names",
    "play_hosts",
    "role_names",
];

fn facts(names: &HostNames) -> Value {
    let learned = names.world.learned(&names.host);
    let pairs = learned.facts.iter().map(|(name, fact)| (Value::from(&**name), fact.clone()));
    let mut sorted: Vec<(Value, Value)> = pairs.collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    Value::from_pairs(sorted)
}

fn distinct(names: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    names.collect::<indexmap::IndexSet<_>>().into_iter().collect()
}
