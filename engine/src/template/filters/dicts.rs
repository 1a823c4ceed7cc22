//! Filters of mappings.

use super::Table;
use super::attributes::{folded, sorted};
use crate::template::arguments::{Args, entries, is_list, items};
use crate::template::{Value, fault, python};
use indexmap::IndexMap;
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("dict2items", dict2items),
    ("items2dict", items2dict),
    ("combine", combine),
    ("dictsort", dictsort),
    ("items", |_, value, _| pairs(value)),
    ("community.general.dict", |_, value, _| {
        let pair = |pair: Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
        let all = items(value)?.into_iter().map(pair).collect::<Result<Vec<_>, Error>>()?;
        Ok(Value::from_pairs(all))
    }),
    ("community.general.dict_kv", |_, value, args| {
        Ok(Value::from_pairs([(args.need(0, "key")?, value.clone())]))
    }),
];

fn pairs(value: &Value) -> Result<Value, Error> {
    let pair = |(key, value): (Value, Value)| Value::from(Tuple::from([key, value]));
    Ok(mapping(value, "Can only get item pairs from a mapping.")?.into_iter().map(pair).collect())
}

fn mapping(value: &Value, message: &str) -> Result<Vec<(Value, Value)>, Error> {
    if value.kind() == ValueKind::Map { entries(value) } else { Err(fault::error(message)) }
}

fn dict2items(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let key_name = args.text(0, "key_name")?.unwrap_or_else(|| "key".into());
    let value_name = args.text(1, "value_name")?.unwrap_or_else(|| "value".into());
    let message =
        format!("dict2items requires a dictionary, got <class '{}'> instead.", python::type_name(value));
    let item = |(key, value)| Value::from_pairs([(key_name.as_str(), key), (value_name.as_str(), value)]);
    Ok(mapping(value, &message)?.into_iter().map(item).collect())
}

fn items2dict(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let key_name = args.get(0, "key_name").unwrap_or_else(|| Value::from("key"));
    let value_name = args.get(1, "value_name").unwrap_or_else(|| Value::from("value"));
    if !is_list(value) {
        let kind = python::type_name(value);
        return Err(fault::error(format!("items2dict requires a list, got {kind} instead.")));
    }
    if items(value)?.iter().any(|item| item.kind() != ValueKind::Map) {
        let got = python::text(value)?;
        return Err(fault::error(format!("items2dict requires a list of dictionaries, got {got} instead.")));
    }
    let part = |item: &Value, name: &Value| {
        let part = fault::valid(item.get_item(name)?)?;
        if part.is_undefined() {
            return Err(fault::error(format!(
                "items2dict requires each dictionary in the list to contain the keys '{}' and '{}'",
                python::text(&key_name)?,
                python::text(&value_name)?
            )));
        }
        Ok(part)
    };
    let pair = |item: Value| Ok((part(&item, &key_name)?, part(&item, &value_name)?));
    Ok(Value::from_pairs(items(value)?.into_iter().map(pair).collect::<Result<Vec<_>, Error>>()?))
}

/// How lists meet in `combine`.
#[derive(Clone, Copy)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRest,
    PrependRest,
}

fn combine(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let recursive = args.named("recursive").is_some_and(|recursive| recursive.is_true());
    let lists = match args.named("list_merge").and_then(|merge| merge.to_str()).as_deref() {
        None | Some("replace") => Lists::Replace,
        Some("keep") => Lists::Keep,
        Some("append") => Lists::Append,
        Some("prepend") => Lists::Prepend,
        Some("append_rp") => Lists::AppendRest,
        Some("prepend_rp") => Lists::PrependRest,
        Some(other) => {
            return Err(fault::error(format!(
                "'list_merge' argument can only be equal to 'replace', 'keep', 'append', 'prepend', 'append_rp' or 'prepend_rp', not '{other}'"
            )));
        }
    };
    fn flat(value: &Value, out: &mut Vec<Value>) -> Result<(), Error> {
        if is_list(value) {
            return items(value)?.iter().try_for_each(|item| flat(item, out));
        }
        if !value.is_none() {
            out.push(value.clone());
        }
        Ok(())
    }
    let mut all = vec![];
    std::iter::once(value).chain(&args.given).try_for_each(|value| flat(value, &mut all))?;
    let mut out: IndexMap<Value, Value> = IndexMap::new();
    for (i, map) in all.iter().enumerate() {
        if map.kind() != ValueKind::Map {
            let kind = python::type_name(map);
            return Err(fault::error(format!(
                "failed to combine variables, expected dicts but got a '{kind}'"
            )));
        }
        let pairs = entries(map)?;
        if i == 0 {
            out = pairs.into_iter().collect();
        } else {
            merge(&mut out, pairs, recursive, lists)?;
        }
    }
    Ok(Value::from_pairs(out))
}

fn merge(
    into: &mut IndexMap<Value, Value>,
    pairs: Vec<(Value, Value)>,
    recursive: bool,
    lists: Lists,
) -> Result<(), Error> {
    for (key, new) in pairs {
        let Some(old) = into.get(&key) else {
            into.insert(key, new);
            continue;
        };
        let value = if old.kind() == ValueKind::Map && new.kind() == ValueKind::Map && recursive {
            let mut inner: IndexMap<Value, Value> = entries(old)?.into_iter().collect();
            merge(&mut inner, entries(&new)?, recursive, lists)?;
            Value::from_pairs(inner)
        } else if is_list(old) && is_list(&new) {
            let (a, b) = (items(old)?, items(&new)?);
            let without = |all: &[Value], other: &[Value]| {
                all.iter().filter(|item| !other.contains(item)).cloned().collect::<Vec<_>>()
            };
            Value::from(match lists {
                Lists::Replace => b,
                Lists::Keep => a,
                Lists::Append => [a, b].concat(),
                Lists::Prepend => [b, a].concat(),
                Lists::AppendRest => [without(&a, &b), b].concat(),
                Lists::PrependRest => {
                    let rest = without(&a, &b);
                    [b, rest].concat()
                }
            })
        } else {
            new
        };
        into.insert(key, value);
    }
    Ok(())
}

fn dictsort(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let fold = !args.truth(0, "case_sensitive", false);
    let by = args.text(1, "by")?.unwrap_or_else(|| "key".into());
    let reverse = args.truth(2, "reverse", false);
    if !matches!(by.as_str(), "key" | "value") {
        return Err(fault::error("You can only sort by either \"key\" or \"value\""));
    }
    let keyed = mapping(value, "'dictsort' needs a mapping")?.into_iter().map(|(key, value)| {
        let sort = if by == "key" { key.clone() } else { value.clone() };
        (vec![if fold { folded(sort) } else { sort }], Value::from(Tuple::from([key, value])))
    });
    Ok(sorted(keyed.collect(), reverse)?.into_iter().map(|(_, pair)| pair).collect())
}
