//! Items by their attributes: `a.b.0` paths, keys to sort by, and the filters that choose and map items.

use super::Table;
use crate::template::arguments::{Args, entries, is_list, items};
use crate::template::rewrite::Plugin;
use crate::template::{Value, environment, fault, python};
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, State};
use std::cmp::Ordering;
use std::sync::Arc;

pub const TABLE: Table = &[
    ("map", map),
    ("select", |state, value, args| choose(state, value, &args.given, &args.pairs(), None, true)),
    ("reject", |state, value, args| choose(state, value, &args.given, &args.pairs(), None, false)),
    ("selectattr", |state, value, args| by_attribute(state, value, args, true)),
    ("rejectattr", |state, value, args| by_attribute(state, value, args, false)),
    ("groupby", groupby),
    ("extract", extract),
    ("subelements", |_, value, args| subelements(value, args)),
    ("rekey_on_member", rekey_on_member),
];

/// What a path of names and indexes leads to; undefined if it leads nowhere and there is no default.
pub fn attribute(item: &Value, path: &Value, otherwise: Option<&Value>) -> Result<Value, Error> {
    let Some(path) = path.as_str() else { return step(item, path, otherwise) };
    let mut value = item.clone();
    for part in path.split('.') {
        let key = part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
        value = step(&value, &key, otherwise)?;
        if value.is_undefined() {
            break;
        }
    }
    Ok(value)
}

fn step(value: &Value, key: &Value, otherwise: Option<&Value>) -> Result<Value, Error> {
    let mut found = fault::valid(value.get_item(key)?)?;
    if found.is_undefined() && key.is_integer() {
        // `users.0` of a mapping with the key "0"
        found = fault::valid(value.get_item(&Value::from(key.to_string()))?)?;
    }
    if !found.is_undefined() {
        return Ok(found);
    }
    fault::remember_missing(value, key);
    Ok(otherwise.cloned().unwrap_or_default())
}

/// Text without its case.
pub fn folded(value: Value) -> Value {
    match value.kind() {
        ValueKind::String => Value::from(value.as_str().unwrap_or("").to_lowercase()),
        _ => value,
    }
}

/// What an item is sorted by: itself, or its attributes (several are joined by commas).
pub fn keys(item: &Value, by: Option<&Value>, fold: bool) -> Result<Vec<Value>, Error> {
    let paths: Vec<Value> = match by {
        None => return Ok(vec![if fold { folded(item.clone()) } else { item.clone() }]),
        Some(by) => match by.as_str() {
            Some(text) => text.split(',').map(Value::from).collect(),
            None => vec![by.clone()],
        },
    };
    let key = |path: &Value| {
        let key = attribute(item, path, None)?;
        if key.is_undefined() {
            return Err(fault::missing());
        }
        Ok(if fold { folded(key) } else { key })
    };
    paths.iter().map(key).collect()
}

/// Keyed items in order; equal ones stay as they were.
pub fn sorted(mut keyed: Vec<(Vec<Value>, Value)>, reverse: bool) -> Result<Vec<(Vec<Value>, Value)>, Error> {
    let mut refused = None;
    keyed.sort_by(|(a, _), (b, _)| {
        for (a, b) in a.iter().zip(b) {
            // Python's sort asks whether the later one is less.
            match python::compare(b, a, "<") {
                Ok(Some(Ordering::Equal)) => {}
                Ok(order) => {
                    let order = order.unwrap_or(Ordering::Equal).reverse();
                    return if reverse { order.reverse() } else { order };
                }
                Err(error) => {
                    refused.get_or_insert(error);
                    return Ordering::Equal;
                }
            }
        }
        Ordering::Equal
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(keyed),
    }
}

fn map(state: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let all = items(value)?;
    if let Some(path) = args.named("attribute").filter(|_| args.given.is_empty()) {
        let otherwise = args.named("default");
        return all.iter().map(|item| attribute(item, &path, otherwise.as_ref())).collect();
    }
    let (name, rest) =
        args.given.split_first().ok_or_else(|| fault::error("map requires a filter argument"))?;
    let name = python::text(name)?;
    if !environment::knows(Plugin::Filter, &name) {
        return Err(fault::error(format!("No filter named '{name}'.")));
    }
    let named = args.pairs();
    let one = |item: Value| {
        let mut all = vec![item];
        all.extend(rest.iter().cloned());
        if !named.is_empty() {
            all.push(Value::from(named.iter().cloned().collect::<minijinja::value::Kwargs>()));
        }
        environment::filter(state, &name, &all)
    };
    all.into_iter().map(one).collect()
}

/// The items that pass a test (or are true, if none is named), or those that do not.
fn choose(
    state: &mut State<'_, '_>,
    value: &Value,
    test: &[Value],
    named: &[(String, Value)],
    by: Option<&Value>,
    wanted: bool,
) -> Result<Value, Error> {
    if let Some(name) = test.first() {
        let name = python::text(name)?;
        if !environment::knows(Plugin::Test, &name) {
            return Err(fault::error(format!("No test named '{name}'.")));
        }
    }
    let mut out = vec![];
    for item in items(value)? {
        let tested = match by {
            Some(path) => attribute(&item, path, None)?,
            None => item.clone(),
        };
        let passes = match test.split_first() {
            None if tested.is_undefined() => return Err(fault::missing()),
            None => tested.is_true(),
            Some((name, rest)) => {
                let mut all = vec![tested];
                all.extend(rest.iter().cloned());
                if !named.is_empty() {
                    all.push(Value::from(named.iter().cloned().collect::<minijinja::value::Kwargs>()));
                }
                environment::test(state, &python::text(name)?, &all)?
            }
        };
        if passes == wanted {
            out.push(item);
        }
    }
    Ok(Value::from(out))
}

fn by_attribute(state: &mut State<'_, '_>, value: &Value, args: &Args, wanted: bool) -> Result<Value, Error> {
    let (path, test) =
        args.given.split_first().ok_or_else(|| fault::error("Missing parameter for attribute name"))?;
    choose(state, value, test, &args.pairs(), Some(path), wanted)
}

/// Whether a value is a group, which prints as a pair.
pub fn is_group(value: &Value) -> bool {
    value.downcast_object_ref::<Group>().is_some()
}

/// One group: `(grouper, list)`, by index or by name.
#[derive(Debug)]
struct Group {
    grouper: Value,
    list: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(0), _) | (_, Some("grouper")) => Some(self.grouper.clone()),
            (Some(1), _) | (_, Some("list")) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}

fn groupby(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let by = args.need(0, "attribute")?;
    let otherwise = args.get(1, "default").filter(|value| !value.is_none());
    let fold = !args.truth(2, "case_sensitive", false);
    let keyed = items(value)?.into_iter().map(|item| {
        let key = attribute(&item, &by, otherwise.as_ref())?;
        if key.is_undefined() {
            return Err(fault::missing());
        }
        Ok((vec![if fold { folded(key) } else { key }], item))
    });
    let mut groups: Vec<(Value, Vec<Value>)> = vec![];
    for (key, item) in sorted(keyed.collect::<Result<_, Error>>()?, false)? {
        let key = key.into_iter().next().unwrap_or_default();
        match groups.last_mut() {
            Some((last, list)) if *last == key => list.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let whole = |(key, list): (Value, Vec<Value>)| {
        // The group is named as its first item spells it.
        let first = list.first().map(|item| attribute(item, &by, otherwise.as_ref()));
        let grouper = first.transpose()?.unwrap_or(key);
        Ok(Value::from_object(Group { grouper, list: Value::from(list) }))
    };
    groups.into_iter().map(whole).collect()
}

fn extract(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut keys = vec![value.clone()];
    if let Some(more) = args.get(1, "morekeys").filter(|more| !more.is_none()) {
        if is_list(&more) {
            keys.extend(items(&more)?);
        } else {
            keys.push(more);
        }
    }
    let mut found = args.need(0, "container")?;
    if found.is_undefined() {
        return Ok(found);
    }
    for key in keys {
        found = step(&found, &key, None)?;
        if found.is_undefined() {
            break;
        }
    }
    Ok(found)
}

/// Pairs of each item and each item of a list within it.
pub fn subelements(value: &Value, args: &Args) -> Result<Value, Error> {
    let path = args.need(0, "subelements")?;
    let skip = args.truth(1, "skip_missing", false);
    let path: Vec<Value> = match path.as_str() {
        Some(text) => text.split('.').map(Value::from).collect(),
        None => items(&path)?,
    };
    let all = match value.kind() {
        ValueKind::Map => entries(value)?.into_iter().map(|(_, item)| item).collect(),
        _ if is_list(value) => items(value)?,
        _ => return Err(fault::error("obj must be a list of dicts or a nested dict")),
    };
    let mut out = vec![];
    for item in all {
        let mut inner = item.clone();
        for key in &path {
            if inner.kind() != ValueKind::Map {
                let why = match inner.kind() {
                    ValueKind::String => ": string indices must be integers, not 'str'".into(),
                    _ => format!(": '{}' object is not subscriptable", python::type_name(&inner)),
                };
                let (key, inner) = (python::text(key)?, python::text(&inner)?);
                let said = format!("the key {key} should point to a dictionary, got '{inner}'{why}");
                return Err(fault::error(said));
            }
            let found = fault::valid(inner.get_item(key)?)?;
            if found.is_undefined() {
                if skip {
                    inner = Value::from(Vec::<Value>::new());
                    break;
                }
                let (key, inner) = (python::repr(key), python::repr(&inner));
                return Err(fault::error(format!("could not find {key} key in iterated item {inner}")));
            }
            inner = found;
        }
        if !is_list(&inner) {
            let key = path.last().map(python::repr).unwrap_or_default();
            return Err(fault::error(format!(
                "the key {key} should point to a list, got {}",
                python::repr(&inner)
            )));
        }
        for sub in items(&inner)? {
            out.push(Value::from(Tuple::from([item.clone(), sub])));
        }
    }
    Ok(Value::from(out))
}

fn rekey_on_member(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let key = args.need(0, "key")?;
    let duplicates = args.text(1, "duplicates")?.unwrap_or_else(|| "error".into());
    if !matches!(duplicates.as_str(), "error" | "overwrite") {
        return Err(fault::error(format!(
            "duplicates parameter to rekey_on_member has unknown value '{duplicates}'"
        )));
    }
    let all = match value.kind() {
        ValueKind::Map => entries(value)?.into_iter().map(|(_, item)| item).collect(),
        ValueKind::Seq | ValueKind::Iterable => items(value)?,
        _ => return Err(fault::error("Type is not a valid list, set, or dict")),
    };
    let mut out: Vec<(Value, Value)> = vec![];
    for item in all {
        if item.kind() != ValueKind::Map {
            return Err(fault::error("List item is not a valid dict"));
        }
        let name = fault::valid(item.get_item(&key)?)?;
        if name.is_undefined() {
            return Err(fault::error(format!("Key {} was not found.", python::repr(&key))));
        }
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some(_) if duplicates == "error" => {
                let name = python::repr(&name);
                return Err(fault::error(format!("Key {name} is not unique, cannot convert to dict.")));
            }
            Some((_, old)) => *old = item,
            None => out.push((name, item)),
        }
    }
    Ok(Value::from_pairs(out))
}
