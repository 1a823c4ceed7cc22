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
    let sorted = sorted(value)?;
    let flat = python::repr(&sorted);
    if flat.chars().count() + indent + after <= 80 {
        out.push_str(&flat);
        return Ok(());
    }
    let line = format!(",\n{}", " ".repeat(indent + 1));
    match sorted.kind() {
        ValueKind::Map => {
            out.push('{');
            let pairs = entries(&sorted)?;
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
            let tuple = sorted.is_tuple();
            out.push(if tuple { '(' } else { '[' });
            let items = crate::template::arguments::items(&sorted)?;
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

/// Mappings sorted by key, as the pretty printer shows them.
fn sorted(value: &Value) -> Result<Value, Error> {
    Ok(match value.kind() {
        ValueKind::Map => {
            let mut pairs = entries(value)?;
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            let pairs = pairs.into_iter().map(|(key, value)| Ok((key, sorted(&value)?)));
            Value::from_pairs(pairs.collect::<Result<Vec<_>, Error>>()?)
        }
        _ => value.clone(),
    })
}
