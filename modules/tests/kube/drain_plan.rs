//! The plan of a drain against the double: every pod with what is known of it, and nothing changed.

use super::{bench, run};
use muster_apiserver::object::set;
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn a_plan_tells_of_each_pod_what_the_server_would_do_and_changes_nothing() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-db-0", "namespace": "shop"},
        "spec": {"volumeName": "disk-7", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk-7"}, "spec": {
        "local": {"path": "/mnt/disk"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["worker-0"]}]}]}}}});
    let cluster = Cluster::healthy()
        .deployment("shop", "web", 2)
        .stateful_set("shop", "db", 2)
        .budget("shop", "db", "maxUnavailable", json!(0))
        .bare_pod("shop", "bare", "worker-0")
        .with(claim)
        .with(volume)
        .edit("Pod", "shop", "db-0", |pod| {
            set(
                pod,
                "/spec/volumes",
                json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}, {"name": "tmp", "emptyDir": {}}]),
            );
            set(pod, "/spec/terminationGracePeriodSeconds", 3600);
        });
    let double = Double::start(cluster).await.unwrap();
    let bench = bench();
    let args = json!({"name": "worker-0", "plan": true, "timeout": 4000,
        "delete_options": {"ignore_daemonsets": true, "delete_emptydir_data": true}});
    let plan = run(&double, &bench, "k8s_drain", args).await.unwrap();
    let said = bench.said.lock().unwrap().clone();
    let pod = |prefix: &str| -> Json {
        let all = plan["pods"].as_array().unwrap();
        all.iter().find(|pod| pod["name"].as_str().unwrap().starts_with(prefix)).unwrap().clone()
    };
    assert_eq!(
        (&plan["changed"], &plan["verdict"], &plan["longest_grace_period"]),
        (&json!(false), &json!("refused"), &json!(3600))
    );
    let db = pod("db-0");
    assert_eq!(db["owner"], "StatefulSet/db");
    assert_eq!(
        (&db["grace_period"], &db["empty_dirs"], &db["verdict"]),
        (&json!(3600), &json!(["tmp"]), &json!("held"))
    );
    assert_eq!(db["budgets"][0]["name"], "db-pdb");
    assert_eq!(
        db["eviction"],
        json!({"allowed": false, "msg": "Cannot evict pod as it would violate the pod's disruption budget."})
    );
    let notes = db["notes"].to_string();
    assert!(
        notes.contains("maxUnavailable 0") && notes.contains("its claim data-db-0 is on the volume disk-7"),
        "{notes}"
    );
    assert_eq!(
        (&pod("web-")["verdict"], &pod("web-")["eviction"]),
        (&json!("goes"), &json!({"allowed": true}))
    );
    assert_eq!(
        (&pod("bare")["verdict"], &pod("bare")["reason"]),
        (&json!("refused"), &json!("no controller"))
    );
    assert_eq!(
        (&pod("calico-node")["verdict"], &pod("calico-node")["reason"]),
        (&json!("stays"), &json!("DaemonSet"))
    );
    for change in double.requests().iter().filter(|seen| seen.method != "GET") {
        assert!(change.path.ends_with("/eviction") && change.query.contains("dryRun=All"), "{change:?}");
    }
    assert!(double.get("pods", "shop", "db-0").is_some());
    assert_eq!(double.get("nodes", "", "worker-0").unwrap()["spec"].get("unschedulable"), None);
    // The table's columns stand under each other.
    let head = said.iter().find(|line| line.starts_with("POD ")).unwrap();
    let row = said.iter().find(|line| line.starts_with("shop/db-0 ")).unwrap();
    let column = head.find("VERDICT").unwrap();
    assert_eq!(row.get(column..), Some("held (budget)"), "{}", said.join("\n"));
    assert!(
        said.iter().any(|line| line.contains("(use --force to override): shop/bare")),
        "{}",
        said.join("\n")
    );
    assert_eq!(said.last().map(String::as_str), Some("The drain would be refused, and nothing evicted."));
}

#[tokio::test]
async fn a_plan_without_objections_says_how_long_it_may_take() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 2)).await.unwrap();
    let bench = bench();
    let args = json!({"name": "worker-0", "plan": true, "delete_options": {"ignore_daemonsets": true}});
    let plan = run(&double, &bench, "k8s_drain", args).await.unwrap();
    assert_eq!(plan["verdict"], "drained");
    let said = bench.said.lock().unwrap().clone();
    assert!(said.last().unwrap().ends_with(" would go, in 30s at most."), "{said:?}");
}

#[tokio::test]
async fn a_plan_tells_how_much_is_lost_and_who_finds_no_room_elsewhere() {
    let mut cluster = Cluster::healthy().deployment("shop", "web", 2).deployment("shop", "big", 2);
    for pod in cluster.objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        if name.starts_with("web-") {
            set(pod, "/spec/volumes", json!([{"name": "cache", "emptyDir": {}}]));
        } else if name.starts_with("big-") {
            pod["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "6Gi"}});
        }
    }
    let double = Double::start(cluster).await.unwrap();
    let web = double.list("pods").into_iter().find(|pod| {
        pod["spec"]["nodeName"] == "worker-0" && pod["metadata"]["name"].as_str().unwrap().starts_with("web-")
    });
    let uid = web.unwrap()["metadata"]["uid"].clone();
    let args = json!({"name": "worker-0", "plan": true,
        "delete_options": {"ignore_daemonsets": true, "delete_emptydir_data": true}});
    let plan = run(&double, &bench(), "k8s_drain", args.clone()).await.unwrap();
    let notes = plan["notes"].to_string();
    assert!(notes.contains("how much is in the emptyDir volumes is not known: "), "{notes}");
    assert!(
        notes.contains("would be Pending: no node has room for it: worker-1 has left memory "),
        "{notes}"
    );

    double.set_summary(
        "worker-0",
        json!({"pods": [
        {"podRef": {"uid": uid}, "volume": [{"name": "cache", "usedBytes": 3_221_225_472_u64}]}]}),
    );
    let bench = bench();
    let plan = run(&double, &bench, "k8s_drain", args).await.unwrap();
    assert!(!plan["notes"].to_string().contains("is not known"), "{}", plan["notes"]);
    let said = bench.said.lock().unwrap().join("\n");
    assert!(said.contains("cache 3Gi"), "{said}");
    assert_eq!(plan["verdict"], "drained", "it is a warning: {said}");
}
