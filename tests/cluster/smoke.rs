//! The smoke test of `muster check kubernetes`: what it makes in a cluster and takes away again, and what it finds where Jobs do not
//! end, pods do not come up, or services lead nowhere. The double's controllers run the Job and the pods; the test answers for agnhost.

use super::{Seen, run};
use muster_apiserver::{Cluster, Controllers, Double, ExecRequest, Outcome};
use serde_json::json;
use tokio::task::JoinSet;

/// What a fault of the cluster is found as: its ids, and what is said of the first.
struct Found {
    ids: &'static [&'static str],
    said: &'static str,
}

async fn tested(double: &Double) -> Seen {
    let short = ["smoke=true", "smoke_job_seconds=5", "smoke_pod_seconds=5"];
    let set = short.map(|set| format!("check_kubernetes_{set}"));
    let given = set.iter().flat_map(|set| ["-e", set]);
    let words = ["check", "kubernetes", "--output", "json"].into_iter().chain(given).collect::<Vec<_>>();
    run(double, &words).await
}

/// agnhost's answer: nothing where it gets through, else a word on its standard error.
fn answer(through: bool, word: &str) -> Outcome {
    if through {
        return Outcome::default();
    }
    Outcome { stdout: vec![], stderr: format!("{word}\n").into_bytes(), code: 1 }
}

fn smoke_spaces(double: &Double) -> usize {
    let is =
        |space: &&serde_json::Value| space["metadata"]["name"].as_str().unwrap().starts_with("muster-smoke-");
    double.list("namespaces").iter().filter(is).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_cluster_does_its_work_and_nothing_is_left_of_it() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let before = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2);
    for (name, made) in [("muster-smoke-old", before), ("muster-smoke-now", jiff::Timestamp::now())] {
        let labels = json!({"app.kubernetes.io/managed-by": "muster", "app.kubernetes.io/name": "smoke"});
        let made = made.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let metadata = json!({"name": name, "labels": labels, "creationTimestamp": made});
        double.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).unwrap();
    }
    let asked = std::sync::Arc::new(std::sync::Mutex::new(vec![]));
    let heard = std::sync::Arc::clone(&asked);
    double.on_exec(move |request: ExecRequest| {
        heard.lock().unwrap().push(format!("{} {}", request.node, request.command[3]));
        Outcome::default()
    });
    let seen = tested(&double).await;
    assert_eq!((seen.code, seen.findings()), (0, vec![]), "{}{}", seen.out, seen.err);
    for id in ["SmokeJob", "SmokePods", "SmokeService", "SmokeEnd"] {
        assert!(seen.out.contains(&format!("\"id\":\"{id}\"")), "{id}\n{}", seen.out);
    }
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    let (addresses, names): (Vec<_>, Vec<_>) = asked.iter().partition(|line| line.contains(" 10.96.0."));
    assert_eq!((addresses.len(), names.len()), (5, 5), "{asked:?}");
    assert!(names.iter().all(|line| line.contains(" server.muster-smoke-")), "{names:?}");
    assert_eq!(smoke_spaces(&double), 1, "the one of this hour is somebody else's");
    assert!(
        double
            .list("pods")
            .iter()
            .all(|pod| !pod["metadata"]["namespace"].as_str().unwrap().starts_with("muster-smoke"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_work_is_found_and_told_with_its_place() {
    type Plant = fn(&Double);
    let cases: [(&str, Plant, Found); 6] = [
        (
            "no controller makes pods",
            |double| double.set_controllers(Controllers { workloads: false, ..Controllers::all() }),
            Found {
                ids: &["SmokeJob fail", "SmokePods fail", "SmokeService unknown"],
                said: "it has no pod",
            },
        ),
        (
            "no kubelet brings pods up",
            |double| double.set_controllers(Controllers { kubelet: false, ..Controllers::all() }),
            Found {
                ids: &["SmokeJob fail", "SmokePods fail", "SmokeService unknown", "SmokeEnd fail"],
                said: ": Pending",
            },
        ),
        (
            "nothing that is deleted goes away",
            |double| {
                double.on_exec(|_| Outcome::default());
                double.set_controllers(Controllers { garbage: false, ..Controllers::all() });
            },
            Found { ids: &["SmokeEnd fail"], said: "muster-smoke-" },
        ),
        (
            "no connection gets out of a node",
            |double| double.on_exec(|request| answer(request.node != "worker-1", "TIMEOUT")),
            Found { ids: &["SmokeService fail"], said: "worker-1: TIMEOUT" },
        ),
        (
            "names are not known on a node",
            |double| {
                double.on_exec(|request| {
                    answer(
                        request.node != "cp-2" || !request.command[3].contains(".svc:"),
                        "DNS: no such host",
                    )
                });
            },
            Found { ids: &["SmokeService fail"], said: "cp-2: DNS: no such host" },
        ),
        ("nobody may exec", |_| (), Found { ids: &["SmokeService fail"], said: "connect: no route to host" }),
    ];
    let mut runs = JoinSet::new();
    for (name, plant, found) in cases {
        runs.spawn(async move {
            let double = Double::start(Cluster::healthy()).await.unwrap();
            plant(&double);
            let seen = tested(&double).await;
            (name, found, seen, smoke_spaces(&double))
        });
    }
    let mut wrong = vec![];
    while let Some(ended) = runs.join_next().await {
        let (name, found, seen, left) = ended.unwrap();
        if seen.findings() != found.ids || seen.code != 3 {
            wrong.push(format!("{name}: exit {}, {:?} {}", seen.code, seen.findings(), seen.err));
        }
        let id = found.ids[0].split(' ').next().unwrap();
        let (observed, remedy) = (seen.told(id, "observed"), seen.told(id, "remedy"));
        if !observed.contains(found.said) || remedy.trim().is_empty() {
            wrong.push(format!("{name}: {observed:?} {remedy:?}"));
        }
        if (left > 0) != found.ids.contains(&"SmokeEnd fail") {
            wrong.push(format!("{name}: {left} namespaces are left"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_make_nothing_is_told_so_and_nothing_passes() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.plant(
        muster_apiserver::Planted::always(muster_apiserver::Fault::Refuse(muster_apiserver::Failure::new(
            403,
            "Forbidden",
            "namespaces is forbidden: User \"viewer\" cannot create resource",
        )))
        .on("POST", "/namespaces"),
    );
    let seen = tested(&double).await;
    let unknown = ["SmokeJob", "SmokePods", "SmokeService", "SmokeEnd"].map(|id| format!("{id} unknown"));
    assert_eq!((seen.code, seen.findings()), (3, unknown.to_vec()), "{}", seen.err);
    assert!(
        seen.told("SmokeJob", "reason").contains("cannot create resource"),
        "{}",
        seen.told("SmokeJob", "reason")
    );
}
