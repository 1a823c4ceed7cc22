//! What `k8s` does besides making and merging: templates, apply without the server's help, names by content, checks beforehand,
//! choices by labels; and services and rollbacks. Names and messages are those that kubernetes.core was seen to give.

use super::{bench, far, run};
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};

fn map(name: &str, labels: Json, data: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "labels": labels}, "data": data})
}

async fn shop() -> Double {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 2)).await.unwrap();
    let made = json!({"definition": [map("a", json!({"app": "a"}), json!({"level": "1"})), map("b", json!({"app": "b"}), json!({"level": "1"}))]});
    run(&double, &bench(), "k8s", made).await.unwrap();
    double
}

#[tokio::test]
async fn templates_give_objects_and_vary_their_marks() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("templates")).unwrap();
    let text =
        |name: &str, body: &str| std::fs::write(dir.path().join("templates").join(name), body).unwrap();
    text(
        "one.yaml.j2",
        "{% for n in names %}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ n }}, namespace: shop}\ndata: {n: \"{{ n }}\"}\n{% endfor %}\n",
    );
    text(
        "two.yaml.j2",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: << names[0] >>x, namespace: shop}\ndata: {keep: \"{{ this }}\"}\n",
    );
    let double = shop().await;
    let mut bench = bench();
    bench.playbook_dir = dir.path().to_path_buf();
    bench.vars.insert("names".into(), json!(["x", "y"]));
    let args = json!({"template": ["one.yaml.j2", {"path": "two.yaml.j2", "variable_start_string": "<<", "variable_end_string": ">>"}]});
    let done = run(&double, &bench, "k8s", args).await.unwrap();
    assert_eq!(done["result"]["results"].as_array().unwrap().len(), 3);
    assert_eq!(double.get("configmaps", "shop", "xx").unwrap()["data"]["keep"], "{{ this }}");
    let wrong = run(&double, &bench, "k8s", json!({"template": {"trim_blocks": true}})).await.unwrap_err();
    assert_eq!(wrong.message(), "Please specify path for template.");
    let both = run(&double, &bench, "k8s", json!({"template": "a", "src": "b"})).await.unwrap_err();
    assert_eq!(both.message(), "parameters are mutually exclusive: template|src");
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(
        dir.path().join("files/z.yaml"),
        "kind: ConfigMap\nmetadata: {name: z, namespace: shop}\n",
    )
    .unwrap();
    assert_eq!(run(&double, &bench, "k8s", json!({"src": "z.yaml"})).await.unwrap()["changed"], true);
}

#[tokio::test]
async fn apply_takes_out_what_the_definition_has_no_more_and_keeps_what_others_added() {
    let double = shop().await;
    let apply = |data: Json| json!({"apply": true, "definition": map("applied", json!({}), data)});
    let first = run(&double, &far(), "k8s", apply(json!({"level": "1", "other": "x"}))).await.unwrap();
    assert_eq!((&first["changed"], &first["method"]), (&json!(true), &json!("apply")));
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    assert_eq!(
        first["result"]["metadata"]["annotations"][last],
        "{\"apiVersion\":\"v1\",\"data\":{\"level\":\"1\",\"other\":\"x\"},\"kind\":\"ConfigMap\",\"metadata\":{\"labels\":{},\"name\":\"applied\",\"namespace\":\"shop\"}}"
    );
    double
        .edit("configmaps", "shop", "applied", |object| object["data"]["added"] = "by another".into())
        .unwrap();
    let again = run(&double, &bench(), "k8s", apply(json!({"level": "1", "other": "x"}))).await.unwrap();
    assert_eq!(again["changed"], false);
    let mut trying = bench();
    trying.check_mode = true;
    assert_eq!(run(&double, &trying, "k8s", apply(json!({"level": "2"}))).await.unwrap()["changed"], true);
    run(&double, &bench(), "k8s", apply(json!({"level": "2"}))).await.unwrap();
    let data = double.get("configmaps", "shop", "applied").unwrap()["data"].clone();
    assert_eq!(data, json!({"level": "2", "added": "by another"}));
}

#[tokio::test]
async fn an_object_is_named_by_what_it_holds_as_kubernetes_core_names_it() {
    let double = shop().await;
    let map = json!({"kind": "ConfigMap", "metadata": {"name": "tuning", "namespace": "shop"}, "data": {"level": "1", "b": "é"}});
    let done = run(&double, &bench(), "k8s", json!({"append_hash": true, "definition": map})).await.unwrap();
    assert_eq!(done["result"]["metadata"]["name"], "tuning-hgcdd4ff7c");
    let secret = json!({"kind": "Secret", "type": "Opaque", "metadata": {"name": "tuning", "namespace": "shop"}, "data": {"level": "MQ=="}});
    let done =
        run(&double, &bench(), "k8s", json!({"append_hash": true, "definition": secret})).await.unwrap();
    assert_eq!(done["result"]["metadata"]["name"], "tuning-98hd2775cd");
    let generated = json!({"kind": "ConfigMap", "namespace": "shop", "generate_name": "gen-", "definition": {"data": {"a": "b"}}});
    let done = run(&double, &bench(), "k8s", generated).await.unwrap();
    assert!(done["result"]["metadata"]["name"].as_str().unwrap().starts_with("gen-"));
}

#[tokio::test]
async fn labels_choose_what_is_done_and_all_of_a_kind_is_deleted_only_when_asked() {
    let double = shop().await;
    let filtered = json!({"definition": map("a", json!({"app": "a"}), json!({"level": "9"})), "label_selectors": ["app in (b, c)"]});
    let done = run(&double, &bench(), "k8s", filtered).await.unwrap();
    assert_eq!(done["msg"], "resource 'kind=ConfigMap,name=a,namespace=shop' filtered by label_selectors.");
    let nothing = json!({"kind": "ConfigMap", "namespace": "shop", "state": "absent"});
    assert_eq!(run(&double, &bench(), "k8s", nothing.clone()).await.unwrap()["changed"], false);
    let chosen =
        json!({"kind": "ConfigMap", "namespace": "shop", "state": "absent", "label_selectors": ["app=a"]});
    assert_eq!(run(&double, &far(), "k8s", chosen).await.unwrap()["changed"], true);
    assert!(
        double.get("configmaps", "shop", "a").is_none() && double.get("configmaps", "shop", "b").is_some()
    );
    let mut all = nothing;
    all["delete_all"] = json!(true);
    run(&double, &bench(), "k8s", all).await.unwrap();
    assert!(double.list("configmaps").iter().all(|one| one["metadata"]["namespace"] != "shop"));
}

#[tokio::test]
async fn what_the_server_would_not_take_is_a_warning_or_a_failure_before_anything_is_done() {
    let double = shop().await;
    let mut wrong = map("bad", json!({}), json!({}));
    wrong["datta"] = json!({});
    let strict = |fail: bool| json!({"definition": wrong, "validate": {"fail_on_error": fail}});
    let failed = run(&double, &bench(), "k8s", strict(true)).await.unwrap_err();
    assert!(
        failed.message().starts_with("ConfigMap bad: ") && failed.message().contains("datta"),
        "{}",
        failed.message()
    );
    assert!(double.get("configmaps", "shop", "bad").is_none());
    let warned = run(&double, &bench(), "k8s", strict(false)).await.unwrap();
    assert!(warned["warnings"].to_string().contains("ConfigMap bad: "), "{warned:?}");
    let good = json!({"definition": map("good", json!({}), json!({})), "validate": {"fail_on_error": true, "strict": true}});
    assert_eq!(run(&double, &bench(), "k8s", good).await.unwrap()["changed"], true);
    let version = json!({"definition": map("good", json!({}), json!({})), "validate": {"version": "1.20"}});
    let version = run(&double, &bench(), "k8s", version).await.unwrap_err();
    assert!(version.message().contains("`validate.version` is not supported"), "{}", version.message());
}

#[tokio::test]
async fn after_a_failed_object_the_others_are_done_where_that_is_wished() {
    let double = shop().await;
    let list = json!([{"kind": "Nope", "metadata": {"name": "x"}}, map("c", json!({}), json!({}))]);
    let stopped = run(&double, &bench(), "k8s", json!({"definition": list})).await.unwrap_err();
    assert_eq!(
        stopped.message(),
        "Failed to find exact match for v1.Nope by [kind, name, singularName, shortNames]"
    );
    assert!(double.get("configmaps", "shop", "c").is_none());
    let done =
        run(&double, &bench(), "k8s", json!({"definition": list, "continue_on_error": true})).await.unwrap();
    assert!(done["result"]["results"][0]["error"]["msg"].as_str().unwrap().contains("v1.Nope"));
    assert!(double.get("configmaps", "shop", "c").is_some());
    let hidden = json!({"definition": map("c", json!({}), json!({"a": "1"})), "hidden_fields": ["metadata.managedFields", "data"]});
    let hidden = run(&double, &bench(), "k8s", hidden).await.unwrap();
    assert!(
        hidden["result"].get("data").is_none() && hidden["result"]["metadata"].get("managedFields").is_none()
    );
}

#[tokio::test]
async fn a_service_is_made_of_what_the_task_says_and_changed_by_it() {
    let double = shop().await;
    let service = |port: i64| {
        json!({"name": "web", "namespace": "shop", "ports": [{"port": port, "protocol": "TCP"}], "selector": {"app": "web"},
        "definition": {"spec": {"type": "ClusterIP", "selector": {"tier": "front"}}}})
    };
    let done = run(&double, &far(), "k8s_service", service(80)).await.unwrap();
    assert_eq!(
        (&done["method"], &done["result"]["spec"]["selector"]),
        (&json!("create"), &json!({"tier": "front", "app": "web"}))
    );
    assert_eq!(run(&double, &bench(), "k8s_service", service(80)).await.unwrap()["changed"], false);
    let mut merged = service(81);
    merged["merge_type"] = json!(["merge"]);
    assert_eq!(
        run(&double, &bench(), "k8s_service", merged).await.unwrap()["result"]["spec"]["ports"][0]["port"],
        81
    );
    let gone = json!({"name": "web", "namespace": "shop", "state": "absent"});
    assert_eq!(run(&double, &bench(), "k8s_service", gone.clone()).await.unwrap()["changed"], true);
    assert_eq!(run(&double, &bench(), "k8s_service", gone).await.unwrap()["changed"], false);
}

#[tokio::test]
async fn a_deployment_goes_back_to_the_template_before() {
    let double = shop().await;
    let image = |image: &str| {
        json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop",
        "patch": [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}], "wait": true, "wait_sleep": 1})
    };
    let before = double.get("deployments.apps", "shop", "web").unwrap()["spec"]["template"].clone();
    let args = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop"});
    let none = run(&double, &bench(), "k8s_rollback", args.clone()).await.unwrap();
    assert_eq!(
        none["rollback_info"][0]["warnings"],
        json!(["No rollout history found for resource Deployment/web"])
    );
    run(&double, &bench(), "k8s_json_patch", image("shop/web:2")).await.unwrap();
    let mut trying = bench();
    trying.check_mode = true;
    assert_eq!(run(&double, &trying, "k8s_rollback", args.clone()).await.unwrap()["changed"], true);
    assert_ne!(double.get("deployments.apps", "shop", "web").unwrap()["spec"]["template"], before);
    let back = run(&double, &far(), "k8s_rollback", args).await.unwrap();
    assert_eq!((&back["changed"], &back["rollback_info"][0]["method"]), (&json!(true), &json!("patch")));
    assert_eq!(double.get("deployments.apps", "shop", "web").unwrap()["spec"]["template"], before);
    let node = json!({"kind": "Node", "api_version": "v1", "name": "cp-0"});
    let node = run(&double, &bench(), "k8s_rollback", node).await.unwrap_err();
    assert_eq!(node.message(), "Cannot perform rollback on resource of kind Node");
}
