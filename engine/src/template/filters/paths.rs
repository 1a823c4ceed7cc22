//! Filters of file names. They look at names only, but for `realpath`, `expanduser`, `expandvars` and `fileglob`.

use super::Table;
use crate::template::arguments::{Args, is_list, items};
use crate::template::{Value, fault, python};
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, State};
use std::path::{Path, PathBuf};

pub const TABLE: Table = &[
    ("basename", |_, value, _| Ok(Value::from(basename(&python::text(value)?)))),
    ("dirname", |_, value, _| Ok(Value::from(dirname(&python::text(value)?)))),
    ("splitext", splitext),
    ("path_join", path_join),
    ("commonpath", commonpath),
    ("normpath", |_, value, _| Ok(Value::from(normal(&python::text(value)?)))),
    ("realpath", |_, value, _| Ok(Value::from(real(&python::text(value)?)))),
    ("relpath", relpath),
    ("expanduser", |_, value, _| Ok(Value::from(expanduser(&python::text(value)?)))),
    ("expandvars", |_, value, _| Ok(Value::from(expandvars(&python::text(value)?)))),
    ("fileglob", |_, value, _| Ok(fileglob(&python::text(value)?))),
    ("win_basename", |_, value, _| {
        let text = python::text(value)?;
        Ok(Value::from(text.rsplit(['\\', '/']).next().unwrap_or("")))
    }),
    ("win_dirname", win_dirname),
    ("win_splitdrive", |_, value, _| {
        let text = python::text(value)?;
        let drive = if text.get(1..2) == Some(":") { 2 } else { 0 };
        let (drive, rest) = text.split_at(drive);
        Ok(Value::from(Tuple::from([Value::from(drive), Value::from(rest)])))
    }),
];

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or("")
}

fn dirname(path: &str) -> &str {
    let Some(at) = path.rfind('/') else { return "" };
    let (head, _) = path.split_at(at + 1);
    let bare = head.trim_end_matches('/');
    if bare.is_empty() { head } else { bare }
}

fn splitext(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let name = basename(&text);
    let stem = name.trim_start_matches('.');
    let cut = stem.rfind('.').map_or(text.len(), |at| text.len() - stem.len() + at);
    let (root, extension) = text.split_at(cut);
    Ok(Value::from(Tuple::from([Value::from(root), Value::from(extension)])))
}

fn path_join(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let parts = match value.kind() {
        ValueKind::String => return Ok(value.clone()),
        _ if is_list(value) => items(value)?,
        _ => {
            let kind = python::type_name(value);
            return Err(fault::error(format!("|path_join expects string or sequence, got {kind} instead.")));
        }
    };
    let mut out = String::new();
    for part in parts {
        let part = python::text(&part)?;
        if part.starts_with('/') {
            out = part;
        } else {
            out += if out.is_empty() || out.ends_with('/') { "" } else { "/" };
            out += &part;
        }
    }
    Ok(Value::from(out))
}

fn commonpath(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    if !is_list(value) {
        let kind = python::type_name(value);
        return Err(fault::error(format!("|commonpath expects sequence, got {kind} instead.")));
    }
    let paths = items(value)?.iter().map(python::text).collect::<Result<Vec<_>, Error>>()?;
    let rooted = paths.first().is_some_and(|path| path.starts_with('/'));
    if paths.iter().any(|path| path.starts_with('/') != rooted) {
        return Err(fault::error("Can't mix absolute and relative paths"));
    }
    let parts = |path: &String| {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(String::from).collect::<Vec<_>>()
    };
    let mut common = paths.first().map(parts).unwrap_or_default();
    for path in &paths {
        let same = common.iter().zip(parts(path)).take_while(|(a, b)| *a == b).count();
        common.truncate(same);
    }
    Ok(Value::from(format!("{}{}", if rooted { "/" } else { "" }, common.join("/"))))
}

/// The name without `.`, `..` and doubled slashes.
pub fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut out: Vec<&str> = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if out.last().is_some_and(|last| *last != "..") => {
                out.pop();
            }
            ".." if rooted => {}
            part => out.push(part),
        }
    }
    let joined = out.join("/");
    let double = path.starts_with("//") && !path.starts_with("///");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("{}{joined}", if double { "//" } else { "/" }),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normal(path);
    }
    let here = std::env::current_dir().unwrap_or_default();
    normal(&format!("{}/{path}", here.display()))
}

fn real(path: &str) -> String {
    let path = absolute(path);
    let mut known = PathBuf::from(&path);
    let mut rest = vec![];
    loop {
        if let Ok(real) = known.canonicalize() {
            let whole = rest.iter().rev().fold(real, |path: PathBuf, part| path.join(part));
            return whole.display().to_string();
        }
        match known.file_name().map(std::ffi::OsStr::to_os_string) {
            Some(name) => rest.push(name),
            None => return path,
        }
        known.pop();
    }
}

fn relpath(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let path = absolute(&python::text(value)?);
    let start = absolute(&args.text(0, "start")?.unwrap_or_else(|| ".".into()));
    let parts =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(String::from).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let same = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let ups = std::iter::repeat_n("..".to_string(), start.len() - same);
    let out: Vec<String> = ups.chain(path.into_iter().skip(same)).collect();
    Ok(Value::from(if out.is_empty() { ".".into() } else { out.join("/") }))
}

/// `~` and `~user` as that home directory.
pub fn expanduser(path: &str) -> String {
    let Some(rest) = path.strip_prefix('~') else { return path.into() };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() {
        std::env::var("HOME").ok()
    } else {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = users.lines().find(|line| line.split(':').next() == Some(user));
        entry.and_then(|line| line.split(':').nth(5)).map(String::from)
    };
    home.map_or_else(|| path.into(), |home| format!("{}{rest}", home.trim_end_matches('/')))
}

fn expandvars(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, tail, braces) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, tail)) => (name, tail, true),
            None => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                let (name, tail) = after.split_at(end);
                (name, tail, false)
            }
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ if braces => out += &format!("${{{name}}}"),
            _ => out += &format!("${name}"),
        }
        rest = tail;
    }
    out + rest
}

/// The files that a pattern matches in its directory, in order.
pub fn glob(pattern: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str()))
    else {
        return vec![];
    };
    let Ok(matcher) = globset::GlobBuilder::new(name).literal_separator(true).build() else { return vec![] };
    let matcher = matcher.compile_matcher();
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let found = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let hidden = name.starts_with('.');
    let mut found: Vec<PathBuf> = found
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default();
            (hidden || !name.to_string_lossy().starts_with('.')) && matcher.is_match(name)
        })
        .collect();
    found.sort();
    found
}

fn fileglob(pattern: &str) -> Value {
    glob(Path::new(pattern)).iter().map(|path| path.display().to_string()).collect()
}

fn win_dirname(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let Some(at) = text.rfind(['\\', '/']) else { return Ok(Value::from("")) };
    let (head, _) = text.split_at(at + 1);
    let bare = head.trim_end_matches(['\\', '/']);
    Ok(Value::from(if bare.is_empty() || bare.ends_with(':') { head } else { bare }))
}
