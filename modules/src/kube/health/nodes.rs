//! Nodes: Ready, under no pressure, with a network. Each condition that is not as it must be is told with its reason and since when.

use super::row::{Found, Problem};
use super::world::{What, World};
use crate::kube::fields::{condition, name, text};
use serde_json::Value as Json;

const PRESSURES: &[&str] = &["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/// Conditions of nodes that are not as they must be.
pub(super) fn ready(world: &World) -> Found {
    let mut found = vec![];
    for node in world.list(What::Nodes)? {
        let own = name(node);
        match condition(node, "Ready") {
            Some(ready) if text(ready, "/status") == "True" => {}
            Some(ready) => {
                found.push(unready(world, node, ready));
                // Of a node that does not answer the other conditions are not known either.
                continue;
            }
            None => {
                let remedy = format!("kubectl describe node {own}");
                found.push(
                    Problem::new(format!("{own}: its kubelet has never reported"), remedy).of_node(own),
                );
                continue;
            }
        }
        for kind in PRESSURES {
            if let Some(pressed) = condition(node, kind).filter(|found| text(found, "/status") == "True") {
                let observed = format!("{own}: {kind} {}", told(world, pressed));
                found.push(Problem::new(observed, format!("kubectl describe node {own}")).of_node(own));
            }
        }
    }
    Ok(found)
}

fn told(world: &World, condition: &Json) -> String {
    let message = text(condition, "/message").trim_end_matches('.');
    let since = world.lasting(text(condition, "/lastTransitionTime"));
    format!("is {}{since}, {}: {message}", text(condition, "/status"), text(condition, "/reason"))
}

fn unready(world: &World, node: &Json, ready: &Json) -> Problem {
    let own = name(node);
    let pods = world.list(What::Pods).unwrap_or_default();
    let count = pods.iter().filter(|pod| text(pod, "/spec/nodeName") == own).count();
    let observed = format!("{own}: Ready {} ({count} pods there)", told(world, ready));
    let remedy = match text(ready, "/status") {
        "Unknown" => format!(
            "systemctl status kubelet; journalctl -u kubelet -n 50    # on {own}, if it answers at all"
        ),
        _ => format!("kubectl describe node {own}; journalctl -u kubelet -n 50    # the second on {own}"),
    };
    Problem::new(observed, remedy).of_node(own)
}
