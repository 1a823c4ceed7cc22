//! Nodes with what belongs to each: its lease, its static pods where it is a control plane, its pods of the DaemonSets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Cluster, pods};
use crate::object::{micro, set, set_condition};

impl Cluster {
    /// The same with a control plane: its node, lease and static pods.
    #[must_use]
    pub fn control_plane(mut self, name: &str, address: &str) -> Self {
        self = self.node(name, address, true);
        for pod in pods::static_pods(name, address, &self.versions.git) {
            self = self.with(pod);
        }
        self
    }

    /// The same with a worker: its node and lease.
    #[must_use]
    pub fn worker(self, name: &str, address: &str) -> Self {
        self.node(name, address, false)
    }

    fn node(mut self, name: &str, address: &str, control_plane: bool) -> Self {
        let index = self.of_kind("Node").count();
        let version = self.versions.git.clone();
        self = self.with(node(name, address, index, control_plane, &version));
        let lease = lease("kube-node-lease", name, name, 40);
        self.with(lease)
    }

    /// The same with a node that has stopped answering: conditions unknown, taints, an old lease, its pods not ready.
    #[must_use]
    pub fn lost(mut self, name: &str) -> Self {
        self = self.edit("Node", "", name, |node| {
            unanswered(node);
            let since = crate::object::now();
            set(
                node,
                "/spec/taints",
                json!([
                    {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule", "timeAdded": since},
                    {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": since},
                ]),
            );
        });
        self = self.edit("Lease", "kube-node-lease", name, |lease| {
            let old = Timestamp::now() - jiff::SignedDuration::from_mins(30);
            set(lease, "/spec/renewTime", micro(old));
        });
        for pod in self.objects.iter_mut().filter(|pod| crate::object::text(pod, "/spec/nodeName") == name) {
            set_condition(pod, "Ready", "False", "", "");
        }
        self
    }
}

/// The conditions of a node that nobody hears of.
pub(crate) fn unanswered(node: &mut Value) {
    const WHY: &str = "Kubelet stopped posting node status.";
    for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
        set_condition(node, kind, "Unknown", "NodeStatusUnknown", WHY);
    }
}

/// A node that is ready.
fn node(name: &str, address: &str, index: usize, control_plane: bool, version: &str) -> Value {
    let mut node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            },
            "annotations": {
                "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock",
                "node.alpha.kubernetes.io/ttl": "0",
                "projectcalico.org/IPv4Address": format!("{address}/24"),
            },
        },
        "spec": {"podCIDR": format!("192.168.{index}.0/24"), "podCIDRs": [format!("192.168.{index}.0/24")]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": {"cpu": "4", "ephemeral-storage": "47093746742", "hugepages-2Mi": "0", "memory": "8024340Ki", "pods": "110"},
            "capacity": {"cpu": "4", "ephemeral-storage": "51100020Ki", "hugepages-2Mi": "0", "memory": "8126740Ki", "pods": "110"},
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [],
            "nodeInfo": {
                "architecture": "amd64", "bootID": uuid::Uuid::new_v4().to_string(), "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.8.0-71-generic", "kubeProxyVersion": "", "kubeletVersion": version,
                "machineID": uuid::Uuid::new_v4().simple().to_string(), "operatingSystem": "linux",
                "osImage": "Ubuntu 24.04.3 LTS", "systemUUID": uuid::Uuid::new_v4().to_string(),
            },
        },
    });
    if control_plane {
        set(&mut node, "/metadata/labels/node-role.kubernetes.io~1control-plane", "");
        set(&mut node, "/metadata/labels/node.kubernetes.io~1exclude-from-external-load-balancers", "");
        set(
            &mut node,
            "/spec/taints",
            json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]),
        );
    }
    set_condition(&mut node, "NetworkUnavailable", "False", "CalicoIsUp", "Calico is running on this node");
    for (kind, reason, message) in [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ] {
        set_condition(&mut node, kind, "False", reason, message);
    }
    set_condition(&mut node, "Ready", "True", "KubeletReady", "kubelet is posting ready status");
    let heartbeat = crate::object::now();
    if let Some(conditions) = node.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.iter_mut().for_each(|condition| set(condition, "/lastHeartbeatTime", heartbeat.clone()));
    }
    node
}

/// A lease that was renewed just now.
pub(super) fn lease(namespace: &str, name: &str, holder: &str, seconds: u32) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": micro(Timestamp::now())},
    })
}
