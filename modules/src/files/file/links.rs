//! Symbolic and hard links. The look tells what a new link would lead to; what must be done and Ansible's refusals
//! go out.

use super::states::set_existing;
use super::times::Times;
use super::{Args, Work};
use crate::files::attributes::Wanted;
use crate::files::facts::{Facts, Seen, Stat};
use crate::files::script::{quote, word};
use muster_engine::module::{Context, Failure};

/// Prints the link's source, expanded, where it would lead, and what is there; then whether a directory has entries.
pub(super) fn more(args: &Args) -> String {
    let base = if args.state.as_deref() != Some("hard") {
        "if [ -d \"$p\" ] && [ ! -L \"$p\" ]; then b=$p; else case $p in */*) b=${p%/*}; b=${b:-/} ;; *) b=. ;; esac; fi\n"
    } else {
        "b=.\n"
    };
    let entries = "n=; [ -d \"$p\" ] && n=$(ls -A -- \"$p\" 2>/dev/null)\nput \"${n:+n}\"\n";
    match args.src.as_deref().filter(|src| !src.is_empty()) {
        Some(src) => format!(
            "put -\ns={}\nput \"$s\"\n{base}case $s in /*) q=$s ;; *) q=$b/$s ;; esac\nput \"$q\"; look \"$q\"\n{entries}",
            word(src)
        ),
        None => format!("put -\nput ''\nput ''\nlook /dev/null/none\n{entries}"),
    }
}

/// What the look printed.
struct Source {
    /// As written, expanded on the host.
    src: Option<String>,
    /// Where that is.
    absolute: String,
    seen: Seen,
    /// Whether the path is a directory with entries.
    full: bool,
}

fn source(args: &Args, facts: &mut Facts) -> Result<Source, Failure> {
    let written = facts.rest.field()?;
    let absolute = facts.rest.field()?;
    let seen = Seen::read(&mut facts.rest)?;
    let full = facts.rest.field()? == "n";
    let src = args.src.as_ref().map(|_| written);
    Ok(Source { src, absolute, seen, full })
}

pub(super) fn symbolic(
    args: &Args,
    wanted: &Wanted,
    facts: &mut Facts,
    times: Times,
    cx: &Context,
) -> Result<Work, Failure> {
    let source = source(args, facts)?;
    let (path, was) = (facts.path.clone(), facts.seen.state());
    let kept = (args.follow && facts.seen.exists() && was == "link").then(|| facts.seen.target.clone());
    let src = source.src.clone().or(kept);
    let refuse = |message: String| facts.fail(message);
    if let (false, Some(src), true) = (args.force, &source.src, !source.seen.exists()) {
        let message = "src file does not exist, use 'force=yes' if you really want to create the link";
        return Err(refuse(format!("{message}: {}", source.absolute)).with("src", src.as_str()));
    }
    match was {
        "directory" if args.force && source.full => {
            return Err(refuse(format!("the directory {path} is not empty, refusing to convert it")));
        }
        "directory" | "file" | "hard" if !args.force => {
            return Err(refuse(format!("refusing to convert from {was} to symlink for {path}")));
        }
        _ => {}
    }
    let mut work = Work::new("dest", &path, was, "link");
    let changed = match (&src, was) {
        (None, "link") => false,
        (None, _) => return Err(Failure::new("src is required for creating new symlinks")),
        (Some(src), "link") if *src != facts.seen.target => {
            work.before.insert("src".into(), facts.seen.target.as_str().into());
            work.after.insert("src".into(), src.as_str().into());
            true
        }
        (Some(_), "link") => false,
        (Some(_), _) => true,
    };
    work.output = work.output.with("src", src.clone());
    if changed {
        let (text, place) = (quote(src.as_deref().unwrap_or("")), quote(&path));
        let empty = if was == "directory" {
            format!("e=$(rmdir -- {place} 2>&1) || die \"$e\"\n")
        } else {
            String::new()
        };
        work.scripts.push(format!("{empty}e=$(ln -sfn -- {text} {place} 2>&1) || die \"$e\"\n"));
        let doing = if was == "absent" { "linking" } else { "replacing" };
        work.complaint = format!("Error while {doing}: {{}}");
    }
    facts.seen.describe(&mut work.output.result);
    if cx.check_mode && !facts.seen.exists() {
        return Ok(work);
    }
    // What the link leads to once it is there.
    let end = match changed && !cx.check_mode {
        true => source.seen.end().map(|stat| (source.absolute.clone(), stat.clone())),
        false => facts.seen.end().map(|stat| (facts.real_path().to_string(), stat.clone())),
    };
    match (args.follow, end) {
        (true, Some((target, stat))) => set_existing(&mut work, wanted, facts, &target, &stat, times)?,
        (true, None) => {
            let text = "Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this.";
            work.output = work.output.warn(text);
        }
        (false, _) => {
            let fresh = Stat::fresh(facts, 0o120_000, 0o777);
            let stat = facts.seen.stat().filter(|_| !changed).cloned().unwrap_or(fresh);
            set_existing(&mut work, wanted, facts, &path, &stat, times)?;
        }
    }
    Ok(work)
}

pub(super) fn hard(
    args: &Args,
    wanted: &Wanted,
    facts: &mut Facts,
    times: Times,
    cx: &Context,
) -> Result<Work, Failure> {
    let source = source(args, facts)?;
    let (path, was) = (facts.path.clone(), facts.seen.state());
    let Some(src) = source.src.clone().or_else(|| (was == "hard").then(String::new)) else {
        return Err(Failure::new("src is required for creating new hardlinks"));
    };
    let given = source.src.is_some();
    let refuse = |message: &str| {
        let mut failure = Failure::new(message).with("dest", path.as_str()).with("src", src.as_str());
        facts.seen.describe(&mut failure.result);
        failure
    };
    if given && !source.seen.exists() {
        return Err(refuse("src does not exist"));
    }
    let same = |a: Option<&Stat>, b: Option<&Stat>| match (a, b) {
        (Some(a), Some(b)) => (a.inode, a.device) == (b.inode, b.device),
        _ => false,
    };
    let one = same(facts.seen.end(), source.seen.end());
    let mut work = Work::new("dest", &path, was, "hard");
    let changed = match was {
        "absent" => true,
        "link" if facts.seen.target != src => {
            work.before.insert("src".into(), facts.seen.target.as_str().into());
            work.after.insert("src".into(), src.as_str().into());
            true
        }
        "link" => false,
        "hard" if !given || one => false,
        "hard" if !args.force => {
            return Err(refuse("Cannot link, different hard link exists at destination"));
        }
        "directory" if !args.force => {
            return Err(refuse("Cannot link: different hard link exists at destination"));
        }
        "file" if !args.force => return Err(refuse("Cannot link, file exists at destination")),
        _ => true,
    };
    work.output = work.output.with("src", source.src.clone());
    if changed {
        let from = if args.follow && source.seen.is_link() { &source.seen.real } else { &src };
        let (from, place) = (quote(from), quote(&path));
        work.scripts.push(format!("e=$(ln -fn -- {from} {place} 2>&1) || die \"$e\"\n"));
        let doing = if was == "absent" { "linking" } else { "replacing" };
        work.complaint = format!("Error while {doing}: {{}}");
    }
    facts.seen.describe(&mut work.output.result);
    if cx.check_mode && !facts.seen.exists() {
        return Ok(work);
    }
    let end = if changed && !cx.check_mode { source.seen.end() } else { facts.seen.end() };
    if let Some(stat) = end.cloned() {
        set_existing(&mut work, wanted, facts, &path, &stat, times)?;
    }
    Ok(work)
}
