//! `muster check kubernetes` through the hosts of a lab: an API that only they reach, a real etcd, and hosts that fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/lab.rs"]
mod lab;

use assert_cmd::Command;
use lab::{Lab, wait_until};
use serde_json::Value as Json;

/// Runs the check and gives its exit code and the ids that are no pass, sorted.
fn checked(lab: &Lab) -> (i32, Vec<String>, String) {
    let inventory = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(inventory.path(), lab.run(&["inventory"])).unwrap();
    let mut command = Command::cargo_bin("muster").unwrap();
    command.args(["check", "kubernetes", "--output", "json", "-i", inventory.path().to_str().unwrap()]);
    // Nothing runs in the pods of a lab.
    command.args(["-e", "check_kubernetes_dns_query=false"]).env("HOME", "/nonexistent");
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let recap: Json = serde_json::from_str(out.lines().last().unwrap_or("null")).unwrap_or_default();
    let bad = recap["findings"].as_array().cloned().unwrap_or_default();
    let bad = bad.iter().map(|finding| &finding["check"]).filter(|check| check["verdict"] != "pass");
    let mut ids: Vec<String> = bad.clone().map(|check| check["id"].as_str().unwrap().to_string()).collect();
    ids.sort();
    ids.dedup();
    let told: String = bad.map(|check| format!("{check}\n")).collect();
    (output.status.code().unwrap(), ids, format!("{told}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_cluster_is_looked_at_through_whichever_control_plane_answers() {
    let lab = Lab::with_api(&["--workers", "1", "--grace", "6"]);
    let (code, ids, told) = checked(&lab);
    assert_eq!((code, ids), (0, vec![]), "{told}");

    // A member of etcd that is down takes the API server beside it along.
    lab.ssh("cp2", "mv /etc/kubernetes/manifests/etcd.yaml /root/");
    lab.wait_for_members("cp1", 2);
    let port = "timeout 1 bash -c '</dev/tcp/127.0.0.1/6443' 2>/dev/null && echo open || echo shut";
    wait_until("the API server beside it is down", || lab.ssh("cp2", port).trim() == "shut");
    let (code, ids, told) = checked(&lab);
    assert_eq!((code, ids.join(" ").as_str()), (3, "API EtcdMember"), "{told}");
    assert!(told.contains("(cp2, "), "{told}");
    lab.ssh("cp2", "mv /root/etcd.yaml /etc/kubernetes/manifests/");
    lab.wait_for_members("cp1", 3);
    wait_until("the API server is back", || lab.ssh("cp2", port).trim() == "open");

    // The first control plane is gone: the second one is asked.
    lab.run(&["kill", "cp1"]);
    wait_until("the node is lost", || lab.ready("cp1") == "Unknown");
    let (code, ids, told) = checked(&lab);
    assert_eq!(code, 4, "{told}");
    assert!(
        ids.contains(&"NodesReady".to_string()) && ids.contains(&"EtcdMember".to_string()),
        "{ids:?}\n{told}"
    );
    assert!(!ids.contains(&"API".to_string()) && !ids.contains(&"CNI".to_string()), "{ids:?}\n{told}");
}
