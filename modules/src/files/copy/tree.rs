//! A tree of files to a directory. All destinations are looked at together, a few dozen a time; directories come
//! first, then the files that differ, several at once, then links.

use super::one::{self, Asked, Source};
use crate::files::facts::{Facts, Look, Stat};
use crate::files::file::missing;
use crate::files::local::{self, Tree};
use crate::files::script::{self, quote};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use muster_engine::module::{Check, Context, Failure, Output};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What `apply` must know.
#[derive(Debug)]
pub(in crate::files) struct Change {
    /// Makes directories and sets their attributes.
    first: Vec<String>,
    files: Vec<one::Change>,
    /// Makes links and sets the attributes of directories there were.
    last: Vec<String>,
    output: Output,
}

/// Looks at many paths below `dest`, a script for a few dozen.
async fn look(asked: &Asked<'_>, names: &[&str], sum: bool, cx: &Context) -> Result<Vec<Facts>, Failure> {
    let mut out = Vec::with_capacity(names.len());
    for some in names.chunks(32) {
        let looks = some.iter().map(|name| {
            let look = Look::below(asked.dest, name).wanted(&asked.wanted);
            if sum { look.checksum("sha1") } else { look }.script()
        });
        let script: String = looks.collect();
        out.extend(Facts::read_many(script::run(cx, &script).await?, some.len())?);
    }
    Ok(out)
}

/// Finds what a tree needs.
pub(super) async fn check(
    asked: &Asked<'_>,
    source: &str,
    follow: bool,
    decrypt: bool,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    let tree = Tree::of(source, follow)?;
    let base = asked.dest.trim_end_matches('/');
    let asked = Asked { dest: if base.is_empty() { "/" } else { base }, follow: false, ..asked.clone() };
    let preserve = asked.wanted.mode.as_ref() == Some(&Json::from("preserve"));
    let plain = asked.wanted.with_mode(None);
    let directory = asked.wanted.with_mode(asked.directory_mode.clone());

    let (mut first, mut last, mut files, mut made) = (vec![], vec![], vec![], BTreeSet::new());
    let mut make = |path: &str, facts: &Facts, first: &mut Vec<String>| -> Result<(), Failure> {
        let fresh = Stat::fresh(facts, 0o040_000, 0o777);
        let plan = directory.against(&fresh, facts)?;
        for path in missing(path, &facts.near) {
            if made.insert(path.clone()) {
                let path = quote(&path);
                first.push(format!("e=$(mkdir -- {path} 2>&1) || [ -d {path} ] || die \"$e\"\n"));
                first.extend(plan.commands(&path).iter().map(|command| format!("{command} || exit 90\n")));
            }
        }
        Ok(())
    };

    let names: Vec<&str> = tree.directories.iter().map(String::as_str).collect();
    for facts in look(&asked, &names, false, cx).await? {
        match facts.seen.end() {
            Some(stat) if stat.is_dir() => {
                let plan = directory.against(stat, &facts)?;
                let commands = plan.commands(&quote(facts.real_path()));
                last.extend(commands.iter().map(|command| format!("{command} || exit 90\n")));
            }
            Some(stat) => {
                let message = format!("{} already exists as a {}", facts.path, stat.state());
                return Err(facts.fail(message));
            }
            None => make(&facts.path, &facts, &mut first)?,
        }
    }

    let names: Vec<&str> = tree.files.iter().map(|(_, name)| name.as_str()).collect();
    let mut dest = format!("{}/", asked.dest);
    for (facts, (path, name)) in look(&asked, &names, true, cx).await?.iter().zip(&tree.files) {
        if let Some(above) = facts.path.strip_suffix(name.as_str()) {
            dest = above.to_string();
        }
        let mut facts = facts.clone();
        if !facts.parent_exists {
            make(&facts.parent, &facts, &mut first)?;
            (facts.parent_exists, facts.parent_writable) = (true, true);
        }
        let mut asked = Asked { checksum: None, ..asked.clone() };
        if preserve {
            asked.wanted.mode = Some(local::mode_of(path)?.into());
        }
        let bytes = local::read(cx, path, decrypt).await?;
        let shown = path.display().to_string();
        let source = Source { bytes: bytes.into(), name: Some(name), shown: Some(&shown) };
        match one::decide(&asked, source, &facts, cx)? {
            Check::Done(output) if output.changed() => files.push(None),
            Check::Done(_) => {}
            Check::Would { change, .. } => files.push(Some(change)),
        }
    }

    let names: Vec<&str> = tree.links.iter().map(|(_, name)| name.as_str()).collect();
    for (facts, (target, _)) in look(&asked, &names, false, cx).await?.iter().zip(&tree.links) {
        let mut facts = facts.clone();
        if !facts.parent_exists {
            make(&facts.parent, &facts, &mut first)?;
            facts.parent_exists = true;
        }
        let path = quote(&facts.path);
        if facts.seen.is_link() && facts.seen.target == *target {
            let Some(stat) = facts.seen.stat() else { continue };
            let commands = plain.against(stat, &facts)?.commands(&path);
            last.extend(commands.iter().map(|command| format!("{command} || exit 90\n")));
            continue;
        }
        last.push(format!("e=$(ln -sfn -- {} {path} 2>&1) || die \"$e\"\n", quote(target)));
        let fresh = Stat::fresh(&facts, 0o120_000, 0o777);
        let commands = plain.against(&fresh, &facts)?.commands(&path);
        last.extend(commands.iter().map(|command| format!("{command} || exit 90\n")));
    }

    let changed = !(first.is_empty() && last.is_empty() && files.is_empty());
    let output = Output::new(changed).with("dest", dest).with("src", source);
    if !changed || cx.check_mode {
        return Ok(Check::Done(output));
    }
    let files = files.into_iter().flatten().collect();
    Ok(Check::Would { foreseen: output.clone(), change: Change { first, files, last, output } })
}

/// Makes the change.
pub(super) async fn apply(change: Change, cx: &Context) -> Result<Output, Failure> {
    batches(&change.first, cx).await?;
    stream::iter(change.files)
        .map(|file| one::apply(file, cx))
        .buffer_unordered(4)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    batches(&change.last, cx).await?;
    Ok(change.output)
}

/// Runs pieces of script together, as many as fit.
async fn batches(pieces: &[String], cx: &Context) -> Result<(), Failure> {
    let mut batch = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        batch.push_str(piece);
        if batch.len() > 60_000 || i + 1 == pieces.len() {
            script::run(cx, &batch).await?;
            batch.clear();
        }
    }
    Ok(())
}
