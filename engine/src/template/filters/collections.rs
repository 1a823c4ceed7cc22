//! Filters of `community.general` that playbooks use on lists and mappings. Lists keep the order in which their items
//! first came.

use super::{Table, attributes::attribute};
use crate::template::arguments::{Args, entries, is_list, items};
use crate::template::{Value, fault, python};
use indexmap::{IndexMap, IndexSet};
use minijinja::value::ValueKind;
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("community.general.lists_union", |_, value, args| {
        Ok(lists(value, args)?.into_iter().flatten().collect::<IndexSet<_>>().into_iter().collect())
    }),
    ("community.general.lists_intersect", |_, value, args| {
        let mut all = lists(value, args)?.into_iter();
        let first = all.next().unwrap_or_default();
        let rest: Vec<Vec<Value>> = all.collect();
        let common = first.into_iter().filter(|item| rest.iter().all(|list| list.contains(item)));
        Ok(common.collect::<IndexSet<_>>().into_iter().collect())
    }),
    ("community.general.lists_difference", |_, value, args| {
        let mut all = lists(value, args)?.into_iter();
        let first = all.next().unwrap_or_default();
        let rest: Vec<Value> = all.flatten().collect();
        let left = first.into_iter().filter(|item| !rest.contains(item));
        Ok(left.collect::<IndexSet<_>>().into_iter().collect())
    }),
    ("community.general.lists_symmetric_difference", |_, value, args| {
        let either = lists(value, args)?.into_iter().reduce(|left, right| {
            let of = |one: &[Value], other: &[Value]| {
                one.iter().filter(|item| !other.contains(item)).cloned().collect::<Vec<_>>()
            };
            [of(&left, &right), of(&right, &left)].concat()
        });
        Ok(either.unwrap_or_default().into_iter().collect::<IndexSet<_>>().into_iter().collect())
    }),
    ("community.general.lists_mergeby", lists_mergeby),
    ("community.general.counter", |_, value, _| {
        let mut counts: IndexMap<Value, i64> = IndexMap::new();
        for item in items(value)? {
            *counts.entry(item).or_default() += 1;
        }
        Ok(Value::from_pairs(counts.into_iter().map(|(item, count)| (item, Value::from(count)))))
    }),
    ("community.general.groupby_as_dict", |_, value, args| {
        let name = args.need(0, "attribute")?;
        let mut groups: IndexMap<Value, Value> = IndexMap::new();
        for item in items(value)? {
            let key = attribute(&item, &name, None)?;
            if groups.contains_key(&key) {
                let key = python::repr(&key);
                return Err(fault::error(format!("Multiple sequence entries have attribute value {key}")));
            }
            groups.insert(key, item);
        }
        Ok(Value::from_pairs(groups))
    }),
    ("community.general.keep_keys", |_, value, args| chosen(value, args, true)),
    ("community.general.remove_keys", |_, value, args| chosen(value, args, false)),
    ("community.general.to_milliseconds", |_, value, _| time(value, 0.001)),
    ("community.general.to_seconds", |_, value, _| time(value, 1.0)),
    ("community.general.to_minutes", |_, value, _| time(value, 60.0)),
    ("community.general.to_hours", |_, value, _| time(value, 3600.0)),
    ("community.general.to_days", |_, value, _| time(value, 86_400.0)),
    ("community.general.to_weeks", |_, value, _| time(value, 604_800.0)),
    ("community.general.to_time_unit", |_, value, args| {
        let unit = args.text(0, "unit")?.unwrap_or_else(|| "ms".into());
        time(value, seconds(&unit)?)
    }),
];

/// The piped list and those of the arguments.
fn lists(value: &Value, args: &Args) -> Result<Vec<Vec<Value>>, Error> {
    let flat = args.named("flatten").is_some_and(|flat| flat.is_true());
    let first = if flat { items(value)? } else { vec![value.clone()] };
    first.iter().chain(&args.given).map(items).collect()
}

fn lists_mergeby(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut given = args.given.clone();
    let index = args.named("index").or_else(|| given.pop());
    let index = index.ok_or_else(|| fault::error("lists_mergeby needs the name of a key"))?;
    // A list of lists may be piped.
    let nested = items(value)?.first().is_some_and(is_list);
    let first = if nested { items(value)? } else { vec![value.clone()] };
    let mut merged: IndexMap<Value, IndexMap<Value, Value>> = IndexMap::new();
    for list in first.iter().chain(&given) {
        for item in items(list)? {
            let key = item.get_item(&index)?;
            if !key.is_undefined() {
                merged.entry(key).or_default().extend(entries(&item)?);
            }
        }
    }
    let mut all: Vec<(Value, Value)> =
        merged.into_iter().map(|(key, item)| (key, Value::from_pairs(item))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all.into_iter().map(|(_, item)| item).collect())
}

/// The mappings of a list with some keys, or without them.
fn chosen(value: &Value, args: &Args, keep: bool) -> Result<Value, Error> {
    let target = args.need(0, "target")?;
    let names = if target.kind() == ValueKind::String { vec![target] } else { items(&target)? };
    let how = args.text(1, "matching_parameter")?.unwrap_or_else(|| "equal".into());
    let texts: Vec<String> = names.iter().map(python::text).collect::<Result<_, Error>>()?;
    let fits = |key: &Value| {
        let key = key.as_str().unwrap_or("");
        texts.iter().any(|name| match how.as_str() {
            "starts_with" => key.starts_with(name.as_str()),
            "ends_with" => key.ends_with(name.as_str()),
            _ => key == name,
        })
    };
    items(value)?
        .iter()
        .map(|item| Ok(Value::from_pairs(entries(item)?.into_iter().filter(|(key, _)| fits(key) == keep))))
        .collect()
}

/// The seconds of a unit.
fn seconds(unit: &str) -> Result<f64, Error> {
    Ok(match unit {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "mo" | "month" | "months" => 2_592_000.0,
        "y" | "year" | "years" => 31_536_000.0,
        other => {
            return Err(fault::error(format!(
                "to_time_unit() can not convert to the following unit: {other}"
            )));
        }
    })
}

/// A time such as `1h 30m` in a unit of so many seconds.
fn time(value: &Value, unit: f64) -> Result<Value, Error> {
    let text = python::text(value)?;
    let refuse = || fault::error(format!("to_time_unit() can not interpret following string: {text}"));
    let mut total = 0.0;
    for word in text.split_whitespace() {
        let (negative, word) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
        let cut = word.find(|c: char| c.is_alphabetic()).unwrap_or(word.len());
        let (number, of) = word.split_at(cut);
        let number: f64 = number.parse().map_err(|_| refuse())?;
        let part = number * seconds(if of.is_empty() { "s" } else { of })?;
        total += if negative { -part } else { part };
    }
    Ok(Value::from((total / unit * 1e12).round() / 1e12))
}
