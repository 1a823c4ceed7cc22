//! What a client sees of a running double: watches that follow, faults that bite, controllers that work, exec and logs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "behaviour/client.rs"]
mod client;

use std::time::{Duration, Instant};

use client::Client;
use muster_apiserver::{Cluster, Controllers, Double, Fault, Outcome, Planted, Shown, User};
use serde_json::json;

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_hears_what_happens_after_its_revision_and_no_more() {
    let double = Double::start(Cluster::empty().controllers(Controllers::none())).await.unwrap();
    let client = Client::admin(&double);
    let list = client.get("/api/v1/namespaces/default/configmaps").await;
    let revision = list.body["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let path =
        format!("/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={revision}&timeoutSeconds=2");
    let watching = tokio::spawn({
        let client = client.clone();
        async move { client.lines(&path).await }
    });
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    assert_eq!(
        client.send("POST", "/api/v1/namespaces/default/configmaps", "application/json", &map).await.status,
        201
    );
    let merge = "application/merge-patch+json";
    for value in ["2", "2"] {
        client
            .send("PATCH", "/api/v1/namespaces/default/configmaps/a", merge, &json!({"data": {"x": value}}))
            .await;
    }
    client.send("DELETE", "/api/v1/namespaces/default/configmaps/a", "", &json!(null)).await;
    let kinds: Vec<_> =
        watching.await.unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_is_forgotten_is_an_error_inside_of_a_200() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.edit("nodes", "", "worker-0", |node| node["metadata"]["labels"]["a"] = json!("b")).unwrap();
    double.compact();
    let client = Client::admin(&double);
    let events = client.lines("/api/v1/nodes?watch=1&resourceVersion=1&timeoutSeconds=1").await;
    assert_eq!((&events[0]["type"], &events[0]["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[tokio::test(flavor = "multi_thread")]
async fn cordon_brings_the_taint_and_uncordon_takes_it() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let client = Client::admin(&double);
    let taints =
        || double.get("nodes", "", "worker-0").unwrap()["spec"]["taints"].as_array().map_or(0, Vec::len);
    let merge = "application/merge-patch+json";
    client.send("PATCH", "/api/v1/nodes/worker-0", merge, &json!({"spec": {"unschedulable": true}})).await;
    until("the taint", || taints() == 1).await;
    client.send("PATCH", "/api/v1/nodes/worker-0", merge, &json!({"spec": {"unschedulable": null}})).await;
    until("no taint", || taints() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_controllers_do_nothing_until_they_are_let_go() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 2)).await.unwrap();
    double.freeze();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pod = double.list("pods").into_iter().find(|pod| pod["metadata"]["namespace"] == "shop").unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    let client = Client::admin(&double);
    let path = format!("/api/v1/namespaces/shop/pods/{name}");
    client.send("DELETE", &path, "", &json!(null)).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(double.get("pods", "shop", name).is_some());
    double.set_controllers(Controllers::all());
    until("the end of the pod", || double.get("pods", "shop", name).is_none()).await;
    let running = || double.list("pods").iter().filter(|pod| pod["metadata"]["namespace"] == "shop").count();
    until("its successor", || running() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_ends_with_its_content_and_tells_what_holds_it() {
    let cluster = Cluster::healthy().deployment("shop", "web", 1).with(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": "shop", "finalizers": ["example.com/hold"]},
    }));
    let double = Double::start(cluster).await.unwrap();
    let client = Client::admin(&double);
    client.send("DELETE", "/api/v1/namespaces/shop", "", &json!(null)).await;
    let held = || {
        double
            .get("namespaces", "", "shop")
            .is_some_and(|space| space["status"]["conditions"].to_string().contains("example.com/hold"))
    };
    until("the condition", held).await;
    let path = "/api/v1/namespaces/shop/configmaps/held";
    client
        .send("PATCH", path, "application/merge-patch+json", &json!({"metadata": {"finalizers": null}}))
        .await;
    until("the end", || double.get("namespaces", "", "shop").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_pod_that_ends_well_and_is_complete_then_unless_it_is_suspended() {
    let double = Double::start(Cluster::healthy().namespace("batch")).await.unwrap();
    let client = Client::admin(&double);
    for (name, suspend) in [("once", false), ("later", true)] {
        let spec = json!({"suspend": suspend, "template": {"spec": {"containers": [{"name": "it", "image": "registry.example.com/it:1"}]}}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec});
        let made =
            client.send("POST", "/apis/batch/v1/namespaces/batch/jobs", "application/json", &job).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let job = |name: &str| double.get("jobs.batch", "batch", name).unwrap();
    until("the end of the Job", || job("once")["status"]["succeeded"] == 1).await;
    let conditions = job("once")["status"]["conditions"].to_string();
    assert!(conditions.contains("SuccessCriteriaMet") && conditions.contains("Complete"), "{conditions}");
    let pods: Vec<_> =
        double.list("pods").into_iter().filter(|pod| pod["metadata"]["namespace"] == "batch").collect();
    assert_eq!(pods.len(), 1, "{pods:?}");
    assert_eq!(pods[0]["status"]["phase"], "Succeeded");
    assert_eq!(pods[0]["metadata"]["labels"]["batch.kubernetes.io/job-name"], "once");
    assert_eq!(job("later")["status"].get("succeeded"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_hold_as_often_as_they_say() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let client = Client::admin(&double);
    double.plant(Planted::always(Fault::unavailable(1)).on("GET", "/nodes").times(1));
    let first = client.get("/api/v1/nodes").await;
    assert_eq!((first.status, first.header("retry-after")), (503, Some("1")));
    assert_eq!(client.get("/api/v1/nodes").await.status, 200);
    double.plant(Planted::always(Fault::Delay(Duration::from_millis(300))).times(1));
    let before = Instant::now();
    client.get("/version").await;
    assert!(before.elapsed() >= Duration::from_millis(300));
    double.plant(Planted::always(Fault::Reset).times(1));
    assert!(client.try_send("GET", "/version", "", &json!(null)).await.is_err());
    double.fail_check("etcd");
    let ready = client.get("/readyz?verbose").await;
    assert_eq!(ready.status, 500);
    assert!(ready.body.as_str().unwrap().contains("[-]etcd failed"));
    double.heal().unwrap();
    assert_eq!(client.get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_is_seen_before_anything_is_asked() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let client = Client::admin(&double);
    for shown in [Shown::Expired, Shown::OtherName, Shown::Stranger] {
        double.show_certificate(shown).unwrap();
        assert!(client.try_send("GET", "/version", "", &json!(null)).await.is_err(), "{shown:?}");
    }
    double.heal().unwrap();
    assert_eq!(client.get("/version").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_takes_back_what_its_manager_no_longer_says() {
    let double = Double::start(Cluster::empty()).await.unwrap();
    let client = Client::admin(&double);
    let path = |manager: &str| format!("/api/v1/namespaces/default/configmaps/a?fieldManager={manager}");
    let map =
        |data| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let apply = "application/apply-patch+yaml";
    client.send("PATCH", &path("one"), apply, &map(json!({"x": "1", "y": "1"}))).await;
    client.send("PATCH", &path("two"), apply, &map(json!({"y": "1", "z": "1"}))).await;
    let last = client.send("PATCH", &path("one"), apply, &map(json!({}))).await;
    assert_eq!(last.body["data"], json!({"y": "1", "z": "1"}));
    let refused = client.send("PATCH", &path("one"), apply, &map(json!({"z": "2"}))).await;
    assert_eq!((refused.status, &refused.body["details"]["causes"][0]["field"]), (409, &json!(".data.z")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregated_api_that_is_down_is_stale_in_discovery_and_503_when_asked() {
    let cluster = Cluster::healthy().with(json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "service": {"namespace": "kube-system", "name": "metrics-server"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
    }));
    let double = Double::start(cluster).await.unwrap();
    let client = Client::admin(&double);
    assert_eq!(client.get("/apis/metrics.k8s.io/v1beta1").await.status, 503);
    assert_eq!(client.get("/apis/metrics.k8s.io/v1beta1/nodes").await.status, 503);
    assert!(client.get("/apis").await.body.to_string().contains("metrics.k8s.io"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_runs_what_the_test_gave_and_logs_are_the_text_it_gave() {
    let double = Double::start(Cluster::healthy().bare_pod("shop", "tool", "worker-0")).await.unwrap();
    double.on_exec(|request| Outcome {
        stdout: format!("{} in {}/{}", request.command.join(" "), request.pod, request.container)
            .into_bytes(),
        stderr: b"careful".to_vec(),
        code: 3,
    });
    let client = Client::admin(&double);
    let path = "/api/v1/namespaces/shop/pods/tool/exec?command=ls&command=-l&stdout=true&stderr=true";
    let frames = client.exec(path).await;
    assert_eq!(frames[0], (1, "ls -l in tool/tool".to_owned()));
    assert_eq!(frames[1], (2, "careful".to_owned()));
    let status: serde_json::Value = serde_json::from_str(&frames[2].1).unwrap();
    assert_eq!((frames[2].0, &status["details"]["causes"][0]["message"]), (3, &json!("3")));
    double.set_log("shop", "tool", "tool", "one\ntwo\nthree\n");
    let log = client.get("/api/v1/namespaces/shop/pods/tool/log?tailLines=2").await;
    assert_eq!(log.body, json!("two\nthree\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_apart_by_certificate_and_token() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.add_token("nora-token", User::new("nora", &["readers"]));
    double.allow(muster_apiserver::Rule {
        subject: "readers".to_owned(),
        verbs: vec!["list".to_owned()],
        resources: vec!["nodes".to_owned()],
        namespaces: Vec::new(),
    });
    let nora = Client::with_token(&double, "nora-token");
    assert_eq!(nora.get("/api/v1/nodes").await.status, 200);
    assert_eq!(nora.get("/api/v1/pods").await.status, 403);
    assert!(std::fs::read_to_string(double.kubeconfig()).unwrap().contains("client-certificate-data"));
    assert!(
        std::fs::read_to_string(double.kubeconfig_with_token("admin", "admin-token").unwrap())
            .unwrap()
            .contains("token: admin-token")
    );
    assert_eq!(double.requests().iter().filter(|seen| seen.path == "/api/v1/nodes").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_come_from_files_and_a_pod_brings_its_log() {
    let directory = std::env::temp_dir().join(format!("muster-apiserver-objects-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: tool\n  \
                  namespace: shop\n  annotations: {log.double/tool: \"hello\\n\"}\nspec:\n  nodeName: worker-0\n  containers: [{name: tool, image: x}]\n";
    std::fs::write(directory.join("objects.yaml"), source).unwrap();
    let double = Double::start(Cluster::healthy().load(&directory).unwrap()).await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let client = Client::admin(&double);
    assert_eq!(client.get("/api/v1/namespaces/shop/pods/tool/log").await.body, json!("hello\n"));
}
