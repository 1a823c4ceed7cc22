//! Every recording of a real API server is asked of a double that was loaded with the same objects, and the answers are
//! compared: status, headers, reason, message, details, and the shape of everything else. What is not covered is listed by
//! name in `uncovered.txt`, and the list can only get shorter.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "replay/compare.rs"]
mod compare;
#[path = "replay/history.rs"]
mod history;
#[path = "replay/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use history::{History, Recording};
use muster_apiserver::{Cluster, Controllers, Double};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every recording, in the order of their names.
fn recordings() -> Vec<Recording> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root().join("recordings")).unwrap().map(|entry| entry.unwrap().path()) {
        if folder.is_dir() {
            let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            found.extend(
                files
                    .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
                    .map(|file| read(&file)),
            );
        }
    }
    found.sort_by(|one: &Recording, other| one.name.cmp(&other.name));
    found
}

fn read(file: &Path) -> Recording {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What is known not to be covered: the names with their reasons.
fn uncovered() -> BTreeMap<String, String> {
    let source = std::fs::read_to_string(root().join("tests/uncovered.txt")).unwrap();
    let lines = source.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(name, why)| (name.to_owned(), why.to_owned()))
        .collect()
}

/// How the answer of a double differs from a recording.
async fn replay(history: &History, recording: &Recording) -> Vec<String> {
    let cluster = Cluster { objects: Vec::new(), controllers: Controllers::none(), ..Cluster::empty() };
    let double = Double::start(cluster).await.unwrap();
    double.set_patience(Duration::from_millis(50));
    double.change(|store| history.before(recording, store));
    let answer = wire::ask(&double, recording).await;
    compare::differences(recording, &answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recording_is_answered_as_the_real_server_did() {
    let all = recordings();
    assert_eq!(all.len(), 428, "the recordings are all there");
    let history = History::of(&all);
    let known = uncovered();
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut wrong = String::new();
    let mut open = Vec::new();
    for recording in all.iter().filter(|recording| recording.name.contains(&only)) {
        let differences = replay(&history, recording).await;
        match (differences.is_empty(), known.contains_key(&recording.name)) {
            (true, true) => {
                wrong.push_str(&format!("{}: is covered now: take it out of uncovered.txt\n", recording.name))
            }
            (false, false) => {
                wrong.push_str(&format!("{}:\n    {}\n", recording.name, differences.join("\n    ")))
            }
            (false, true) => open.push(recording.name.clone()),
            (true, false) => {}
        }
    }
    for name in known.keys() {
        assert!(
            all.iter().any(|recording| recording.name == *name),
            "{name} in uncovered.txt is no recording"
        );
    }
    println!("{} of {} recordings are not covered", open.len(), all.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}
