//! Hosts by pattern. A [`Pattern`] comes in, a [`Selection`] goes out: hosts in Ansible's order, each once, and the
//! terms that named nothing.

use super::pattern::{Act, BadPattern, Matcher, Pattern, Term};
use super::{Inventory, LOCALHOST, Name};
use indexmap::IndexSet;
use std::collections::HashSet;

/// The hosts a pattern names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In Ansible's order, each once.
    pub hosts: Vec<Name>,
    /// Terms that name no host and no group, as they were written.
    pub unmatched: Vec<String>,
    /// Whether a subscript was written `[x-y]`, which Ansible warns about.
    pub dashed: bool,
}

impl Selection {
    /// The warnings that Ansible says about it.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let dashed = "Use [x:y] inclusive subscripts instead of [x-y] which has been removed";
        let unmatched = |term| format!("Could not match supplied host pattern, ignoring: {term}");
        self.dashed.then(|| dashed.to_owned()).into_iter().chain(self.unmatched.iter().map(unmatched))
    }
}

impl Inventory {
    /// The hosts a pattern names.
    ///
    /// # Errors
    /// A term is empty, or a regular expression that does not compile.
    pub fn select(&self, pattern: &Pattern) -> Result<Selection, BadPattern> {
        let mut selection = Selection::default();
        let mut hosts: IndexSet<Name> = IndexSet::new();
        for term in &pattern.terms {
            // A host's name is that host, even if a group is called the same.
            if term.act == Act::Union
                && let Some(host) = self.state.hosts.get(&*term.text)
            {
                hosts.insert(host.name.clone());
                continue;
            }
            let found = self.find(term, &mut selection)?;
            match term.act {
                Act::Union => hosts.extend(found),
                Act::Intersection => {
                    let found: HashSet<Name> = found.into_iter().collect();
                    hosts.retain(|host| found.contains(host));
                }
                Act::Exclusion => {
                    let found: HashSet<Name> = found.into_iter().collect();
                    hosts.retain(|host| !found.contains(host));
                }
            }
        }
        selection.hosts = hosts.into_iter().collect();
        Ok(selection)
    }

    /// The hosts a pattern names, less those a limit (`--limit`) does not.
    ///
    /// # Errors
    /// As [`Inventory::select`].
    pub fn select_within(&self, pattern: &Pattern, limit: &Pattern) -> Result<Selection, BadPattern> {
        let mut selection = self.select(pattern)?;
        let limit = self.select(limit)?;
        let within: HashSet<&Name> = limit.hosts.iter().collect();
        selection.hosts.retain(|host| within.contains(host));
        selection.unmatched.extend(limit.unmatched);
        selection.dashed |= limit.dashed;
        Ok(selection)
    }

    fn find(&self, term: &Term, selection: &mut Selection) -> Result<Vec<Name>, BadPattern> {
        let name = &*term.name;
        if name.is_empty() {
            return Err(BadPattern {
                message: "a host pattern is empty: `!` and `&` need a name behind them".into(),
            });
        }
        if let (Matcher::Regex(regex), true) = (&term.matcher, name.starts_with('~'))
            && let Err(why) = &**regex
        {
            return Err(BadPattern {
                message: format!("the host pattern `{name}` is no regular expression: {why}"),
            });
        }
        selection.dashed |= term.dashed;
        let groups: Vec<&Name> = match &term.matcher {
            Matcher::Exact => {
                self.state.groups.get_key_value(name).map(|(name, _)| name).into_iter().collect()
            }
            matcher => self.state.groups.keys().filter(|group| matcher.matches(name, group)).collect(),
        };
        let mut hosts: IndexSet<Name> =
            groups.iter().flat_map(|group| self.members(group)).cloned().collect();
        match &term.matcher {
            Matcher::Exact if groups.is_empty() || name.contains('.') => {
                hosts.extend(self.state.hosts.get(name).map(|host| host.name.clone()));
            }
            Matcher::Exact => {}
            matcher => {
                hosts.extend(self.state.hosts.keys().filter(|host| matcher.matches(name, host)).cloned())
            }
        }
        if hosts.is_empty() && LOCALHOST.contains(&name) {
            hosts.extend(self.localhost(name).map(|host| host.name.clone()));
        }
        if hosts.is_empty() && groups.is_empty() && name != "all" {
            selection.unmatched.push(name.to_owned());
        }
        let hosts: Vec<Name> = hosts.into_iter().collect();
        Ok(match term.subscript {
            Some(subscript) => subscript.of(hosts),
            None => hosts,
        })
    }
}
