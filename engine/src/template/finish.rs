//! Values that leave a scope: nothing in them is lazy, undefined, an error or `omit`. A value of an evaluation comes
//! in, one made of plain strings, numbers, lists and mappings goes out; what is plain already is shared, not copied.

use super::filters::times;
use super::range::is_range;
use super::{Value, fault, python};
use indexmap::IndexMap;
use minijinja::Error;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use std::sync::Arc;

/// The `omit` global.
#[derive(Debug)]
pub struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn render(self: &Arc<Self>, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// Whether a value is `omit`.
pub fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}

/// The finished value; `omit` itself stays.
///
/// # Errors
/// Something in it is undefined, carries an error, or is no data.
pub fn finish(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => fault::defined(&value).map(|()| value),
        ValueKind::Invalid => fault::valid(value),
        ValueKind::String if value.is_safe() => Ok(Value::from(value.as_str().unwrap_or(""))),
        ValueKind::Seq if is_range(&value) => {
            Err(fault::error("Type 'range' is unsupported for variable storage."))
        }
        ValueKind::Seq | ValueKind::Iterable => list(value),
        ValueKind::Map if is_data(&value) => map(value),
        ValueKind::Plain if let Some(text) = times::as_text(&value) => Ok(Value::from(text)),
        ValueKind::Plain | ValueKind::Map if !is_omit(&value) => {
            let kind = python::type_name(&value);
            Err(fault::error(format!("Type '{kind}' is unsupported for variable storage.")))
        }
        _ => Ok(value),
    }
}

/// Whether a map is data: macros and the like are maps to the engine too.
pub fn is_data(value: &Value) -> bool {
    value.as_object().is_none_or(|object| {
        !object.type_name().contains("minijinja::vm::") && !object.type_name().contains("Namespace")
    })
}

fn list(value: Value) -> Result<Value, Error> {
    let plain = value.downcast_object_ref::<Vec<Value>>();
    if plain.is_some_and(|items| items.iter().all(is_scalar)) {
        return Ok(value);
    }
    let mut items = vec![];
    for item in value.try_iter()?.checked() {
        let item = finish(item?)?;
        if !is_omit(&item) {
            items.push(item);
        }
    }
    Ok(Value::from(items))
}

fn map(value: Value) -> Result<Value, Error> {
    let plain = value.downcast_object_ref::<IndexMap<Value, Value>>();
    if plain.is_some_and(|pairs| pairs.values().all(is_scalar)) {
        return Ok(value);
    }
    let mut pairs = vec![];
    for key in value.try_iter()?.checked() {
        let key = key?;
        let item = finish(fault::valid(value.get_item(&key)?)?)?;
        if !is_omit(&item) {
            pairs.push((key, item));
        }
    }
    Ok(Value::from_pairs(pairs))
}

fn is_scalar(value: &Value) -> bool {
    match value.kind() {
        ValueKind::String => !value.is_safe(),
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::Bytes => true,
        _ => false,
    }
}
