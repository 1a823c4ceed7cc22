//! `ansible.builtin.pause`: waits for a time, or for a person at the terminal where there is one.

use crate::command::moment;
use jiff::Zoned;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;
use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

/// `ansible.builtin.pause`.
pub struct Pause;

/// What a task gives to [`Pause`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    seconds: Option<Json>,
    minutes: Option<Json>,
    prompt: Option<String>,
    echo: bool,
}

impl Module for Pause {
    const NAME: &'static str = "ansible.builtin.pause";
    const SPEC: Spec = Spec::new(
        "Waits for a time, or until a person presses enter.",
        &[
            Opt::new("seconds", Kind::Raw, "How many seconds to wait."),
            Opt::new("minutes", Kind::Raw, "How many minutes to wait."),
            Opt::new("prompt", Kind::Str, "What to ask."),
            Opt::new("echo", Kind::Bool, "Whether what is typed is shown.").default("true"),
        ],
    )
    .exclusive(&[&["minutes", "seconds"]])
    .examples("- pause:\n    seconds: 10\n- pause:\n    prompt: is the machine off\n  register: answer\n")
    .side(Side::Controller)
    .manners(Manners { short: true, ..Manners::USUAL });
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let minutes = whole("minutes", args.minutes.as_ref())?;
        let seconds = minutes.map(|n| n.saturating_mul(60)).or(whole("seconds", args.seconds.as_ref())?);
        let (began, start) = (Instant::now(), Zoned::now());
        let (mut typed, mut warning) = (String::new(), None);
        match seconds {
            Some(seconds) => {
                let seconds = seconds.max(1);
                let hidden = if args.echo { "" } else { " (output is hidden)" };
                cx.live.line(format!("Pausing for {seconds} seconds{hidden}"));
                if args.prompt.is_some() {
                    cx.live.line("(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)");
                }
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            None if std::io::stdin().is_terminal() => {
                let prompt = args.prompt.as_deref().unwrap_or("Press enter to continue, Ctrl+C to interrupt");
                typed = asked(prompt, args.echo).await;
            }
            None => warning = Some("Not waiting for response to prompt as stdin is not interactive"),
        }
        let lasted = began.elapsed();
        let (amount, unit) = match args.seconds {
            Some(_) => (lasted.as_secs_f64(), "seconds"),
            None => (lasted.as_secs_f64() / 60.0, "minutes"),
        };
        let rounded = (amount * 100.0).round() / 100.0;
        let output = Output::new(false)
            .with("rc", 0)
            .with("stderr", "")
            .with("stdout", format!("Paused for {rounded:?} {unit}"))
            .with("start", moment(&start))
            .with("stop", moment(&Zoned::now()))
            .with("delta", lasted.as_secs())
            .with("echo", args.echo)
            .with("user_input", typed);
        Ok(Check::Done(match warning {
            Some(text) => output.warn(text),
            None => output,
        }))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// A whole number, as Python's `int` takes it.
fn whole(option: &str, value: Option<&Json>) -> Result<Option<u64>, Failure> {
    let (kind, text) = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Number(number)) => {
            let float = number.as_f64().unwrap_or(0.0).max(0.0);
            return Ok(Some(Duration::try_from_secs_f64(float).map_or(u64::MAX, |d| d.as_secs())));
        }
        Some(Json::String(text)) => match text.trim().parse::<i64>() {
            Ok(number) => return Ok(Some(u64::try_from(number).unwrap_or(0))),
            Err(_) => ("str", text.clone()),
        },
        Some(other) => ("another type", other.to_string()),
    };
    Err(Failure::new(format!(
        "argument '{option}' is of type {kind} and we were unable to convert to int: \
         invalid literal for int() with base 10: '{text}'"
    ))
    .raised())
}

/// One line from the terminal. The thread that reads is left behind when the run is cancelled: a read cannot be.
async fn asked(prompt: &str, echo: bool) -> String {
    let hidden = if echo { "" } else { " (output is hidden)" };
    let prompt = format!("{prompt}{hidden}:\n");
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let mut stderr = std::io::stderr();
        let shown = stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush());
        let quiet = (!echo).then(Quiet::begin);
        let read = shown.and_then(|()| std::io::stdin().lock().read_line(&mut line));
        drop(quiet);
        // Nobody waits for the answer of a run that was cancelled.
        let _ = tell.send(read.map(|_| line).unwrap_or_default());
    });
    told.await.unwrap_or_default().trim_end_matches(['\r', '\n']).to_string()
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Quiet(Option<rustix::termios::Termios>);

impl Quiet {
    fn begin() -> Self {
        let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(rustix::termios::LocalModes::ECHO);
            set(&modes);
        }
        Self(before)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            set(before);
        }
    }
}

fn set(modes: &rustix::termios::Termios) {
    let now = rustix::termios::OptionalActions::Now;
    if let Err(error) = rustix::termios::tcsetattr(std::io::stdin(), now, modes) {
        tracing::debug!(%error, "the terminal kept its modes");
    }
}
