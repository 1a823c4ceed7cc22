//! A double whose nodes are registered by hosts: what is silent is lost and comes back, taints end pods, an out-of-service node
//! lets go of all it holds; it signs with a CA that is there already, and what it kept it has again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use muster_apiserver::{Authority, Cluster, Double, Listening};
use serde_json::{Value, json};

async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn ready(double: &Double, kind: &str, space: &str, name: &str) -> String {
    let object = double.get(kind, space, name).unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|entry| entry["type"] == "Ready");
    ready.map(|ready| ready["status"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// A node whose host renews its lease.
fn register(double: &Double, name: &str) {
    double
        .put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.9"}], "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap();
    renew(double, name, 1);
}

fn renew(double: &Double, name: &str, beat: u32) {
    double
        .put(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": format!("2026-01-01T00:00:{beat:02}.000000Z")},
        }))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_silent_is_lost_and_comes_back_when_it_speaks() {
    let double = Double::start(Cluster::awaiting_hosts(Duration::from_secs(2))).await.unwrap();
    register(&double, "w1");
    let system = || {
        double.list("pods").into_iter().filter(|pod| pod["spec"]["nodeName"] == "w1").collect::<Vec<Value>>()
    };
    until("its system pods", || {
        system().iter().filter(|pod| pod["status"]["phase"] == "Running").count() == 4
    })
    .await;
    let pod = system()[0]["metadata"].clone();
    let (space, name) = (pod["namespace"].as_str().unwrap(), pod["name"].as_str().unwrap());
    until("its end", || ready(&double, "nodes", "", "w1") == "Unknown").await;
    until("its pods", || ready(&double, "pods", space, name) == "False").await;
    let taints = double.get("nodes", "", "w1").unwrap()["spec"]["taints"].clone();
    assert_eq!(taints.as_array().unwrap().len(), 2, "{taints}");
    assert_eq!(taints[0]["key"], "node.kubernetes.io/unreachable");

    double
        .edit("nodes", "", "w1", |node| {
            node["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-01-02T00:00:00Z")
        })
        .unwrap();
    double
        .edit("nodes", "", "w1", |node| {
            for condition in node["status"]["conditions"].as_array_mut().unwrap() {
                if condition["type"] == "Ready" {
                    condition["status"] = json!("True");
                }
            }
        })
        .unwrap();
    renew(&double, "w1", 2);
    until("no taint", || double.get("nodes", "", "w1").unwrap()["spec"].get("taints").is_none()).await;
    until("its pods again", || ready(&double, "pods", space, name) == "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_out_of_service_node_lets_go_of_pods_and_volumes() {
    let double = Double::start(Cluster::awaiting_hosts(Duration::from_millis(300))).await.unwrap();
    register(&double, "w1");
    double
        .put(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db", "namespace": "default", "uid": "db"},
            "spec": {"nodeName": "w1", "containers": [{"name": "db", "image": "x"}]}, "status": {"phase": "Pending"},
        }))
        .unwrap();
    double
        .put(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "csi-1"},
            "spec": {"attacher": "csi.example.com", "nodeName": "w1", "source": {"persistentVolumeName": "pv-1"}},
        }))
        .unwrap();
    until("its end", || ready(&double, "nodes", "", "w1") == "Unknown").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let attached = || double.get("volumeattachments.storage.k8s.io", "", "csi-1").is_some();
    assert!(attached(), "nobody said that its power is off");
    double
        .edit("nodes", "", "w1", |node| {
            let taint = json!({"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"});
            node["spec"]["taints"].as_array_mut().unwrap().push(taint);
        })
        .unwrap();
    until("the volume is free", || !attached()).await;
    until("the pod is gone", || double.get("pods", "default", "db").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_signs_with_a_ca_that_is_there_and_goes_on_from_what_it_kept() {
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = params;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap();
    let authority = Authority::known(&made.pem(), &key.serialize_pem()).unwrap();
    let listening = Listening { authority: Some(std::sync::Arc::new(authority)), ..Listening::default() };
    let double = Double::start_at(Cluster::awaiting_hosts(Duration::from_secs(60)), listening).await.unwrap();
    assert_eq!(double.authority(), made.pem());
    register(&double, "w1");
    let directory = tempdir();
    std::fs::write(directory.join("state.json"), double.saved().to_string()).unwrap();
    drop(double);
    let again = Cluster::empty().load(&directory.join("state.json")).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let double = Double::start(again).await.unwrap();
    assert_eq!(double.get("nodes", "", "w1").unwrap()["metadata"]["uid"], "w1");
}

fn tempdir() -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("muster-apiserver-hosts-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
