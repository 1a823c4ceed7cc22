//! One program of the target and what it printed. A command line as Ansible shows it comes in and is split into words as
//! Python's `shlex` does; nothing of it is ever read by the shell. Output comes back whole.

use crate::command::{lines, words};
use muster_engine::connection::{Command, Completed};
use muster_engine::module::{Context, Failure, Map};
use serde_json::{Map as JsonMap, Value as Json};

/// Output longer than this is cut: no package manager says so much.
const CAP: usize = 32 << 20;

/// The words of a command line, each quoted for the shell.
///
/// # Errors
/// A quote is left open.
pub(crate) fn quoted(line: &str) -> Result<String, Failure> {
    let split = words::split(line).map_err(|why| Failure::new(format!("{why}: {line}")))?;
    Ok(split.iter().map(|word| words::quote(word)).collect::<Vec<_>>().join(" "))
}

/// Runs a script whose output may be long.
///
/// # Errors
/// The road fails.
pub(crate) async fn run(cx: &Context, script: impl Into<String>) -> Result<Completed, Failure> {
    let mut command = Command::new(script);
    command.cap = Some(CAP);
    cx.exec(command).await
}

/// Programs for administration are found even where a login has no path to them, the usual ones even where a task has
/// spoilt its path.
const SBIN: &str = "for d in /sbin /usr/sbin /usr/local/sbin; do case :$PATH: in *:$d:*) ;; *) [ -d $d ] && PATH=$PATH:$d ;; esac; done\n\
    case :$PATH: in *:/usr/bin:*) ;; *) PATH=$PATH:/usr/bin:/bin ;; esac; export PATH LC_ALL=C LANG=C\n";

/// The exit code that says a program is missing.
const MISSING: i32 = 94;

/// Runs a script that needs these programs, in plain English.
///
/// # Errors
/// One of them is not there, or the road fails.
pub(crate) async fn ask(cx: &Context, programs: &[&str], script: &str) -> Result<Completed, Failure> {
    let mut whole = String::from(SBIN);
    for program in programs {
        whole.push_str(&format!(
            "command -v {program} >/dev/null 2>&1 || {{ echo \"Failed to find required executable \\\"{program}\\\" in paths: $PATH\" >&2; exit {MISSING}; }}\n"
        ));
    }
    whole.push_str(script);
    let done = run(cx, whole).await?;
    match done.rc {
        MISSING if !programs.is_empty() => Err(Failure::new(done.err().trim())),
        _ => Ok(done),
    }
}

/// What a script told in a line `key=value`.
pub(crate) fn told<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// A piece of script that prints each regular file of a directory: its path and its content, both ended by NUL.
pub(crate) fn print_files(pattern: &str) -> String {
    format!(
        "for f in {pattern}; do [ -f \"$f\" ] && [ -r \"$f\" ] || continue; printf '%s\\0' \"$f\"; cat -- \"$f\"; printf '\\0'; done\n"
    )
}

/// What [`print_files`] printed: paths and contents.
pub(crate) fn read_files(printed: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(printed);
    let mut fields = text.split('\0');
    let mut files = vec![];
    while let (Some(path), Some(content)) = (fields.next(), fields.next()) {
        files.push((path.to_string(), content.to_string()));
    }
    files
}

/// What a program printed, as `stdout`, `stderr` and their lines.
pub(crate) fn streams(out: &str, err: &str) -> Map {
    let mut map = JsonMap::new();
    for (name, text) in [("stdout", out), ("stderr", err)] {
        map.insert(name.into(), Json::from(text));
        map.insert(format!("{name}_lines"), lines(text));
    }
    map
}

/// A failure with what a program printed.
pub(crate) fn failed(message: impl Into<String>, rc: Option<i32>, out: &str, err: &str) -> Failure {
    let mut failure = Failure::new(message);
    failure.result.extend(streams(out, err));
    match rc {
        Some(rc) => failure.with("rc", rc),
        None => failure,
    }
}
