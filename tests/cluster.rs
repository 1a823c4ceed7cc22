//! `muster check kubernetes` and `muster check addons` against the double of the API server: a healthy cluster gives no finding, and
//! of many faults, planted one at a time, each is found by its id and nothing else is. The program is run as a person would.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[path = "cluster/addons.rs"]
mod addons;
#[path = "support/dnsmasq.rs"]
mod dnsmasq;
#[path = "cluster/kubernetes.rs"]
mod kubernetes;
#[path = "cluster/replacing.rs"]
mod replacing;
#[path = "cluster/smoke.rs"]
mod smoke;

use assert_cmd::Command;
use muster_apiserver::{Cluster, Double};
use serde_json::Value as Json;
use std::path::Path;

/// What a run ended with.
struct Seen {
    code: i32,
    out: String,
    err: String,
}

impl Seen {
    /// The findings that are no pass, as `id verdict`, each once.
    fn findings(&self) -> Vec<String> {
        let line = self.out.lines().last().unwrap_or_else(|| panic!("no output\n{}", self.err));
        let recap: Json =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err));
        let mut found: Vec<String> = vec![];
        for finding in recap["findings"].as_array().unwrap() {
            let check = &finding["check"];
            let text = format!("{} {}", check["id"].as_str().unwrap(), check["verdict"].as_str().unwrap());
            if check["verdict"] != "pass" && !found.contains(&text) {
                found.push(text);
            }
        }
        found
    }

    /// A key of the findings of an id that are no pass, a line each.
    fn told(&self, id: &str, key: &str) -> String {
        let recap: Json = serde_json::from_str(self.out.lines().last().unwrap()).unwrap();
        let all = recap["findings"].as_array().unwrap().iter().map(|finding| &finding["check"]);
        let of = all.filter(|check| check["id"] == id && check["verdict"] != "pass");
        of.map(|check| check[key].as_str().unwrap_or("").to_string()).collect::<Vec<_>>().join("\n")
    }
}

/// Runs the program with a kubeconfig, knowing nothing of whoever runs the tests.
fn muster(kubeconfig: &Path, words: &[&str]) -> Seen {
    let mut command = Command::cargo_bin("muster").unwrap();
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", "/nonexistent");
    command.env("KUBECONFIG", kubeconfig).current_dir(kubeconfig.parent().unwrap()).args(words);
    if words.contains(&"kubernetes") {
        // Nobody renews the double's leases, and a busy machine takes its time.
        command.args(["-e", "check_kubernetes_lease_seconds=200"]);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Seen { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same, off the threads that the doubles answer on.
async fn run(double: &Double, words: &[&str]) -> Seen {
    let (path, words) = (double.kubeconfig(), words.iter().map(ToString::to_string).collect::<Vec<_>>());
    tokio::task::spawn_blocking(move || muster(&path, &words.iter().map(String::as_str).collect::<Vec<_>>()))
        .await
        .unwrap()
}

/// Changes every object of a kind whose name begins so.
fn each(mut cluster: Cluster, kind: &str, begins: &str, edit: impl Fn(&mut Json)) -> Cluster {
    let is = |object: &&mut Json| {
        object["kind"] == kind
            && object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(begins))
    };
    let mut found = 0;
    for object in cluster.objects.iter_mut().filter(is) {
        edit(object);
        found += 1;
    }
    assert!(found > 0, "no {kind} {begins}");
    cluster
}

/// Changes the first one only.
fn first(cluster: Cluster, kind: &str, begins: &str, edit: impl Fn(&mut Json)) -> Cluster {
    let is = |object: &&Json| {
        object["kind"] == kind
            && object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(begins))
    };
    let name = cluster.objects.iter().find(is).expect("an object of that kind")["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_string();
    each(cluster, kind, &name, edit)
}

/// A time so many seconds ago.
fn ago(seconds: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds))
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The ids that the tasks of a role have, and those of the guide's table.
#[test]
fn the_guide_lists_every_id_of_the_role_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tasks = std::fs::read_dir(root.join("playbooks/roles/check-kubernetes/tasks")).unwrap();
    let text: String = tasks.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let word = |text: &str| text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let mut role: Vec<String> = text.split("id: ").skip(1).map(word).filter(|id| !id.is_empty()).collect();
    let guide = std::fs::read_to_string(root.join("docs/guide/checking-a-cluster.md")).unwrap();
    let rows = guide.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
    let first = rows.filter_map(|line| line.split('|').nth(1));
    let mut listed: Vec<String> =
        first.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_string)).collect();
    for ids in [&mut role, &mut listed] {
        ids.sort();
        ids.dedup();
    }
    assert_eq!(role, listed);
    assert!(role.len() > 30, "{role:?}");
}
