//! `find`: what is below directories of the host and is of the kind, name, age, size, mode and content asked for. One
//! walk per task comes in as names and facts; the choice is made here. Content and checksums are asked for afterwards,
//! and only of what is left.

mod choice;
mod order;

use super::encoding::Encoding;
use super::facts::Stat;
use super::file::{WALK, read_walk};
use super::script::{self, Answer, quote, reason, word};
use super::stat::describe;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use choice::Choice;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use order::Met;
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;

/// The module.
#[derive(Debug)]
pub(super) struct Find;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    paths: Vec<String>,
    patterns: Vec<String>,
    #[serde(default)]
    excludes: Option<Vec<String>>,
    #[serde(default)]
    contains: Option<String>,
    read_whole_file: bool,
    file_type: String,
    #[serde(default)]
    age: Option<String>,
    age_stamp: String,
    #[serde(default)]
    size: Option<String>,
    recurse: bool,
    hidden: bool,
    follow: bool,
    get_checksum: bool,
    checksum_algorithm: String,
    use_regex: bool,
    #[serde(default)]
    depth: Option<i64>,
    #[serde(default)]
    mode: Option<Json>,
    exact_mode: bool,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    limit: Option<i64>,
}

/// How much content is asked for at once.
const PORTION: u64 = 8_000_000;

/// One thing below a directory.
#[derive(Clone, Debug)]
struct Entry {
    /// Its path without `.` and `..` in it.
    path: String,
    stat: Stat,
}

/// What a walk of one directory gave.
struct Walked {
    path: String,
    entries: Option<Vec<(String, Stat)>>,
}

impl Module for Find {
    const NAME: &'static str = "ansible.builtin.find";
    const SPEC: Spec = Spec::new(
        "Lists what is below directories and is as asked.",
        &[
            Opt::new("paths", Kind::List, "The directories.")
                .elements(Kind::Path)
                .aliases(&["name", "path"])
                .required(),
            Opt::new(
                "patterns",
                Kind::List,
                "Names must match one of these globs (or, with `use_regex`, patterns).",
            )
            .elements(Kind::Str)
            .aliases(&["pattern"])
            .default("[]"),
            Opt::new("excludes", Kind::List, "Names that match one of these are left out.")
                .elements(Kind::Str)
                .aliases(&["exclude"]),
            Opt::new("contains", Kind::Str, "A pattern that must match the beginning of a line of the file."),
            Opt::new(
                "read_whole_file",
                Kind::Bool,
                "`contains` may match anywhere in the file, over lines too.",
            )
            .default("false"),
            Opt::new("file_type", Kind::Str, "What to list.").default("file").choices(&[
                "any",
                "directory",
                "file",
                "link",
            ]),
            Opt::new(
                "age",
                Kind::Str,
                "At least so old (`2d`), or with a minus at most: `s`, `m`, `h`, `d`, `w`.",
            ),
            Opt::new("age_stamp", Kind::Str, "The time that counts for `age`.")
                .default("mtime")
                .choices(&["atime", "ctime", "mtime"]),
            Opt::new(
                "size",
                Kind::Str,
                "At least so large (`10m`), or with a minus at most: `b`, `k`, `m`, `g`, `t`.",
            ),
            Opt::new("recurse", Kind::Bool, "Goes down into directories.").default("false"),
            Opt::new("hidden", Kind::Bool, "Lists names that begin with a dot too.").default("false"),
            Opt::new("follow", Kind::Bool, "Goes down into directories that links lead to.").default("false"),
            Opt::new("get_checksum", Kind::Bool, "With the checksum of each file.").default("false"),
            Opt::new("checksum_algorithm", Kind::Str, "The checksum's algorithm.")
                .aliases(&["checksum", "checksum_algo"])
                .default("sha1")
                .choices(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
            Opt::new(
                "use_regex",
                Kind::Bool,
                "`patterns` and `excludes` are regular expressions for the whole name.",
            )
            .default("false"),
            Opt::new("depth", Kind::Int, "How many levels to go down at most."),
            Opt::new("mode", Kind::Raw, "The permissions, octal in quotes or symbolic."),
            Opt::new("exact_mode", Kind::Bool, "Exactly these permissions; else any one of them.")
                .default("true"),
            Opt::new(
                "encoding",
                Kind::Str,
                "How the content that `contains` looks at is encoded: UTF-8, ASCII or Latin-1.",
            ),
            Opt::new("limit", Kind::Int, "How many to list at most."),
        ],
    )
    .examples(
        "- find: {paths: /etc/kubernetes, patterns: '*.conf', recurse: true}\n  register: kubeconfigs\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut choice = Choice::of(args)?;
        let (walked, said) = walk(args, &mut choice, cx).await?;
        let (mut files, mut skipped, mut examined) = (vec![], Map::new(), 0_usize);
        let mut output = Output::new(false);
        let mut limited = false;
        for Walked { path, entries } in walked {
            let found = match entries {
                None => Found { why: Some(format!("'{path}' is not a directory")), ..Found::default() },
                Some(entries) => {
                    let limit = args.limit.and_then(|limit| usize::try_from(limit).ok());
                    let room = limit.map(|n| n.saturating_sub(files.len()));
                    chosen(args, &choice, &path, entries, room, cx).await?
                }
            };
            examined += found.examined;
            files.extend(found.files);
            if let Some(why) = found.why {
                output = output.warn(format!("Skipped '{path}' path due to this access issue: {why}\n"));
                skipped.insert(path, why.into());
            }
            limited |= args.limit.is_some_and(|limit| i64::try_from(files.len()) == Ok(limit));
        }
        let message = match (skipped.is_empty(), limited) {
            (false, _) => "Not all paths examined, check warnings for details",
            (true, true) => "Limit of matches reached",
            (true, false) => "All paths examined",
        };
        skipped.extend(said);
        if args.get_checksum {
            checksums(args, &mut files, cx).await?;
        }
        Ok(Check::Done(
            output
                .with("matched", files.len())
                .with("files", files)
                .with("msg", message)
                .with("examined", examined)
                .with("skipped_paths", Json::Object(skipped)),
        ))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Walks all directories in one go; with the places that could not be read, and why.
async fn walk(args: &Args, choice: &mut Choice<'_>, cx: &Context) -> Result<(Vec<Walked>, Map), Failure> {
    // One level more than is listed: what is there counts as examined.
    let depth = match (args.recurse, args.depth) {
        (false, _) => " -maxdepth 1".to_string(),
        (true, Some(depth)) if depth > 0 => format!(" -maxdepth {}", depth + 1),
        (true, _) => String::new(),
    };
    let follow = if args.follow { " -L" } else { "" };
    let mut script = format!(
        "export LC_ALL=C\nfind() {{ w=$1; shift; command find{follow} \"$w\"{depth} \"$@\"; }}\n\
         put \"$(date +%s)\"; put \"$(umask)\"\n"
    );
    for path in &args.paths {
        script.push_str(&format!(
            "p={}; put \"$p\"; case $p in -*) p=./$p ;; esac\n\
             if [ -d \"$p\" ]; then case $p in */) ;; *) p=$p/ ;; esac; put d; {WALK}else put ''; fi\n",
            word(path)
        ));
    }
    let done = script::exec(cx, &format!("{script}exit 0\n"), None).await?;
    let mut answer = Answer::new(done.stdout.clone());
    choice.now = answer.field()?.trim().parse().unwrap_or(0.0);
    choice.umask = u32::from_str_radix(answer.field()?.trim(), 8).unwrap_or(0o022);
    let mut walked = vec![];
    for _ in &args.paths {
        let path = answer.field()?;
        let entries = match answer.field()?.as_str() {
            "d" => Some(read_walk(&mut answer)?.into_iter().skip(1).collect()),
            _ => None,
        };
        walked.push(Walked { path, entries });
    }
    let mut said = Map::new();
    for line in done.err().lines().filter(|line| line.starts_with("find: ")) {
        let named =
            line.trim_start_matches("find: ").rsplit_once(": ").map(|(name, _)| name.trim_matches('\''));
        if let Some(name) = named.filter(|_| !line.contains("loop")) {
            let path = normal(name);
            let number = if reason(line) == "Permission denied" { 13 } else { 2 };
            said.insert(path.clone(), format!("[Errno {number}] {}: '{path}'", reason(line)).into());
        }
    }
    Ok((walked, said))
}

/// What is listed of one directory, how much was looked at, and why no more was.
#[derive(Default)]
struct Found {
    files: Vec<Json>,
    examined: usize,
    why: Option<String>,
}

/// What is listed of one directory: a walk that a file breaks off has what it found until then.
async fn chosen(
    args: &Args,
    choice: &Choice<'_>,
    top: &str,
    entries: Vec<(String, Stat)>,
    room: Option<usize>,
    cx: &Context,
) -> Result<Found, Failure> {
    let slashes = |text: &str| text.matches('/').count();
    let above = slashes(top.trim_end_matches('/')) + 1;
    let all = entries.len();
    let (mut left, mut broken) = (vec![], None);
    for met in order::met(entries) {
        let depth = (slashes(&met.entry.path) + 1).saturating_sub(above);
        if args.depth.is_some_and(|most| most != 0 && i64::try_from(depth).is_ok_and(|depth| depth > most)) {
            continue;
        }
        match choice.takes(&met.entry) {
            Ok(true) => left.push(met),
            Ok(false) => {}
            Err(why) => {
                broken = Some((met.examined, why));
                break;
            }
        }
    }
    if let (Some(pattern), "file") = (&args.contains, args.file_type.as_str()) {
        let unread;
        (left, unread) = containing(args, pattern, left, room, cx).await?;
        broken = unread.or(broken);
    }
    if let Some(room) = room.filter(|room| *room <= left.len()) {
        left.truncate(room);
        let examined = left.last().map_or(all, |met| met.examined);
        return Ok(Found { files: left.iter().map(|met| listed(&met.entry)).collect(), examined, why: None });
    }
    let (examined, why) = broken.map_or((all, None), |(examined, why)| (examined, Some(why)));
    Ok(Found { files: left.iter().map(|met| listed(&met.entry)).collect(), examined, why })
}

/// Which files have the content, and where and why it could not be told.
async fn containing(
    args: &Args,
    pattern: &str,
    files: Vec<Met>,
    room: Option<usize>,
    cx: &Context,
) -> Result<(Vec<Met>, Option<(usize, String)>), Failure> {
    if let Some(name) = args.encoding.as_deref().filter(|name| Encoding::named(name).is_none()) {
        let why = format!("unknown encoding: {name}");
        return Ok((vec![], files.first().map(|met| (met.examined, why))));
    }
    let text = choice::Content::of(pattern, args.read_whole_file, args.encoding.as_deref())?;
    let (mut kept, mut rest) = (vec![], files.as_slice());
    while !rest.is_empty() && room.is_none_or(|room| kept.len() < room) {
        let mut size = 0;
        let sizes = rest.iter().take_while(|met| {
            size += met.entry.stat.size.max(100);
            size <= PORTION
        });
        let (some, others) = rest.split_at(sizes.count().max(1));
        rest = others;
        let one = |met: &Met| format!("base64 < {} 2>/dev/null; put ''\n", quote(&met.entry.path));
        let script: String = some.iter().map(one).collect();
        let mut answer = script::run(cx, &format!("{script}exit 0\n")).await?;
        for met in some {
            let mut coded = answer.field()?;
            coded.retain(|c| !c.is_ascii_whitespace());
            let bytes = STANDARD.decode(coded).unwrap_or_default();
            match text.is_in(&bytes, &met.entry.path) {
                Ok(true) => kept.push(met.clone()),
                Ok(false) => {}
                Err(why) => return Ok((kept, Some((met.examined, why)))),
            }
        }
    }
    Ok((kept, None))
}

/// An entry of the result.
fn listed(entry: &Entry) -> Json {
    let mut out = describe(&entry.path, &entry.stat);
    for key in ["exists", "blocks", "block_size", "device_type"] {
        out.shift_remove(key);
    }
    let behind = out.keys().position(|key| key == "wusr").unwrap_or(out.len());
    for (key, name) in [("pw_name", &entry.stat.owner), ("gr_name", &entry.stat.group)] {
        out.shift_insert(behind, key.into(), name.as_deref().unwrap_or("").into());
    }
    Json::Object(out)
}

/// Adds checksums to the regular files.
async fn checksums(args: &Args, files: &mut [Json], cx: &Context) -> Result<(), Failure> {
    let mut regular: Vec<&mut Map> = files
        .iter_mut()
        .filter_map(Json::as_object_mut)
        .filter(|file| file.get("isreg").and_then(Json::as_bool) == Some(true))
        .collect();
    for some in regular.chunks_mut(500) {
        let one = |file: &&mut Map| {
            let path = file.get("path").and_then(Json::as_str).unwrap_or("");
            format!("sum {} {}\n", quote(&args.checksum_algorithm), quote(path))
        };
        let script: String = some.iter().map(one).collect();
        let mut answer = script::run(cx, &script).await?;
        for file in some {
            file.insert("checksum".into(), answer.field()?.into());
        }
    }
    Ok(())
}

/// A path without `.`, `..` and double slashes.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_means_nothing() {
        for (path, expected) in
            [("/a//b/../c/.", "/a/c"), ("./x", "x"), ("../x", "../x"), ("/..", "/"), ("./", ".")]
        {
            assert_eq!(normal(path), expected, "{path}");
        }
    }
}
