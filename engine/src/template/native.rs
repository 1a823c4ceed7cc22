//! Native values of what minijinja captures as text: the bodies of macros, and of `call`, `set` and `filter` blocks. A value
//! that is no text leaves a mark in the text and stays behind; where the text is used, a text that is one mark is that
//! value again, and marks among other text become the value's text. No mark outlives the evaluation that made it.

use super::environment::printed;
use super::fault;
use minijinja::value::Value;
use minijinja::{Environment, Error};
use std::cell::RefCell;

/// Around the number of a value: characters that are none.
const MARK: (char, char) = ('\u{10FFFE}', '\u{10FFFF}');

thread_local! {
    static KEPT: RefCell<Vec<Value>> = const { RefCell::new(vec![]) };
}

/// Adds the filters to an environment.
pub fn install(env: &mut Environment<'_>) {
    env.add_filter("_m_put", put);
    env.add_filter("_m_native", native);
}

/// Forgets what earlier evaluations kept.
pub fn forget() {
    KEPT.with_borrow_mut(Vec::clear);
}

/// A value on its way into text; a variable that is not there, by its name, is one too.
fn put(value: Value, name: Option<&str>) -> Result<Value, Error> {
    match name {
        Some(name) if value.is_undefined() => fault::remember(format!("'{name}' is undefined")),
        _ => fault::defined(&value)?,
    }
    if value.as_str().is_some() {
        return Ok(value);
    }
    let at = KEPT.with_borrow_mut(|kept| {
        kept.push(value);
        kept.len() - 1
    });
    Ok(Value::from(format!("{}{at}{}", MARK.0, MARK.1)))
}

/// What a text stands for.
pub fn native(value: Value) -> Result<Value, Error> {
    let Some(text) = value.as_str().filter(|text| text.contains(MARK.0)) else { return Ok(value) };
    let kept = |number: &str| {
        let at: usize = number.parse().ok()?;
        KEPT.with_borrow(|kept| kept.get(at).cloned())
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (number, after))) =
        rest.split_once(MARK.0).and_then(|(before, after)| Some((before, after.split_once(MARK.1)?)))
    {
        let Some(value) = kept(number) else { break };
        let alone = out.is_empty() && before.is_empty() && after.is_empty();
        if alone {
            return Ok(value);
        }
        if value.is_undefined() {
            return Err(fault::missing());
        }
        out.push_str(before);
        if !value.is_none() {
            out.push_str(&printed(&value)?);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(Value::from(out))
}
