//! `ansible.builtin.service`: services, whatever runs them: systemd, OpenRC, or init scripts.

use super::systemd::{self, State, SystemdService};
use super::sysvinit::Sysvinit;
use crate::command::words::quote;
use muster_engine::module::{AnyModule, Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `ansible.builtin.service`.
pub struct Service;

/// What a task gives to [`Service`] where no module of its own serves the manager.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    state: Option<State>,
    enabled: Option<bool>,
    arguments: String,
    pattern: Option<String>,
    runlevel: String,
    sleep: Option<u64>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Change {
    /// By systemd.
    Units(systemd::Args),
    /// These scripts, in order, each with the words for what it does.
    Scripts(Vec<(String, String)>, Output),
}

const STATES: &[&str] = &["started", "stopped", "reloaded", "restarted"];

/// What is taken where neither systemd's module nor the one for init scripts serves.
const LEGACY: Spec = Spec::new(
    "",
    &[
        Opt::new("name", Kind::Str, "").required(),
        Opt::new("state", Kind::Str, "").choices(STATES),
        Opt::new("enabled", Kind::Bool, ""),
        Opt::new("arguments", Kind::Str, "").aliases(&["args"]).default(""),
        Opt::new("pattern", Kind::Str, ""),
        Opt::new("runlevel", Kind::Str, "").default("default"),
        Opt::new("sleep", Kind::Int, ""),
    ],
)
.one_of(&[&["state", "enabled"]]);

/// Arguments that systemd has no use for.
const UNUSED: [&str; 5] = ["pattern", "runlevel", "sleep", "arguments", "args"];

impl Module for Service {
    const NAME: &'static str = "ansible.builtin.service";
    const SPEC: Spec = Spec::new(
        "Starts, stops and enables services, by systemd, OpenRC or init scripts.",
        &[
            Opt::new("name", Kind::Str, "The service.").required(),
            Opt::new(
                "state",
                Kind::Str,
                "`started` and `stopped` act only where needed; `restarted` and `reloaded` always do.",
            )
            .choices(STATES),
            Opt::new("enabled", Kind::Bool, "Whether it starts with the host."),
            Opt::new("arguments", Kind::Str, "More words for an init script.").aliases(&["args"]),
            Opt::new(
                "pattern",
                Kind::Str,
                "Text in the process list that means it runs, for scripts without `status`.",
            ),
            Opt::new("runlevel", Kind::Str, "The runlevel of OpenRC, `default` unless said."),
            Opt::new("sleep", Kind::Int, "Seconds between stop and start of a restart by an init script."),
            Opt::new("use", Kind::Str, "`auto`, or the manager: `systemd`, `sysvinit`, `service`.")
                .default("auto"),
        ],
    )
    .open()
    .examples("- service:\n    name: containerd\n    state: started\n    enabled: true\n");
    type Args = Map;
    type Change = Change;

    async fn check(&self, args: &Map, cx: &Context) -> Result<Check<Change>, Failure> {
        let mut args = args.clone();
        let named =
            args.remove("use").and_then(|name| Some(name.as_str()?.to_lowercase())).unwrap_or_default();
        let named = named.rsplit('.').next().unwrap_or("");
        let manager = match named {
            "auto" | "" => known(cx)?.unwrap_or_else(|| String::from("auto")),
            named => named.to_string(),
        };
        let manager = if manager == "auto" { told(DETECT, cx).await? } else { manager };
        match manager.as_str() {
            "systemd" | "systemd_service" => {
                let unused: Vec<&str> =
                    UNUSED.into_iter().filter(|unused| args.remove(*unused).is_some()).collect();
                let mut args = over(cx.defaults_of("systemd_service")?, args);
                args = over(cx.defaults_of("systemd")?, args);
                SystemdService::SPEC.convert("ansible.legacy.systemd", args.clone()).map_err(Failure::new)?;
                let output = SystemdService.run(args, cx).await?;
                return Ok(Check::Done(unused.iter().fold(output, |output, unused| {
                    output.warn(format!("Ignoring \"{unused}\" as it is not used in \"systemd\""))
                })));
            }
            "sysvinit" => {
                let args = over(cx.defaults_of("sysvinit")?, args);
                Sysvinit::SPEC.convert("ansible.legacy.sysvinit", args.clone()).map_err(Failure::new)?;
                return Ok(Check::Done(Sysvinit.run(args, cx).await?));
            }
            _ => {}
        }
        let args = LEGACY.convert("ansible.legacy.service", args).map_err(Failure::new)?;
        let args: Args = serde_json::from_value(Json::Object(args))
            .map_err(|error| Failure::new(format!("invalid arguments: {error}")))?;
        let manager = told(RUNS, cx).await?;
        if manager != "systemd" {
            return scripted(&args, manager == "openrc", cx).await;
        }
        let units = systemd::Args {
            name: Some(args.name.clone()),
            state: args.state,
            enabled: args.enabled,
            scope: "system".into(),
            ..systemd::Args::default()
        };
        Ok(match systemd::check(&units, cx).await? {
            Check::Done(output) => Check::Done(output),
            Check::Would { change, foreseen } => Check::Would { change: Change::Units(change), foreseen },
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let (scripts, output) = match change {
            Change::Units(args) => return systemd::apply(&args, cx).await,
            Change::Scripts(scripts, output) => (scripts, output),
        };
        for (script, what) in scripts {
            let done = cx.sh(script).await?;
            if !done.succeeded() {
                let said = format!("{}{}", done.out(), done.err());
                return Err(Failure::new(format!("Unable to {what}: {}", said.trim())).with("rc", done.rc));
            }
        }
        Ok(output)
    }
}

/// Arguments over what `module_defaults` says of the manager's module.
fn over(mut defaults: Map, args: Map) -> Map {
    defaults.extend(args);
    defaults
}

/// What gathered facts say runs services.
fn known(cx: &Context) -> Result<Option<String>, Failure> {
    let facts = cx.scope.get("ansible_facts")?;
    let fact = facts.and_then(|facts| facts.get_attr("service_mgr").ok());
    Ok(fact.and_then(|fact| fact.as_str().map(str::to_string)).filter(|fact| !fact.is_empty()))
}

/// What runs services, as the fact `service_mgr` has it: in a container without init, systemd where it is installed as
/// init, although it does not run.
const DETECT: &str = "has() { command -v \"$1\" >/dev/null 2>&1; }\n\
    one=$(cat /proc/1/comm 2>/dev/null); [ -n \"$one\" ] || one=$(readlink /sbin/init); one=${one##*/}\n\
    case $one in init | *sh | '') one= ;; openrc-init) one=openrc ;; esac\n\
    if [ -n \"$one\" ]; then echo \"$one\"\n\
    elif has systemctl && [ -d /run/systemd/system ]; then echo systemd\n\
    elif has initctl && [ -d /etc/init ]; then echo upstart\n\
    elif [ -e /sbin/openrc ]; then echo openrc\n\
    elif has systemctl && [ -L /sbin/init ] && case $(readlink /sbin/init) in */systemd) ;; *) false ;; esac; then echo systemd\n\
    elif [ -d /etc/init.d ]; then echo sysvinit\n\
    else echo service; fi";

/// What runs services, whatever its name.
const RUNS: &str = "if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then echo systemd\n\
    elif command -v rc-service >/dev/null 2>&1; then echo openrc\n\
    else echo other; fi";

async fn told(script: &str, cx: &Context) -> Result<String, Failure> {
    Ok(cx.sh(script).await?.out().trim().to_string())
}

/// A service of an init script or of OpenRC.
async fn scripted(args: &Args, openrc: bool, cx: &Context) -> Result<Check<Change>, Failure> {
    let (name, level) = (quote(&args.name), quote(&args.runlevel));
    let verb = |verb: &str| match openrc {
        true => format!("rc-service {name} {verb}"),
        false => format!("/etc/init.d/{name} {verb} {}", args.arguments),
    };
    let running = match &args.pattern {
        Some(pattern) => format!("ps -ef 2>/dev/null | grep -v grep | grep -q -e {}", quote(pattern)),
        None => format!("{} >/dev/null 2>&1 </dev/null", verb("status")),
    };
    let starts = match openrc {
        true => format!("rc-update show {level} 2>/dev/null | grep -q -w -e {name}"),
        false => format!("ls /etc/rc?.d/S??{name} >/dev/null 2>&1"),
    };
    let seen = cx
        .sh(format!(
            "[ -x /etc/init.d/{name} ] || exit 94\nif {running}; then echo running; fi\nif {starts}; then echo starts; fi\nexit 0"
        ))
        .await?;
    if seen.rc == 94 {
        return Err(Failure::new(format!("Could not find the requested service {}: host", args.name)));
    }
    let told = seen.out();
    let has = |word: &str| told.lines().any(|line| line == word);
    let mut scripts = vec![];
    let mut output = Output::default().with("name", args.name.as_str());
    if let Some(wanted) = args.enabled {
        if wanted != has("starts") {
            let script = match (openrc, wanted) {
                (true, true) => format!("rc-update add {name} {level}"),
                (true, false) => format!("rc-update del {name} {level}"),
                (false, _) => {
                    let (word, on) = if wanted { ("enable", "on") } else { ("disable", "off") };
                    format!(
                        "if command -v update-rc.d >/dev/null 2>&1; then update-rc.d {name} defaults && update-rc.d {name} {word}\n\
                         elif command -v chkconfig >/dev/null 2>&1; then chkconfig {name} {on}\n\
                         else echo 'neither update-rc.d nor chkconfig is there' >&2; exit 1; fi"
                    )
                }
            };
            scripts.push((script, format!("set whether {} starts with the host", args.name)));
        }
        output = output.with("enabled", wanted);
    }
    if let Some(state) = args.state {
        let (wanted, then) = state.verb(has("running"), false);
        let script = match (wanted, args.sleep) {
            (Some("restart"), Some(pause)) => {
                Some(format!("{}; sleep {pause}; {}", verb("stop"), verb("start")))
            }
            (Some(wanted), _) => Some(verb(wanted)),
            (None, _) => None,
        };
        scripts
            .extend(script.map(|script| (script, format!("{} service {}", wanted.unwrap_or(""), args.name))));
        output = output.with("state", then);
    }
    let output = output.with("changed", !scripts.is_empty());
    if scripts.is_empty() {
        return Ok(Check::Done(output));
    }
    Ok(Check::Would { change: Change::Scripts(scripts, output.clone()), foreseen: output })
}
