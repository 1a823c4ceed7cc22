//! `ansible.builtin.service`: services, whatever runs them: systemd, OpenRC, or init scripts.

use super::systemd::{self, State};
use crate::command::words::quote;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.service`.
pub struct Service;

/// What a task gives to [`Service`].
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
    #[serde(rename = "use")]
    manager: String,
}

/// What is to be done.
#[derive(Debug)]
pub enum Change {
    /// By systemd.
    Units(systemd::Args),
    /// These scripts, in order, each with the words for what it does.
    Scripts(Vec<(String, String)>, Output),
}

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
            .choices(&["reloaded", "restarted", "started", "stopped"]),
            Opt::new("enabled", Kind::Bool, "Whether it starts with the host."),
            Opt::new("arguments", Kind::Str, "More words for an init script.").aliases(&["args"]).default(""),
            Opt::new(
                "pattern",
                Kind::Str,
                "Text in the process list that means it runs, for scripts without `status`.",
            ),
            Opt::new("runlevel", Kind::Str, "The runlevel of OpenRC.").default("default"),
            Opt::new("sleep", Kind::Int, "Seconds between stop and start of a restart by an init script."),
            Opt::new("use", Kind::Str, "`auto`, `systemd`, `openrc` or `sysvinit`: what runs services.")
                .default("auto"),
        ],
    )
    .one_of(&[&["state", "enabled"]])
    .examples("- service:\n    name: containerd\n    state: started\n    enabled: true\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let manager = match args.manager.rsplit('.').next().unwrap_or("") {
            "auto" | "" => detected(cx).await?,
            "systemd" | "systemd_service" => "systemd".into(),
            other => other.to_string(),
        };
        if manager != "systemd" {
            return scripted(args, manager == "openrc", cx).await;
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

async fn detected(cx: &Context) -> Result<String, Failure> {
    let seen = cx
        .sh("if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then echo systemd\n\
             elif command -v rc-service >/dev/null 2>&1; then echo openrc\nelse echo sysvinit; fi")
        .await?;
    Ok(seen.out().trim().to_string())
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
