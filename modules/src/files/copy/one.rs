//! One file to one place. The bytes and what is asked come in; either nothing is to be done, or attributes, or the
//! file is written. `template` ends here too.

use super::called;
use crate::files::attributes::Wanted;
use crate::files::diff::{self, LARGEST};
use crate::files::facts::{Content, Facts, Look, Seen, Stat, path_diff};
use crate::files::file::missing;
use crate::files::local::{md5, sha1};
use crate::files::script::{self, quote};
use crate::files::write::{Refused, Write};
use muster_engine::module::{Check, Context, Failure, Output};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// What is asked of the destination.
#[derive(Clone, Debug)]
pub(in crate::files) struct Asked<'a> {
    pub dest: &'a str,
    pub wanted: Wanted,
    pub backup: bool,
    pub force: bool,
    pub follow: bool,
    pub validate: Option<&'a str>,
    pub directory_mode: Option<Json>,
    pub checksum: Option<&'a str>,
}

/// What is to be there.
#[derive(Clone, Debug)]
pub(in crate::files) struct Source<'a> {
    pub bytes: Arc<[u8]>,
    /// Its name in a directory; content has none.
    pub name: Option<&'a str>,
    /// What names it in a difference.
    pub shown: Option<&'a str>,
}

/// What `apply` must know.
#[derive(Debug)]
pub(in crate::files) enum Change {
    /// The content is right, owner or mode is not.
    Attributes { path: String, commands: Vec<String>, output: Output },
    /// Another content.
    Write { write: Box<Write>, output: Output },
}

/// Finds what one file needs.
pub(in crate::files) async fn check(
    asked: &Asked<'_>,
    source: Source<'_>,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    let content = if cx.diff { Content::UpTo(LARGEST) } else { Content::No };
    let facts = Look::at(asked.dest)
        .inside(source.name)
        .wanted(&asked.wanted)
        .checksum("sha1")
        .content(content)
        .run(cx)
        .await?;
    decide(asked, source, &facts, cx)
}

/// The same, when somebody has looked already.
pub(super) fn decide(
    asked: &Asked<'_>,
    source: Source<'_>,
    facts: &Facts,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    if let Some(why) = facts.seen.hidden() {
        let path = &facts.path;
        return Err(Failure::new(format!(
            "Task failed: Failed to get information on remote file ({path}): {why}"
        )));
    }
    if source.name.is_none() && facts.seen.is_dir() {
        return Err(Failure::new("can not use content with a dir as dest").acted().with("diff", json!([])));
    }
    if !asked.force && facts.seen.stat().is_some() {
        let output = Output::new(false).with("dest", asked.dest).with("src", source.shown);
        return Ok(Check::Done(output));
    }
    let sum = sha1(&source.bytes);
    let regular = facts.seen.is_file() && (asked.follow || !facts.seen.is_link());
    if regular && facts.checksum.as_ref() == Some(&sum) {
        return same(asked, &source, &sum, facts, cx);
    }
    let mut differences = vec![];
    if cx.diff {
        let change = diff::Change {
            dest: &facts.path,
            source: source.shown.unwrap_or(&facts.path),
            size: facts.seen.end().map(|stat| stat.size),
            before: facts.content.as_deref(),
            after: &source.bytes,
        };
        differences.push(change.json());
    }
    let differences = Json::Array(differences);
    if cx.check_mode {
        return Ok(Check::Done(Output::new(true).with("diff", differences)));
    }
    if let Some(expected) = asked.checksum.filter(|expected| *expected != sum) {
        return Err(Failure::new("Copied file does not match the expected checksum. Transfer failed.")
            .with("diff", differences)
            .with("checksum", sum)
            .with("expected_checksum", expected));
    }
    let call = cx.invocation.then(|| called::to_write(asked, &source, &sum, Output::default()).result);
    let known = |mut failure: Failure| {
        failure.result.extend(call.clone().unwrap_or_default());
        failure.with("diff", differences.clone()).with("checksum", sum.as_str())
    };
    let write = written(asked, &source, facts).map_err(known)?;
    let output = Output::default()
        .with("diff", differences)
        .with(
            "dest",
            if write.shown.contains('/') { write.shown.clone() } else { format!("./{}", write.shown) },
        )
        .with("src", Json::Null)
        .with("md5sum", md5(&source.bytes))
        .with("checksum", sum.as_str())
        .with("changed", true);
    let output = if cx.invocation { called::to_write(asked, &source, &sum, output) } else { output };
    Ok(Check::Would { change: Change::Write { write: Box::new(write), output }, foreseen: Output::new(true) })
}

/// The content is right; what of owner and mode?
fn same(
    asked: &Asked<'_>,
    source: &Source<'_>,
    sum: &str,
    facts: &Facts,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    let path = facts.real_path();
    let stat = facts.seen.end().cloned().unwrap_or_default();
    let plan = asked.wanted.against(&stat, facts)?;
    let (mut before, mut after) = path_diff(path);
    if stat.state() == "hard" {
        before.insert("state".into(), "hard".into());
        after.insert("state".into(), "file".into());
    }
    before.extend(plan.before.clone());
    after.extend(plan.after.clone());
    let diff = if cx.diff { json!({"before": before, "after": after}) } else { json!([]) };
    let mut output =
        Output::default().with("diff", diff).with("path", path).with("changed", !plan.is_empty());
    stat.describe(&mut output.result, false);
    if cx.invocation {
        output = called::to_set(asked, source, path, output);
    }
    let output = output.with("checksum", sum).with("dest", path);
    if plan.is_empty() {
        return Ok(Check::Done(output));
    }
    let commands = plan.commands(&quote(path));
    let change = Change::Attributes { path: path.to_string(), commands, output: output.clone() };
    Ok(Check::Would { change, foreseen: output })
}

/// How another content is written.
fn written(asked: &Asked<'_>, source: &Source<'_>, facts: &Facts) -> Result<Write, Failure> {
    let makes_parents = asked.dest.ends_with('/') && !facts.parent_exists;
    if !facts.parent_exists && !makes_parents {
        let message = format!("Destination directory {} does not exist", facts.parent);
        return Err(Failure::new(message));
    }
    if !makes_parents && !facts.parent_writable && !asked.wanted.unsafe_writes(facts) {
        return Err(Failure::new(format!("Destination {} not writable", facts.parent)));
    }
    let (mut write, _) = if facts.seen.is_link() && !(asked.follow && facts.seen.exists()) {
        // A link makes way for a new file.
        let plain = Facts {
            seen: Seen {
                this: crate::files::facts::Found::Not(String::new()),
                followed: None,
                ..facts.seen.clone()
            },
            ..facts.clone()
        };
        Write::over(&plain, &asked.wanted, Arc::clone(&source.bytes))?
    } else {
        Write::over(facts, &asked.wanted, Arc::clone(&source.bytes))?
    };
    write.shown.clone_from(&write.path);
    write.backup = asked.backup;
    write.validate = asked.validate.map(str::to_string);
    if makes_parents {
        let fresh = Stat::fresh(facts, 0o040_000, 0o777);
        let plan = asked.wanted.with_mode(asked.directory_mode.clone()).against(&fresh, facts)?;
        for made in missing(&facts.parent, &facts.near) {
            let made = quote(&made);
            write.first.push_str(&format!("e=$(mkdir -- {made} 2>&1) || [ -d {made} ] || die \"$e\"\n"));
            for command in plan.commands(&made) {
                write.first.push_str(&format!("e=$({command} 2>&1) || die \"$e\"\n"));
            }
        }
    }
    write.script()?;
    Ok(write)
}

/// Makes the change.
pub(in crate::files) async fn apply(change: Change, cx: &Context) -> Result<Output, Failure> {
    match change {
        Change::Attributes { path, commands, mut output } => {
            let lines: String = commands.iter().map(|command| format!("{command} || exit 90\n")).collect();
            let mut answer = script::run(cx, &format!("{lines}look {}\n", quote(&path))).await?;
            Seen::read(&mut answer)?.describe(&mut output.result);
            Ok(output)
        }
        Change::Write { write, mut output } => {
            let written = write.run(cx).await.map_err(|why| {
                let known = |key: &str| output.result.get(key).cloned();
                let failure = refused(why).with("checksum", known("checksum")).with("diff", known("diff"));
                known(called::KEY).into_iter().fold(failure, |failure, call| failure.with(called::KEY, call))
            })?;
            written.seen.describe(&mut output.result);
            called::wrote(&written.temporary, &mut output);
            output = output.with("src", written.temporary);
            Ok(match written.backup {
                Some(name) => output.with("backup_file", name),
                None => output,
            })
        }
    }
}

/// A refusal as `copy` words it.
pub(super) fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Invalid { rc, out, err } => Failure::new("failed to validate")
            .with("exit_status", rc)
            .with("stdout_lines", lines(&out))
            .with("stderr_lines", lines(&err))
            .with("stdout", out)
            .with("stderr", err),
        Refused::Failed(failure) => failure,
    }
}

fn lines(text: &str) -> Json {
    text.lines().map(Json::from).collect()
}
