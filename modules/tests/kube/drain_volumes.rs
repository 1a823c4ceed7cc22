//! A drain that waits for volumes, against the double: those of pods that left must be free before the machine may be switched off,
//! those of pods that stay may stay.

use super::{bench, run};
use muster_apiserver::object::set;
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Two volumes on the node: one of a pod that goes, one of a DaemonSet's.
async fn started() -> Double {
    let mut cluster = Cluster::healthy().deployment("shop", "web", 2);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "logs", "namespace": "calico-system"},
        "spec": {"volumeName": "pv-logs", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"}});
    let attachment = |name: &str, volume: &str| {
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": name}, "spec": {
            "attacher": "csi.example.com", "nodeName": "worker-0", "source": {"persistentVolumeName": volume}}})
    };
    cluster = cluster.with(claim).with(attachment("csi-1", "pv-web")).with(attachment("csi-2", "pv-logs"));
    for pod in cluster.objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        let is_calico = pod["metadata"]["name"].as_str().unwrap().starts_with("calico-node-");
        if is_calico && pod["spec"]["nodeName"] == "worker-0" {
            set(
                pod,
                "/spec/volumes",
                json!([{"name": "logs", "persistentVolumeClaim": {"claimName": "logs"}}]),
            );
        }
    }
    Double::start(cluster).await.unwrap()
}

fn drain(seconds: u64) -> Json {
    json!({"name": "worker-0", "delete_options": {"ignore_daemonsets": true, "terminate_grace_period": 1}, "volumes_timeout": seconds})
}

#[tokio::test]
async fn volumes_of_pods_that_left_are_waited_for_and_those_of_daemonsets_are_not() {
    let double = started().await;
    let bench = bench();
    let frees = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        double.remove("volumeattachments.storage.k8s.io", "", "csi-1").unwrap();
    };
    let (drained, ()) = tokio::join!(run(&double, &bench, "k8s_drain", drain(30)), frees);
    drained.unwrap();
    let said = bench.said.lock().unwrap().clone();
    let waits = "waiting for 1 volume to be detached from node/worker-0: pv-web (csi.example.com); ";
    assert_eq!(said.iter().filter(|line| line.starts_with(waits)).count(), 1, "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("node/worker-0 drained"));
}

#[tokio::test]
async fn a_volume_that_stays_attached_is_told_and_the_machine_is_not_to_be_switched_off() {
    let double = started().await;
    let failed = run(&double, &bench(), "k8s_drain", drain(1)).await.unwrap_err();
    let message = failed.message();
    assert!(message.contains("1 volume still attached after 1s: pv-web (csi.example.com)"), "{message}");
    assert!(message.contains("The pods are gone") && message.contains("Do not switch it off"), "{message}");
    run(&double, &bench(), "k8s_drain", drain(0)).await.unwrap();
}
