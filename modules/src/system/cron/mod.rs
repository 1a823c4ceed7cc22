//! `ansible.builtin.cron`: a job or a variable of a crontab, or of a file in /etc/cron.d. The table's text comes in, the
//! new lines go out ([`table`]); a user's table goes back through `crontab`, a file is written at once.

mod table;

use crate::command::lines;
use crate::files::attributes::Wanted;
use crate::files::facts::{Content, Facts, Look};
use crate::files::script::{self, quote};
use crate::files::write::Write;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use table::Table;

/// `ansible.builtin.cron`.
pub struct Cron;

/// What a task gives to [`Cron`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    user: Option<String>,
    job: Option<String>,
    cron_file: Option<String>,
    state: String,
    backup: bool,
    minute: String,
    hour: String,
    day: String,
    month: String,
    weekday: String,
    special_time: Option<String>,
    disabled: bool,
    env: bool,
    insertafter: Option<String>,
    insertbefore: Option<String>,
}

/// What `apply` must know.
#[derive(Debug)]
pub struct Change {
    args: Args,
    /// The text that a backup keeps, and the new one.
    before: String,
    after: String,
    /// The file, if it is one; nothing in `after` then means it goes.
    file: Option<Box<Facts>>,
    removes: bool,
    output: Output,
}

impl Module for Cron {
    const NAME: &'static str = "ansible.builtin.cron";
    const SPEC: Spec = Spec::new("Makes, changes and removes jobs and variables of crontabs.", &[
        Opt::new("name", Kind::Str, "What the job is called in a comment before it, or the variable's name.").required(),
        Opt::new("user", Kind::Str, "Whose crontab, or as whom a file's job runs."),
        Opt::new("job", Kind::Str, "The command, or the variable's value.").aliases(&["value"]),
        Opt::new("cron_file", Kind::Path, "A file in place of a user's crontab; a plain name is one in /etc/cron.d."),
        Opt::new("state", Kind::Str, "Whether it shall be there.").choices(&["present", "absent"]).default("present"),
        Opt::new("backup", Kind::Bool, "Keeps a copy of the table before a change.").default("false"),
        Opt::new("minute", Kind::Str, "The minute.").default("\"*\""),
        Opt::new("hour", Kind::Str, "The hour.").default("\"*\""),
        Opt::new("day", Kind::Str, "The day of the month.").aliases(&["dom"]).default("\"*\""),
        Opt::new("month", Kind::Str, "The month.").default("\"*\""),
        Opt::new("weekday", Kind::Str, "The day of the week.").aliases(&["dow"]).default("\"*\""),
        Opt::new("special_time", Kind::Str, "A time with a name.")
            .choices(&["reboot", "yearly", "annually", "monthly", "weekly", "daily", "hourly"]),
        Opt::new("disabled", Kind::Bool, "Keeps the job as a comment.").default("false"),
        Opt::new("env", Kind::Bool, "It is a variable.").default("false"),
        Opt::new("insertafter", Kind::Str, "A new variable goes after this one."),
        Opt::new("insertbefore", Kind::Str, "A new variable goes before this one."),
    ])
    .exclusive(&[&["insertafter", "insertbefore"]])
    .examples("- cron: {name: back up etcd, hour: \"3\", minute: \"0\", user: root, job: /usr/local/bin/etcd-backup}\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let mut output = Output::new(false);
        if let Some(file) = &args.cron_file {
            if file == "/etc/crontab" {
                return Err(Failure::new("Will not manage /etc/crontab via cron_file, see documentation."));
            }
            let name = file.rsplit('/').next().unwrap_or(file);
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
                output = output.warn(format!(
                    "Filename portion of cron_file (\"{name}\") should consist solely of upper- and lower-case letters, digits, underscores, and hyphens"
                ));
            }
        }
        let (text, file) = read(args, cx).await?;
        validate(args)?;
        let mut table = Table::parse(&text, file.is_some());
        let shown = match (&file, &args.user) {
            (Some(facts), _) => facts.path.clone(),
            (None, Some(user)) => format!("crontab for user \"{user}\""),
            (None, None) => "crontab".into(),
        };
        let diff = |after: &str, header: &str, before: &str| {
            let mut diff = Map::new();
            for (key, text) in
                [("before", before), ("before_header", &shown), ("after", after), ("after_header", header)]
            {
                diff.insert(key.into(), text.into());
            }
            Json::Object(diff)
        };
        let mut changed = table.change(args)?;
        if args.env || args.state != "present" {
        } else if args.job.as_deref().unwrap_or("").trim_matches(['\r', '\n']).contains(['\r', '\n']) {
            output = output.warn("Job should not contain line breaks");
        }
        let before = table.render_of(&text);
        if changed && !args.env && args.state == "absent" && file.is_some() && table.is_empty() {
            let facts = file.as_ref();
            let is_file = facts.is_some_and(|facts| facts.seen.is_file());
            let diff =
                if cx.diff { diff("", "/dev/null", &table.existing) } else { Json::Object(Map::new()) };
            let output = output
                .with("changed", is_file)
                .with("cron_file", args.cron_file.clone())
                .with("state", args.state.as_str())
                .with("diff", diff);
            let change = Change {
                args: args.clone(),
                before,
                after: String::new(),
                file: file.map(Box::new),
                removes: true,
                output: output.clone(),
            };
            return Ok(Check::Would { change, foreseen: output });
        }
        changed |= !table.existing.is_empty() && !table.existing.ends_with(['\r', '\n']);
        output = output.with("jobs", table.jobs()).with("envs", table.variables()).with("changed", changed);
        let after = table.render();
        if changed && cx.diff {
            output = output.with("diff", diff(&after, &shown, &table.existing));
        }
        if let Some(file) = &args.cron_file {
            output = output.with("cron_file", file.as_str());
        }
        if !changed {
            return Ok(Check::Done(output));
        }
        let change = Change {
            args: args.clone(),
            before,
            after,
            file: file.map(Box::new),
            removes: false,
            output: output.clone(),
        };
        Ok(Check::Would { change, foreseen: output })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { args, before, after, file, removes, mut output } = change;
        let mut first = String::new();
        if args.backup && !removes {
            first = format!(
                "b=$(mktemp \"${{TMPDIR:-/tmp}}/crontabXXXXXX\") && printf %s {} > \"$b\" || die 'the backup could not be written'\nput \"$b\"\n",
                quote(&before)
            );
        }
        match file {
            Some(facts) if removes => {
                let path = quote(&facts.path);
                script::run(cx, &format!("e=$(rm -f -- {path} 2>&1) || die \"$e\"\n")).await?;
                return Ok(output);
            }
            Some(facts) => {
                if args.backup {
                    output = output.with("backup_file", script::run(cx, &first).await?.field()?);
                }
                let (mut write, _) = Write::over(&facts, &Wanted::default(), after.into_bytes())?;
                if !facts.seen.exists() {
                    write.bits = 0o644;
                }
                write.run(cx).await.map_err(|refused| unwritten(refused.into(), &facts.path))?;
            }
            None => {
                let script = format!(
                    "{PATHS}{first}t=$(mktemp \"${{TMPDIR:-/tmp}}/crontabXXXXXX\") || exit 1; trap 'rm -f \"$t\"' EXIT; chmod 666 \"$t\"\n\
                     cat > \"$t\"; e=$(crontab{} \"$t\" 2>&1; r=$?; echo .; exit $r) || {{ r=$?; put failed; put \"$t\"; put $r; put \"${{e%.}}\"; }}\nexit 0\n",
                    whose(&args)
                );
                let done = script::exec(cx, &script, Some(after.into_bytes().into())).await?;
                if !done.succeeded() {
                    return Err(script::failure(&done));
                }
                let mut answer = script::Answer::new(done.stdout);
                if args.backup {
                    output = output.with("backup_file", answer.field()?);
                }
                if answer.next().as_deref() == Some("failed") {
                    let (path, rc) = (answer.field()?, answer.field()?);
                    let said = answer.field()?;
                    let mut failure = Failure::new(format!("Failed to install new cronfile: {path}"))
                        .with("rc", rc.parse::<i64>().unwrap_or(1))
                        .with("stdout", "")
                        .with("stdout_lines", lines(""))
                        .with("stderr_lines", lines(&said))
                        .with("stderr", said);
                    if let Some(warnings) = output.result.remove("warnings") {
                        failure = failure.with("warnings", warnings);
                    }
                    return Err(failure);
                }
            }
        }
        Ok(output)
    }
}

const PATHS: &str = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n";
const MISSING: &str = "command -v crontab >/dev/null 2>&1 || die 'Failed to find required executable \"crontab\" in paths of the target'\n";

/// The failure of a file that could not be written, as of the file itself.
fn unwritten(failure: Failure, path: &str) -> Failure {
    let why = failure.message().split_once("by the current user: ").map(|(_, why)| why);
    let why = why.and_then(|why| why.split_once(": b'")).map(|(why, _)| why);
    why.map_or(failure.clone(), |why| Failure::new(format!("Task failed: Module failed: {why}: b'{path}'")))
}

/// The flag that names another user than the one who runs commands.
fn whose(args: &Args) -> String {
    match &args.user {
        Some(user) => format!(
            " $([ \"$(id -un)\" = {0} ] || printf '%s' '-u') $([ \"$(id -un)\" = {0} ] || printf '%s' {0})",
            quote(user)
        ),
        None => String::new(),
    }
}

/// The table's text and, if it is a file, what is at its path.
async fn read(args: &Args, cx: &Context) -> Result<(String, Option<Facts>), Failure> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(file) = &args.cron_file {
        let path = match file.starts_with(['/', '~', '$']) {
            true => file.clone(),
            false => format!("/etc/cron.d/{file}"),
        };
        let facts = Look::at(&path).content(Content::All).run(cx).await?;
        return Ok((facts.content.as_deref().map(text).unwrap_or_default(), Some(facts)));
    }
    let done = script::exec(cx, &format!("{PATHS}{MISSING}crontab{} -l\n", whose(args)), None).await?;
    match done.rc {
        0 | 1 => Ok((text(&done.stdout), None)),
        90 => Err(script::failure(&done)),
        _ => Err(Failure::new("Unable to read crontab")),
    }
}

/// Refuses what does not go together.
fn validate(args: &Args) -> Result<(), Failure> {
    let times = [&args.minute, &args.hour, &args.day, &args.month, &args.weekday];
    let present = args.state == "present";
    let wrong = if args.special_time.is_some() && times.iter().any(|time| *time != "*") {
        "You cannot combine special_time with any of the time or day/date parameters."
    } else if present && args.cron_file.is_some() && args.user.is_none() {
        "To use cron_file=... parameter you must specify user=... as well"
    } else if present && args.job.is_none() {
        "You must specify 'job' to install a new cron job or variable"
    } else if present && (args.insertafter.is_some() || args.insertbefore.is_some()) && !args.env {
        "Insertafter and insertbefore parameters are valid only with env=yes"
    } else if args.env && args.name.contains(' ') {
        "Invalid name for environment variable"
    } else {
        return Ok(());
    };
    Err(Failure::new(wrong))
}
