//! Draining against the double: what forbids it, what each answer of the eviction API leads to, how a node is left, and what is
//! said meanwhile. The double's pods end a fifth of a second after they were asked to.

use super::{bench, run};
use muster_apiserver::object::set;
use muster_apiserver::{Cause, Cluster, Controllers, Double, Failure, Fault, Planted};
use muster_engine::module::Map;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

const NODE: &str = "worker-0";

/// A drain that allows what every node has, and gives pods a second.
fn usual() -> Json {
    json!({"name": NODE, "delete_options": {"ignore_daemonsets": true, "terminate_grace_period": 1}, "timeout": 20})
}

fn with(mut args: Json, more: Json) -> Json {
    for (key, value) in more.as_object().unwrap() {
        match value.as_object() {
            Some(inner) => args[key].as_object_mut().unwrap().extend(inner.clone()),
            None => args[key] = value.clone(),
        }
    }
    args
}

/// Drains; gives the result or the failure's, and what was said.
async fn drain(double: &Double, args: Json) -> (Result<Map, Map>, String) {
    let bench = bench();
    let answer = run(double, &bench, "k8s_drain", args).await.map_err(|failure| failure.result);
    let said = bench.said.lock().unwrap().join("\n");
    (answer, said)
}

async fn fails(double: &Double, args: Json) -> (Map, String, String) {
    let (answer, said) = drain(double, args).await;
    let failed = answer.expect_err(&said);
    let message = failed["msg"].as_str().unwrap().to_string();
    (failed, message, said)
}

async fn goes(double: &Double, args: Json) -> (Map, String) {
    let (answer, said) = drain(double, args).await;
    (answer.unwrap_or_else(|failed| panic!("{failed:?}\n{said}")), said)
}

fn is_cordoned(double: &Double) -> bool {
    double.get("nodes", "", NODE).unwrap()["spec"]["unschedulable"] == true
}

/// The pods on the node, but for those of DaemonSets.
fn left_on(double: &Double, node: &str) -> Vec<String> {
    let pods = double.list("pods").into_iter().filter(|pod| pod["spec"]["nodeName"] == node);
    let pods = pods.filter(|pod| pod["metadata"]["ownerReferences"][0]["kind"] != "DaemonSet");
    pods.map(|pod| format!("{}/{}", text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"])))
        .collect()
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("")
}

/// The requests that would change something, by method and the end of the path.
fn changes(double: &Double) -> Vec<String> {
    let all = double.requests().into_iter().filter(|seen| seen.method != "GET");
    all.map(|seen| format!("{} {}", seen.method, seen.path)).collect()
}

/// How often pods of that name were asked for.
fn evictions(double: &Double, pod: &str) -> usize {
    changes(double).iter().filter(|change| change.ends_with("/eviction") && change.contains(pod)).count()
}

/// Every class of refusal at once.
fn full() -> Cluster {
    let cluster = Cluster::healthy()
        .deployment("shop", "web", 2)
        .deployment("shop", "cache", 2)
        .bare_pod("shop", "bare", NODE);
    let orphan = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "lost", "uid": "x", "controller": true}]);
    let cluster = cluster.bare_pod("shop", "orphan", NODE).edit("Pod", "shop", "orphan", |pod| {
        set(pod, "/metadata/ownerReferences", orphan);
    });
    // Nobody collects what has no owner any more.
    with_empty_dir(cluster, "cache-").controllers(Controllers { garbage: false, ..Controllers::all() })
}

/// The same cluster whose pods of that name on the node have an emptyDir.
fn with_empty_dir(mut cluster: Cluster, prefix: &str) -> Cluster {
    for pod in cluster.objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        if text(&pod["metadata"]["name"]).starts_with(prefix) && pod["spec"]["nodeName"] == NODE {
            set(pod, "/spec/volumes", json!([{"name": "scratch", "emptyDir": {}}]));
        }
    }
    cluster
}

async fn started(cluster: Cluster) -> Double {
    Double::start(cluster).await.unwrap()
}

#[tokio::test]
async fn all_that_forbids_it_is_told_at_once_and_nothing_is_evicted() {
    let double = started(full()).await;
    let (failed, message, said) = fails(&double, json!({"name": NODE, "on_failure": "leave"})).await;
    assert_eq!(said, "node/worker-0 cordoned");
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "error: unable to drain node \"worker-0\", aborting command...",
            "",
            "There are pending nodes to be drained:",
            " worker-0"
        ]
    );
    for (line, starts, ends) in [
        (4, "cannot delete daemonsets.apps \"lost\" not found: ", "shop/orphan"),
        (
            5,
            "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): calico-system/calico-node-",
            "",
        ),
        (
            6,
            "cannot delete Pods with local storage (use --delete-emptydir-data to override): shop/cache-",
            "",
        ),
        (
            7,
            "cannot delete Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet (use --force to override): ",
            "shop/bare",
        ),
    ] {
        assert!(lines[line].starts_with(starts) && lines[line].ends_with(ends), "{}", lines[line]);
    }
    assert!(lines[5].contains(", kube-system/kube-proxy-"), "{}", lines[5]);
    assert!(
        lines[9]
            .starts_with("node/worker-0 stays cordoned, and no pod was evicted: `muster uncordon worker-0`"),
        "{message}"
    );
    assert!(is_cordoned(&double) && evictions(&double, "") == 0);
    let classes: Vec<&str> =
        failed["refusals"].as_array().unwrap().iter().map(|one| text(&one["class"])).collect();
    assert_eq!(classes, ["orphaned", "daemonset", "local_storage", "unmanaged"]);
}

#[tokio::test]
async fn a_refusal_takes_its_own_cordon_back_and_no_other() {
    let double = started(Cluster::healthy()).await;
    let (_, message, said) = fails(&double, json!({"name": NODE})).await;
    assert_eq!(said, "node/worker-0 cordoned\nnode/worker-0 uncordoned");
    assert!(message.ends_with("node/worker-0 is uncordoned again, and no pod was evicted."), "{message}");
    assert!(!is_cordoned(&double));
    run(&double, &bench(), "k8s_drain", json!({"name": NODE, "state": "cordon"})).await.unwrap();
    let (_, message, said) = fails(&double, json!({"name": NODE, "on_failure": "uncordon"})).await;
    assert_eq!(said, "node/worker-0 already cordoned");
    assert!(
        message.ends_with("node/worker-0 was cordoned before and stays so, and no pod was evicted."),
        "{message}"
    );
    assert!(is_cordoned(&double));
}

#[tokio::test]
async fn what_is_allowed_goes_all_at_once_and_comes_again_elsewhere() {
    let cluster = full().deployment("shop", "many", 24);
    let double = started(cluster.controllers(Controllers {
        ending: Duration::from_secs(4),
        garbage: false,
        ..Controllers::all()
    }))
    .await;
    let options = json!({"delete_options": {"force": true, "delete_emptydir_data": true}});
    let began = Instant::now();
    let (result, said) = goes(&double, with(usual(), options)).await;
    assert!(began.elapsed() < Duration::from_secs(90), "one after another: {:?}", began.elapsed());
    assert_eq!(left_on(&double, NODE), [""; 0]);
    let count = result["evicted"].as_array().unwrap().len();
    assert_eq!(count, evictions(&double, ""), "each was asked for once");
    assert_eq!(
        result["result"],
        format!("node worker-0 marked unschedulable. {count} Pod(s) deleted from node.")
    );
    assert_eq!((&result["changed"], &result["was_cordoned"]), (&json!(true), &json!(false)));
    let warning = said.lines().nth(1).unwrap();
    for words in [
        "WARNING: daemonsets.apps \"lost\" not found: shop/orphan; ignoring DaemonSet-managed Pods: calico-system/calico-node-",
        "; deleting Pods with local storage: shop/cache-",
        "; deleting Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet: shop/bare",
    ] {
        assert!(warning.contains(words), "{warning}");
    }
    for line in
        ["node/worker-0 cordoned", "evicting pod shop/bare", "pod/bare evicted", "node/worker-0 drained"]
    {
        assert!(said.lines().any(|found| found == line), "{line}\n{said}");
    }
    let again = goes(&double, usual()).await.0;
    assert_eq!(again["changed"], false);
    assert_eq!(again["result"], "node worker-0 already marked unschedulable.");
}

#[tokio::test]
async fn a_drain_of_a_control_plane_leaves_its_static_pods() {
    let double = started(Cluster::healthy()).await;
    goes(&double, with(usual(), json!({"name": "cp-1"}))).await;
    let left = left_on(&double, "cp-1");
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(changes(&double).iter().all(|change| !change.contains("-cp-1/eviction")));
}

#[tokio::test]
async fn a_budget_is_asked_again_until_it_allows() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).budget(
        "shop",
        "web",
        "minAvailable",
        json!(2),
    ))
    .await;
    let bench = bench();
    let helped = async {
        while !bench.said.lock().unwrap().iter().any(|line| line.contains("web-pdb")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let edited = |budget: &mut Json| set(budget, "/spec/minAvailable", 1);
        double.edit("poddisruptionbudgets.policy", "shop", "web-pdb", edited).unwrap();
    };
    let (result, ()) = tokio::join!(run(&double, &bench, "k8s_drain", usual()), helped);
    let (result, said) = (result.unwrap(), bench.said.lock().unwrap().join("\n"));
    let lines: Vec<&str> = said.lines().collect();
    let blocked = lines.iter().position(|line| line.starts_with("error when evicting pods/\"web-")).unwrap();
    assert!(
        lines[blocked].ends_with(
            " -n \"shop\" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget."
        ),
        "{said}"
    );
    assert!(
        lines[blocked + 1].contains("web-pdb (minAvailable 2) wants 2 healthy pods and there are to be 2"),
        "{said}"
    );
    assert_eq!(evictions(&double, "/web-"), 2);
    assert!(result["evicted"].to_string().contains("shop/web-"), "{result:?}");
}

#[tokio::test]
async fn a_budget_that_never_allows_is_explained_and_the_time_ends() {
    let cluster =
        Cluster::healthy().deployment("shop", "web", 2).budget("shop", "web", "maxUnavailable", json!(0));
    let double = started(cluster.deployment("shop", "other", 2)).await;
    let (failed, message, said) =
        fails(&double, with(usual(), json!({"timeout": 6, "on_failure": "uncordon"}))).await;
    assert!(message.contains(": global timeout reached: 6s\n  the budget web-pdb has maxUnavailable 0: it never allows a pod to go."), "{message}");
    assert!(message.contains("2 pods gone, 1 left: shop/web-"), "{message}");
    assert!(message.ends_with("node/worker-0 is uncordoned again."), "{message}");
    assert!(said.ends_with("node/worker-0 uncordoned"), "{said}");
    assert_eq!(failed["evicted"].as_array().unwrap().len(), 2);
    assert!(text(&failed["pending"][0]).starts_with("shop/web-"));
    assert!(!is_cordoned(&double));
}

#[tokio::test]
async fn a_budget_that_cannot_be_computed_is_said_with_the_reason_of_its_controller() {
    let job =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "indexer", "uid": "j", "controller": true}]);
    let cluster = Cluster::healthy()
        .bare_pod("batch", "indexer", NODE)
        .edit("Pod", "batch", "indexer", |pod| set(pod, "/metadata/ownerReferences", job))
        .budget("batch", "indexer", "maxUnavailable", json!(1));
    let double = started(cluster.controllers(Controllers { garbage: false, ..Controllers::all() })).await;
    let (_, message, said) = fails(&double, with(usual(), json!({"timeout": 5}))).await;
    assert!(said.contains("(will retry after 10s)"), "{said}");
    assert!(message.contains("the budget indexer-pdb (maxUnavailable 1) cannot be computed: jobs.batch does not implement the scale subresource"), "{message}");
    assert!(
        message.contains("1 pod gone, 1 left: batch/indexer\nnode/worker-0 stays cordoned: "),
        "{message}"
    );
}

#[tokio::test]
async fn two_budgets_over_one_pod_end_its_eviction_at_once_and_both_are_named() {
    let mut all = Cluster::healthy().deployment("shop", "web", 2).deployment("shop", "other", 2);
    all = all.budget("shop", "web", "minAvailable", json!(1));
    all = all.with(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "all-pdb", "namespace": "shop", "generation": 1},
        "spec": {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, "minAvailable": "10%"},
    }));
    let double = started(all).await;
    let (failed, message, _) = fails(&double, with(usual(), json!({"timeout": 600}))).await;
    assert!(message.contains("This pod has more than one PodDisruptionBudget"), "{message}");
    assert!(message.contains("2 disruption budgets select this pod"), "{message}");
    assert!(
        message.contains("all-pdb (minAvailable 10%)") && message.contains("web-pdb (minAvailable 1)"),
        "{message}"
    );
    assert!(failed["evicted"].to_string().contains("shop/other-"), "the others go all the same");
    assert!(is_cordoned(&double));
}

#[tokio::test]
async fn a_pod_that_a_finalizer_keeps_is_named_with_it() {
    let cluster = Cluster::healthy().deployment("shop", "web", 2);
    let double = started(cluster).await;
    let pod = left_on(&double, NODE).into_iter().find(|pod| pod.starts_with("shop/")).unwrap();
    double
        .edit("pods", "shop", pod.strip_prefix("shop/").unwrap(), |pod| {
            set(pod, "/metadata/finalizers", json!(["example.com/hold"]));
        })
        .unwrap();
    let (_, message, said) = fails(&double, with(usual(), json!({"timeout": 4}))).await;
    assert!(message.contains(" to terminate: global timeout reached: 4s\n"), "{message}");
    assert!(message.contains("it is kept by the finalizer example.com/hold"), "{message}");
    assert_eq!(said.matches("is kept by the finalizer").count(), 1, "{said}");
}

#[tokio::test]
async fn a_pod_of_a_lost_node_is_waited_for_in_vain_and_that_is_said() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).lost(NODE)).await;
    let (_, message, said) = fails(&double, with(usual(), json!({"timeout": 5}))).await;
    assert!(said.contains("WARNING: node/worker-0 is not Ready"), "{said}");
    assert!(message.contains("its node is not Ready: no kubelet is there to end it"), "{message}");
}

#[tokio::test]
async fn a_pod_that_came_again_under_its_name_is_another_pod() {
    let double = started(Cluster::healthy().stateful_set("shop", "db", 2)).await;
    goes(&double, usual()).await;
    let pods = double.list("pods").into_iter().filter(|pod| pod["metadata"]["namespace"] == "shop");
    let nodes: Vec<Json> = pods.map(|pod| pod["spec"]["nodeName"].clone()).collect();
    assert_eq!(nodes.len(), 2, "both are there again");
    assert_eq!(evictions(&double, "/db-"), 1);
    let body = double.requests().into_iter().find(|seen| seen.path.ends_with("/eviction")).unwrap().body;
    assert!(!text(&body["deleteOptions"]["preconditions"]["uid"]).is_empty(), "{body}");
    assert_eq!(
        (&body["apiVersion"], &body["deleteOptions"]["gracePeriodSeconds"]),
        (&json!("policy/v1"), &json!(1))
    );
}

#[tokio::test]
async fn what_comes_back_to_the_node_is_told() {
    let cluster =
        Cluster::healthy().stateful_set("shop", "db", 1).edit("StatefulSet", "shop", "db", |set_| {
            set(set_, "/spec/template/spec/tolerations", json!([{"operator": "Exists"}]));
            set(set_, "/spec/template/spec/nodeSelector", json!({"kubernetes.io/hostname": NODE}));
        });
    let double = started(cluster).await;
    // Long enough for the new pod to be there when it is looked for.
    let slow = with(usual(), json!({"delete_options": {"wait_timeout": 20, "wait_sleep": 2}}));
    let (result, said) = goes(&double, slow).await;
    assert_eq!(result["newcomers"], json!(["shop/db-0"]), "{said}");
    assert!(said.contains("WARNING: pods came to node/worker-0 while it was drained"), "{said}");
}

#[tokio::test]
async fn answers_that_say_not_now_are_asked_again() {
    let terminating = Failure::new(
        403,
        "Forbidden",
        "unable to create new content in namespace shop because it is being terminated",
    )
    .causes(&[Cause::new(
        "NamespaceTerminating",
        "metadata.namespace",
        "namespace shop is being terminated",
    )]);
    for fault in [
        Fault::too_many_requests(1),
        Fault::unavailable(1),
        Fault::Reset,
        Fault::Refuse(Failure::new(409, "Conflict", "the object has been modified")),
        Fault::Refuse(terminating),
    ] {
        let double = started(Cluster::healthy().deployment("shop", "web", 2)).await;
        double.plant(Planted::always(fault.clone()).on("POST", "/eviction").times(1));
        let (_, said) = goes(&double, usual()).await;
        assert_eq!(evictions(&double, ""), 3, "{fault:?}\n{said}");
        assert!(said.contains("(will retry after "), "{said}");
    }
}

#[tokio::test]
async fn a_pod_that_is_gone_is_gone_and_a_refusal_for_good_ends_it() {
    let pods = |cluster: Cluster| cluster.deployment("shop", "web", 2);
    let double = started(pods(Cluster::healthy())).await;
    double.plant(
        Planted::always(Fault::Refuse(Failure::new(404, "NotFound", "pods \"x\" not found")))
            .on("POST", "/eviction"),
    );
    let (result, _) = goes(&double, usual()).await;
    assert_eq!(evictions(&double, ""), 2);
    assert_eq!(result["evicted"].as_array().unwrap().len(), 2);

    let webhook = "Internal error occurred: failed calling webhook \"check.example.com\": failed to call webhook: Post \
        \"https://guard.shop.svc:443/?timeout=3s\": service \"guard\" not found";
    let double = started(pods(Cluster::healthy())).await;
    double.plant(
        Planted::always(Fault::Refuse(Failure::new(500, "InternalError", webhook))).on("POST", "/eviction"),
    );
    let (_, message, _) = fails(&double, usual()).await;
    assert!(message.contains("the webhook check.example.com has a say in this"), "{message}");
    assert!(message.contains("its service shop/guard has 0 ready endpoints"), "{message}");
}

#[tokio::test]
async fn pods_are_deleted_past_their_budgets_only_where_that_is_said_of_each() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).budget(
        "shop",
        "web",
        "maxUnavailable",
        json!(0),
    ))
    .await;
    let deleting = |named: Json| {
        let args = with(usual(), json!({"delete_options": {"disable_eviction": true}}));
        with(args, json!({"past_budgets": named}))
    };
    let (_, message, _) = fails(&double, deleting(json!([]))).await;
    let pod = left_on(&double, NODE).into_iter().find(|pod| pod.starts_with("shop/web-")).unwrap();
    assert!(
        message.contains(&format!("name each that may go all the same: --past-budget {pod})")),
        "{message}"
    );
    assert!(changes(&double).iter().all(|change| !change.starts_with("DELETE")));
    let (_, said) = goes(&double, deleting(json!([pod]))).await;
    assert!(said.contains(&format!("pod/{} deleted", pod.strip_prefix("shop/").unwrap())), "{said}");
    assert_eq!(evictions(&double, ""), 0);
}

#[tokio::test]
async fn a_pod_that_may_outlast_the_time_is_a_reason_not_to_begin() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2)).await;
    let args = json!({"name": NODE, "delete_options": {"ignore_daemonsets": true}, "timeout": 20});
    let (_, message, _) = fails(&double, args).await;
    assert!(
        message.contains("may take 30s to end, and the drain may take 20s in all (use --timeout 90s"),
        "{message}"
    );
    assert_eq!(evictions(&double, ""), 0);
    let theirs = json!({"name": NODE, "delete_options": {"ignore_daemonsets": true, "wait_timeout": 20}});
    goes(&double, theirs).await;
}

#[tokio::test]
async fn the_last_node_is_drained_only_where_that_is_allowed() {
    let double = started(Cluster::healthy().workers(1)).await;
    let (failed, message, said) = fails(&double, usual()).await;
    assert!(
        message.contains("cannot drain node/worker-0: no other node takes what runs on it: cp-0 (tainted "),
        "{message}"
    );
    assert!(message.ends_with("Nothing was changed.") && said.is_empty(), "{message}\n{said}");
    assert_eq!((changes(&double).len(), &failed["changed"]), (0, &json!(false)));
    goes(&double, with(usual(), json!({"allow_last": true}))).await;
}

#[tokio::test]
async fn a_node_is_found_by_an_address_and_one_that_is_not_there_is_said_with_the_nearest() {
    let double = started(Cluster::healthy()).await;
    let (result, said) = goes(&double, with(usual(), json!({"name": "10.0.0.100"}))).await;
    assert!(said.starts_with("10.0.0.100 is node/worker-0\nnode/worker-0 cordoned"), "{said}");
    assert_eq!(result["node"], NODE);
    let (result, _) =
        goes(&double, json!({"name": "w0.example", "known_as": ["10.0.0.100"], "state": "uncordon"})).await;
    assert_eq!(result["result"], "node worker-0 marked schedulable.");
    let (_, message, _) = fails(&double, json!({"name": "worker-8"})).await;
    assert!(
        message.starts_with("Node worker-8 not found.") && message.ends_with("did you mean worker-0?"),
        "{message}"
    );
}

#[tokio::test]
async fn cordon_and_uncordon_change_what_is_not_so_yet() {
    let double = started(Cluster::healthy()).await;
    for (state, changed, result, said) in [
        ("cordon", true, "node worker-0 marked unschedulable.", "node/worker-0 cordoned"),
        ("cordon", false, "node worker-0 already marked unschedulable.", "node/worker-0 already cordoned"),
        ("uncordon", true, "node worker-0 marked schedulable.", "node/worker-0 uncordoned"),
        ("uncordon", false, "node worker-0 already marked schedulable.", "node/worker-0 already uncordoned"),
    ] {
        let (found, heard) = goes(&double, json!({"name": NODE, "state": state})).await;
        assert_eq!((&found["changed"], text(&found["result"]), &*heard), (&json!(changed), result, said));
    }
}

#[tokio::test]
async fn only_the_selected_pods_go() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).deployment("shop", "db", 2)).await;
    goes(&double, json!({"name": NODE, "label_selectors": ["app in (web, db)", "app!=db"], "delete_options": {"terminate_grace_period": 1}})).await;
    let left = left_on(&double, NODE);
    assert!(
        left.iter().any(|pod| pod.starts_with("shop/db-"))
            && !left.iter().any(|pod| pod.starts_with("shop/web-")),
        "{left:?}"
    );
}

#[tokio::test]
async fn check_mode_tries_everything_and_changes_nothing() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).budget(
        "shop",
        "web",
        "maxUnavailable",
        json!(0),
    ))
    .await;
    let mut trying = bench();
    trying.check_mode = true;
    let tried = run(&double, &trying, "k8s_drain", usual()).await.unwrap();
    let said = trying.said.lock().unwrap().join("\n");
    assert!(
        said.contains("node/worker-0 cordoned (server dry run)")
            && said.ends_with("node/worker-0 drained (server dry run)"),
        "{said}"
    );
    assert_eq!(tried["changed"], true);
    assert!(text(&tried["held"][0]).starts_with("shop/web-"), "{tried:?}");
    let queries: Vec<String> =
        double.requests().into_iter().filter(|seen| seen.method != "GET").map(|seen| seen.query).collect();
    assert!(queries.len() >= 2 && queries.iter().all(|query| query.contains("dryRun=All")), "{queries:?}");
    assert!(!is_cordoned(&double) && left_on(&double, NODE).iter().any(|pod| pod.starts_with("shop/web-")));
}

#[tokio::test]
async fn a_drain_that_is_broken_off_says_how_it_left_things() {
    let double = started(Cluster::healthy().deployment("shop", "web", 2).budget(
        "shop",
        "web",
        "maxUnavailable",
        json!(0),
    ))
    .await;
    let bench = bench();
    let over = tokio::time::timeout(Duration::from_secs(5), run(&double, &bench, "k8s_drain", usual())).await;
    assert!(over.is_err());
    let said = bench.said.lock().unwrap().join("\n");
    assert!(
        said.contains("broken off: node/worker-0 stays cordoned, and 1 of 2 pods are known to be gone"),
        "{said}"
    );
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_is_given_up() {
    let double = started(Cluster::healthy()).await;
    double.plant(Planted::always(Fault::Hang).on("GET", "/api/v1/pods"));
    let (_, message, _) = fails(&double, with(usual(), json!({"timeout": 1}))).await;
    assert!(
        message.contains(" does not answer: given up after 11s. Whether worker-0 is cordoned"),
        "{message}"
    );
}
