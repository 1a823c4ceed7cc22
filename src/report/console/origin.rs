//! Where a failed task is written, shown before its line as Ansible shows it: what went wrong, the place, the lines up
//! to it, and the same for each cause. Each such text is said once, however many hosts fail.

use super::Console;
use crate::report::{Colour, harmless};
use muster_engine::event::{Outcome, Status, StepInfo};
use muster_engine::module::{CAUSE, JUDGED, SAID, Side};
use muster_engine::source::{Sources, Span};
use muster_engine::template::{Trail, from_json, text_of};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Lines shown before the one where the task begins.
const BEFORE: usize = 2;
/// The longest line that is shown, its number with it.
const WIDTH: usize = 120;
/// What stands for the rest of a longer one.
const MORE: &str = "...";
/// What ends the lead of every failed task.
const LEAD: &str = "Task failed";

/// What Ansible adds to some messages, by what they hold.
const HELP: [(&str, &str); 6] = [
    ("Conditionals must have a boolean result.", BROKEN),
    ("Conditional expressions must be strings.", BROKEN),
    ("Empty conditional expressions are not allowed.", BROKEN),
    (
        "Encountered untrusted template or expression.",
        "Templates and expressions must be defined by trusted sources such as playbooks or roles, not untrusted sources \
         such as module results.",
    ),
    (
        "The `loop` value must resolve to",
        "Provide a list of items/templates, or a template resolving to a list.",
    ),
    (
        "A template was resolved to an Omit scalar.",
        "Callers must be prepared to handle this value. This is most likely a bug in the code requesting templating.",
    ),
];
const BROKEN: &str = "Broken conditionals can be temporarily allowed with the `ALLOW_BROKEN_CONDITIONALS` configuration option.";

/// One link of a chain of causes.
struct Link {
    said: String,
    /// Its place and lines; a link without any belongs to the one before.
    place: Option<String>,
}

impl<O: Write, E: Write> Console<O, E> {
    /// Says a warning, with the place that it is about.
    pub(super) fn warned(&mut self, text: &str, about: Option<Span>) -> io::Result<()> {
        let sources = self.look.sources.clone();
        let place = about.zip(sources).and_then(|(span, sources)| snippet(&sources, span));
        let place = place.map(|place| format!("\nOrigin: {place}\n")).unwrap_or_default();
        self.warn(Colour::Warning, &format!("[WARNING]: {text}{place}"))
    }

    /// Says where the task of a failure is, and what led to it, unless that was said.
    pub(super) fn origin(&mut self, step: usize, outcome: &Outcome) -> io::Result<()> {
        let Some(sources) = self.look.sources.clone() else { return Ok(()) };
        let Some(info) = self.steps.get(&step).cloned() else { return Ok(()) };
        let Some(what) = told(&info, outcome) else { return Ok(()) };
        let task = match &self.look.origin {
            Some(origin) => Some(origin.clone()),
            None => info.origin.and_then(|span| snippet(&sources, span)),
        };
        let text = match links(&sources, outcome, task.clone(), &what) {
            Some(links) => format!("[ERROR]: {what}\n{}\n", chain(&links)),
            None => match task {
                Some(place) => format!("[ERROR]: {what}\nOrigin: {place}\n"),
                None => return Ok(()),
            },
        };
        if !self.said.insert(text.clone()) {
            return Ok(());
        }
        let text = harmless(&text).into_owned();
        self.failure(Colour::Failed, &format!("{text}\n"))
    }
}

/// What led to a fault, from outside to inside; nothing where a module failed.
fn links(sources: &Sources, outcome: &Outcome, task: Option<String>, what: &str) -> Option<Vec<Link>> {
    let trail = outcome.result.get(Trail::KEY)?.as_array()?;
    let mut links = vec![];
    if what.starts_with(LEAD) {
        links.push(Link { said: LEAD.into(), place: task });
    }
    for link in trail {
        let place = match &link[1] {
            Json::Object(spot) => match (spot.get("span"), spot.get("file"), spot.get("value")) {
                (Some(span), ..) => written(span).and_then(|span| snippet(sources, span)),
                (_, Some(Json::String(path)), _) => Some(path.clone()),
                (.., Some(Json::String(text))) => {
                    Some(format!("<unknown>\n\n{}", shortened(text)).trim_end().to_owned())
                }
                _ if spot.contains_key("nowhere") => Some(String::new()),
                _ => None,
            },
            _ => None,
        };
        links.push(Link { said: link[0].as_str().unwrap_or_default().to_owned(), place });
    }
    Some(links)
}

/// A place as a result holds it.
fn written(span: &Json) -> Option<Span> {
    serde_json::from_value(span.clone()).ok()
}

/// Links as one text: those of one place are one sentence, and each further place is a cause.
fn chain(links: &[Link]) -> String {
    let mut parts: Vec<(String, Option<&str>)> = vec![];
    for link in links {
        match parts.last_mut() {
            Some((said, place)) if link.place.is_none() || *place == link.place.as_deref() => {
                *said = format!("{said}: {}", link.said);
            }
            _ => parts.push((link.said.clone(), link.place.as_deref())),
        }
    }
    let last = parts.len().saturating_sub(1);
    let mut texts = vec![];
    for (at, (said, place)) in parts.iter().enumerate() {
        // A single link says nothing that the message above it does not.
        let mut text = match (at < last, last) {
            (_, 0) => String::new(),
            (true, _) => format!("\n{said}.\n"),
            (false, _) => format!("\n{said}\n"),
        };
        match place {
            Some("") => text.truncate(text.trim_end().len()),
            Some(place) => _ = write!(text, "Origin: {place}"),
            None => {}
        }
        if let Some((_, help)) = HELP.iter().find(|(about, _)| at == last && said.contains(about)) {
            _ = write!(text, "\n\n{help}");
        }
        texts.push(text);
    }
    texts.join("\n\n<<< caused by >>>\n")
}

/// What went wrong, with Ansible's word for who failed; nothing for what it does not tell of (a file that cannot be
/// included, a hidden result).
fn told(info: &StepInfo, outcome: &Outcome) -> Option<String> {
    let text = |key: &str| outcome.result.get(key).and_then(Json::as_str);
    if outcome.result.contains_key("censored") || outcome.result.contains_key("reason") {
        return None;
    }
    if let Some(said) = text(SAID) {
        return Some(said.to_string()).filter(|said| !said.is_empty());
    }
    let message = match outcome.result.get("msg") {
        Some(Json::String(message)) => message.clone(),
        Some(other) => text_of(&from_json(other)).unwrap_or_default(),
        None => String::new(),
    };
    let message = message.as_str();
    if message.starts_with("Task failed: ") || outcome.result.contains_key(Trail::KEY) {
        return Some(message.to_string());
    }
    if outcome.status == Status::Unreachable {
        return Some(format!("Task failed: {message}"));
    }
    let judged = outcome.result.get(JUDGED) == Some(&Json::Bool(true));
    // Of a module whose work is done on this side Ansible says that the action failed.
    let who = if judged || info.side != Side::Host { "Action" } else { "Module" };
    Some(match (message, text(CAUSE)) {
        ("", None) => format!("Task failed: {who} failed."),
        (message, None) => format!("Task failed: {who} failed: {message}"),
        (message, Some(cause)) => {
            format!("Task failed: {who} failed: {}: {cause}", message.trim_end_matches('.'))
        }
    })
}

/// As much of a text as a line holds.
fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>();
    let whole = words.join(" ");
    if whole.chars().count() <= WIDTH {
        return whole;
    }
    let mut short = String::new();
    for word in words {
        let longer = if short.is_empty() { word.to_owned() } else { format!("{short} {word}") };
        if longer.chars().count() + " [...]".len() > WIDTH {
            break;
        }
        short = longer;
    }
    if short.is_empty() { "[...]".into() } else { format!("{short} [...]") }
}

/// The place and its line, with those before it and a mark under the column.
pub fn snippet(sources: &Sources, span: Span) -> Option<String> {
    let (place, source) = (sources.place(span), sources.get(span.source));
    let mut out = format!("{place}\n\n");
    if source.sealed {
        return Some(out);
    }
    let width = place.line.to_string().len();
    let most = WIDTH - width - 1;
    let mut usable = most;
    let first = place.line.saturating_sub(BEFORE).max(1);
    for (number, line) in source.text.lines().enumerate().skip(first - 1).take(place.line + 1 - first) {
        let mut line = line.replace('\t', " ");
        if line.chars().count() > most {
            usable = most - MORE.len();
            line = line.chars().take(usable).chain(MORE.chars()).collect();
        }
        let gap = if line.is_empty() { "" } else { " " };
        _ = writeln!(out, "{:>width$}{gap}{line}", number + 1);
    }
    let mark = format!("column {}", place.column);
    if place.column > usable {
        return Some(out.trim_end_matches('\n').to_owned());
    }
    // Near the right edge the mark stands before the column.
    if place.column + 1 + mark.len() > most {
        let indent = width + 1 + (place.column - 1).saturating_sub(mark.len() + 1);
        _ = write!(out, "{:indent$}{mark} ^", "");
    } else {
        let indent = width + place.column;
        _ = write!(out, "{:indent$}^ {mark}", "");
    }
    Some(out)
}
