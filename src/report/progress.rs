//! The live line of a terminal: which hosts are still at work, and for how long. It appears when a step takes over a
//! second, and is gone before any line of the report is written. Never made when stdout is not a terminal.

use super::{Report, harmless};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_engine::event::{Event, EventKind, StepInfo};
use muster_engine::recap::Recap;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a step may take before the line appears.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many hosts the line names.
const NAMED: usize = 4;

/// Another report with a live line below it.
pub struct Progress<R> {
    inner: R,
    bar: Option<ProgressBar>,
    steps: HashMap<usize, Arc<StepInfo>>,
    running: BTreeMap<(usize, Arc<str>), Instant>,
    said: Option<String>,
}

impl<R: Report> Progress<R> {
    /// The report with a live line.
    pub fn new(inner: R) -> Self {
        Self { inner, bar: None, steps: HashMap::new(), running: BTreeMap::new(), said: None }
    }

    fn follow(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarted(info) => _ = self.steps.insert(info.step, info.clone()),
            EventKind::UnitStarted { step, host } => {
                self.running.insert((*step, host.clone()), Instant::now());
            }
            EventKind::UnitFinished { step, host, .. } => {
                self.running.remove(&(*step, host.clone()));
                self.said = None;
            }
            EventKind::UnitOutput { host, line, .. } => self.said = Some(format!("{host} | {line}")),
            EventKind::RunFinished { .. } => self.running.clear(),
            _ => {}
        }
    }

    fn message(&self) -> Option<String> {
        // What is included is at work, not the task that included it.
        let is_inner = |step: &usize| !self.is_a(*step, &["include_tasks", "include_role"]);
        let running: BTreeMap<_, _> = self.running.iter().filter(|((step, _), _)| is_inner(step)).collect();
        let oldest = running.values().map(|begun| begun.elapsed()).max()?;
        // The line of a person who is asked is that person's.
        if oldest < PATIENCE || running.keys().any(|(step, _)| self.is_a(*step, &["pause"])) {
            return None;
        }
        let first = running.keys().next().and_then(|(step, _)| self.steps.get(step));
        let name = first.map_or("", |info| info.name.as_str());
        let hosts: Vec<&str> = running.keys().map(|(_, host)| &**host).collect();
        Some(message(&hosts, name, oldest, self.said.as_deref()))
    }

    /// Whether a step is one of these modules.
    fn is_a(&self, step: usize, modules: &[&str]) -> bool {
        self.steps.get(&step).is_some_and(|info| modules.contains(&info.module()))
    }
}

fn message(running: &[&str], step: &str, oldest: Duration, said: Option<&str>) -> String {
    let hosts: Vec<_> = running.iter().take(NAMED).map(|host| harmless(host)).collect();
    let more = match running.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let said = said.map(|said| format!(" | {}", harmless(said))).unwrap_or_default();
    let text = format!("{} {}s: {}{more}{said}", harmless(step), oldest.as_secs(), hosts.join(", "));
    text.replace(['\n', '\t'], " ")
}

impl<R: Report> Report for Progress<R> {
    fn show(&mut self, event: &Event, recap: &Recap) -> io::Result<()> {
        self.follow(event);
        self.clear();
        self.inner.show(event, recap)
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        self.inner.heading(text)
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn tick(&mut self) {
        let Some(message) = self.message() else {
            return self.clear();
        };
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        bar.set_message(message);
        bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_names_a_few_hosts_and_counts_the_rest() {
        assert_eq!(
            message(
                &["n1", "n2", "n3", "n4", "n5", "n6"],
                "kube : wait",
                Duration::from_secs(7),
                Some("n1 | x\x1b[2J")
            ),
            "kube : wait 7s: n1, n2, n3, n4 and 2 more | n1 | x\\x1b[2J"
        );
    }
}
