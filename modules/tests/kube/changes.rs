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
    let path = "/apis/apps/v1/namespaces/shop/deployments/web/scale";
    let patches: Vec<String> =
        double.requests().into_iter().filter(|seen| seen.method == "PATCH").map(|seen| seen.path).collect();
    assert_eq!(patches, [path], "by the scale alone, which is what a role may allow");
}

#[tokio::test]
async fn several_workloads_are_scaled_by_their_labels_and_each_has_its_result() {
    let cluster = Cluster::healthy()
        .deployment("shop", "web", 2)
        .deployment("shop", "api", 3)
        .deployment("lab", "web", 2);
    let label = |one: &mut serde_json::Value| one["metadata"]["labels"]["tier"] = json!("front");
    let cluster = cluster.edit("Deployment", "shop", "web", label).edit("Deployment", "shop", "api", label);
    let double = Double::start(cluster).await.unwrap();
    let front = json!({"kind": "Deployment", "api_version": "apps/v1", "namespace": "shop", "label_selectors": ["tier=front"],
        "replicas": 3, "wait": false});
    let done = run(&double, &bench(), "k8s_scale", front.clone()).await.unwrap();
    assert_eq!(done["changed"], true);
    let replicas = |all: &serde_json::Value| -> Vec<(String, i64, bool)> {
        let of = |one: &serde_json::Value| {
            (
                one["result"]["metadata"]["name"].as_str().unwrap().to_string(),
                one["result"]["spec"]["replicas"].as_i64().unwrap(),
                one["changed"].as_bool().unwrap(),
            )
        };
        all.as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(replicas(&done["results"]), [("api".to_string(), 3, false), ("web".to_string(), 3, true)]);
    assert_eq!(double.get("deployments.apps", "lab", "web").unwrap()["spec"]["replicas"], 2);
    // A number that one of them does not have leaves that one as it is.
    let mut front = front;
    front["current_replicas"] = json!(9);
    front["replicas"] = json!(1);
    let left = run(&double, &bench(), "k8s_scale", front).await.unwrap();
    assert_eq!(left["changed"], false);
    let warning = left["results"][0]["warning"].as_str().unwrap();
    assert!(warning.ends_with("for object kind=Deployment name=api namespace=shop."), "{warning}");
    // All of a cluster is never meant by saying nothing.
    let every = json!({"kind": "Deployment", "api_version": "apps/v1", "replicas": 0});
    let refused = run(&double, &bench(), "k8s_scale", every).await.unwrap_err();
    assert!(
        refused.message().contains("every Deployment of the cluster would be scaled"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn a_failed_one_of_several_stops_the_rest_unless_they_go_on_and_a_job_has_parallelism() {
    let job = |name: &str, parallelism: Option<i64>| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop", "labels": {"run": "night"}},
            "spec": {"parallelism": parallelism, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}}}})
    };
    let cluster = Cluster::healthy().namespace("shop").with(job("a", None)).with(job("b", Some(1)));
    let cluster = cluster.edit("Job", "shop", "a", |one| {
        drop(one["spec"].as_object_mut().unwrap().shift_remove("parallelism"))
    });
    let double = Double::start(cluster).await.unwrap();
    let mut args = json!({"kind": "Job", "api_version": "batch/v1", "namespace": "shop", "label_selectors": ["run=night"], "replicas": 4});
    let stopped = run(&double, &bench(), "k8s_scale", args.clone()).await.unwrap_err();
    assert_eq!(
        stopped.message(),
        "Failed to retrieve the available count for object kind=Job name=a namespace=shop."
    );
    args["continue_on_error"] = json!(true);
    let done = run(&double, &bench(), "k8s_scale", args).await.unwrap();
    assert_eq!(done["errors"][0]["failed"], true);
    assert_eq!(done["results"][0]["result"]["spec"]["parallelism"], 4);
    assert_eq!(double.get("jobs.batch", "shop", "b").unwrap()["spec"]["parallelism"], 4);
    // The definition says which; what else it says is not looked at.
    let defined = json!({"resource_definition": job("b", Some(1)), "replicas": 2});
    let done = run(&double, &bench(), "k8s_scale", defined).await.unwrap();
    assert_eq!(done["result"]["spec"]["parallelism"], 2);
}
