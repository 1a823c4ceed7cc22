//! `remote_src`: from one place on the host to another. Source and destination are looked at together; a directory is
//! compared entry by entry, and only what is missing or differs is copied.

use super::one::{Asked, refused};
use crate::files::attributes::Plan;
use crate::files::facts::{Facts, Look, Seen, Stat};
use crate::files::file::{WALK, missing, read_walk};
use crate::files::local::basename;
use crate::files::script::{self, Answer, quote, word};
use crate::files::write::{From, Write};
use muster_engine::module::{Check, Context, Failure, Output};
use serde_json::Value as Json;
use std::collections::HashMap;

/// What `apply` must know.
#[derive(Debug)]
pub(in crate::files) struct Change {
    write: Option<Write>,
    scripts: Vec<String>,
    dest: String,
    output: Output,
}

impl Change {
    /// What it will answer.
    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }
}

/// Finds what is needed.
pub(super) async fn check(
    asked: &Asked<'_>,
    src: &str,
    follow: bool,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    let name = basename(src.trim_end_matches('/'));
    let then = format!(
        "s={}; put \"$s\"; look \"$s\"; sum sha1 \"$s\"; sum md5 \"$s\"\n\
         if [ -d \"$s\" ]; then case $s in */) s=${{s%/}}; t=$b ;; *) t=$b/{} ;; esac\n\
         p=$s; {WALK}p=$t; put \"$t\"; if [ -d \"$t\" ]; then put w; {WALK}else put -; fi; fi\n",
        word(src),
        quote(name)
    );
    let then = format!("b={}; b=${{b%/}}\n{then}", word(asked.dest));
    let look = Look::at(asked.dest).inside(Some(name)).wanted(&asked.wanted).checksum("sha1").then(&then);
    let mut facts = look.run(cx).await?;
    let mut answer = std::mem::replace(&mut facts.rest, Answer::new(vec![]));
    let path = answer.field()?;
    let seen = Seen::read(&mut answer)?;
    let (sum, md5) = (answer.field()?, answer.field()?);
    if !seen.exists() {
        return Err(Failure::new(format!("Source {path} not found")));
    }
    if !seen.readable {
        return Err(Failure::new(format!("Source {path} not readable")));
    }
    let mut asked = asked.clone();
    let bits = seen.end().map_or(0o644, Stat::bits);
    if asked.wanted.mode.as_ref() == Some(&Json::from("preserve")) {
        asked.wanted.mode = Some(format!("0{bits:03o}").into());
    }
    if seen.is_dir() {
        return directory(&asked, &path, follow, &facts, answer, cx).await;
    }
    if !seen.is_file() {
        return Err(Failure::new(format!("Cannot copy invalid source '{path}': not a file")));
    }
    if let Some(expected) = asked.checksum.filter(|expected| *expected != sum) {
        return Err(Failure::new("Copied file does not match the expected checksum. Transfer failed.")
            .with("checksum", sum)
            .with("expected_checksum", expected));
    }
    let place = if asked.follow { facts.real_path() } else { facts.path.as_str() }.to_string();
    if !asked.force && facts.seen.exists() {
        let mut output = Output::new(false).with("msg", "file already exists");
        output = output.with("src", path).with("dest", place);
        facts.seen.describe(&mut output.result);
        return Ok(Check::Done(output));
    }
    let makes_parents = asked.dest.ends_with('/') && !facts.parent_exists;
    if makes_parents && cx.check_mode {
        let message = format!("dest directory {} would be created", facts.parent);
        return Ok(Check::Done(Output::new(true).with("msg", message).with("src", path)));
    }
    if !facts.parent_exists && !makes_parents {
        return Err(Failure::new(format!("Destination directory {} does not exist", facts.parent)));
    }
    if !makes_parents && !facts.parent_writable && !asked.wanted.unsafe_writes(&facts) {
        return Err(Failure::new(format!("Destination {} not writable", facts.parent)));
    }
    let mut output = Output::new(true)
        .with("dest", place.as_str())
        .with("src", path.as_str())
        .with("md5sum", (!md5.is_empty()).then_some(md5))
        .with("checksum", sum.as_str());
    let replaced = facts.seen.is_link() && !asked.follow;
    let differs = facts.checksum.as_deref() != Some(sum.as_str()) || replaced;
    if !differs {
        let stat = facts.seen.end().cloned().unwrap_or_default();
        let plan = asked.wanted.against(&stat, &facts)?;
        facts.seen.describe(&mut output.result);
        return Ok(done_or(plan, place, output));
    }
    // The copy has the source's mode, unless it is new: then what the umask leaves.
    let fresh = Stat::fresh(&facts, 0o100_000, 0o666);
    let base = match facts.seen.exists() {
        true => Stat { mode: 0o100_000 | bits, ..fresh },
        false => fresh,
    };
    let plan = asked.wanted.against(&base, &facts)?;
    let mut first = String::new();
    if makes_parents {
        let fresh = Stat::fresh(&facts, 0o040_000, 0o777);
        let plan = asked.wanted.with_mode(asked.directory_mode.clone()).against(&fresh, &facts)?;
        for made in missing(&facts.parent, &facts.near) {
            let made = quote(&made);
            first.push_str(&format!("e=$(mkdir -- {made} 2>&1) || [ -d {made} ] || die \"$e\"\n"));
            first.extend(plan.commands(&made).iter().map(|command| format!("{command} || exit 90\n")));
        }
    }
    let write = Write {
        path: place.clone(),
        shown: place.clone(),
        from: From::Remote(path),
        uid: plan.uid,
        gid: plan.gid,
        bits: plan.mode.unwrap_or_else(|| base.bits()),
        labels: plan.clone(),
        backup: asked.backup,
        validate: asked.validate.map(str::to_string),
        unsafe_writes: asked.wanted.unsafe_writes(&facts),
        parents: false,
        first,
    };
    write.script()?;
    let mut foreseen = output.clone();
    facts.seen.describe(&mut foreseen.result);
    let change = Change { write: Some(write), scripts: vec![], dest: place, output };
    Ok(Check::Would { change, foreseen })
}

/// Nothing to do, or owner and mode to set.
fn done_or(plan: Plan, dest: String, output: Output) -> Check<Change> {
    if plan.is_empty() {
        return Check::Done(output.with("changed", false));
    }
    let commands = plan.commands(&quote(&dest));
    let scripts = commands.iter().map(|command| format!("{command} || exit 90\n")).collect();
    Check::Would { foreseen: output.clone(), change: Change { write: None, scripts, dest, output } }
}

/// Entries of a walk, by their names below its top.
fn below(entries: Vec<(String, Stat)>) -> Vec<(String, Stat)> {
    let top = entries.first().map_or(0, |(path, _)| path.len());
    let entries = entries.into_iter().skip(1);
    entries
        .map(|(path, stat)| (path.get(top..).unwrap_or("").trim_start_matches('/').to_string(), stat))
        .collect()
}

async fn directory(
    asked: &Asked<'_>,
    path: &str,
    follow: bool,
    facts: &Facts,
    mut answer: Answer,
    cx: &Context,
) -> Result<Check<Change>, Failure> {
    let source = below(read_walk(&mut answer)?);
    let target = answer.field()?;
    let there: HashMap<String, Stat> = match answer.field()?.as_str() {
        "w" => {
            let all = read_walk(&mut answer)?;
            let top = all.first().map(|(_, stat)| (String::new(), stat.clone()));
            below(all).into_iter().chain(top).collect()
        }
        _ => HashMap::new(),
    };
    let from = path.trim_end_matches('/');
    let place = |name: &str| if name.is_empty() { target.clone() } else { format!("{target}/{name}") };
    let owners = asked.wanted.with_mode(None);
    let own = |stat: &Stat, at: &str| -> Result<Vec<String>, Failure> {
        let commands = owners.against(stat, facts)?.commands(&quote(at));
        Ok(commands.iter().map(|command| format!("{command} || exit 90\n")).collect())
    };
    let alike: Vec<&str> = source
        .iter()
        .filter(|(name, stat)| {
            stat.is_file() && there.get(name).is_some_and(|old| old.is_file() && old.size == stat.size)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let mut differing = std::collections::HashSet::new();
    for some in alike.chunks(200) {
        let script: String = some
            .iter()
            .map(|name| {
                let (a, b) = (quote(&format!("{from}/{name}")), quote(&place(name)));
                format!("cmp -s -- {a} {b} && put '' || put d\n")
            })
            .collect();
        let mut answer = script::run(cx, &script).await?;
        for name in some {
            if answer.field()? == "d" {
                differing.insert(*name);
            }
        }
    }
    let mut scripts = vec![];
    let fresh = Stat::fresh(facts, 0o040_000, 0o777);
    if let Some(stat) = there.get("") {
        scripts.extend(own(stat, &target)?);
    } else {
        for made in missing(&target, &facts.near) {
            scripts.push(format!("mkdir -p -- {} || exit 90\n", quote(&made)));
            scripts.extend(own(&fresh, &made)?);
        }
    }
    for (name, stat) in &source {
        let (a, b) = (quote(&format!("{from}/{name}")), quote(&place(name)));
        let old = there.get(name);
        let bits = stat.bits();
        let made = if stat.is_link() && !follow {
            (old.is_none())
                .then(|| format!("l=$(readlink -- {a}; echo .); ln -s -- \"${{l%??}}\" {b} || exit 90\n"))
        } else if stat.is_link() {
            old.is_none().then(|| format!("cp -RL -- {a} {b} || exit 90\n"))
        } else if stat.is_dir() {
            old.is_none().then(|| format!("mkdir -- {b} && chmod {bits:05o} -- {b} || exit 90\n"))
        } else if stat.is_file() {
            let differs = old.is_none_or(|old| !old.is_file() || old.size != stat.size)
                || differing.contains(name.as_str());
            differs.then(|| format!("cp -- {a} {b} && chmod {bits:05o} -- {b} || exit 90\n"))
        } else {
            None
        };
        let new = Stat { mode: stat.mode, ..fresh.clone() };
        let base = if made.is_some() { &new } else { old.unwrap_or(&new) };
        scripts.extend(made);
        scripts.extend(own(base, &place(name))?);
    }
    let above = facts.path.strip_suffix(basename(from)).unwrap_or(&facts.path);
    let dest = match (facts.inside, path.ends_with('/')) {
        (true, false) => facts.path.clone(),
        (true, true) => above.to_string(),
        (false, true) if asked.dest.ends_with('/') => above.to_string(),
        (false, _) => facts.path.clone(),
    };
    let mut output = Output::new(true)
        .with("dest", dest.as_str())
        .with("src", path)
        .with("md5sum", Json::Null)
        .with("checksum", Json::Null);
    // What is asked of attributes holds for the top; what lies below keeps the source's modes.
    let top = match there.get("") {
        Some(stat) => (facts.inside || dest.ends_with('/')).then_some((stat, target.as_str())),
        None => Some((&fresh, dest.as_str())),
    };
    if let Some((stat, at)) = top {
        let plan = asked.wanted.against(stat, facts)?;
        let commands = plan.commands(&quote(at));
        scripts.extend(commands.iter().map(|command| format!("{command} || exit 90\n")));
    }
    if scripts.is_empty() {
        if let Some(stat) = there.get("") {
            stat.describe(&mut output.result, false);
        }
        return Ok(Check::Done(output.with("changed", false)));
    }
    let change = Change { write: None, scripts, dest, output: output.clone() };
    Ok(Check::Would { change, foreseen: output })
}

/// Makes the change.
pub(super) async fn apply(change: Change, cx: &Context) -> Result<Output, Failure> {
    let Change { write, scripts, dest, mut output } = change;
    if let Some(write) = write {
        let written = write.run(cx).await.map_err(refused)?;
        written.seen.describe(&mut output.result);
        return Ok(match written.backup {
            Some(name) => output.with("backup_file", name),
            None => output,
        });
    }
    for some in scripts.chunks(300) {
        script::run(cx, &some.concat()).await?;
    }
    let mut answer = script::run(cx, &format!("look {}\n", quote(&dest))).await?;
    Seen::read(&mut answer)?.describe(&mut output.result);
    Ok(output)
}
