//! The documentation is true: pages under `docs/reference` are what the code says (`UPDATE=1` writes them again), every
//! YAML example can be read and planned, and every link leads somewhere.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/reference.rs"]
mod reference;
#[expect(dead_code, reason = "runs are made from it elsewhere, plans alone here")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of Markdown that a person may read, with its path from the root.
fn pages() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    let names = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];
    let mut found: Vec<PathBuf> = names.map(|name| root().join(name)).to_vec();
    walk(&root().join("docs"), &mut found);
    found.sort();
    let page = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    found.into_iter().map(page).collect()
}

/// Fails with the list, if there is one.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_reference_page_is_what_the_code_says() {
    let mut stale = vec![];
    for (name, text) in reference::pages() {
        let path = root().join("docs/reference").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(format!("docs/reference/{name} is stale: UPDATE=1 cargo test --test docs reference"));
        }
    }
    none(&stale);
}

#[test]
fn every_example_can_be_planned() {
    let mut wrong = vec![];
    for (page, text) in pages() {
        let site = examples::Site::new();
        for example in examples::of_page(&text) {
            if let Err(message) = site.plan(&example) {
                wrong.push(format!("{page}:{}: {message}", example.line));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = vec![];
    for (page, text) in pages() {
        let dir = root().join(&page);
        let dir = dir.parent().unwrap();
        for (_, rest) in text.match_indices("](").map(|(at, found)| (at, &text[at + found.len()..])) {
            let target = rest.split([')', '#', ' ']).next().unwrap();
            if !target.is_empty() && !target.contains("://") && !dir.join(target).exists() {
                wrong.push(format!("{page}: there is no `{target}`"));
            }
        }
    }
    none(&wrong);
}

/// The words in backquotes of each cell of a page's tables.
fn cells(page: &str) -> Vec<Vec<Vec<String>>> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    rows.map(|row| row.split('|').skip(1).map(quoted).collect()).collect()
}

#[test]
fn the_guide_has_every_check_of_a_node_and_every_limit_and_no_others() {
    let guide = fs::read_to_string(root().join("docs/guide/checking-nodes.md")).unwrap();
    let role = root().join("playbooks/roles/check-nodes");
    let mut ids = vec![];
    for file in fs::read_dir(role.join("tasks")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let lines = text.lines().map(|line| line.trim().trim_start_matches("- "));
        ids.extend(
            lines.filter_map(|line| line.strip_prefix("id: ").map(|id| id.trim_matches('"').to_owned())),
        );
    }
    assert!(ids.len() > 30, "{ids:?}");
    let table = cells(&guide);
    let told: Vec<&String> = table.iter().filter_map(|row| row.first()).flatten().collect();
    let is = |id: &str, told: &str| match id.split_once("{{") {
        Some((before, _)) => told.starts_with(before),
        None => told == id,
    };
    let mut wrong: Vec<String> = vec![];
    wrong.extend(
        ids.iter()
            .filter(|id| !told.iter().any(|told| is(id, told)))
            .map(|id| format!("{id} is not in the guide")),
    );
    wrong.extend(
        told.iter()
            .filter(|told| !ids.iter().any(|id| is(id, told)))
            .map(|told| format!("nothing checks {told}")),
    );
    let defaults = fs::read_to_string(role.join("defaults/main.yml")).unwrap();
    let limits: Vec<&str> = defaults
        .lines()
        .filter(|line| line.starts_with("check_nodes_"))
        .filter_map(|line| line.split(':').next())
        .collect();
    wrong.extend(
        limits.iter().filter(|name| !guide.contains(*name)).map(|name| format!("{name} is not in the guide")),
    );
    let named =
        table.iter().filter_map(|row| row.get(2)).flatten().filter(|name| name.starts_with("check_nodes_"));
    wrong.extend(
        named.filter(|name| !limits.contains(&name.as_str())).map(|name| format!("there is no {name}")),
    );
    none(&wrong);
}
