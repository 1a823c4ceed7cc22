//! Filters of whole sequences: order, size, shape.

use super::Table;
use super::attributes::{attribute, folded, keys, sorted};
use crate::template::arguments::{Args, integer, is_list, items};
use crate::template::{Value, fault, python};
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, State};
use std::cmp::Ordering;

pub const TABLE: Table = &[
    ("length", |_, value, _| length(value)),
    ("count", |_, value, _| length(value)),
    ("list", |_, value, _| Ok(Value::from(items(value)?))),
    ("first", |_, value, _| end(items(value)?.into_iter().next(), "first")),
    ("last", |_, value, _| end(items(value)?.pop(), "last")),
    ("reverse", reverse),
    ("sort", sort),
    ("unique", unique),
    ("min", |_, value, args| extreme(value, args, Ordering::Less)),
    ("max", |_, value, args| extreme(value, args, Ordering::Greater)),
    ("sum", sum),
    ("join", join),
    ("batch", batch),
    ("slice", slice),
    ("flatten", flatten),
    ("zip", zip),
    ("zip_longest", zip_longest),
    ("product", product),
    ("permutations", |_, value, args| choices(value, args, true)),
    ("combinations", |_, value, args| choices(value, args, false)),
];

fn length(value: &Value) -> Result<Value, Error> {
    let size = match value.kind() {
        ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Map => value.len(),
        ValueKind::Iterable => Some(items(value)?.len()),
        _ => None,
    };
    size.map(Value::from)
        .ok_or_else(|| fault::error(format!("object of type '{}' has no len()", python::type_name(value))))
}

fn end(item: Option<Value>, which: &str) -> Result<Value, Error> {
    if item.is_none() {
        fault::remember(format!("No {which} item, sequence was empty."));
    }
    Ok(item.unwrap_or_default())
}

fn reverse(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    if value.kind() == ValueKind::String {
        return Ok(Value::from(value.as_str().unwrap_or("").chars().rev().collect::<String>()));
    }
    let mut all = items(value)?;
    all.reverse();
    Ok(Value::from(all))
}

fn sort(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let reverse = args.truth(0, "reverse", false);
    let fold = !args.truth(1, "case_sensitive", false);
    let by = args.get(2, "attribute").filter(|by| !by.is_none());
    let keyed = items(value)?.into_iter().map(|item| Ok((keys(&item, by.as_ref(), fold)?, item)));
    let sorted = sorted(keyed.collect::<Result<_, Error>>()?, reverse)?;
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

fn unique(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let fold = !args.truth(0, "case_sensitive", false);
    let by = args.get(1, "attribute").filter(|by| !by.is_none());
    let (mut seen, mut out) = (vec![], vec![]);
    let mut hashed = std::collections::HashSet::new();
    let told = args.named("case_sensitive").is_some() || by.is_some();
    for item in items(value)? {
        let key = match &by {
            Some(by) => attribute(&item, by, None)?,
            None => item.clone(),
        };
        let key = if fold { folded(key) } else { key };
        let new = match key.kind() {
            ValueKind::String | ValueKind::None => hashed.insert(key),
            // Jinja's own filter cannot hash these, and Ansible's takes no parameters.
            ValueKind::Map | ValueKind::Seq if told => {
                let kind = python::type_name(&key);
                return Err(fault::error(format!(
                    "Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does \
                     not support the parameters supplied: unhashable type: '{kind}'"
                )));
            }
            _ if seen.contains(&key) => false,
            _ => {
                seen.push(key);
                true
            }
        };
        if new {
            out.push(item);
        }
    }
    Ok(Value::from(out))
}

fn extreme(value: &Value, args: &Args, wanted: Ordering) -> Result<Value, Error> {
    let fold = !args.truth(0, "case_sensitive", false);
    let by = args.get(1, "attribute").filter(|by| !by.is_none());
    let sign = if wanted == Ordering::Less { "<" } else { ">" };
    let mut best: Option<(Value, Value)> = None;
    for item in items(value)? {
        let key = match &by {
            Some(by) => attribute(&item, by, None)?,
            None => item.clone(),
        };
        let key = if fold { folded(key) } else { key };
        let better = match &best {
            Some((than, _)) => python::compare(&key, than, sign)? == Some(wanted),
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    if best.is_none() {
        fault::remember("No aggregated item, sequence was empty.".into());
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

fn sum(state: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let by = args.get(0, "attribute").filter(|by| !by.is_none());
    let mut total = args.get(1, "start").unwrap_or_else(|| Value::from(0));
    for item in items(value)? {
        let item = match &by {
            Some(by) => attribute(&item, by, None)?,
            None => item,
        };
        fault::defined(&item)?;
        total = match (total.as_i64(), item.as_i64()) {
            (Some(a), Some(b)) if total.is_integer() && item.is_integer() => Value::from(a + b),
            _ if is_list(&total) && is_list(&item) => {
                items(&total)?.into_iter().chain(items(&item)?).collect()
            }
            _ => state
                .env()
                .compile_expression("a + b")?
                .eval(minijinja::context! { a => total, b => item })?,
        };
    }
    Ok(total)
}

fn join(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let with = args.text(0, "d")?.unwrap_or_default();
    let by = args.get(1, "attribute").filter(|by| !by.is_none());
    let text = |item: Value| match &by {
        Some(by) => python::text(&attribute(&item, by, None)?),
        None => python::text(&item),
    };
    let all = items(value)?.into_iter().map(text).collect::<Result<Vec<_>, Error>>()?;
    Ok(Value::from(all.join(&with)))
}

fn size(args: &Args, name: &str) -> Result<usize, Error> {
    let count = integer(&args.need(0, name)?)?;
    usize::try_from(count)
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| fault::error("range() arg 3 must not be zero"))
}

fn batch(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let count = size(args, "linecount")?;
    let fill = args.get(1, "fill_with").filter(|fill| !fill.is_none());
    let rows = items(value)?
        .chunks(count)
        .map(|row| {
            let mut row = row.to_vec();
            if let Some(fill) = &fill {
                row.resize(count, fill.clone());
            }
            Value::from(row)
        })
        .collect::<Vec<_>>();
    Ok(Value::from(rows))
}

fn slice(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let count = size(args, "slices")?;
    let fill = args.get(1, "fill_with").filter(|fill| !fill.is_none());
    let all = items(value)?;
    let (each, extra) = (all.len() / count, all.len() % count);
    let mut rest = all.into_iter();
    let mut out = vec![];
    for i in 0..count {
        let mut part: Vec<Value> = rest.by_ref().take(each + usize::from(i < extra)).collect();
        if let Some(fill) = fill.as_ref().filter(|_| i >= extra) {
            part.push(fill.clone());
        }
        out.push(Value::from(part));
    }
    Ok(Value::from(out))
}

fn flatten(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    fn into(out: &mut Vec<Value>, value: &Value, levels: i64, skip: bool) -> Result<(), Error> {
        for item in items(value)? {
            let null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
            if skip && null {
                continue;
            }
            if is_list(&item) && levels != 0 {
                into(out, &item, levels - 1, skip)?;
            } else {
                out.push(item);
            }
        }
        Ok(())
    }
    let levels = args.int(0, "levels")?.unwrap_or(-1);
    let mut out = vec![];
    into(&mut out, value, levels, args.truth(1, "skip_nulls", true))?;
    Ok(Value::from(out))
}

fn columns(value: &Value, args: &Args) -> Result<Vec<Vec<Value>>, Error> {
    std::iter::once(value).chain(&args.given).map(items).collect()
}

fn row(values: Vec<Value>) -> Value {
    Value::from(Tuple::from(values))
}

fn zip(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let columns = columns(value, args)?;
    let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
    Ok((0..rows).map(|i| row(columns.iter().filter_map(|column| column.get(i).cloned()).collect())).collect())
}

fn zip_longest(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let fill = args.named("fillvalue").unwrap_or_else(|| Value::from(()));
    let columns = columns(value, args)?;
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: &Vec<Value>, i: usize| column.get(i).cloned().unwrap_or_else(|| fill.clone());
    Ok((0..rows).map(|i| row(columns.iter().map(|column| cell(column, i)).collect())).collect())
}

/// Every combination of one item of each list, the last list turning fastest.
pub fn cartesian(columns: &[Vec<Value>]) -> Vec<Vec<Value>> {
    columns.iter().fold(vec![vec![]], |rows, column| {
        let longer = |row: &Vec<Value>| {
            column.iter().map(|item| row.iter().cloned().chain([item.clone()]).collect()).collect::<Vec<_>>()
        };
        rows.iter().flat_map(longer).collect()
    })
}

fn product(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let repeat = args.named("repeat").map_or(Ok(1), |repeat| integer(&repeat))?;
    let columns = columns(value, args)?;
    let times = usize::try_from(repeat).unwrap_or(0);
    let columns: Vec<_> = std::iter::repeat_n(columns, times).flatten().collect();
    Ok(cartesian(&columns).into_iter().map(row).collect())
}

fn choices(value: &Value, args: &Args, ordered: bool) -> Result<Value, Error> {
    fn pick(all: &[Value], count: usize, ordered: bool, chosen: &mut Vec<usize>, out: &mut Vec<Value>) {
        if chosen.len() == count {
            out.push(row(chosen.iter().filter_map(|i| all.get(*i).cloned()).collect()));
            return;
        }
        let start = if ordered { 0 } else { chosen.last().map_or(0, |last| last + 1) };
        for i in start..all.len() {
            if !chosen.contains(&i) {
                chosen.push(i);
                pick(all, count, ordered, chosen, out);
                chosen.pop();
            }
        }
    }
    let all = items(value)?;
    let count = args.int(0, "r")?.and_then(|count| usize::try_from(count).ok());
    if count.is_none() && !ordered {
        return Err(fault::error("combinations() missing required argument 'r' (pos 2)"));
    }
    let count = count.unwrap_or(all.len());
    let mut out = vec![];
    pick(&all, count, ordered, &mut vec![], &mut out);
    Ok(Value::from(out))
}
