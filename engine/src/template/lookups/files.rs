//! Lookups of files on this machine. Relative names are searched for as Ansible does: in `files` (or `templates`,
//! `vars`) of each searched directory, then in the directory itself.

use super::{Request, Table, not_found};
use crate::template::arguments::{is_list, items};
use crate::template::filters::paths::{expanduser, glob};
use crate::template::predicates::words::is_vault;
use crate::template::{FileOptions, Scope, Value, Variable, about, fault, managed, python, vault};
use minijinja::Error;
use minijinja::value::ValueKind;
use std::path::{Path, PathBuf};

pub const TABLE: Table = &[
    ("file", |request| each(request, "files", "Unable to access the file")),
    ("unvault", |request| {
        let read =
            |name: &String| read(request, "files", name, "Unable to find file matching").map(Value::from);
        request.texts()?.iter().map(read).collect()
    }),
    ("template", template),
    ("fileglob", fileglob),
    ("first_found", first_found),
];

/// Where a file is that a lookup names.
pub fn find(request: &Request, folder: &str, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(expanduser(name));
    if path.is_absolute() {
        return path.exists().then_some(path);
    }
    let search = request.core.around.search.iter();
    let mut tried = search.flat_map(|dir| [dir.join(folder).join(&path), dir.join(&path)]);
    tried.find(|path| path.exists())
}

/// The text of a file, decrypted if it is a vault.
pub fn read(request: &Request, folder: &str, name: &str, missing: &str) -> Result<String, Error> {
    read_in(request, folder, name, missing, "utf-8")
}

/// The same of a file in some encoding.
pub fn read_in(
    request: &Request,
    folder: &str,
    name: &str,
    missing: &str,
    encoding: &str,
) -> Result<String, Error> {
    let path = find(request, folder, name).ok_or_else(|| not_found(missing, name))?;
    let bytes = std::fs::read(&path).map_err(|error| fault::error(format!("{}: {error}", path.display())))?;
    let encoding = encoding_rs::Encoding::for_label(encoding.replace('_', "-").as_bytes())
        .ok_or_else(|| fault::error(format!("unknown encoding: {encoding}")))?;
    let text = encoding.decode_without_bom_handling(&bytes).0.into_owned();
    if is_vault(&text) { vault::decrypt(&request.core.around, &text).map_err(fault::error) } else { Ok(text) }
}

fn each(request: &Request, folder: &str, missing: &str) -> Result<Vec<Value>, Error> {
    let (left, right) = (request.is("lstrip", false), request.is("rstrip", true));
    let text = |name: &String| {
        let text = read(request, folder, name, missing)?;
        let text = if left { text.trim_start() } else { &text };
        Ok(Value::from(if right { text.trim_end() } else { text }))
    };
    request.texts()?.iter().map(text).collect()
}

fn template(request: &Request) -> Result<Vec<Value>, Error> {
    let pair = |start: &str, end: &str, otherwise: (&str, &str)| {
        let (start, end) = (request.option(start)?, request.option(end)?);
        Ok::<_, Error>(match (start, end) {
            (None, None) => None,
            (start, end) => {
                Some((start.unwrap_or_else(|| otherwise.0.into()), end.unwrap_or_else(|| otherwise.1.into())))
            }
        })
    };
    let flag = |name: &str| request.options.named(name).map(|value| value.is_true());
    let options = FileOptions {
        trim_blocks: flag("trim_blocks"),
        lstrip_blocks: flag("lstrip_blocks"),
        variable: pair("variable_start_string", "variable_end_string", ("{{", "}}"))?,
        block: pair("block_start_string", "block_end_string", ("{%", "%}"))?,
        comment: pair("comment_start_string", "comment_end_string", ("{#", "#}"))?,
        ..FileOptions::default()
    };
    let scope = Scope::of(request.core.clone());
    let scope = match request.options.named("template_vars") {
        Some(vars) if vars.kind() == ValueKind::Map => {
            let pairs = crate::template::arguments::entries(&vars)?.into_iter();
            let front = pairs.map(|(name, value)| Ok((python::text(&name)?.into(), Variable::Known(value))));
            scope.with(front.collect::<Result<_, Error>>()?)
        }
        _ => scope,
    };
    let render = |name: &String| {
        let missing = || fault::error(format!("the template file {name} could not be found for the lookup"));
        let path = find(request, "templates", name).ok_or_else(missing)?;
        let text = read(request, "templates", name, "Unable to access the file")?;
        let mut front = about(&path, name, None).map_err(|error| fault::error(error.to_string()))?;
        if request.core.names.get("ansible_managed").is_none() {
            let text = managed(request.core.around.managed.as_deref(), &path, &front);
            front.insert("ansible_managed".into(), Variable::Known(text));
        }
        Ok(scope.with(front).file_value(&path.display().to_string(), &text, &options)?)
    };
    request.texts()?.iter().map(render).collect()
}

fn fileglob(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for pattern in request.texts()? {
        let pattern = PathBuf::from(expanduser(&pattern));
        let dirs: Vec<PathBuf> = if pattern.is_absolute() {
            vec![PathBuf::new()]
        } else {
            request.core.around.search.iter().flat_map(|dir| [dir.join("files"), dir.clone()]).collect()
        };
        let found = dirs.iter().map(|dir| glob(&dir.join(&pattern))).find(|found| !found.is_empty());
        out.extend(found.into_iter().flatten().map(|path| Value::from(path.display().to_string())));
    }
    Ok(out)
}

/// Text split at commas, semicolons and colons, or a list as it is.
fn names(value: Option<Value>) -> Result<Vec<String>, Error> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(vec![]),
        Some(list) if is_list(&list) => {
            let all = items(&list)?.into_iter().map(|item| names(Some(item)));
            Ok(all.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Some(text) => {
            let text = python::text(&text)?;
            Ok(text
                .split([',', ';'])
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(String::from)
                .collect())
        }
    }
}

/// The option that tells `first_found` where to look: not one that a playbook has.
pub const FOLDER: &str = "_folder";

fn first_found(request: &Request) -> Result<Vec<Value>, Error> {
    let mut skip = request.is("skip", false);
    let mut tried: Vec<String> = vec![];
    let join = |files: Vec<String>, paths: Vec<String>| match paths.is_empty() {
        true => files,
        false => {
            let beside = |path: &String| {
                files.iter().map(|file| Path::new(path).join(file).display().to_string()).collect::<Vec<_>>()
            };
            paths.iter().flat_map(beside).collect()
        }
    };
    let (files, paths) = (names(request.options.named("files"))?, names(request.options.named("paths"))?);
    for term in &request.terms {
        let all = if is_list(term) { items(term)? } else { vec![term.clone()] };
        for term in all {
            if term.kind() == ValueKind::Map {
                skip |= term.get_attr("skip")?.is_true();
                tried.extend(join(
                    names(Some(term.get_attr("files")?).filter(|v| !v.is_undefined()))?,
                    names(Some(term.get_attr("paths")?).filter(|v| !v.is_undefined()))?,
                ));
            } else if term.as_str().is_some() || is_list(&term) {
                tried.extend(join(names(Some(term))?, paths.clone()));
            } else {
                let kind = python::type_name(&term);
                let wanted = "Invalid term supplied. A string, dict or list is required";
                return Err(fault::error(format!("{wanted}, not '{kind}').")));
            }
        }
    }
    tried.extend(join(files, paths));
    // A loop looks in the folder of what its task does, a call in the searched directories only.
    let folder = request.option(FOLDER)?.unwrap_or_default();
    let found = tried.iter().find_map(|name| find(request, &folder, name));
    match found {
        Some(path) => Ok(vec![Value::from(path.display().to_string())]),
        None if skip => Ok(vec![]),
        None => Err(fault::error("No file was found when using first_found.")),
    }
}
