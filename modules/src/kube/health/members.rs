//! Machines of an inventory and nodes of a cluster: which is which, by name, host name, address or provider's id, and who is on one
//! side only.

use super::Args;
use super::row::{Found, Problem};
use super::world::{What, World};
use crate::kube::fields::{items, name, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The words by which a machine may be known, its name first.
fn words(machine: &Json) -> Vec<&str> {
    let words: Vec<&str> = match machine {
        Json::String(name) => vec![name],
        Json::Array(words) => words.iter().filter_map(Json::as_str).collect(),
        _ => vec![],
    };
    words.into_iter().map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn is_called(node: &Json, word: &str) -> bool {
    let short = |name: &str| name.split('.').next().is_some_and(|short| short.eq_ignore_ascii_case(word));
    let id = text(node, "/spec/providerID").rsplit('/').next().unwrap_or("");
    let hostname = text(node, "/metadata/labels/kubernetes.io~1hostname");
    name(node).eq_ignore_ascii_case(word)
        || hostname.eq_ignore_ascii_case(word)
        || id == word
        || items(node, "/status/addresses")
            .any(|address| text(address, "/address").eq_ignore_ascii_case(word))
        || word.parse::<std::net::IpAddr>().is_err() && short(name(node))
}

/// Machine to node.
pub(super) fn matched(world: &World, expected: &[Json]) -> BTreeMap<String, String> {
    let nodes = world.list(What::Nodes).unwrap_or_default();
    let of = |machine: &Json| {
        let words = words(machine);
        // A word after the other: a name says more than an address that may be a proxy's.
        let node = words.iter().find_map(|word| nodes.iter().find(|node| is_called(node, word)))?;
        Some((words.first()?.to_string(), name(node).to_string()))
    };
    expected.iter().filter_map(of).collect()
}

/// Who is on one side only.
pub(super) fn difference(world: &World, args: &Args, members: &BTreeMap<String, String>) -> Found {
    let nodes = world.list(What::Nodes)?;
    if nodes.is_empty() {
        return Ok(vec![Problem::new(
            "the cluster has no node",
            "kubectl get nodes    # and `kubeadm join` on the machines that shall be nodes",
        )]);
    }
    let Some(expected) = &args.expected else { return Ok(vec![]) };
    let mut found = vec![];
    for machine in expected.iter().filter_map(|machine| words(machine).first().copied()) {
        if !members.contains_key(machine) {
            found.push(Problem::new(
                format!("{machine} is in the inventory and no node of the cluster"),
                format!("kubeadm join ...    # on {machine}; `kubeadm token create --print-join-command` on a control plane prints the rest"),
            ));
        }
    }
    for node in nodes.iter().map(name).filter(|node| !members.values().any(|member| member == node)) {
        found.push(Problem::new(
            format!("{node} is a node of the cluster and not in the inventory"),
            format!("kubectl delete node {node}    # if that machine is gone; else add it to the inventory"),
        ));
    }
    Ok(found)
}
