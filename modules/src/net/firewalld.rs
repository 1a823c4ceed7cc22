//! `ansible.posix.firewalld`: one element of a zone, or a zone, now, for good, or both. Elements are asked for, added and
//! removed with `firewall-cmd`, and with `firewall-offline-cmd` where firewalld does not run.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `ansible.posix.firewalld`.
pub struct Firewalld;

/// What a task gives to [`Firewalld`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    icmp_block: Option<String>,
    icmp_block_inversion: Option<bool>,
    service: Option<String>,
    protocol: Option<String>,
    port: Option<String>,
    port_forward: Option<Vec<Map>>,
    rich_rule: Option<String>,
    zone: Option<String>,
    immediate: bool,
    source: Option<String>,
    permanent: bool,
    state: String,
    timeout: i64,
    interface: Option<String>,
    forward: Option<bool>,
    masquerade: Option<bool>,
    offline: bool,
    target: Option<String>,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    commands: Vec<String>,
    output: Output,
}

/// What a task is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Element {
    /// The word of `--add-…`, `--remove-…` and `--query-…`.
    option: &'static str,
    /// What follows it.
    value: Option<String>,
    /// Whether it is looked for in a list: a query would refuse names that firewalld does not know.
    listed: bool,
    wanted: bool,
    /// What is said when it changed, besides the messages of every change.
    said: Option<String>,
    own: Option<String>,
}

impl Module for Firewalld {
    const NAME: &'static str = "ansible.posix.firewalld";
    const SPEC: Spec = Spec::new("Manages the zones of firewalld: services, ports, rules, interfaces.", &[
        Opt::new("icmp_block", Kind::Str, "An ICMP type to block."),
        Opt::new("icmp_block_inversion", Kind::Bool, "Whether blocks are inverted."),
        Opt::new("service", Kind::Str, "A service that firewalld knows."),
        Opt::new("protocol", Kind::Str, "A protocol."),
        Opt::new("port", Kind::Str, "A port or a range, and its protocol: `8080/tcp`."),
        Opt::new("port_forward", Kind::List, "One port that is forwarded: `port`, `proto`, `toport`, `toaddr`.")
            .elements(Kind::Dict),
        Opt::new("rich_rule", Kind::Str, "A rule in firewalld's rich language."),
        Opt::new("zone", Kind::Str, "The zone; the default one without it."),
        Opt::new("immediate", Kind::Bool, "Whether it counts at once, if `permanent` is set too.").default("false"),
        Opt::new("source", Kind::Str, "A network whose traffic belongs to the zone."),
        Opt::new("permanent", Kind::Bool, "Whether it is kept.").default("false"),
        Opt::new("state", Kind::Str, "`enabled` or `disabled`; `present` or `absent` for a zone as a whole.")
            .required()
            .choices(&["absent", "disabled", "enabled", "present"]),
        Opt::new("timeout", Kind::Int, "Seconds after which it ends by itself, if it is not permanent.").default("0"),
        Opt::new("interface", Kind::Str, "An interface that belongs to the zone."),
        Opt::new("forward", Kind::Bool, "Whether traffic is forwarded within the zone."),
        Opt::new("masquerade", Kind::Bool, "Whether addresses are masqueraded."),
        Opt::new("offline", Kind::Bool, "Whether it may be done while firewalld does not run.").default("false"),
        Opt::new("target", Kind::Str, "What becomes of traffic that nothing matches.")
            .choices(&["default", "ACCEPT", "DROP", "%%REJECT%%"]),
    ])
    .exclusive(&[&[
        "icmp_block", "icmp_block_inversion", "service", "protocol", "port", "port_forward", "rich_rule",
        "interface", "forward", "masquerade", "source", "target",
    ]])
    .examples("- ansible.posix.firewalld:\n    port: 6443/tcp\n    permanent: true\n    immediate: true\n    state: enabled\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        for (option, given) in [("interface", args.interface.is_some()), ("target", args.target.is_some())] {
            if given && args.zone.is_none() {
                return Err(Failure::new(format!("missing parameter(s) required by '{option}': zone")));
            }
        }
        let seen =
            tool::ask(cx, &["firewall-cmd"], "firewall-cmd --state >/dev/null 2>&1; echo $?\n").await?;
        let offline = seen.out().trim() != "0";
        let (immediate, permanent) = args.modes(offline)?;
        let element = args.element()?;
        if element.is_some() && args.target.is_none() && matches!(args.state.as_str(), "absent" | "present") {
            return Err(Failure::new("absent and present state can only be used in zone level operations"));
        }
        let zone = match &args.zone {
            Some(zone) if !zone.is_empty() => zone.clone(),
            _ => {
                told(&format!("{} --get-default-zone", program(offline, false)), cx).await?.trim().to_string()
            }
        };
        let element = match element {
            Some(element) => element,
            None if matches!(args.state.as_str(), "absent" | "present") => Element::zone(&zone, &args.state),
            None => {
                let output = Output::new(false).with("msg", if offline { OFFLINE } else { "" });
                return Ok(Check::Done(output));
            }
        };
        if immediate && matches!(element.option, "target" | "zone") {
            return Err(Failure::new(
                "Zone operations must be permanent. Make sure you didn't set the 'permanent' flag to 'false' or the 'immediate' flag to 'true'.",
            ));
        }
        let mut commands = vec![];
        for lasting in [true, false] {
            if !(if lasting { permanent } else { immediate }) {
                continue;
            }
            let base = program(offline, lasting);
            if element.is_there(&base, &zone, cx).await? != element.wanted {
                let seconds = Some(args.timeout).filter(|seconds| !lasting && *seconds > 0);
                commands.push(element.command(&base, &zone, seconds));
            }
        }
        let mut messages = vec![match (permanent, immediate) {
            (true, true) => "Permanent and Non-Permanent(immediate) operation".to_string(),
            (true, false) => "Permanent operation".into(),
            _ => "Non-permanent operation".into(),
        }];
        let changed = !commands.is_empty();
        if changed {
            messages.extend(element.own.as_ref().map(|own| own.replace("{zone}", &zone)));
            messages.extend(element.said.as_ref().map(|said| format!("Changed {said} to {}", args.state)));
        }
        if offline {
            messages.push(OFFLINE.into());
        }
        let output = Output::new(changed).with("msg", messages.join(", "));
        match changed {
            true => Ok(Check::Would { change: Change { commands, output }, foreseen: Output::new(true) }),
            false => Ok(Check::Done(output)),
        }
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        for command in &change.commands {
            told(command, cx).await?;
        }
        Ok(change.output)
    }
}

const OFFLINE: &str = "(offline operation: only on-disk configs were altered)";

/// The program and how it is told that a change is to last.
fn program(offline: bool, lasting: bool) -> String {
    match (offline, lasting) {
        (true, _) => "firewall-offline-cmd".into(),
        (false, true) => "firewall-cmd --permanent".into(),
        (false, false) => "firewall-cmd".into(),
    }
}

/// Runs a command that must succeed and gives what it printed.
async fn told(command: &str, cx: &Context) -> Result<String, Failure> {
    let done = tool::ask(cx, &[], &format!("{command}\n")).await?;
    if done.succeeded() {
        Ok(done.out().into_owned())
    } else {
        Err(refused(command.starts_with("firewall-offline"), &done.out(), &done.err()))
    }
}

/// A failure with firewalld's own words.
fn refused(offline: bool, out: &str, err: &str) -> Failure {
    let said = if err.trim().is_empty() { out.trim() } else { err.trim() };
    let said = said.strip_prefix("Error: ").unwrap_or(said);
    let from = if offline { "" } else { "org.fedoraproject.FirewallD1.Exception: " };
    let more = match said.contains("INVALID_SERVICE") {
        true => {
            " Permanent operation, Services are defined by port/tcp relationship and named as they are in /etc/services (on most systems)"
        }
        false => "",
    };
    Failure::new(format!("ERROR: Exception caught: {from}{said}{more}"))
}

impl Args {
    /// Whether it is to count at once, and whether it is to last.
    fn modes(&self, offline: bool) -> Result<(bool, bool), Failure> {
        let mut immediate = self.immediate;
        if self.offline {
            if !self.permanent {
                return Err(Failure::new("offline cannot be enabled unless permanent changes are allowed"));
            }
            immediate &= !offline;
        }
        immediate |= !self.permanent;
        if immediate && offline {
            return Err(Failure::new(
                "firewall is not currently running, unable to perform immediate actions without a running firewall daemon",
            ));
        }
        Ok((immediate, self.permanent))
    }

    /// What the task is about, unless it is a zone as a whole.
    fn element(&self) -> Result<Option<Element>, Failure> {
        let enabled = matches!(self.state.as_str(), "enabled" | "present");
        let plain = |option: &'static str, value: &String, listed: bool| Element {
            option,
            value: Some(value.clone()),
            listed,
            wanted: enabled,
            said: Some(format!("{} {value}", if option == "rich-rule" { "rich_rule" } else { option })),
            own: None,
        };
        let switch = |option: &'static str, on: bool, said: Option<String>, own: Option<String>| Element {
            option,
            value: None,
            listed: false,
            wanted: (self.state == "enabled") == on,
            said,
            own,
        };
        let moved = |added: String, removed: String| Some(if enabled { added } else { removed });
        if let Some(block) = &self.icmp_block {
            return Ok(Some(plain("icmp-block", block, true)));
        }
        if let Some(on) = self.icmp_block_inversion {
            let word = if on { "True" } else { "False" };
            return Ok(Some(switch(
                "icmp-block-inversion",
                on,
                Some(format!("icmp-block-inversion {word}")),
                None,
            )));
        }
        if let Some(service) = &self.service {
            return Ok(Some(plain("service", service, true)));
        }
        if let Some(protocol) = &self.protocol {
            return Ok(Some(plain("protocol", protocol, true)));
        }
        if let Some(source) = &self.source {
            let own = moved(
                format!("Added {source} to zone {{zone}}"),
                format!("Removed {source} from zone {{zone}}"),
            );
            return Ok(Some(Element { said: None, own, ..plain("source", source, true) }));
        }
        if let Some(port) = &self.port {
            let port = port.trim().to_string();
            match port.split_once('/') {
                Some((_, protocol)) if !protocol.is_empty() => return Ok(Some(plain("port", &port, false))),
                _ => return Err(Failure::new("improper port format (missing protocol?)")),
            }
        }
        if let Some(forwards) = &self.port_forward {
            return Ok(Some(forwarded(forwards, enabled)?));
        }
        if let Some(rule) = &self.rich_rule {
            return Ok(Some(plain("rich-rule", rule, false)));
        }
        if let Some(interface) = &self.interface {
            let own = moved(
                format!("Changed {interface} to zone {{zone}}"),
                format!("Removed {interface} from zone {{zone}}"),
            );
            return Ok(Some(Element { said: None, own, ..plain("interface", interface, true) }));
        }
        for (option, on) in [("forward", self.forward), ("masquerade", self.masquerade)] {
            if let Some(on) = on {
                let wanted = (self.state == "enabled") == on;
                let own = match wanted {
                    true => format!("Added {option} to zone {{zone}}"),
                    false => format!("Removed {option} from zone {{zone}}"),
                };
                return Ok(Some(switch(option, on, None, Some(own))));
            }
        }
        Ok(self.target.as_ref().map(|target| Element {
            said: None,
            own: moved(
                format!("Set zone {{zone}} target to {target}"),
                "Reset zone {zone} target to default".into(),
            ),
            ..plain("target", target, false)
        }))
    }
}

/// The one forwarded port.
fn forwarded(forwards: &[Map], wanted: bool) -> Result<Element, Failure> {
    let [forward] = forwards else {
        return Err(Failure::new("Only one port forward supported at a time"));
    };
    let text = |key: &str, missing: &str| match forward.get(key) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(other) if !other.is_null() => Ok(other.to_string()),
        _ => Err(Failure::new(missing)),
    };
    let port = text("port", "port must be specified for port forward")?;
    let proto = text("proto", "proto udp/tcp must be specified for port forward")?;
    let toport = text("toport", "toport must be specified for port forward")?;
    let toaddr = text("toaddr", "").unwrap_or_default();
    let base = format!("port={port}:proto={proto}:toport={toport}");
    let value = if toaddr.is_empty() { base.clone() } else { format!("{base}:toaddr={toaddr}") };
    Ok(Element {
        option: "forward-port",
        value: Some(value),
        listed: false,
        wanted,
        said: Some(format!("port_forward {base}:toaddr={toaddr}")),
        own: None,
    })
}

impl Element {
    fn zone(zone: &str, state: &str) -> Self {
        let wanted = state == "present";
        Self {
            option: "zone",
            value: Some(zone.to_string()),
            listed: true,
            wanted,
            said: Some(format!("zone {zone}")),
            own: Some(if wanted { "Added zone {zone}" } else { "Removed zone {zone}" }.into()),
        }
    }

    /// Whether it is there.
    async fn is_there(&self, base: &str, zone: &str, cx: &Context) -> Result<bool, Failure> {
        let value = self.value.as_deref().unwrap_or("");
        let at = format!("{base} --zone={}", quote(zone));
        match self.option {
            "zone" => {
                let said = told(&format!("{base} --get-zones"), cx).await?;
                Ok(said.split_whitespace().any(|one| one == value))
            }
            "target" => Ok(told(&format!("{at} --get-target"), cx).await?.trim() == value),
            option if self.listed => {
                let said = told(&format!("{at} --list-{option}s"), cx).await?;
                Ok(said.split_whitespace().any(|one| one == value))
            }
            option => {
                let command = format!("{at} --query-{option}{}\n", self.suffix());
                let done = tool::ask(cx, &[], &command).await?;
                match (done.rc, done.out().trim()) {
                    (0, _) => Ok(true),
                    (1, "no" | "") if done.err().trim().is_empty() || done.err().trim() == "no" => Ok(false),
                    _ => Err(refused(base.starts_with("firewall-offline"), &done.out(), &done.err())),
                }
            }
        }
    }

    fn suffix(&self) -> String {
        self.value.as_ref().map(|value| format!("={}", quote(value))).unwrap_or_default()
    }

    /// The command that makes it so.
    fn command(&self, base: &str, zone: &str, seconds: Option<i64>) -> String {
        let at = format!("{base} --zone={}", quote(zone));
        let suffix = self.suffix();
        match (self.option, self.wanted) {
            ("zone", true) => format!("{base} --new-zone{suffix}"),
            ("zone", false) => format!("{base} --delete-zone{suffix}"),
            ("target", true) => format!("{at} --set-target{suffix}"),
            ("target", false) => format!("{at} --set-target=default"),
            ("interface", true) => format!("{at} --change-interface{suffix}"),
            (option, true) => {
                let ends = seconds.filter(|_| self.value.is_some() && option != "source");
                let ends = ends.map(|seconds| format!(" --timeout={seconds}")).unwrap_or_default();
                format!("{at} --add-{option}{suffix}{ends}")
            }
            (option, false) => format!("{at} --remove-{option}{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(state: &str) -> Args {
        Args { state: state.into(), permanent: true, ..Args::default() }
    }

    #[test]
    fn every_element_has_its_command() {
        let port = Args { port: Some("80/tcp".into()), ..args("enabled") }.element().unwrap().unwrap();
        assert_eq!(
            port.command("firewall-cmd", "public", Some(5)),
            "firewall-cmd --zone='public' --add-port='80/tcp' --timeout=5"
        );
        let off = Args { masquerade: Some(false), ..args("enabled") }.element().unwrap().unwrap();
        assert_eq!(off.command("firewall-cmd", "a", None), "firewall-cmd --zone='a' --remove-masquerade");
        let zone = Element::zone("a", "absent");
        assert_eq!(zone.command("firewall-offline-cmd", "a", None), "firewall-offline-cmd --delete-zone='a'");
        let moved = Args { interface: Some("eth0".into()), ..args("enabled") }.element().unwrap().unwrap();
        assert_eq!(moved.command("f", "a", None), "f --zone='a' --change-interface='eth0'");
    }

    #[test]
    fn at_once_needs_a_daemon() {
        assert_eq!(args("enabled").modes(true).unwrap(), (false, true));
        assert!(Args { immediate: true, ..args("enabled") }.modes(true).is_err());
        let both = Args { immediate: true, offline: true, ..args("enabled") };
        assert_eq!((both.modes(true).unwrap(), both.modes(false).unwrap()), ((false, true), (true, true)));
        assert_eq!(Args { permanent: false, ..args("enabled") }.modes(false).unwrap(), (true, false));
    }

    #[test]
    fn what_is_incomplete_is_named() {
        let port = Args { port: Some("80".into()), ..args("enabled") };
        assert_eq!(port.element().unwrap_err().message(), "improper port format (missing protocol?)");
        let forward = Args { port_forward: Some(vec![Map::new()]), ..args("enabled") };
        assert_eq!(forward.element().unwrap_err().message(), "port must be specified for port forward");
    }
}
