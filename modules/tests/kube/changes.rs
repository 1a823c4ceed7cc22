//! Modules that change one object: a JSON patch, taints, labels. Each changes what it says, once, and only as if in check mode.

use super::{bench, far, run};
use muster_apiserver::{Cluster, Double};
use serde_json::json;

/// The name of a worker.
fn worker(double: &Double) -> String {
    let nodes = double.list("nodes");
    let plain = |node: &&serde_json::Value| {
        node["metadata"]["labels"].get("node-role.kubernetes.io/control-plane").is_none()
    };
    nodes.iter().find(plain).unwrap()["metadata"]["name"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn a_json_patch_changes_an_object_once_and_check_mode_only_says_so() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 2)).await.unwrap();
    let args = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop",
        "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}]});
    let mut trying = bench();
    trying.check_mode = true;
    trying.diff = true;
    let tried = run(&double, &trying, "k8s_json_patch", args.clone()).await.unwrap();
    assert_eq!(tried["changed"], true);
    assert_eq!(tried["diff"]["after"]["spec"]["replicas"], 3);
    assert_eq!(double.get("deployments.apps", "shop", "web").unwrap()["spec"]["replicas"], 2);
    let done = run(&double, &far(), "k8s_json_patch", args.clone()).await.unwrap();
    assert_eq!((&done["changed"], &done["result"]["spec"]["replicas"]), (&json!(true), &json!(3)));
    let again = run(&double, &bench(), "k8s_json_patch", args).await.unwrap();
    assert_eq!(again["changed"], false);
}

#[tokio::test]
async fn a_taint_comes_changes_and_goes_and_others_stay() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let node = worker(&double);
    let taint = |key: &str, value: &str| json!({"name": node, "taints": [{"key": key, "value": value, "effect": "NoSchedule"}]});
    for (args, changed) in
        [(taint("a", "1"), true), (taint("b", "1"), true), (taint("a", "2"), true), (taint("a", "2"), false)]
    {
        let done = run(&double, &bench(), "k8s_taint", args.clone()).await.unwrap();
        assert_eq!(done["changed"], changed, "{args}");
    }
    let gone = json!({"name": node, "state": "absent", "taints": [{"key": "a"}]});
    assert_eq!(run(&double, &bench(), "k8s_taint", gone.clone()).await.unwrap()["changed"], true);
    assert_eq!(run(&double, &bench(), "k8s_taint", gone).await.unwrap()["changed"], false);
    let left = double.get("nodes", "", &node).unwrap()["spec"]["taints"].clone();
    assert_eq!(left, json!([{"key": "b", "value": "1", "effect": "NoSchedule"}]));
}

#[tokio::test]
async fn a_label_gets_another_value_only_where_that_is_allowed() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let node = worker(&double);
    let label = |value: &str, overwrite: bool| json!({"name": node, "labels": {"pool": value}, "overwrite": overwrite});
    assert_eq!(run(&double, &bench(), "k8s_label", label("a", false)).await.unwrap()["changed"], true);
    assert_eq!(run(&double, &bench(), "k8s_label", label("a", false)).await.unwrap()["changed"], false);
    let refused = run(&double, &bench(), "k8s_label", label("b", false)).await.unwrap_err();
    assert!(refused.message().contains("pool is a, not b"), "{}", refused.message());
    assert_eq!(run(&double, &bench(), "k8s_label", label("b", true)).await.unwrap()["changed"], true);
    let gone = json!({"name": node, "labels": {"pool": null}, "state": "absent"});
    assert_eq!(run(&double, &bench(), "k8s_label", gone).await.unwrap()["changed"], true);
    assert!(double.get("nodes", "", &node).unwrap()["metadata"]["labels"].get("pool").is_none());
}

#[tokio::test]
async fn a_deployment_is_scaled_and_waited_for_but_not_from_another_number_than_expected() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 2)).await.unwrap();
    let scale = |current: i64, replicas: i64| {
        json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop",
        "current_replicas": current, "replicas": replicas, "wait_sleep": 1})
    };
    let left = run(&double, &bench(), "k8s_scale", scale(5, 3)).await.unwrap();
    assert_eq!(left["changed"], false);
    assert!(left["warning"].as_str().unwrap().contains("does not match with actual 2"), "{left:?}");
    let done = run(&double, &far(), "k8s_scale", scale(2, 3)).await.unwrap();
    assert_eq!((&done["changed"], &done["result"]["status"]["availableReplicas"]), (&json!(true), &json!(3)));
    assert_eq!(run(&double, &bench(), "k8s_scale", scale(3, 3)).await.unwrap()["changed"], false);
}
