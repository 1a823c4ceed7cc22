//! Plays that speak for themselves (`show: messages`): what modules say while they work and what `debug` tells, as plain lines on
//! stdout; warnings and the messages of what failed on stderr. No banners, no results, no recap.

use super::{Console, result};
use crate::report::{Colour, harmless};
use muster_engine::event::{Event, EventKind, Outcome, Status};
use muster_engine::module::Map;
use muster_engine::playbook::Show;
use muster_engine::recap::Recap;
use serde_json::Value as Json;
use std::io::{self, Write};

impl<O: Write, E: Write> Console<O, E> {
    /// Shows an event of such a play; false if it is one that others show.
    pub(super) fn message(&mut self, event: &Event, recap: &Recap) -> io::Result<bool> {
        match &event.kind {
            EventKind::PlayStarted { play, name, check_mode, show, .. } => {
                self.speaks = *show == Show::Messages && self.look.verbosity == 0;
                if self.speaks {
                    self.speaking.insert(*play);
                    self.plays.insert(*play, (name.clone(), *check_mode));
                }
                return Ok(self.speaks);
            }
            EventKind::NoHostsMatched { play } => return Ok(self.speaking.contains(play)),
            EventKind::StepStarted(info) if self.speaking.contains(&info.play) => {
                self.steps.insert(info.step, info.clone());
            }
            EventKind::UnitStarted { step, .. } | EventKind::UnitRetrying { step, .. } => {
                return Ok(self.is_spoken(*step));
            }
            EventKind::MetaFinished { step, .. } => return Ok(self.speaking.contains(&step.play)),
            EventKind::UnitOutput { step, line, .. } if self.is_spoken(*step) => self.tell(line)?,
            EventKind::ItemFinished { step, host, outcome, .. } if self.is_spoken(*step) => {
                self.ended(host, outcome)?;
            }
            EventKind::UnitFinished { step, host, looped, outcome, .. } if self.is_spoken(*step) => {
                // Of a loop each item has been told.
                if !looped || outcome.status == Status::Unreachable {
                    self.ended(host, outcome)?;
                }
            }
            EventKind::Warning { text, .. } if self.speaks => self.admonish(text)?,
            EventKind::RunFailed { text } if self.speaks => {
                self.failed = true;
                self.complain(Colour::Failed, &format!("error: {text}"))?;
            }
            EventKind::RunCancelling if self.speaks => {
                self.complain(
                    Colour::Failed,
                    "error: interrupted; press Ctrl-C again to stop without waiting",
                )?;
            }
            EventKind::RunFinished { .. } if self.all_speak() => {
                if recap.hosts.is_empty() && !self.failed {
                    self.complain(Colour::Failed, "error: no hosts matched")?;
                }
            }
            EventKind::NoHostsRemaining { .. } | EventKind::NoMoreHosts | EventKind::Included { .. } => {
                return Ok(self.speaks);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_spoken(&self, step: usize) -> bool {
        self.steps.get(&step).is_some_and(|info| self.speaking.contains(&info.play))
    }

    fn all_speak(&self) -> bool {
        !self.plays.is_empty() && self.plays.keys().all(|play| self.speaking.contains(play))
    }

    fn tell(&mut self, text: &str) -> io::Result<()> {
        self.line(&harmless(text))
    }

    fn complain(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        self.out.flush()?;
        let text = harmless(text);
        writeln!(self.err, "{}", self.look.palette.paint(colour, &text))
    }

    fn admonish(&mut self, text: &str) -> io::Result<()> {
        match self.said.insert(text.to_string()) {
            true => self.complain(Colour::Warning, &format!("WARNING: {text}")),
            false => Ok(()),
        }
    }

    fn ended(&mut self, host: &str, outcome: &Outcome) -> io::Result<()> {
        let message = outcome.result.get("msg").map(result::plain).unwrap_or_default();
        for warning in outcome.result.get("warnings").and_then(Json::as_array).into_iter().flatten() {
            self.admonish(&result::plain(warning))?;
        }
        match outcome.status {
            Status::Failed | Status::Unreachable if outcome.ignored || outcome.rescued => Ok(()),
            Status::Failed => {
                let lead = if message.starts_with("error: ") { "" } else { "error: " };
                self.complain(Colour::Failed, &format!("{lead}{message}{}", output(&outcome.result)))
            }
            Status::Unreachable => {
                self.complain(Colour::Unreachable, &format!("error: {host} cannot be reached: {message}"))
            }
            _ if result::always(&outcome.result) && !message.is_empty() => self.tell(&message),
            _ => Ok(()),
        }
    }
}

/// What a command that failed has written, behind its message.
fn output(result: &Map) -> String {
    let said = ["stderr", "stdout"].map(|key| result.get(key).and_then(Json::as_str).unwrap_or("").trim());
    said.into_iter().find(|text| !text.is_empty()).map(|text| format!("\n{text}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Look, Report};
    use muster_engine::event::StepInfo;
    use serde_json::json;
    use std::sync::Arc;
    use std::time::Duration;

    /// What a play shows, on stdout and on stderr.
    fn shown(events: Vec<EventKind>) -> (String, String) {
        let (mut out, mut err) = (vec![], vec![]);
        let mut report = Console::new(&mut out, &mut err, Look::default());
        let play = EventKind::PlayStarted {
            play: 0,
            name: "Drain".into(),
            hosts: vec![Arc::from("cp1")],
            check_mode: false,
            show: Show::Messages,
        };
        let step = EventKind::StepStarted(Arc::new(StepInfo {
            play: 0,
            step: 1,
            name: "drain it".into(),
            handler: false,
            action: "k8s_drain".into(),
            side: muster_engine::module::Side::Controller,
            place: String::new(),
            origin: None,
            check_mode: false,
            no_log: false,
        }));
        let end = EventKind::RunFinished { exit: 0, stats: Map::new() };
        let mut recap = Recap::default();
        for kind in [play, step].into_iter().chain(events).chain([end]) {
            let event = Event { at: 0, elapsed: Duration::ZERO, kind };
            recap.record(&event);
            report.show(&event, &recap).unwrap();
        }
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn outcome(status: Status, ignored: bool, result: Json) -> Outcome {
        Outcome { status, ignored, rescued: false, result: result.as_object().cloned().unwrap() }
    }

    fn finished(status: Status, ignored: bool, result: Json) -> EventKind {
        let (step, host, delegate, took) = (1, Arc::from("cp1"), None, Duration::ZERO);
        let outcome = outcome(status, ignored, result);
        EventKind::UnitFinished { step, host, delegate, looped: false, outcome, took }
    }

    #[test]
    fn what_is_said_is_shown_once_and_results_are_not() {
        let line = |line: &str| EventKind::UnitOutput { step: 1, host: Arc::from("cp1"), line: line.into() };
        let (out, err) = shown(vec![
            line("node/w1 cordoned"),
            EventKind::Warning { text: "ignoring".into(), about: None },
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
        let item = EventKind::ItemFinished {
            step: 1,
            host: Arc::from("cp1"),
            delegate: None,
            label: "w2".into(),
            outcome: outcome(Status::Failed, false, json!({"msg": "error: w2"})),
        };
        let (out, err) = shown(vec![
            finished(Status::Failed, false, json!({"msg": "error: no\n\x1b[2J", "pending": ["a"]})),
            finished(Status::Failed, false, json!({"msg": "non-zero return code", "stderr": "why\n"})),
            finished(Status::Unreachable, false, json!({"msg": "no route"})),
            item,
        ]);
        assert_eq!(out, "");
        assert_eq!(
            err,
            "error: no\n\\x1b[2J\nerror: non-zero return code\nwhy\nerror: cp1 cannot be reached: no route\nerror: w2\n"
        );
    }

    #[test]
    fn that_nobody_was_there_is_said_and_a_recap_is_not_shown() {
        assert_eq!(shown(vec![]), (String::new(), "error: no hosts matched\n".to_string()));
    }
}
