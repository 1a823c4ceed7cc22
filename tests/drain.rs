//! `muster drain` and `muster uncordon` as a person meets them, with the built program against the double of an API server, and
//! beside the kubectl of the machine: of two clusters alike one is drained by each, and what they print is compared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use assert_cmd::cargo::CommandCargoExt as _;
use muster_apiserver::object::set;
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// What a program printed on both streams, and its exit code.
#[derive(Debug)]
struct Printed {
    code: i32,
    out: String,
    err: String,
}

impl Printed {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    fn lines(&self) -> BTreeSet<String> {
        self.all().lines().map(str::to_string).collect()
    }
}

/// The program on this machine, with the double's kubeconfig and nothing else.
fn muster(double: &Double, line: &str) -> Command {
    let mut command = Command::cargo_bin("muster").unwrap();
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("HOME", double.directory()).env("KUBECONFIG", double.kubeconfig());
    command.current_dir(double.directory()).args(line.split_whitespace());
    command
}

fn kubectl(double: &Double, line: &str) -> Command {
    let mut command = Command::new("kubectl");
    command
        .env("KUBECONFIG", double.kubeconfig())
        .env("HOME", double.directory())
        .args(line.split_whitespace());
    command
}

async fn run(mut command: Command) -> Printed {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    Printed::of(
        &output.unwrap_or_else(|error| panic!("{shown}: {error} (kubectl: Debian's kubernetes-client)")),
    )
}

async fn started(cluster: Cluster) -> Double {
    Double::start(cluster).await.unwrap()
}

fn shop() -> Cluster {
    let cluster = Cluster::healthy().deployment("shop", "web", 3).bare_pod("shop", "bare", "worker-0");
    let cluster = cluster.bare_pod("shop", "scratch", "worker-0");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "shop", "uid": "j"}});
    cluster.with(job).edit("Pod", "shop", "scratch", |pod| {
        set(pod, "/spec/volumes", json!([{"name": "tmp", "emptyDir": {}}]));
        set(
            pod,
            "/metadata/ownerReferences",
            json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": true}]),
        );
    })
}

fn is_cordoned(double: &Double) -> bool {
    double.get("nodes", "", "worker-0").unwrap()["spec"]["unschedulable"] == true
}

fn pods_on(double: &Double, node: &str) -> usize {
    double.list("pods").iter().filter(|pod| pod["spec"]["nodeName"] == node).count()
}

/// kubectl's words of today as those of the one that distributions have, and what differs from run to run made alike.
fn alike(printed: &Printed) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in printed.all().lines() {
        let line = line
            .replace("Pods that declare no controller", UNMANAGED)
            .replace("cannot delete cannot delete ", "cannot delete ")
            .replace("Warning: ", "WARNING: ");
        if line.starts_with("cannot delete ") || line.ends_with(" cordoned") || line.starts_with(' ') {
            all.insert(line);
        } else if let Some(list) = line.strip_prefix("WARNING: ") {
            all.extend(list.split("; ").map(str::to_string));
        } else if line.starts_with("evicting pod ")
            || line.ends_with(" evicted") && line.starts_with("pod/")
            || line.starts_with("There are pending nodes")
        {
            all.insert(line);
        }
    }
    all
}

const UNMANAGED: &str =
    "Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_kubectl_tells_it() {
    let cluster = shop();
    let (theirs, ours) = (started(cluster.clone()).await, started(cluster).await);
    let theirs_said = run(kubectl(&theirs, "drain worker-0")).await;
    let ours_said = run(muster(&ours, "drain worker-0")).await;
    assert_eq!((theirs_said.code, ours_said.code), (1, 2), "{}", ours_said.all());
    assert_eq!(alike(&ours_said), alike(&theirs_said), "{}\n----\n{}", ours_said.all(), theirs_said.all());
    assert_eq!(alike(&ours_said).len(), 6, "{}", ours_said.all());
    assert!(is_cordoned(&theirs) && is_cordoned(&ours));
    assert_eq!(ours_said.out, "node/worker-0 cordoned\n");
    let shape = "error: unable to drain node \"worker-0\", aborting command...\n\nThere are pending nodes to be drained:\n worker-0\n\
        cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): calico-system/calico-node-";
    assert!(ours_said.err.starts_with(shape), "{}", ours_said.err);
    assert!(!ours_said.all().contains('{'), "no JSON: {}", ours_said.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_told_as_kubectl_tells_it_and_so_is_its_end() {
    let cluster = shop();
    let (theirs, ours) = (started(cluster.clone()).await, started(cluster).await);
    let flags = "drain worker-0 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s";
    let theirs_said = run(kubectl(&theirs, flags)).await;
    let ours_said = run(muster(&ours, flags)).await;
    assert_eq!(
        (theirs_said.code, ours_said.code),
        (0, 0),
        "{}\n----\n{}",
        ours_said.all(),
        theirs_said.all()
    );
    let own = BTreeSet::from(["deleting Pods with local storage: shop/scratch".to_string()]);
    let missing: Vec<String> = alike(&theirs_said).difference(&alike(&ours_said)).cloned().collect();
    assert_eq!(missing, [""; 0], "{}\n----\n{}", ours_said.all(), theirs_said.all());
    let more: BTreeSet<String> = alike(&ours_said).difference(&alike(&theirs_said)).cloned().collect();
    assert!(more.is_subset(&own), "{more:?}");
    assert_eq!(ours_said.out.lines().last(), Some("node/worker-0 drained"));
    assert_eq!(pods_on(&theirs, "worker-0"), pods_on(&ours, "worker-0"));
    for (node, word) in [("worker-0", "uncordoned"), ("worker-0", "already uncordoned")] {
        let theirs_said = run(kubectl(&theirs, &format!("uncordon {node}"))).await;
        let ours_said = run(muster(&ours, &format!("uncordon {node}"))).await;
        assert_eq!((&*ours_said.out, ours_said.code), (&*theirs_said.out, 0));
        assert_eq!(ours_said.out, format!("node/{node} {word}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_sees_what_muster_did() {
    let double = started(shop()).await;
    let line = "drain worker-0 --ignore-daemonsets --delete-local-data --force";
    let said = run(muster(&double, line)).await;
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(
        said.err.contains("--delete-local-data is the old name of --delete-emptydir-data"),
        "{}",
        said.err
    );
    let node = run(kubectl(&double, "get node worker-0")).await;
    assert!(node.out.contains("Ready,SchedulingDisabled"), "{}", node.out);
    let described = run(kubectl(&double, "describe node worker-0")).await;
    assert!(described.out.contains("Unschedulable:      true"), "{}", described.out);
    assert!(!described.out.contains("shop "), "{}", described.out);
    let labelled = run(kubectl(&double, "label node worker-0 drained-by=muster")).await;
    assert_eq!(labelled.code, 0, "{}", labelled.all());
    let again = run(muster(&double, "drain worker-0 --ignore-daemonsets")).await;
    assert_eq!(
        (again.code, again.lines().contains("node/worker-0 already cordoned")),
        (0, true),
        "{}",
        again.all()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_a_table_and_changes_nothing() {
    let double = started(shop().budget("shop", "web", "maxUnavailable", json!(0))).await;
    let said =
        run(muster(&double, "drain worker-0 --plan --ignore-daemonsets --force --delete-emptydir-data"))
            .await;
    assert_eq!((said.code, &*said.err), (0, ""), "{}", said.all());
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "node/worker-0 (Ready): 7 pods");
    let head = lines.iter().position(|line| line.starts_with("POD ")).unwrap();
    assert_eq!(
        lines[head].split_whitespace().collect::<Vec<_>>(),
        ["POD", "OWNER", "GRACE", "BUDGET", "EMPTYDIR", "VERDICT"]
    );
    assert!(said.out.contains("web-pdb (0 may go)"), "{}", said.out);
    assert_eq!(lines.last(), Some(&"5 pods would go, and 2 of them would have to wait."), "{}", said.out);
    assert!(!is_cordoned(&double));
    let json = run(muster(&double, "drain worker-0 --plan --output json")).await;
    let events: Vec<Json> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let result = events
        .iter()
        .filter(|event| event["event"] == "unit_finished")
        .find_map(|event| event["outcome"]["result"].get("pods").cloned());
    assert_eq!(result.unwrap().as_array().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_holds_a_pod_is_named_while_it_is_waited_for_and_at_the_end() {
    let double = started(shop().budget("shop", "web", "maxUnavailable", json!(0))).await;
    let line = "drain worker-0 --ignore-daemonsets --force --delete-emptydir-data --grace-period 1 --timeout 6s --on-failure uncordon";
    let said = run(muster(&double, line)).await;
    assert_eq!(said.code, 2, "{}", said.all());
    assert!(
        said.out.contains("Cannot evict pod as it would violate the pod's disruption budget."),
        "{}",
        said.out
    );
    assert!(
        said.err.contains("global timeout reached: 6s\n  the budget web-pdb has maxUnavailable 0"),
        "{}",
        said.err
    );
    assert!(said.err.ends_with("node/worker-0 is uncordoned again.\n"), "{}", said.err);
    assert!(!is_cordoned(&double));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_says_how_the_node_is_left_and_ends_with_99() {
    let double = started(shop().budget("shop", "web", "maxUnavailable", json!(0))).await;
    let mut command =
        muster(&double, "drain worker-0 --ignore-daemonsets --force --delete-emptydir-data --grace-period 1");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // What no budget holds is gone, and it was looked.
    while pods_on(&double, "worker-0") > 4 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    let said = Printed::of(&output);
    assert_eq!(said.code, 99, "{}", said.all());
    assert!(
        said.out.contains("broken off: node/worker-0 stays cordoned, and 3 of 5 pods are known to be gone"),
        "{}",
        said.all()
    );
    assert!(is_cordoned(&double));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_playbook_runs_by_itself_with_variables_and_says_what_the_verb_says() {
    let double = started(shop()).await;
    let refused = run(muster(&double, "run drain -e drain_node=worker-0")).await;
    assert_eq!(refused.code, 2, "{}", refused.all());
    let shape = "error: unable to drain node \"worker-0\", aborting command...\n\nThere are pending nodes to be drained:\n worker-0\n";
    assert!(refused.err.contains(shape), "{}", refused.all());
    assert!(!refused.all().contains('{') && !refused.all().contains("PLAY"), "{}", refused.all());
    let vars = json!({"drain_node": "10.0.0.100", "drain_ignore_daemonsets": true, "drain_force": true, "drain_delete_emptydir_data": true});
    let mut command = muster(&double, "run drain -v -e");
    command.arg(vars.to_string());
    let said = run(command).await;
    assert_eq!(said.code, 0, "{}", said.all());
    let (_, task) = said.out.split_once("TASK [drain : drain the node]").unwrap();
    let mut lines = task.lines().skip(1);
    assert_eq!(lines.next(), Some("10.0.0.100 is node/worker-0"));
    assert_eq!(lines.next(), Some("node/worker-0 cordoned"));
    assert!(task.contains("\nnode/worker-0 drained\n"), "{}", said.out);
    assert!(said.err.contains("[WARNING]: ignoring DaemonSet-managed Pods: "), "{}", said.err);
    let nameless = run(muster(&double, "run drain")).await;
    assert_eq!(nameless.code, 2, "{}", nameless.all());
    assert!(nameless.all().contains("-e drain_node=NAME"), "{}", nameless.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_some_labels_are_all_cordoned_before_the_first_is_drained() {
    let double = started(Cluster::healthy().workers(3).deployment("shop", "web", 6)).await;
    for node in ["worker-0", "worker-2"] {
        double.edit("nodes", "", node, |node| set(node, "/metadata/labels/pool", "old")).unwrap();
    }
    let said = run(muster(&double, "drain --selector pool=old --ignore-daemonsets --grace-period 1")).await;
    assert_eq!(said.code, 0, "{}", said.all());
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[..2], ["node/worker-0 cordoned", "node/worker-2 cordoned"], "{}", said.all());
    let drained: Vec<&&str> = lines.iter().filter(|line| line.ends_with(" drained")).collect();
    assert_eq!(drained, [&"node/worker-0 drained", &"node/worker-2 drained"], "{}", said.all());
    assert!(!said.out.contains("already cordoned"), "{}", said.all());
    let uncordoned = run(muster(&double, "uncordon --selector pool=old")).await;
    assert_eq!(
        uncordoned.out,
        "node/worker-0 uncordoned\nnode/worker-2 uncordoned\n",
        "{}",
        uncordoned.all()
    );
    let refused = run(muster(&double, "drain --selector pool=old")).await;
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(refused.err.contains("pending nodes to be drained:\n worker-0\n"), "{}", refused.all());
    assert!(refused.out.contains("cordoned, and not drained: worker-2. "), "{}", refused.all());
    let none = run(muster(&double, "drain --selector pool=new")).await;
    assert_eq!(none.code, 2, "{}", none.all());
    assert!(none.err.contains("no node has the labels pool=new"), "{}", none.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_plainly() {
    let double = started(Cluster::healthy()).await;
    for (line, code, words) in [
        ("drain worker-9", 2, "did you mean worker-0?"),
        ("drain worker-0 --timeout soon", 2, "a duration is 90s, 15m, 1h30m"),
        ("drain worker-0 --past-budget a/b", 2, "--disable-eviction"),
        ("drain worker-0 --kubeconfig /nowhere", 2, "cannot read the kubeconfig /nowhere"),
        ("uncordon nobody", 2, "Node nobody not found."),
        ("drain worker-0 -C --ignore-daemonsets", 0, "node/worker-0 drained (server dry run)"),
    ] {
        let said = run(muster(&double, line)).await;
        assert_eq!(said.code, code, "{line}: {}", said.all());
        assert!(said.all().contains(words), "{line}: {}", said.all());
    }
    assert!(!is_cordoned(&double));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_inventory_s_control_planes_the_first_that_answers_is_asked() {
    let double = started(Cluster::healthy()).await;
    let inventory = "[control-plane]\ncp-0 ansible_host=127.0.0.1 ansible_port=1\ncp-1 ansible_connection=local\n\n[worker]\nw0 \
        ansible_host=10.0.0.100\nw7 ansible_host=10.0.0.107\n";
    std::fs::write(double.directory().join("hosts.ini"), inventory).unwrap();
    let said = run(muster(&double, "drain w0 -i hosts.ini --ignore-daemonsets")).await;
    assert_eq!(said.code, 0, "{}", said.all());
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines[..3],
        ["cp-0 did not answer: cp-1 is asked", "w0 is node/worker-0", "node/worker-0 cordoned"],
        "{}",
        said.all()
    );
    let said = run(muster(&double, "uncordon w7 -i hosts.ini")).await;
    assert_eq!(said.code, 2, "{}", said.all());
    assert!(said.err.contains("Node w7 not found."), "{}", said.all());
    std::fs::write(
        double.directory().join("dead.ini"),
        "[control-plane]\ncp-0 ansible_host=127.0.0.1 ansible_port=1\n",
    )
    .unwrap();
    let said = run(muster(&double, "uncordon worker-0 -i dead.ini")).await;
    assert_eq!(said.code, 2, "{}", said.all());
    assert!(said.err.starts_with("error: nobody reaches the Kubernetes API:\ncp-0: "), "{}", said.all());
}
