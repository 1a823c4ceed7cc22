//! Everything below a directory on the host, with what `stat` says of each. A directory is walked in one go: first the
//! names, then the facts in the same order.

use crate::files::facts::{Found, Seen, Stat};
use crate::files::script::{self, Answer, quote};
use muster_engine::module::{Context, Failure};
use std::collections::HashSet;

/// Prints what is at `$p` and below: names, an empty field, facts. `find` comes back to where it began, which the user
/// who is become may not enter: it begins at the root if it can.
pub(in crate::files) const WALK: &str = "find \"$p\" -print0; put ''\n\
    put \"$(case $p in /*) cd / ;; esac; find \"$p\" -exec env LC_ALL=C stat -c \"$F\" -- {} +)\"\n";

/// Reads what [`WALK`] printed, the directory itself first.
pub(in crate::files) fn read(answer: &mut Answer) -> Result<Vec<(String, Stat)>, Failure> {
    let mut names = vec![];
    loop {
        match answer.field()? {
            name if name.is_empty() => break,
            name => names.push(name),
        }
    }
    let facts = answer.field()?;
    let stats: Vec<Stat> = facts.lines().filter_map(|line| Found::parse(line).stat().cloned()).collect();
    if stats.len() != names.len() {
        return Err(Failure::new(format!(
            "{} changed while it was walked; try again",
            names.first().map_or("the directory", String::as_str)
        )));
    }
    Ok(names.into_iter().zip(stats).collect())
}

/// What the links among `entries` lead to, and what is below those; each once.
pub(in crate::files) async fn behind_links(
    cx: &Context,
    entries: &[(String, Stat)],
) -> Result<Vec<(String, Stat)>, Failure> {
    let mut known: HashSet<(u64, u64)> = entries.iter().map(|(_, s)| (s.device, s.inode)).collect();
    let links = |all: &[(String, Stat)]| -> Vec<String> {
        all.iter().filter(|(_, stat)| stat.is_link()).map(|(path, _)| path.clone()).collect()
    };
    let (mut out, mut todo) = (vec![], links(entries));
    while let Some(link) = todo.pop() {
        let mut answer = script::run(cx, &format!("look {}\n", quote(&link))).await?;
        let seen = Seen::read(&mut answer)?;
        let Some(stat) = seen.end().filter(|stat| known.insert((stat.device, stat.inode))) else { continue };
        if stat.is_dir() {
            let mut answer = script::run(cx, &format!("p={}\n{WALK}", quote(&seen.real))).await?;
            let below = read(&mut answer)?;
            let fresh = below.into_iter().skip(1).filter(|(_, s)| known.insert((s.device, s.inode)));
            let fresh: Vec<_> = fresh.collect();
            todo.extend(links(&fresh));
            out.extend(fresh);
        }
        out.push((seen.real.clone(), stat.clone()));
    }
    Ok(out)
}
