//! `muster replace worker` in the lab: one that lives is drained and another machine takes its place with its labels and taints;
//! one that is dead is let go of only when its power is off. Needs root and systemd-nspawn.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/going.rs"]
mod going;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/lab.rs"]
mod lab;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/operator.rs"]
mod operator;

use lab::{Lab, wait_until};
use operator::Operator;

const SHOP: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example.com/web:1'}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: 'registry.example.com/db:1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: default}
spec: {nodeName: w2, containers: [{name: alone, image: 'registry.example.com/alone:1'}]}
---
apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: csi-1}
spec: {attacher: csi.example.com, nodeName: w2, source: {persistentVolumeName: pv-1}}
";

/// How many pods of the shop run and where: `NODE NAME` lines.
fn pods(lab: &Lab) -> Vec<String> {
    let path = "jsonpath={range .items[?(@.status.phase==\"Running\")]}{.spec.nodeName} {.metadata.name}{\"\\n\"}{end}";
    lab.kubectl(&["get", "pods", "-n", "default", "-o", path]).lines().map(str::to_owned).collect()
}

#[test]
fn a_worker_is_replaced_alive_or_dead_and_never_in_between() {
    let lab = Lab::with_api(&["--control-planes", "1", "--workers", "2", "--spares", "1", "--grace", "6"]);
    let ann = Operator::new(&lab, "ann@desk");
    let replace = |words: &[&str]| ann.muster(&[&["replace", "worker"], words].concat());
    let shop = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(shop.path(), SHOP).unwrap();
    lab.kubectl(&["apply", "--validate=false", "-f", &shop.path().display().to_string()]);
    lab.kubectl(&["label", "node", "w1", "pool=blue"]);
    lab.kubectl(&["taint", "node", "w1", "dedicated=shop:PreferNoSchedule"]);
    wait_until("the shop is open", || pods(&lab).len() == 7);

    for (words, said) in [
        (&["cp1", "--yes"][..], "muster replace control-plane cp1"),
        (&["w9", "--yes"], "there is no Node w9"),
        (&["w1", "--yes", "--with", "s9"], "s9 is not in the inventory"),
        (&["w1", "--yes", "--with", "w2"], "w2 is a node of this cluster already"),
        (&["w2", "--yes"], "replace_force=true"),
    ] {
        let (code, shown) = replace(words);
        assert_eq!(code, 2, "{words:?}: {shown}");
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let (code, shown) = replace(&["w1", "--with", "s1", "--plan"]);
    assert_eq!(code, 0, "{shown}");
    for said in ["node/w1 (Ready)", "join s1 with a token", "pool=blue", "dedicated"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(ann.journals().is_empty() && lab.ready("w1") == "True", "a plan touches nothing");

    // The run is killed once its Node is gone, and goes on with the labels that it had.
    let line = ["replace", "worker", "w1", "--with", "s1", "--yes"];
    ann.kill_at(&line, "node", "done");
    assert_eq!(lab.ready("w1"), "");
    let mut run = ann.at_terminal(&line[..5]);
    run.answer("Type w1 to replace it", "w1");
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains(
            "s1 is Ready, has run a pod and takes pods in place of w1, with 1 labels and 1 taints of it"
        ),
        "{shown}"
    );
    let tokens = lab.ssh("cp1", "kubeadm token list");
    assert_eq!(tokens.lines().count(), 1, "no token is left: {tokens}");
    assert_eq!((lab.ready("w1").as_str(), lab.ready("s1").as_str()), ("", "True"));
    let what = lab.kubectl(&[
        "get",
        "node",
        "s1",
        "-o",
        "jsonpath={.metadata.labels.pool} {.spec.taints[*].key} {.spec.unschedulable}",
    ]);
    assert_eq!(what.trim(), "blue dedicated");
    assert_eq!(
        lab.ssh("w1", "ls /etc/kubernetes; systemctl is-active kubelet || true"),
        "manifests\ninactive\n"
    );
    wait_until("the shop is whole", || {
        pods(&lab).len() == 7 && pods(&lab).iter().all(|pod| !pod.starts_with("w1 "))
    });

    // A kubelet that stands still is no dead machine: its pods may run on.
    lab.ssh("w2", "systemctl stop kubelet");
    wait_until("it is lost", || lab.ready("w2") == "Unknown");
    let (code, shown) = replace(&["w2", "--yes", "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("its machine answers to ssh"), "{shown}");
    lab.run(&["kill", "w2"]);
    let (code, shown) = replace(&["w2", "--yes"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("nobody said that its machine is off for good"), "{shown}");
    assert_eq!(pods(&lab).len(), 7, "nothing was let go of");

    // A new machine of its name and address comes while the run waits for it.
    let mut run = ann.start(&["replace", "worker", "w2", "--yes", "--fenced", "--join", "print"]);
    run.wait_for_words("It is waited for here");
    assert_eq!(lab.kubectl(&["get", "volumeattachments"]), "No resources found\n");
    lab.run(&["renew", "w2"]);
    let join = lab.ssh("cp1", "kubeadm token create --ttl 1m --print-join-command");
    lab.ssh("w2", join.trim());
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("kubeadm token create --ttl 30m --print-join-command\n"), "{shown}");
    assert_eq!(lab.ready("w2"), "True");
    wait_until("the shop is whole but for what nobody makes again", || pods(&lab).len() == 6);
}
