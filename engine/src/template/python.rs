//! Python's view of values: how they print, what type they have, how they order. Values come in, text and answers go
//! out, as ansible-core's own Python would give them.

use super::fault;
use super::filters::attributes::is_group;
use super::range::is_range;
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::cmp::Ordering;
use std::fmt::Write;

mod format;
mod printf;

pub use format::format;
pub use printf::printf;

/// `type(value).__name__`.
pub fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "UndefinedMarker",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq if value.is_tuple() => "tuple",
        ValueKind::Seq if is_range(value) => "range",
        ValueKind::Seq if is_group(value) => "GroupTuple",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => match value.as_object().map(minijinja::value::DynObject::type_name) {
            Some(name) if name.ends_with("::HostVars") => "HostVars",
            Some(name) if name.ends_with("::HostVariables") => "HostVarsVars",
            _ => "dict",
        },
        _ => super::filters::times::type_name(value).unwrap_or("object"),
    }
}

/// Whether a mapping is the variables of a host, or of all: rendered when they are touched.
pub fn is_of_hosts(value: &Value) -> bool {
    let ours = ["::HostVars", "::HostVariables", "::Variables"];
    let name = value.as_object().map(minijinja::value::DynObject::type_name);
    name.is_some_and(|name| ours.iter().any(|own| name.ends_with(own)))
}

/// `str(value)`.
pub fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or("").to_string()),
        ValueKind::Invalid => fault::valid(value.clone()).map(|_| String::new()),
        ValueKind::Undefined => fault::defined(value).map(|()| String::new()),
        _ => {
            let mut out = String::new();
            write_repr(&mut out, value)?;
            Ok(out)
        }
    }
}

/// `repr(value)`; what carries an error prints as nothing.
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    let _ = write_repr(&mut out, value);
    out
}

fn write_repr(out: &mut String, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if value.is_integer() => {
            let _ = write!(out, "{value}");
        }
        ValueKind::Number => out.push_str(&float(f64::try_from(value.clone()).unwrap_or(f64::NAN))),
        ValueKind::String => quote(out, value.as_str().unwrap_or("")),
        ValueKind::Seq if is_range(value) => {
            let _ = write!(out, "{value}");
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let tuple = value.is_tuple() || is_group(value);
            out.push(if tuple { '(' } else { '[' });
            let mut count = 0;
            for item in value.try_iter()?.checked() {
                if count > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &item?)?;
                count += 1;
            }
            out.push_str(if tuple && count == 1 { "," } else { "" });
            out.push(if tuple { ')' } else { ']' });
        }
        ValueKind::Map => {
            out.push('{');
            for (i, key) in value.try_iter()?.checked().enumerate() {
                let key = key?;
                out.push_str(if i > 0 { ", " } else { "" });
                write_repr(out, &key)?;
                out.push_str(": ");
                write_repr(out, &fault::valid(value.get_item(&key)?)?)?;
            }
            out.push('}');
        }
        ValueKind::Undefined => fault::defined(value)?,
        ValueKind::Invalid => {
            fault::valid(value.clone())?;
        }
        _ => {
            let _ = write!(out, "{value:?}");
        }
    }
    Ok(())
}

/// `repr` of a float.
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&power) || number == 0.0 {
        let plain = number.to_string();
        if plain.contains('.') { plain } else { plain + ".0" }
    } else {
        let sign = if power < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", power.abs())
    }
}

fn quote(out: &mut String, text: &str) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() && u32::from(c) < 0x100 => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(mark);
}

/// The value as a number that orders: booleans count.
pub fn number(value: &Value) -> Option<Value> {
    match value.kind() {
        ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        ValueKind::Number => Some(value.clone()),
        _ => None,
    }
}

/// Orders two values as `sign` would; nothing if there is no order among them (NaN).
///
/// # Errors
/// Python refuses to compare the two.
pub fn compare(left: &Value, right: &Value, sign: &str) -> Result<Option<Ordering>, Error> {
    let refuse = || {
        let (left, right) = (type_name(left), type_name(right));
        fault::error(format!("'{sign}' not supported between instances of '{left}' and '{right}'"))
    };
    if let Some((a, b)) = number(left).zip(number(right)) {
        if a.is_integer() && b.is_integer() {
            return Ok(Some(a.cmp(&b)));
        }
        let float = |value: &Value| f64::try_from(value.clone()).unwrap_or(f64::NAN);
        return Ok(float(&a).partial_cmp(&float(&b)));
    }
    if let Some(order) = super::filters::times::order(left, right) {
        return Ok(Some(order));
    }
    match (left.kind(), right.kind()) {
        (ValueKind::String, ValueKind::String) => Ok(Some(left.as_str().cmp(&right.as_str()))),
        (ValueKind::Seq | ValueKind::Iterable, ValueKind::Seq | ValueKind::Iterable)
            if left.is_tuple() == right.is_tuple() =>
        {
            let (mut a, mut b) = (left.try_iter()?.checked(), right.try_iter()?.checked());
            loop {
                match (a.next().transpose()?, b.next().transpose()?) {
                    (None, None) => return Ok(Some(Ordering::Equal)),
                    (None, Some(_)) => return Ok(Some(Ordering::Less)),
                    (Some(_), None) => return Ok(Some(Ordering::Greater)),
                    (Some(a), Some(b)) if a == b => {}
                    (Some(a), Some(b)) => return compare(&a, &b, sign),
                }
            }
        }
        _ => Err(refuse()),
    }
}
