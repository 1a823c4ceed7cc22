//! Tests of what a value is, and comparisons.

use super::Table;
use crate::template::arguments::{Args, is_list, items};
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::ValueKind;
use std::cmp::Ordering;

pub const TABLE: Table = &[
    ("defined", |_, value, _| Ok(!value.is_undefined())),
    ("undefined", |_, value, _| Ok(value.is_undefined())),
    ("none", |_, value, _| Ok(value.is_none())),
    ("true", |_, value, _| Ok(value.kind() == ValueKind::Bool && value.is_true())),
    ("false", |_, value, _| Ok(value.kind() == ValueKind::Bool && !value.is_true())),
    ("boolean", |_, value, _| Ok(value.kind() == ValueKind::Bool)),
    ("string", |_, value, _| Ok(value.kind() == ValueKind::String)),
    ("number", |_, value, _| Ok(matches!(value.kind(), ValueKind::Number | ValueKind::Bool))),
    ("integer", |_, value, _| Ok(value.is_integer())),
    ("float", |_, value, _| Ok(value.kind() == ValueKind::Number && !value.is_integer())),
    ("mapping", |_, value, _| Ok(value.kind() == ValueKind::Map)),
    ("sequence", |_, value, _| Ok(is_sequence(value))),
    ("iterable", |_, value, _| Ok(is_sequence(value) || value.kind() == ValueKind::Bytes)),
    ("callable", |_, value, _| Ok(value.kind() == ValueKind::Plain)),
    ("escaped", |_, value, _| Ok(value.is_safe())),
    ("truthy", |_, value, args| truthy(value, args, true)),
    ("falsy", |_, value, args| truthy(value, args, false)),
    ("nan", |_, value, _| nan(value)),
    ("isnan", |_, value, _| nan(value)),
    ("even", |_, value, _| Ok(whole(value)? % 2 == 0)),
    ("odd", |_, value, _| Ok(whole(value)? % 2 != 0)),
    ("divisibleby", |_, value, args| match whole(&args.need(0, "num")?)? {
        0 => Err(fault::error("division by zero")),
        num => Ok(whole(value)? % num == 0),
    }),
    ("sameas", |_, value, args| same(value, &args.need(0, "other")?)),
    ("eq", |_, value, args| Ok(*value == args.need(0, "b")?)),
    ("equalto", |_, value, args| Ok(*value == args.need(0, "b")?)),
    ("==", |_, value, args| Ok(*value == args.need(0, "b")?)),
    ("ne", |_, value, args| Ok(*value != args.need(0, "b")?)),
    ("!=", |_, value, args| Ok(*value != args.need(0, "b")?)),
    ("lt", |_, value, args| order(value, args, "<")),
    ("lessthan", |_, value, args| order(value, args, "<")),
    ("<", |_, value, args| order(value, args, "<")),
    ("le", |_, value, args| order(value, args, "<=")),
    ("<=", |_, value, args| order(value, args, "<=")),
    ("gt", |_, value, args| order(value, args, ">")),
    ("greaterthan", |_, value, args| order(value, args, ">")),
    (">", |_, value, args| order(value, args, ">")),
    ("ge", |_, value, args| order(value, args, ">=")),
    (">=", |_, value, args| order(value, args, ">=")),
    ("in", |_, value, args| within(value, &args.need(0, "seq")?)),
    ("contains", |_, value, args| within(&args.need(0, "item")?, value)),
    ("any", |_, value, _| Ok(items(value)?.iter().any(Value::is_true))),
    ("all", |_, value, _| Ok(items(value)?.iter().all(Value::is_true))),
    ("subset", |_, value, args| part(value, &args.need(0, "b")?)),
    ("issubset", |_, value, args| part(value, &args.need(0, "b")?)),
    ("superset", |_, value, args| part(&args.need(0, "b")?, value)),
    ("issuperset", |_, value, args| part(&args.need(0, "b")?, value)),
    ("filter", |_, value, _| {
        Ok(value.as_str().is_some_and(|name| crate::template::environment::filters().contains(name)))
    }),
    ("test", |_, value, _| {
        Ok(value.as_str().is_some_and(|name| crate::template::environment::tests().contains(name)))
    }),
];

fn is_sequence(value: &Value) -> bool {
    is_list(value) || matches!(value.kind(), ValueKind::Map | ValueKind::String)
}

fn whole(value: &Value) -> Result<i64, Error> {
    let number = python::number(value).and_then(|number| number.as_i64());
    number.ok_or_else(|| {
        let kind = python::type_name(value);
        fault::error(match value.kind() {
            ValueKind::String => "not all arguments converted during string formatting".into(),
            _ => format!("unsupported operand type(s) for %: '{kind}' and 'int'"),
        })
    })
}

fn truthy(value: &Value, args: &Args, wanted: bool) -> Result<bool, Error> {
    if !args.truth(0, "convert_bool", false) {
        return Ok(value.is_true() == wanted);
    }
    let converted = match value.kind() {
        ValueKind::String => match value.as_str().unwrap_or("").trim().to_lowercase().as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
            _ => None,
        },
        ValueKind::Number if *value == Value::from(1) => Some(true),
        ValueKind::Number if *value == Value::from(0) => Some(false),
        _ => None,
    };
    Ok(converted.unwrap_or_else(|| value.is_true()) == wanted)
}

fn nan(value: &Value) -> Result<bool, Error> {
    let number = python::number(value).and_then(|number| f64::try_from(number).ok());
    Ok(number.is_some_and(f64::is_nan))
}

/// Identity, as far as values have one.
fn same(value: &Value, other: &Value) -> Result<bool, Error> {
    if let (Some(a), Some(b)) = (value.as_object(), other.as_object()) {
        return Ok(std::ptr::eq(std::ptr::from_ref(a), std::ptr::from_ref(b)) || value == other);
    }
    Ok(value.kind() == other.kind() && value.is_integer() == other.is_integer() && value == other)
}

fn order(value: &Value, args: &Args, sign: &str) -> Result<bool, Error> {
    let order = python::compare(value, &args.need(0, "b")?, sign)?;
    Ok(match (sign, order) {
        (_, None) => false,
        ("<", Some(order)) => order == Ordering::Less,
        ("<=", Some(order)) => order != Ordering::Greater,
        (">", Some(order)) => order == Ordering::Greater,
        (_, Some(order)) => order != Ordering::Less,
    })
}

/// Whether `item in all`.
pub fn within(item: &Value, all: &Value) -> Result<bool, Error> {
    match all.kind() {
        ValueKind::String => match item.as_str() {
            Some(item) => Ok(all.as_str().unwrap_or("").contains(item)),
            None => {
                let kind = python::type_name(item);
                Err(fault::error(format!("'in <string>' requires string as left operand, not {kind}")))
            }
        },
        ValueKind::Map => Ok(!all.get_item(item)?.is_undefined()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Bytes | ValueKind::Undefined => {
            Ok(items(all)?.contains(item))
        }
        _ => Err(fault::error(format!("argument of type '{}' is not iterable", python::type_name(all)))),
    }
}

fn part(small: &Value, large: &Value) -> Result<bool, Error> {
    let large: std::collections::HashSet<Value> = items(large)?.into_iter().collect();
    Ok(items(small)?.iter().all(|item| large.contains(item)))
}
