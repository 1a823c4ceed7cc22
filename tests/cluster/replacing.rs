//! The step `endpoints` of replacing a control plane, by itself: what kubeadm keeps about a machine that is gone is put right, and
//! nothing is touched where another machine has its address.

use super::run;
use muster_apiserver::object::set;
use muster_apiserver::{Cluster, Double};
use serde_json::json;

const STATUS: &str = "apiEndpoints:\n  control-plane-0: {advertiseAddress: 10.0.0.10, bindPort: 6443}\n  \
                      control-plane-1: {advertiseAddress: 10.0.0.11, bindPort: 6443}\napiVersion: kubeadm.k8s.io/v1beta2\n";
const CONFIG: &str =
    "apiVersion: kubeadm.k8s.io/v1beta2\ncontrolPlaneEndpoint: 10.0.0.11:6443\nkind: ClusterConfiguration\n";
const INFO: &str =
    "apiVersion: v1\nclusters:\n- cluster: {server: 'https://10.0.0.11:6443'}\n  name: ''\nkind: Config\n";

/// A cluster whose first control plane was the machine that is gone.
async fn started() -> Double {
    let cluster = Cluster::healthy()
        .edit("ConfigMap", "kube-system", "kubeadm-config", |map| {
            set(map, "/data", json!({"ClusterStatus": STATUS, "ClusterConfiguration": CONFIG}));
        })
        .edit("ConfigMap", "kube-public", "cluster-info", |map| {
            set(map, "/data", json!({"kubeconfig": INFO}))
        });
    Double::start(cluster).await.unwrap()
}

/// Runs the step for control-plane-1 and a successor; gives what was shown.
async fn step(double: &Double, successor: &str) -> String {
    let roles = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/roles");
    let play = json!([{"hosts": "cp0", "gather_facts": false, "show": "messages", "vars": {
        "replace_join": "ssh", "replace_journal": {"done": [], "data": {}}, "replace_endpoint_timeout": 2,
        "replace": {"name": "control-plane-1", "node": "control-plane-1", "addresses": ["10.0.0.11"], "lead": "cp0", "successor": successor,
            "api": true, "joined": false}},
        "tasks": [{"include_role": {"name": format!("{roles}/replace-control-plane"), "tasks_from": "steps/endpoints"}}]}]);
    let hosts = json!({"all": {"vars": {"ansible_connection": "local"}, "hosts": {
        "cp0": {"survey": {"addresses": ["cp0.example.com", "10.0.0.10"]}}, "spare": {"survey": {"addresses": ["10.0.0.19"]}},
        "control-plane-1": {"survey": {"addresses": ["10.0.0.11"]}}}}});
    for (name, content) in [("site.yml", play), ("hosts.json", hosts)] {
        std::fs::write(double.directory().join(name), content.to_string()).unwrap();
    }
    let seen = run(double, &["run", "site.yml", "-i", "hosts.json"]).await;
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
    seen.out
}

fn kept(double: &Double, namespace: &str, name: &str, key: &str) -> String {
    let map = double.get("configmaps", namespace, name).unwrap();
    map["data"][key].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_kubeadm_speaks_of_an_address_that_is_gone_it_speaks_of_one_that_stays() {
    let double = started().await;
    let shown = step(&double, "spare").await;
    let status = kept(&double, "kube-system", "kubeadm-config", "ClusterStatus");
    assert!(status.contains("control-plane-0") && !status.contains("control-plane-1"), "{status}");
    let config = kept(&double, "kube-system", "kubeadm-config", "ClusterConfiguration");
    assert_eq!(config, CONFIG.replace("10.0.0.11", "10.0.0.10"));
    assert_eq!(
        kept(&double, "kube-public", "cluster-info", "kubeconfig"),
        INFO.replace("10.0.0.11", "10.0.0.10")
    );
    for said in [
        "taken out of ClusterStatus",
        "controlPlaneEndpoint was 10.0.0.11:6443",
        "those who join begin at https://10.0.0.10:6443",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(
        shown.contains(
            "load balancers, DNS and kubeconfigs that name 10.0.0.11: only you can change these, to 10.0.0.19"
        ),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_new_machine_has_the_old_one_s_address_only_the_cluster_status_changes() {
    let double = started().await;
    let shown = step(&double, "control-plane-1").await;
    assert!(!kept(&double, "kube-system", "kubeadm-config", "ClusterStatus").contains("control-plane-1"));
    assert_eq!(kept(&double, "kube-system", "kubeadm-config", "ClusterConfiguration"), CONFIG);
    assert_eq!(kept(&double, "kube-public", "cluster-info", "kubeconfig"), INFO);
    assert_eq!(shown.trim(), "kube-system/kubeadm-config: control-plane-1 is taken out of ClusterStatus");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_nobody_takes_out_is_taken_out_and_the_others_stay() {
    let double = started().await;
    let endpoint = |address: &str| json!({"addresses": [address], "conditions": {"ready": true}});
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "endpoints": [endpoint("10.0.0.10"), endpoint("10.0.0.11"), endpoint("10.0.0.12")],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    });
    double.put(slice).unwrap();
    step(&double, "spare").await;
    let left = double.get("endpointslices.discovery.k8s.io", "default", "kubernetes").unwrap();
    let left: Vec<_> =
        left["endpoints"].as_array().unwrap().iter().map(|one| one["addresses"][0].clone()).collect();
    assert_eq!(left, ["10.0.0.10", "10.0.0.12"]);
}
