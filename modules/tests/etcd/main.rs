//! The etcd modules against real clusters of one to five members on loopback: members killed, removed, added, promoted while a
//! client writes; snapshots, defragmentation, alarms.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on shall fail")]

mod cluster;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/mod.rs"]
mod support;

use cluster::Cluster;
use muster_engine::module::{Failure, Map};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::Bench;

/// Runs a module against the members that run.
async fn run(cluster: &Cluster, bench: &Bench, module: &str, args: Json) -> Result<Map, Failure> {
    let mut args = args;
    args["endpoints"] = json!(cluster.endpoints());
    args["command_timeout"] = json!(2);
    bench.run(module, &args).await.map(|output| output.result)
}

fn bench() -> Bench {
    Bench::new(Path::new("/"))
}

#[tokio::test]
async fn three_healthy_members_are_told_with_their_votes() {
    let cluster = Cluster::of(3);
    let info = run(&cluster, &bench(), "etcd_member_info", json!({})).await.unwrap();
    assert_eq!(info["members"].as_array().unwrap().len(), 3);
    assert_eq!(
        info["votes"],
        json!({"voters": 3, "alive": 3, "needed": 2, "has_quorum": true, "tolerance": 1})
    );
    assert!(info["table"].as_str().unwrap().contains("alive, leader"), "{}", info["table"]);
    let health = run(&cluster, &bench(), "etcd_health", json!({})).await.unwrap();
    assert_eq!(health["healthy"], true, "{health:?}");
    assert_eq!(health["problems"], json!([]));
}

#[tokio::test]
async fn a_dead_member_is_replaced_while_a_client_writes() {
    let mut cluster = Cluster::of(3);
    cluster.kill(1);
    let survivors = cluster.endpoints().join(",");
    let stop = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (stop, survivors) = (Arc::clone(&stop), survivors.clone());
        move || {
            let (mut written, mut longest, mut last) = (vec![], Duration::ZERO, Instant::now());
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("k{n}");
                let done = std::process::Command::new("etcdctl")
                    .env("ETCDCTL_API", "3")
                    .args(["--endpoints", &survivors, "--command-timeout", "1s", "put", &key, "v"])
                    .output()
                    .unwrap();
                if done.status.success() {
                    written.push(key);
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            (written, longest)
        }
    });

    let gone =
        run(&cluster, &bench(), "etcd_member", json!({"name": "cp2", "state": "absent"})).await.unwrap();
    assert_eq!(gone["changed"], true);
    assert_eq!(gone["member"]["name"], "cp2");
    let again =
        run(&cluster, &bench(), "etcd_member", json!({"name": "cp2", "state": "absent"})).await.unwrap();
    assert_eq!(again["changed"], false);

    let new = cluster.plan("cp4");
    let peer = cluster.members[new].peer.clone();
    let add = json!({"name": "cp4", "peer_urls": [peer]});
    let added = run(&cluster, &bench(), "etcd_member", add.clone()).await.unwrap();
    assert_eq!(added["member"]["learner"], true, "{added:?}");
    let again = run(&cluster, &bench(), "etcd_member", add).await.unwrap();
    assert_eq!(again["changed"], false);
    // One that never starts is in nobody's way, and nobody else is added beside it.
    let other = json!({"name": "cp5", "peer_urls": ["http://127.0.0.1:1"]});
    let refused = run(&cluster, &bench(), "etcd_member", other).await.unwrap_err();
    assert!(refused.message().contains("has never started"), "{}", refused.message());

    cluster.join(new, added["initial_cluster"].as_str().unwrap());
    let promote = json!({"name": "cp4", "peer_urls": [peer], "state": "promoted"});
    cluster.wait_until("the learner has started", |cluster| {
        String::from_utf8_lossy(&cluster.ctl(&["member", "list"]).stdout).contains("started, cp4")
    });
    let promoted = run(&cluster, &bench(), "etcd_member", promote).await.unwrap();
    assert_eq!(promoted["changed"], true);
    let health = run(&cluster, &bench(), "etcd_health", json!({})).await.unwrap();
    assert_eq!(health["problems"], json!([]), "{health:?}");
    assert_eq!(health["votes"]["alive"], 3);

    stop.store(true, Ordering::Relaxed);
    let (written, longest) = writer.join().unwrap();
    assert!(
        written.len() > 10 && longest < Duration::from_secs(10),
        "{} writes, pause {longest:?}",
        written.len()
    );
    let kept = cluster.ctl(&["get", "k", "--prefix", "--keys-only"]);
    let kept = String::from_utf8_lossy(&kept.stdout).into_owned();
    let kept: BTreeSet<&str> = kept.lines().collect();
    let lost: Vec<&String> = written.iter().filter(|key| !kept.contains(key.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[tokio::test]
async fn what_would_cost_the_quorum_is_refused_in_clusters_of_every_size() {
    // (members, dead, whether a dead one may go)
    for (n, dead, may) in
        [(1, 0, false), (2, 1, false), (3, 2, false), (4, 1, true), (4, 2, false), (5, 2, true)]
    {
        let mut cluster = Cluster::of(n);
        (0..dead).for_each(|at| cluster.kill(at));
        let answer = run(&cluster, &bench(), "etcd_member", json!({"name": "cp1", "state": "absent"})).await;
        match answer {
            Ok(result) => assert!(may && result["changed"] == true, "{n} members, {dead} dead: {result:?}"),
            Err(refused) => {
                let message = refused.message();
                assert!(!may, "{n} members, {dead} dead: {message}");
                let reason = if dead == 0 { "only voter" } else { "has lost its quorum" };
                assert!(message.contains(reason), "{message}");
                assert!(message.contains("cp1"), "{message}");
                assert_eq!(refused.result["votes"]["voters"], n);
            }
        }
        let members = cluster.ctl(&["member", "list"]);
        let listed = String::from_utf8_lossy(&members.stdout).lines().count();
        assert_eq!(listed, if may { n - 1 } else { n });
    }
}

#[tokio::test]
async fn force_cannot_bring_a_lost_quorum_back() {
    let mut cluster = Cluster::of(3);
    cluster.kill(1);
    cluster.kill(2);
    let mut bench = bench();
    let info = run(&cluster, &bench, "etcd_member_info", json!({})).await.unwrap();
    bench.vars.insert("muster_etcd_confirm".into(), info["cluster_id"].clone());
    let args = json!({"name": "cp2", "state": "absent", "force": true});
    let refused = run(&cluster, &bench, "etcd_member", args).await.unwrap_err();
    assert!(refused.message().contains("muster run etcd-restore"), "{}", refused.message());
}

#[tokio::test]
async fn a_healthy_member_goes_only_when_somebody_said_so_about_this_cluster() {
    let cluster = Cluster::of(3);
    let mut bench = bench();
    let args = json!({"name": "cp1", "state": "absent"});
    let refused = run(&cluster, &bench, "etcd_member", args).await.unwrap_err();
    assert!(refused.message().contains("would be weaker"), "{}", refused.message());
    let forced = json!({"name": "cp1", "state": "absent", "force": true});
    bench.vars.insert("muster_etcd_confirm".into(), json!("another"));
    let refused = run(&cluster, &bench, "etcd_member", forced.clone()).await.unwrap_err();
    let wanted = refused.result["cluster_id"].clone();
    assert!(refused.message().contains(&format!("-e muster_etcd_confirm={}", wanted.as_str().unwrap())));
    bench.vars.insert("muster_etcd_confirm".into(), wanted);
    bench.check_mode = true;
    let foreseen = run(&cluster, &bench, "etcd_member", forced.clone()).await.unwrap();
    assert_eq!(foreseen["votes_after"]["voters"], 2);
    assert_eq!(String::from_utf8_lossy(&cluster.ctl(&["member", "list"]).stdout).lines().count(), 3);
    bench.check_mode = false;
    let done = run(&cluster, &bench, "etcd_member", forced).await.unwrap();
    assert_eq!(done["votes_after"]["voters"], 2);
}

#[tokio::test]
async fn a_snapshot_is_whole_or_not_there() {
    let cluster = Cluster::of(3);
    let dir = tempfile::tempdir().unwrap();
    let dest = format!("{}/", dir.path().display());
    let taken = run(&cluster, &bench(), "etcd_snapshot", json!({"dest": dest})).await.unwrap();
    let path = taken["path"].as_str().unwrap();
    assert_eq!(taken["verified"], true);
    let name = Path::new(path).file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("etcd-kubernetes-2") && name.contains("-rev"), "{name}");
    let status = cluster.ctl(&["snapshot", "status", path]);
    assert!(status.status.success(), "{status:?}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half done is left");

    let looked = |path: &str| {
        let args = json!({"path": path});
        async move { bench().run("etcd_snapshot_info", &args).await.unwrap().result }
    };
    let whole = looked(path).await;
    assert_eq!((&whole["verified"], &whole["sha256"]), (&json!(true), &taken["sha256"]));
    let printed = cluster.ctl(&["snapshot", "status", path, "-w", "json"]);
    let printed: Json = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!((&whole["revision"], &whole["keys"]), (&printed["revision"], &printed["totalKey"]));
    assert_eq!(whole["via"], "etcdctl");
    let broken = dir.path().join("broken.db");
    let mut bytes = std::fs::read(path).unwrap();
    bytes[4096] ^= 1;
    std::fs::write(&broken, bytes).unwrap();
    let broken = looked(broken.to_str().unwrap()).await;
    assert_eq!(
        (&broken["exists"], &broken["verified"], &broken["revision"]),
        (&json!(true), &json!(false), &Json::Null)
    );
    assert_eq!(broken["expected"], whole["sha256"]);
    assert_eq!(looked("/nowhere/at-all.db").await["exists"], false);

    let again = run(&cluster, &bench(), "etcd_snapshot", json!({"dest": path})).await.unwrap_err();
    assert!(again.message().contains("is not overwritten"), "{}", again.message());
    let greedy = json!({"dest": dest, "free_factor": 1e12});
    let full = run(&cluster, &bench(), "etcd_snapshot", greedy).await.unwrap_err();
    assert!(full.message().contains("MiB free"), "{}", full.message());
}

#[tokio::test]
async fn a_full_cluster_is_compacted_defragmented_and_disarmed() {
    let cluster = Cluster::with(1, &["--quota-backend-bytes", "4194304"]);
    let big = "x".repeat(100_000);
    for _ in 0..80 {
        if !cluster.ctl(&["put", "same", &big]).status.success() {
            break;
        }
    }
    let quota = json!({"quota_bytes": 4_194_304});
    let health = run(&cluster, &bench(), "etcd_health", quota.clone()).await.unwrap();
    let ids: Vec<&Json> = health["problems"].as_array().unwrap().iter().map(|p| &p["id"]).collect();
    assert!(ids.contains(&&json!("EtcdAlarm")) && ids.contains(&&json!("EtcdSpace")), "{ids:?}");
    let early = json!({"compact": true, "quota_bytes": 4_194_304});
    let early = run(&cluster, &bench(), "etcd_alarm", early).await;
    assert!(early.unwrap_err().message().contains("still full"));
    let defrag = json!({"min_reclaimable": "1M", "pause": 0});
    let done = run(&cluster, &bench(), "etcd_defrag", defrag.clone()).await.unwrap();
    let sizes = &done["defragmented"][0];
    assert!(sizes["after"].as_u64().unwrap() < sizes["before"].as_u64().unwrap() / 2, "{done:?}");
    let disarmed = run(&cluster, &bench(), "etcd_alarm", quota).await.unwrap();
    assert_eq!(disarmed["disarmed"][0]["alarm"], "NOSPACE");
    assert!(cluster.ctl(&["put", "after", "it"]).status.success());
    assert_eq!(run(&cluster, &bench(), "etcd_defrag", defrag).await.unwrap()["changed"], false);
    assert_eq!(run(&cluster, &bench(), "etcd_alarm", json!({})).await.unwrap()["changed"], false);
}

#[tokio::test]
async fn a_dead_member_stops_defragmentation_and_is_named_by_health() {
    let mut cluster = Cluster::of(3);
    cluster.kill(2);
    let refused = run(&cluster, &bench(), "etcd_defrag", json!({"min_reclaimable": "0"})).await.unwrap_err();
    assert!(
        refused.message().contains("cp3") && refused.message().contains("not well"),
        "{}",
        refused.message()
    );
    let health = run(&cluster, &bench(), "etcd_health", json!({})).await.unwrap();
    assert_eq!(health["healthy"], false);
    let problem = &health["problems"][0];
    assert_eq!(problem["id"], "EtcdMember");
    assert!(problem["observed"].as_str().unwrap().contains("cp3"), "{problem}");
    assert_eq!(health["problems"].as_array().unwrap().len(), 1, "{health:?}");
}

#[tokio::test]
async fn etcdctl_reads_json_and_leaves_membership_to_its_module() {
    let cluster = Cluster::of(1);
    let list = run(&cluster, &bench(), "etcdctl", json!({"_raw_params": "member list"})).await.unwrap();
    assert_eq!(list["changed"], false);
    assert_eq!(list["json"]["members"][0]["name"], "cp1");
    let mut checking = bench();
    checking.check_mode = true;
    let put = json!({"argv": ["put", "a", "b c"]});
    assert_eq!(run(&cluster, &checking, "etcdctl", put.clone()).await.unwrap()["changed"], true);
    let count =
        || String::from_utf8_lossy(&cluster.ctl(&["get", "a", "--print-value-only"]).stdout).into_owned();
    assert_eq!(count(), "");
    run(&cluster, &bench(), "etcdctl", put).await.unwrap();
    assert_eq!(count(), "b c\n");
    let remove = json!({"_raw_params": "member remove 1234"});
    let refused = run(&cluster, &bench(), "etcdctl", remove).await.unwrap_err();
    assert!(refused.message().contains("`etcd_member` does it"), "{}", refused.message());
}
