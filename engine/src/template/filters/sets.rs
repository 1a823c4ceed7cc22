//! Filters that treat lists as sets.

use super::Table;
use crate::template::Value;
use crate::template::arguments::{Args, items};
use minijinja::Error;
use std::collections::HashSet;

pub const TABLE: Table = &[
    ("union", |_, value, args| {
        let (left, right) = both(value, args)?;
        Ok(ordered(left.into_iter().chain(right)))
    }),
    ("intersect", |_, value, args| {
        let (left, right) = both(value, args)?;
        let right: HashSet<Value> = right.into_iter().collect();
        Ok(ordered(left.into_iter().filter(|item| right.contains(item))))
    }),
    ("difference", |_, value, args| {
        let (left, right) = both(value, args)?;
        let right: HashSet<Value> = right.into_iter().collect();
        Ok(ordered(left.into_iter().filter(|item| !right.contains(item))))
    }),
    ("symmetric_difference", |_, value, args| {
        let (left, right) = both(value, args)?;
        let (a, b): (HashSet<Value>, HashSet<Value>) =
            (left.iter().cloned().collect(), right.iter().cloned().collect());
        let either = left.into_iter().filter(|item| !b.contains(item));
        Ok(ordered(either.chain(right.into_iter().filter(|item| !a.contains(item)))))
    }),
];

fn both(value: &Value, args: &Args) -> Result<(Vec<Value>, Vec<Value>), Error> {
    Ok((items(value)?, items(&args.need(0, "b")?)?))
}

/// Each item once, as it first came; small numbers in order, as Python's sets of them are.
fn ordered(all: impl Iterator<Item = Value>) -> Value {
    let mut seen = HashSet::new();
    let mut out: Vec<Value> = all.filter(|item| seen.insert(item.clone())).collect();
    let small = |item: &Value| item.is_integer() && item.as_i64().is_some_and(|n| (0..1000).contains(&n));
    if out.iter().all(small) {
        out.sort();
    }
    Value::from(out)
}
