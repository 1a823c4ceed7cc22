//! Hosts and groups. Inventory sources of every format come in through [`Inventory::load`]; out go the hosts a
//! [`Pattern`] names and the [`Layer`]s of variables of a host. A clone is cheap and shares everything: a run keeps a
//! current inventory and grows its own copy.
//! Invariant: groups form a tree without loops below `all`, and every host is in `all` and in a group or `ungrouped`.

mod address;
mod constructed;
mod generator;
mod grow;
mod ini;
mod layers;
mod load;
mod pattern;
mod python;
mod script;
mod select;
mod show;
mod toml;
mod vars_dir;
mod yaml;

pub use load::{Format, GroupNames, LoadOptions};
pub use pattern::{BadPattern, Pattern};
pub use select::Selection;
pub use vars_dir::{VarsDir, read_vars};

use crate::source::Span;
use crate::template::Layer;
use indexmap::{IndexMap, IndexSet};
use layers::Lineages;
use std::sync::Arc;

/// A name of a host or a group.
pub type Name = Arc<str>;

/// A machine, as the inventory has it.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// `inventory_hostname`.
    pub name: Name,
    /// What the inventory says on the host itself, `inventory_file` and `inventory_dir` included.
    pub vars: Layer,
    /// Whether it is the `localhost` that no inventory mentions.
    pub implicit: bool,
    /// The groups that name it, in the order they did; without those above them.
    pub groups: Vec<Name>,
    /// Where it was first mentioned.
    pub place: Option<Span>,
}

/// A set of hosts and of groups.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// What the inventory says on the group itself.
    pub vars: Layer,
    /// `ansible_group_priority`: among groups of one depth, the higher wins.
    pub priority: i64,
    /// The longest way from `all`, which is 0.
    pub depth: usize,
    /// The groups in it.
    pub children: IndexSet<Name>,
    /// The groups it is in.
    pub parents: IndexSet<Name>,
    /// The hosts it names itself.
    pub hosts: IndexSet<Name>,
    /// Where it was first mentioned.
    pub place: Option<Span>,
}

/// Hosts and groups.
#[derive(Clone, Debug)]
pub struct Inventory {
    state: Arc<State>,
}

#[derive(Clone, Debug)]
struct State {
    hosts: IndexMap<Name, Arc<Host>>,
    groups: IndexMap<Name, Arc<Group>>,
    /// The `localhost` and its other names, for whoever names one that `hosts` has not.
    implicit: Vec<Arc<Host>>,
    /// The directories that hold `group_vars` and `host_vars`, weakest first.
    dirs: Vec<VarsDir>,
    lineages: Lineages,
}

/// The names by which the controller itself goes.
pub const LOCALHOST: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

impl Default for Inventory {
    fn default() -> Self {
        Self::empty()
    }
}

impl Inventory {
    /// Every host, in the order of `groups.all`.
    pub fn hosts(&self) -> impl Iterator<Item = &Name> {
        self.members("all").into_iter()
    }

    /// How many hosts there are, the implicit localhost left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.hosts.len()
    }

    /// Whether there is only the implicit localhost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.hosts.is_empty()
    }

    /// The host of that name. For a name of the controller (`localhost`, `127.0.0.1`, `::1`) that no source mentions, the
    /// first host that has another of these names, or else the implicit one.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.shared(name).map(|host| &**host)
    }

    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.state.groups.get(name).map(|group| &**group)
    }

    /// Every group's name, in the order they were mentioned; `all` and `ungrouped` first.
    pub fn group_list(&self) -> impl Iterator<Item = &Name> {
        self.state.groups.keys()
    }

    /// The variable `groups`: every group and the hosts in it or below it.
    #[must_use]
    pub fn groups(&self) -> IndexMap<Name, Vec<Name>> {
        let whole = |name: &Name| (name.clone(), self.members(name).into_iter().cloned().collect());
        self.state.groups.keys().map(whole).collect()
    }

    /// The variable `group_names`: the groups a host is in, directly or not, sorted, without `all`.
    #[must_use]
    pub fn group_names(&self, host: &str) -> Vec<Name> {
        self.lineage(host).map(|lineage| lineage.names.to_vec()).unwrap_or_default()
    }

    /// The hosts of a group and of all below it: level by level, each once.
    fn members(&self, group: &str) -> IndexSet<&Name> {
        let below = self.below(group);
        below.into_iter().flat_map(|group| group.hosts.iter()).collect()
    }

    /// A group and all below it, level by level.
    fn below(&self, group: &str) -> Vec<&Group> {
        let mut found: IndexMap<&str, &Group> = IndexMap::new();
        if let Some(group) = self.group(group) {
            found.insert(&group.name, group);
        }
        let mut at = 0;
        while let Some((_, group)) = found.get_index(at).map(|(name, group)| (*name, *group)) {
            let fresh = group.children.iter().filter_map(|child| self.group(child));
            for child in fresh {
                found.entry(&child.name).or_insert(child);
            }
            at += 1;
        }
        found.into_values().collect()
    }

    fn shared(&self, name: &str) -> Option<&Arc<Host>> {
        self.state.hosts.get(name).or_else(|| self.localhost(name))
    }

    fn localhost(&self, name: &str) -> Option<&Arc<Host>> {
        let implicit = self.state.implicit.iter().find(|host| &*host.name == name)?;
        let mentioned = LOCALHOST.iter().filter_map(|name| self.state.hosts.get_full(*name));
        Some(mentioned.min_by_key(|(at, _, _)| *at).map_or(implicit, |(_, _, host)| host))
    }
}
