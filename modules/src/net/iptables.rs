//! `ansible.builtin.iptables`: one rule, chain or policy of the kernel's packet filter, by iptables and ip6tables. Whether
//! it is there is asked with `-C` or `-L`; what differs becomes one command for each family.

mod rule;

use crate::command::words::{join, quote};
use crate::tool::{self, failed};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use rule::Rule;
use serde::Deserialize;

/// `ansible.builtin.iptables`.
pub struct Iptables;

/// What a task gives to [`Iptables`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    table: String,
    state: String,
    action: String,
    chain: Option<String>,
    rule_num: Option<String>,
    wait: Option<String>,
    flush: bool,
    policy: Option<String>,
    chain_management: bool,
    numeric: bool,
    #[serde(flatten)]
    rule: Rule,
}

/// The commands to run, one for each family that differs.
#[derive(Debug)]
pub struct Change {
    commands: Vec<Vec<String>>,
    output: Output,
}

const STR: Kind = Kind::Str;

impl Module for Iptables {
    const NAME: &'static str = "ansible.builtin.iptables";
    const SPEC: Spec = Spec::new(
        "Adds and removes rules, chains and policies of the packet filter.",
        &[
            Opt::new("table", STR, "The table.")
                .choices(&["filter", "nat", "mangle", "raw", "security"])
                .default("filter"),
            Opt::new("state", STR, "Whether the rule or chain shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("action", STR, "Where a new rule goes: to the end or the beginning.")
                .choices(&["append", "insert"])
                .default("append"),
            Opt::new("ip_version", STR, "The family.").choices(&["ipv4", "ipv6", "both"]).default("ipv4"),
            Opt::new("chain", STR, "The chain."),
            Opt::new("rule_num", STR, "The place of an inserted rule."),
            Opt::new("protocol", STR, "The protocol."),
            Opt::new("wait", STR, "Seconds to wait for the lock of the tables."),
            Opt::new("source", STR, "The source address."),
            Opt::new("to_source", STR, "The address that SNAT gives."),
            Opt::new("destination", STR, "The destination address."),
            Opt::new("to_destination", STR, "The address that DNAT gives."),
            Opt::new("match", Kind::List, "Extensions to load.").elements(STR).default("[]"),
            Opt::new("tcp_flags", Kind::Dict, "Flags to look at and flags that are set.").options(&[
                Opt::new("flags", Kind::List, "Flags to look at.").elements(STR),
                Opt::new("flags_set", Kind::List, "Flags that are set.").elements(STR),
            ]),
            Opt::new("jump", STR, "The target."),
            Opt::new("gateway", STR, "The gateway of TEE."),
            Opt::new("log_prefix", STR, "The prefix of log lines."),
            Opt::new("log_level", STR, "The level of log lines.").choices(&[
                "0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "error", "warning",
                "notice", "info", "debug",
            ]),
            Opt::new("goto", STR, "The chain to go on with."),
            Opt::new("in_interface", STR, "The interface a packet came in by."),
            Opt::new("out_interface", STR, "The interface a packet goes out by."),
            Opt::new("fragment", STR, "Second and further fragments."),
            Opt::new("set_counters", STR, "Counters to begin with."),
            Opt::new("source_port", STR, "The source port or range."),
            Opt::new("destination_port", STR, "The destination port or range."),
            Opt::new("destination_ports", Kind::List, "Many destination ports.").elements(STR).default("[]"),
            Opt::new("to_ports", STR, "The ports of a redirection."),
            Opt::new("set_dscp_mark", STR, "The DSCP mark to set."),
            Opt::new("set_dscp_mark_class", STR, "The DSCP class to set."),
            Opt::new("comment", STR, "A comment."),
            Opt::new("ctstate", Kind::List, "States of the connection.").elements(STR).default("[]"),
            Opt::new("src_range", STR, "A range of source addresses."),
            Opt::new("dst_range", STR, "A range of destination addresses."),
            Opt::new("match_set", STR, "A set of ipset."),
            Opt::new("match_set_flags", STR, "What is looked up in the set.")
                .choices(&["src", "dst", "src,dst", "dst,src", "src,src", "dst,dst"]),
            Opt::new("limit", STR, "The most matches in a time."),
            Opt::new("limit_burst", STR, "The most matches before the limit holds."),
            Opt::new("uid_owner", STR, "The user that sends."),
            Opt::new("gid_owner", STR, "The group that sends."),
            Opt::new("reject_with", STR, "The answer of REJECT."),
            Opt::new("icmp_type", STR, "The type of ICMP."),
            Opt::new("syn", STR, "Whether a packet opens a connection.")
                .choices(&["ignore", "match", "negate"])
                .default("ignore"),
            Opt::new("flush", Kind::Bool, "Takes all rules away.").default("false"),
            Opt::new("policy", STR, "The policy of the chain.")
                .choices(&["ACCEPT", "DROP", "QUEUE", "RETURN"]),
            Opt::new("chain_management", Kind::Bool, "Whether chains are made and removed.").default("false"),
            Opt::new("numeric", Kind::Bool, "Whether lists are printed without names.").default("false"),
        ],
    )
    .exclusive(&[&["set_dscp_mark", "set_dscp_mark_class"], &["flush", "policy"]])
    .required_if(&[
        ("jump", "TEE", &["gateway"]),
        ("jump", "tee", &["gateway"]),
        ("flush", "False", &["chain"]),
    ])
    .examples(
        "- iptables:\n    chain: INPUT\n    protocol: tcp\n    destination_port: '6443'\n    jump: ACCEPT\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let shown = args.rule.words();
        args.rule.allowed()?;
        let rule = args.rule.logging()?.words();
        let chain = args.chain.clone().unwrap_or_default();
        let policy = args.policy.as_deref().filter(|policy| !policy.is_empty());
        let present = args.state == "present";
        let ask = match (args.flush, policy, shown.is_empty()) {
            (true, ..) => String::new(),
            (_, Some(_), _) | (_, _, true) => {
                format!(
                    "-L {} ${{w:+-w \"$w\"}}{}",
                    quote(&chain),
                    if args.numeric { " --numeric" } else { "" }
                )
            }
            _ => format!("-C {} ${{w:+-w \"$w\"}}{}", quote(&chain), quoted(&rule)),
        };
        let programs = args.rule.programs();
        let wait = quote(args.wait.as_deref().unwrap_or(""));
        let mut script = String::new();
        for program in programs {
            script.push_str(&format!(
                "v=$({program} --version) || exit 97\nw={wait}\n\
                 printf '%s' \"${{v#*v}}\" | awk -F. '{{exit ($1*10000+$2*100+$3 < 10600)}}' || w=\n\
                 echo \"@$(command -v {program})\"; echo \"$w\"\n"
            ));
            if !ask.is_empty() {
                let table = quote(&args.table);
                script.push_str(&format!(
                    "o=$({program} -t {table} {ask} 2>&1); echo $?; printf '%s\\n' \"$o\" | head -n 1\n"
                ));
            }
        }
        let seen = tool::ask(cx, programs, &script).await?;
        if !seen.succeeded() {
            return Err(failed(seen.err().trim(), Some(seen.rc), &seen.out(), &seen.err()));
        }
        let (text, mut commands, mut changed) = (seen.out().into_owned(), vec![], false);
        for part in text.split('@').skip(1) {
            let mut lines = part.lines();
            let path = lines.next().unwrap_or("").to_string();
            let wait = lines.next().unwrap_or("").to_string();
            let there = lines.next() == Some("0");
            let header = lines.next().unwrap_or("");
            let mut command = |action: &str, number: Option<&str>, tail: &[String]| {
                let mut words = vec![path.clone(), "-t".into(), args.table.clone(), action.to_string()];
                words.extend(args.chain.clone());
                words.extend(number.map(str::to_string));
                if !wait.is_empty() {
                    words.extend(["-w".to_string(), wait.clone()]);
                }
                words.extend_from_slice(tail);
                commands.push(words);
            };
            if args.flush {
                changed = true;
                command("-F", None, &[]);
            } else if let Some(policy) = policy {
                if !there {
                    return Err(failed(header, Some(1), "", header));
                }
                let now = header
                    .split_once("(policy ")
                    .map(|(_, rest)| rest.split([' ', ')']).next().unwrap_or(""));
                let Some(now) = now else { return Err(Failure::new("Can't detect current policy")) };
                if now != policy {
                    changed = true;
                    command("-P", None, &[policy.to_string()]);
                }
            } else if there != present {
                changed = true;
                match (shown.is_empty(), present) {
                    (true, _) if !args.chain_management => {}
                    (true, true) => command("-N", None, &[]),
                    (true, false) => command("-X", None, &[]),
                    (false, true) if args.action == "insert" => {
                        command("-I", args.rule_num.as_deref(), &rule)
                    }
                    (false, true) => command("-A", None, &rule),
                    (false, false) => command("-D", None, &rule),
                }
            }
        }
        let output = Output::new(changed)
            .with("ip_version", args.rule.ip_version.as_str())
            .with("table", args.table.as_str())
            .with("chain", args.chain.clone())
            .with("flush", args.flush)
            .with("rule", shown.join(" "))
            .with("state", args.state.as_str())
            .with("chain_management", args.chain_management)
            .with("wait", args.wait.clone());
        match commands.is_empty() {
            true => Ok(Check::Done(output)),
            false => {
                Ok(Check::Would { change: Change { commands, output: output.clone() }, foreseen: output })
            }
        }
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        for words in change.commands {
            let done = tool::ask(cx, &[], &quoted(&words)).await?;
            if !done.succeeded() {
                let (out, err) = (done.out(), done.err());
                return Err(failed(err.trim_end(), Some(done.rc), &out, &err).with("cmd", join(&words)));
            }
        }
        Ok(change.output)
    }
}

/// Words for the shell, each with a space before it.
fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!(" {}", quote(word))).collect()
}
