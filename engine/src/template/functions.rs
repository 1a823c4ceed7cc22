//! Global functions of templates: `lookup` and its kin, `now`, `dict`, `undef`, `cycler`, `joiner`.

use super::arguments::{Args, entries, items};
use super::filters::times::{Moment, zoned_text};
use super::range::range;
use super::{Value, fault, lazy, lookups};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Adds them.
pub fn install(env: &mut Environment<'static>) {
    env.add_function("undef", |rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let hint = Args::new(rest.into_values()).text(0, "hint")?;
        fault::remember(hint.unwrap_or_else(|| fault::NOT_OVERRIDDEN.into()));
        Ok(Value::UNDEFINED)
    });
    env.add_function("dict", |rest: Rest<ValueOrKwargs>| {
        let args = Args::new(rest.into_values());
        let mut pairs = match args.given.first() {
            Some(map) if map.kind() == ValueKind::Map => entries(map)?,
            Some(list) => {
                let pair = |pair: Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
                items(list)?.into_iter().map(pair).collect::<Result<Vec<_>, Error>>()?
            }
            None => vec![],
        };
        pairs.extend(args.pairs().into_iter().map(|(name, value)| (Value::from(name), value)));
        Ok::<_, Error>(Value::from_pairs(pairs))
    });
    env.add_function("range", range);
    env.add_function("now", now);
    env.add_function("lookup", |rest: Rest<ValueOrKwargs>| called(rest.into_values(), false));
    env.add_function("query", |rest: Rest<ValueOrKwargs>| called(rest.into_values(), true));
    env.add_function("q", |rest: Rest<ValueOrKwargs>| called(rest.into_values(), true));
    env.add_function("cycler", |rest: Rest<ValueOrKwargs>| {
        Value::from_object(Cycler { items: rest.into_values(), at: AtomicUsize::new(0) })
    });
    env.add_function("joiner", |rest: Rest<ValueOrKwargs>| {
        let with = rest.into_values().first().cloned().unwrap_or_else(|| Value::from(", "));
        Value::from_object(Joiner { with, used: AtomicUsize::new(0) })
    });
}

fn called(given: Vec<Value>, list: bool) -> Result<Value, Error> {
    let mut args = Args::new(given);
    if args.given.is_empty() {
        return Err(fault::error("a lookup needs the name of a plugin"));
    }
    let name = super::python::text(&args.given.remove(0))?;
    let core = lazy::current().ok_or_else(|| fault::error("no scope"))?;
    lookups::call(&core, &name, args, list)
}

fn now(rest: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Args::new(rest.into_values());
    let zone = if args.truth(0, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    let at = Timestamp::now().to_zoned(zone);
    match args.text(1, "fmt")? {
        Some(format) => zoned_text(&at, &format).map(Value::from),
        None => Ok(Value::from_object(Moment(at.datetime(), None))),
    }
}

/// Jinja's `cycler`.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Cycler {
    fn item(&self, at: usize) -> Value {
        self.items.get(at % self.items.len().max(1)).cloned().unwrap_or_default()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "current").then(|| self.item(self.at.load(Ordering::Relaxed)))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "next" => Ok(self.item(self.at.fetch_add(1, Ordering::Relaxed))),
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Jinja's `joiner`: nothing the first time, then the separator.
#[derive(Debug)]
struct Joiner {
    with: Value,
    used: AtomicUsize,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        match self.used.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Value::from("")),
            _ => Ok(self.with.clone()),
        }
    }
}
