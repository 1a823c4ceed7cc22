//! Lookups in CSV and INI files.

use super::files::read_in;
use super::{Request, Table};
use crate::template::filters::regex::{Flags, regex};
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::ValueKind;
use std::collections::HashSet;

pub const TABLE: Table = &[("csvfile", csvfile), ("ini", ini)];

/// A term's own settings (`key file=x col=2`) and what is left of it.
fn settings(term: &str, names: &[&str]) -> (String, Vec<(String, String)>) {
    let (mut bare, mut found) = (vec![], vec![]);
    for word in term.split_whitespace() {
        match word.split_once('=').filter(|(name, _)| names.contains(name)) {
            Some((name, value)) => found.push((name.to_string(), value.to_string())),
            None => bare.push(word),
        }
    }
    (bare.join(" "), found)
}

fn setting(
    request: &Request,
    own: &[(String, String)],
    name: &str,
    otherwise: &str,
) -> Result<String, Error> {
    match own.iter().find(|(known, _)| known == name) {
        Some((_, value)) => Ok(value.clone()),
        None => Ok(request.option(name)?.unwrap_or_else(|| otherwise.into())),
    }
}

fn csvfile(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in request.texts()? {
        let (key, own) = settings(&term, &["file", "delimiter", "col", "keycol", "default", "encoding"]);
        let get = |name: &str, otherwise: &str| setting(request, &own, name, otherwise);
        let delimiter = match get("delimiter", "TAB")?.as_str() {
            "TAB" | "\\t" | "t" => '\t',
            text => text.chars().next().unwrap_or('\t'),
        };
        let column = |name: &str, otherwise: &str| {
            let text = get(name, otherwise)?;
            text.parse::<usize>().map_err(|_| fault::error(format!("'{text}' is no column number")))
        };
        let (col, keycol) = (column("col", "1")?, column("keycol", "0")?);
        let (file, encoding) = (get("file", "ansible.csv")?, get("encoding", "utf-8")?);
        let text = read_in(request, "files", &file, "Unable to access the file", &encoding)?;
        let rows = text.lines().map(|line| cells(line, delimiter));
        let found = rows.into_iter().find(|row| row.get(keycol) == Some(&key));
        match found.and_then(|row| row.get(col).cloned()) {
            Some(cell) => out.push(Value::from(cell)),
            None => out.extend(
                own.iter()
                    .find(|(name, _)| name == "default")
                    .map(|(_, value)| Value::from(value.as_str()))
                    .or_else(|| request.options.named("default")),
            ),
        }
    }
    Ok(out)
}

fn cells(line: &str, delimiter: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let (mut quoted, mut chars) = (false, line.chars().peekable());
    while let Some(c) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            c if c == delimiter && !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}

fn ini(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in &request.terms {
        let term = if term.kind() == ValueKind::Map { String::new() } else { python::text(term)? };
        let (key, own) =
            settings(&term, &["section", "file", "type", "re", "default", "case_sensitive", "encoding"]);
        if let Some((name, _)) = key.split_once('=').filter(|(name, _)| !name.contains(' ')) {
            return Err(fault::error(format!("'{name}' is not a valid option.")));
        }
        if key.is_empty() && !own.is_empty() {
            let lead = "No key to look up was provided as first term within string inline options";
            return Err(fault::error(format!("{lead}: {term}")));
        }
        let get = |name: &str, otherwise: &str| setting(request, &own, name, otherwise);
        let properties = get("type", "ini")? == "properties";
        let (file, encoding) = (get("file", "ansible.ini")?, get("encoding", "utf-8")?);
        let text = read_in(request, "files", &file, "Unable to access the file", &encoding)?;
        let exact = request.is("case_sensitive", false);
        let own_default =
            own.iter().find(|(name, _)| name == "default").map(|(_, v)| Value::from(v.as_str()));
        let otherwise = own_default.or_else(|| request.options.named("default"));
        let wanted = if properties { String::new() } else { get("section", "global")? };
        let (pairs, there) = section(&text, &wanted, exact);
        if let Some(what) = repeated(&text, exact) {
            let file = file.rsplit('/').next().unwrap_or(&file);
            return Err(fault::error(format!("Duplicate option in '{file}': {what}")));
        }
        if !there && !properties {
            let file = file.rsplit('/').next().unwrap_or(&file);
            return Err(fault::error(format!("No section '{wanted}' in '{file}'.")));
        }
        if request.is("re", false)
            || own.iter().any(|(name, value)| name == "re" && value.to_lowercase() == "true")
        {
            let pattern = regex(&key, Flags::default())?;
            let matching = pairs.iter().filter(|(name, _)| pattern.is_match(name).unwrap_or(false));
            out.extend(matching.map(|(_, value)| Value::from(value.as_str())));
            continue;
        }
        let fold = |name: &str| if exact { name.to_string() } else { name.to_lowercase() };
        match pairs.iter().rev().find(|(name, _)| *name == fold(&key)) {
            Some((_, value)) => out.push(Value::from(value.as_str())),
            None => out.push(otherwise.unwrap_or_else(|| Value::from(""))),
        }
    }
    Ok(out)
}

/// What Python's parser says of the first setting that a section has twice.
fn repeated(text: &str, exact: bool) -> Option<String> {
    let (mut seen, mut inside) = (HashSet::new(), String::new());
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) || line.starts_with([' ', '\t']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.into();
            continue;
        }
        let name = trimmed.split(['=', ':']).next().unwrap_or_default().trim();
        let name = if exact { name.to_string() } else { name.to_lowercase() };
        if !seen.insert((inside.clone(), name.clone())) {
            let (place, section) = (format!("[line {:>2}]", at + 1), python::repr(&Value::from(&*inside)));
            return Some(format!(
                "While reading from '<???>' {place}: option '{name}' in section {section} already exists"
            ));
        }
    }
    None
}

/// The settings of a section (those above any, if it is nameless), and whether it is there.
fn section(text: &str, wanted: &str, exact: bool) -> (Vec<(String, String)>, bool) {
    let (mut pairs, mut there, mut inside): (Vec<(String, String)>, bool, bool) =
        (vec![], wanted.is_empty(), wanted.is_empty());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name == wanted;
            there |= inside;
        } else if inside && line.starts_with([' ', '\t']) && !pairs.is_empty() {
            if let Some((_, value)) = pairs.last_mut() {
                *value = format!("{value}\n{trimmed}");
            }
        } else if inside {
            let (name, value) = trimmed.split_once(['=', ':']).unwrap_or((trimmed, ""));
            let name = if exact { name.trim().to_string() } else { name.trim().to_lowercase() };
            pairs.push((name, value.trim().into()));
        }
    }
    (pairs, there)
}
