//! The Kubernetes modules against a double of the API server: what is asked, what is changed, and what the server refuses. Each is
//! asked directly and, where that differs, through a host's connection.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on shall fail"
)]

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/mod.rs"]
mod support;

mod changes;
mod containers;
mod drain;
mod drain_plan;
mod drain_volumes;
mod helm;
mod jsonpath;
mod k8s;
mod objects;
mod options;
mod proxy;
mod side_by_side;
mod ways;

use muster_apiserver::{Cluster, Double};
use muster_engine::module::{Failure, Map};
use serde_json::{Value as Json, json};
use std::path::Path;
use support::Bench;

/// Runs a module against the double.
async fn run(double: &Double, bench: &Bench, module: &str, args: Json) -> Result<Map, Failure> {
    let mut args = args;
    args["kubeconfig"] = json!(double.kubeconfig());
    bench.run(module, &args).await.map(|output| output.result)
}

fn bench() -> Bench {
    Bench::new(Path::new("/"))
}

/// A host that is not this machine, as far as a module can see: everything of it is read there, and its API asked through a tunnel.
fn far() -> Bench {
    Bench { kind: "ssh".into(), ..bench() }
}

fn names(result: &Map) -> Vec<&str> {
    result["resources"].as_array().unwrap().iter().map(|o| o["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn objects_are_found_by_kind_name_namespace_and_labels() {
    let double = Double::start(Cluster::healthy().workers(2)).await.unwrap();
    let nodes = run(&double, &bench(), "k8s_info", json!({"kind": "no"})).await.unwrap();
    assert_eq!(nodes["api_found"], true);
    assert_eq!(nodes["resources"].as_array().unwrap().len(), 5);
    assert_eq!(nodes["resources"][0]["kind"], "Node");
    let own = names(&nodes)[0].to_string();
    let one = run(&double, &bench(), "k8s_info", json!({"kind": "Node", "name": own})).await.unwrap();
    assert_eq!(names(&one), [own.as_str()]);
    let none = run(&double, &bench(), "k8s_info", json!({"kind": "Node", "name": "nobody"})).await.unwrap();
    assert_eq!(none["resources"], json!([]));
    let dns = json!({"kind": "Pod", "namespace": "kube-system", "label_selectors": ["k8s-app=kube-dns"], "query": "[].metadata.namespace"});
    let dns = run(&double, &bench(), "k8s_info", dns).await.unwrap();
    assert!(!names(&dns).is_empty() && names(&dns).iter().all(|name| name.starts_with("coredns")), "{dns:?}");
    assert_eq!(dns["result"][0], "kube-system");
}

#[tokio::test]
async fn a_kind_that_nobody_serves_is_said_and_is_no_failure() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let args = json!({"kind": "Machine", "api_version": "cluster.x-k8s.io/v1beta1"});
    let found = run(&double, &bench(), "k8s_info", args).await.unwrap();
    assert_eq!(found["api_found"], false);
    assert_eq!(
        found["msg"],
        "Failed to find API for resource with apiVersion \"cluster.x-k8s.io/v1beta1\" and kind \"Machine\""
    );
}

#[tokio::test]
async fn a_host_s_own_connection_reaches_an_api_that_only_it_knows() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let nodes = run(&double, &far(), "k8s_info", json!({"kind": "Node"})).await.unwrap();
    assert_eq!(nodes["resources"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn another_cluster_than_the_pinned_one_is_asked_nothing_else() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let mut bench = bench();
    bench.vars.insert("muster_cluster_uid".into(), json!("not-this-one"));
    let refused = run(&double, &bench, "k8s_info", json!({"kind": "Node"})).await.unwrap_err();
    assert!(refused.message().contains("another cluster"), "{}", refused.message());
    let asked: Vec<String> = double.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(asked, ["/api/v1/namespaces/kube-system"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_and_a_kubeconfig_that_is_not_there_are_told_apart() {
    let missing =
        bench().run("k8s_info", &json!({"kind": "Node", "kubeconfig": "/nowhere/config"})).await.unwrap_err();
    assert!(
        missing.message().contains("cannot read the kubeconfig /nowhere/config"),
        "{}",
        missing.message()
    );
    let closed = json!({"kind": "Node", "host": "https://127.0.0.1:1", "api_key": "s3cret"});
    let closed = bench().run("k8s_info", &closed).await.unwrap_err();
    assert!(closed.message().contains("Nothing listens there"), "{}", closed.message());
    assert!(!format!("{closed:?}").contains("s3cret"));
}
