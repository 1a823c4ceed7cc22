//! Values as JSON and back. Finished values come in and JSON goes out with Python's key names; what comes from JSON is
//! final and never rendered.

use super::{Fault, Value, fault, python};
use minijinja::Error;
use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value as Json};

/// A value as JSON, with keys as Python's `json` writes them.
///
/// # Errors
/// Something in it is undefined, carries an error, or is no data.
pub fn to_json(value: &Value) -> Result<Json, Fault> {
    json(value).map_err(|error| fault::plain(&error))
}

/// The same within an evaluation.
pub fn json(value: &Value) -> Result<Json, Error> {
    Ok(match value.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::String => Json::String(value.as_str().unwrap_or("").into()),
        ValueKind::Bytes => {
            Json::String(String::from_utf8_lossy(value.as_bytes().unwrap_or(&[])).into_owned())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().map(|item| json(&item?));
            Json::Array(items.collect::<Result<_, Error>>()?)
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter()?.checked() {
                let key = key?;
                let item = fault::valid(value.get_item(&key)?)?;
                map.insert(key_name(&key)?, json(&item)?);
            }
            Json::Object(map)
        }
        ValueKind::Undefined => return fault::defined(value).map(|()| Json::Null),
        ValueKind::Invalid => return fault::valid(value.clone()).map(|_| Json::Null),
        _ => {
            let kind = python::type_name(value);
            return Err(fault::error(format!("Object of type {kind} is not JSON serializable")));
        }
    })
}

/// A key as Python's `json` writes it.
fn key_name(key: &Value) -> Result<String, Error> {
    Ok(match key.kind() {
        ValueKind::None => "null".into(),
        ValueKind::Bool => if key.is_true() { "true" } else { "false" }.into(),
        _ => python::text(key)?,
    })
}

fn number(value: &Value) -> Json {
    if let Some(whole) = value.as_i64().filter(|_| value.is_integer()) {
        return Json::Number(whole.into());
    }
    if value.is_integer() {
        if let Ok(whole) = u64::try_from(value.clone()) {
            return Json::Number(whole.into());
        }
        return serde_json::from_str(&value.to_string()).unwrap_or(Json::Null);
    }
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    Number::from_f64(float).map_or_else(|| Json::String(python::float(float)), Json::Number)
}

/// JSON as a value: final, never rendered.
#[must_use]
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (_, Some(whole)) => Value::from(whole),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(from_json).collect(),
        Json::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (key.as_str(), from_json(value))))
        }
    }
}
