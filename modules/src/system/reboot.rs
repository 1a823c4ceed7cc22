//! `ansible.builtin.reboot`: restarts a host and waits until it is back. The id of its boot is read before; then it is
//! told to shut down, and asked again over new connections until the id is another one and a command runs.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{
    Check, Context, Failure, Kind, Manners, Module, Opt, Output, Reason, Side, Spec,
};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// `ansible.builtin.reboot`.
pub struct Reboot;

/// What a task gives to [`Reboot`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    pre_reboot_delay: f64,
    post_reboot_delay: f64,
    reboot_timeout: f64,
    connect_timeout: Option<u64>,
    test_command: String,
    msg: String,
    search_paths: Vec<String>,
    boot_time_command: String,
    reboot_command: Option<String>,
}

impl Module for Reboot {
    const NAME: &'static str = "ansible.builtin.reboot";
    const SPEC: Spec = Spec::new(
        "Restarts the target and waits until it can be used again.",
        &[
            Opt::new("pre_reboot_delay", Kind::Float, "Seconds before the shutdown, in whole minutes.")
                .aliases(&["pre_reboot_delay_sec"])
                .default("0"),
            Opt::new(
                "post_reboot_delay",
                Kind::Int,
                "Seconds before the target is asked for the first time.",
            )
            .aliases(&["post_reboot_delay_sec"])
            .default("0"),
            Opt::new("reboot_timeout", Kind::Float, "Seconds that the reboot, and then the test, may take.")
                .aliases(&["reboot_timeout_sec"])
                .default("600"),
            Opt::new("connect_timeout", Kind::Int, "Seconds that one try to connect may take.")
                .aliases(&["connect_timeout_sec"]),
            Opt::new("test_command", Kind::Str, "What must succeed on the target afterwards.")
                .default("whoami"),
            Opt::new("msg", Kind::Str, "What users of the target are told.")
                .default("Reboot initiated by Ansible"),
            Opt::new("search_paths", Kind::List, "Where `shutdown` is looked for.")
                .elements(Kind::Str)
                .default("[/sbin, /bin, /usr/sbin, /usr/bin, /usr/local/sbin]"),
            Opt::new("boot_time_command", Kind::Str, "What prints something else after each boot.")
                .default("cat /proc/sys/kernel/random/boot_id"),
            Opt::new("reboot_command", Kind::Str, "What restarts the target, with its arguments."),
        ],
    )
    .examples("- reboot:\n    reboot_timeout: 900\n")
    .side(Side::Both)
    .manners(Manners { names_first: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        if &*cx.road.target().kind == "local" {
            return Err(Failure::new("Running reboot with local connection would reboot the control node.")
                .with("changed", false)
                .with("elapsed", 0)
                .with("rebooted", false));
        }
        let foreseen = Output::new(true).with("elapsed", 0).with("rebooted", true);
        Ok(Check::Would { change: args.clone(), foreseen })
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        let before = args.boot(cx).await.map_err(|failure| match failure.reason {
            Reason::Unreachable => failure,
            Reason::Failed | Reason::Raised => failure.with("reboot", false),
        })?;
        let command = args.command(cx).await?;
        let start = match cx.sh(command).await {
            Ok(done) if !done.succeeded() => {
                let said = format!("{}, {}", done.out().trim(), done.err().trim());
                return Err(Failure::new(format!("Reboot command failed. Error was: '{said}'"))
                    .with("rebooted", false)
                    .with("elapsed", 0));
            }
            // A connection that breaks here is what was asked for.
            _ => Instant::now(),
        };
        sleep(Duration::from_secs(seconds(args.post_reboot_delay))).await;
        let waited = match args.until(cx, &Sign::Boot(before)).await {
            Ok(()) => args.until(cx, &Sign::Command).await,
            early => early,
        };
        let elapsed = start.elapsed().as_secs();
        match waited {
            Ok(()) => Ok(Output::new(true).with("rebooted", true).with("elapsed", elapsed)),
            Err(message) => Err(Failure::new(message).with("rebooted", true).with("elapsed", elapsed)),
        }
    }
}

/// Whole seconds; a negative number is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds, and never below zero"
)]
fn seconds(wanted: f64) -> u64 {
    wanted.max(0.0) as u64
}

impl Args {
    /// What tells one boot from another.
    async fn boot(&self, cx: &Context) -> Result<String, Failure> {
        let done = cx.sh(self.boot_time_command.as_str()).await?;
        if done.succeeded() {
            return Ok(done.out().trim().to_string());
        }
        Err(Failure::new(format!(
            "reboot: failed to get host boot time info, rc: {}, stdout: {}, stderr: {}",
            done.rc,
            done.out(),
            done.err()
        )))
    }

    /// The command that restarts the target.
    async fn command(&self, cx: &Context) -> Result<String, Failure> {
        let (program, rest) = match &self.reboot_command {
            Some(command) => command.split_once(' ').unwrap_or((command.as_str(), "")),
            None => ("", ""),
        };
        if program.starts_with('/') {
            return Ok(format!("{program} {rest}"));
        }
        let paths: Vec<String> = self.search_paths.iter().map(|path| quote(path)).collect();
        let script = format!(
            ". /etc/os-release 2>/dev/null; p={}; [ -n \"$p\" ] || case $ID in alpine) p=reboot;; *) p=shutdown;; esac\n\
             for d in {}; do [ -e \"$d/$p\" ] && printf '%s\\n%s' \"$ID\" \"$d/$p\" && exit 0; done; printf '%s' \"$p\"; exit 1\n",
            quote(program),
            paths.join(" ")
        );
        let seen = tool::ask(cx, &[], &script).await?;
        let said = seen.out();
        let (id, path) = match said.split_once('\n') {
            Some(found) if seen.succeeded() => found,
            _ => {
                let listed: Vec<String> = self.search_paths.iter().map(|path| format!("'{path}'")).collect();
                let listed = listed.join(", ");
                return Err(Failure::new(format!(
                    "Task failed: Unable to find command \"{said}\" in search paths: [{listed}]"
                )));
            }
        };
        if self.reboot_command.is_some() {
            return Ok(format!("{path} {rest}"));
        }
        let minutes = seconds(self.pre_reboot_delay) / 60;
        let message = self.msg.replace('\\', "\\\\").replace('"', "\\\"");
        Ok(match id {
            "alpine" => format!("{path} "),
            "void" => format!("{path} -r +{minutes} \"{message}\""),
            _ => format!("{path} -r {minutes} \"{message}\""),
        })
    }

    /// Tries until a sign shows, over a new connection each time, with growing pauses.
    async fn until(&self, cx: &Context, sign: &Sign) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(seconds(self.reboot_timeout));
        let one = Duration::from_secs(self.connect_timeout.unwrap_or(10).max(1)) + Duration::from_secs(5);
        let mut pause = Duration::from_secs(1);
        while Instant::now() < end {
            cx.road.reset();
            let left = end.saturating_duration_since(Instant::now());
            match timeout(one.min(left), self.shows(sign, cx)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(why)) => tracing::debug!(what = sign.name(), %why, "not yet"),
                Err(_) => tracing::debug!(what = sign.name(), "no answer in time"),
            }
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(Duration::from_secs(12));
        }
        Err(format!("Timed out waiting for {} (timeout={})", sign.name(), seconds(self.reboot_timeout)))
    }

    /// One try.
    async fn shows(&self, sign: &Sign, cx: &Context) -> Result<(), String> {
        let said = |failure: Failure| failure.message().to_string();
        match sign {
            Sign::Boot(before) => match self.boot(cx).await.map_err(said)? {
                now if now.is_empty() || now == *before => Err("boot time has not changed".into()),
                _ => Ok(()),
            },
            Sign::Command => match cx.sh(self.test_command.as_str()).await.map_err(said)? {
                done if done.succeeded() => Ok(()),
                done => Err(format!("Test command failed: {} {}", done.err(), done.out())),
            },
        }
    }
}

/// What shows that the target is back.
enum Sign {
    /// Its boot is another one than this.
    Boot(String),
    /// The command to test with succeeds.
    Command,
}

impl Sign {
    fn name(&self) -> &'static str {
        match self {
            Self::Boot(_) => "last boot time check",
            Self::Command => "post-reboot test command",
        }
    }
}
