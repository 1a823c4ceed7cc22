//! `pprint`: values as Python's pretty printer shows them, broken over lines when they are wider than 80 columns.

use crate::template::arguments::entries;
use crate::template::{Value, python};
use minijinja::Error;
use minijinja::value::ValueKind;

/// The printed value.
pub fn pretty(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write(&mut out, value, 0, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, indent: usize, after: usize) -> Result<(), Error> {
    let flat = python::repr(value);
    if flat.chars().count() + indent + after <= 80 {
        out.push_str(&flat);
        return Ok(());
    }
    let line = format!(",\n{}", " ".repeat(indent + 1));
    match value.kind() {
        ValueKind::Map => {
            out.push('{');
            let pairs = entries(value)?;
            let last = pairs.len().saturating_sub(1);
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if i > 0 { &line } else { "" });
                let key = python::repr(key);
                let width = key.chars().count() + 2;
                out.push_str(&key);
                out.push_str(": ");
                write(out, value, indent + 1 + width, if i == last { after + 1 } else { 1 })?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let tuple = value.is_tuple();
            out.push(if tuple { '(' } else { '[' });
            let items = crate::template::arguments::items(value)?;
            let last = items.len().saturating_sub(1);
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { &line } else { "" });
                write(out, item, indent + 1, if i == last { after + 1 } else { 1 })?;
            }
            out.push(if tuple { ')' } else { ']' });
        }
        _ => out.push_str(&flat),
    }
    Ok(())
}
