//! What Helm left in a cluster, as it was recorded: releases are read without a helm, and secrets of their values are not shown.

use super::{bench, run};
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};

/// The recorded Secrets of two releases and more revisions.
fn recorded() -> Vec<Json> {
    let text = include_str!("../../../tests/apiserver/recordings/workloads/helm-secrets.json");
    let recording: Json = serde_json::from_str(text).unwrap();
    let items = recording["response"]["body"]["items"].as_array().unwrap().clone();
    let whole = |mut secret: Json| {
        secret["kind"] = json!("Secret");
        secret["apiVersion"] = json!("v1");
        secret
    };
    items.into_iter().map(whole).collect()
}

async fn double() -> Double {
    let cluster = recorded().into_iter().fold(Cluster::healthy().namespace("shop"), Cluster::with);
    Double::start(cluster).await.unwrap()
}

#[tokio::test]
async fn the_newest_revision_of_a_release_is_told() {
    let double = double().await;
    let args = json!({"name": "metallb", "namespace": "kube-system", "release_state": ["all"]});
    let found = run(&double, &bench(), "helm_info", args).await.unwrap();
    let status = &found["status"];
    assert_eq!((&status["name"], &status["namespace"]), (&json!("metallb"), &json!("kube-system")));
    let newest = recorded()
        .iter()
        .filter(|s| s["metadata"]["labels"]["name"] == "metallb")
        .filter_map(|s| s["metadata"]["labels"]["version"].as_str()?.parse::<u64>().ok())
        .max();
    assert_eq!(status["revision"], json!(newest.unwrap().to_string()));
    assert!(status["chart"].as_str().unwrap().starts_with("metallb-"), "{status}");
    for key in ["app_version", "updated", "values", "manifest", "notes", "hooks", "status"] {
        assert!(!status[key].is_null(), "{key} in {status}");
    }
}

#[tokio::test]
async fn only_states_that_are_asked_for_are_told_and_nothing_is_no_failure() {
    let double = double().await;
    // By default as `helm list`: deployed or failed.
    let pending = json!({"name": "metallb", "namespace": "kube-system"});
    assert!(!run(&double, &bench(), "helm_info", pending).await.unwrap().contains_key("status"));
    let failed = json!({"name": "catalog", "namespace": "shop"});
    assert_eq!(run(&double, &bench(), "helm_info", failed).await.unwrap()["status"]["status"], "failed");
    let none = json!({"name": "none", "namespace": "shop"});
    let none = run(&double, &bench(), "kubernetes.core.helm_info", none).await.unwrap();
    assert_eq!((none.get("status"), &none["changed"]), (None, &json!(false)));
}

#[tokio::test]
async fn a_cluster_s_kinds_version_and_address_are_told_without_its_secrets() {
    let double = double().await;
    let info = run(&double, &bench(), "k8s_cluster_info", json!({"invalidate_cache": false})).await.unwrap();
    assert_eq!(info["version"]["server"]["kubernetes"]["gitVersion"], "v1.36.2");
    let deployment = &info["apis"]["apps/v1"]["Deployment"];
    assert_eq!(
        (&deployment["name"], &deployment["namespaced"], &deployment["preferred"]),
        (&json!("deployments"), &json!(true), &json!(true))
    );
    assert_eq!(info["apis"]["v1"]["Node"]["short_names"], json!(["no"]));
    assert_eq!(
        (&info["connection"]["host"], &info["connection"]["password"]),
        (&json!(double.url()), &Json::Null)
    );
}
