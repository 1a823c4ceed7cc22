//! Lookups that only turn terms about, and those of variables.

use super::{Request, Table};
use crate::template::arguments::{entries, is_list, items};
use crate::template::filters::regex::{Flags, regex};
use crate::template::filters::sequences::cartesian as combinations;
use crate::template::{Value, fault, finish, python};
use minijinja::Error;
use minijinja::value::{Tuple, ValueKind};
use rand::Rng;

pub const TABLE: Table = &[
    ("items", |request| flat(&request.terms)),
    ("list", |request| Ok(request.terms.clone())),
    ("indexed_items", |request| {
        let pair = |(i, item): (usize, Value)| Value::from(Tuple::from([Value::from(i), item]));
        Ok(flat(&request.terms)?.into_iter().enumerate().map(pair).collect())
    }),
    ("flattened", |request| {
        fn deep(all: &[Value], out: &mut Vec<Value>) -> Result<(), Error> {
            for item in all {
                if is_list(item) { deep(&items(item)?, out)? } else { out.push(item.clone()) }
            }
            Ok(())
        }
        let mut out = vec![];
        deep(&request.terms, &mut out)?;
        Ok(out)
    }),
    ("dict", dict),
    ("nested", nested),
    ("cartesian", cartesian),
    ("together", together),
    ("subelements", |request| {
        let refuse = |why: &str| {
            fault::error(format!("subelements lookup expects a list of two or three items, {why}"))
        };
        let [list, key, rest @ ..] = request.terms.as_slice() else { return Err(refuse("")) };
        if !(is_list(list) || list.kind() == ValueKind::Map) || key.as_str().is_none() {
            return Err(refuse("first a dict or a list, second a string pointing to the subkey"));
        }
        let known = |flags: &Value| {
            flags.kind() == ValueKind::Map
                && entries(flags)
                    .is_ok_and(|all| all.iter().all(|(name, _)| name.as_str() == Some("skip_missing")))
        };
        if !rest.iter().all(known) || rest.len() > 1 {
            return Err(refuse("the optional third item must be a dict with flags ('skip_missing',)"));
        }
        let skip = rest.first().map(|flags| flags.get_attr("skip_missing")).transpose()?;
        let (skip, key) = (skip.is_some_and(|skip| skip.is_true()), python::text(key)?);
        let all = match list.kind() {
            // What a skipped task registered has no items.
            ValueKind::Map if list.get_attr("skipped")?.is_true() => vec![],
            ValueKind::Map => entries(list)?.into_iter().map(|(_, item)| item).collect(),
            _ => items(list)?,
        };
        let mut out = vec![];
        for item in all {
            for sub in within(&item, &key, skip)? {
                out.push(without(&Value::from(Tuple::from([item.clone(), sub])), &key)?);
            }
        }
        Ok(out)
    }),
    ("random_choice", |request| {
        if request.terms.is_empty() {
            return Ok(vec![]);
        }
        let at = rand::rng().random_range(0..request.terms.len());
        Ok(request.terms.get(at).cloned().into_iter().collect())
    }),
    ("env", |request| {
        let otherwise = request.options.named("default").unwrap_or_else(|| Value::from(""));
        let name = |term: &String| term.split_whitespace().next().unwrap_or("").to_string();
        let get = |term: &String| {
            std::env::var(name(term)).map(Value::from).unwrap_or_else(|_| {
                if otherwise.is_undefined() {
                    let said = format!("The environment variable '{}' is not set.", name(term));
                    fault::remember_unless_told(said);
                }
                otherwise.clone()
            })
        };
        Ok(request.texts()?.iter().map(get).collect())
    }),
    ("vars", vars),
    ("varnames", varnames),
];

/// The list at a path within an item; an item that a loop skipped has none.
fn within(item: &Value, path: &str, skip: bool) -> Result<Vec<Value>, Error> {
    if item.kind() != ValueKind::Map {
        let item = python::text(item)?;
        return Err(fault::error(format!("subelements lookup expects a dictionary, got '{item}'")));
    }
    if item.get_attr("skipped")?.is_true() {
        return Ok(vec![]);
    }
    let mut inner = item.clone();
    let mut parts = path.split('.').peekable();
    while let Some(key) = parts.next() {
        let found = fault::valid(inner.get_attr(key)?)?;
        let wanted = match parts.peek() {
            _ if found.is_undefined() => {
                let inner = python::text(&inner)?;
                Err(format!("could not find '{key}' key in iterated item '{inner}'"))
            }
            Some(_) if found.kind() != ValueKind::Map => {
                let found = python::text(&found)?;
                Err(format!("the key {key} should point to a dictionary, got '{found}'"))
            }
            None if !is_list(&found) => {
                let found = python::text(&found)?;
                return Err(fault::error(format!("the key {key} should point to a list, got '{found}'")));
            }
            _ => Ok(()),
        };
        match wanted {
            Ok(()) => inner = found,
            Err(_) if skip => return Ok(vec![]),
            Err(said) => return Err(fault::error(said)),
        }
    }
    items(&inner)
}

/// A pair whose first item lacks the list that the second one is from.
fn without(pair: &Value, path: &str) -> Result<Value, Error> {
    fn cut(map: &Value, path: &[&str]) -> Result<Value, Error> {
        let Some((first, rest)) = path.split_first() else { return Ok(map.clone()) };
        let mut out = vec![];
        for (key, value) in entries(map)? {
            match (key.as_str() == Some(*first), rest.is_empty()) {
                (true, true) => {}
                (true, false) => out.push((key, cut(&value, rest)?)),
                _ => out.push((key, value)),
            }
        }
        Ok(Value::from_pairs(out))
    }
    let path: Vec<&str> = path.split('.').collect();
    let first = cut(&pair.get_item_by_index(0)?, &path)?;
    Ok(Value::from(Tuple::from([first, pair.get_item_by_index(1)?])))
}

/// Lists among the terms are opened, one level deep.
fn flat(terms: &[Value]) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in terms {
        if is_list(term) { out.extend(items(term)?) } else { out.push(term.clone()) }
    }
    Ok(out)
}

fn dict(request: &Request) -> Result<Vec<Value>, Error> {
    let mut out = vec![];
    for term in &request.terms {
        if term.kind() != ValueKind::Map {
            return Err(fault::error(format!(
                "the 'dict' lookup plugin expects a dictionary, got '{}' of type <class '{}'>)",
                python::text(term).unwrap_or_default(),
                python::type_name(term)
            )));
        }
        let pair = |(key, value)| Value::from_pairs([("key", key), ("value", value)]);
        out.extend(entries(term)?.into_iter().map(pair));
    }
    Ok(out)
}

fn columns(request: &Request) -> Result<Vec<Vec<Value>>, Error> {
    let column = |term: &Value| if is_list(term) { items(term) } else { Ok(vec![term.clone()]) };
    request.terms.iter().map(column).collect()
}

fn nested(request: &Request) -> Result<Vec<Value>, Error> {
    if request.terms.is_empty() {
        return Err(fault::error("with_nested requires at least one element in the nested list"));
    }
    rows(request)
}

/// `nested` by its other name, which has its own words for nothing.
fn cartesian(request: &Request) -> Result<Vec<Value>, Error> {
    if request.terms.is_empty() {
        return Err(fault::error("with_cartesian requires at least one element in each list"));
    }
    rows(request)
}

fn rows(request: &Request) -> Result<Vec<Value>, Error> {
    Ok(combinations(&columns(request)?).into_iter().map(Value::from).collect())
}

fn together(request: &Request) -> Result<Vec<Value>, Error> {
    let columns = columns(request)?;
    if columns.is_empty() {
        return Err(fault::error("with_together requires at least one element in each list"));
    }
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: &Vec<Value>, i: usize| column.get(i).cloned().unwrap_or_else(|| Value::from(()));
    Ok((0..rows).map(|i| columns.iter().map(|column| cell(column, i)).collect::<Value>()).collect())
}

fn vars(request: &Request) -> Result<Vec<Value>, Error> {
    if let Some(term) = request.terms.iter().find(|term| term.as_str().is_none()) {
        let kind = python::type_name(term);
        return Err(fault::error(format!("Variable name must be 'str' not '{kind}'.")));
    }
    let get = |name: &String| match request.core.variable(name) {
        Some(value) if !value.is_undefined() => finish::finish(value),
        _ => request
            .options
            .named("default")
            .ok_or_else(|| fault::undefined(format!("No variable named '{name}' was found."))),
    };
    request.texts()?.iter().map(get).collect()
}

fn varnames(request: &Request) -> Result<Vec<Value>, Error> {
    let mut names = request.core.names.names();
    names.sort();
    let mut out = vec![];
    for term in &request.terms {
        let Some(pattern) = term.as_str() else {
            let (text, kind) = (python::text(term)?, python::type_name(term));
            return Err(fault::error(format!(
                "Invalid setting identifier, \"{text}\" is not a string, it is a <class '{kind}'>"
            )));
        };
        if pattern.starts_with(['*', '+', '?']) {
            return Err(fault::error(format!(
                "Unable to use \"{pattern}\" as a search parameter: nothing to repeat at position 0"
            )));
        }
        let pattern = regex(pattern, Flags::default())?;
        for name in &names {
            if pattern.is_match(name.as_ref()).unwrap_or(false) {
                out.push(Value::from(name.as_ref()));
            }
        }
    }
    Ok(out)
}
