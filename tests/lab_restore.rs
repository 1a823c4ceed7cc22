//! `etcd-restore` in the lab, with real members of etcd: two of three are gone, and from the one that is left three come
//! again, with every key that it had, wherever muster itself is killed. Needs root and systemd-nspawn.

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

use going::Going;
use lab::{Lab, wait_until};
use operator::Operator;

/// Every key with its value, from the member of a host alone.
fn data(lab: &Lab, host: &str) -> String {
    lab.run(&["etcdctl", "--on", host, "get", "--prefix", "key-", "--consistency=s"])
}

/// The id that the plan tells.
fn id(shown: &str) -> &str {
    let line = shown.lines().find(|line| line.contains("its majority is lost")).unwrap();
    line.trim().trim_start_matches("etcd ").split(':').next().unwrap()
}

/// The id that a run asks for.
fn asked_id(run: &mut Going) -> String {
    run.wait_for_words("to restore etcd of this cluster");
    let shown = run.shown();
    let (before, _) = shown.split_once(" to restore etcd of this cluster").unwrap();
    before.split_whitespace().last().unwrap().to_owned()
}

#[test]
fn two_of_three_are_gone_and_nothing_is_lost_that_the_third_had() {
    let lab = Lab::with_api(&["--workers", "1"]);
    let ann = Operator::new(&lab, "ann@desk");
    let write = "for i in $(seq 100); do etcdctl --cacert=$P/ca.crt --cert=$P/server.crt --key=$P/server.key put key-$i value-$i; done";
    lab.ssh("cp2", &format!("export ETCDCTL_API=3 P=/etc/kubernetes/pki/etcd; {write}"));

    let (code, shown) = ann.muster(&["run", "etcd-restore"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("nothing is restored: etcd has its quorum"), "{shown}");

    // One has lost its data and the other its power: no API server answers any more.
    lab.run(&["wipe", "cp2"]);
    lab.run(&["kill", "cp3"]);
    let before = data(&lab, "cp1");
    assert_eq!(before.lines().count(), 200, "{before}");
    wait_until("the API is gone", || lab.ready("cp1").is_empty());

    let (code, plan) = ann.muster(&["run", "etcd-restore", "-e", "etcd_restore_plan=true"]);
    assert_eq!(code, 0, "{plan}");
    for said in ["going on from cp1", "add one after another: cp2", "cannot lift revisions"] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
    let confirm = format!("etcd_restore_confirm={}", id(&plan));
    assert!(ann.journals().is_empty() && lab.healthy("cp1") == 0, "a plan touches nothing");
    assert_eq!(data(&lab, "cp1"), before);

    // Nobody said that cp3 is off for good, then nobody typed the id.
    let (code, shown) = ann.muster(&["run", "etcd-restore", "-e", &confirm]);
    assert_eq!(code, 2, "{shown}");
    assert!(
        shown.contains("nobody said that they are off for good") && shown.contains("etcd_restore_dead=cp3"),
        "{shown}"
    );
    let (code, shown) = ann.muster(&["run", "etcd-restore", "-e", "etcd_restore_dead=cp3"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains(&format!("run it with -e {confirm} -e etcd_restore_dead=cp3")), "{shown}");
    assert!(ann.journals().is_empty());

    // A new machine has come in the place of cp3. The run is killed where it hurts, and goes on.
    lab.run(&["renew", "cp3"]);
    ann.know_hosts(&lab);
    let line = ["run", "etcd-restore", "-e", &confirm];
    ann.kill_at(&line, "aside", "done");
    ann.kill_at(&line, "members", "begun");
    let (code, shown) = ann.muster(&line);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("etcd is restored: 3 members, 1 of them may be lost"), "{shown}");
    lab.wait_for_members("cp1", 3);
    for host in ["cp1", "cp2", "cp3"] {
        assert_eq!(data(&lab, host), before, "{host} has all of it");
        wait_until("its node is ready", || lab.ready(host) == "True");
    }
    let kept = lab.ssh("cp1", "ls -d /var/lib/etcd.before-*/member /var/backups/etcd/etcd-restore-*.db");
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert!(!ann.everything().contains("certificateKey"), "no secret was shown or journaled");

    let (code, shown) = ann.muster(&line);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("etcd has its quorum"), "{shown}");
}

#[test]
fn a_survivor_that_does_not_run_begins_anew_from_its_own_data() {
    let lab = Lab::with_api(&["--workers", "0"]);
    let ann = Operator::new(&lab, "ann@desk");
    lab.run(&["etcdctl", "--on", "cp1", "put", "key-1", "value-1"]);
    lab.run(&["kill", "cp2"]);
    lab.run(&["kill", "cp3"]);
    // Its machine was started again, and its kubelet was stopped before it started etcd.
    lab.ssh("cp1", "systemctl stop kubelet; systemctl stop cri-etcd cri-kube-apiserver");
    let more = ["-e", "etcd_restore_dead=cp2,cp3", "-e", "etcd_restore_patience=60"];
    let (_, shown) = ann.muster(&[&["run", "etcd-restore"][..], &more].concat());
    let confirm = shown.split("etcd_restore_confirm=").nth(1).unwrap().split_whitespace().next().unwrap();
    let confirm = format!("etcd_restore_confirm={confirm}");
    let line = [&["run", "etcd-restore", "-e", &confirm][..], &more].concat();
    let (code, shown) = ann.muster(&line);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("--force-new-cluster") && shown.contains("etcd is restored: 1 member"), "{shown}");
    assert_eq!(data(&lab, "cp1"), "key-1\nvalue-1\n");
    let manifest = lab.ssh("cp1", "cat /etc/kubernetes/manifests/etcd.yaml");
    assert!(!manifest.contains("force-new-cluster"), "{manifest}");

    // Back to a snapshot of the operator's machine, though etcd is well; at a terminal both questions are asked.
    lab.run(&["etcdctl", "--on", "cp1", "snapshot", "save", "/root/before.db"]);
    ann.fetch(&lab, "cp1", "/root/before.db", "before.db");
    lab.run(&["etcdctl", "--on", "cp1", "put", "key-2", "later"]);
    let broken = ["run", "etcd-restore", "-e", "etcd_restore_snapshot=inventory.yaml"];
    let mut run = ann.at_terminal(&[&broken[..], &more].concat());
    let id = asked_id(&mut run);
    run.answer("to restore etcd of this cluster", &id);
    let (code, shown) = run.end();
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("inventory.yaml is no whole snapshot of etcd"), "{shown}");
    assert!(data(&lab, "cp1").contains("later"), "nothing was stopped");
    let mut run =
        ann.at_terminal(&["run", "etcd-restore", "-e", "etcd_restore_snapshot=before.db", "-e", more[3]]);
    run.answer("cp2, cp3 cannot be reached. Type which of them are off for good", "cp2 cp3");
    let id = asked_id(&mut run);
    run.answer("to restore etcd of this cluster", &id);
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    for said in ["Everything that was written after", "cannot lift revisions", "etcd is restored: 1 member"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(data(&lab, "cp1"), "key-1\nvalue-1\n", "what came after the snapshot is gone");
}
