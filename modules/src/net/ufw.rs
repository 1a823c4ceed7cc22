//! `community.general.ufw`: the uncomplicated firewall. Its state and rules are read, its own commands run, and whether
//! anything changed is told by reading again; in check mode rules run with `--dry-run` and are compared as text.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use regex::Regex;
use serde::Deserialize;
use serde_json::json;

/// `community.general.ufw`.
pub struct Ufw;

/// What a task gives to [`Ufw`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    state: Option<String>,
    #[serde(rename = "default")]
    policy: Option<String>,
    logging: Option<String>,
    direction: Option<String>,
    delete: bool,
    route: bool,
    insert: Option<i64>,
    insert_relative_to: String,
    rule: Option<String>,
    interface: Option<String>,
    interface_in: Option<String>,
    interface_out: Option<String>,
    log: bool,
    from_ip: String,
    from_port: Option<String>,
    to_ip: String,
    to_port: Option<String>,
    proto: Option<String>,
    name: Option<String>,
    comment: Option<String>,
}

impl Module for Ufw {
    const NAME: &'static str = "community.general.ufw";
    const SPEC: Spec = Spec::new("Manages the firewall ufw: its state, policies and rules.", &[
        Opt::new("state", Kind::Str, "`enabled` now and at boot, `disabled`, `reloaded`, or `reset` to its defaults.")
            .choices(&["enabled", "disabled", "reloaded", "reset"]),
        Opt::new("default", Kind::Str, "The policy where no rule matches.")
            .aliases(&["policy"])
            .choices(&["allow", "deny", "reject"]),
        Opt::new("logging", Kind::Str, "How much is logged.").choices(&["full", "high", "low", "medium", "off", "on"]),
        Opt::new("direction", Kind::Str, "Which traffic: `in` or `out` for rules, the long words for policies.")
            .choices(&["in", "incoming", "out", "outgoing", "routed"]),
        Opt::new("delete", Kind::Bool, "Removes the rule.").default("false"),
        Opt::new("route", Kind::Bool, "Whether the rule is about forwarded traffic.").default("false"),
        Opt::new("insert", Kind::Int, "The place of the rule among the others."),
        Opt::new("insert_relative_to", Kind::Str, "Which rule `insert` counts from.")
            .choices(&["zero", "first-ipv4", "last-ipv4", "first-ipv6", "last-ipv6"])
            .default("zero"),
        Opt::new("rule", Kind::Str, "What the rule does.").choices(&["allow", "deny", "limit", "reject"]),
        Opt::new("interface", Kind::Str, "The interface, in `direction`.").aliases(&["if"]),
        Opt::new("interface_in", Kind::Str, "The interface that traffic comes in by.").aliases(&["if_in"]),
        Opt::new("interface_out", Kind::Str, "The interface that traffic leaves by.").aliases(&["if_out"]),
        Opt::new("log", Kind::Bool, "Logs new connections that match.").default("false"),
        Opt::new("from_ip", Kind::Str, "The source.").aliases(&["from", "src"]).default("any"),
        Opt::new("from_port", Kind::Str, "Its port."),
        Opt::new("to_ip", Kind::Str, "The destination.").aliases(&["dest", "to"]).default("any"),
        Opt::new("to_port", Kind::Str, "Its port.").aliases(&["port"]),
        Opt::new("proto", Kind::Str, "The protocol.")
            .aliases(&["protocol"])
            .choices(&["ah", "any", "esp", "ipv6", "tcp", "udp", "gre", "igmp", "vrrp"]),
        Opt::new("name", Kind::Str, "A profile of `/etc/ufw/applications.d`.").aliases(&["app"]),
        Opt::new("comment", Kind::Str, "A comment for the rule."),
    ])
    .exclusive(&[&["name", "proto", "logging"], &["direction", "interface_in"], &["direction", "interface_out"]])
    .one_of(&[&["state", "default", "rule", "logging"]])
    .examples("- community.general.ufw:\n    rule: allow\n    port: '6443'\n    proto: tcp\n- community.general.ufw:\n    state: enabled\n    policy: deny\n");
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        if args.interface.is_some() && args.direction.is_none() {
            return Err(Failure::new("missing parameter(s) required by 'interface': direction"));
        }
        if cx.check_mode {
            return Ok(Check::Done(Run::start(cx).await?.work(args).await?));
        }
        Ok(Check::Would { change: args.clone(), foreseen: Output::new(true) })
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        Run::start(cx).await?.work(&args).await
    }
}

/// One run: the programs, and the commands so far.
struct Run<'a> {
    cx: &'a Context,
    ufw: String,
    grep: String,
    commands: Vec<String>,
}

/// Where rules of the user are kept, by version.
const RULES: &str = "/lib/ufw/user.rules /lib/ufw/user6.rules /etc/ufw/user.rules /etc/ufw/user6.rules /var/lib/ufw/user.rules /var/lib/ufw/user6.rules";

impl<'a> Run<'a> {
    async fn start(cx: &'a Context) -> Result<Self, Failure> {
        let seen = tool::ask(cx, &["ufw", "grep"], "command -v ufw; command -v grep\n").await?;
        let text = seen.out();
        let mut lines = text.lines().map(str::to_string);
        let (ufw, grep) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        Ok(Self { cx, ufw, grep, commands: vec![] })
    }

    async fn execute(&mut self, line: String, may_fail: bool) -> Result<String, Failure> {
        let done = tool::run(self.cx, format!("LANG=C LC_ALL=C {}\n", tool::quoted(&line)?)).await?;
        self.commands.push(line);
        if done.succeeded() || may_fail {
            return Ok(done.out().into_owned());
        }
        let said = if done.err().is_empty() { done.out() } else { done.err() };
        Err(Failure::new(said).with("commands", json!(self.commands)))
    }

    async fn rules(&mut self) -> Result<String, Failure> {
        self.execute(format!("{} -h '^### tuple' {RULES}", self.grep), true).await
    }

    /// Does what is asked, or finds out what it would do.
    async fn work(mut self, args: &Args) -> Result<Output, Failure> {
        let ufw = self.ufw.clone();
        let state = self.execute(format!("{ufw} status verbose"), false).await?;
        let rules = self.rules().await?;
        let dry = self.cx.check_mode;
        let start = if dry { format!("{ufw} --dry-run") } else { ufw.clone() };
        let mut changed = false;
        if let Some(wanted) = &args.state {
            changed |= matches!(wanted.as_str(), "reloaded" | "reset");
            let active = state.contains(" active");
            if dry {
                changed |= (wanted == "disabled" && active) || (wanted == "enabled" && !active);
            } else {
                let verb = match wanted.as_str() {
                    "enabled" => "enable",
                    "disabled" => "disable",
                    "reloaded" => "reload",
                    other => other,
                };
                self.execute(format!("{start} -f {verb}"), false).await?;
            }
        }
        if let Some(policy) = &args.policy {
            if matches!(args.direction.as_deref(), Some("in" | "out")) {
                return Err(Failure::new(
                    "For default, direction must be one of \"outgoing\", \"incoming\" and \"routed\", or direction must not be specified.",
                ));
            }
            if dry {
                let direction = args.direction.as_deref().unwrap_or("incoming");
                changed |= default_of(&state, direction).is_none_or(|now| now != policy && now != "disabled");
            } else {
                let direction = args.direction.as_deref().map(|word| format!(" {word}")).unwrap_or_default();
                self.execute(format!("{start} default {policy}{direction}"), false).await?;
            }
        }
        if args.rule.is_some() {
            let line = self.rule(args, &start).await?;
            let answer = self.execute(line, false).await?;
            changed |= dry && differs(args, &rules, &answer);
        }
        if let Some(level) = &args.logging {
            changed |= logging_differs(&state, level);
            if !dry {
                self.execute(format!("{start} logging {level}"), false).await?;
            }
        }
        if dry {
            return Ok(Output::new(changed).with("commands", json!(self.commands)));
        }
        let after = self.execute(format!("{ufw} status verbose"), false).await?;
        if !changed {
            let now = self.rules().await?;
            changed = state != after || now != rules;
        }
        Ok(Output::new(changed).with("commands", json!(self.commands)).with("msg", after.trim_end()))
    }

    /// The command for a rule, in ufw's long form.
    async fn rule(&mut self, args: &Args, start: &str) -> Result<String, Failure> {
        if !matches!(args.direction.as_deref(), None | Some("in" | "out")) {
            return Err(Failure::new(
                "For rules, direction must be one of \"in\" and \"out\", or direction must not be specified.",
            ));
        }
        if !args.route && args.interface_in.is_some() && args.interface_out.is_some() {
            return Err(Failure::new("Only route rules can combine interface_in and interface_out"));
        }
        let mut words = vec![start.to_string()];
        words.extend(args.route.then(|| "route".into()));
        words.extend(args.delete.then(|| "delete".into()));
        if let Some(place) = args.insert.filter(|_| !args.delete) {
            let script = format!("{} status numbered\n", quote(&self.ufw));
            let listed = tool::run(self.cx, script).await?;
            words.extend(place_of(args, place, &listed.out()).map(|place| format!("insert {place}")));
        }
        words.extend(args.rule.clone());
        let given = |template: &str, value: &Option<String>| {
            let value = value.as_ref().filter(|value| !value.is_empty());
            value.map(|value| template.replace("{}", value))
        };
        words.extend(args.direction.clone());
        words.extend(given("on {}", &args.interface));
        words.extend(given("in on {}", &args.interface_in));
        words.extend(given("out on {}", &args.interface_out));
        words.extend(args.log.then(|| "log".into()));
        words.extend(given("from {}", &Some(args.from_ip.clone())));
        words.extend(given("port {}", &args.from_port));
        words.extend(given("to {}", &Some(args.to_ip.clone())));
        words.extend(given("port {}", &args.to_port));
        words.extend(given("proto {}", &args.proto));
        words.extend(given("app '{}'", &args.name));
        let told = self.execute(format!("{} --version", self.ufw), false).await?;
        let version = Regex::new(r"(?m)^ufw.*?(\d+)\.(\d+)").ok().and_then(|regex| {
            let found = regex.captures(&told)?;
            let number = |at: usize| found.get(at).and_then(|part| part.as_str().parse::<u32>().ok());
            Some((number(1)?, number(2)?))
        });
        match version {
            None => return Err(Failure::new("Failed to get ufw version.").with("rc", 0).with("out", told)),
            Some(version) if version >= (0, 35) => words.extend(given("comment '{}'", &args.comment)),
            Some(_) => {}
        }
        Ok(words.join(" "))
    }
}

/// The policy for a direction, as `ufw status verbose` tells it.
fn default_of<'a>(state: &'a str, direction: &str) -> Option<&'a str> {
    let line = state.lines().find_map(|line| line.strip_prefix("Default: "))?;
    let ends = format!("({direction})");
    line.split(", ").find_map(|part| Some(part.trim().strip_suffix(&ends)?.trim()))
}

/// Whether logging is other than wanted.
fn logging_differs(state: &str, wanted: &str) -> bool {
    let Some(line) = state.lines().find_map(|line| line.strip_prefix("Logging: ")) else { return true };
    let on = line.starts_with("on");
    let level = line.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(level, _)| level);
    match wanted {
        "off" => on,
        "on" => !on,
        wanted => !on || level != Some(wanted),
    }
}

/// The number that a rule is inserted at; nothing means at the end.
fn place_of(args: &Args, place: i64, listed: &str) -> Option<i64> {
    if args.insert_relative_to == "zero" {
        return Some(place);
    }
    let numbered = |line: &str| {
        let (number, _) = line.strip_prefix('[')?.split_once("] ")?;
        Some((number.trim().parse::<i64>().ok()?, line.contains("(v6)")))
    };
    let lines: Vec<(i64, bool)> = listed.lines().filter_map(numbered).collect();
    let last = lines.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let last_ipv4 = lines.iter().filter(|(_, six)| !six).map(|(number, _)| *number).max();
    let from = match args.insert_relative_to.as_str() {
        "first-ipv4" => 1,
        "last-ipv4" => last_ipv4.unwrap_or(1),
        "first-ipv6" => last_ipv4.map_or(1, |number| number + 1),
        _ if lines.iter().any(|(_, six)| *six) => last,
        _ => last + 1,
    };
    Some(place + from).filter(|place| *place <= last)
}

/// Whether a dry run shows other rules than there are. It shows only those of one kind of address, if the rule names one.
fn differs(args: &Args, rules: &str, dry: &str) -> bool {
    let lines = dry.lines().count();
    if lines > 0 && dry.lines().filter(|line| line.contains("Skipping")).count() == lines {
        return false;
    }
    let shown: String = dry.split_inclusive('\n').filter(|line| line.starts_with("### tuple")).collect();
    let only = |text: &str, has: fn(&str) -> bool| {
        text.split_inclusive('\n').filter(|line| has(line)).map(str::to_string).collect::<String>()
    };
    let addresses = [args.from_ip.as_str(), args.to_ip.as_str()];
    let starts = |has: fn(&str) -> bool| addresses.iter().any(|ip| has(ip.split('/').next().unwrap_or(ip)));
    if starts(has_ipv4) {
        only(rules, has_ipv4) != only(&shown, has_ipv4)
    } else if starts(has_ipv6) {
        only(rules, has_ipv6) != only(&shown, has_ipv6)
    } else {
        rules != shown
    }
}

fn has_ipv4(text: &str) -> bool {
    words(text).any(|word| word.parse::<std::net::Ipv4Addr>().is_ok())
}

fn has_ipv6(text: &str) -> bool {
    words(text).any(|word| word.parse::<std::net::Ipv6Addr>().is_ok())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\nNew profiles: skip\n";

    #[test]
    fn state_is_read_from_what_ufw_says() {
        assert_eq!(default_of(STATE, "outgoing"), Some("allow"));
        assert_eq!(default_of(STATE, "routed"), Some("disabled"));
        assert_eq!(default_of("Status: inactive\n", "incoming"), None);
        assert!(!logging_differs(STATE, "on"));
        assert!(!logging_differs(STATE, "low"));
        assert!(logging_differs(STATE, "full"));
        assert!(logging_differs("Status: inactive\n", "off"));
    }

    #[test]
    fn a_place_counts_from_the_rule_named() {
        let listed = "Status: active\n\n[ 1] 22 ALLOW IN Anywhere\n[ 2] 80 ALLOW IN Anywhere\n[ 3] 22 (v6) ALLOW IN Anywhere (v6)\n";
        let place = |from: &str, place| {
            place_of(&Args { insert_relative_to: from.into(), ..Args::default() }, place, listed)
        };
        assert_eq!(place("zero", 7), Some(7));
        assert_eq!(place("first-ipv4", 0), Some(1));
        assert_eq!(place("last-ipv4", 0), Some(2));
        assert_eq!(place("first-ipv6", 0), Some(3));
        assert_eq!(place("last-ipv6", 1), None);
    }

    #[test]
    fn a_dry_run_is_compared_by_its_kind_of_address() {
        let rules = "### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.1 in\n### tuple ### allow tcp 22 ::/0 any ::1 in\n";
        let dry = "*filter\n### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.1 in\n";
        let args = Args { from_ip: "10.0.0.1".into(), to_ip: "any".into(), ..Args::default() };
        assert!(!differs(&args, rules, dry));
        let any = Args { from_ip: "any".into(), to_ip: "any".into(), ..Args::default() };
        assert!(differs(&any, rules, dry));
        assert!(!differs(&any, rules, "Skipping adding existing rule\nSkipping adding existing rule (v6)\n"));
    }
}
