//! Where a failed task is written, shown before its line as Ansible shows it: what went wrong, the place, and the lines up
//! to it. Each such text is said once, however many hosts fail.

use super::Console;
use crate::report::{Colour, harmless};
use muster_engine::event::{Outcome, Status, StepInfo};
use muster_engine::module::CAUSE;
use muster_engine::source::{Sources, Span};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Modules whose work is done on this side; of the others Ansible says that the module failed.
const ACTIONS: [&str; 15] = [
    "add_host",
    "assert",
    "debug",
    "fail",
    "fetch",
    "group_by",
    "include_vars",
    "pause",
    "raw",
    "reboot",
    "set_fact",
    "set_stats",
    "template",
    "validate_argument_spec",
    "wait_for_connection",
];
/// Lines shown before the one where the task begins.
const BEFORE: usize = 2;

impl<O: Write, E: Write> Console<O, E> {
    /// Says where the task of a failure is, unless that was said.
    pub(super) fn origin(&mut self, step: usize, outcome: &Outcome) -> io::Result<()> {
        let Some(sources) = self.look.sources.clone() else { return Ok(()) };
        let Some(info) = self.steps.get(&step).cloned() else { return Ok(()) };
        let Some(what) = told(&info, outcome) else { return Ok(()) };
        let place = match &self.look.origin {
            Some(origin) => origin.clone(),
            None => match info.origin.and_then(|span| snippet(&sources, span)) {
                Some(snippet) => snippet,
                None => return Ok(()),
            },
        };
        let text = format!("[ERROR]: {what}\nOrigin: {place}\n");
        if !self.said.insert(text.clone()) {
            return Ok(());
        }
        let text = harmless(&text).into_owned();
        self.failure(Colour::Failed, &format!("{text}\n"))
    }
}

/// What went wrong, with Ansible's word for who failed; nothing for what it does not tell of (a file that cannot be
/// included, a hidden result).
fn told(info: &StepInfo, outcome: &Outcome) -> Option<String> {
    let text = |key: &str| outcome.result.get(key).and_then(Json::as_str);
    if outcome.result.contains_key("censored") || outcome.result.contains_key("reason") {
        return None;
    }
    let message = text("msg").unwrap_or_default();
    if message.starts_with("Task failed: ") {
        return Some(message.to_string());
    }
    if outcome.status == Status::Unreachable {
        return Some(format!("Task failed: {message}"));
    }
    let judged = outcome.result.get("failed_when_result") == Some(&Json::Bool(true));
    let name = info.action.rsplit('.').next().unwrap_or_default();
    let who = if judged || ACTIONS.contains(&name) { "Action" } else { "Module" };
    Some(match (message, text(CAUSE)) {
        ("", None) => format!("Task failed: {who} failed."),
        (message, None) => format!("Task failed: {who} failed: {message}"),
        (message, Some(cause)) => {
            format!("Task failed: {who} failed: {}: {cause}", message.trim_end_matches('.'))
        }
    })
}

/// The place and its line, with those before it and a mark under the column.
fn snippet(sources: &Sources, span: Span) -> Option<String> {
    let (place, source) = (sources.place(span), sources.get(span.source));
    let mut out = format!("{place}\n\n");
    if source.sealed {
        return Some(out);
    }
    let width = place.line.to_string().len();
    let first = place.line.saturating_sub(BEFORE).max(1);
    for (number, line) in source.text.lines().enumerate().skip(first - 1).take(place.line + 1 - first) {
        out.push_str(format!("{:>width$} {line}", number + 1).trim_end());
        out.push('\n');
    }
    let indent = width + place.column;
    _ = write!(out, "{:indent$}^ column {}", "", place.column);
    Some(out)
}
