//! `--list-hosts`, `--list-tasks`, `--list-tags`, `--syntax-check`: plays with what is asked about them, as
//! ansible-playbook prints it. A plan comes in, text goes out, nothing runs.

use crate::cli::Select;
use crate::exit::Exit;
use crate::report::harmless;
use crate::session::Session;
use crate::site::Prepared;
use muster_engine::node::Node;
use muster_engine::plan::{Part, PlannedPlay, PlannedTask};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Whether a list is wanted rather than a run.
#[must_use]
pub fn is_wanted(select: &Select) -> bool {
    select.list_hosts || select.list_tasks || select.list_tags
}

/// The lists.
pub fn listed(session: &Session, prepared: Prepared, select: &Select) -> Result<String, Exit> {
    let playbooks = prepared.playbooks();
    let plan = prepared.plan(session)?;
    let mut out = String::new();
    let mut plays = plan.plays.iter();
    for (path, count) in &playbooks {
        heading(&mut out, path);
        if is_wanted(select) {
            for (number, play) in plays.by_ref().take(*count).enumerate() {
                one(&mut out, number + 1, play, select);
            }
        }
    }
    Ok(out)
}

fn heading(out: &mut String, path: &Path) {
    _ = writeln!(out, "\nplaybook: {}", harmless(&path.display().to_string()));
}

fn one(out: &mut String, number: usize, play: &PlannedPlay, select: &Select) {
    let hosts = texts(&play.play.hosts);
    let tags = written(&play.play.keywords.tags);
    let title = format!("play #{number} ({}): {}", hosts.join(","), play.name);
    _ = writeln!(out, "\n  {}\tTAGS: [{}]", harmless(&title), harmless(&tags.join(",")));
    if select.list_hosts {
        let quoted: Vec<String> = hosts.iter().map(|host| format!("'{host}'")).collect();
        _ = writeln!(
            out,
            "    pattern: [{}]\n    hosts ({}):",
            harmless(&quoted.join(", ")),
            play.hosts.len()
        );
        for host in &play.hosts {
            _ = writeln!(out, "      {}", harmless(host));
        }
    }
    if select.list_tasks {
        _ = writeln!(out, "    tasks:");
    }
    let mut all = BTreeSet::new();
    for task in tasks(play) {
        let tags = task.tags.clone();
        if select.list_tasks {
            let shown: Vec<&str> = tags.iter().map(String::as_str).collect();
            _ = writeln!(out, "      {}\tTAGS: [{}]", harmless(&named(task)), harmless(&shown.join(", ")));
        }
        all.extend(tags);
    }
    if select.list_tags {
        let all: Vec<String> = all.into_iter().collect();
        _ = writeln!(out, "      TASK TAGS: [{}]", harmless(&all.join(", ")));
    }
}

/// A task's name with its role's; of one without a name the module alone.
fn named(task: &PlannedTask) -> String {
    if task.task.name.is_some() { task.title() } else { task.action().to_string() }
}

/// Tasks in order: no handlers, nothing of `rescue` or `always`, and not the gathering of facts that nobody wrote.
fn tasks(play: &PlannedPlay) -> impl Iterator<Item = &Arc<PlannedTask>> {
    play.drawing.order.iter().filter_map(|id| {
        let step = play.drawing.step(*id);
        let is_body = step.place.part == Part::Body && !is_answer(play, step.place.block);
        let task = step.task()?;
        let is_facts = matches!(step.act, muster_engine::plan::Act::Facts(_));
        (is_body && !is_facts && !task.around.handler).then_some(task)
    })
}

/// Whether a block stands in a `rescue` or an `always`.
fn is_answer(play: &PlannedPlay, block: muster_engine::plan::BlockId) -> bool {
    let parent = play.drawing.blocks.get(block).parent;
    parent.is_some_and(|parent| parent.part != Part::Body || is_answer(play, parent.block))
}

/// Tags as written, a list as its items.
fn written(tags: &[Node]) -> Vec<String> {
    tags.iter().flat_map(texts).collect()
}

fn texts(node: &Node) -> Vec<String> {
    let text = |node: &Node| node.as_str().map_or_else(|| node.to_json().to_string(), str::to_string);
    node.as_seq().map_or_else(|| vec![text(node)], |items| items.iter().map(text).collect())
}
