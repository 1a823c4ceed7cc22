//! Each state but links: what must be done so that the path is a file, a directory, touched, or gone.

use super::times::Times;
use super::{Args, Foreseen, Work, links, not_yet, walk};
use crate::files::attributes::Wanted;
use crate::files::facts::{Facts, Stat};
use crate::files::script::quote;
use muster_engine::module::{CALLED, Context, Failure};
use serde_json::json;

/// What a look must print for a state beyond the usual.
pub(super) fn more(args: &Args, diff: bool) -> String {
    match args.state.as_deref() {
        Some("link" | "hard") => links::more(args),
        None if !args.recurse => links::more(args),
        Some("absent") if diff => {
            format!("if [ -d \"$p\" ] && [ ! -L \"$p\" ]; then put w\n{}else put -; fi\n", walk::WALK)
        }
        Some("directory") | None if args.recurse => {
            format!(
                "if [ -d \"$p\" ]; then p=$(cd -- \"$p\" && pwd -P; echo .); p=${{p%??}}; put w\n{}else put -; fi\n",
                walk::WALK
            )
        }
        _ => "put -\n".into(),
    }
}

/// What must be done.
pub(super) async fn work(args: &Args, facts: Facts, times: Times, cx: &Context) -> Result<Work, Failure> {
    let was = facts.seen.state();
    let state = match args.state.as_deref() {
        Some(state) => state,
        None if was != "absent" => was,
        None if args.recurse => "directory",
        None => "file",
    };
    if args.state.is_some() {
        return towards(state, args, facts, times, cx).await;
    }
    let called = json!({ "state": state });
    match towards(state, args, facts, times, cx).await {
        Ok(mut work) => {
            work.output = work.output.with(CALLED, called);
            Ok(work)
        }
        Err(failure) => Err(failure.with(CALLED, called)),
    }
}

/// What must be done to come to a state.
async fn towards(
    state: &str,
    args: &Args,
    mut facts: Facts,
    times: Times,
    cx: &Context,
) -> Result<Work, Failure> {
    if args.recurse && state != "directory" {
        return Err(facts.fail("recurse option requires state to be 'directory'"));
    }
    if args.src.as_deref().is_some_and(|src| !src.is_empty()) && !matches!(state, "link" | "hard") {
        return Err(facts.fail("src option requires state to be 'link' or 'hard'"));
    }
    let mut warned = muster_engine::module::Output::default();
    let wanted = if cx.check_mode && state != "absent" {
        not_yet(args, &facts, &mut warned)
    } else {
        args.wanted.clone()
    };
    let entries = match facts.rest.next().as_deref() {
        Some("w") => walk::read(&mut facts.rest)?,
        _ => vec![],
    };
    let warnings = warned.result.remove("warnings");
    let work = match state {
        "absent" => absent(&facts, &entries),
        "directory" => {
            let behind = if args.follow {
                walk::behind_links(cx, entries.get(1..).unwrap_or_default()).await?
            } else {
                vec![]
            };
            directory(args, &wanted, &facts, times, entries.iter().skip(1).chain(&behind))
        }
        "link" => links::symbolic(args, &wanted, &mut facts, times, cx),
        "hard" => links::hard(args, &wanted, &mut facts, times, cx),
        "touch" => touch(args, &wanted, &facts, times),
        _ => file(args, &wanted, &facts, times),
    };
    match (work, warnings) {
        (Ok(mut work), Some(warnings)) => {
            work.output = work.output.with("warnings", warnings);
            Ok(work)
        }
        (Err(failure), Some(warnings)) => Err(failure.with("warnings", warnings)),
        (work, None) => work,
    }
}

/// Attributes and times of what there is, on the path that counts.
pub(super) fn set_existing(
    work: &mut Work,
    wanted: &Wanted,
    facts: &Facts,
    path: &str,
    stat: &Stat,
    times: Times,
) -> Result<(), Failure> {
    work.set(wanted.against(stat, facts)?, path);
    // Times are those of what a link leads to, as utime has it.
    let timed = facts.seen.end().unwrap_or(stat);
    for command in times.commands(path, timed, &mut work.before, &mut work.after) {
        work.scripts.push(format!("{command} || exit 90\n"));
    }
    Ok(())
}

/// Where attributes go: through a link when links are followed.
fn followed(args: &Args, facts: &Facts) -> Option<(String, Stat)> {
    if args.follow && facts.seen.is_link() {
        return facts.seen.end().map(|stat| (facts.real_path().to_string(), stat.clone()));
    }
    facts.seen.stat().map(|stat| (facts.path.clone(), stat.clone()))
}

fn file(args: &Args, wanted: &Wanted, facts: &Facts, times: Times) -> Result<Work, Failure> {
    let linked = args.follow && facts.seen.is_link();
    let path = if linked { facts.real_path() } else { &facts.path };
    let was = match (linked, facts.seen.end()) {
        (true, Some(stat)) => stat.state(),
        (true, None) => "absent",
        (false, _) => facts.seen.state(),
    };
    let stat = if linked { facts.seen.end() } else { facts.seen.stat() };
    let Some(stat) = stat.filter(|_| matches!(was, "file" | "hard")) else {
        let mut failure = facts.fail(format!("file ({path}) is {was}, cannot continue"));
        if let Some(stat) = stat {
            stat.describe(&mut failure.result, false);
        }
        failure.result.insert("path".into(), path.into());
        return Err(failure.with("state", was));
    };
    let mut work = Work::new("path", path, was, "file");
    stat.describe(&mut work.output.result, false);
    set_existing(&mut work, wanted, facts, path, stat, times)?;
    Ok(work)
}

fn touch(args: &Args, wanted: &Wanted, facts: &Facts, times: Times) -> Result<Work, Failure> {
    let was = facts.seen.state();
    let path = &facts.path;
    let mut work = Work::new("dest", path, was, "touch");
    work.complaint = "Error, could not touch target.: {}".into();
    match followed(args, facts) {
        Some((target, stat)) => {
            facts.seen.describe(&mut work.output.result);
            set_existing(&mut work, wanted, facts, &target, &stat, times)?;
        }
        None => {
            let target = facts.real_path();
            work.foreseen = Foreseen::Bare;
            work.scripts.push(format!("e=$( {{ : >> {}; }} 2>&1) || die \"$e\"\n", quote(target)));
            let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
            let mut fresh = Stat::fresh(facts, 0o100_000, 0o666);
            (fresh.mtime, fresh.atime) = (now, now);
            set_existing(&mut work, wanted, facts, target, &fresh, times)?;
            // A file that cannot be as it is wanted is not left behind.
            let undone = format!("|| {{ rm -f -- {}; exit 90; }}\n", quote(target));
            for script in work.scripts.iter_mut().skip(1) {
                *script = script.replace("|| exit 90\n", &undone);
            }
        }
    }
    Ok(work)
}

fn absent(facts: &Facts, entries: &[(String, Stat)]) -> Result<Work, Failure> {
    let was = facts.seen.state();
    let path = &facts.path;
    let mut work = Work::new("path", path, was, "absent");
    work.output = work.output.with("state", "absent");
    if was == "absent" {
        work.before.clear();
        work.after.clear();
        return Ok(work);
    }
    facts.seen.describe(&mut work.stands);
    let quoted = quote(path);
    let remove = if was == "directory" {
        work.complaint = "rmtree failed: {}".into();
        let of = |dirs: bool| -> Vec<&str> {
            let wanted = entries.iter().skip(1).filter(|(_, stat)| stat.is_dir() == dirs);
            wanted.map(|(path, _)| path.as_str()).collect()
        };
        work.before.insert("path_content".into(), json!({"directories": of(true), "files": of(false)}));
        format!("e=$(rm -rf -- {quoted} 2>&1) || die \"$e\"\n")
    } else {
        work.complaint = "Unlinking failed.: {}".into();
        format!("e=$(rm -f -- {quoted} 2>&1) || die \"$e\"\n")
    };
    work.scripts.push(remove);
    Ok(work)
}

/// The directories from the nearest that exists down to `path`.
pub(in crate::files) fn missing(path: &str, near: &str) -> Vec<String> {
    let mut out = vec![];
    let mut at = if path.starts_with('/') { String::from("/") } else { String::new() };
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if !at.is_empty() && !at.ends_with('/') {
            at.push('/');
        }
        at.push_str(part);
        out.push(at.clone());
    }
    let trimmed = |path: &str| path.split('/').filter(|p| !p.is_empty()).count();
    let there = if near == "." { 0 } else { trimmed(near) };
    out.drain(..there.min(out.len()));
    out
}

fn directory<'a>(
    args: &Args,
    wanted: &Wanted,
    facts: &Facts,
    times: Times,
    below: impl Iterator<Item = &'a (String, Stat)>,
) -> Result<Work, Failure> {
    let linked = args.follow && facts.seen.is_link();
    let path = if linked { facts.real_path() } else { &facts.path };
    let stat = if linked { facts.seen.end() } else { facts.seen.stat() };
    let was = stat.map_or("absent", Stat::state);
    let mut work = Work::new("path", path, was, "directory");
    let Some(stat) = stat else {
        let fresh = Stat::fresh(facts, 0o040_000, 0o777);
        let (before, after) = (work.before.clone(), work.after.clone());
        work.foreseen = Foreseen::Diff(before, after);
        work.complaint = format!("There was an issue creating {path} as requested: {{}}");
        for made in missing(path, &facts.near) {
            let quoted = quote(&made);
            work.scripts.push(format!("e=$(mkdir -- {quoted} 2>&1) || [ -d {quoted} ] || die \"$e\"\n"));
            work.set(wanted.against(&fresh, facts)?, &made);
        }
        let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
        let fresh = Stat { mtime: now, atime: now, ..fresh };
        for command in times.commands(path, &fresh, &mut work.before, &mut work.after) {
            work.scripts.push(format!("{command} || exit 90\n"));
        }
        return Ok(work);
    };
    if was != "directory" {
        let mut failure = facts.fail(format!("{path} already exists as a {was}"));
        failure.result.insert("path".into(), path.into());
        return Err(failure);
    }
    stat.describe(&mut work.output.result, false);
    set_existing(&mut work, wanted, facts, path, stat, times)?;
    if args.recurse {
        for (path, stat) in below {
            let plan = wanted.against(stat, facts)?;
            for command in plan.commands(&quote(path)) {
                work.scripts.push(format!("{command} || exit 90\n"));
            }
            let (mut no, mut diff) = Default::default();
            for command in times.commands(path, stat, &mut no, &mut diff) {
                work.scripts.push(format!("{command} || exit 90\n"));
            }
        }
    }
    Ok(work)
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn only_directories_below_the_nearest_are_missing() {
        assert_eq!(missing("/a/b/c", "/a"), ["/a/b", "/a/b/c"]);
        assert_eq!(missing("/a//b/", "/"), ["/a", "/a/b"]);
        assert_eq!(missing("x/y", "."), ["x", "x/y"]);
        assert_eq!(missing("x/y", "x"), ["x/y"]);
    }
}
