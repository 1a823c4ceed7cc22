//! Pods as a kubelet reports them, and workloads with the pods they own.

use serde_json::{Value, json};

use super::Cluster;
use crate::object::{now, set, set_condition, suffix, text};

/// A workload to build: its kind, how many, and where its pods run.
#[derive(Clone, Debug)]
pub struct Workload {
    /// `Deployment`, `StatefulSet` or `DaemonSet`.
    pub kind: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name, and the value of the label of its pods.
    pub name: String,
    /// How many; a DaemonSet has one a node.
    pub replicas: usize,
    /// The label key of its pods.
    pub label: &'static str,
    /// The image.
    pub image: String,
    /// Whether its pods use the network of the host and tolerate everything.
    pub system: bool,
    /// The nodes its pods are put on, in turn.
    pub nodes: Vec<String>,
}

impl Cluster {
    /// The same with a Deployment, its ReplicaSet and pods, spread over the workers; the namespace is made.
    #[must_use]
    pub fn deployment(self, namespace: &str, name: &str, replicas: usize) -> Self {
        let nodes = self.nodes(false);
        self.namespace_if_missing(namespace).workload(&Workload {
            kind: "Deployment",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas,
            label: "app",
            image: format!("registry.example.com/{name}:1.0"),
            system: false,
            nodes,
        })
    }

    /// The same with a StatefulSet and its pods.
    #[must_use]
    pub fn stateful_set(self, namespace: &str, name: &str, replicas: usize) -> Self {
        let nodes = self.nodes(false);
        self.namespace_if_missing(namespace).workload(&Workload {
            kind: "StatefulSet",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas,
            label: "app",
            image: format!("registry.example.com/{name}:1.0"),
            system: false,
            nodes,
        })
    }

    /// The same with a disruption budget over the pods with `app=NAME`; `limit` is `minAvailable` or `maxUnavailable`.
    #[must_use]
    pub fn budget(self, namespace: &str, name: &str, limit: &str, value: Value) -> Self {
        let mut budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": format!("{name}-pdb"), "namespace": namespace, "generation": 1},
            "spec": {"selector": {"matchLabels": {"app": name}}},
        });
        set(&mut budget, &format!("/spec/{limit}"), value);
        self.with(budget).settled()
    }

    /// The same with a pod that nobody owns, running on a node.
    #[must_use]
    pub fn bare_pod(self, namespace: &str, name: &str, node: &str) -> Self {
        let pod =
            pod(namespace, name, node, json!({"app": name}), &format!("registry.example.com/{name}:1.0"));
        self.namespace_if_missing(namespace).with(pod)
    }

    fn namespace_if_missing(self, name: &str) -> Self {
        let there = self.of_kind("Namespace").any(|found| crate::object::name(found) == name);
        if there { self } else { self.namespace(name) }
    }

    /// The same with a workload and its pods.
    #[must_use]
    pub fn workload(mut self, wanted: &Workload) -> Self {
        let labels = json!({wanted.label: wanted.name});
        let template = template(wanted, &labels);
        let mut owner = json!({
            "apiVersion": "apps/v1", "kind": wanted.kind,
            "metadata": {
                "name": wanted.name, "namespace": wanted.namespace, "uid": uuid::Uuid::new_v4().to_string(), "generation": 1,
                "labels": labels.clone(),
            },
            "spec": {"selector": {"matchLabels": labels.clone()}, "template": template},
            "status": {},
        });
        let count = if wanted.kind == "DaemonSet" { wanted.nodes.len() } else { wanted.replicas };
        if wanted.kind != "DaemonSet" {
            set(&mut owner, "/spec/replicas", count);
        }
        let mut labels = labels;
        let mut pod_owner = owner.clone();
        if wanted.kind == "Deployment" {
            set(&mut owner, "/metadata/annotations", json!({"deployment.kubernetes.io/revision": "1"}));
            let hash = format!("{:08x}", crc(&wanted.name));
            set(&mut labels, "/pod-template-hash", hash.clone());
            pod_owner = replica_set(&owner, &hash, &labels);
            self = self.with(pod_owner.clone());
        } else {
            set(&mut labels, "/controller-revision-hash", format!("{:08x}", crc(&wanted.name)));
        }
        for index in 0..count {
            let own = match wanted.kind {
                "StatefulSet" => format!("{}-{index}", wanted.name),
                _ => format!("{}-{}", crate::object::name(&pod_owner), suffix()),
            };
            let node =
                wanted.nodes.get(index % wanted.nodes.len().max(1)).map(String::as_str).unwrap_or_default();
            let mut made = pod(&wanted.namespace, &own, node, labels.clone(), &wanted.image);
            set(&mut made, "/metadata/generateName", format!("{}-", crate::object::name(&pod_owner)));
            set(&mut made, "/metadata/ownerReferences", json!([reference(&pod_owner)]));
            if wanted.system {
                set(&mut made, "/spec/hostNetwork", true);
                set(&mut made, "/spec/priorityClassName", "system-node-critical");
                set(&mut made, "/spec/tolerations", json!([{"operator": "Exists"}]));
                let address = self.address_of(node);
                set(&mut made, "/status/podIP", address.clone());
                set(&mut made, "/status/podIPs", json!([{"ip": address}]));
            }
            set(&mut made, "/status/hostIP", self.address_of(node));
            self = self.with(made);
        }
        self.with(owner)
    }

    fn address_of(&self, node: &str) -> String {
        let found = self.of_kind("Node").find(|found| crate::object::name(found) == node);
        found.map(crate::subresource::address).unwrap_or_default()
    }
}

/// A hash of a name, short and the same every time.
fn crc(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The owner reference of a controller.
pub(crate) fn reference(owner: &Value) -> Value {
    json!({
        "apiVersion": text(owner, "/apiVersion"), "kind": text(owner, "/kind"), "name": crate::object::name(owner),
        "uid": crate::object::uid(owner), "controller": true, "blockOwnerDeletion": true,
    })
}

fn template(wanted: &Workload, labels: &Value) -> Value {
    let mut template = json!({
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{
                "name": wanted.name, "image": wanted.image, "imagePullPolicy": "IfNotPresent", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    });
    if wanted.system {
        set(&mut template, "/spec/hostNetwork", true);
        set(&mut template, "/spec/priorityClassName", "system-node-critical");
    }
    template
}

/// The ReplicaSet of a Deployment for its present template.
pub(crate) fn replica_set(deployment: &Value, hash: &str, labels: &Value) -> Value {
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    set(&mut template, "/metadata/labels", labels.clone());
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", crate::object::name(deployment)), "namespace": crate::object::namespace(deployment),
            "uid": uuid::Uuid::new_v4().to_string(), "generation": 1, "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": deployment.pointer("/spec/replicas").cloned().unwrap_or(json!(1)),
            "selector": {"matchLabels": labels}, "template": template,
        },
        "status": {"replicas": 0},
    })
}

/// A pod that runs and is ready.
pub(crate) fn pod(namespace: &str, name: &str, node: &str, labels: Value, image: &str) -> Value {
    let container = labels.get("app").or_else(|| labels.get("k8s-app")).or_else(|| labels.get("component"));
    let container = container.and_then(Value::as_str).unwrap_or(name).to_owned();
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": uuid::Uuid::new_v4().to_string(), "generation": 1, "labels": labels},
        "spec": {
            "containers": [{
                "name": container, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "nodeName": node, "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    });
    run(&mut pod, "");
    pod
}

/// Makes a pod running and ready, as its kubelet would report it.
pub(crate) fn run(pod: &mut Value, host: &str) {
    let seed = crc(crate::object::name(pod));
    let address = format!("192.168.{}.{}", seed % 250, 2 + seed / 250 % 250);
    set(pod, "/status/phase", "Running");
    for kind in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"] {
        set_condition(pod, kind, "True", "", "");
    }
    if !host.is_empty() {
        set(pod, "/status/hostIP", host);
        set(pod, "/status/hostIPs", json!([{"ip": host}]));
    }
    set(pod, "/status/podIP", address.clone());
    set(pod, "/status/podIPs", json!([{"ip": address}]));
    set(pod, "/status/startTime", now());
    let containers: Vec<Value> = crate::object::items(pod, "/spec/containers").cloned().collect();
    let status = |container: &Value| {
        json!({
            "name": text(container, "/name"), "image": text(container, "/image"), "imageID": text(container, "/image"),
            "containerID": format!("containerd://{:064x}", crc(text(container, "/name"))),
            "ready": true, "restartCount": 0, "started": true, "lastState": {}, "state": {"running": {"startedAt": now()}},
        })
    };
    set(pod, "/status/containerStatuses", containers.iter().map(status).collect::<Vec<_>>());
}

/// The static pods of a control plane, as their kubelet mirrors them.
pub(super) fn static_pods(node: &str, address: &str, version: &str) -> Vec<Value> {
    let all = [
        ("etcd", "registry.k8s.io/etcd:3.6.6-0".to_owned()),
        ("kube-apiserver", format!("registry.k8s.io/kube-apiserver:{version}")),
        ("kube-controller-manager", format!("registry.k8s.io/kube-controller-manager:{version}")),
        ("kube-scheduler", format!("registry.k8s.io/kube-scheduler:{version}")),
    ];
    let one = |(component, image): (&str, String)| {
        let labels = json!({"component": component, "tier": "control-plane"});
        let mut made = pod("kube-system", &format!("{component}-{node}"), node, labels, &image);
        let hash = format!("{:08x}{:08x}", crc(component), crc(node));
        set(
            &mut made,
            "/metadata/annotations",
            json!({
                "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash, "kubernetes.io/config.source": "file",
            }),
        );
        set(
            &mut made,
            "/metadata/ownerReferences",
            json!([
                {"apiVersion": "v1", "kind": "Node", "name": node, "uid": node, "controller": true},
            ]),
        );
        match component {
            "etcd" => {
                let key = "/metadata/annotations/kubeadm.kubernetes.io~1etcd.advertise-client-urls";
                set(&mut made, key, format!("https://{address}:2379"));
            }
            "kube-apiserver" => {
                let key =
                    "/metadata/annotations/kubeadm.kubernetes.io~1kube-apiserver.advertise-address.endpoint";
                set(&mut made, key, format!("{address}:6443"));
            }
            _ => {}
        }
        for (pointer, value) in [
            ("/spec/hostNetwork", json!(true)),
            ("/spec/priority", json!(2_000_001_000)),
            ("/spec/priorityClassName", json!("system-node-critical")),
            ("/spec/tolerations", json!([{"effect": "NoExecute", "operator": "Exists"}])),
            ("/status/podIP", json!(address)),
            ("/status/podIPs", json!([{"ip": address}])),
            ("/status/hostIP", json!(address)),
        ] {
            set(&mut made, pointer, value);
        }
        made
    };
    all.into_iter().map(one).collect()
}
