//! Nodes as JSON, unrendered. Dates and encrypted text become text, keys become what Python's `json` makes of them.

use super::{Kind, Node};
use serde_json::{Map, Number, Value};

impl Node {
    /// The node as JSON, templates left as text.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::BigInt(digits) => big(digits),
            Kind::Float(value) => match Number::from_f64(*value) {
                Some(number) => Value::Number(number),
                None => Value::String(float(*value)),
            },
            Kind::Str(text) | Kind::Date(text) | Kind::Vault(text) => Value::String(text.to_string()),
            Kind::Unsafe(inner) => inner.to_json(),
            Kind::Seq(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(map) => {
                let pairs = map.iter().map(|(key, value)| (key.to_key(), value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The node as the key of a JSON object.
    #[must_use]
    pub fn to_key(&self) -> String {
        match &self.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Int(value) => value.to_string(),
            Kind::Float(value) => float(*value),
            Kind::BigInt(text) | Kind::Str(text) | Kind::Date(text) | Kind::Vault(text) => text.to_string(),
            Kind::Unsafe(inner) => inner.to_key(),
            Kind::Seq(_) | Kind::Map(_) => self.to_json().to_string(),
        }
    }
}

/// An integer beyond `i64`: exact where JSON numbers can be, else the nearest float.
fn big(digits: &str) -> Value {
    let float = || digits.parse().ok().and_then(Number::from_f64).map(Value::Number);
    let exact = digits.parse::<u64>().ok().map(Value::from);
    exact.or_else(float).unwrap_or_else(|| Value::String(digits.to_owned()))
}

/// A float as Python writes it.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        repr(value)
    }
}

/// Python's `repr` of a finite float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.
pub(crate) fn repr(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
