//! The walls of the house: reads the source of all four crates and fails on an import that goes up, on crates that see
//! what they must not, on a file that is too long or says nothing about itself, and on words that stand for work undone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the engine, low to high; a room imports only rooms of lower floors.
const FLOORS: &[&[&str]] = &[
    &["source", "secret", "certificate"],
    &["diagnostic"],
    &["node"],
    &["vault"],
    &["template"],
    &["inventory", "connection"],
    &["playbook"],
    &["module"],
    &["plan"],
    &["event"],
    &["recap", "run"],
];

/// Which crates each crate's code may name.
const SEES: &[(&str, &[&str])] = &[
    ("engine/src", &[]),
    ("connections/src", &["muster_engine"]),
    ("modules/src", &["muster_engine"]),
    ("src", &["muster_engine", "muster_connections", "muster_modules"]),
];

const LONGEST: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below these directories, with its path from the root.
fn files(below: &[&str]) -> BTreeMap<String, String> {
    fn walk(dir: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for dir in below.iter().map(|dir| root().join(dir)).filter(|dir| dir.exists()) {
        walk(&dir, &mut found);
    }
    found
}

fn every_file() -> BTreeMap<String, String> {
    let crates = ["engine", "connections", "modules", ""];
    let parts = ["src", "tests", "benches", "examples"];
    let dirs: Vec<String> = crates
        .iter()
        .flat_map(|krate| parts.map(|part| format!("{krate}/{part}").trim_start_matches('/').to_string()))
        .collect();
    files(&dirs.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The words that follow a prefix: `crate::node::Kind` holds `node` behind `crate::`.
fn behind<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).map(move |(at, _)| {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Lines of code with their numbers: what is said in comments is no import.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| {
        let line = line.trim_start();
        !line.starts_with("//")
    })
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn room(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("engine/src/")?;
    let room = rest.split('/').next()?;
    Some(room.strip_suffix(".rs").unwrap_or(room))
}

/// Fails with the list, if there is one.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_room_of_the_engine_imports_only_lower_rooms() {
    let mut wrong = vec![];
    for (file, text) in files(&["engine/src"]) {
        let own = room(&file).filter(|room| *room != "lib").map(str::to_string);
        let Some(own) = own else { continue };
        let Some(here) = floor(&own) else {
            wrong.push(format!("{file}: the room `{own}` has no floor in tests/rooms.rs"));
            continue;
        };
        for (at, line) in code(&text) {
            for other in behind(line, "crate::").filter(|other| *other != own) {
                if floor(other).is_some_and(|there| there >= here) {
                    wrong.push(format!("{file}:{at}: `{own}` imports `{other}`, which is not below it"));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn crates_see_only_what_they_may() {
    let mut wrong = vec![];
    for (dir, may) in SEES {
        for (file, text) in files(&[dir]) {
            // What a crate's own tests need beside it is no part of it.
            let product = text.split("\n#[cfg(test)]\n").next().unwrap();
            for (at, line) in code(product) {
                for other in ["muster_engine", "muster_connections", "muster_modules"] {
                    if line.contains(other) && !may.contains(&other) {
                        wrong.push(format!("{file}:{at}: {dir} sees {other}"));
                    }
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn only_the_face_sees_the_terminal_and_the_arguments() {
    let mut wrong = vec![];
    for (file, text) in files(&["engine/src", "connections/src", "modules/src"]) {
        for (at, line) in code(&text) {
            for word in ["println!", "eprintln!", "print!(", "env::args", "process::exit", "clap::"] {
                if line.contains(word) && !file.contains("/tests") && !file.ends_with("build.rs") {
                    wrong.push(format!("{file}:{at}: `{word}` belongs to the face"));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_file_is_too_long() {
    let long = every_file().into_iter().map(|(file, text)| (file, text.lines().count()));
    let wrong: Vec<String> = long
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| format!("{file}: {lines} lines; {LONGEST} are the most"))
        .collect();
    none(&wrong);
}

#[test]
fn every_file_says_what_it_is() {
    let wrong: Vec<String> = every_file()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(file, _)| format!("{file}: does not begin with `//!`"))
        .collect();
    none(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    // In two halves, so that this file is not its own finding.
    let words =
        [["to", "do!"], ["unimple", "mented!"], ["db", "g!("], ["FIX", "ME"], ["TO", "DO"], ["XX", "X:"]];
    let words = words.map(|halves| halves.concat());
    let mut wrong = vec![];
    for (file, text) in every_file() {
        for (at, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                wrong.push(format!("{file}:{}: `{word}`", at + 1));
            }
        }
    }
    none(&wrong);
}
