//! Python's methods of strings, lists, mappings and numbers. A value, a name and arguments come in; what Python gives
//! goes out. Only what a template made itself may change (`owned`): elsewhere such methods are refused, with advice.

mod collection;
pub mod text;

use super::arguments::Args;
use super::owned::CHANGING;
use super::{Value, fault, python};
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State};

/// Calls a method that the value itself does not have.
///
/// # Errors
/// There is no such method, or it fails.
pub fn call(_: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Args::new(args.to_vec());
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
    answer.ok_or_else(|| match name {
        _ if CHANGING.contains(&name)
            && matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) =>
        {
            let kind = python::type_name(value);
            fault::error(format!(
                "'{name}' would change a {kind} in place: write `{{% set x = x + [item] %}}`, use `combine`, or keep it in a `namespace()`"
            ))
        }
        _ => Error::from(ErrorKind::UnknownMethod),
    })
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
