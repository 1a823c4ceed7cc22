//! The plan as a person or a program reads it: text, Graphviz, Mermaid, JSON. Nothing is run and nothing is asked of
//! any host.

use super::{Act, Gate, Part, Plan, PlannedPlay, PlannedTask, Step, StepId, Wait};
use crate::playbook::{Action, Loops, Setting};
use serde_json::json;
use std::fmt::Write;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Indented text.
    #[default]
    Text,
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// JSON.
    Json,
}

impl Plan {
    /// The plan in a format.
    #[must_use]
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Dot => self.dot(),
            Format::Mermaid => self.mermaid(),
            Format::Json => format!("{:#}\n", self.json()),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (i, play) in self.plays.iter().enumerate() {
            let stage = play.stage.as_ref().map(|stage| format!("  stage {stage}")).unwrap_or_default();
            let _ = writeln!(out, "play {i} [{}]{stage}", play.name);
            let batches = play.batches(&play.hosts, &self.site);
            for (n, batch) in batches.iter().enumerate() {
                let which = if batches.len() > 1 { format!("batch {n}") } else { "hosts".into() };
                let _ = writeln!(out, "  {which}: {}", batch.join(" "));
            }
            if batches.is_empty() {
                let _ = writeln!(out, "  hosts: none");
            }
            self.steps(play, &mut out);
        }
        out
    }

    /// Steps by depth, the parts of blocks named, a flush with its handlers on one line.
    fn steps(&self, play: &PlannedPlay, out: &mut String) {
        let drawing = &play.drawing;
        let mut part = None;
        for id in &drawing.order {
            let step = drawing.step(*id);
            let Some(label) = label(step).filter(|_| !matches!(step.gate, Gate::Notified { .. })) else {
                continue;
            };
            let depth = drawing.blocks.depth_of(step.place);
            let margin = "  ".repeat(depth);
            let own = Some((step.place.block, step.place.part));
            if own != part && matches!(step.place.part, Part::Rescue | Part::Always) {
                let word = if step.place.part == Part::Rescue { "rescue" } else { "always" };
                let _ = writeln!(out, "        {}{word}:", "  ".repeat(depth.saturating_sub(1)));
            }
            part = own;
            if let Act::Flush(task) = &step.act {
                let names: Vec<String> =
                    drawing.handlers.iter().map(|handler| handler.task.title()).collect();
                if !names.is_empty() || task.is_some() {
                    let _ = writeln!(out, "  {:>4}  {margin}{label}: {}", id.index(), names.join(", "));
                }
                continue;
            }
            let remarks = step.task().map(|task| remarks(task)).unwrap_or_default();
            let _ = writeln!(out, "  {:>4}  {margin}{label}{remarks}", id.index());
        }
    }

    fn dot(&self) -> String {
        let mut out = String::from("digraph plan {\n  rankdir=TB;\n  node [shape=box];\n");
        for (i, play) in self.plays.iter().enumerate() {
            let _ = writeln!(out, "  subgraph cluster_{i} {{\n    label={:?};", play.name);
            for id in shown(play) {
                let label = label(play.drawing.step(id)).unwrap_or_default();
                let _ = writeln!(out, "    p{i}s{} [label={label:?}];", id.index());
            }
            for (from, to, wait) in edges(play) {
                let style = if wait == Wait::SameHost { " [style=dashed]" } else { "" };
                let _ = writeln!(out, "    p{i}s{} -> p{i}s{}{style};", from.index(), to.index());
            }
            out.push_str("  }\n");
        }
        out.push_str("}\n");
        out
    }

    fn mermaid(&self) -> String {
        let mut out = String::from("flowchart TB\n");
        for (i, play) in self.plays.iter().enumerate() {
            let _ = writeln!(out, "  subgraph p{i}[\"{}\"]", play.name.replace('"', "'"));
            for id in shown(play) {
                let label = label(play.drawing.step(id)).unwrap_or_default().replace('"', "'");
                let _ = writeln!(out, "    p{i}s{}[\"{label}\"]", id.index());
            }
            for (from, to, wait) in edges(play) {
                let arrow = if wait == Wait::SameHost { "-.->" } else { "-->" };
                let _ = writeln!(out, "    p{i}s{} {arrow} p{i}s{}", from.index(), to.index());
            }
            out.push_str("  end\n");
        }
        out
    }

    fn json(&self) -> serde_json::Value {
        let play = |play: &PlannedPlay| {
            let steps = play.drawing.order.iter().map(|id| {
                let step = play.drawing.step(*id);
                json!({"step": id.index(), "label": label(step), "kind": kind(step)})
            });
            let waits = play.drawing.order.iter().flat_map(|id| {
                play.drawing.waits(*id).map(|(before, wait)| {
                    let wait = if wait == Wait::SameHost { "same_host" } else { "all_hosts" };
                    json!({"step": id.index(), "waits_for": before.index(), "wait": wait})
                })
            });
            json!({
                "name": play.name,
                "stage": play.stage,
                "needs": play.needs,
                "batches": play.batches(&play.hosts, &self.site),
                "steps": steps.collect::<Vec<_>>(),
                "waits": waits.collect::<Vec<_>>(),
            })
        };
        json!({"plays": self.plays.iter().map(play).collect::<Vec<_>>()})
    }
}

fn kind(step: &Step) -> &'static str {
    match (&step.act, step.gate) {
        (_, Gate::Notified { .. }) => "handler",
        (Act::Facts(_), _) => "facts",
        (Act::Module(_), _) => "task",
        (Act::IncludeTasks(_) | Act::IncludeRole(..), _) => "include",
        (Act::Flush(_), _) => "flush",
        (Act::Meta(..), _) => "meta",
        (Act::RoleEnd(_), _) => "role_end",
        (Act::Silent, _) => "silent",
    }
}

/// What decides whether, where and how often a task runs.
fn remarks(task: &PlannedTask) -> String {
    let mut remarks = vec![];
    let keywords = &task.keywords;
    if task.task.name.is_some() && !matches!(task.task.action, Action::Meta { .. }) {
        remarks.push(task.action().to_string());
    }
    remarks.extend(keywords.when.iter().map(|when| format!("when {}", when.text)));
    if let Some(repeat) = &task.task.repeat {
        remarks.push(match &repeat.loops {
            Loops::Loop => "loop".into(),
            Loops::With(name) => format!("with_{name}"),
        });
    }
    remarks.extend(
        keywords.delegate_to.as_ref().and_then(|to| to.as_str()).map(|to| format!("delegated to {to}")),
    );
    if matches!(keywords.run_once, Some(Setting::Fixed(true))) {
        remarks.push("once".into());
    }
    let tags: Vec<&str> = keywords.tags.iter().filter_map(|tag| tag.as_str()).collect();
    if !tags.is_empty() {
        remarks.push(format!("tags {}", tags.join(",")));
    }
    if remarks.is_empty() { String::new() } else { format!("  ({})", remarks.join("; ")) }
}

/// A step in a few words; nothing for one that only holds a place.
fn label(step: &Step) -> Option<String> {
    let named = |prefix: &str| {
        let task = step.task()?;
        Some(format!("{prefix}{}", task.title()))
    };
    match (&step.act, step.gate) {
        (Act::Silent | Act::RoleEnd(_), _) => None,
        (Act::Facts(_), _) => Some("Gathering Facts".into()),
        (Act::Flush(None), _) => Some("flush handlers".into()),
        (Act::Flush(Some(_)), _) => Some("flush handlers (meta)".into()),
        (_, Gate::Notified { .. }) => named("handler: "),
        (Act::IncludeTasks(_), _) => named("include: "),
        (Act::IncludeRole(..), _) => named("include role: "),
        (Act::Meta(task, _), _) => match &task.task.action {
            Action::Meta { word, .. } => Some(format!("meta: {word}")),
            _ => None,
        },
        (Act::Module(_), _) => named(""),
    }
}

fn shown(play: &PlannedPlay) -> impl Iterator<Item = StepId> + '_ {
    play.drawing.order.iter().copied().filter(|id| label(play.drawing.step(*id)).is_some())
}

/// Waits between shown steps, those across hidden ones included.
fn edges(play: &PlannedPlay) -> Vec<(StepId, StepId, Wait)> {
    let mut edges = vec![];
    for id in shown(play) {
        let mut open: Vec<(StepId, Wait)> = play.drawing.waits(id).collect();
        while let Some((before, wait)) = open.pop() {
            if label(play.drawing.step(before)).is_some() {
                edges.push((before, id, wait));
            } else {
                open.extend(play.drawing.waits(before));
            }
        }
    }
    edges
}
