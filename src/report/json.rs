//! One event a line, as JSON, for programs. After the last event comes a line with the recap and the findings.

use super::Report;
use muster_engine::event::{Event, EventKind};
use muster_engine::recap::Recap;
use serde_json::json;
use std::io::{self, Write};

/// JSON lines.
pub struct Json<W>(pub W);

impl<W: Write> Report for Json<W> {
    fn show(&mut self, event: &Event, recap: &Recap) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, event)?;
        self.0.write_all(b"\n")?;
        if let EventKind::RunFinished { exit, .. } = &event.kind {
            let last = json!({
                "event": "recap",
                "exit": exit,
                "hosts": recap.hosts,
                "findings": recap.findings,
            });
            serde_json::to_writer(&mut self.0, &last)?;
            self.0.write_all(b"\n")?;
        }
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_event_is_a_line_and_the_recap_is_the_last() {
        let mut out = vec![];
        let kind = EventKind::RunFinished { exit: 2, stats: muster_engine::module::Map::new() };
        let event = Event { at: 1, elapsed: Duration::ZERO, kind };
        Json(&mut out).show(&event, &Recap::default()).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["event"], "run_finished");
        assert_eq!(lines[1]["event"], "recap");
        assert_eq!(lines[1]["exit"], 2);
    }
}
