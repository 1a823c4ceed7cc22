//! `ansible.builtin.sysvinit`: services that are init scripts. One look tells whether the script says that it runs and in
//! which runlevels it starts; the change is one command for the runlevels and one or two of the script itself.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Map as JsonMap, Value as Json, json};

/// `ansible.builtin.sysvinit`.
pub struct Sysvinit;

/// What a task gives to [`Sysvinit`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    state: Option<String>,
    enabled: Option<bool>,
    sleep: u64,
    pattern: Option<String>,
    arguments: Option<String>,
    runlevels: Option<Vec<String>>,
    daemonize: bool,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    args: Args,
    /// Whether the runlevels change.
    levels: bool,
    /// What the script is told.
    verbs: &'static [&'static str],
    warnings: Vec<&'static str>,
}

impl Module for Sysvinit {
    const NAME: &'static str = "ansible.builtin.sysvinit";
    const SPEC: Spec = Spec::new(
        "Starts, stops and enables services that are init scripts.",
        &[
            Opt::new("name", Kind::Str, "The service, or the path of its script.")
                .aliases(&["service"])
                .required(),
            Opt::new("state", Kind::Str, "`started` and `stopped` act only where needed.").choices(&[
                "started",
                "stopped",
                "restarted",
                "reloaded",
            ]),
            Opt::new("enabled", Kind::Bool, "Whether it starts with the host."),
            Opt::new("sleep", Kind::Int, "Seconds after the stop and after the start of a restart.")
                .default("1"),
            Opt::new("pattern", Kind::Str, "Text in the process list that means it runs."),
            Opt::new("arguments", Kind::Str, "More words for the script.").aliases(&["args"]),
            Opt::new("runlevels", Kind::List, "The runlevels that `enabled` is about.").elements(Kind::Str),
            Opt::new("daemonize", Kind::Bool, "Whether the script runs apart from the session.")
                .default("false"),
        ],
    )
    .one_of(&[&["state", "enabled"]])
    .examples("- sysvinit:\n    name: keepalived\n    state: started\n    enabled: true\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let seen = args.look(cx).await?;
        let (running, mut warnings) = (seen.running, vec![]);
        warnings.extend(seen.warning);
        let levels = args.enabled.is_some_and(|wanted| seen.enabled.iter().any(|now| *now != wanted));
        let verbs: &'static [&'static str] = match args.state.as_deref() {
            Some("restarted") => &["stop", "start"],
            Some("reloaded") => &["reload"],
            Some("started") if !running => &["start"],
            Some("stopped") if running => &["stop"],
            _ => &[],
        };
        let change = Change { args: args.clone(), levels, verbs, warnings };
        let foreseen = change.output(None, None);
        match foreseen.changed() {
            true => Ok(Check::Would { change, foreseen }),
            false => Ok(Check::Done(foreseen)),
        }
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let args = &change.args;
        let mut levels = None;
        if change.levels {
            let done = tool::ask(cx, &[], &args.enable()).await?;
            let said = (done.rc, done.out().into_owned(), done.err().into_owned());
            if said.2.contains("illegal runlevel specified") {
                let message =
                    format!("Illegal runlevel specified for enable operation on service {}", args.name);
                let mut failure = Failure::new(message);
                failure.result.extend(change.output(Some(&said), None).result);
                return Err(failure);
            }
            levels = Some(said);
        }
        let mut state = None;
        for verb in change.verbs {
            let done = tool::ask(cx, &[], &args.run(verb)).await?;
            let (out, err) = (done.out().into_owned(), done.err().into_owned());
            if !done.succeeded() {
                let wanted = args.state.as_deref().unwrap_or("");
                let action = wanted.strip_suffix("ped").or(wanted.strip_suffix("ed")).unwrap_or(wanted);
                let message = format!("Failed to {action} service: {}", args.name);
                return Err(tool::failed(message, Some(done.rc), &out, &err));
            }
            state = Some((done.rc, out, err));
        }
        Ok(change.output(levels.as_ref(), state.as_ref()))
    }
}

/// How a service is.
struct Seen {
    running: bool,
    /// Whether it starts: in each runlevel asked about, or in any.
    enabled: Vec<bool>,
    warning: Option<&'static str>,
}

/// An exit code and what was printed.
type Said = (i32, String, String);

impl Args {
    fn script(&self) -> String {
        match self.name.starts_with('/') {
            true => self.name.clone(),
            false => format!("/etc/init.d/{}", self.name),
        }
    }

    async fn look(&self, cx: &Context) -> Result<Seen, Failure> {
        let (name, script) = (quote(&self.name), quote(&self.script()));
        let levels = match &self.runlevels {
            Some(levels) => levels.iter().map(|level| quote(level)).collect::<Vec<_>>().join(" "),
            None => "'?'".into(),
        };
        let status = match &self.pattern {
            Some(_) => String::new(),
            None => format!(
                "if command -v service >/dev/null 2>&1; then o=$(service {name} status 2>/dev/null </dev/null); r=$?\n\
                 else o=$({script} status 2>/dev/null </dev/null); r=$?; fi\n"
            ),
        };
        let question = format!(
            "[ -e {script} ] || exit 94\nd=/etc; [ -d /etc/rc0.d ] || d=/etc/init.d\nr=0; o=\n{status}\
             for l in {levels}; do a=no; for f in $d/rc$l.d/S??{name}; do [ -e \"$f\" ] && a=yes; done; echo $a; done\n\
             printf '\\001%s\\001%s\\001' \"$r\" \"$o\"; ps auxww 2>/dev/null; exit 0\n"
        );
        let seen = tool::ask(cx, &[], &question).await?;
        if seen.rc == 94 {
            return Err(Failure::new(format!("Could not find the requested service {}: ", self.name)));
        }
        let text = seen.out();
        let mut parts = text.splitn(4, '\u{1}');
        let mut part = || parts.next().unwrap_or("");
        let (enabled, rc, said, processes) = (part(), part(), part(), part());
        let enabled = enabled.lines().map(|line| line == "yes").collect();
        let (running, warning) = match &self.pattern {
            Some(pattern) => (processes.lines().any(|line| line.contains(pattern.as_str())), None),
            None => running(&self.name, rc.parse().unwrap_or(0), said, processes),
        };
        Ok(Seen { running, enabled, warning })
    }

    /// The command that sets the runlevels.
    fn enable(&self) -> String {
        let (name, on) = (quote(&self.name), self.enabled == Some(true));
        let levels: Vec<String> = self.runlevels.iter().flatten().map(|level| quote(level)).collect();
        let (debian, word) = match (levels.is_empty(), on) {
            (true, true) => (format!("update-rc.d {name} defaults"), "on"),
            (false, true) => (format!("update-rc.d {name} enable {}", levels.join(" ")), "on"),
            (_, false) => (format!("update-rc.d {name} disable {}", levels.join(" ")), "off"),
        };
        let level = if levels.is_empty() { String::new() } else { format!("--level {} ", levels.concat()) };
        format!(
            "if command -v update-rc.d >/dev/null 2>&1; then {debian}\n\
             elif command -v chkconfig >/dev/null 2>&1; then chkconfig {level}{name} {word}; fi\n"
        )
    }

    /// The command that tells the script what to do. What it prints goes through files: a daemon that keeps them open
    /// does not hold up the task.
    fn run(&self, verb: &str) -> String {
        let apart = if self.daemonize { "setsid " } else { "" };
        let more = self.arguments.as_deref().unwrap_or("");
        let pause = if self.state.as_deref() == Some("restarted") && self.sleep > 0 {
            format!("[ $r -eq 0 ] && sleep {}\n", self.sleep)
        } else {
            String::new()
        };
        format!(
            "d=$(mktemp -d) || exit 1; trap 'rm -rf \"$d\"' EXIT\n\
             {apart}{} {verb} {more} >\"$d/o\" 2>\"$d/e\" </dev/null; r=$?\ncat \"$d/o\"; cat \"$d/e\" >&2\n{pause}exit $r\n",
            quote(&self.script())
        )
    }
}

/// Whether a script's answer to `status` means that the service runs. Scripts do not agree on exit codes, so the words
/// count first.
fn running(name: &str, rc: i32, said: &str, processes: &str) -> (bool, Option<&'static str>) {
    if name == "iptables" && said.contains("ACCEPT") {
        return (true, None);
    }
    if said.matches('\n').count() <= 1 {
        let words = said.to_lowercase().replace(&name.to_lowercase(), "");
        let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
        if says(&["stop", "is dead ", "dead but ", "could not access pid file", "inactive"]) {
            return (false, None);
        }
        if says(&["run", "start", "active"]) && !words.contains("not ") {
            return (true, None);
        }
    }
    match rc {
        0 => (true, None),
        1..=4 | 69 => (false, None),
        _ if processes.lines().any(|line| line.contains(name)) => (
            true,
            Some("Used ps output to match service name and determine it is up, this is very unreliable"),
        ),
        _ => (false, Some("Unable to determine if service is up, assuming it is down")),
    }
}

impl Change {
    /// The answer, with what the commands said where they ran.
    fn output(&self, levels: Option<&Said>, state: Option<&Said>) -> Output {
        let part = |changed: bool, said: Option<&Said>| {
            let mut part = JsonMap::new();
            part.insert("changed".into(), changed.into());
            part.insert("rc".into(), said.map_or(Json::Null, |said| said.0.into()));
            part.insert("stdout".into(), said.map_or(Json::Null, |said| said.1.as_str().into()));
            part.insert("stderr".into(), said.map_or(Json::Null, |said| said.2.as_str().into()));
            part
        };
        let mut enabled = part(self.levels, levels);
        if let Some(levels) = &self.args.runlevels {
            enabled.insert("runlevels".into(), json!(levels));
        }
        let mut status = JsonMap::new();
        status.insert("enabled".into(), Json::Object(enabled));
        let acts = !self.verbs.is_empty();
        let name = self.args.state.clone().unwrap_or_else(|| "null".into());
        status.insert(name, Json::Object(part(acts, state)));
        let output = Output::new(self.levels || acts)
            .with("name", self.args.name.as_str())
            .with("status", Json::Object(status));
        self.warnings.iter().fold(output, |output, warning| output.warn(*warning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_counts_more_than_its_exit_code() {
        assert!(running("x", 3, "x is running.", "").0);
        assert!(!running("x", 0, "x is stopped", "").0);
        assert!(!running("x", 1, "x is not running", "").0);
        assert!(!running("runner", 3, "runner", "").0);
        assert!(running("x", 0, "", "").0);
        assert!(running("x", 5, "a\nb\nc", "root 1 x --serve").0);
        assert!(running("x", 5, "a\nb\nc", "root 1 y").1.is_some());
    }
}
