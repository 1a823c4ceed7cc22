//! Whether the pods that leave a node find room on the others, by what they ask for and what those have left. Nodes and pods come
//! in; the pods for which there is none go out, each with why. A scheduler knows more: this is a warning, never a refusal.

use super::node::Node;
use super::pod::Pod;
use super::quantity::thousandths;
use crate::kube::cluster::Cluster;
use crate::kube::fields::{items, text};
use crate::kube::request::Refusal;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Thousandths of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Amounts(BTreeMap<String, i128>);

impl Amounts {
    fn read(map: Option<&Json>) -> Self {
        let entries = map.and_then(Json::as_object).into_iter().flatten();
        Self(
            entries
                .filter_map(|(name, value)| {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    Some((name.clone(), thousandths(&text)?))
                })
                .collect(),
        )
    }

    fn with(mut self, other: &Self, merge: impl Fn(i128, i128) -> i128) -> Self {
        for (name, amount) in &other.0 {
            let own = self.0.entry(name.clone()).or_default();
            *own = merge(*own, *amount);
        }
        self
    }

    /// What a pod asks for: the sum of its containers and helpers that go on, or the most that one of its first steps needs.
    fn of(pod: &Pod) -> Self {
        let asked = |container: &Json| Self::read(container.pointer("/resources/requests"));
        let (mut helpers, mut peak) = (Self::default(), Self::default());
        for first in items(&pod.0, "/spec/initContainers") {
            let needs = helpers.clone().with(&asked(first), |a, b| a + b);
            if text(first, "/restartPolicy") == "Always" {
                helpers = needs.clone();
            }
            peak = peak.with(&needs, i128::max);
        }
        let sum = items(&pod.0, "/spec/containers")
            .fold(helpers, |sum, container| sum.with(&asked(container), |a, b| a + b));
        let overhead = Self::read(pod.0.pointer("/spec/overhead"));
        let one = Self(BTreeMap::from([("pods".to_owned(), 1000)]));
        sum.with(&peak, i128::max).with(&overhead, |a, b| a + b).with(&one, |a, b| a + b)
    }

    /// What of it does not fit; a node that tells no capacity takes everything.
    fn beyond<'a>(&'a self, room: &Option<Self>) -> Vec<(&'a str, i128, i128)> {
        let Some(room) = room else { return vec![] };
        let free = |name: &String| room.0.get(name).copied().unwrap_or(0);
        self.0
            .iter()
            .filter(|(name, amount)| **amount > 0 && **amount > free(name))
            .map(|(name, amount)| (name.as_str(), *amount, free(name)))
            .collect()
    }
}

/// The pods that find no room on the other nodes as they are now.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(super) async fn unplaced(
    cluster: &Cluster,
    node: &Node,
    going: &[&Pod],
) -> Result<Vec<(String, String)>, Refusal> {
    if going.is_empty() {
        return Ok(vec![]);
    }
    let nodes = Node::all(cluster).await?;
    let running = [("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed")];
    let running: Vec<Pod> = cluster.list("/api/v1/pods", &running).await?.into_iter().map(Pod).collect();
    Ok(homeless(going, node, &nodes, &running))
}

/// The pods that find no room on the other nodes, each with why.
fn homeless(going: &[&Pod], node: &Node, nodes: &[Node], running: &[Pod]) -> Vec<(String, String)> {
    let mut rooms: Vec<(&Node, Option<Amounts>)> = nodes
        .iter()
        .filter(|other| other.name() != node.name() && other.is_ready() && !other.is_cordoned())
        .map(|other| (other, room(other, running)))
        .collect();
    // The greatest first: they are the hardest to place. What nobody makes again needs no place.
    let mut pods: Vec<(&Pod, Amounts)> = going
        .iter()
        .filter(|pod| !pod.is_finished() && pod.owner().is_some())
        .map(|pod| (*pod, Amounts::of(pod)))
        .collect();
    pods.sort_by_key(|(_, asks)| {
        std::cmp::Reverse(["memory", "cpu"].map(|name| asks.0.get(name).copied().unwrap_or(0)))
    });
    let mut left = vec![];
    for (pod, asks) in pods {
        let mut takes: Vec<&mut (&Node, Option<Amounts>)> =
            rooms.iter_mut().filter(|(other, _)| is_welcome(pod, other)).collect();
        if takes.is_empty() {
            left.push((pod.to_string(), "no other node takes it, by its selectors and their taints".into()));
            continue;
        }
        // Where it fits most tightly, so that room is left for others.
        let fits = takes
            .iter_mut()
            .filter(|(_, room)| asks.beyond(room).is_empty())
            .min_by_key(|(_, room)| room.as_ref().and_then(|room| room.0.get("memory").copied()));
        match fits {
            Some((_, Some(room))) => {
                *room = std::mem::take(room).with(&asks, |free, asked| free - asked);
            }
            Some((_, None)) => {}
            None => left.push((pod.to_string(), shortage(&asks, &takes))),
        }
    }
    left
}

/// What a node has left; nothing where it does not tell what it has.
fn room(node: &Node, running: &[Pod]) -> Option<Amounts> {
    let whole = Amounts::read(Some(node.0.pointer("/status/allocatable")?));
    let there = running.iter().filter(|pod| pod.node() == node.name() && !pod.is_finished());
    Some(there.fold(whole, |room, pod| room.with(&Amounts::of(pod), |free, asked| free - asked)))
}

/// What is short on the node that lacks least.
fn shortage(asks: &Amounts, nodes: &[&mut (&Node, Option<Amounts>)]) -> String {
    let lacking = nodes.iter().map(|(node, room)| (node.name(), asks.beyond(room)));
    let Some((name, lacks)) = lacking.min_by_key(|(_, lacks)| lacks.len()) else { return String::new() };
    let lacks: Vec<String> = lacks
        .iter()
        .map(|(what, asked, free)| format!("{what} {} of {} asked for", amount(*free), amount(*asked)))
        .collect();
    format!("no node has room for it: {name} has left {}", lacks.join(", "))
}

fn amount(thousandths: i128) -> String {
    let bytes = u64::try_from(thousandths.max(0) / 1000).unwrap_or(u64::MAX);
    match bytes {
        0 => format!("{}m", thousandths.max(0)),
        bytes if bytes >= 1 << 20 => super::quantity::said(bytes),
        number if thousandths % 1000 == 0 => number.to_string(),
        _ => format!("{thousandths}m"),
    }
}

/// Whether a node takes a pod, by what both say of each other.
fn is_welcome(pod: &Pod, node: &Node) -> bool {
    let label = |key: &str| node.0.pointer("/metadata/labels").and_then(|labels| labels.get(key)?.as_str());
    let tolerates = |key: &str, value: &str, effect: &str| {
        items(&pod.0, "/spec/tolerations").any(|one| {
            let same = |path: &str, own: &str| text(one, path).is_empty() || text(one, path) == own;
            same("/key", key)
                && same("/effect", effect)
                && (text(one, "/operator") == "Exists"
                    || !text(one, "/key").is_empty() && text(one, "/value") == value)
        })
    };
    let tolerated = node.taints().iter().all(|(key, value, effect)| tolerates(key, value, effect));
    let mut wanted = pod.0.pointer("/spec/nodeSelector").and_then(Json::as_object).into_iter().flatten();
    let selected = wanted.all(|(key, value)| label(key) == value.as_str());
    let is_met = |rule: &Json, own: Option<&str>| {
        let listed = || items(rule, "/values").any(|value| value.as_str() == own);
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let bound = || number(items(rule, "/values").next().and_then(Json::as_str));
        match text(rule, "/operator") {
            "In" => own.is_some() && listed(),
            "NotIn" => own.is_none() || !listed(),
            "Exists" => own.is_some(),
            "DoesNotExist" => own.is_none(),
            "Gt" => number(own).zip(bound()).is_some_and(|(own, bound)| own > bound),
            "Lt" => number(own).zip(bound()).is_some_and(|(own, bound)| own < bound),
            _ => true,
        }
    };
    let meets = |term: &Json| {
        items(term, "/matchExpressions").all(|rule| is_met(rule, label(text(rule, "/key"))))
            && items(term, "/matchFields").all(|rule| is_met(rule, Some(node.name())))
    };
    tolerated && selected && (pod.0.pointer(AFFINITY).is_none() || items(&pod.0, AFFINITY).any(meets))
}

/// Where a pod says on which nodes it must run.
const AFFINITY: &str =
    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, memory: &str, more: impl FnOnce(&mut Json)) -> Node {
        let mut object = json!({"metadata": {"name": name, "labels": {"disk": name}}, "spec": {},
            "status": {"allocatable": {"cpu": "4", "memory": memory, "pods": "3"}, "conditions": [{"type": "Ready", "status": "True"}]}});
        more(&mut object);
        Node(object)
    }

    fn pod(name: &str, on: &str, memory: &str, more: impl FnOnce(&mut Json)) -> Pod {
        let mut object = json!({"metadata": {"namespace": "n", "name": name, "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": true}]},
            "spec": {"nodeName": on, "containers": [{"resources": {"requests": {"memory": memory}}}]}, "status": {"phase": "Running"}});
        more(&mut object);
        Pod(object)
    }

    fn none(_: &mut Json) {}

    /// The pods of w1 that find no room on the others.
    fn left(nodes: &[Node], pods: &[Pod]) -> Vec<(String, String)> {
        let going: Vec<&Pod> = pods.iter().filter(|pod| pod.node() == "w1").collect();
        homeless(&going, &nodes[0], nodes, pods)
    }

    #[test]
    fn what_is_asked_for_must_fit_what_others_have_left() {
        let nodes = [node("w1", "8Gi", none), node("w2", "8Gi", none), node("w3", "2Gi", none)];
        let pods =
            [pod("big", "w1", "6Gi", none), pod("small", "w1", "2Gi", none), pod("there", "w2", "1Gi", none)];
        assert_eq!(left(&nodes, &pods), []);
        let pods = [pods[0].clone(), pods[1].clone(), pod("there", "w2", "3Gi", none)];
        let why = "no node has room for it: w2 has left memory 5Gi of 6Gi asked for";
        assert_eq!(left(&nodes, &pods), [("n/big".to_string(), why.to_string())]);
    }

    #[test]
    fn one_after_another_takes_room_and_a_node_has_only_so_many_places() {
        let nodes = [node("w1", "8Gi", none), node("w2", "8Gi", none)];
        let pods = ["a", "b", "c", "d"].map(|name| pod(name, "w1", "1Gi", none));
        let left = left(&nodes, &pods);
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].1.contains("w2 has left pods 0m of 1 asked for"), "{left:?}");
    }

    #[test]
    fn selectors_affinities_taints_and_cordons_shut_nodes() {
        let tainted = |object: &mut Json| {
            object["spec"]["taints"] = json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]);
        };
        let nodes = [
            node("w1", "8Gi", none),
            node("w2", "8Gi", tainted),
            node("w3", "8Gi", |object| {
                object["spec"]["unschedulable"] = json!(true);
            }),
        ];
        let tolerant = |pod: &mut Json| {
            pod["spec"]["tolerations"] = json!([{"key": "gpu", "operator": "Equal", "value": "yes"}]);
        };
        let picky = |pod: &mut Json| {
            tolerant(pod);
            pod["spec"]["nodeSelector"] = json!({"disk": "w1"});
        };
        let elsewhere = |pod: &mut Json| {
            tolerant(pod);
            pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
                json!([{"matchExpressions": [{"key": "disk", "operator": "NotIn", "values": ["w1"]}]}]);
        };
        let pods = [
            pod("plain", "w1", "1Gi", none),
            pod("tolerant", "w1", "1Gi", tolerant),
            pod("picky", "w1", "1Gi", picky),
            pod("elsewhere", "w1", "1Gi", elsewhere),
        ];
        let left: Vec<String> = left(&nodes, &pods).into_iter().map(|(pod, _)| pod).collect();
        assert_eq!(left, ["n/plain", "n/picky"]);
    }

    #[test]
    fn a_pod_asks_for_its_containers_or_for_the_most_of_its_first_steps() {
        let pod = pod("a", "w1", "1Gi", |pod| {
            pod["spec"]["initContainers"] = json!([
                {"restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}},
                {"resources": {"requests": {"memory": "3Gi", "cpu": "250m"}}},
            ]);
            pod["spec"]["overhead"] = json!({"memory": "1Gi"});
        });
        let expected = [("cpu", 250), ("memory", 5 * 1_073_741_824_000), ("pods", 1000)];
        assert_eq!(
            Amounts::of(&pod),
            Amounts(expected.map(|(name, amount)| (name.to_owned(), amount)).into())
        );
    }

    #[test]
    fn a_node_that_tells_no_capacity_takes_what_comes() {
        let silent = |object: &mut Json| _ = object["status"].as_object_mut().unwrap().remove("allocatable");
        let nodes = [node("w1", "8Gi", none), node("w2", "8Gi", silent)];
        assert_eq!(left(&nodes, &[pod("a", "w1", "100Gi", none)]), []);
    }
}
