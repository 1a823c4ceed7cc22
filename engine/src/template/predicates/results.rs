//! Tests of what a task answered.

use super::Table;
use crate::template::{Value, fault};
use minijinja::Error;
use minijinja::value::ValueKind;

pub const TABLE: Table = &[
    ("failed", |_, value, _| truth(value, "failed", "failed", false)),
    ("failure", |_, value, _| truth(value, "failure", "failed", false)),
    ("succeeded", |_, value, _| Ok(!truth(value, "succeeded", "failed", false)?)),
    ("success", |_, value, _| Ok(!truth(value, "success", "failed", false)?)),
    ("successful", |_, value, _| Ok(!truth(value, "successful", "failed", false)?)),
    ("changed", |_, value, _| changed(value, "changed")),
    ("change", |_, value, _| changed(value, "change")),
    ("skipped", |_, value, _| truth(value, "skipped", "skipped", false)),
    ("skip", |_, value, _| truth(value, "skip", "skipped", false)),
    ("unreachable", |_, value, _| truth(value, "unreachable", "unreachable", false)),
    ("reachable", |_, value, _| Ok(!truth(value, "reachable", "unreachable", false)?)),
    ("started", |_, value, _| number(value, "started")),
    ("finished", |_, value, _| number(value, "finished")),
    ("timedout", |_, value, _| {
        let timed_out = key(value, "timedout", "timedout")?;
        if timed_out.kind() == ValueKind::Map {
            return Ok(timed_out.get_attr("period")?.is_true());
        }
        Ok(timed_out.is_true())
    }),
];

fn key(value: &Value, test: &str, name: &str) -> Result<Value, Error> {
    if value.kind() != ValueKind::Map {
        return Err(fault::error(format!("The '{test}' test expects a dictionary")));
    }
    fault::valid(value.get_item(&Value::from(name))?)
}

fn truth(value: &Value, test: &str, name: &str, otherwise: bool) -> Result<bool, Error> {
    let found = key(value, test, name)?;
    Ok(if found.is_undefined() { otherwise } else { found.is_true() })
}

/// A loop changed something if any of its items did.
fn changed(value: &Value, test: &str) -> Result<bool, Error> {
    if !key(value, test, "changed")?.is_undefined() {
        return truth(value, test, "changed", false);
    }
    let results = key(value, test, "results")?;
    if results.kind() != ValueKind::Seq {
        return Ok(false);
    }
    for result in results.try_iter()?.checked() {
        let result = result?;
        if result.kind() == ValueKind::Map && truth(&result, test, "changed", false)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn number(value: &Value, name: &str) -> Result<bool, Error> {
    let found = key(value, name, name)?;
    // What did not run in the background started and finished.
    Ok(if found.is_undefined() { true } else { found.is_true() })
}
