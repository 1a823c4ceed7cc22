//! A run that speaks for itself: what modules say while they work, and what `debug` tells, as plain lines; warnings and what
//! failed on stderr. No banners, no results, no recap: for verbs whose screen is the operation's own.

use super::result::{always, plain};
use super::style::harmless;
use super::{Colour, Look, Report};
use muster_engine::event::{Event, EventKind, Outcome, Status};
use muster_engine::recap::Recap;
use serde_json::Value as Json;
use std::collections::HashSet;
use std::io::{self, Write};

/// Such a report.
pub struct Spoken<O, E> {
    out: O,
    err: E,
    look: Look,
    /// Warnings given.
    said: HashSet<String>,
}

impl<O: Write, E: Write> Spoken<O, E> {
    /// Lines go to `out`, warnings and failures to `err`.
    pub fn new(out: O, err: E, look: Look) -> Self {
        Self { out, err, look, said: HashSet::new() }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", harmless(text))?;
        self.out.flush()
    }

    fn complain(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        let text = harmless(text);
        writeln!(self.err, "{}", self.look.palette.paint(colour, &text))
    }

    fn warn(&mut self, text: &str) -> io::Result<()> {
        match self.said.insert(text.to_string()) {
            true => self.complain(Colour::Warning, &format!("WARNING: {text}")),
            false => Ok(()),
        }
    }

    fn finished(&mut self, host: &str, outcome: &Outcome) -> io::Result<()> {
        let message = outcome.result.get("msg").map(plain).unwrap_or_default();
        for warning in outcome.result.get("warnings").and_then(Json::as_array).into_iter().flatten() {
            self.warn(&plain(warning))?;
        }
        match outcome.status {
            Status::Failed | Status::Unreachable if outcome.ignored || outcome.rescued => Ok(()),
            Status::Failed if message.starts_with("error: ") => self.complain(Colour::Failed, &message),
            Status::Failed => self.complain(Colour::Failed, &format!("error: {message}")),
            Status::Unreachable => {
                self.complain(Colour::Unreachable, &format!("error: {host} cannot be reached: {message}"))
            }
            _ if always(&outcome.result) && !message.is_empty() => self.line(&message),
            _ => Ok(()),
        }
    }
}

impl<O: Write, E: Write> Report for Spoken<O, E> {
    fn show(&mut self, event: &Event, _recap: &Recap) -> io::Result<()> {
        match &event.kind {
            EventKind::UnitOutput { line, .. } => self.line(line),
            EventKind::UnitFinished { host, outcome, .. } => self.finished(host, outcome),
            EventKind::Warning { text } => self.warn(text),
            EventKind::NoHostsMatched { .. } => self.complain(Colour::Failed, "error: no hosts matched"),
            EventKind::RunFailed { text } => self.complain(Colour::Failed, &format!("error: {text}")),
            EventKind::RunCancelling => self
                .complain(Colour::Failed, "error: interrupted; press Ctrl-C again to stop without waiting"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::module::Map;
    use serde_json::json;
    use std::sync::Arc;
    use std::time::Duration;

    fn shown(events: Vec<EventKind>) -> (String, String) {
        let (mut out, mut err) = (vec![], vec![]);
        let mut report = Spoken::new(&mut out, &mut err, Look::default());
        for kind in events {
            let event = Event { at: 0, elapsed: Duration::ZERO, kind };
            report.show(&event, &Recap::default()).unwrap();
        }
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn finished(status: Status, ignored: bool, result: Json) -> EventKind {
        let result: Map = result.as_object().cloned().unwrap();
        let outcome = Outcome { status, ignored, rescued: false, result };
        let (step, host, delegate, took) = (1, Arc::from("cp1"), None, Duration::ZERO);
        EventKind::UnitFinished { step, host, delegate, looped: false, outcome, took }
    }

    #[test]
    fn what_is_said_is_shown_once_and_results_are_not() {
        let line = |line: &str| EventKind::UnitOutput { step: 1, host: Arc::from("cp1"), line: line.into() };
        let (out, err) = shown(vec![
            line("node/w1 cordoned"),
            EventKind::Warning { text: "ignoring".into() },
            finished(
                Status::Changed,
                false,
                json!({"changed": true, "evicted": ["a"], "warnings": ["ignoring"]}),
            ),
            finished(Status::Ok, false, json!({"msg": "through cp2", "_ansible_verbose_always": true})),
            finished(Status::Unreachable, true, json!({"msg": "no route"})),
        ]);
        assert_eq!((&*out, &*err), ("node/w1 cordoned\nthrough cp2\n", "WARNING: ignoring\n"));
    }

    #[test]
    fn a_failure_is_its_message_and_cannot_move_the_cursor() {
        let (out, err) = shown(vec![
            finished(Status::Failed, false, json!({"msg": "error: no\n\x1b[2J", "pending": ["a"]})),
            finished(Status::Failed, false, json!({"msg": "Node w not found."})),
            finished(Status::Unreachable, false, json!({"msg": "no route"})),
        ]);
        assert_eq!(out, "");
        assert_eq!(
            err,
            "error: no\n\\x1b[2J\nerror: Node w not found.\nerror: cp1 cannot be reached: no route\n"
        );
    }
}
