//! Objects that are made, changed and deleted: by definitions of one or many documents, by the server's apply, and only as if.

use super::{bench, far, run};
use muster_apiserver::{Cluster, Double};
use serde_json::json;

const TWO: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: tuning, namespace: shop}\ndata: {level: \"1\"}\n";

#[tokio::test]
async fn documents_that_need_each_other_are_made_in_order_and_once() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let made = run(&double, &far(), "k8s", json!({"definition": TWO})).await.unwrap();
    assert_eq!(made["changed"], true);
    assert_eq!(made["result"]["results"][1]["method"], "create");
    let again = run(&double, &bench(), "k8s", json!({"definition": TWO})).await.unwrap();
    assert_eq!(again["changed"], false, "{again:?}");
}

#[tokio::test]
async fn an_object_is_changed_deleted_and_waited_for_and_check_mode_keeps_nothing() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    run(&double, &bench(), "k8s", json!({"definition": TWO})).await.unwrap();
    let level = json!({"kind": "ConfigMap", "name": "tuning", "namespace": "shop", "definition": {"data": {"level": "2"}}});
    let gone = json!({"kind": "ConfigMap", "name": "tuning", "namespace": "shop", "state": "absent", "wait": true, "wait_sleep": 1,
        "delete_options": {"propagationPolicy": "Background"}});
    let mut trying = bench();
    trying.check_mode = true;
    trying.diff = true;
    let tried = run(&double, &trying, "k8s", level.clone()).await.unwrap();
    assert_eq!(tried["diff"], json!({"before": {"data": {"level": "1"}}, "after": {"data": {"level": "2"}}}));
    assert_eq!(run(&double, &trying, "k8s", gone.clone()).await.unwrap()["changed"], true);
    assert_eq!(double.get("configmaps", "shop", "tuning").unwrap()["data"]["level"], "1");
    assert_eq!(run(&double, &bench(), "k8s", level).await.unwrap()["changed"], true);
    assert_eq!(double.get("configmaps", "shop", "tuning").unwrap()["data"]["level"], "2");
    assert_eq!(run(&double, &bench(), "k8s", gone.clone()).await.unwrap()["method"], "delete");
    assert!(double.get("configmaps", "shop", "tuning").is_none());
    assert_eq!(run(&double, &bench(), "k8s", gone).await.unwrap()["changed"], false);
}

#[tokio::test]
async fn applying_what_another_owns_is_refused_unless_forced_and_patched_makes_nothing() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    run(&double, &bench(), "k8s", json!({"kind": "Namespace", "name": "shop"})).await.unwrap();
    let apply = |manager: &str, level: &str, force: bool| {
        json!({"apply": true, "server_side_apply": {"field_manager": manager, "force_conflicts": force},
        "definition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tuning", "namespace": "shop"}, "data": {"level": level}}})
    };
    assert_eq!(run(&double, &bench(), "k8s", apply("a", "1", false)).await.unwrap()["changed"], true);
    assert_eq!(run(&double, &bench(), "k8s", apply("a", "1", false)).await.unwrap()["changed"], false);
    let refused = run(&double, &bench(), "k8s", apply("b", "2", false)).await.unwrap_err();
    assert_eq!(refused.result["status"], 409);
    assert_eq!(run(&double, &bench(), "k8s", apply("b", "2", true)).await.unwrap()["changed"], true);
    let patched = json!({"state": "patched", "kind": "ConfigMap", "name": "none", "namespace": "shop"});
    let patched = run(&double, &bench(), "k8s", patched).await.unwrap();
    assert_eq!((&patched["changed"], patched["warnings"].as_array().unwrap().len()), (&json!(false), 1));
}
