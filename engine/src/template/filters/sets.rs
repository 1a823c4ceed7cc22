//! Filters that treat lists as sets.

use super::Table;
use crate::template::Value;
use crate::template::arguments::{Args, items};
use minijinja::Error;
use minijinja::value::ValueKind;
use std::collections::HashSet;

pub const TABLE: Table = &[
    ("union", |_, value, args| {
        let (left, right) = both(value, args)?;
        Ok(ordered(left.into_iter().chain(right)))
    }),
    ("intersect", |_, value, args| {
        let (left, right) = both(value, args)?;
        let right = Members::of(&right);
        Ok(ordered(left.into_iter().filter(|item| right.has(item))))
    }),
    ("difference", |_, value, args| {
        let (left, right) = both(value, args)?;
        let right = Members::of(&right);
        Ok(ordered(left.into_iter().filter(|item| !right.has(item))))
    }),
    ("symmetric_difference", |_, value, args| {
        let (left, right) = both(value, args)?;
        let (a, b) = (Members::of(&left), Members::of(&right));
        let either = left.into_iter().filter(|item| !b.has(item));
        Ok(ordered(either.chain(right.into_iter().filter(|item| !a.has(item)))))
    }),
];

/// The items of a set. Lists and mappings are told apart by comparison: mappings are equal however they are ordered.
#[derive(Default)]
struct Members {
    plain: HashSet<Value>,
    others: Vec<Value>,
}

impl Members {
    fn of(items: &[Value]) -> Self {
        let mut members = Self::default();
        for item in items {
            members.add(item);
        }
        members
    }

    fn has(&self, item: &Value) -> bool {
        match item.kind() {
            ValueKind::Map | ValueKind::Seq | ValueKind::Iterable => self.others.contains(item),
            _ => self.plain.contains(item),
        }
    }

    /// Whether it was new.
    fn add(&mut self, item: &Value) -> bool {
        let new = !self.has(item);
        match item.kind() {
            _ if !new => {}
            ValueKind::Map | ValueKind::Seq | ValueKind::Iterable => self.others.push(item.clone()),
            _ => _ = self.plain.insert(item.clone()),
        }
        new
    }
}

fn both(value: &Value, args: &Args) -> Result<(Vec<Value>, Vec<Value>), Error> {
    Ok((items(value)?, items(&args.need(0, "b")?)?))
}

/// Each item once, as it first came; small numbers in order, as Python's sets of them are.
fn ordered(all: impl Iterator<Item = Value>) -> Value {
    let mut seen = Members::default();
    let mut out: Vec<Value> = all.filter(|item| seen.add(item)).collect();
    let small = |item: &Value| item.is_integer() && item.as_i64().is_some_and(|n| (0..1000).contains(&n));
    if out.iter().all(small) {
        out.sort();
    }
    Value::from(out)
}
