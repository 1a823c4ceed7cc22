//! Modules that steer the run and never touch a target: messages, conditions, facts, groups, findings. They are the
//! ones that own an expression or hand something to the run through keys of their result.

mod add_host;
mod assert;
mod check;
mod debug;
mod fail;
mod group_by;
mod include_vars;
mod journal;
mod pause;
mod set_fact;
mod set_stats;
mod validate_argument_spec;
mod written;

pub use add_host::AddHost;
pub use assert::Assert;
pub use check::Check as SiteCheck;
pub use debug::Debug;
pub use fail::Fail;
pub use group_by::GroupBy;
pub use include_vars::IncludeVars;
pub use journal::Journal;
pub use pause::Pause;
pub use set_fact::SetFact;
pub use set_stats::SetStats;
pub use validate_argument_spec::ValidateArgumentSpec;

use muster_engine::module::{Failure, Registry};

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry
        .with(Debug)
        .with(Assert)
        .with(Fail)
        .with(SetFact)
        .with(Pause)
        .with(AddHost)
        .with(GroupBy)
        .with(IncludeVars)
        .with(Journal::default())
        .with(SetStats)
        .with(ValidateArgumentSpec)
        .with(SiteCheck)
}

/// Words of Jinja that name no variable.
const RESERVED: [&str; 7] = ["true", "false", "none", "True", "False", "None", "not"];

/// The name, if a variable may have it.
///
/// # Errors
/// The message Ansible gives.
fn variable_name(name: &str) -> Result<(), Failure> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !RESERVED.contains(&name) {
        return Ok(());
    }
    Err(Failure::new(format!("Task failed: Invalid variable name '{name}'.")))
}

/// A boolean or one of the words for one.
///
/// # Errors
/// The message Ansible gives.
fn boolean(value: &serde_json::Value) -> Result<bool, Failure> {
    let text = match value {
        serde_json::Value::Bool(value) => return Ok(*value),
        serde_json::Value::String(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    };
    match text.as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Ok(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Ok(false),
        _ => Err(Failure::new(format!(
            "Task failed: The value '{text}' is not a valid boolean. Valid booleans include: \
             'no', 'on', 1, '0', 0, '1', 'off', 'true', 'y', 't', 'false', 'n', 'yes', 'f'"
        ))),
    }
}
