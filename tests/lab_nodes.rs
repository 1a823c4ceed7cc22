//! `muster check nodes` against a lab: healthy hosts are found healthy but for what no container has, and each fault that is
//! planted is found on its host by its id, and nothing besides. `lab_nodes/faults` has the faults; without root every test fails.

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
use lab::Lab;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a host of the lab cannot have, as it is a container on some machine.
const OF_THE_MACHINE: &[&str] =
    &["CgroupControllers", "FileContent--proc-sys-fs-inotify-", "Disk-", "Module-", "Kernel", "Swap"];

/// A fault: what is done to a host, and the id it is found by.
struct Fault {
    host: String,
    ids: Vec<String>,
    script: String,
    /// Whether only the API tells of it.
    of_api: bool,
}

/// The faults of `lab_nodes/faults`: `## HOST ID... [by the API]`, and the script below it.
fn faults() -> Vec<Fault> {
    let text = std::fs::read_to_string(root().join("tests/lab_nodes/faults")).unwrap();
    let one = |part: &str| {
        let (head, script) = part.split_once('\n').unwrap();
        let of_api = head.ends_with(" by the API");
        let mut words = head.trim_end_matches(" by the API").split_whitespace().map(str::to_owned);
        Fault { host: words.next().unwrap(), ids: words.collect(), script: script.into(), of_api }
    };
    text.split("\n## ").skip(1).map(one).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a check found: each host with each id that did not pass, and how it is written for a person.
struct Found {
    pairs: BTreeSet<(String, String)>,
    shown: String,
    exit: i32,
}

fn check(dir: &Path) -> Found {
    let mut muster = Command::cargo_bin("muster").unwrap();
    muster.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir);
    let line = ["check", "nodes", "-i", "inventory.yaml", "--output", "json"];
    let output = muster.current_dir(dir).args(line).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let mut pairs = BTreeSet::new();
    let mut shown = String::from_utf8(output.stderr).unwrap();
    for finding in last["findings"].as_array().unwrap() {
        let check = &finding["check"];
        if check["verdict"] != "pass" {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            pairs.insert((text(&finding["host"]), text(&check["id"])));
            shown += &format!("{finding}\n");
        }
    }
    for (host, counts) in last["hosts"].as_object().unwrap() {
        let bad = counts["failed"].as_u64().unwrap_or(0) + counts["unreachable"].as_u64().unwrap_or(0);
        assert_eq!(bad, 0, "{host}: {counts}\n{text}");
    }
    Found { pairs, shown, exit: output.status.code().unwrap() }
}

/// The inventory of a lab in a directory, with what is asked of single hosts otherwise.
fn site(lab: &Lab) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("inventory.yaml"), lab.run(&["inventory"])).unwrap();
    dir
}

/// Does to all hosts at once what is to be done to each.
fn plant(lab: &Lab, faults: &[Fault]) {
    let hosts: BTreeSet<&str> = faults.iter().map(|fault| fault.host.as_str()).collect();
    let help = include_str!("lab_nodes/plant.sh");
    std::thread::scope(|scope| {
        for host in hosts {
            let own = faults.iter().filter(|fault| fault.host == host);
            let script: String =
                own.map(|fault| format!("(\n{}\n) </dev/null >&2 || exit 1\n", fault.script)).collect();
            scope.spawn(move || lab.ssh(host, &format!("set -eu\n{help}\n{script}")));
        }
    });
}

fn pairs_of<'a>(faults: impl Iterator<Item = &'a Fault>) -> BTreeSet<(String, String)> {
    faults.flat_map(|fault| fault.ids.iter().map(|id| (fault.host.clone(), id.clone()))).collect()
}

fn differ(
    what: &str,
    found: &BTreeSet<(String, String)>,
    expected: &BTreeSet<(String, String)>,
    shown: &str,
) {
    let missed: Vec<_> = expected.difference(found).collect();
    let invented: Vec<_> = found.difference(expected).collect();
    assert!(
        missed.is_empty() && invented.is_empty(),
        "{what}\nmissed: {missed:?}\ninvented: {invented:?}\n{shown}"
    );
}

#[test]
fn healthy_nodes_are_found_healthy_and_each_planted_fault_by_its_id() {
    let lab = Lab::with_api(&["--workers", "5", "--grace", "600"]);
    let dir = site(&lab);
    // Until the API has all static pods of three control planes, which come one by one.
    let pods = "api /etc/kubernetes/admin.conf GET /api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane";
    let mirrored = format!(
        ". /usr/local/lib/lab/api.sh; until [ \"$({pods} | grep -o '\"kubernetes.io/config.mirror\"' | wc -l)\" = 12 ]; do sleep 0.5; done"
    );
    lab.ssh("cp1", &mirrored);
    let healthy = check(dir.path());
    for (host, id) in &healthy.pairs {
        let known = OF_THE_MACHINE.iter().any(|known| id.starts_with(known));
        assert!(known, "{host} is well, and {id} was found\n{}", healthy.shown);
    }
    let faults = faults();
    assert!(faults.len() > 30);
    std::fs::create_dir(dir.path().join("host_vars")).unwrap();
    for (host, vars) in [("w1", include_str!("lab_nodes/w1.yml")), ("w2", include_str!("lab_nodes/w2.yml"))] {
        std::fs::write(dir.path().join(format!("host_vars/{host}.yml")), vars).unwrap();
    }
    plant(&lab, &faults);
    let sick = check(dir.path());
    let found = &sick.pairs - &healthy.pairs;
    differ("every planted fault", &found, &pairs_of(faults.iter()), &sick.shown);
    assert_eq!(sick.exit, 3);

    // What only the API tells becomes one finding when it is gone.
    lab.run(&["apiserver", "stop"]);
    let blind = check(dir.path());
    let found = &blind.pairs - &healthy.pairs;
    let mut expected = pairs_of(faults.iter().filter(|fault| !fault.of_api));
    for (host, id) in [("cp1", "NodeAPI"), ("cp1", "Livez-kube-apiserver"), ("cp2", "Livez-kube-apiserver")] {
        expected.insert((host.into(), id.into()));
    }
    differ("without an API", &found, &expected, &blind.shown);
    let told = blind.shown.lines().find(|line| line.contains("NodeAPI")).unwrap();
    assert!(told.contains("\"unknown\"") && told.contains("8 nodes"), "{told}");
}

#[test]
fn a_worker_alone_is_checked_by_itself_and_an_api_is_not_required() {
    let lab = Lab::up(&["--control-planes", "1", "--workers", "1"]);
    let dir = site(&lab);
    // The inventory without its control planes.
    let text = std::fs::read_to_string(dir.path().join("inventory.yaml")).unwrap();
    let (head, rest) = text.split_once("control-plane:\n").unwrap();
    let (_, workers) = rest.split_once("node:\n").unwrap();
    std::fs::write(dir.path().join("inventory.yaml"), format!("{head}node:\n{workers}")).unwrap();
    let mut muster = Command::cargo_bin("muster").unwrap();
    muster.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir.path());
    let line = ["check", "nodes", "-i", "inventory.yaml"];
    let output = muster.current_dir(dir.path()).args(line).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("STAGE [Checking Nodes]\n\nPLAY [Check Machine Readiness] *"), "{shown}");
    let (_, health) = shown.split_once("TASK [check-nodes : kube-scheduler health] *").unwrap();
    assert!(health.split("TASK").next().unwrap().contains("skipping: [w1]"), "{shown}");
    assert!(shown.contains(&format!("{:<71}[UNKNOWN]", "NodeAPI")), "{shown}");
    let last = shown.lines().last().unwrap();
    assert!(!last.contains("NodeAPI"), "it is only a warning: {last}");
}
