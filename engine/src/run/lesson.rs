//! What units teach: facts, registered variables, new hosts and groups, statistics. Lessons come in with an answer; the
//! dispatcher applies them to the world, in order, before anything else happens.

use super::scene::Scene;
use super::world::World;
use crate::module::Map;
use crate::node::Mapping;
use crate::template::{Value, Variable, Vars, from_json};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Something a host learned, or the run did.
#[derive(Clone, Debug)]
pub enum Lesson {
    /// Facts.
    Facts(Map),
    /// Facts for another host: `delegate_facts`.
    FactsOf(Arc<str>, Map),
    /// `set_fact`, `register`.
    Set(Arc<str>, Value),
    /// `set_fact` for another host: `delegate_facts`.
    SetOf(Arc<str>, Arc<str>, Value),
    /// `include_vars`.
    Included(Arc<Mapping>),
    /// `add_host`.
    AddHost(Map),
    /// `group_by`.
    AddGroup(Map),
    /// `set_stats`.
    Stats(Map),
}

impl Lesson {
    /// Applies lessons of a host to the world, for all hosts that it spoke for, and to its play. For each `add_host` and
    /// `group_by`: whether the inventory changed.
    pub fn learn(
        lessons: &[Self],
        world: &World,
        scene: &Scene,
        own: &str,
        hosts: &[Arc<str>],
        stats: &mut Map,
    ) -> Vec<bool> {
        let mut grown = vec![];
        for lesson in lessons {
            match lesson {
                Self::Facts(facts) => {
                    for host in hosts {
                        world.learn(host, |learned| learned.learn_facts(facts));
                        world.keep_facts(host);
                    }
                }
                Self::FactsOf(host, facts) => {
                    world.learn(host, |learned| learned.learn_facts(facts));
                    world.keep_facts(host);
                }
                Self::Set(name, value) => {
                    for host in hosts {
                        world.learn(host, |learned| {
                            learned.set.insert(name.clone(), value.clone());
                        });
                    }
                }
                Self::SetOf(host, name, value) => world.learn(host, |learned| {
                    learned.set.insert(name.clone(), value.clone());
                }),
                Self::Included(map) => {
                    let vars = Vars::written(map);
                    for host in hosts {
                        world.learn(host, |learned| {
                            learned
                                .included
                                .extend(vars.0.iter().map(|(name, var)| (name.clone(), var.clone())));
                        });
                    }
                }
                Self::AddHost(_) | Self::AddGroup(_) => {
                    world.remember(own, lesson);
                    let grew = lesson.grow(world, own);
                    if let Self::AddHost(host) = lesson
                        && let Some(name) = host_name(host).filter(|_| grew)
                    {
                        scene.list(name);
                    }
                    grown.push(grew);
                }
                Self::Stats(more) => merge_stats(stats, own, more),
            }
        }
        grown
    }

    /// The names that it gives to variables.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Facts(facts) | Self::FactsOf(_, facts) => facts.keys().cloned().collect(),
            Self::Set(name, _) | Self::SetOf(_, name, _) => vec![name.to_string()],
            Self::Included(map) => map.iter().map(|(name, _)| name.to_key()).collect(),
            Self::AddHost(_) | Self::AddGroup(_) | Self::Stats(_) => vec![],
        }
    }

    /// Lets the inventory grow; whether it did.
    pub fn grow(&self, world: &World, own: &str) -> bool {
        match self {
            Self::AddHost(host) => world.add_host(host),
            Self::AddGroup(group) => world.add_group(own, group),
            _ => false,
        }
    }
}

/// Whom `add_host` speaks of.
fn host_name(host: &Map) -> Option<&str> {
    host.get("host_name").and_then(Json::as_str)
}

/// `set_stats`, of a host or of the whole run (`_run`): values are replaced, or joined with `aggregate`.
fn merge_stats(all: &mut Map, host: &str, stats: &Map) {
    let of_host = stats.get("per_host").and_then(Json::as_bool).unwrap_or(false);
    if stats.get("data").and_then(Json::as_object).is_none_or(Map::is_empty) {
        return;
    }
    let entry = all.entry(if of_host { host } else { "_run" }).or_insert_with(|| Json::Object(Map::new()));
    let Json::Object(all) = entry else { return };
    let aggregate = stats.get("aggregate").and_then(Json::as_bool).unwrap_or(true);
    for (name, value) in stats.get("data").and_then(Json::as_object).into_iter().flatten() {
        let joined = match (all.get(name), value) {
            (Some(Json::Number(a)), Json::Number(b)) if aggregate => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => json!(a + b),
                _ => json!(a.as_f64().unwrap_or(0.0) + b.as_f64().unwrap_or(0.0)),
            },
            (Some(Json::String(a)), Json::String(b)) if aggregate => json!(format!("{a}{b}")),
            (Some(Json::Array(a)), Json::Array(b)) if aggregate => json!([a.clone(), b.clone()].concat()),
            (Some(Json::Object(a)), Json::Object(b)) if aggregate => {
                let mut joined = a.clone();
                joined.extend(b.clone());
                Json::Object(joined)
            }
            _ => value.clone(),
        };
        all.insert(name.clone(), joined);
    }
}

impl World {
    /// `add_host`.
    fn add_host(&self, host: &Map) -> bool {
        let Some(name) = host_name(host) else { return false };
        let groups = host.get("groups").and_then(Json::as_array);
        let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Json::as_str).collect();
        let vars = host.get("host_vars").and_then(Json::as_object).into_iter().flatten();
        let vars = vars.map(|(k, v)| (Arc::from(k.as_str()), Variable::Known(from_json(v)))).collect();
        self.change_inventory(|inventory| inventory.add_host(name, &groups, Vars(vars)))
    }

    /// `group_by`.
    fn add_group(&self, host: &str, result: &Map) -> bool {
        let Some(name) = result.get("add_group").and_then(Json::as_str) else { return false };
        let parents = result.get("parent_groups").and_then(Json::as_array);
        let parents: Vec<&str> = parents.into_iter().flatten().filter_map(Json::as_str).collect();
        let added = self.change_inventory(|inventory| inventory.add_group(name, &parents, &[host]));
        added.unwrap_or_else(|message| {
            tracing::warn!(group = name, message, "group_by");
            false
        })
    }
}
