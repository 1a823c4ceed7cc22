//! The node that is drained: found by its name or by an address of it, cordoned and uncordoned. What it is called and how it is
//! come in; a [`Node`], or why there is none, goes out.

use crate::kube::change::patch;
use crate::kube::cluster::Cluster;
use crate::kube::fields::{condition, items, text};
use crate::kube::request::{Answer, Refusal, Sent};
use crate::kube::resource::encoded;
use muster_engine::diagnostic::nearest;
use muster_engine::module::Failure;
use serde_json::{Value as Json, json};

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node(pub Json);

/// The label of control planes, today's and yesterday's.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

impl Node {
    /// Finds it by its name; else by a name or address of its own, of which `known_as` may add more.
    ///
    /// # Errors
    /// There is none, or several; or the server cannot be asked.
    pub async fn find(cluster: &Cluster, name: &str, known_as: &[String]) -> Result<Self, Failure> {
        match cluster.get(&format!("/api/v1/nodes/{}", encoded(name))).await {
            Ok(node) => return Ok(Self(node)),
            Err(refusal) if refusal.is(404) => {}
            Err(refusal) => {
                let message = format!("Failed to retrieve node '{name}' due to: {refusal}");
                return Err(Failure::from(refusal).with("msg", message));
            }
        }
        let all = Self::all(cluster).await?;
        let called = |node: &&Self| {
            let own = [text(&node.0, "/metadata/labels/kubernetes.io~1hostname")];
            let addresses = items(&node.0, "/status/addresses").map(|address| text(address, "/address"));
            let mut names = addresses.chain(own).filter(|own| !own.is_empty());
            names.any(|own| own == name || known_as.iter().any(|other| other == own))
                || known_as.iter().any(|other| other == node.name())
        };
        let found: Vec<&Self> = all.iter().filter(called).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let near = nearest(name, all.iter().map(Self::name));
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => {
                        format!("there are {}", all.iter().map(Self::name).collect::<Vec<_>>().join(", "))
                    }
                };
                Err(Failure::new(format!(
                    "Node {name} not found. No node has that name or address in the cluster of {}: {hint}",
                    cluster.from
                )))
            }
            several => {
                let names: Vec<&str> = several.iter().map(|node| node.name()).collect();
                Err(Failure::new(format!(
                    "{name} means several nodes: {}. Give the name of one",
                    names.join(", ")
                )))
            }
        }
    }

    /// All nodes.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked.
    pub async fn all(cluster: &Cluster) -> Result<Vec<Self>, Refusal> {
        Ok(cluster.list("/api/v1/nodes", &[]).await?.into_iter().map(Self).collect())
    }

    pub fn name(&self) -> &str {
        text(&self.0, "/metadata/name")
    }

    pub fn is_cordoned(&self) -> bool {
        self.0.pointer("/spec/unschedulable") == Some(&Json::Bool(true))
    }

    pub fn is_ready(&self) -> bool {
        condition(&self.0, "Ready").is_some_and(|condition| text(condition, "/status") == "True")
    }

    fn is_control_plane(&self) -> bool {
        let labels = self.0.pointer("/metadata/labels");
        labels.is_some_and(|labels| CONTROL_PLANE.iter().any(|role| labels.get(role).is_some()))
    }

    /// What keeps pods away, besides a cordon: `(key, value, effect)`.
    pub fn taints(&self) -> Vec<(&str, &str, &str)> {
        items(&self.0, "/spec/taints")
            .map(|taint| (text(taint, "/key"), text(taint, "/value"), text(taint, "/effect")))
            .filter(|(key, _, effect)| {
                *effect != "PreferNoSchedule" && *key != "node.kubernetes.io/unschedulable"
            })
            .collect()
    }

    /// Why it cannot be spared; nothing where it can.
    pub fn is_last(&self, all: &[Self]) -> Option<String> {
        let own = self.taints();
        let others: Vec<&Self> =
            all.iter().filter(|other| other.name() != self.name() && other.is_ready()).collect();
        if self.is_control_plane() && !others.iter().any(|other| other.is_control_plane()) {
            return Some("it is the only control plane that is Ready".into());
        }
        let takes =
            |other: &&&Self| !other.is_cordoned() && other.taints().iter().all(|taint| own.contains(taint));
        if others.iter().any(|other| takes(&other)) {
            return None;
        }
        let standing: Vec<String> = all
            .iter()
            .filter(|other| other.name() != self.name())
            .map(|other| {
                let why = match (other.is_ready(), other.is_cordoned()) {
                    (false, _) => "not Ready".to_string(),
                    (true, true) => "cordoned".to_string(),
                    (true, false) => {
                        let taints: Vec<&str> = other.taints().iter().map(|(key, ..)| *key).collect();
                        format!("tainted {}", taints.join(", "))
                    }
                };
                format!("{} ({why})", other.name())
            })
            .collect();
        Some(match standing.as_slice() {
            [] => "it is the only node".into(),
            _ => format!("no other node takes what runs on it: {}", standing.join(", ")),
        })
    }

    /// Cordons it, or takes the cordon back.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked.
    pub async fn cordon(&self, cluster: &Cluster, cordoned: bool, dry: bool) -> Result<Answer, Failure> {
        let path = format!("/api/v1/nodes/{}", encoded(self.name()));
        let body = json!({"spec": {"unschedulable": cordoned}});
        let answer = patch(cluster, &path, Sent::StrategicPatch, &body, dry).await;
        answer.map_err(|refusal| {
            let message = format!("Failed to patch node due to: {refusal}");
            Failure::from(refusal).with("msg", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, ready: &str, cordoned: bool, taint: Option<&str>, control_plane: bool) -> Node {
        let labels = if control_plane { json!({CONTROL_PLANE[0]: ""}) } else { json!({}) };
        let taints: Vec<Json> =
            taint.map(|key| json!({"key": key, "effect": "NoSchedule"})).into_iter().collect();
        Node(
            json!({"metadata": {"name": name, "labels": labels}, "spec": {"unschedulable": cordoned, "taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}}),
        )
    }

    #[test]
    fn the_last_node_that_takes_pods_cannot_be_spared() {
        let cp = || node("cp", "True", false, Some(CONTROL_PLANE[0]), true);
        let worker = |name: &str, ready: &str, cordoned: bool| node(name, ready, cordoned, None, false);
        let all = [cp(), worker("w0", "True", false), worker("w1", "True", false)];
        assert_eq!(all[1].is_last(&all), None);
        assert!(all[0].is_last(&all).unwrap().contains("only control plane"));
        for other in [worker("w1", "Unknown", false), worker("w1", "True", true)] {
            let all = [cp(), worker("w0", "True", false), other];
            let why = all[1].is_last(&all).unwrap();
            assert!(why.contains("cp (tainted node-role.kubernetes.io/control-plane), w1 ("), "{why}");
        }
        let tainted = [cp(), node("cp2", "True", false, Some(CONTROL_PLANE[0]), true)];
        assert_eq!(tainted[0].is_last(&tainted), None, "what runs there tolerates the same taint");
    }
}
