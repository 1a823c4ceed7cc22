//! Events as lines, in the shapes of Ansible's default callback. A banner is shown once for the steps of a linear
//! play and again whenever results of another step follow (free). What a host sends is made harmless; warnings go to
//! stderr, each once.

mod bare;
mod messages;
mod origin;

pub use origin::snippet;

use super::result::{self, cleaned, dumped, is_shown};
use super::style::harmless;
use super::{Colour, Look, Report, Shape, deprecation, diff, findings, recap};
use muster_engine::event::{Event, EventKind, Outcome, Status, StepInfo};
use muster_engine::module::Map;
use muster_engine::playbook::Show;
use muster_engine::recap::Recap;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use unicode_width::UnicodeWidthStr;

/// The console.
pub struct Console<O, E> {
    out: O,
    err: E,
    look: Look,
    /// Plays of which only findings are shown.
    quiet: HashSet<usize>,
    /// Plays that speak for themselves, and whether the one that began last is of them.
    speaking: HashSet<usize>,
    speaks: bool,
    /// Steps begun in this play.
    steps: HashMap<usize, Arc<StepInfo>>,
    /// The step under whose banner lines go.
    shown: Option<usize>,
    /// A step whose banner waits for its first line.
    waiting: Option<usize>,
    /// Hosts at work, and those of them that wait for what they have included.
    running: usize,
    including: usize,
    /// Whether anything was written.
    begun: bool,
    /// The play under whose banner lines go, and the banners of all.
    play: usize,
    plays: HashMap<usize, (String, bool)>,
    /// Whether the run broke off: there is nothing to count.
    failed: bool,
    /// Warnings given.
    said: HashSet<String>,
}

/// A host's line: who, and for whom it was done.
struct Who<'a> {
    host: &'a str,
    delegate: Option<&'a str>,
}

impl Who<'_> {
    fn label(&self, result: &Map) -> String {
        let Some(delegate) = self.delegate.filter(|delegate| *delegate != self.host) else {
            return harmless(self.host).into_owned();
        };
        let vars = result.get("_ansible_delegated_vars").and_then(Json::as_object);
        let address = vars.and_then(|vars| vars.get("ansible_host")).and_then(Json::as_str);
        match address.filter(|address| *address != delegate) {
            Some(address) => {
                format!("{} -> {}({})", harmless(self.host), harmless(delegate), harmless(address))
            }
            None => format!("{} -> {}", harmless(self.host), harmless(delegate)),
        }
    }
}

impl<O: Write, E: Write> Console<O, E> {
    /// A console that writes lines to `out` and warnings to `err`.
    pub fn new(out: O, err: E, look: Look) -> Self {
        Self {
            out,
            err,
            look,
            quiet: HashSet::new(),
            speaking: HashSet::new(),
            speaks: false,
            steps: HashMap::new(),
            shown: None,
            waiting: None,
            running: 0,
            including: 0,
            begun: false,
            play: 0,
            plays: HashMap::new(),
            failed: false,
            said: HashSet::new(),
        }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.begun = true;
        self.out.write_all(text.as_bytes())?;
        if text.ends_with('\n') { Ok(()) } else { self.out.write_all(b"\n") }
    }

    fn painted(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        let text = self.look.palette.paint(colour, text).into_owned();
        self.line(&text)
    }

    /// A heading filled up with stars, three at least.
    fn banner(&mut self, text: &str) -> io::Result<()> {
        let text = harmless(text.trim());
        let stars = self.look.width.saturating_sub(text.width()).max(3);
        self.line(&format!("\n{text} {}", "*".repeat(stars)))
    }

    fn failure(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        let bare = text.trim_end_matches('\n');
        let ends = text.get(bare.len()..).filter(|ends| !ends.is_empty()).unwrap_or("\n");
        let text = format!("{}{ends}", self.look.palette.paint(colour, bare));
        if !self.look.failed_stderr {
            return self.line(&text);
        }
        self.out.flush()?;
        self.err.write_all(text.as_bytes())
    }

    fn stage(&mut self, name: &str) -> io::Result<()> {
        let gap = if self.begun { "\n" } else { "" };
        self.line(&format!("{gap}STAGE [{}]", harmless(name)))
    }

    fn play(&mut self, play: usize, name: &str, check_mode: bool) -> io::Result<()> {
        self.play = play;
        self.plays.insert(play, (name.to_string(), check_mode));
        (self.shown, self.waiting) = (None, None);
        if self.plays.len() == 1 || self.running == 0 {
            self.steps.clear();
        }
        if self.quiet.contains(&play) {
            // Its banner comes with the first task that is shown.
            self.play = usize::MAX;
            return Ok(());
        }
        self.play_banner(name, check_mode)
    }

    fn play_banner(&mut self, name: &str, check_mode: bool) -> io::Result<()> {
        let marker = self.marker(check_mode);
        match name.trim() {
            "" => self.banner(&format!("PLAY{marker}")),
            name => self.banner(&format!("PLAY [{name}]{marker}")),
        }
    }

    fn marker(&self, check_mode: bool) -> &'static str {
        if check_mode && self.look.check_markers { " [CHECK MODE]" } else { "" }
    }

    /// The banner comes at once when nobody is at work, as in a linear play; else with the step's first line.
    fn begin(&mut self, info: &Arc<StepInfo>) -> io::Result<()> {
        self.steps.insert(info.step, info.clone());
        if self.quiet.contains(&info.play) {
            return Ok(());
        }
        if self.running == 0 && self.look.show_ok && self.look.show_skipped {
            return self.heading(info.step);
        }
        self.waiting = Some(info.step);
        Ok(())
    }

    fn heading(&mut self, step: usize) -> io::Result<()> {
        if self.shown == Some(step) {
            return Ok(());
        }
        self.shown = Some(step);
        self.waiting = self.waiting.filter(|waiting| *waiting != step);
        let Some(info) = self.steps.get(&step).cloned() else { return Ok(()) };
        // Plays that run side by side take turns.
        if info.play != self.play
            && let Some((name, check_mode)) = self.plays.get(&info.play).cloned()
        {
            self.play = info.play;
            self.play_banner(&name, check_mode)?;
        }
        let kind = if info.handler { "RUNNING HANDLER" } else { "TASK" };
        let marker = self.marker(info.check_mode);
        self.banner(&format!("{kind} [{}]{marker}", info.name.trim()))?;
        if self.look.verbosity >= 2 { self.path(&info) } else { Ok(()) }
    }

    fn path(&mut self, info: &StepInfo) -> io::Result<()> {
        if info.place.is_empty() {
            return Ok(());
        }
        self.painted(Colour::Quiet, &format!("task path: {}", harmless(&info.place)))
    }

    fn warn(&mut self, colour: Colour, text: &str) -> io::Result<()> {
        if !self.said.insert(text.to_string()) {
            return Ok(());
        }
        self.out.flush()?;
        let text = text.replace("\r\n", "\n");
        let text = harmless(&text);
        writeln!(self.err, "{}", self.look.palette.paint(colour, &text))
    }

    fn warnings(&mut self, result: &Map) -> io::Result<()> {
        let listed = |key: &str| result.get(key).and_then(Json::as_array).into_iter().flatten();
        for said in listed("warnings") {
            if let Some(text) = said.as_str().or_else(|| said.get("msg").and_then(Json::as_str)) {
                self.warn(Colour::Warning, &format!("[WARNING]: {text}"))?;
            }
        }
        for text in listed("deprecations").filter_map(deprecation::text) {
            if self.look.show_deprecations {
                self.warn(Colour::Warning, deprecation::HINT)?;
                self.warn(Colour::Deprecated, &format!("[DEPRECATION WARNING]: {text}"))?;
            }
        }
        Ok(())
    }

    fn difference(&mut self, step: usize, outcome: &Outcome) -> io::Result<()> {
        let changed = outcome.status == Status::Changed;
        let Some(found) = outcome.result.get("diff").filter(|_| changed) else {
            return Ok(());
        };
        let text = diff::shown(found, &self.look);
        if text.is_empty() {
            return Ok(());
        }
        self.heading(step)?;
        self.line(&text)
    }

    fn retrying(&mut self, step: usize, who: &Who<'_>, left: i64, result: &Map) -> io::Result<()> {
        self.heading(step)?;
        let name = self.steps.get(&step).map(|info| info.name.clone()).unwrap_or_default();
        let mut text = format!(
            "FAILED - RETRYING: [{}]: {} ({left} retries left).",
            who.label(result),
            harmless(without_role(&name))
        );
        if is_shown(result, &self.look, 2) {
            text += &format!("Result was: {}", dumped(result, &self.look));
        }
        self.painted(Colour::Quiet, &text)
    }

    fn item(&mut self, step: usize, who: &Who<'_>, label: &str, outcome: &Outcome) -> io::Result<()> {
        if self.is_quiet(step, outcome) {
            return self.warnings(&outcome.result);
        }
        let (result, item) = (self.cleaned(step, outcome), harmless(label));
        let (word, colour) = match outcome.status {
            Status::Ok if !self.look.show_ok => return Ok(()),
            Status::Skipped if !self.look.show_skipped => return Ok(()),
            Status::Ok => ("ok", Colour::Ok),
            Status::Changed => ("changed", Colour::Changed),
            Status::Skipped => ("skipping", Colour::Skipped),
            Status::Failed | Status::Unreachable => ("failed", Colour::Failed),
        };
        self.difference(step, outcome)?;
        self.heading(step)?;
        self.warnings(&outcome.result)?;
        if word == "failed" {
            self.origin(step, outcome)?;
            let result = result::failed(&result, &self.look);
            let text = format!("failed: [{}] (item={item}) => {result}", who.label(&outcome.result));
            return self.failure(colour, &text);
        }
        // Ansible's line for a skipped item names only the host, and ends with a blank.
        let mut text = match outcome.status {
            Status::Skipped => format!("{word}: [{}] => (item={item}) ", harmless(who.host)),
            _ => format!("{word}: [{}] => (item={item})", who.label(&outcome.result)),
        };
        if is_shown(&result, &self.look, 0) {
            text += &format!(" => {}", dumped(&result, &self.look));
        }
        self.painted(colour, &text)?;
        self.finding(who, outcome)
    }

    /// What a `check` found, under its line.
    fn finding(&mut self, who: &Who<'_>, outcome: &Outcome) -> io::Result<()> {
        match findings::at_once(who.host, &outcome.result, &self.look) {
            Some((colour, line)) => self.painted(colour, &line),
            None => Ok(()),
        }
    }

    fn finished(&mut self, step: usize, who: &Who<'_>, looped: bool, outcome: &Outcome) -> io::Result<()> {
        if self.is_quiet(step, outcome) {
            return self.warnings(&outcome.result);
        }
        match outcome.status {
            Status::Ok if !self.look.show_ok => return Ok(()),
            Status::Skipped if !self.look.show_skipped => return Ok(()),
            _ => {}
        }
        if !looped {
            self.difference(step, outcome)?;
        }
        self.heading(step)?;
        self.warnings(&outcome.result)?;
        let result = self.cleaned(step, outcome);
        self.in_background(step, who, outcome)?;
        match outcome.status {
            Status::Ok | Status::Changed if looped => Ok(()),
            Status::Ok => {
                self.went(Colour::Ok, format!("ok: [{}]", who.label(&outcome.result)), &result)?;
                self.finding(who, outcome)
            }
            Status::Changed => {
                self.went(Colour::Changed, format!("changed: [{}]", who.label(&outcome.result)), &result)
            }
            Status::Skipped => {
                self.went(Colour::Skipped, format!("skipping: [{}]", harmless(who.host)), &result)
            }
            Status::Failed => {
                // Of a failed loop of `debug` Ansible shows the end, too.
                let debug = self.steps.get(&step).is_some_and(|info| info.action.ends_with("debug"))
                    && !result.contains_key("censored");
                if !looped || debug {
                    if !looped {
                        self.origin(step, outcome)?;
                    }
                    self.fatal(step, "FAILED", Colour::Failed, who, &result)?;
                }
                self.ignoring(outcome)
            }
            Status::Unreachable => {
                self.origin(step, outcome)?;
                self.fatal(step, "UNREACHABLE", Colour::Unreachable, who, &result)?;
                self.ignoring(outcome)
            }
        }
    }

    /// A task that was waited for in the background says so, with its job's number.
    fn in_background(&mut self, step: usize, who: &Who<'_>, outcome: &Outcome) -> io::Result<()> {
        let polled = self.steps.get(&step).is_some_and(|info| !info.action.ends_with("async_status"));
        let job = |map: &Map| map.get("ansible_job_id").and_then(Json::as_str).map(str::to_string);
        let result = &outcome.result;
        let inner = result.get("async_result").and_then(Json::as_object);
        let ended =
            |map: &&Map| map.get("finished") == Some(&Json::Bool(true)) || outcome.status == Status::Failed;
        let Some(id) = Some(result).filter(ended).and_then(job).or_else(|| job(inner?)).filter(|_| polled)
        else {
            return Ok(());
        };
        // As it went before `failed_when` was asked.
        let failed =
            outcome.status == Status::Failed || result.contains_key("failed_when_suppressed_exception");
        let word = if failed { "FAILED" } else { "OK" };
        let text = format!("ASYNC {word} on {}: jid={}", harmless(who.host), harmless(&id));
        self.painted(Colour::Quiet, &text)
    }

    fn went(&mut self, colour: Colour, mut text: String, result: &Map) -> io::Result<()> {
        if is_shown(result, &self.look, 0) {
            text += &format!(" => {}", dumped(result, &self.look));
        }
        self.painted(colour, &text)
    }

    fn fatal(
        &mut self,
        step: usize,
        word: &str,
        colour: Colour,
        who: &Who<'_>,
        result: &Map,
    ) -> io::Result<()> {
        let named = self.look.path_on_failure && self.look.verbosity < 2;
        if let Some(info) = self.steps.get(&step).cloned().filter(|_| named) {
            self.path(&info)?;
        }
        let text =
            format!("fatal: [{}]: {word}! => {}", who.label(result), result::failed(result, &self.look));
        self.failure(colour, &text)
    }

    fn ignoring(&mut self, outcome: &Outcome) -> io::Result<()> {
        if outcome.ignored { self.painted(Colour::Skipped, "...ignoring") } else { Ok(()) }
    }

    fn cleaned(&self, step: usize, outcome: &Outcome) -> Map {
        cleaned(self.steps.get(&step).map_or("", |info| &info.action), &outcome.result)
    }

    fn included(&mut self, file: &str, hosts: &[Arc<str>], label: Option<&str>) -> io::Result<()> {
        if let Some(step) = self.waiting {
            self.heading(step)?;
        }
        let hosts: Vec<_> = hosts.iter().map(|host| harmless(host)).collect();
        let mut text = format!("included: {} for {}", harmless(file), hosts.join(", "));
        if let Some(label) = label {
            text += &format!(" => (item={})", harmless(label));
        }
        self.painted(Colour::Skipped, &text)
    }

    /// A `meta`: a banner for each host of a linear play.
    fn meta(
        &mut self,
        info: &Arc<StepInfo>,
        host: &str,
        linear: bool,
        said: &str,
        skipped: Option<&Map>,
    ) -> io::Result<()> {
        self.steps.insert(info.step, info.clone());
        if linear && self.look.show_ok && self.look.show_skipped {
            self.shown = None;
            self.heading(info.step)?;
        }
        if self.look.verbosity >= 2 {
            self.painted(Colour::Verbose, &format!("META: {}", harmless(said)))?;
        }
        let Some(result) = skipped.filter(|_| self.look.show_skipped) else { return Ok(()) };
        self.heading(info.step)?;
        self.went(Colour::Skipped, format!("skipping: [{}]", harmless(host)), result)
    }

    /// What a module says while it works, and which host it works on where that is not plain.
    fn spoken(&mut self, step: usize, host: &str, line: &str) -> io::Result<()> {
        if self.steps.get(&step).is_some_and(|info| self.quiet.contains(&info.play)) {
            return Ok(());
        }
        self.heading(step)?;
        let who =
            if self.running > self.including + 1 { format!("[{}] ", harmless(host)) } else { String::new() };
        self.line(&format!("{who}{}", harmless(line)))
    }

    fn is_include(&self, step: usize) -> bool {
        self.steps.get(&step).is_some_and(|info| matches!(info.module(), "include_tasks" | "include_role"))
    }

    /// Whether a step's play shows only what fails, and this has not.
    fn is_quiet(&self, step: usize, outcome: &Outcome) -> bool {
        let fails = matches!(outcome.status, Status::Failed | Status::Unreachable) && !outcome.ignored;
        !fails && self.steps.get(&step).is_some_and(|info| self.quiet.contains(&info.play))
    }

    fn end(&mut self, recap: &Recap, stats: &Map) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let well = recap.hosts.values().all(|tally| tally.failed == 0 && tally.unreachable == 0);
        if well && !self.plays.is_empty() && self.plays.keys().all(|play| self.quiet.contains(play)) {
            return findings::bare(recap, &self.look).iter().try_for_each(|line| self.line(line));
        }
        self.banner("PLAY RECAP")?;
        for line in recap::lines(recap, self.look.palette) {
            self.line(&line)?;
        }
        self.line("\n")?;
        if self.look.show_stats && !stats.is_empty() {
            self.stats(stats)?;
        }
        if self.look.check_mode && self.look.check_markers {
            self.banner("DRY RUN")?;
        }
        for line in findings::lines(recap, &self.look) {
            self.line(&line)?;
        }
        Ok(())
    }

    fn stats(&mut self, stats: &Map) -> io::Result<()> {
        let text = |value: &Json| result::json(value, Some(1)).replace('\n', "");
        self.banner("CUSTOM STATS: ")?;
        let mut hosts: Vec<(&String, &Json)> = stats.iter().filter(|(key, _)| *key != "_run").collect();
        hosts.sort_by_key(|(host, _)| *host);
        for (host, value) in hosts {
            self.line(&format!("\t{}: {}", harmless(host), text(value)))?;
        }
        if let Some(run) = stats.get("_run") {
            self.line(&format!("\n\tRUN: {}", text(run)))?;
        }
        self.line("\n")
    }

    fn start(&mut self, playbooks: &[String], plays: &[usize]) -> io::Result<()> {
        if self.look.verbosity > 1 {
            for (playbook, plays) in playbooks.iter().zip(plays) {
                let name = Path::new(playbook).file_name().map(|name| name.to_string_lossy());
                self.banner(&format!("PLAYBOOK: {}", name.as_deref().unwrap_or(playbook)))?;
                self.painted(Colour::Verbose, &format!("{plays} plays in {}", harmless(playbook)))?;
            }
        }
        if self.look.check_mode && self.look.check_markers { self.banner("DRY RUN") } else { Ok(()) }
    }

    fn write(&mut self, event: &Event, recap: &Recap) -> io::Result<()> {
        if self.look.shape != Shape::Default && self.bare(event)? || self.message(event, recap)? {
            return Ok(());
        }
        match &event.kind {
            EventKind::RunStarted { playbooks, plays, .. } => self.start(playbooks, plays),
            EventKind::StageStarted { name } => self.stage(name),
            EventKind::PlayStarted { play, name, check_mode, show, .. } => {
                if *show == Show::Findings && self.look.verbosity == 0 {
                    self.quiet.insert(*play);
                }
                self.play(*play, name, *check_mode)
            }
            EventKind::NoHostsMatched { .. } => self.painted(Colour::Skipped, "skipping: no hosts matched"),
            EventKind::NoHostsRemaining { .. } | EventKind::NoMoreHosts => self.banner("NO MORE HOSTS LEFT"),
            EventKind::StepStarted(info) => self.begin(info),
            EventKind::UnitStarted { step, host } => {
                self.running += 1;
                self.including += usize::from(self.is_include(*step));
                let name = self.steps.get(step).map(|info| info.name.clone()).unwrap_or_default();
                if !self.look.show_start {
                    return Ok(());
                }
                self.painted(
                    Colour::Ok,
                    &format!(" [started TASK: {} on {}]", harmless(&name), harmless(host)),
                )
            }
            EventKind::UnitRetrying { step, host, delegate, left, result } => {
                self.retrying(*step, &Who { host, delegate: delegate.as_deref() }, *left, result)
            }
            EventKind::ItemFinished { step, host, delegate, label, outcome } => {
                self.item(*step, &Who { host, delegate: delegate.as_deref() }, label, outcome)
            }
            EventKind::UnitFinished { step, host, delegate, looped, outcome, .. } => {
                self.running = self.running.saturating_sub(1);
                self.including = self.including.saturating_sub(usize::from(self.is_include(*step)));
                self.finished(*step, &Who { host, delegate: delegate.as_deref() }, *looped, outcome)
            }
            EventKind::Included { file, hosts, label } => self.included(file, hosts, label.as_deref()),
            EventKind::HandlerNotified { host, handler } if self.look.verbosity > 1 => {
                let text = format!("NOTIFIED HANDLER {} for {}", harmless(handler), harmless(host));
                self.painted(Colour::Verbose, &text)
            }
            EventKind::HandlerSaved { handler } if self.look.verbosity > 1 => {
                let text = format!("Notification for handler {} has been saved.", harmless(handler));
                self.painted(Colour::Verbose, &text)
            }
            EventKind::Warning { text, about } => self.warned(text, *about),
            EventKind::Deprecated { text } => {
                self.warn(Colour::Deprecated, &format!("[DEPRECATION WARNING]: {text}"))
            }
            EventKind::MetaFinished { step, host, linear, said, skipped } => {
                self.meta(step, host, *linear, said, skipped.as_ref())
            }
            EventKind::RunFailed { text } => {
                self.failed = true;
                self.warn(Colour::Failed, &format!("[ERROR]: {text}"))
            }
            EventKind::RunCancelling => self
                .warn(Colour::Failed, "[ERROR]: User interrupted execution; press Ctrl-C again to stop now"),
            EventKind::RunFinished { stats, .. } => self.end(recap, stats),
            EventKind::UnitOutput { step, host, line } => self.spoken(*step, host, line),
            EventKind::HandlerNotified { .. }
            | EventKind::HandlerSaved { .. }
            | EventKind::UnitTakenBack { .. } => Ok(()),
        }
    }
}

impl<O: Write, E: Write> Report for Console<O, E> {
    fn show(&mut self, event: &Event, recap: &Recap) -> io::Result<()> {
        self.write(event, recap)?;
        self.out.flush()
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        self.banner(text)?;
        self.out.flush()
    }
}

/// A task's own name: a role's name before it has no blanks.
fn without_role(name: &str) -> &str {
    match name.split_once(" : ") {
        Some((role, task)) if !role.contains(' ') => task,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
