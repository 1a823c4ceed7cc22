//! Results as Ansible shapes them: what a task registers, what a report may show, what status a result means.

use super::attempt::DELEGATED;
use crate::event::Status;
use crate::module::{CAUSE, JUDGED, Map, NEVER_VERBOSE, SAID, VERBOSE, braces_go};
use crate::template::{Expr, Fault, Scope, Trail};
use serde_json::{Value as Json, json};

/// Whether a key of a result says yes.
#[must_use]
pub fn says(result: &Map, key: &str) -> bool {
    match result.get(key) {
        Some(Json::Bool(yes)) => *yes,
        Some(Json::Number(n)) => n.as_f64() != Some(0.0),
        Some(Json::String(text)) => !text.is_empty() && super::target::truth(text) != Some(false),
        Some(Json::Array(items)) => !items.is_empty(),
        Some(Json::Object(map)) => !map.is_empty(),
        Some(Json::Null) | None => false,
    }
}

/// The status a result means.
#[must_use]
pub fn status(result: &Map) -> Status {
    if says(result, "unreachable") {
        Status::Unreachable
    } else if has_failed(result) {
        Status::Failed
    } else if says(result, "skipped") {
        Status::Skipped
    } else if says(result, "changed") {
        Status::Changed
    } else {
        Status::Ok
    }
}

/// Whether it failed: what `failed_when` said, of it or of its items, outweighs all else, exhausted retries too.
fn has_failed(result: &Map) -> bool {
    const JUDGED: &str = "failed_when_result";
    let items = || {
        let items = result.get("results").and_then(Json::as_array).into_iter().flatten();
        items.filter_map(Json::as_object)
    };
    if result.contains_key(JUDGED) {
        says(result, JUDGED)
    } else if items().any(|item| item.contains_key(JUDGED)) {
        items().any(|item| says(item, JUDGED))
    } else {
        says(result, "failed")
    }
}

/// Where Ansible keeps a traceback: playbooks ask whether it is there.
const EXCEPTION: &str = "exception";

/// A failed task that never reached its module.
#[must_use]
pub fn failure(message: impl Into<String>) -> Map {
    let mut result = Map::new();
    result.insert("changed".into(), json!(false));
    result.insert("failed".into(), json!(true));
    result.insert("msg".into(), Json::String(message.into()));
    result.insert(EXCEPTION.into(), json!("(traceback unavailable)"));
    result
}

/// A failed task whose template or condition was at fault.
#[must_use]
pub fn fault(fault: &Fault) -> Map {
    let lead = if fault.trail.bare { "" } else { "Task failed: " };
    let mut result = failure(format!("{lead}{}", fault.message));
    result.insert(Trail::KEY.into(), fault.causes());
    result
}

/// A task that a condition skipped.
#[must_use]
pub fn skipped(condition: &Expr) -> Map {
    let mut result = Map::new();
    result.insert("changed".into(), json!(false));
    result.insert("skipped".into(), json!(true));
    result.insert("skip_reason".into(), json!("Conditional result was False"));
    let written = if condition.is_literal() { json!(false) } else { json!(condition.text) };
    result.insert("false_condition".into(), written);
    result
}

/// Says beside a result that conditions in template delimiters will go, as far as conditions were looked at.
pub fn braced(result: &mut Map, conditions: &[Expr], scope: &Scope) {
    // Most tasks have none, and are not weighed again.
    if !conditions.iter().any(Expr::is_template) {
        return;
    }
    for condition in conditions {
        if scope.is_braced(condition) {
            braces_go(result);
        }
        if !scope.holds(condition).unwrap_or(false) {
            return;
        }
    }
}

/// What a variable registers: no internal keys, lines beside text.
#[must_use]
pub fn registered(result: &Map) -> Map {
    let mut clean: Map = result
        .iter()
        .filter(|(key, _)| !key.starts_with("_ansible_") && *key != "invocation")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    clean.values_mut().for_each(without_internal);
    for (text, lines) in [("stdout", "stdout_lines"), ("stderr", "stderr_lines")] {
        if let Some(Json::String(content)) = clean.get(text)
            && !clean.contains_key(lines)
        {
            let split: Vec<&str> = content.lines().collect();
            clean.insert(lines.into(), json!(split));
        }
    }
    if !clean.contains_key("skipped") && !clean.contains_key("failed") {
        clean.insert("failed".into(), json!(false));
    }
    let items = clean.contains_key("results");
    if !items {
        excuse(&mut clean);
    }
    if let Some(Json::Array(items)) = clean.get_mut("results") {
        for item in items.iter_mut().filter_map(Json::as_object_mut) {
            excuse(item);
        }
    }
    clean
}

/// Takes internal keys out, at every depth.
fn without_internal(value: &mut Json) {
    match value {
        Json::Object(map) => {
            map.retain(|key, _| !key.starts_with("_ansible_"));
            map.values_mut().for_each(without_internal);
        }
        Json::Array(items) => items.iter_mut().for_each(without_internal),
        _ => {}
    }
}

/// What is said where Ansible has a traceback.
pub const NO_TRACEBACK: &str = "(traceback unavailable)";

/// Says beside a failure that there is no traceback of it.
pub fn excuse(result: &mut Map) {
    if has_failed(result) {
        result.entry("exception").or_insert_with(|| json!(NO_TRACEBACK));
    }
}

/// What a module wants shown in place of parts of its result, which may hold secrets; whoever registers it has the parts.
const SHOWN: &str = "_ansible_shown";

fn instead(shown: &mut Map, result: &Map) {
    if let Some(Json::Object(parts)) = result.get(SHOWN) {
        shown.extend(parts.clone());
    }
    let items = shown.get_mut("results").and_then(Json::as_array_mut).into_iter().flatten();
    for item in items.filter_map(Json::as_object_mut) {
        if let Some(Json::Object(parts)) = item.shift_remove(SHOWN) {
            item.extend(parts);
        }
    }
}

/// What a report may show of a result; differences only if they are asked for.
#[must_use]
pub fn shown(result: &Map, no_log: bool, diff: bool) -> Map {
    if !no_log {
        // The status says these; Ansible does not show them either.
        let said = |key: &str| {
            matches!(key, "failed" | "skipped" | EXCEPTION)
                || (key == "diff" && !diff)
                || (key.starts_with("_ansible_")
                    && !matches!(
                        key,
                        VERBOSE | NEVER_VERBOSE | CAUSE | SAID | JUDGED | DELEGATED | Trail::KEY
                    ))
        };
        let mut all: Map =
            result.iter().filter(|(key, _)| !said(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        instead(&mut all, result);
        return all;
    }
    let mut censored = Map::new();
    censored.insert(
        "censored".into(),
        json!("the output has been hidden due to the fact that 'no_log: true' was specified for this result"),
    );
    for key in ["changed", "failed", "skipped", "unreachable", "attempts", "retries"] {
        if let Some(value) = result.get(key) {
            censored.insert(key.into(), value.clone());
        }
    }
    if let Some(Json::Array(items)) = result.get("results") {
        let items =
            items.iter().filter_map(Json::as_object).map(|item| Json::Object(shown(item, true, diff)));
        censored.insert("results".into(), items.collect());
    }
    censored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_internal_is_registered_at_no_depth() {
        let Json::Object(result) =
            json!({"a": [{"_ansible_b": 1, "c": {"_ansible_d": 2, "e": 3}}], "_ansible_f": 4})
        else {
            unreachable!()
        };
        assert_eq!(registered(&result)["a"], json!([{"c": {"e": 3}}]));
    }
}
