//! What `meta` tasks say of themselves: the words that reports show for one that ran and for one that was skipped.

use crate::module::Map;
use serde_json::json;

/// What a `meta` did on a host.
#[must_use]
pub fn done(word: &str, host: &str, role: &str) -> String {
    match word {
        "flush_handlers" => format!("triggered running handlers for {host}"),
        "refresh_inventory" => "inventory successfully refreshed".into(),
        "clear_facts" => "facts cleared".into(),
        "clear_host_errors" => "cleared host errors".into(),
        "end_batch" => "ending batch".into(),
        "end_play" => "ending play".into(),
        "end_host" => format!("ending play for {host}"),
        "end_role" => format!("ending role {role} for {host}"),
        "reset_connection" => "reset connection".into(),
        other => other.to_string(),
    }
}

/// The result of a `meta` whose condition did not hold; its `skip_reason` is what is said.
#[must_use]
pub fn skipped(word: &str, host: &str, role: &str) -> Map {
    let then = match word {
        "flush_handlers" => format!(", not running handlers for {host}"),
        "clear_facts" => format!(", not clearing facts and fact cache for {host}"),
        "clear_host_errors" => format!(", not clearing host error state for {host}"),
        "end_batch" => ", continuing current batch".into(),
        "end_play" => ", continuing play".into(),
        "end_host" => format!(", continuing execution for {host}"),
        "end_role" => format!("continuing role {role} for {host}"),
        _ => String::new(),
    };
    let message = match word {
        "end_host" => format!("end_host conditional evaluated to false, continuing execution for {host}"),
        other => other.to_string(),
    };
    let mut result = Map::new();
    result.insert("msg".into(), json!(message));
    result.insert("skip_reason".into(), json!(format!("{word} conditional evaluated to False{then}")));
    result
}
