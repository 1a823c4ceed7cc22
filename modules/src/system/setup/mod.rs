//! `ansible.builtin.setup`: facts about a host. One script prints sections in one round trip ([`report`]); the other
//! files turn them into facts under Ansible's names and in its shapes. What a host does not tell is absent or `NA`.

mod distribution;
mod hardware;
mod local;
mod moment;
mod network;
mod platform;
mod report;
mod storage;
mod subset;
mod virtualization;

use crate::command::words::expanded;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, NEVER_VERBOSE, Opt, Output, Spec};
use report::Report;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
pub(super) use storage::sizes;
use subset::Subset;

const SCRIPT: &str = include_str!("facts.sh");

/// `ansible.builtin.setup`, and `gather_facts` under its other name.
pub struct Setup;

/// What a task gives to [`Setup`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    gather_subset: Vec<String>,
    gather_timeout: u64,
    filter: Vec<String>,
    fact_path: String,
}

const OPTIONS: &[Opt] = &[
    Opt::new("gather_subset", Kind::List, "Which facts: `all`, `min`, `hardware`, `network`, `virtual`, or one collector's name; `!` leaves one out.")
        .elements(Kind::Str)
        .default("[all]"),
    Opt::new("gather_timeout", Kind::Int, "Seconds that one program on the target may take for its part.").default("10"),
    Opt::new("filter", Kind::List, "Shell patterns; only facts whose names match one are given.")
        .elements(Kind::Str)
        .default("[]"),
    Opt::new("fact_path", Kind::Path, "The directory of the target's own facts: `*.fact`, JSON, INI or executable.")
        .default("/etc/ansible/facts.d"),
];

impl Module for Setup {
    const NAME: &'static str = "ansible.builtin.setup";
    const SPEC: Spec =
        Spec::new("Gathers facts about the target: system, hardware, network, times.", OPTIONS)
            .examples("- setup:\n    gather_subset: [min, network]\n- setup:\n    filter: ansible_mem*\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        Ok(Check::Done(gathered(args, cx).await?))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// `ansible.builtin.gather_facts`: the same facts.
pub struct GatherFacts;

/// What says that facts were gathered.
const GATHERED: &str = "_ansible_facts_gathered";

impl Module for GatherFacts {
    const NAME: &'static str = "ansible.builtin.gather_facts";
    const SPEC: Spec =
        Spec::new("Gathers facts about the target, as a play does by itself at its start.", OPTIONS)
            .open()
            .examples("- gather_facts:\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut output = gathered(args, cx).await?;
        if let Some(Json::Object(facts)) = output.result.get_mut("ansible_facts") {
            facts.insert(GATHERED.into(), json!(true));
        }
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

async fn gathered(args: &Args, cx: &Context) -> Result<Output, Failure> {
    let subset = Subset::parse(&args.gather_subset).map_err(Failure::new)?;
    let want = |any: &[&str]| if any.iter().any(|name| subset.has(name)) { "1" } else { "" };
    let script = format!(
        "wait={} facts={} hardware={} network={}\n{SCRIPT}",
        args.gather_timeout.max(1),
        expanded(&args.fact_path),
        want(&["hardware", "virtual"]),
        want(&["network"]),
    );
    let printed = cx.sh(script).await?;
    let report = Report::parse(&printed.out());
    if report.text("uname").is_none() {
        return Err(Failure::new("the target's shell gave no facts")
            .with("rc", printed.rc)
            .with("module_stderr", printed.err().trim()));
    }
    let facts = facts(&report, &subset);
    let filter: Vec<&String> = args.filter.iter().filter(|pattern| !pattern.is_empty()).collect();
    let mut named = Map::new();
    for (name, value) in facts {
        let full = format!("ansible_{name}");
        if filter.is_empty() || filter.iter().any(|p| matches(p, &full) || matches(p, &name)) {
            named.insert(full, value);
        }
    }
    if filter.is_empty() {
        named.insert("gather_subset".into(), json!(args.gather_subset));
        named.insert("module_setup".into(), json!(true));
    }
    // So much is nothing that a verbose run wants to see.
    let output = Output::default().with("ansible_facts", Json::Object(named)).with(NEVER_VERBOSE, true);
    let warnings = if subset.has("local") { local::warnings(&report) } else { vec![] };
    Ok(warnings.into_iter().fold(output, Output::warn))
}

/// A collector's name and what it makes of a report.
type Collector = (&'static str, fn(&Report) -> Map);

/// The facts of the chosen collectors, without `ansible_` before their names.
fn facts(report: &Report, subset: &Subset) -> Map {
    let mut facts = Map::new();
    let collectors: &[Collector] = &[
        ("platform", platform::platform),
        ("distribution", distribution::distribution),
        ("date_time", moment::date_time),
        ("user", platform::user),
        ("env", platform::env),
        ("dns", platform::dns),
        ("cmdline", platform::cmdline),
        ("lsb", distribution::lsb),
        ("fips", platform::fips),
        ("loadavg", platform::loadavg),
        ("selinux", platform::selinux),
        ("apparmor", platform::apparmor),
        ("caps", platform::caps),
        ("chroot", platform::chroot),
        ("service_mgr", platform::service_mgr),
        ("pkg_mgr", distribution::pkg_mgr),
        ("ssh_pub_keys", platform::ssh_keys),
        ("local", local::local),
        ("python", platform::python),
        ("systemd", platform::systemd),
        ("hardware", hardware::hardware),
        ("hardware", storage::storage),
        ("network", network::network),
        ("iscsi", platform::iscsi),
        ("nvme", platform::nvme),
        ("fibre_channel_wwn", platform::fibre_channel),
        ("virtual", virtualization::virtualization),
    ];
    for (_, collect) in collectors.iter().filter(|(name, _)| subset.has(name)) {
        facts.extend(collect(report));
    }
    facts
}

/// Whether a shell pattern matches a whole name.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut regex = String::from("(?s)^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' if rest.clone().any(|c| c == ']') => {
                regex.push('[');
                for c in rest.by_ref() {
                    regex.push(if c == '!' && regex.ends_with('[') { '^' } else { c });
                    if c == ']' {
                        break;
                    }
                }
            }
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(name))
}

/// An object of JSON as a map.
fn map(value: Json) -> Map {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
