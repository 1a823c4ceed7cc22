//! Python's methods of strings, lists, mappings and numbers. A value, a name and arguments come in; what Python gives
//! goes out. What changes in place is the evaluation's own copy (`owned`): no variable ever does.

mod collection;
pub mod text;

use super::Value;
use super::arguments::Args;
use super::owned::{CHANGING, is_owned, owned};
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State};

/// Calls a method that the value itself does not have.
///
/// # Errors
/// There is no such method, or it fails.
pub fn call(state: &mut State<'_, '_>, value: &Value, name: &str, given: &[Value]) -> Result<Value, Error> {
    let args = Args::new(given.to_vec());
    args.defined()?;
    let answer = match value.kind() {
        ValueKind::String => text::call(value.as_str().unwrap_or(""), name, &args)?,
        ValueKind::Bytes if name == "decode" => {
            Some(Value::from(String::from_utf8_lossy(value.as_bytes().unwrap_or(&[])).into_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => collection::list(value, name, &args)?,
        ValueKind::Map => collection::dict(value, name, &args)?,
        ValueKind::Number => number(value, name),
        _ => None,
    };
    match answer {
        Some(answer) => Ok(answer),
        // What nobody holds a name of may change as well: only the answer is seen.
        None if CHANGING.contains(&name) && matches!(value.kind(), ValueKind::Seq | ValueKind::Map) => {
            match owned(value.clone())? {
                own if is_owned(&own) && !is_owned(value) => own.call_method(state, name, given),
                _ => Err(Error::from(ErrorKind::UnknownMethod)),
            }
        }
        None => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn number(value: &Value, name: &str) -> Option<Value> {
    match name {
        "bit_length" => value.as_i64().map(|number| Value::from(64 - number.unsigned_abs().leading_zeros())),
        "is_integer" => {
            Some(Value::from(f64::try_from(value.clone()).is_ok_and(|number| number.fract() == 0.0)))
        }
        _ => None,
    }
}
