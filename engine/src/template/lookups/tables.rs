//! The lookup in CSV files, and how lookups are told options within a term.

use super::files::{find, read_in};
use super::{Request, Table};
use crate::node::freeform;
use crate::template::arguments::{is_list, items};
use crate::template::{Value, fault};
use minijinja::Error;

pub const TABLE: Table = &[("csvfile", csvfile)];

/// A term's own settings (`key file=x col=2`) and what is left of it.
pub fn settings(term: &str, names: &[&str]) -> (String, Vec<(String, String)>) {
    let Ok(free) = freeform::parse(term, false) else { return (term.to_string(), vec![]) };
    let (own, others): (Vec<_>, Vec<_>) =
        free.pairs.into_iter().partition(|pair| names.contains(&pair.key.as_str()));
    let others = others.iter().filter_map(|pair| term.get(pair.range.clone()).map(str::trim));
    let raw = free.raw.as_deref().map(str::trim).filter(|raw| !raw.is_empty());
    let bare: Vec<&str> = raw.into_iter().chain(others).collect();
    (bare.join(" "), own.into_iter().map(|pair| (pair.key, pair.value)).collect())
}

/// The values of a list, or the one value that is none.
fn each(value: Value) -> Result<Vec<Value>, Error> {
    if is_list(&value) { items(&value) } else { Ok(vec![value]) }
}

/// An option: the term's own, or the call's.
pub fn setting(
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
    let keyless = || fault::error("Search key is required but was not found");
    if request.terms.is_empty() {
        return Err(keyless());
    }
    for term in request.texts()? {
        let (key, own) = settings(&term, &["file", "delimiter", "col", "keycol", "default", "encoding"]);
        let words = key.split(' ').filter_map(|word| word.split_once('='));
        if let Some((name, _)) = words.into_iter().find(|(name, _)| !name.is_empty()) {
            return Err(fault::error(format!("'{name}' is not a valid option")));
        }
        if key.is_empty() {
            return Err(keyless());
        }
        let get = |name: &str, otherwise: &str| setting(request, &own, name, otherwise);
        let delimiter = match get("delimiter", "TAB")?.as_str() {
            "TAB" | "\\t" | "t" => '\t',
            text => match text.chars().collect::<Vec<_>>().as_slice() {
                [one] => *one,
                _ => return Err(fault::error("\"delimiter\" must be a 1-character string")),
            },
        };
        let column = |name: &str, otherwise: &str| {
            let text = get(name, otherwise)?;
            text.parse::<usize>().map_err(|_| {
                let what =
                    format!("Config '{name}' for 'csvfile' lookup plugin from 'Direct' has an invalid value");
                fault::error(format!("{what}: Invalid value provided for 'int': '{text}'"))
            })
        };
        let (col, keycol) = (column("col", "1")?, column("keycol", "0")?);
        let (file, encoding) = (get("file", "ansible.csv")?, get("encoding", "utf-8")?);
        if find(request, "files", &file).is_none() {
            return Err(fault::error("expected str, bytes or os.PathLike object, not NoneType"));
        }
        let text = read_in(request, "files", &file, "Unable to access the file", &encoding)?;
        let rows = text.lines().map(|line| cells(line, delimiter));
        let found = rows.into_iter().find(|row| row.get(keycol) == Some(&key));
        match found.and_then(|row| row.get(col).cloned()) {
            Some(cell) => out.push(Value::from(cell)),
            None => out.extend(
                own.iter()
                    .find(|(name, _)| name == "default")
                    .map(|(_, value)| Value::from(value.as_str()))
                    .map_or_else(
                        || request.options.named("default").map_or(Ok(vec![]), each),
                        |own| Ok(vec![own]),
                    )?,
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
