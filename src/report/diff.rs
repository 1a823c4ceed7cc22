//! Differences as Ansible shows them. A result's `diff` comes in; unified differences, one per changed file, go out,
//! each ending with a blank line.

use super::result::{json, yaml};
use super::style::harmless;
use super::{Colour, Format, Look};
use muster_engine::module::Map;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// The text of a `diff`; empty if there is nothing to show.
#[must_use]
pub fn shown(diff: &Json, look: &Look) -> String {
    let one = std::slice::from_ref(diff);
    let all = diff.as_array().map_or(one, Vec::as_slice);
    all.iter().filter_map(Json::as_object).map(|diff| file(diff, look)).collect()
}

fn file(diff: &Map, look: &Look) -> String {
    let mut out = String::new();
    for (key, side) in [("dst", "destination"), ("src", "source")] {
        if diff.contains_key(&format!("{key}_binary")) {
            _ = writeln!(out, "diff skipped: {side} file appears to be binary");
        }
        if let Some(size) = diff.get(&format!("{key}_larger")) {
            _ = writeln!(out, "diff skipped: {side} file size is greater than {}", json(size, None));
        }
    }
    if let (Some(before), Some(after)) = (diff.get("before"), diff.get("after")) {
        let header = |side: &str| match diff.get(&format!("{side}_header")).and_then(Json::as_str) {
            Some(header) => format!("{side}: {header}"),
            None => side.to_string(),
        };
        let headers = (header("before"), header("after"));
        out.push_str(&unified(&text(before, look), &text(after, look), &headers, look));
    }
    if let Some(prepared) = diff.get("prepared").and_then(Json::as_str) {
        out.push_str(&harmless(prepared));
    }
    out
}

fn text(side: &Json, look: &Look) -> String {
    match side {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        // An empty line ends it.
        Json::Object(map) if look.format == Format::Yaml => {
            yaml(map.clone(), look).trim_start_matches('\n').to_owned() + "\n\n"
        }
        other => json(other, Some(4)) + "\n",
    }
}

fn unified(before: &str, after: &str, headers: &(String, String), look: &Look) -> String {
    let (before, after) = (lines(before), lines(after));
    let old: Vec<&str> = before.iter().map(String::as_str).collect();
    let new: Vec<&str> = after.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    let mut out = String::new();
    for hunk in diff.unified_diff().context_radius(look.diff_context).iter_hunks() {
        if out.is_empty() {
            out.push_str(&look.palette.paint(Colour::Failed, &format!("--- {}", harmless(&headers.0))));
            out.push('\n');
            out.push_str(&look.palette.paint(Colour::Ok, &format!("+++ {}", harmless(&headers.1))));
            out.push('\n');
        }
        out.push_str(&look.palette.paint(Colour::Skipped, hunk.header().to_string().trim_end()));
        out.push('\n');
        for change in hunk.iter_changes() {
            let text = harmless(change.value());
            let text = text.strip_suffix('\n').unwrap_or(&text);
            match change.tag() {
                ChangeTag::Equal => _ = write!(out, " {text}"),
                ChangeTag::Delete => out.push_str(&look.palette.paint(Colour::Failed, &format!("-{text}"))),
                ChangeTag::Insert => out.push_str(&look.palette.paint(Colour::Ok, &format!("+{text}"))),
            }
            out.push('\n');
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Lines with their ends; a last line without one says so.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(String::from).collect();
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
        last.push_str("\n\\ No newline at end of file\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_new_file_is_shown_as_ansible_shows_it() {
        let diff = json!([{"before": "", "after": "a\nb\nc", "after_header": "/tmp/out.txt"}]);
        assert_eq!(
            shown(&diff, &Look::default()),
            "--- before\n+++ after: /tmp/out.txt\n@@ -0,0 +1,3 @@\n+a\n+b\n+c\n\\ No newline at end of file\n\n"
        );
    }

    #[test]
    fn structures_are_compared_as_json() {
        let diff = json!({"before": {"path": "/d", "state": "absent"}, "after": {"path": "/d", "state": "directory"}});
        assert_eq!(
            shown(&diff, &Look::default()),
            "--- before\n+++ after\n@@ -1,4 +1,4 @@\n {\n     \"path\": \"/d\",\n-    \"state\": \"absent\"\n\
             +    \"state\": \"directory\"\n }\n\n"
        );
    }

    #[test]
    fn or_as_yaml_where_results_are() {
        let diff = json!({"before": {"path": "/d", "state": "absent"}, "after": {"path": "/d", "state": "directory"}});
        let look = Look { format: Format::Yaml, ..Look::default() };
        assert_eq!(
            shown(&diff, &look),
            "--- before\n+++ after\n@@ -1,3 +1,3 @@\n     path: /d\n-    state: absent\n+    state: directory\n \n\n"
        );
    }

    #[test]
    fn what_is_equal_gives_nothing() {
        assert_eq!(shown(&json!({"before": "a\n", "after": "a\n"}), &Look::default()), "");
    }
}
