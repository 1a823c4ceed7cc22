//! `ansible.builtin.systemd_service` (and `systemd`): units of systemd. A look tells how a unit is; what differs becomes
//! a list of `systemctl` verbs, run in order. A reload comes first and is followed by a look of its own.

use crate::command::words::quote;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// `ansible.builtin.systemd_service`.
pub struct SystemdService;

/// How a unit is to be.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Reloaded,
    Restarted,
    Started,
    Stopped,
}

impl State {
    /// The verb that makes it so and, as Ansible reports it, the state that is then.
    pub(super) fn verb(self, running: bool, stopping: bool) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Started => ((!running).then_some("start"), "started"),
            Self::Stopped => ((running || stopping).then_some("stop"), "stopped"),
            Self::Restarted => (Some(if running { "restart" } else { "start" }), "started"),
            Self::Reloaded => (Some(if running { "reload" } else { "start" }), "started"),
        }
    }
}

/// What a task gives to [`SystemdService`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    pub(super) name: Option<String>,
    pub(super) state: Option<State>,
    pub(super) enabled: Option<bool>,
    pub(super) masked: Option<bool>,
    pub(super) force: Option<bool>,
    pub(super) daemon_reload: bool,
    pub(super) daemon_reexec: bool,
    pub(super) no_block: bool,
    pub(super) scope: String,
}

const SPEC: Spec = Spec::new("Starts, stops, enables and masks units of systemd.", &[
    Opt::new("name", Kind::Str, "The unit; `.service` may be left out.").aliases(&["service", "unit"]),
    Opt::new("state", Kind::Str, "`started` and `stopped` act only where needed; `restarted` and `reloaded` always do.")
        .choices(&["reloaded", "restarted", "started", "stopped"]),
    Opt::new("enabled", Kind::Bool, "Whether it starts with the host."),
    Opt::new("masked", Kind::Bool, "Whether nothing may start it."),
    Opt::new("force", Kind::Bool, "Whether links that are in the way are replaced."),
    Opt::new("daemon_reload", Kind::Bool, "Whether systemd reads changed unit files first.")
        .aliases(&["daemon-reload"])
        .default("false"),
    Opt::new("daemon_reexec", Kind::Bool, "Whether systemd itself is started anew first.")
        .aliases(&["daemon-reexec"])
        .default("false"),
    Opt::new("scope", Kind::Str, "Whose units: the system's, the user's, or every user's.")
        .choices(&["system", "user", "global"])
        .default("system"),
    Opt::new("no_block", Kind::Bool, "Whether not to wait until it is so.").default("false"),
])
.one_of(&[&["state", "enabled", "masked", "daemon_reload", "daemon_reexec"]])
.examples("- systemd_service:\n    name: kubelet\n    state: restarted\n    enabled: true\n    daemon_reload: true\n")
.also(&["ansible.builtin.systemd"]);

impl Module for SystemdService {
    const NAME: &'static str = "ansible.builtin.systemd_service";
    const SPEC: Spec = SPEC;
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        check(args, cx).await
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        apply(&args, cx).await
    }
}

pub(super) async fn check(args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
    if args.name.is_none() {
        for (option, given) in [
            ("state", args.state.is_some()),
            ("enabled", args.enabled.is_some()),
            ("masked", args.masked.is_some()),
        ] {
            if given {
                return Err(Failure::new(format!("missing parameter(s) required by '{option}': name")));
            }
        }
    }
    if let Some((name, glob)) = args
        .name
        .as_deref()
        .and_then(|name| Some((name, ["*", "?", "["].iter().find(|g| name.contains(**g))?)))
    {
        return Err(Failure::new(format!(
            "This module does not currently support using glob patterns, found '{glob}' in service name: {name}"
        )));
    }
    let needed = needed(args, &look(args, cx).await?)?;
    let reload = args.daemon_reload || args.daemon_reexec;
    if needed.verbs.is_empty() && !reload {
        return Ok(Check::Done(needed.output));
    }
    Ok(Check::Would { change: args.clone(), foreseen: needed.output })
}

pub(super) async fn apply(args: &Args, cx: &Context) -> Result<Output, Failure> {
    let mut warnings = vec![];
    for (wanted, verb) in [(args.daemon_reload, "daemon-reload"), (args.daemon_reexec, "daemon-reexec")] {
        if wanted {
            let ctl = systemctl(args);
            let done =
                cx.sh(format!("{ctl} {verb} && exit; r=$?; {OFFLINE} && printf offline; exit $r")).await?;
            let (rc, error) = (done.rc, done.err());
            if !done.succeeded() && done.out() != "offline" {
                return Err(Failure::new(format!("failure {rc} during {verb}: {error}")));
            } else if !done.succeeded() {
                warnings.push(format!(
                    "{verb} failed, but there is no running systemd here. Going on. Error was: {rc} / {error}"
                ));
            }
        }
    }
    let mut needed = needed(args, &look(args, cx).await?)?;
    needed.output = warnings.into_iter().fold(needed.output, Output::warn);
    let name = args.name.as_deref().unwrap_or("");
    for verb in &needed.verbs {
        let done = cx.sh(format!("{} {verb} -- {}", systemctl(args), quote(name))).await?;
        if !done.succeeded() {
            let said = format!("{}{}", done.out(), done.err());
            let failure = Failure::new(match *verb {
                "mask" | "unmask" => format!("Failed to {verb} the service ({name}): {}", said.trim()),
                _ => format!("Unable to {verb} service {name}: {said}"),
            });
            return Err(match needed.output.result.get("warnings") {
                Some(warnings) => failure.with("warnings", warnings.clone()),
                None => failure,
            });
        }
    }
    Ok(needed.output)
}

/// Said where a state is asked for and nobody can tell of it.
const NOBODY: &str = "There is no running systemd to ask (a chroot, or it is offline): whether the service is in this state is not known.";

/// Whether there is no systemd to ask, as while an image is made: it says so itself, or the root is not the first process's.
const OFFLINE: &str = "{ [ -n \"${debian_chroot-}\" ] || [ \"${SYSTEMD_OFFLINE-}\" = 1 ] || \
    { [ -e /proc/1/root/. ] && [ ! / -ef /proc/1/root/. ]; }; }";

/// `systemctl` with the flags of the task, and where a user's bus is.
fn systemctl(args: &Args) -> String {
    let mut words = String::from("XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl");
    if matches!(args.scope.as_str(), "user" | "global") {
        words.push_str(&format!(" --{}", args.scope));
    }
    if args.no_block {
        words.push_str(" --no-block");
    }
    if args.force == Some(true) {
        words.push_str(" --force");
    }
    words
}

/// How a unit is.
#[derive(Debug, Default)]
struct Unit {
    status: Map,
    /// What `is-enabled` printed, a word and the links that make it so, and its code.
    enabled: String,
    enabled_rc: i32,
    /// An init script of that name: whether there is one, and whether it starts with the host.
    script: bool,
    script_enabled: bool,
    /// It is in a list of unit files, where nothing else is told.
    listed: bool,
    offline: bool,
}

impl Unit {
    /// How it is enabled, in one word.
    fn word(&self) -> &str {
        self.enabled.lines().next().unwrap_or("")
    }
}

async fn look(args: &Args, cx: &Context) -> Result<Unit, Failure> {
    let Some(name) = &args.name else { return Ok(Unit::default()) };
    let (ctl, unit) = (systemctl(args), quote(name));
    let base = quote(name.trim_end_matches(".service"));
    let seen = cx
        .sh(format!(
            "command -v systemctl >/dev/null 2>&1 || exit 94\nu={unit}; b={base}\n\
             o=$({ctl} show -- \"$u\" 2>&1) || o=\n\
             case $o in *'ignoring request'*|*'ignoring command'*) o= ;; esac\n\
             printf '%s\\n\\001' \"$o\"\n{ctl} is-enabled -l -- \"$u\" 2>/dev/null; r=$?\nprintf '\\001%s' $r\n\
             if [ -x /etc/init.d/\"$b\" ]; then printf '\\001script'; fi\n\
             for f in /etc/rc?.d/S??\"$b\"; do if [ -e \"$f\" ]; then printf '\\001starts'; break; fi; done\n\
             if [ -z \"$o\" ]; then {ctl} list-unit-files -- \"$u\" >/dev/null 2>&1 && printf '\\001listed'; fi\n\
             if {OFFLINE}; then printf '\\001offline'; fi\nexit 0\n"
        ))
        .await?;
    if seen.rc == 94 {
        return Err(Failure::new("Failed to find required executable \"systemctl\" in paths of the target"));
    }
    let text = seen.out();
    let parts: Vec<&str> = text.split('\u{1}').collect();
    Ok(Unit {
        status: status(parts.first().unwrap_or(&"")),
        enabled: parts.get(1).unwrap_or(&"").trim().to_string(),
        enabled_rc: parts.get(2).and_then(|rc| rc.trim().parse().ok()).unwrap_or(1),
        script: parts.contains(&"script"),
        script_enabled: parts.contains(&"starts"),
        listed: parts.contains(&"listed"),
        offline: parts.contains(&"offline"),
    })
}

/// What `systemctl show` prints: a value of `Exec…` may go over more lines, until its brace closes.
fn status(text: &str) -> Map {
    let (mut status, mut open) = (Map::new(), None::<(String, String)>);
    for line in text.lines() {
        if let Some((key, mut value)) = open.take() {
            value.push('\n');
            value.push_str(line);
            if line.trim_end().ends_with('}') {
                status.insert(key, value.trim().into());
            } else {
                open = Some((key, value));
            }
        } else if let Some((key, value)) = line.split_once('=') {
            if key.starts_with("Exec")
                && value.trim_start().starts_with('{')
                && !value.trim_end().ends_with('}')
            {
                open = Some((key.to_string(), value.to_string()));
            } else {
                status.insert(key.to_string(), value.trim().into());
            }
        }
    }
    status
}

/// What is to be done, and the answer when it is.
struct Needed {
    verbs: Vec<&'static str>,
    output: Output,
}

fn needed(args: &Args, unit: &Unit) -> Result<Needed, Failure> {
    let mut verbs = vec![];
    let said = |key: &str| unit.status.get(key).and_then(Json::as_str);
    let masked_now = said("LoadState") == Some("masked");
    let known = [
        "enabled",
        "enabled-runtime",
        "linked",
        "linked-runtime",
        "masked",
        "masked-runtime",
        "static",
        "indirect",
        "disabled",
        "generated",
        "transient",
        "alias",
    ];
    let is_unit = said("LoadState").is_some_and(|state| state != "not-found")
        || (unit.status.is_empty() && (known.contains(&unit.word()) || unit.listed));
    let name = args.name.as_deref().unwrap_or("");
    if let (true, false, Some(error)) = (is_unit, masked_now, said("LoadError").filter(|e| !e.is_empty())) {
        return Err(Failure::new(format!("Error loading unit file '{name}': {error}")));
    }
    let found = is_unit || unit.script;
    let missing = || Failure::new(format!("Could not find the requested service {name}: host"));
    let mut output = Output::default();
    if unit.script && !is_unit {
        output = output.warn(format!(
            "The service ({name}) is actually an init script but the system is managed by systemd"
        ));
    }
    output = output.with("name", args.name.clone()).with("status", Json::Object(unit.status.clone()));
    if let Some(masked) = args.masked
        && masked != (unit.word() == "masked")
    {
        verbs.push(if masked { "mask" } else { "unmask" });
    }
    if let Some(wanted) = args.enabled {
        if !found {
            return Err(missing());
        }
        let enabled = match unit.enabled_rc {
            // With links told below it, it is enabled whatever the word says.
            0 => !matches!(unit.enabled.as_str(), "enabled-runtime" | "indirect" | "alias"),
            _ => {
                args.scope == "system"
                    && unit.script
                    && !unit.enabled.ends_with("disabled")
                    && unit.script_enabled
            }
        };
        if enabled != wanted {
            verbs.push(if wanted { "enable" } else { "disable" });
        }
        output = output.with("enabled", wanted);
    }
    if let Some(state) = args.state {
        if !found {
            return Err(missing());
        }
        output = match said("ActiveState") {
            Some(active) => {
                let (verb, then) =
                    state.verb(matches!(active, "active" | "activating"), active == "deactivating");
                verbs.extend(verb);
                output.with("state", then)
            }
            None if unit.offline => output.warn(NOBODY).with("state", json!(state)),
            None => {
                let status = Json::Object(unit.status.clone());
                return Err(Failure::new("Service is in unknown state").with("status", status));
            }
        };
    }
    Ok(Needed { output: output.with("changed", json!(!verbs.is_empty())), verbs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(active: &str, enabled: &str) -> Unit {
        let status = status(&format!(
            "LoadState=loaded\nActiveState={active}\nExecStart={{ path=/x ;\n argv[]=/x }}\n"
        ));
        Unit {
            status,
            enabled: enabled.into(),
            enabled_rc: i32::from(enabled != "enabled"),
            ..Unit::default()
        }
    }

    fn verbs(args: &Args, unit: &Unit) -> Vec<&'static str> {
        needed(args, unit).unwrap().verbs
    }

    #[test]
    fn only_what_differs_is_done() {
        let args = Args {
            name: Some("kubelet".into()),
            state: Some(State::Started),
            enabled: Some(true),
            scope: "system".into(),
            ..Args::default()
        };
        assert_eq!(verbs(&args, &unit("inactive", "disabled")), ["enable", "start"]);
        assert!(verbs(&args, &unit("active", "enabled")).is_empty());
        let linked = "indirect\n  /etc/systemd/system/sockets.target.wants/kubelet.socket";
        assert!(verbs(&args, &Unit { enabled_rc: 0, ..unit("active", linked) }).is_empty());
        assert_eq!(verbs(&args, &Unit { enabled_rc: 0, ..unit("active", "indirect") }), ["enable"]);
        let args = Args { state: Some(State::Restarted), ..args };
        assert_eq!(verbs(&args, &unit("active", "enabled")), ["restart"]);
        assert_eq!(verbs(&args, &unit("failed", "enabled")), ["start"]);
        let args = Args { state: Some(State::Stopped), enabled: None, masked: Some(true), ..args };
        assert_eq!(verbs(&args, &unit("deactivating", "enabled")), ["mask", "stop"]);
        assert!(verbs(&args, &unit("inactive", "masked")).is_empty());
    }

    #[test]
    fn where_no_systemd_runs_a_state_is_taken_as_it_is_with_a_warning() {
        let args = Args { name: Some("cron".into()), state: Some(State::Started), ..Args::default() };
        let listed = Unit { listed: true, ..Unit::default() };
        assert!(needed(&args, &listed).is_err());
        let offline = needed(&args, &Unit { offline: true, ..listed }).unwrap();
        assert!(offline.verbs.is_empty());
        assert_eq!(offline.output.result["state"], "started");
        assert_eq!(offline.output.result["warnings"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_unit_that_is_missing_is_named() {
        let args = Args { name: Some("nosuch".into()), state: Some(State::Started), ..Args::default() };
        let gone = Unit { status: status("LoadState=not-found\nActiveState=inactive\n"), ..Unit::default() };
        let failure = needed(&args, &gone).map(|n| n.verbs).unwrap_err();
        assert_eq!(failure.message(), "Could not find the requested service nosuch: host");
    }

    #[test]
    fn values_of_more_lines_are_kept_whole() {
        assert_eq!(unit("active", "enabled").status["ExecStart"], "{ path=/x ;\n argv[]=/x }");
    }
}
