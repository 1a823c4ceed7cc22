//! The variables of a host, as the inventory and the files beside it give them. A host's name comes in; [`Layer`]s go
//! out, strongest first, in Ansible's order of precedence. Layers are shared between hosts and never merged.

use super::{Group, Inventory, Name, VarsDir};
use crate::diagnostic::Diagnostics;
use crate::template::Layer;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The groups that a set of direct groups amounts to.
#[derive(Debug)]
pub(super) struct Lineage {
    /// Strongest first: deepest, then of highest priority, then last by name; without `all`.
    groups: Vec<Arc<Group>>,
    /// Sorted, without `all`.
    pub names: Vec<Name>,
}

/// Lineages by direct groups, computed when asked. A grown inventory starts anew.
#[derive(Debug, Default)]
pub(super) struct Lineages(Mutex<HashMap<Vec<Name>, Arc<Lineage>>>);

impl Clone for Lineages {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Inventory {
    /// The variables of a host, strongest first, empty layers left out. `playbook_dirs` are the directories of
    /// playbooks, weakest first. An unknown host has those of `all`.
    #[must_use]
    pub fn layers(&self, host: &str, playbook_dirs: &[VarsDir]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = vec![];
        let mut add = |layer: &Layer| {
            if !layer.is_empty() {
                layers.push(layer.clone());
            }
        };
        let lineage = self.lineage(host);
        let groups = lineage.as_ref().map(|lineage| &*lineage.groups).unwrap_or_default();
        let both: [&[VarsDir]; 2] = [playbook_dirs, &self.state.dirs];
        for dir in both.iter().flat_map(|dirs| dirs.iter().rev()) {
            dir.host(host).iter().for_each(&mut add);
        }
        if let Some(host) = self.host(host) {
            add(&host.vars);
        }
        for dir in both.iter().flat_map(|dirs| dirs.iter().rev()) {
            groups.iter().for_each(|group| dir.group(&group.name).iter().for_each(&mut add));
        }
        for dir in both.iter().flat_map(|dirs| dirs.iter().rev()) {
            dir.group("all").iter().for_each(&mut add);
        }
        groups.iter().for_each(|group| add(&group.vars));
        if let Some(all) = self.group("all") {
            add(&all.vars);
        }
        layers
    }

    /// The variables of a host that the sources themselves give, strongest first.
    pub(super) fn inline_layers(&self, host: &str) -> Vec<Layer> {
        let lineage = self.lineage(host);
        let groups = lineage.as_ref().map(|lineage| &*lineage.groups).unwrap_or_default();
        let host = self.host(host).map(|host| host.vars.clone());
        let all = self.group("all").map(|all| all.vars.clone());
        host.into_iter().chain(groups.iter().map(|group| group.vars.clone())).chain(all).collect()
    }

    /// Every name that a host, a group or a file beside the inventory or in `playbook_dirs` may define.
    #[must_use]
    pub fn all_names(&self, playbook_dirs: &[VarsDir]) -> HashSet<Arc<str>> {
        let mut names = HashSet::new();
        let mut add = |layer: &Layer| {
            for name in layer.0.keys() {
                if !names.contains(name) {
                    names.insert(name.clone());
                }
            }
        };
        self.state.hosts.values().for_each(|host| add(&host.vars));
        self.state.implicit.iter().for_each(|host| add(&host.vars));
        self.state.groups.values().for_each(|group| add(&group.vars));
        for dir in self.state.dirs.iter().chain(playbook_dirs) {
            self.state.groups.keys().for_each(|group| dir.group(group).iter().for_each(&mut add));
            let hosts = self.state.hosts.keys().chain(self.state.implicit.iter().map(|host| &host.name));
            hosts.for_each(|host| dir.host(host).iter().for_each(&mut add));
        }
        names
    }

    /// The directories beside the inventory's sources that hold `group_vars` and `host_vars`, weakest first.
    #[must_use]
    pub fn vars_dirs(&self) -> &[VarsDir] {
        &self.state.dirs
    }

    /// What was wrong with `group_vars` and `host_vars` read since the last call.
    #[must_use]
    pub fn take_diagnostics(&self) -> Diagnostics {
        Diagnostics(self.state.dirs.iter().flat_map(|dir| dir.take_diagnostics().0).collect())
    }

    pub(super) fn lineage(&self, host: &str) -> Option<Arc<Lineage>> {
        let host = self.shared(host)?;
        let mut known = self.state.lineages.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lineage) = known.get(&host.groups) {
            return Some(lineage.clone());
        }
        let lineage = Arc::new(self.trace(&host.groups));
        known.insert(host.groups.clone(), lineage.clone());
        Some(lineage)
    }

    fn trace(&self, direct: &[Name]) -> Lineage {
        let mut names: Vec<Name> = vec![];
        let mut open: Vec<Name> = direct.to_vec();
        let mut seen: HashSet<Name> = HashSet::from([Arc::from("all")]);
        while let Some(name) = open.pop() {
            if seen.insert(name.clone()) {
                open.extend(self.group(&name).into_iter().flat_map(|group| group.parents.iter().cloned()));
                names.push(name);
            }
        }
        names.sort();
        let mut groups: Vec<Arc<Group>> =
            names.iter().filter_map(|name| self.state.groups.get(name)).cloned().collect();
        groups.sort_by(|a, b| (b.depth, b.priority, &b.name).cmp(&(a.depth, a.priority, &a.name)));
        Lineage { groups, names }
    }
}
