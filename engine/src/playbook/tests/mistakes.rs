//! Every mistake we know: what is said about it, and whether it ends in the exit code that ansible-core 2.19 ends in.
//! `mistakes.txt` holds `=== what -> Ansible's exit code` and the playbook; the snapshot adds what we say.

use super::Site;
use std::fmt::Write as _;

/// Mistakes that end otherwise here, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("a bad boolean on a task", "ignored there by the very keyword that is wrong"),
    ("a bad throttle on a play", "1 there, though the same mistake on a task is 2"),
    ("a bad serial", "crashes there"),
    ("a tag that is a mapping", "crashes there"),
    ("an import that imports itself", "crashes there"),
    ("text for a module that takes none", "found by the plan, which knows the module"),
    ("an argument list in a template", "found by the plan, which knows the module"),
    ("a play among tasks", "known here before a host is"),
];

#[test]
fn mistakes_are_reported_where_they_are() {
    let (mut table, mut wrong) = (String::new(), String::new());
    for case in include_str!("mistakes.txt").split("=== ").skip(1) {
        let (title, text) = case.split_once('\n').unwrap();
        let (what, ansible) = title.split_once(" -> ").unwrap();
        let site = Site::new(&[
            ("site.yml", text),
            ("other.yml", "- hosts: all\n  gather_facts: false\n  tasks: []\n"),
            ("empty.yml", "- debug: {msg: hi}\n"),
            ("roles/good/tasks/main.yml", "- debug: {msg: hi}\n"),
        ]);
        let said = everything(&site);
        let codes = said.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        let worst = codes.filter_map(|line| line.split(' ').next()).max().unwrap_or("0");
        if worst != ansible && !DIFFERENT.iter().any(|(known, _)| *known == what) {
            writeln!(wrong, "{what}: Ansible ends with {ansible}, this with {worst}\n{said}").unwrap();
        }
        writeln!(table, "=== {title}\n{text}---\n{said}").unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!(table);
}

/// Loads what the plan would load: the plays, their roles, and what they import.
fn everything(site: &Site) -> String {
    use crate::diagnostic::Diagnostics;
    use crate::playbook::{Action, Entry, RoleFrom};
    /// What is wrong with tasks by themselves, which the plan judges.
    fn flaws(entries: &[Entry], found: &mut Diagnostics) {
        for entry in entries {
            match entry {
                Entry::Task(task) => found.0.extend(task.keywords.flaws.clone()),
                Entry::Block(block) => {
                    found.0.extend(block.keywords.flaws.clone());
                    flaws(&block.body, found);
                }
            }
        }
    }
    let loader = site.loader(&[]);
    let mut diagnostics = Diagnostics::default();
    let playbook = loader.playbook(&site.path().join("site.yml"), &mut diagnostics);
    for play in &playbook.plays {
        for role in &play.roles {
            let name = role.name.as_str().unwrap();
            loader.role(name, &RoleFrom::default(), &play.dir, None, role.span, &mut diagnostics);
        }
        flaws(&play.tasks, &mut diagnostics);
        for entry in &play.tasks {
            let Entry::Task(task) = entry else { continue };
            match &task.action {
                Action::ImportTasks(include) => {
                    let path = task.dir.join(include.file.as_str().unwrap());
                    loader.tasks(&path, false, &mut diagnostics);
                }
                Action::ImportRole(role) => {
                    let tasks = role.tasks_from.as_ref().and_then(|node| node.as_str()).map(str::to_owned);
                    let from = RoleFrom { tasks, ..RoleFrom::default() };
                    let name = role.name.as_str().unwrap();
                    loader.role(name, &from, &play.dir, None, role.span, &mut diagnostics);
                }
                _ => {}
            }
        }
    }
    site.said(&loader, &diagnostics)
}
