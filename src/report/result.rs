//! A result as the console shows it. A result map comes in; Ansible's one-line or four-space JSON, its YAML, or the
//! konvoy block (three-space JSON, then `MSG:` and its like as plain text) goes out. Internal keys never show.

use super::style::{harmless, is_harmful};
use super::{Format, Look};
use muster_engine::module::{CAUSE, Map, NEVER_VERBOSE, VERBOSE, python_str};
use muster_engine::node::emit::{Layout, emit};
use muster_engine::template::{Trail, from_json};
use serde_json::Value as Json;
use std::fmt::Write;

/// What has been said already: the line begins with how it ended, and warnings have their own lines.
const SAID: [&str; 5] = ["exception", "warnings", "deprecations", "failed", "skipped"];
/// Keys that `debug: var=` results do not show.
const BESIDE_VAR: [&str; 8] = [
    "changed",
    "failed",
    "skipped",
    "invocation",
    "skip_reason",
    "ansible_loop_var",
    "ansible_index_var",
    "ansible_loop",
];
/// Keys that the konvoy block shows as plain text.
const BLOCKS: [&str; 5] = ["module_stdout", "module_stderr", "stdout", "stderr", "msg"];

/// Keys that the callback `debug` shows as plain text, in its order.
const SECTIONS: [&str; 5] = ["stdout", "stderr", "msg", "module_stdout", "module_stderr"];

/// How long a list or a mapping may be that is shown in a failure's block.
const WIDTH: usize = 120;

/// Whether a result is shown however quiet the run is.
#[must_use]
pub fn always(result: &Map) -> bool {
    flag(result, VERBOSE)
}

/// Whether a result is shown at this verbosity.
#[must_use]
pub fn is_shown(result: &Map, look: &Look, above: u8) -> bool {
    (look.verbosity > above || always(result)) && !flag(result, NEVER_VERBOSE)
}

fn flag(result: &Map, key: &str) -> bool {
    result.get(key).and_then(Json::as_bool).unwrap_or(false)
}

/// What of a result is worth showing: for `debug` only what it was asked for.
#[must_use]
pub fn cleaned(action: &str, result: &Map) -> Map {
    let mut map = result.clone();
    map.remove("results");
    if action.rsplit('.').next() == Some("debug") {
        if map.contains_key("msg") {
            map.retain(|key, _| key == "msg" || SAID.contains(&key.as_str()) || key.starts_with('_'));
        } else {
            map.retain(|key, _| !BESIDE_VAR.contains(&key.as_str()));
        }
    }
    map
}

/// The text behind `=> ` of a line that tells how something went well or was skipped.
#[must_use]
pub fn dumped(result: &Map, look: &Look) -> String {
    let shown = shown(result, look);
    match look.format {
        Format::Konvoy if always(result) && text(&shown).is_some() => {
            format!("\n\n{}\n", harmless(text(&shown).unwrap_or_default()))
        }
        Format::Yaml => yaml(shown, look),
        Format::Debug => sections(shown, look),
        Format::Json | Format::Konvoy => json(&Json::Object(shown), indent(result, look)),
    }
}

/// A result as the callback `debug` shows it: indented JSON, then what was said, each under its key.
fn sections(mut rest: Map, look: &Look) -> String {
    let mut said = String::new();
    for key in SECTIONS {
        let text =
            rest.remove(key).filter(|value| from_json(value).is_true()).map(|value| python_str(&value));
        rest.remove(&format!("{key}_lines"));
        if let Some(text) = text {
            _ = write!(said, "\n\n{}:\n\n{}\n", key.to_uppercase(), harmless(&text));
        }
    }
    format!("{}{said}", json(&Json::Object(rest), look.pretty.unwrap_or(true).then_some(4)))
}

/// The text of several lines that is all there is to show: a table of `debug`'s, which JSON would make one long line of.
fn text(shown: &Map) -> Option<&str> {
    let message = shown.get("msg").and_then(Json::as_str).filter(|_| shown.len() == 1)?;
    Some(message.trim_matches('\n')).filter(|text| text.contains('\n'))
}

/// The text behind `=> ` of a failure.
#[must_use]
pub fn failed(result: &Map, look: &Look) -> String {
    if look.format != Format::Konvoy {
        return dumped(result, look);
    }
    let mut rest = shown(result, look);
    let mut blocks = match look.verbosity {
        0 => left_out(&mut rest),
        _ => String::new(),
    };
    for key in BLOCKS {
        let Some(text) = rest.get(key).map(plain) else { continue };
        rest.remove(key);
        rest.remove(&format!("{key}_lines"));
        let mut text = text.trim_end().to_string();
        if let ("msg", Some(cause)) = (key, result.get(CAUSE).and_then(Json::as_str)) {
            text = format!("{}: {cause}", text.trim_end_matches('.'));
        }
        if !text.is_empty() {
            _ = write!(blocks, "\n\n{}:\n\n{}", key.to_uppercase(), harmless(&text));
        }
    }
    if let Some(place) = template_file(result) {
        _ = write!(blocks, " ({})", harmless(&place));
    }
    format!("{}{blocks}", json(&Json::Object(rest), Some(3)))
}

/// Takes out what would push the message off the screen, lists and mappings of more than a line, and says what shows them. The item
/// of a loop stays: it tells which one failed.
fn left_out(rest: &mut Map) -> String {
    let is_plain = |value: &Json| !value.is_array() && !value.is_object();
    let is_short = |value: &Json| match value {
        Json::Array(items) => items.iter().all(is_plain) && json(value, None).len() <= WIDTH,
        Json::Object(map) => map.values().all(is_plain) && json(value, None).len() <= WIDTH,
        _ => true,
    };
    let is_long = |key: &str, value: &Json| key != "item" && !BLOCKS.contains(&key) && !is_short(value);
    let mut long: Vec<String> =
        rest.iter().filter(|(key, value)| is_long(key, value)).map(|(key, _)| key.clone()).collect();
    long.sort();
    rest.retain(|key, _| !long.contains(key));
    // What comes as text of its own is there twice.
    long.retain(|key| key.strip_suffix("_lines").is_none_or(|key| !BLOCKS.contains(&key)));
    match long.as_slice() {
        [] => String::new(),
        names => format!("\n\n-v shows: {}", harmless(&names.join(", "))),
    }
}

/// The template file whose line was at fault.
fn template_file(result: &Map) -> Option<String> {
    let last = result.get(Trail::KEY)?.as_array()?.last()?;
    let spot = last.get(1)?;
    Some(format!("{}:{}", spot.get("file")?.as_str()?, spot.get("line")?.as_u64()?))
}

/// A value as text of its own.
#[must_use]
pub fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) if items.iter().all(Json::is_string) => {
            let lines: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            lines.join("\n")
        }
        other => json(other, None),
    }
}

fn indent(result: &Map, look: &Look) -> Option<usize> {
    let pretty = look.pretty.unwrap_or(always(result) || look.verbosity > 2);
    pretty.then_some(4)
}

/// The keys that are shown at this verbosity.
#[must_use]
pub fn shown(result: &Map, look: &Look) -> Map {
    let mut map = without_internal(result);
    for key in SAID {
        map.remove(key);
    }
    if look.verbosity < 3 {
        map.remove("invocation");
        map.remove("diff");
    }
    map
}

fn without_internal(map: &Map) -> Map {
    let clean = |value: &Json| match value {
        Json::Object(inner) => Json::Object(without_internal(inner)),
        other => other.clone(),
    };
    map.iter().filter(|(key, _)| !key.starts_with("_ansible_")).map(|(k, v)| (k.clone(), clean(v))).collect()
}

/// A result as Ansible's YAML: a line end, then its keys, each line four spaces in.
pub fn yaml(mut map: Map, look: &Look) -> String {
    if look.pretty != Some(false) {
        for stream in ["stdout", "stderr"] {
            let lines = format!("{stream}_lines");
            if map.contains_key(stream) && map.contains_key(&lines) {
                map.insert(lines, Json::String("<omitted>".into()));
            }
        }
    }
    let layout = Layout { literal: true, ..Layout::NICE };
    let value = Json::Object(map.into_iter().map(|(key, value)| (key, without_trailing(value))).collect());
    // JSON is YAML, so nothing is lost when the emitter refuses a text.
    let text = emit(&value, &layout).unwrap_or_else(|_| json(&value, Some(4)));
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect();
    format!("\n{}", lines.join("\n"))
}

/// Texts of several lines without blanks before line ends, which a literal block cannot hold.
fn without_trailing(value: Json) -> Json {
    match value {
        Json::String(text) if text.contains('\n') => {
            let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
            Json::String(lines.join("\n"))
        }
        Json::Array(items) => items.into_iter().map(without_trailing).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, without_trailing(value))).collect(),
        other => other,
    }
}

/// JSON with sorted keys, on one line or indented.
#[must_use]
pub fn json(value: &Json, indent: Option<usize>) -> String {
    let mut out = String::new();
    write_json(&mut out, value, indent, 0);
    out
}

fn write_json(out: &mut String, value: &Json, indent: Option<usize>, depth: usize) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Json::Number(number) => out.push_str(&as_python(number)),
        Json::String(text) => write_text(out, text),
        Json::Array(items) => {
            let write = |out: &mut String, item: &&Json| write_json(out, item, indent, depth + 1);
            write_all(out, ('[', ']'), items.iter().collect(), indent, depth, write);
        }
        Json::Object(map) => {
            let mut entries: Vec<(&String, &Json)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            write_all(out, ('{', '}'), entries, indent, depth, |out, (key, value)| {
                write_text(out, key);
                out.push_str(": ");
                write_json(out, value, indent, depth + 1);
            });
        }
    }
}

fn write_all<T>(
    out: &mut String,
    (open, close): (char, char),
    items: Vec<T>,
    indent: Option<usize>,
    depth: usize,
    write: impl Fn(&mut String, &T),
) {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        line(out, depth + 1);
        write(out, item);
    }
    if !items.is_empty() {
        line(out, depth);
    }
    out.push(close);
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if is_harmful(c) => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number as Python prints it: two digits of exponent, and a sign.
fn as_python(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent.trim_start_matches('+')),
    };
    format!("{}e{sign}{digits:0>2}", mantissa.strip_suffix(".0").unwrap_or(mantissa))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as j;

    fn map(value: Json) -> Map {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn one_line_json_is_sorted_and_spaced_as_python_does() {
        let result =
            map(j!({"rc": 1, "changed": true, "cmd": ["a", "b"], "_ansible_no_log": false, "diff": {},
            "warnings": ["x"], "n": 1e20, "f": 1.5, "e": {}, "t": "é\u{1b}\n\"文"}));
        assert_eq!(
            dumped(&result, &Look { format: Format::Json, ..Look::default() }),
            r#"{"changed": true, "cmd": ["a", "b"], "e": {}, "f": 1.5, "n": 1e+20, "rc": 1, "t": "é\u001b\n\"文"}"#
        );
    }

    #[test]
    fn the_callback_debug_shows_what_was_said_behind_the_rest() {
        let result =
            map(j!({"msg": "non-zero", "stdout": "a\nb", "stdout_lines": ["a", "b"], "stderr": "", "rc": 1}));
        let look = Look { format: Format::Debug, ..Look::default() };
        let told = "{\n    \"rc\": 1\n}\n\nSTDOUT:\n\na\nb\n\n\nMSG:\n\nnon-zero\n";
        assert_eq!(failed(&result, &look), told);
        assert_eq!(dumped(&map(j!({"msg": [1, null]})), &look), "{}\n\nMSG:\n\n[1, None]\n");
    }

    #[test]
    fn a_failure_is_a_konvoy_block_unless_a_format_is_asked_for() {
        let result = map(
            j!({"elapsed": 180, "changed": false, "msg": "timed out\n", "stdout": "", "stdout_lines": []}),
        );
        assert_eq!(
            failed(&result, &Look::default()),
            "{\n   \"changed\": false,\n   \"elapsed\": 180\n}\n\nMSG:\n\ntimed out"
        );
        let json = Look { format: Format::Json, ..Look::default() };
        assert!(failed(&result, &json).starts_with("{\"changed\": false, "));
    }

    #[test]
    fn what_would_hide_the_message_of_a_failure_is_left_to_v() {
        let member = j!({"id": "8e9e05c52164694d", "name": "cp1", "peer_urls": ["https://10.0.0.1:2380"]});
        let result = map(
            j!({"changed": false, "msg": "refused", "members": [member, member], "cmd": ["etcdctl", "member"],
            "votes": {"voters": 3, "alive": 1}, "item": {"key": "a", "value": [member]}, "stdout": "", "stdout_lines": []}),
        );
        let block = failed(&result, &Look::default());
        assert!(block.ends_with("}\n\n-v shows: members\n\nMSG:\n\nrefused"), "{block}");
        assert!(
            !block.contains("stdout") && block.contains("\"votes\"") && block.contains("\"item\""),
            "{block}"
        );
        let whole = failed(&result, &Look { verbosity: 1, ..Look::default() });
        assert!(whole.contains("\"members\"") && !whole.contains("-v shows"), "{whole}");
    }

    #[test]
    fn debug_shows_only_what_it_was_asked_for() {
        let look = Look::default();
        let message = cleaned("ansible.builtin.debug", &map(j!({"msg": "hi", "changed": false})));
        assert_eq!(dumped(&message, &look), "{\"msg\": \"hi\"}");
        let variable = j!({"x.stdout": "hi", "changed": false, "_ansible_verbose_always": true});
        assert_eq!(dumped(&cleaned("debug", &map(variable)), &look), "{\n    \"x.stdout\": \"hi\"\n}");
    }

    #[test]
    fn a_table_of_debug_s_is_shown_as_it_is() {
        let table = map(j!({"msg": "\nNAME  AGE\ncp1   5d\n", "_ansible_verbose_always": true}));
        assert_eq!(dumped(&table, &Look::default()), "\n\nNAME  AGE\ncp1   5d\n");
        let json = Look { format: Format::Json, ..Look::default() };
        assert!(dumped(&table, &json).contains("\\ncp1"));
    }

    #[test]
    fn yaml_leaves_out_lines_that_repeat_their_text() {
        let look = Look { format: Format::Yaml, ..Look::default() };
        let result = map(j!({"stdout": "a", "stdout_lines": ["a"], "cmd": ["x", "="], "rc": 0}));
        assert_eq!(
            dumped(&result, &look),
            "\n    cmd:\n    - x\n    - '='\n    rc: 0\n    stdout: a\n    stdout_lines: <omitted>"
        );
    }
}
