//! The words of one rule, in the order that Ansible gives them to iptables: the order is part of the answer.

use muster_engine::module::Failure;
use serde::Deserialize;

/// What describes a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    pub ip_version: String,
    protocol: Option<String>,
    source: Option<String>,
    to_source: Option<String>,
    destination: Option<String>,
    to_destination: Option<String>,
    r#match: Vec<String>,
    tcp_flags: Option<Flags>,
    jump: Option<String>,
    gateway: Option<String>,
    log_prefix: Option<String>,
    log_level: Option<String>,
    goto: Option<String>,
    in_interface: Option<String>,
    out_interface: Option<String>,
    fragment: Option<String>,
    set_counters: Option<String>,
    source_port: Option<String>,
    destination_port: Option<String>,
    destination_ports: Vec<String>,
    to_ports: Option<String>,
    set_dscp_mark: Option<String>,
    set_dscp_mark_class: Option<String>,
    comment: Option<String>,
    ctstate: Vec<String>,
    src_range: Option<String>,
    dst_range: Option<String>,
    match_set: Option<String>,
    match_set_flags: Option<String>,
    limit: Option<String>,
    limit_burst: Option<String>,
    uid_owner: Option<String>,
    gid_owner: Option<String>,
    reject_with: Option<String>,
    icmp_type: Option<String>,
    syn: String,
}

/// TCP flags to look at, and those of them that are set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Flags {
    flags: Option<Vec<String>>,
    flags_set: Option<Vec<String>>,
}

/// Words that grow.
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(ToString::to_string));
    }

    /// A flag with its value; `!` before the value goes before the flag.
    fn value(&mut self, flag: &str, value: Option<&String>) {
        match value.map(|value| (value.as_str(), value.strip_prefix('!'))) {
            Some((_, Some(rest))) => self.add(&["!", flag, rest]),
            Some((value, None)) => self.add(&[flag, value]),
            None => {}
        }
    }

    fn list(&mut self, flag: &str, values: &[String]) {
        if !values.is_empty() {
            self.add(&[flag, &values.join(",")]);
        }
    }

    fn load(&mut self, wanted: bool, name: &str) {
        if wanted {
            self.add(&["-m", name]);
        }
    }

    fn switch(&mut self, value: &str, flag: &str) {
        match value {
            "match" => self.add(&[flag]),
            "negate" => self.add(&["!", flag]),
            _ => {}
        }
    }
}

fn given(value: Option<&String>) -> bool {
    value.is_some_and(|value| !value.is_empty())
}

impl Rule {
    /// The programs that it concerns.
    pub fn programs(&self) -> &'static [&'static str] {
        match self.ip_version.as_str() {
            "ipv6" => &["ip6tables"],
            "both" => &["iptables", "ip6tables"],
            _ => &["iptables"],
        }
    }

    /// Refuses marks without a target.
    pub fn allowed(&self) -> Result<(), Failure> {
        let marks =
            [("set_dscp_mark", &self.set_dscp_mark), ("set_dscp_mark_class", &self.set_dscp_mark_class)];
        match marks.iter().find(|(_, mark)| mark.is_some() && self.jump.is_none()) {
            Some((name, _)) => Err(Failure::new(format!("missing parameter(s) required by '{name}': jump"))),
            None => Ok(()),
        }
    }

    /// The rule with the target that options for logging need.
    pub fn logging(&self) -> Result<Self, Failure> {
        let mut rule = self.clone();
        if given(self.log_prefix.as_ref()) || given(self.log_level.as_ref()) {
            match self.jump.as_deref() {
                None => rule.jump = Some("LOG".into()),
                Some("LOG") => {}
                Some(_) => {
                    return Err(Failure::new("Logging options can only be used with the LOG jump target."));
                }
            }
        }
        Ok(rule)
    }

    /// The words.
    pub fn words(&self) -> Vec<String> {
        let mut out = Words(vec![]);
        let jump = self.jump.as_deref().unwrap_or("").to_lowercase();
        let loads = |name: &str| self.r#match.iter().any(|loaded| loaded == name);
        out.value("-p", self.protocol.as_ref());
        out.value("-s", self.source.as_ref());
        out.value("-d", self.destination.as_ref());
        for name in &self.r#match {
            out.value("-m", Some(name));
        }
        if let Some(Flags { flags: Some(flags), flags_set: Some(set) }) = &self.tcp_flags {
            out.add(&["--tcp-flags", &flags.join(","), &set.join(",")]);
        }
        out.value("-j", self.jump.as_ref());
        if jump == "tee" {
            out.value("--gateway", self.gateway.as_ref());
        }
        out.value("--log-prefix", self.log_prefix.as_ref());
        out.value("--log-level", self.log_level.as_ref());
        out.value("--to-destination", self.to_destination.as_ref());
        out.load(!self.destination_ports.is_empty(), "multiport");
        out.list("--dports", &self.destination_ports);
        out.value("--to-source", self.to_source.as_ref());
        out.value("-g", self.goto.as_ref());
        out.value("-i", self.in_interface.as_ref());
        out.value("-o", self.out_interface.as_ref());
        out.value("-f", self.fragment.as_ref());
        out.value("-c", self.set_counters.as_ref());
        out.value("--source-port", self.source_port.as_ref());
        out.value("--destination-port", self.destination_port.as_ref());
        out.value("--to-ports", self.to_ports.as_ref());
        for (flag, mark) in
            [("--set-dscp", &self.set_dscp_mark), ("--set-dscp-class", &self.set_dscp_mark_class)]
        {
            out.value(flag, mark.as_ref());
            if given(mark.as_ref()) && jump != "dscp" {
                out.add(&["-j", "DSCP"]);
            }
        }
        out.switch(&self.syn, "--syn");
        let conntrack = loads("conntrack");
        if conntrack || !loads("state") {
            out.load(!conntrack && !self.ctstate.is_empty(), "conntrack");
            out.list("--ctstate", &self.ctstate);
        } else {
            out.list("--state", &self.ctstate);
        }
        let ranges = given(self.src_range.as_ref()) || given(self.dst_range.as_ref());
        if loads("iprange") || ranges {
            out.load(!loads("iprange"), "iprange");
            out.value("--src-range", self.src_range.as_ref());
            out.value("--dst-range", self.dst_range.as_ref());
        }
        if loads("set") || given(self.match_set.as_ref()) {
            out.load(!loads("set"), "set");
            out.value("--match-set", self.match_set.as_ref());
            out.0.extend(self.match_set_flags.clone());
        }
        out.load(given(self.limit.as_ref()) || given(self.limit_burst.as_ref()), "limit");
        out.value("--limit", self.limit.as_ref());
        out.value("--limit-burst", self.limit_burst.as_ref());
        for (flag, owner) in [("--uid-owner", &self.uid_owner), ("--gid-owner", &self.gid_owner)] {
            out.load(given(owner.as_ref()), "owner");
            out.switch(owner.as_deref().unwrap_or(""), flag);
            out.value(flag, owner.as_ref());
        }
        if self.jump.is_none() && given(self.reject_with.as_ref()) {
            out.add(&["-j", "REJECT"]);
        }
        out.value("--reject-with", self.reject_with.as_ref());
        let icmp = match self.ip_version.as_str() {
            "ipv6" => "--icmpv6-type",
            "both" => "--icmp-type --icmpv6-type",
            _ => "--icmp-type",
        };
        out.value(icmp, self.icmp_type.as_ref());
        out.load(given(self.comment.as_ref()), "comment");
        out.value("--comment", self.comment.as_ref());
        out.0
    }
}
