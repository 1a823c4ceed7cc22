//! `k8s_health`: what is wrong in a cluster, row by row of what those who run one look at: nodes, network plugin, DNS, control plane,
//! workloads, storage. It only reads and never fails for what it finds. What a greater fault explains (a node that is lost, a
//! plugin that is down) is not told again under another row.

mod control;
mod members;
mod network;
mod nodes;
pub(crate) mod row;
mod storage;
mod versions;
mod workloads;
pub(crate) mod world;

pub(crate) use workloads::{counts, pods_told};

use super::asks::Asks;
use super::cluster::Cluster;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output, Spec};
use row::{Found, row};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::time::Duration;
use world::{Key, What, World};

/// `k8s_health`.
pub(crate) struct K8sHealth;

/// What a task gives to [`K8sHealth`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    expected: Option<Vec<Json>>,
    network_plugins: Vec<String>,
    system_namespaces: Vec<String>,
    version: Option<String>,
    lease_seconds: i64,
    pod_seconds: i64,
    request_seconds: i64,
    stuck_seconds: i64,
    volume_seconds: i64,
    default_storage_classes: i64,
    timeout: f64,
}

const OWN: [Opt; 11] = [
    Opt::new(
        "expected",
        Kind::List,
        "The machines that shall be nodes, each a name or a list of a name and its addresses; without it any will do.",
    )
    .elements(Kind::Raw),
    Opt::new("network_plugins", Kind::List, "Names of the DaemonSets of network plugins; any that is there must be well on every node.")
        .elements(Kind::Str)
        .default("[calico-node, canal, cilium, kube-flannel-ds, weave-net, kube-router, antrea-agent, kube-ovn-cni, ovnkube-node, aws-node, azure-cns, kindnet]"),
    Opt::new("system_namespaces", Kind::List, "Namespaces whose workloads must be available.")
        .elements(Kind::Str)
        .default("[kube-system, calico-system, calico-apiserver, tigera-operator, kube-flannel]"),
    Opt::new("version", Kind::Str, "The version the control plane must have, such as `1.36.2`; without it, any one."),
    Opt::new("lease_seconds", Kind::Int, "How old the leases of scheduler and controller manager may be.").default("40"),
    Opt::new("pod_seconds", Kind::Int, "How long a pod may be on its way: pending, starting, not ready, ending.").default("300"),
    Opt::new("request_seconds", Kind::Int, "How long a certificate signing request may wait.").default("600"),
    Opt::new("stuck_seconds", Kind::Int, "How long a deletion may take.").default("3600"),
    Opt::new("volume_seconds", Kind::Int, "How long a claim may be pending, or a volume attach.").default("300"),
    Opt::new("default_storage_classes", Kind::Int, "How many default storage classes there shall be.").default("1"),
    Opt::new("timeout", Kind::Float, "Seconds each question may take.").default("30"),
];

impl Asks for K8sHealth {
    const NAME: &'static str = "k8s_health";
    const SPEC: Spec = Spec::new(
        "Finds what is wrong in a Kubernetes cluster: nodes, network, DNS, control plane, workloads, storage.",
        options![OWN, way::OPTIONS],
    )
    .examples(
        "- k8s_health:\n  register: cluster\n\n- check:\n    id: NodesReady\n    that: cluster.rows.NodesReady.problems | length == 0\n    observed: \"{{ cluster.rows.NodesReady.observed }}\"\n    required: every node is Ready\n    remedy: \"{{ cluster.rows.NodesReady.remedy }}\"\n",
    );
    const READS: bool = true;
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, _cx: &Context) -> Result<Output, Failure> {
        let world = World::look(cluster, Duration::from_secs_f64(args.timeout.clamp(1.0, 3600.0))).await?;
        let members = members::matched(&world, args.expected.as_deref().unwrap_or_default());
        let plugin = network::plugin(&world, &args.network_plugins);
        let mut told = Told { rows: Map::new(), explained: BTreeSet::new() };
        let (found, names) = network::plugins(&world, args);
        told.explained.extend(names);
        told.add("CNI", found, plugin.as_deref().unwrap_or("no network plugin"));
        let (found, names) = network::dns(&world);
        told.explained.extend(names);
        told.add("DNS", found, "available");
        let count = world.list(What::Nodes).map_or(0, <[Json]>::len);
        told.add("NodeCount", members::difference(&world, args, &members), &format!("{count} nodes"));
        told.add("NodesReady", nodes::ready(&world), &format!("{count} nodes"));
        told.add("Versions", versions::skew(&world, args.version.as_deref()), &world.version);
        for (id, lease) in [("ControllerManager", "kube-controller-manager"), ("Scheduler", "kube-scheduler")]
        {
            told.add(id, control::lease(&world, lease, args.lease_seconds), "lease is fresh");
        }
        told.add("APIServices", control::api_services(&world), "available");
        told.add("Webhooks", control::webhooks(&world), "served");
        told.add("CertificateRequests", control::requests(&world, args.request_seconds), "none");
        told.add("Namespaces", control::namespaces(&world, args.stuck_seconds), "none ends");
        told.add("Finalizers", control::finalizers(&world, args.stuck_seconds), "none ends");
        let (found, names) = workloads::unavailable(&world, &args.system_namespaces, &told.explained);
        told.explained.extend(names);
        told.add("Workloads", found, "available");
        told.add("Pods", workloads::pods(&world, args.pod_seconds, &told.explained), "well");
        told.add("FailedPods", workloads::failed(&world), "none");
        told.add("VolumeClaims", storage::claims(&world, args.volume_seconds), "bound");
        told.add("Volumes", storage::volumes(&world), "well");
        told.add("VolumeAttachments", storage::attachments(&world, args.volume_seconds), "attached");
        told.add("StorageClass", storage::classes(&world, args.default_storage_classes), "as required");
        let names: Map = members.into_iter().map(|(name, node)| (name, node.into())).collect();
        Ok(Output::new(false)
            .with("rows", told.rows)
            .with("members", names)
            .with("network_plugin", plugin)
            .with("dns_servers", network::servers(&world))
            .with("dns_domain", network::domain(&world))
            .with("version", world.version))
    }
}

/// The rows so far, and the workloads whose pods need no word any more.
struct Told {
    rows: Map,
    explained: BTreeSet<Key>,
}

impl Told {
    fn add(&mut self, id: &str, found: Found, seen: &str) {
        self.rows.insert(id.to_string(), row(&found, seen));
    }
}
