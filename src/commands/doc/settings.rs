//! `muster doc --settings`: what of `ansible.cfg` and the environment has a meaning here, from the table that reads it.

use crate::settings::TABLE;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// The page.
pub fn page() -> String {
    let mut out = String::new();
    for entry in TABLE {
        let (sections, env) = (sections(entry.ini), entry.env.join(", "));
        let default = if entry.default.is_empty() { "none" } else { entry.default };
        _ = writeln!(out, "{}  ({}; default: {default})", entry.name.trim_end_matches('_'), entry.kind);
        _ = writeln!(out, "{}", super::wrapped(entry.doc, 4));
        _ = writeln!(out, "    {sections}  {env}\n");
    }
    out
}

/// The table as JSON.
pub fn json() -> Json {
    let entry = |entry: &crate::settings::Entry| {
        json!({
            "name": entry.name.trim_end_matches('_'),
            "type": entry.kind,
            "default": entry.default,
            "description": entry.doc.trim(),
            "env": entry.env,
            "ini": entry.ini.iter().map(|(section, key)| json!({"section": section, "key": key})).collect::<Vec<_>>(),
        })
    };
    TABLE.iter().map(entry).collect()
}

fn sections(ini: &[(&str, &str)]) -> String {
    let all: Vec<String> = ini.iter().map(|(section, key)| format!("[{section}] {key}")).collect();
    all.join(", ")
}
