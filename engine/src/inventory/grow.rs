//! How an inventory grows: while sources are read, and later when `add_host` and `group_by` run.
//! Names and variables come in; every change keeps the groups free of loops, and [`Inventory::settle`] restores that
//! every group is below `all` and every host in some group.

use super::layers::Lineages;
use super::{Group, Host, Inventory, LOCALHOST, Name, State};
use crate::node::{Kind, Node};
use crate::source::Span;
use crate::template::{Value, Variable, Vars};
use indexmap::{IndexMap, IndexSet};
use std::sync::Arc;

impl Inventory {
    /// Lets the implicit localhost know its Python, as the program that runs there would.
    pub(super) fn set_python(&mut self, python: &str) {
        for host in &mut self.state_mut().implicit {
            let host = Arc::make_mut(host);
            let vars = host.vars.0.iter().map(|(name, value)| (name.clone(), value.clone()));
            host.vars = Arc::new(Vars(vars.chain([known("ansible_python_interpreter", python)]).collect()));
        }
    }

    /// An inventory of only the implicit localhost.
    #[must_use]
    pub fn empty() -> Self {
        let group = |name: &str, depth| {
            let name: Name = Arc::from(name);
            (name.clone(), Arc::new(Group { name, depth, priority: 1, ..Group::default() }))
        };
        let state = State {
            hosts: IndexMap::new(),
            groups: [group("all", 0), group("ungrouped", 1)].into_iter().collect(),
            implicit: LOCALHOST.iter().map(|name| Arc::new(implicit(name))).collect(),
            dirs: vec![],
            lineages: Lineages::default(),
        };
        let mut inventory = Self { state: Arc::new(state) };
        inventory.settle();
        inventory
    }

    /// Adds a host while the run goes on, as `add_host` does, or gives one that is there more groups and variables.
    /// Says whether anything changed. A new one is named by `all` itself, and so comes before those that sources name.
    pub fn add_host(&mut self, name: &str, groups: &[&str], vars: Vars) -> bool {
        let mut changed = self.put_host(name, None);
        if changed {
            self.join("all", name);
        }
        for group in groups {
            changed |= self.put_group(group, None);
            changed |= self.join(group, name);
        }
        for (key, value) in vars.0 {
            changed |= self.set_host_var(name, key, value);
        }
        self.settle();
        changed
    }

    /// Adds a group below others (below `all` if none are named) and hosts to it, as `group_by` does. Says whether
    /// anything changed.
    ///
    /// # Errors
    /// A parent is already below the group.
    pub fn add_group(&mut self, name: &str, parents: &[&str], hosts: &[&str]) -> Result<bool, String> {
        let mut changed = self.put_group(name, None);
        for parent in parents {
            changed |= self.put_group(parent, None);
            changed |= self.put_child(parent, name)?;
        }
        for host in hosts {
            if self.join(name, host) {
                self.in_order(name);
                changed = true;
            }
        }
        self.settle();
        Ok(changed)
    }

    /// Moves the host that joined a group last to where the inventory has it: hosts answer in no particular order.
    fn in_order(&mut self, group: &str) {
        let state = self.state_mut();
        let place = |host: &Name| state.hosts.get_index_of(host);
        let Some(group) = state.groups.get_mut(group).map(Arc::make_mut) else { return };
        let last = group.hosts.len().saturating_sub(1);
        let joined = group.hosts.last().and_then(place);
        let before = group.hosts.iter().take(last).filter(|host| place(host) < joined).count();
        if before < last {
            group.hosts.move_index(last, before);
        }
    }

    /// Puts `_` for what no variable's name may have into the names of groups. Whether there was such a name.
    pub(super) fn replace_group_names(&mut self) -> bool {
        let odd = self.group_list().any(|name| valid_group_name(name) != **name);
        if !odd {
            return false;
        }
        let valid = |name: &Name| Name::from(valid_group_name(name));
        let state = self.state_mut();
        for (name, group) in std::mem::take(&mut state.groups) {
            let mut group = Group::clone(&group);
            group.name = valid(&name);
            group.children = group.children.iter().map(valid).collect();
            group.parents = group.parents.iter().map(valid).collect();
            match state.groups.get_mut(&group.name) {
                Some(known) => {
                    let known = Arc::make_mut(known);
                    known.children.extend(group.children);
                    known.parents.extend(group.parents);
                    known.hosts.extend(group.hosts);
                    Arc::make_mut(&mut known.vars)
                        .0
                        .extend(group.vars.0.iter().map(|(name, var)| (name.clone(), var.clone())));
                }
                None => _ = state.groups.insert(group.name.clone(), Arc::new(group)),
            }
        }
        for host in state.hosts.values_mut() {
            let host = Arc::make_mut(host);
            host.groups = host.groups.iter().map(valid).collect();
        }
        self.settle();
        true
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        let state = Arc::make_mut(&mut self.state);
        state.lineages = Lineages::default();
        state
    }

    fn host_mut(&mut self, name: &str) -> Option<&mut Host> {
        self.state_mut().hosts.get_mut(name).map(Arc::make_mut)
    }

    fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        self.state_mut().groups.get_mut(name).map(Arc::make_mut)
    }

    /// Mentions a host; says whether it is new.
    pub(super) fn put_host(&mut self, name: &str, place: Option<Span>) -> bool {
        if self.state.hosts.contains_key(name) {
            return false;
        }
        let name: Name = Arc::from(name);
        let host = Host { name: name.clone(), place, ..Host::default() };
        self.state_mut().hosts.insert(name, Arc::new(host));
        true
    }

    /// Mentions a group; says whether it is new.
    pub(super) fn put_group(&mut self, name: &str, place: Option<Span>) -> bool {
        if self.state.groups.contains_key(name) {
            return false;
        }
        let name: Name = Arc::from(name);
        let group = Group { name: name.clone(), priority: 1, place, ..Group::default() };
        self.state_mut().groups.insert(name, Arc::new(group));
        true
    }

    /// Puts a known host into a known group; says whether it was not in it.
    pub(super) fn join(&mut self, group: &str, host: &str) -> bool {
        let Some(group) = self.state.groups.get(group).map(|group| group.name.clone()) else { return false };
        let Some(host) = self.host_mut(host) else { return false };
        let name = host.name.clone();
        if !host.groups.contains(&group) {
            host.groups.push(group.clone());
        }
        self.group_mut(&group).is_some_and(|group| group.hosts.insert(name))
    }

    /// Puts a known group below another; says whether it was not there.
    ///
    /// # Errors
    /// That would be a loop.
    pub(super) fn put_child(&mut self, parent: &str, child: &str) -> Result<bool, String> {
        if parent == child {
            return Err("can't add group to itself".into());
        }
        let loops = child == "all" || self.below(child).iter().any(|group| &*group.name == parent);
        if loops {
            return Err(format!(
                "Adding group '{child}' as child to '{parent}' creates a recursive dependency loop."
            ));
        }
        let name = |name: &str| self.state.groups.get(name).map(|group| group.name.clone());
        let (Some(above), Some(below)) = (name(parent), name(child)) else { return Ok(false) };
        if let Some(group) = self.group_mut(child) {
            group.parents.insert(above);
        }
        Ok(self.group_mut(parent).is_some_and(|group| group.children.insert(below)))
    }

    /// Sets a variable of a known host; says whether it is new or another.
    pub(super) fn set_host_var(&mut self, host: &str, key: Arc<str>, value: Variable) -> bool {
        self.host_mut(host).is_some_and(|host| set(Arc::make_mut(&mut host.vars), key, value))
    }

    /// Sets a variable of a known group; `ansible_group_priority` is not one, but its priority.
    ///
    /// # Errors
    /// The priority is not a whole number.
    pub(super) fn set_group_var(&mut self, group: &str, key: Arc<str>, value: Node) -> Result<(), String> {
        let Some(group) = self.group_mut(group) else { return Ok(()) };
        if &*key == "ansible_group_priority" {
            group.priority = whole(&value).ok_or_else(|| {
                format!(
                    "the priority of group `{}` must be a whole number, not {}",
                    group.name,
                    value.describe()
                )
            })?;
        } else {
            set(Arc::make_mut(&mut group.vars), key, Variable::Written(value));
        }
        Ok(())
    }

    /// Puts groups that are nowhere below `all` and hosts that are nowhere in `ungrouped`, and measures depths.
    pub(super) fn settle(&mut self) {
        let state = self.state_mut();
        let loose: Vec<Name> = state
            .groups
            .values()
            .filter(|group| group.parents.is_empty() && &*group.name != "all")
            .map(|group| group.name.clone())
            .collect();
        let (all, ungrouped): (Name, Name) = (Arc::from("all"), Arc::from("ungrouped"));
        for name in loose {
            if let Some(group) = state.groups.get_mut(&name) {
                Arc::make_mut(group).parents.insert(all.clone());
            }
            if let Some(group) = state.groups.get_mut("all") {
                Arc::make_mut(group).children.insert(name);
            }
        }
        let (mut strays, mut settled): (IndexSet<Name>, IndexSet<Name>) = Default::default();
        for host in state.hosts.values_mut() {
            let grouped = host.groups.iter().any(|group| *group != all && *group != ungrouped);
            let stray = host.groups.contains(&ungrouped);
            if grouped && stray {
                Arc::make_mut(host).groups.retain(|group| *group != ungrouped);
                settled.insert(host.name.clone());
            } else if !grouped && !stray {
                Arc::make_mut(host).groups.push(ungrouped.clone());
                strays.insert(host.name.clone());
            }
        }
        if !(strays.is_empty() && settled.is_empty())
            && let Some(group) = state.groups.get_mut("ungrouped")
        {
            let group = Arc::make_mut(group);
            group.hosts.retain(|host| !settled.contains(host));
            group.hosts.extend(strays);
        }
        measure(&mut state.groups);
    }
}

/// Sets each group's depth to the longest way from `all`.
fn measure(groups: &mut IndexMap<Name, Arc<Group>>) {
    let mut open: IndexMap<Name, usize> =
        groups.values().map(|group| (group.name.clone(), group.parents.len())).collect();
    let mut ready: Vec<(Name, usize)> = vec![(Arc::from("all"), 0)];
    let mut depths: IndexMap<Name, usize> = IndexMap::new();
    while let Some((name, depth)) = ready.pop() {
        let Some(group) = groups.get_mut(&name) else { continue };
        if group.depth != depth {
            Arc::make_mut(group).depth = depth;
        }
        for child in &group.children {
            let deepest = depths.entry(child.clone()).or_default();
            *deepest = (*deepest).max(depth + 1);
            if let Some(left) = open.get_mut(child) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push((child.clone(), *deepest));
                }
            }
        }
    }
}

fn set(vars: &mut Vars, key: Arc<str>, value: Variable) -> bool {
    let same = match (vars.get(&key), &value) {
        (Some(Variable::Known(old)), Variable::Known(new)) => old == new,
        _ => false,
    };
    vars.0.insert(key, value);
    !same
}

fn whole(node: &Node) -> Option<i64> {
    match &node.kind {
        Kind::Int(value) => Some(*value),
        Kind::Bool(value) => Some(i64::from(*value)),
        #[expect(clippy::cast_possible_truncation, reason = "as Python's int() truncates")]
        Kind::Float(value) if value.is_finite() => Some(*value as i64),
        Kind::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn known(key: &str, value: &str) -> (Name, Variable) {
    (Arc::from(key), Variable::Known(Value::from(value)))
}

fn implicit(name: &str) -> Host {
    let vars = [known("ansible_connection", "local")];
    Host {
        name: Arc::from(name),
        vars: Arc::new(Vars(vars.into_iter().collect())),
        implicit: true,
        ..Host::default()
    }
}
/// A group's name with `_` for what no variable's name may have.
pub(super) fn valid_group_name(name: &str) -> String {
    let word = |(at, c): (usize, char)| {
        if c == '_' || c.is_alphabetic() || (at > 0 && c.is_alphanumeric()) { c } else { '_' }
    };
    name.chars().enumerate().map(word).collect()
}
