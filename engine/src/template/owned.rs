//! Lists and mappings that a template owns and may change: what `{% set %}` makes and a method such as `append` fills.
//! A value comes in, a copy that its name alone can reach goes out; what a scope gives to others is a plain copy again.

use super::arguments::Args;
use super::finish::is_data;
use super::{Value, fault, python};
use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State};
use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The methods that change what they are called on.
pub const CHANGING: [&str; 10] =
    ["append", "extend", "insert", "remove", "pop", "update", "setdefault", "clear", "sort", "reverse"];

/// The value as one that may be changed, with all that is in it; what is no list and no mapping, and what is owned
/// already, stays.
pub fn owned(value: Value) -> Result<Value, Error> {
    match value.kind() {
        _ if is_owned(&value) || value.is_tuple() || !is_data(&value) => Ok(value),
        ValueKind::Seq => {
            let items = value.try_iter()?.map(owned).collect::<Result<_, Error>>()?;
            Ok(Value::from_object(List(Mutex::new(items))))
        }
        ValueKind::Map => {
            let own = |(key, value)| Ok((key, owned(value)?));
            let map = entries(&value)?.into_iter().map(own).collect::<Result<_, Error>>()?;
            Ok(Value::from_object(Dict(Mutex::new(map))))
        }
        _ => Ok(value),
    }
}

/// Whether a value may be changed.
pub fn is_owned(value: &Value) -> bool {
    value.downcast_object_ref::<List>().is_some() || value.downcast_object_ref::<Dict>().is_some()
}

fn entries(map: &Value) -> Result<IndexMap<Value, Value>, Error> {
    map.try_iter()?.map(|key| Ok((key.clone(), map.get_item(&key)?))).collect()
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn argument(args: &[Value], at: usize) -> Value {
    args.get(at).cloned().unwrap_or_else(|| Value::from(()))
}

/// Python's index: from the end where it is negative.
fn place(value: &Value, length: usize) -> usize {
    let index = value.as_i64().unwrap_or(0);
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 { length.saturating_sub(distance) } else { distance }
}

#[derive(Debug)]
struct List(Mutex<Vec<Value>>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        held(&self.0).get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(held(&self.0).clone())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let first = owned(argument(args, 0))?;
        // A list may be extended by itself: its items are taken before it is held.
        let more: Vec<Value> = if name == "extend" { first.try_iter()?.collect() } else { vec![] };
        let mut items = held(&self.0);
        match name {
            "append" => items.push(first),
            "extend" => items.extend(more),
            "insert" => {
                let at = place(&first, items.len()).min(items.len());
                items.insert(at, owned(argument(args, 1))?);
            }
            "pop" => {
                let last = items.len().saturating_sub(1);
                let at = if args.is_empty() { last } else { place(&first, items.len()) };
                if at >= items.len() {
                    return Err(fault::error("pop index out of range"));
                }
                return Ok(items.remove(at));
            }
            "remove" => match items.iter().position(|item| *item == first) {
                Some(at) => _ = items.remove(at),
                None => return Err(fault::error("list.remove(x): x not in list")),
            },
            "clear" => items.clear(),
            "sort" => {
                let mut wrong = None;
                items.sort_by(|a, b| {
                    python::compare(a, b, "<").map(|order| order.unwrap_or(Ordering::Equal)).unwrap_or_else(
                        |error| {
                            wrong = Some(error);
                            Ordering::Equal
                        },
                    )
                });
                if let Some(error) = wrong {
                    return Err(error);
                }
                if Args::new(args.to_vec()).named("reverse").is_some_and(|reverse| reverse.is_true()) {
                    items.reverse();
                }
            }
            "reverse" => items.reverse(),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Value::from(()))
    }
}

#[derive(Debug)]
struct Dict(Mutex<IndexMap<Value, Value>>);

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        held(&self.0).get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(held(&self.0).keys().cloned().collect())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let first = argument(args, 0);
        let mut more = IndexMap::new();
        if name == "update" {
            let args = Args::new(args.to_vec());
            if let Some(map) = args.given.first() {
                more.extend(entries(map)?);
            }
            more.extend(args.pairs().into_iter().map(|(name, value)| (Value::from(name), value)));
            more = more
                .into_iter()
                .map(|(key, value)| Ok((key, owned(value)?)))
                .collect::<Result<_, Error>>()?;
        }
        let otherwise = owned(argument(args, 1))?;
        let mut map = held(&self.0);
        match name {
            "update" => map.extend(more),
            "clear" => map.clear(),
            "setdefault" => return Ok(map.entry(first).or_insert(otherwise).clone()),
            "pop" => {
                return match map.shift_remove(&first) {
                    Some(value) => Ok(value),
                    None if args.len() > 1 => Ok(otherwise),
                    None => Err(fault::error(super::python::repr(&first))),
                };
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Value::from(()))
    }
}
