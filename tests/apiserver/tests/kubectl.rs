//! The kubectl of the distribution works against the double: what it prints for get, describe, label and drain is what it
//! prints for a real cluster.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::process::Command;

use muster_apiserver::{Cluster, Double};
use serde_json::json;

/// Runs kubectl and gives whether it went well and everything it printed.
async fn kubectl(double: &Double, arguments: &str) -> (bool, String) {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", double.kubeconfig()).env("HOME", double.directory()).args(arguments.split(' '));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output =
        output.unwrap_or_else(|error| panic!("kubectl (Debian: kubernetes-client) is needed: {error}"));
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

async fn good(double: &Double, arguments: &str) -> String {
    let (well, text) = kubectl(double, arguments).await;
    assert!(well, "kubectl {arguments}: {text}");
    text
}

/// The words of each line, so that the width of columns does not matter.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn get_prints_the_columns_that_the_server_computes() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 3)).await.unwrap();
    let text = good(&double, "get nodes").await;
    let table = words(&text);
    assert_eq!(table[0], ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    let rows: Vec<_> = table[1..].iter().map(|row| (row[0], row[1], row[2], row[4])).collect();
    assert_eq!(rows[0], ("cp-0", "Ready", "control-plane", "v1.36.2"));
    assert_eq!(rows[4], ("worker-1", "Ready", "<none>", "v1.36.2"));
    let text = good(&double, "get deployments -n shop").await;
    assert_eq!(words(&text)[1][..4], ["web", "3/3", "3", "3"]);
    let text = good(&double, "get pods -A -l tier=control-plane -o name").await;
    assert_eq!(text.lines().count(), 12, "{text}");
    let (well, text) = kubectl(&double, "get pods -n shop none").await;
    assert_eq!((well, text.trim()), (false, "Error from server (NotFound): pods \"none\" not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_tells_of_conditions_and_of_the_pods_of_a_node() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let text = good(&double, "describe node worker-0").await;
    for line in [
        "KubeletReady",
        "InternalIP:  10.0.0.100",
        "calico-node-",
        "Non-terminated Pods:",
        "Taints:             <none>",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let text = good(&double, "describe pod -n kube-system etcd-cp-1").await;
    assert!(text.contains("Controlled By:  Node/cp-1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn label_sets_and_takes_away() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    assert!(good(&double, "label node worker-0 pool=blue").await.contains("node/worker-0 labeled"));
    assert_eq!(double.get("nodes", "", "worker-0").unwrap()["metadata"]["labels"]["pool"], "blue");
    let (well, text) = kubectl(&double, "label node worker-0 pool=green").await;
    assert!(!well && text.contains("--overwrite is false"), "{text}");
    good(&double, "label node worker-0 pool=green --overwrite").await;
    good(&double, "label node worker-0 pool-").await;
    assert_eq!(double.get("nodes", "", "worker-0").unwrap()["metadata"]["labels"].get("pool"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_evicts_what_it_may_and_the_pods_come_again_elsewhere() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 3)).await.unwrap();
    let (well, text) = kubectl(&double, "drain worker-0").await;
    assert!(!well && text.contains("DaemonSet-managed Pods"), "{text}");
    let text = good(&double, "drain worker-0 --ignore-daemonsets --timeout=20s").await;
    assert!(text.contains("evicting pod shop/web-"), "{text}");
    let left = double.list("pods").into_iter().filter(|pod| pod["spec"]["nodeName"] == "worker-0");
    let owners: Vec<_> = left.map(|pod| pod["metadata"]["ownerReferences"][0]["kind"].clone()).collect();
    assert_eq!(owners, [json!("DaemonSet"), json!("DaemonSet")]);
    let evictions = double.requests().into_iter().filter(|seen| seen.path.ends_with("/eviction")).count();
    assert!(evictions >= 2, "{evictions}");
    assert!(good(&double, "get node worker-0").await.contains("Ready,SchedulingDisabled"));
    good(&double, "uncordon worker-0").await;
    assert!(!good(&double, "get node worker-0").await.contains("SchedulingDisabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_without_room_stops_a_drain() {
    let cluster = Cluster::healthy().workers(1).deployment("shop", "web", 1).budget(
        "shop",
        "web",
        "minAvailable",
        json!(1),
    );
    let double = Double::start(cluster).await.unwrap();
    let (well, text) = kubectl(&double, "drain worker-0 --ignore-daemonsets --timeout=2s").await;
    assert!(
        !well && text.contains("Cannot evict pod as it would violate the pod's disruption budget."),
        "{text}"
    );
}
