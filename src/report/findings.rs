//! What `check` tasks found, listed after the recap: one line a check with its verdict at column 71, and under one that
//! did not pass, whom it concerns, what was seen, what is required and what to do. "Could not tell" is never a pass. Of one
//! that another finding explains only that is said.

use super::style::harmless;
use super::{Colour, Look};
use indexmap::IndexMap;
use muster_engine::module::Map;
use muster_engine::recap::{Finding, Recap};
use serde_json::Value as Json;
use std::sync::Arc;

/// Where the verdict stands.
const COLUMN: usize = 71;

/// How a check ended, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As required.
    Passed,
    /// Not as required, and somebody said that this does not count.
    Ignored,
    /// Not as required, and that is only a warning.
    Warning,
    /// Nobody could tell.
    Unknown,
    /// Not as required.
    Error,
}

impl Verdict {
    /// The verdict of a finding.
    #[must_use]
    pub fn of(finding: &Finding, ignored: &[String]) -> Self {
        match (text(finding, "verdict"), text(finding, "severity")) {
            ("pass", _) => Self::Passed,
            _ if ignored.iter().any(|id| id == text(finding, "id")) => Self::Ignored,
            ("unknown", _) => Self::Unknown,
            ("warn", _) | (_, "warning") => Self::Warning,
            _ => Self::Error,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "OK",
            Self::Ignored => "IGNORED",
            Self::Warning => "WARNING",
            Self::Unknown => "UNKNOWN",
            Self::Error => "ERROR",
        }
    }

    const fn colour(self) -> Colour {
        match self {
            Self::Passed => Colour::Ok,
            Self::Ignored => Colour::Skipped,
            Self::Warning => Colour::Warning,
            Self::Unknown => Colour::Unreachable,
            Self::Error => Colour::Failed,
        }
    }
}

fn text<'a>(finding: &'a Finding, key: &str) -> &'a str {
    finding.check.get(key).and_then(Json::as_str).unwrap_or("")
}

/// Whether a finding must not pass unseen: an error, or something nobody could tell and that is more than a warning.
fn counts(finding: &Finding, ignored: &[String]) -> bool {
    match Verdict::of(finding, ignored) {
        Verdict::Error => true,
        // What another finding explains counts there.
        Verdict::Unknown => text(finding, "severity") != "warning" && text(finding, "blocked_by").is_empty(),
        Verdict::Passed | Verdict::Ignored | Verdict::Warning => false,
    }
}

/// Whether anything was found that must not pass unseen.
#[must_use]
pub fn has_errors(recap: &Recap, ignored: &[String]) -> bool {
    recap.findings.iter().any(|finding| counts(finding, ignored))
}

/// What a result found, in one line under it; nothing where all is as required.
#[must_use]
pub fn at_once(host: &str, result: &Map, look: &Look) -> Option<(Colour, String)> {
    let check = result.get("check").and_then(Json::as_object)?.clone();
    let finding = Finding { host: Arc::from(host), check };
    let verdict = Verdict::of(&finding, &look.ignored);
    if verdict == Verdict::Passed {
        return None;
    }
    let blocker = text(&finding, "blocked_by");
    if !blocker.is_empty() {
        let line =
            format!("  [{}] {}: {BLOCKED} {}", verdict.word(), text(&finding, "id"), harmless(blocker));
        return Some((verdict.colour(), line));
    }
    let said = |key| {
        finding.check.get(key).filter(|value| !value.is_null()).map(|value| match value {
            Json::String(text) => harmless(text).replace('\n', "; "),
            other => other.to_string(),
        })
    };
    let observed = said("observed").map(|text| format!(": {text}")).unwrap_or_default();
    let required = said("required").map(|text| format!(" (required: {text})")).unwrap_or_default();
    Some((verdict.colour(), format!("  [{}] {}{observed}{required}", verdict.word(), text(&finding, "id"))))
}

/// One check on every host that has it.
struct Check<'a> {
    worst: Verdict,
    /// Whether it must not pass unseen.
    counts: bool,
    title: &'a str,
    /// What it is, where it is no check: an addon.
    noun: &'a str,
    /// What was found, and on which hosts, alike ones together.
    found: IndexMap<Vec<(&'static str, String)>, Vec<Arc<str>>>,
}

/// The list alone, without hosts where there is only one, and the sentence that counts what did not pass.
#[must_use]
pub fn bare(recap: &Recap, look: &Look) -> Vec<String> {
    let checks = grouped(recap, look);
    let alone = recap.hosts.len() == 1;
    let mut lines = vec![];
    for (id, check) in &checks {
        lines.push(verdict(id, check.worst, look));
        for (facts, hosts) in &check.found {
            lines.extend((!alone).then(|| whom(hosts)));
            lines.extend(facts.iter().map(|(name, text)| fact(name, text)));
        }
    }
    if let Some(failed) = failed(&checks) {
        lines.extend([String::new(), failed]);
    }
    lines
}

/// The list; empty if nothing was checked.
#[must_use]
pub fn lines(recap: &Recap, look: &Look) -> Vec<String> {
    let checks = grouped(recap, look);
    let mut lines = vec![];
    for (id, check) in &checks {
        lines.push(verdict(id, check.worst, look));
        if check.worst == Verdict::Passed {
            continue;
        }
        let explained = check.found.keys().all(|facts| matches!(facts.as_slice(), [(BLOCKED, _)]));
        if !check.title.is_empty() && check.title != *id && !explained {
            lines.push(format!("  {}", harmless(check.title)));
        }
        for (facts, hosts) in &check.found {
            lines.extend((!explained).then(|| whom(hosts)));
            lines.extend(facts.iter().map(|(name, text)| fact(name, text)));
        }
    }
    if !checks.is_empty() {
        lines.push(String::new());
        lines.push(summary(&checks, recap));
        lines.extend(failed(&checks));
    }
    lines
}

/// The line that says on which hosts it is so.
fn whom(hosts: &[Arc<str>]) -> String {
    let mut hosts: Vec<_> = hosts.iter().map(|host| harmless(host)).collect();
    hosts.sort();
    format!("  [{}]", hosts.join(", "))
}

fn grouped<'a>(recap: &'a Recap, look: &Look) -> IndexMap<&'a str, Check<'a>> {
    let mut checks: IndexMap<&str, Check<'_>> = IndexMap::new();
    for finding in &recap.findings {
        let verdict = Verdict::of(finding, &look.ignored);
        let fresh = || Check {
            worst: verdict,
            counts: false,
            title: text(finding, "title"),
            noun: text(finding, "noun"),
            found: IndexMap::new(),
        };
        let check = checks.entry(text(finding, "id")).or_insert_with(fresh);
        check.counts |= counts(finding, &look.ignored);
        check.worst = check.worst.max(verdict);
        if verdict != Verdict::Passed {
            check.found.entry(facts(&finding.check)).or_default().push(finding.host.clone());
        }
    }
    checks
}

/// The fact that stands alone.
const BLOCKED: &str = "blocked by";

fn facts(check: &Map) -> Vec<(&'static str, String)> {
    if let Some(Json::String(blocker)) = check.get("blocked_by") {
        return vec![(BLOCKED, blocker.clone())];
    }
    let known = ["observed", "required", "remedy", "reason"];
    let text = |key: &'static str| {
        let text = super::result::plain(check.get(key).filter(|value| !value.is_null())?);
        (!text.is_empty()).then_some((key, text))
    };
    let mut facts: Vec<_> = known.into_iter().filter_map(text).collect();
    // What was seen says more than why a template failed over it.
    if facts.iter().any(|(key, _)| *key == "observed") {
        facts.retain(|(key, _)| *key != "reason");
    }
    facts
}

fn fact(name: &str, text: &str) -> String {
    let text = harmless(text.trim_end());
    if name == BLOCKED {
        return format!("    {name} {text}");
    }
    let rest = text.replace('\n', &format!("\n{:14}", ""));
    format!("    {:<10}{rest}", format!("{name}:"))
}

fn verdict(id: &str, verdict: Verdict, look: &Look) -> String {
    let id = harmless(id);
    let gap = COLUMN.saturating_sub(unicode_width::UnicodeWidthStr::width(&*id)).max(1);
    let word = look.palette.paint(verdict.colour(), verdict.word()).into_owned();
    format!("{id}{}[{word}]", " ".repeat(gap))
}

fn summary(checks: &IndexMap<&str, Check<'_>>, recap: &Recap) -> String {
    let count = |verdict| checks.values().filter(|check| check.worst == verdict).count();
    let hosts: std::collections::HashSet<_> = recap.findings.iter().map(|finding| &finding.host).collect();
    let mut text = format!(
        "{} on {}: {} passed",
        counted(checks.len(), "check"),
        counted(hosts.len(), "host"),
        count(Verdict::Passed)
    );
    for (verdict, word) in [
        (Verdict::Error, "failed"),
        (Verdict::Unknown, "could not be told"),
        (Verdict::Warning, "with warnings"),
        (Verdict::Ignored, "ignored"),
    ] {
        if count(verdict) > 0 {
            text += &format!(", {} {word}", count(verdict));
        }
    }
    text
}

fn failed(checks: &IndexMap<&str, Check<'_>>) -> Option<String> {
    let bad = checks.iter().filter(|(_, check)| check.counts);
    let (ids, nouns): (Vec<_>, Vec<_>) = bad.map(|(id, check)| (harmless(id), check.noun)).unzip();
    let (what, noun) = match nouns.first() {
        None => return None,
        Some(&noun) if !noun.is_empty() && nouns.iter().all(|other| *other == noun) => {
            ("error checking: ", noun)
        }
        Some(_) => ("", "check"),
    };
    Some(format!(
        "Error: {what}the following {} did not pass: [ {} ]",
        counted(ids.len(), noun),
        ids.join(", ")
    ))
}

fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finding(host: &str, check: Json) -> Finding {
        Finding { host: host.into(), check: check.as_object().cloned().unwrap() }
    }

    fn recap() -> Recap {
        let swap = json!({"id": "swap", "title": "swap is off", "verdict": "fail", "severity": "error",
            "observed": "2 GiB", "required": "none", "remedy": "swapoff -a"});
        let findings = vec![
            finding("n1", json!({"id": "ssh", "verdict": "pass"})),
            finding("n1", swap.clone()),
            finding("n2", swap),
            finding(
                "n2",
                json!({"id": "time", "verdict": "unknown", "severity": "warning", "observed": "no chronyd"}),
            ),
        ];
        Recap { findings, ..Recap::default() }
    }

    #[test]
    fn verdicts_stand_at_column_71_and_like_findings_are_told_once() {
        assert_eq!(
            lines(&recap(), &Look::default()).join("\n"),
            "ssh                                                                    [OK]
swap                                                                   [ERROR]
  swap is off
  [n1, n2]
    observed: 2 GiB
    required: none
    remedy:   swapoff -a
time                                                                   [UNKNOWN]
  [n2]
    observed: no chronyd

3 checks on 2 hosts: 1 passed, 1 failed, 1 could not be told
Error: the following 1 check did not pass: [ swap ]"
        );
    }

    #[test]
    fn what_another_finding_explains_is_only_said_to_be_blocked_by_it() {
        let blocked = json!({"id": "nodes", "verdict": "unknown", "severity": "error", "blocked_by": "API", "reason": "x"});
        let api = json!({"id": "API", "verdict": "fail", "severity": "error", "observed": "down"});
        let recap = Recap { findings: vec![finding("n1", api), finding("n1", blocked)], ..Recap::default() };
        let shown = lines(&recap, &Look::default()).join("\n");
        assert!(shown.contains("[UNKNOWN]\n    blocked by API\n"), "{shown}");
        assert!(shown.ends_with("Error: the following 1 check did not pass: [ API ]"), "{shown}");
    }

    #[test]
    fn a_bare_list_has_neither_hosts_nor_titles_and_counts_by_its_noun() {
        let addon = |id: &str, verdict: &str| json!({"id": id, "verdict": verdict, "severity": "error", "title": "t", "noun": "addon", "observed": "0/2 ready"});
        let findings =
            vec![finding("n1", addon("dashboard", "pass")), finding("n1", addon("traefik", "fail"))];
        let hosts = [(Arc::from("n1"), muster_engine::recap::Tally::default())].into_iter().collect();
        let recap = Recap { hosts, findings, ..Recap::default() };
        assert_eq!(
            bare(&recap, &Look::default()).join("\n"),
            "dashboard                                                              [OK]
traefik                                                                [ERROR]
    observed: 0/2 ready

Error: error checking: the following 1 addon did not pass: [ traefik ]"
        );
    }

    #[test]
    fn an_ignored_finding_does_not_count() {
        assert!(has_errors(&recap(), &[]));
        assert!(!has_errors(&recap(), &["swap".into()]));
        let look = Look { ignored: vec!["swap".into()], ..Look::default() };
        assert!(lines(&recap(), &look).iter().any(|line| line.ends_with("[IGNORED]")));
    }

    #[test]
    fn what_nobody_could_tell_is_never_a_pass() {
        let recap = Recap {
            findings: vec![finding("n", json!({"id": "a", "verdict": "unknown"}))],
            ..Recap::default()
        };
        assert!(has_errors(&recap, &[]));
    }
}
