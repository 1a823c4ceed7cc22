//! Values on their way to a guest and back. Finished values come in and JSON goes out, with what JSON has no word for
//! as an object of one key: a mapping as its pairs (keys may be anything), tuples, bytes, dates, floats that are no number.

use super::super::filters::times::{self, Moment};
use crate::template::json::from_json;
use crate::template::{Value, arguments, fault, python};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Error;
use minijinja::value::{Tuple, ValueKind};
use serde_json::{Number, Value as Json, json};

/// A value as JSON.
pub fn packed(value: &Value) -> Result<Json, Error> {
    Ok(match value.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => {
            serde_json::from_str(&value.to_string()).unwrap_or(Json::Null)
        }
        ValueKind::Number => {
            let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
            Number::from_f64(float).map_or_else(|| json!({"float": python::float(float)}), Json::Number)
        }
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bytes => json!({"bytes": STANDARD.encode(value.as_bytes().unwrap_or_default())}),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().map(|item| packed(&item?));
            let items = Json::Array(items.collect::<Result<_, Error>>()?);
            if value.is_tuple() { json!({"tuple": items}) } else { items }
        }
        ValueKind::Map => {
            let pairs = arguments::entries(value)?.into_iter();
            let pairs = pairs.map(|(key, item)| Ok(json!([packed(&key)?, packed(&item)?])));
            json!({"map": pairs.collect::<Result<Vec<_>, Error>>()?})
        }
        _ => match times::as_text(value) {
            Some(moment) => json!({"moment": moment}),
            None => {
                let kind = python::type_name(value);
                return Err(fault::error(format!("Type '{kind}' cannot be given to a plugin of the site.")));
            }
        },
    })
}

/// JSON as a value.
pub fn unpacked(json: &Json) -> Result<Value, Error> {
    let all =
        |items: &Json| items.as_array().into_iter().flatten().map(unpacked).collect::<Result<Vec<_>, _>>();
    Ok(match json {
        Json::Array(_) => Value::from(all(json)?),
        Json::Object(object) => {
            let (kind, inner) =
                object.iter().next().ok_or_else(|| fault::error("a plugin of the site gave no value"))?;
            let text = inner.as_str().unwrap_or_default();
            match kind.as_str() {
                "tuple" => Value::from(Tuple::from(all(inner)?)),
                "bytes" => Value::from_bytes(STANDARD.decode(text).unwrap_or_default()),
                "float" => Value::from(text.parse::<f64>().unwrap_or(f64::NAN)),
                "moment" => match Moment::read(text) {
                    Some(moment) => Value::from_object(moment),
                    None => Value::from(text),
                },
                _ => {
                    let pairs = inner.as_array().into_iter().flatten();
                    let pair = |pair: &Json| Ok((unpacked(&pair[0])?, unpacked(&pair[1])?));
                    Value::from_pairs(pairs.map(pair).collect::<Result<Vec<_>, Error>>()?)
                }
            }
        }
        scalar => from_json(scalar),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_comes_back_as_it_was() {
        let pairs = [(Value::from(1), Value::from("one")), (Value::from("two"), Value::from(vec![2, 3]))];
        let tuple = Value::from(Tuple::from(vec![Value::from(true), Value::from(())]));
        for value in [
            Value::from_pairs(pairs),
            tuple,
            Value::from(f64::INFINITY),
            Value::from(-1.5),
            Value::from(u64::MAX),
            Value::from_bytes(vec![0, 255]),
            Value::from("{{ not rendered }}"),
        ] {
            let back = unpacked(&packed(&value).unwrap()).unwrap();
            assert_eq!(python::repr(&back), python::repr(&value));
            assert_eq!(python::type_name(&back), python::type_name(&value));
        }
    }

    #[test]
    fn dates_stay_dates() {
        let moment = unpacked(&json!({"moment": "2024-02-29 12:30:00"})).unwrap();
        assert_eq!(python::type_name(&moment), "datetime");
        assert_eq!(packed(&moment).unwrap(), json!({"moment": "2024-02-29 12:30:00"}));
    }
}
