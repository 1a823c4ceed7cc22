//! `ansible.builtin.wait_for`: waits until a port answers or falls silent, a file is there or gone, or either holds a
//! text. The loop is here; each look is one short command on the target.

use super::port::{Port, active, try_port};
use crate::command::words::{expanded, quote};
use crate::files::facts::Look;
use crate::files::pattern::{Flags, Pattern};
use fancy_regex::Regex;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout_at};

/// `ansible.builtin.wait_for`.
pub struct WaitFor;

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Started,
    Stopped,
    Drained,
    Present,
    Absent,
}

/// What a task gives to [`WaitFor`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    host: String,
    port: Option<i64>,
    path: Option<String>,
    search_regex: Option<String>,
    state: State,
    timeout: u64,
    delay: u64,
    connect_timeout: u64,
    sleep: u64,
    active_connection_states: Vec<String>,
    exclude_hosts: Option<Vec<String>>,
    msg: Option<String>,
}

const STATES: [(&str, &str); 6] = [
    ("ESTABLISHED", "01"),
    ("SYN_SENT", "02"),
    ("SYN_RECV", "03"),
    ("FIN_WAIT1", "04"),
    ("FIN_WAIT2", "05"),
    ("TIME_WAIT", "06"),
];

impl Args {
    /// The port that counts: none where it is zero.
    fn port(&self) -> Option<i64> {
        self.port.filter(|port| *port != 0)
    }

    /// The path that counts: none where it is empty.
    fn path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !path.is_empty())
    }
}

impl Module for WaitFor {
    const NAME: &'static str = "ansible.builtin.wait_for";
    const SPEC: Spec = Spec::new("Waits for a port, a file, or a text in either; with neither it waits for the time.", &[
        Opt::new("host", Kind::Str, "The host of the port, as the target sees it.").default("127.0.0.1"),
        Opt::new("port", Kind::Int, "The port."),
        Opt::new("path", Kind::Path, "The file on the target."),
        Opt::new("search_regex", Kind::Str, "A regular expression that the file, or what the port sends, must match."),
        Opt::new("state", Kind::Str, "`started` and `present` wait for it, `stopped` and `absent` for its end, `drained` for its last connection's.")
            .choices(&["absent", "drained", "present", "started", "stopped"])
            .default("started"),
        Opt::new("timeout", Kind::Int, "Seconds after which it fails.").default("300"),
        Opt::new("delay", Kind::Int, "Seconds before the first look.").default("0"),
        Opt::new("connect_timeout", Kind::Int, "Seconds for one try of a port.").default("5"),
        Opt::new("sleep", Kind::Int, "Seconds between looks.").default("1"),
        Opt::new("active_connection_states", Kind::List, "The TCP states that count as a connection for `drained`.")
            .elements(Kind::Str)
            .default("[ESTABLISHED, FIN_WAIT1, FIN_WAIT2, SYN_RECV, SYN_SENT, TIME_WAIT]"),
        Opt::new("exclude_hosts", Kind::List, "Hosts whose connections do not count for `drained`.").elements(Kind::Str),
        Opt::new("msg", Kind::Str, "What to say when the time is over."),
    ])
    .examples("- wait_for:\n    port: 6443\n    timeout: 60\n- wait_for:\n    path: /etc/kubernetes/admin.conf\n");
    type Args = Args;
    type Change = (Args, Option<Regex>);

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Self::Change>, Failure> {
        let flags = Flags { multiline: true, dotall: false };
        if let Some(Err(error)) = args.search_regex.as_deref().map(|text| Pattern::text(text, flags)) {
            return Err(Failure::new(format!("Invalid regular expression: {error}")));
        }
        let regex = args.search_regex.as_deref().map(|text| Regex::new(&format!("(?m){text}"))).transpose();
        let regex = regex.map_err(|error| Failure::new(format!("Invalid regular expression: {error}")))?;
        let only_ports = "should only be used for checking a port in the wait_for module";
        let unknown = |state: &&String| !STATES.iter().any(|(name, _)| name == state);
        let unknown = args.active_connection_states.iter().find(unknown);
        let wrong = match (args.port(), args.path(), args.state) {
            (Some(_), Some(_), _) => {
                Some("port and path parameter can not both be passed to wait_for".to_string())
            }
            (_, Some(_), State::Stopped) => Some(format!("state=stopped {only_ports}")),
            (_, Some(_), State::Drained) => Some(format!("state=drained {only_ports}")),
            (_, _, state) if args.exclude_hosts.is_some() && state != State::Drained => {
                Some("exclude_hosts should only be with state=drained".into())
            }
            (None, _, State::Drained) => Some("state=drained needs a port".into()),
            _ => unknown.map(|name| format!("unknown active_connection_state ({name}) defined")),
        };
        if let Some(message) = wrong {
            return Err(Failure::new(message).with("elapsed", 0));
        }
        let skipped = "remote module (wait_for) does not support check mode";
        let foreseen = Output::new(false).with("skipped", true).with("msg", skipped);
        Ok(Check::Would { change: (args.clone(), regex), foreseen })
    }

    async fn apply(&self, (args, regex): Self::Change, cx: &Context) -> Result<Output, Failure> {
        let start = Instant::now();
        let wait =
            Wait { cx, args: &args, regex: regex.as_ref(), end: start + Duration::from_secs(args.timeout) };
        sleep(Duration::from_secs(args.delay)).await;
        let found = if args.port().is_none() && args.path().is_none() {
            sleep(Duration::from_secs(args.timeout)).await;
            Some(Groups::default())
        } else {
            wait.until_found().await?
        };
        let elapsed = start.elapsed().as_secs();
        let Some(groups) = found else {
            let message = args.msg.clone().unwrap_or_else(|| wait.message());
            return Err(Failure::new(message).with("elapsed", elapsed).with("changed", false));
        };
        let mut output = Output::default()
            .with("state", serde_json::to_value(wait.state()).unwrap_or_default())
            .with("port", args.port)
            .with("search_regex", args.search_regex.clone())
            .with("match_groups", groups.all)
            .with("match_groupdict", Json::Object(groups.named))
            .with("path", args.path.clone())
            .with("elapsed", elapsed);
        if let Some(path) = args.path() {
            output.result.extend(attributes(path, cx).await?);
        }
        Ok(output)
    }
}

/// What a pattern's groups matched.
#[derive(Default)]
struct Groups {
    all: Vec<Json>,
    named: Map,
}

/// One waiting.
struct Wait<'a> {
    cx: &'a Context,
    args: &'a Args,
    regex: Option<&'a Regex>,
    end: Instant,
}

impl Wait<'_> {
    /// Looks until what is waited for is so; nothing when the time is over before.
    async fn until_found(&self) -> Result<Option<Groups>, Failure> {
        while Instant::now() < self.end {
            if let Some(groups) = self.look().await? {
                return Ok(Some(groups));
            }
            sleep(Duration::from_secs(self.args.sleep)).await;
        }
        Ok(None)
    }

    async fn look(&self) -> Result<Option<Groups>, Failure> {
        let there = Groups::default;
        match (self.args.state, self.args.port(), self.args.path()) {
            (State::Drained, Some(port), _) => Ok((self.connections(port).await? == 0).then(there)),
            (State::Absent | State::Stopped, _, Some(path)) => {
                Ok((!self.cx.sh(format!("[ -e {} ]", expanded(path))).await?.succeeded()).then(there))
            }
            (State::Absent | State::Stopped, Some(port), _) => {
                Ok(matches!(self.port(port).await?, Port::Closed).then(there))
            }
            (_, _, Some(path)) => self.file(path).await,
            (_, Some(port), _) => match (self.port(port).await?, self.regex) {
                (Port::Closed, _) => Ok(None),
                (_, None) => Ok(Some(there())),
                (Port::Stream(mut stream), Some(regex)) => {
                    let (mut received, mut bytes) = (vec![], [0; 1024]);
                    while let Ok(Ok(n @ 1..)) = timeout_at(self.end, stream.read(&mut bytes)).await {
                        received.extend_from_slice(bytes.get(..n).unwrap_or_default());
                        // Only whether it matches is told for a port, never which groups.
                        if groups(regex, &String::from_utf8_lossy(&received)).is_some() {
                            return Ok(Some(there()));
                        }
                    }
                    Ok(None)
                }
                (Port::Open, Some(_)) => Err(Failure::new(
                    "cannot read from a port of this target: its connection forwards no streams",
                )),
            },
            (_, None, None) => Ok(Some(there())),
        }
    }

    async fn port(&self, port: i64) -> Result<Port, Failure> {
        let Ok(port) = u16::try_from(port) else { return Ok(Port::Closed) };
        let left = self.end.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let within = Duration::from_secs(self.args.connect_timeout.max(1)).min(left);
        try_port(self.cx, &self.args.host, port, within).await
    }

    async fn file(&self, path: &str) -> Result<Option<Groups>, Failure> {
        let word = expanded(path);
        let Some(regex) = self.regex else {
            return Ok(self.cx.sh(format!("[ -e {word} ]")).await?.succeeded().then(Groups::default));
        };
        let read = self.cx.sh(format!("cat -- {word}")).await?;
        Ok(if read.succeeded() { groups(regex, &read.out()) } else { None })
    }

    async fn connections(&self, port: i64) -> Result<usize, Failure> {
        let Ok(port) = u16::try_from(port) else { return Ok(0) };
        let local = addresses(&self.args.host, self.cx).await?;
        let mut without = vec![];
        for host in self.args.exclude_hosts.iter().flatten() {
            without.extend(addresses(host, self.cx).await?);
        }
        let wanted = &self.args.active_connection_states;
        let states: Vec<&str> =
            STATES.iter().filter(|(name, _)| wanted.iter().any(|w| w == name)).map(|(_, id)| *id).collect();
        let table = self.cx.sh("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; [ -r /proc/net/tcp ]").await?;
        if !table.succeeded() {
            return Err(Failure::new("the target has no /proc/net/tcp to count connections with"));
        }
        Ok(active(&table.out(), &local, port, &states, &without))
    }

    fn state(&self) -> &'static str {
        match self.args.state {
            State::Started => "started",
            State::Stopped => "stopped",
            State::Drained => "drained",
            State::Present => "present",
            State::Absent => "absent",
        }
    }

    /// What to say when the time is over.
    fn message(&self) -> String {
        let args = self.args;
        let what = match (args.port(), args.path()) {
            (Some(port), _) => format!("{}:{port}", args.host),
            (None, path) => path.unwrap_or_default().to_string(),
        };
        match (args.state, &args.search_regex) {
            (State::Drained, _) => format!("Timeout when waiting for {what} to drain"),
            (State::Absent | State::Stopped, _) if args.path().is_some() => {
                format!("Timeout when waiting for {what} to be absent.")
            }
            (State::Absent | State::Stopped, _) => format!("Timeout when waiting for {what} to stop."),
            (_, Some(regex)) => format!("Timeout when waiting for search string {regex} in {what}"),
            (_, None) if args.path().is_some() => format!("Timeout when waiting for file {what}"),
            (_, None) => format!("Timeout when waiting for {what}"),
        }
    }
}

fn groups(regex: &Regex, text: &str) -> Option<Groups> {
    let found = regex.captures(text).ok().flatten()?;
    let value = |group: Option<fancy_regex::Match<'_>>| group.map_or(Json::Null, |m| m.as_str().into());
    let named = regex.capture_names().flatten().map(|name| (name.to_string(), value(found.name(name))));
    Some(Groups { all: found.iter().skip(1).map(value).collect(), named: named.collect() })
}

async fn addresses(host: &str, cx: &Context) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![ip]);
    }
    let known = cx.sh(format!("getent ahosts {0} || grep -w -e {0} /etc/hosts", quote(host))).await?;
    let found: Vec<IpAddr> =
        known.out().lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    if found.is_empty() {
        return Err(Failure::new(format!("the target knows no address of {host}")));
    }
    Ok(found)
}

/// What Ansible adds to a result that names a file of the target.
async fn attributes(path: &str, cx: &Context) -> Result<Map, Failure> {
    let mut found = Map::new();
    Look::at(path).run(cx).await?.seen.describe(&mut found);
    Ok(found)
}
