//! Filters about values as such: defaults, truth, types, attributes.

use super::Table;
use crate::template::arguments::Args;
use crate::template::{Value, fault, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("default", default),
    ("d", default),
    ("mandatory", mandatory),
    ("ternary", ternary),
    ("bool", boolean),
    ("type_debug", |_, value, _| Ok(Value::from(python::type_name(value)))),
    ("attr", attr),
];

fn default(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let also_false = args.truth(1, "boolean", false);
    if value.is_undefined() || (also_false && !value.is_true()) {
        return Ok(args.get(0, "default_value").unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

fn mandatory(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    if !value.is_undefined() {
        return Ok(value.clone());
    }
    if let Some(message) = args.text(0, "msg")? {
        return Err(fault::error(message));
    }
    Err(fault::mandatory(value))
}

fn ternary(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    fault::defined(value)?;
    let none = args.get(2, "none_val").filter(|none| !none.is_none());
    match none {
        Some(none) if value.is_none() => Ok(none),
        _ if value.is_true() => args.need(0, "true_val"),
        _ => args.need(1, "false_val"),
    }
}

/// What Ansible's `bool` filter makes of a value: anything it does not know is false.
fn boolean(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    Ok(Value::from(match value.kind() {
        ValueKind::Bool => value.is_true(),
        ValueKind::String => {
            let text = value.as_str().unwrap_or("").trim().to_lowercase();
            matches!(text.as_str(), "yes" | "on" | "1" | "true")
        }
        ValueKind::Number => *value == Value::from(1),
        _ => false,
    }))
}

fn attr(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let name = args.need(0, "name")?;
    let found = fault::valid(value.get_item(&name)?)?;
    if found.is_undefined() {
        fault::remember_missing(value, &name);
    }
    Ok(found)
}
