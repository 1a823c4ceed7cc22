//! What kubeadm and the usual addons leave in a cluster besides nodes and pods: configuration, services, leases of the
//! controllers, APIServices, the storage class.

use serde_json::{Value, json};

use super::nodes::lease;
use super::pods::Workload;
use super::{Cluster, VERSION};
use crate::controllers;
use crate::object::set;
use crate::resource;
use crate::store::Store;

/// The objects that are there whatever the nodes are.
pub(super) fn objects() -> Vec<Value> {
    let config = format!(
        "apiServer: {{}}\napiVersion: kubeadm.k8s.io/v1beta4\nclusterName: kubernetes\ncontrolPlaneEndpoint: 10.0.0.5:6443\n\
         etcd:\n  local:\n    dataDir: /var/lib/etcd\nkind: ClusterConfiguration\nkubernetesVersion: {VERSION}\n\
         networking:\n  dnsDomain: cluster.local\n  podSubnet: 192.168.0.0/16\n  serviceSubnet: 10.96.0.0/12\n"
    );
    let corefile = ".:53 {\n    errors\n    health\n    ready\n    kubernetes cluster.local in-addr.arpa ip6.arpa\n    forward . /etc/resolv.conf\n    cache 30\n}\n";
    let map = |space: &str, name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": space}, "data": data});
    let service = |space: &str, name: &str, ip: &str, ports: Value, selector: Value| {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": space},
            "spec": {
                "clusterIP": ip, "clusterIPs": [ip], "type": "ClusterIP", "sessionAffinity": "None", "ports": ports,
                "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            },
            "status": {"loadBalancer": {}},
        });
        if selector.is_object() {
            set(&mut service, "/spec/selector", selector);
        }
        service
    };
    let https = json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]);
    let dns = json!([
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
    ]);
    let mut names = service("kube-system", "kube-dns", "10.96.0.10", dns, json!({"k8s-app": "kube-dns"}));
    let labels = json!({"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"});
    set(&mut names, "/metadata/labels", labels);
    let mut all = vec![
        map("kube-system", "kubeadm-config", json!({"ClusterConfiguration": config})),
        map("kube-system", "coredns", json!({"Corefile": corefile})),
        map(
            "kube-system",
            "kube-proxy",
            json!({"config.conf": "kind: KubeProxyConfiguration\nmode: iptables\n"}),
        ),
        map("kube-public", "cluster-info", json!({"kubeconfig": ""})),
        service("default", "kubernetes", "10.96.0.1", https, Value::Null),
        names,
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kubernetes.io/no-provisioner", "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        }),
    ];
    for (name, value) in
        [("system-cluster-critical", 2_000_000_000_i64), ("system-node-critical", 2_000_001_000)]
    {
        all.push(json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value,
            "globalDefault": false, "preemptionPolicy": "PreemptLowerPriority",
        }));
    }
    all.extend(api_services());
    all
}

/// The APIServices that the server registers for itself.
fn api_services() -> Vec<Value> {
    resource::served(&Store::default())
        .into_iter()
        .map(|list| {
            let name = if list.group.is_empty() { format!("{}.", list.version) } else { format!("{}.{}", list.version, list.group) };
            json!({
                "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
                "spec": {"group": list.group, "version": list.version, "groupPriorityMinimum": 17_000, "versionPriority": 15},
                "status": {"conditions": [{
                    "type": "Available", "status": "True", "reason": "Local", "message": "Local APIServices are always available",
                    "lastTransitionTime": crate::object::now(),
                }]},
            })
        })
        .collect()
}

impl Cluster {
    /// The same with the system workloads for its nodes and every status as the controllers leave it.
    #[must_use]
    pub(super) fn settled(mut self) -> Self {
        let has = |cluster: &Self, kind: &str| cluster.of_kind(kind).next().is_some();
        if has(&self, "Node") && !has(&self, "DaemonSet") {
            let first = self.nodes(true).first().cloned().unwrap_or_default();
            self = self.system_workloads();
            for controller in ["kube-controller-manager", "kube-scheduler"] {
                let holder = format!("{first}_{}", uuid::Uuid::new_v4());
                self = self.with(lease("kube-system", controller, &holder, 15));
            }
        }
        self.with_statuses()
    }

    /// The same with kube-proxy, calico and coredns, and their pods on the nodes that there are.
    #[must_use]
    pub(super) fn system_workloads(self) -> Self {
        let every: Vec<String> = self.nodes(true).into_iter().chain(self.nodes(false)).collect();
        let version = self.versions.git.clone();
        let system = |kind, namespace: &str, name: &str, image: String, nodes: &[String]| Workload {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas: if every.is_empty() { 0 } else { 2 },
            label: "k8s-app",
            image,
            system: kind == "DaemonSet",
            nodes: nodes.to_vec(),
        };
        let workers = if self.nodes(false).is_empty() { self.nodes(true) } else { self.nodes(false) };
        let proxy = format!("registry.k8s.io/kube-proxy:{version}");
        let calico = "quay.io/calico/node:v3.31.3".to_owned();
        let coredns = "registry.k8s.io/coredns/coredns:v1.14.1".to_owned();
        let cluster = self
            .namespace("calico-system")
            .workload(&system("DaemonSet", "kube-system", "kube-proxy", proxy, &every))
            .workload(&system("DaemonSet", "calico-system", "calico-node", calico, &every))
            .workload(&system("Deployment", "kube-system", "coredns", coredns, &workers))
            .coredns_labels();
        if !every.is_empty() {
            return cluster;
        }
        // Its pods come with the first nodes, which may be control planes.
        cluster.edit("Deployment", "kube-system", "coredns", |coredns| {
            let own = "node-role.kubernetes.io/control-plane";
            set(coredns, "/spec/replicas", 2);
            set(
                coredns,
                "/spec/template/spec/tolerations",
                json!([{"key": own, "effect": "NoSchedule"}, {"key": "CriticalAddonsOnly", "operator": "Exists"}]),
            );
        })
    }

    /// coredns calls itself kube-dns in its labels.
    fn coredns_labels(mut self) -> Self {
        for object in &mut self.objects {
            let ours = crate::object::label(object, "k8s-app") == Some("coredns");
            if ours {
                let renamed = object.to_string().replace(r#""k8s-app":"coredns""#, r#""k8s-app":"kube-dns""#);
                *object = serde_json::from_str(&renamed).unwrap_or_default();
            }
        }
        self
    }

    /// The same with the statuses of workloads, budgets and slices as the controllers would write them.
    fn with_statuses(mut self) -> Self {
        let mut store = Store::default();
        let kept = self.objects.clone();
        let loaded = kept.into_iter().try_for_each(|object| crate::double::load(&mut store, object));
        if loaded.is_err() {
            return self;
        }
        controllers::settle(&mut store);
        let all = store.resources();
        self.objects =
            all.iter().flat_map(|resource| store.list(resource, None).cloned().collect::<Vec<_>>()).collect();
        for object in &mut self.objects {
            crate::object::take(object, "/metadata/resourceVersion");
        }
        self
    }
}
