//! The YAML fences of a page: a page comes in, its examples go out, each read as what it looks like. A playbook and a
//! list of tasks are planned; an inventory is loaded; anything else must be YAML. A fence whose first line is a comment
//! with a path (`# roles/etcd/tasks/main.yml`) is a file that later fences of the page find there.

use crate::support;
use muster_engine::diagnostic::Diagnostics;
use muster_engine::inventory::{Inventory, LoadOptions};
use muster_engine::node::{self, Limits, Node};
use muster_engine::plan::Defaults;
use muster_engine::source::Sources;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// One fence.
pub struct Example {
    /// The line it begins at.
    pub line: usize,
    /// What stands in it.
    pub text: String,
}

/// The fences of a page that say `yaml`.
pub fn of_page(page: &str) -> Vec<Example> {
    let mut found = vec![];
    let mut open: Option<(Example, usize)> = None;
    for (at, line) in page.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match &mut open {
            None if line.trim() == "```yaml" => {
                open = Some((Example { line: at + 1, text: String::new() }, indent));
            }
            Some(_) if line.trim() == "```" => found.extend(open.take().map(|(example, _)| example)),
            Some((example, cut)) => {
                example.text.push_str(line.get(*cut..).unwrap_or(""));
                example.text.push('\n');
            }
            None => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

/// What a fence holds.
#[derive(Debug)]
enum Looks {
    Playbook,
    Tasks,
    Inventory,
    Data,
}

fn looks(node: &Node) -> Looks {
    let first = node.as_seq().and_then(|items| items.first());
    let has = |node: &Node, key: &str| node.as_map().is_some_and(|map| map.get(key).is_some());
    match first {
        Some(item) if has(item, "hosts") || has(item, "import_playbook") => Looks::Playbook,
        Some(item) if item.as_map().is_some() => Looks::Tasks,
        _ if has(node, "all") => Looks::Inventory,
        _ => Looks::Data,
    }
}

/// A directory in which the examples of one page live.
pub struct Site {
    dir: TempDir,
}

impl Site {
    /// An empty one with an inventory of a few hosts.
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let hosts = "localhost ansible_connection=local\n[control_plane]\ncp[1:3]\n[worker]\nworker[1:2]\n\
                     [etcd:children]\ncontrol_plane\n[web]\nweb[1:2]\n";
        fs::write(dir.path().join("inventory.ini"), hosts).unwrap();
        Self { dir }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Reads an example as what it looks like.
    pub fn plan(&self, example: &Example) -> Result<(), String> {
        let comment = example.text.lines().next().and_then(|line| line.strip_prefix("# "));
        let named = comment.filter(|path| path.ends_with(".yml") && !path.contains(' '));
        if let Some(name) = named {
            self.write(name, &example.text);
        }
        match looks(&read(&example.text)?) {
            Looks::Playbook => self.playbook(named.unwrap_or("example.yml"), &example.text),
            Looks::Tasks => {
                let tasks: String = example.text.lines().map(|line| format!("    {line}\n")).collect();
                self.playbook(".tasks.yml", &format!("- hosts: all\n  tasks:\n{tasks}"))
            }
            Looks::Inventory => {
                let path = self.write(".inventory.yml", &example.text);
                let mut found = Diagnostics::default();
                let inputs = [path.display().to_string()];
                Inventory::load(&Arc::default(), &inputs, &LoadOptions::default(), &mut found);
                if found.0.is_empty() { Ok(()) } else { Err(said(&found)) }
            }
            Looks::Data => Ok(()),
        }
    }

    fn playbook(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.write(name, text);
        let site = support::site(&self.dir.path().join("inventory.ini"), Defaults::default());
        let Err(mut found) = support::plan(&site, &path) else { return Ok(()) };
        // An excerpt may use what the page around it has defined.
        found.0.retain(|diagnostic| diagnostic.code != "muster::plan::undefined");
        if found.has_errors() { Err(said(&found)) } else { Ok(()) }
    }
}

fn read(text: &str) -> Result<Node, String> {
    let sources = Sources::default();
    let source = sources.add("example", text);
    let mut found = Diagnostics::default();
    let documents = node::parse(&sources, source, Limits::default(), &mut found);
    let documents = documents.map_err(|diagnostic| diagnostic.message)?;
    documents.into_iter().next().ok_or_else(|| "there is nothing in it".into())
}

fn said(found: &Diagnostics) -> String {
    let all: Vec<&str> = found.0.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    all.join("; ")
}
