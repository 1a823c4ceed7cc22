//! Methods of lists and mappings.

use crate::template::arguments::{Args, entries, items};
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::Tuple;

/// A method of a list; nothing if there is none of that name.
pub fn list(value: &Value, name: &str, args: &Args) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "index" => {
            let wanted = args.need(0, "value")?;
            let found = items(value)?.iter().position(|item| *item == wanted);
            let missing = || fault::error(format!("{} is not in list", python::repr(&wanted)));
            Value::from(found.ok_or_else(missing)?)
        }
        "count" => {
            let wanted = args.need(0, "value")?;
            Value::from(items(value)?.iter().filter(|item| **item == wanted).count())
        }
        "copy" => Value::from(items(value)?),
        _ => return Ok(None),
    }))
}

/// A method of a mapping.
pub fn dict(value: &Value, name: &str, args: &Args) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "get" => {
            let found = fault::valid(value.get_item(&args.need(0, "key")?)?)?;
            if found.is_undefined() {
                args.get(1, "default").unwrap_or_else(|| Value::from(()))
            } else {
                found
            }
        }
        "keys" => Value::from(value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?),
        "values" => entries(value)?.into_iter().map(|(_, value)| value).collect(),
        "items" => {
            let pair = |(key, value): (Value, Value)| Value::from(Tuple::from([key, value]));
            entries(value)?.into_iter().map(pair).collect()
        }
        "copy" => Value::from_pairs(entries(value)?),
        _ => return Ok(None),
    }))
}
