//! Results without banners: the shapes of Ansible's `minimal` and `oneline`, in which the program `ansible` speaks.

use super::{Console, Who, diff, result};
use crate::report::{Colour, Shape, harmless};
use muster_engine::event::{Event, EventKind, Outcome, Status};
use muster_engine::module::Map;
use serde_json::Value as Json;
use std::io::{self, Write};

/// Modules whose answer is shown as the text that their command wrote.
const TEXTUAL: [&str; 3] = ["command", "shell", "raw"];

impl<O: Write, E: Write> Console<O, E> {
    /// Shows an event; false if it is one that every report shows.
    pub(super) fn bare(&mut self, event: &Event) -> io::Result<bool> {
        match &event.kind {
            EventKind::StepStarted(info) => {
                self.steps.insert(info.step, info.clone());
            }
            EventKind::UnitFinished { step, host, delegate, outcome, .. } => {
                self.bare_result(*step, &Who { host, delegate: delegate.as_deref() }, outcome)?;
            }
            EventKind::RunStarted { .. } if self.look.verbosity > 0 && !self.look.settings.is_empty() => {
                let text = harmless(&self.look.settings).into_owned();
                self.painted(Colour::Verbose, &text)?;
            }
            EventKind::Warning { .. } | EventKind::Deprecated { .. } | EventKind::RunCancelling => {
                return Ok(false);
            }
            _ => {}
        }
        Ok(true)
    }

    fn bare_result(&mut self, step: usize, who: &Who<'_>, outcome: &Outcome) -> io::Result<()> {
        self.warnings(&outcome.result)?;
        let one_line = self.look.shape == Shape::OneLine;
        if outcome.status == Status::Changed
            && !one_line
            && let Some(found) = outcome.result.get("diff")
        {
            let text = diff::shown(found, &self.look);
            if !text.is_empty() {
                self.line(&text)?;
            }
        }
        let info = self.steps.get(&step).cloned();
        let module = info.as_ref().map_or("", |info| info.module());
        let spoken = module == "debug" && !one_line;
        let (colour, word) = match outcome.status {
            Status::Ok => (Colour::Ok, "SUCCESS"),
            // What `debug` says has no more in it than that.
            Status::Changed if spoken => (Colour::Ok, "SUCCESS"),
            Status::Changed => (Colour::Changed, "CHANGED"),
            Status::Skipped => (Colour::Skipped, "SKIPPED"),
            Status::Failed => (Colour::Failed, "FAILED"),
            Status::Unreachable => (Colour::Unreachable, "UNREACHABLE!"),
        };
        let host = harmless(who.host).into_owned();
        if outcome.status == Status::Skipped {
            return self.painted(colour, &format!("{host} | {word}"));
        }
        if matches!(outcome.status, Status::Failed | Status::Unreachable) {
            match one_line {
                false => self.origin(step, outcome)?,
                true if outcome.status == Status::Failed => self.line(
                    "An exception occurred during task execution. To see the full traceback, use -vvv. The error was: \
                     (traceback unavailable)",
                )?,
                true => {}
            }
        }
        if one_line && outcome.status == Status::Unreachable {
            let message = outcome.result.get("msg").map(result::plain).unwrap_or_default();
            return self.painted(colour, &format!("{host} | {word}: {}", harmless(&message)));
        }
        let textual = TEXTUAL.contains(&module)
            && outcome.status != Status::Unreachable
            && !outcome.result.contains_key("ansible_job_id")
            && !outcome.result.contains_key("module_stderr");
        if textual {
            let said = said(&outcome.result, one_line);
            return self.painted(colour, &format!("{host} | {word} | {}", harmless(&said)));
        }
        let word = if word == "FAILED" { "FAILED!" } else { word };
        let cleaned = match (one_line, outcome.status) {
            (false, Status::Ok | Status::Changed) => self.cleaned(step, outcome),
            _ => outcome.result.clone(),
        };
        let text = self.page(&cleaned, one_line);
        self.painted(colour, &format!("{host} | {word} => {text}"))
    }

    /// A result as JSON: indented, or without the line ends it would have.
    fn page(&self, result: &Map, one_line: bool) -> String {
        let map = Json::Object(result::shown(result, &self.look));
        let indented = !one_line || result::always(result) || self.look.verbosity > 2;
        let text = result::json(&map, Some(if indented { 4 } else { 0 }));
        if one_line { text.replace('\n', "") } else { text }
    }
}

/// What a command said.
fn said(result: &Map, one_line: bool) -> String {
    let text = |key: &str| result.get(key).map(result::plain).unwrap_or_default();
    let rc = result.get("rc").map_or_else(|| "-1".into(), result::plain);
    let (stdout, stderr) = (text("stdout"), text("stderr"));
    if !one_line {
        return format!("rc={rc} >>\n{stdout}{stderr}{}\n", text("msg"));
    }
    let flat = |text: &str| text.replace('\n', "\\n").replace('\r', "\\r");
    match stderr.is_empty() {
        true => format!("rc={rc} | (stdout) {}", flat(&stdout)),
        false => format!("rc={rc} | (stdout) {} (stderr) {}", flat(&stdout), flat(&stderr)),
    }
}
