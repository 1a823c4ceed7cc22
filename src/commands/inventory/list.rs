//! `--list`: groups with their hosts, children and variables, as JSON for Ansible's own inventory scripts or as an
//! inventory in YAML. Empty groups are left out.

use super::View;
use super::values::{Marks, pretty};
use muster_engine::inventory::{Group, Name};
use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;

impl View<'_> {
    /// All of it as JSON.
    pub(super) fn json_list(&self) -> String {
        let mut groups = Map::new();
        self.json_group("all", &mut HashSet::new(), &mut groups);
        let mut hostvars = Map::new();
        for host in self.inventory.hosts().filter(|host| self.is_wanted(host)) {
            let vars = self.host_vars(host);
            if !vars.is_empty() {
                hostvars.insert(host.to_string(), vars.json(true));
            }
        }
        groups.insert("_meta".into(), json!({ "hostvars": hostvars, "profile": "inventory_legacy" }));
        pretty(&Json::Object(groups))
    }

    fn json_group(&self, name: &str, seen: &mut HashSet<Name>, groups: &mut Map<String, Json>) {
        let Some(group) = self.inventory.group(name) else { return };
        let mut entry = Map::new();
        let hosts = self.hosts_of(group);
        if !hosts.is_empty() {
            entry.insert("hosts".into(), names(hosts));
        }
        if !group.children.is_empty() {
            entry.insert("children".into(), names(group.children.iter().collect()));
        }
        if self.export {
            let vars = self.group_vars(name);
            if !vars.is_empty() {
                entry.insert("vars".into(), vars.json(true));
            }
        }
        if !entry.is_empty() {
            groups.insert(name.to_string(), Json::Object(entry));
        }
        for child in &group.children {
            if seen.insert(child.clone()) {
                self.json_group(child, seen, groups);
            }
        }
    }

    /// All of it as YAML.
    pub(super) fn yaml_list(&self) -> String {
        let mut seen = Seen::default();
        let all = self.yaml_group("all", &mut seen);
        let page = if all.is_empty() { json!({}) } else { json!({ "all": all }) };
        seen.marks.page(&page)
    }

    fn yaml_group(&self, name: &str, seen: &mut Seen) -> Map<String, Json> {
        let mut entry = Map::new();
        let Some(group) = self.inventory.group(name) else { return entry };
        let mut children = Map::new();
        for child in &group.children {
            if seen.groups.contains(child) {
                children.insert(child.to_string(), json!({}));
                continue;
            }
            let inner = self.yaml_group(child, seen);
            seen.groups.insert(child.clone());
            if !inner.is_empty() {
                children.insert(child.to_string(), Json::Object(inner));
            }
        }
        let mut hosts = Map::new();
        for host in self.hosts_of(group) {
            let vars = match seen.hosts.insert(host.clone()) {
                true => self.host_vars(host).marked(&mut seen.marks),
                false => json!({}),
            };
            hosts.insert(host.to_string(), vars);
        }
        let vars = if self.export { self.group_vars(name).marked(&mut seen.marks) } else { json!({}) };
        for (key, value) in
            [("children", Json::Object(children)), ("hosts", Json::Object(hosts)), ("vars", vars)]
        {
            if value.as_object().is_some_and(|map| !map.is_empty()) {
                entry.insert(key.into(), value);
            }
        }
        entry
    }

    /// The hosts that a group names itself, and that are wanted.
    fn hosts_of<'a>(&self, group: &'a Group) -> Vec<&'a Name> {
        if &*group.name == "all" {
            return vec![];
        }
        group.hosts.iter().filter(|host| self.is_wanted(host)).collect()
    }
}

/// What has been written: a host's variables are written once.
#[derive(Default)]
struct Seen {
    hosts: HashSet<Name>,
    groups: HashSet<Name>,
    marks: Marks,
}

fn names(names: Vec<&Name>) -> Json {
    names.into_iter().map(|name| Json::from(&**name)).collect()
}
