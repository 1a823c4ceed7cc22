//! `muster run`: the house's chain. Playbooks become plays, plays a plan, the plan a run, the run events, events a
//! recap, and the recap an exit code.

use super::{listing, print};
use crate::cli::{Options, Output};
use crate::exit::{Exit, INTERRUPTED};
use crate::given::Given;
use crate::report::console::Console;
use crate::report::json::Json;
use crate::report::logged::{Log, Logged};
use crate::report::progress::Progress;
use crate::report::{Colour, Format, Look, Palette, Report, Shape, harmless};
use crate::session::Session;
use crate::site::Prepared;
use crate::terminal;
use muster_engine::diagnostic::{Class, Diagnostics};
use muster_engine::plan::Plan;
use muster_engine::recap::Recap;
use muster_engine::run::{Happening, Question, Run};
use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How often a report may show that time passes.
const TICK: Duration = Duration::from_millis(250);

/// Runs playbooks, or lists what would run.
pub fn run(session: &Session, playbooks: &[PathBuf], options: &Options) -> Result<Exit, Exit> {
    with(session, playbooks, options, Inventory::Needed)
}

/// Whether there has to be an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// That none was given is worth a warning.
    Needed,
    /// This machine will do.
    Spared,
}

/// Runs them with an inventory, or without.
pub fn with(
    session: &Session,
    playbooks: &[PathBuf],
    options: &Options,
    inventory: Inventory,
) -> Result<Exit, Exit> {
    crate::log::begin(options.show.verbose);
    let mut look = look(session, options)?;
    if options.show.output == Output::Console && look.verbosity > 0 {
        // Before anything can go wrong.
        let settings = std::mem::take(&mut look.settings);
        print(&format!("{}\n", look.palette.paint(Colour::Verbose, &harmless(&settings))));
    }
    let given = Given::read(session, &options.site)?;
    let given = if inventory == Inventory::Spared { given.without_need() } else { given };
    let prepared = Prepared::read(session, playbooks, given, options)?;
    if options.select.syntax_check || listing::is_wanted(&options.select) {
        return Ok(print(&listing::listed(session, prepared, &options.select)?));
    }
    let plan = prepared.asked(session)?.plan(session)?;
    if !io::stdin().is_terminal()
        && let Some(found) = plan.wants_a_person()
    {
        session.weigh(&Diagnostics(vec![found]))?;
    }
    let (recap, interrupted) = show(session, plan, look.clone(), options.show.output)?;
    if session.settings.retry_files_enabled {
        super::retry::write(session, playbooks, &recap);
    }
    Ok(Exit::of_run(&recap, &look.ignored, interrupted))
}

/// Runs a plan to its end, and shows what happens.
pub fn show(session: &Session, plan: Plan, look: Look, output: Output) -> Result<(Recap, bool), Exit> {
    let log = match &session.settings.log_path {
        Some(path) => Some(Log::open(path).map_err(|error| {
            let message = format!("cannot write the log `{}`: {error}", path.display());
            session.stop(Class::Error, "muster::settings::log_path", message, "")
        })?),
        None => None,
    };
    begin(session, plan, report(look, output, log))
}

fn begin(session: &Session, plan: Plan, report: Box<dyn Report>) -> Result<(Recap, bool), Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(drive(plan, report)));
    ended.map_err(|error| {
        session.stop(Class::Error, "muster::run::machine", format!("the run cannot go on: {error}"), "")
    })
}

/// Shows every event, asks what the run wants to know, and stops it when a person asks: once politely, twice now.
async fn drive(plan: Plan, mut report: Box<dyn Report>) -> io::Result<(Recap, bool)> {
    let mut asked: Option<(Question, oneshot::Receiver<Option<String>>)> = None;
    let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut run = Run::start(plan, muster_connections::builtin(crate::site::connections()));
    let (mut recap, mut interrupted, mut heard) = (Recap::default(), false, true);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            next = run.next() => match next {
                None => return Ok((recap, interrupted)),
                Some(Happening::Event(event)) => {
                    recap.record(&event);
                    // A reader that went away does not stop changes half way.
                    heard = heard && report.show(&event, &recap).is_ok();
                }
                Some(Happening::Question(question)) => {
                    report.clear();
                    let answer = terminal::typed(&question.said, &question.prompt);
                    asked = Some((question, answer));
                }
            },
            line = answered(&mut asked) => {
                let Some((question, _)) = asked.take() else { continue };
                if question.headed {
                    heard = heard && report.heading(&question.prompt).is_ok();
                }
                question.answer(line);
            }
            () = stopped(&mut signals) => {
                if interrupted {
                    std::process::exit(i32::from(INTERRUPTED));
                }
                interrupted = true;
                run.cancel();
            }
            _ = ticks.tick() => if asked.is_none() { report.tick() },
        }
    }
}

/// The answer of a person who is being asked; never, if nobody is.
async fn answered(asked: &mut Option<(Question, oneshot::Receiver<Option<String>>)>) -> Option<String> {
    match asked {
        Some((_, answer)) => answer.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

async fn stopped(signals: &mut (Signal, Signal)) {
    tokio::select! {
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
    }
}

fn report(look: Look, output: Output, log: Option<Log>) -> Box<dyn Report> {
    let out = Logged::new(BufWriter::new(io::stdout()), log.clone(), "INFO");
    match output {
        Output::Json => Box::new(Json(out)),
        Output::Console => {
            let err = Logged::new(io::stderr(), log, "WARNING");
            let console = Console::new(out, err, look);
            // A live line where a person watches.
            if terminal::is_watched() { Box::new(Progress::new(console)) } else { Box::new(console) }
        }
    }
}

/// How the console looks, by flags and settings.
///
/// # Errors
/// The settings want a report that there is none of.
pub fn look(session: &Session, options: &Options) -> Result<Look, Exit> {
    let settings = &session.settings;
    let callback = settings.stdout_callback.as_str();
    let plain = callback.strip_prefix("ansible.builtin.").unwrap_or(callback);
    let (shape, format) = match plain {
        "default" => (Shape::Default, settings.format(session.as_ansible)),
        "minimal" => (Shape::Minimal, Format::Json),
        "oneline" => (Shape::OneLine, Format::Json),
        "yaml" | "community.general.yaml" => (Shape::Default, Format::Yaml),
        "debug" | "ansible.posix.debug" => (Shape::Default, Format::Debug),
        _ => {
            let message = format!("there is no stdout callback `{callback}`");
            let help = "`default`, `debug`, `minimal`, `oneline` and `yaml` are known; `--output json` is for programs";
            return Err(session.stop(Class::Error, "muster::settings::stdout_callback", message, help));
        }
    };
    Ok(Look {
        shape,
        sources: session.as_ansible.then(|| session.sources.clone()),
        origin: None,
        verbosity: settings.verbosity.saturating_add(options.show.verbose),
        format,
        pretty: settings.callback_format_pretty,
        show_ok: settings.display_ok_hosts,
        show_skipped: settings.display_skipped_hosts,
        show_stats: settings.show_custom_stats,
        check_markers: settings.check_mode_markers,
        check_mode: options.check,
        show_start: settings.show_per_host_start,
        show_deprecations: settings.deprecation_warnings,
        path_on_failure: settings.show_task_path_on_failure,
        failed_stderr: settings.display_failed_stderr,
        diff_context: settings.diff_context,
        ignored: options.show.ignore.clone(),
        settings: match &settings.file {
            Some(file) => format!("Using {} as config file", file.display()),
            None => "No config file found; using defaults".into(),
        },
        width: terminal::width(),
        palette: Palette { on: session.is_painted() },
    })
}
