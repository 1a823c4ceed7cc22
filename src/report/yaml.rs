//! YAML as Ansible's own dumpers print it: sorted keys, block style, texts of several lines as literal blocks, texts
//! that would read as something else in quotes. A JSON value comes in, its YAML goes out, ending with a newline.

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use serde_json::Value as Json;

/// The value as a YAML document with an indent of 4.
#[must_use]
pub fn emit(value: &Json) -> String {
    let mut events = vec![Event::stream_start(Encoding::Utf8), Event::document_start(None, &[], true)];
    node(value, &mut events);
    events.push(Event::document_end(true));
    events.push(Event::stream_end());
    let mut bytes = vec![];
    let mut emitter = Emitter::new();
    emitter.set_output_string(&mut bytes);
    emitter.set_unicode(true);
    emitter.set_indent(4);
    emitter.set_width(80);
    let written = events.into_iter().try_for_each(|event| emitter.emit(event)).is_ok();
    drop(emitter);
    match String::from_utf8(bytes) {
        Ok(text) if written => text.strip_suffix("...\n").map(String::from).unwrap_or(text),
        // JSON is YAML, so nothing is lost when the emitter refuses a text.
        _ => super::result::json(value, Some(4)) + "\n",
    }
}

fn node(value: &Json, events: &mut Vec<Event>) {
    match value {
        Json::Null => events.push(plain("null")),
        Json::Bool(yes) => events.push(plain(if *yes { "true" } else { "false" })),
        Json::Number(number) => events.push(plain(&number.to_string())),
        Json::String(text) => events.push(scalar(text)),
        Json::Array(items) => {
            let style = if items.is_empty() { SequenceStyle::Flow } else { SequenceStyle::Block };
            events.push(Event::sequence_start(None, None, true, style));
            items.iter().for_each(|item| node(item, events));
            events.push(Event::sequence_end());
        }
        Json::Object(map) => {
            let style = if map.is_empty() { MappingStyle::Flow } else { MappingStyle::Block };
            events.push(Event::mapping_start(None, None, true, style));
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                events.push(scalar(key));
                node(map.get(key).unwrap_or(&Json::Null), events);
            }
            events.push(Event::mapping_end());
        }
    }
}

fn plain(text: &str) -> Event {
    Event::scalar(None, None, text, true, false, ScalarStyle::Plain)
}

fn scalar(text: &str) -> Event {
    let several = text.trim_end_matches('\n').contains('\n');
    let (style, text) = match several {
        true => (
            ScalarStyle::Literal,
            text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + ending(text),
        ),
        false => (ScalarStyle::Any, text.to_string()),
    };
    Event::scalar(None, None, &text, is_text(&text), true, style)
}

fn ending(text: &str) -> &'static str {
    if text.ends_with('\n') { "\n" } else { "" }
}

/// Whether a plain scalar of this text would be read as the text it is.
fn is_text(text: &str) -> bool {
    const WORDS: [&str; 9] = ["", "~", "null", "yes", "no", "true", "false", "on", "off"];
    let lower = text.to_ascii_lowercase();
    !(WORDS.contains(&lower.as_str()) || text == "=" || text == "<<" || is_number(&lower) || is_date(&lower))
}

fn is_number(lower: &str) -> bool {
    let digits = lower.strip_prefix(['-', '+']).unwrap_or(lower);
    let all = |text: &str, set: &str| !text.is_empty() && text.chars().all(|c| set.contains(c));
    if let Some(rest) = digits.strip_prefix("0x") {
        return all(rest, "0123456789abcdef_");
    }
    if let Some(rest) = digits.strip_prefix("0b") {
        return all(rest, "01_");
    }
    if [".inf", ".nan"].contains(&digits) {
        return true;
    }
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or("");
    let sixties = parts.all(|part| all(part.trim_end_matches('.'), "0123456789"));
    let (mantissa, exponent) = first.split_once('e').unwrap_or((first, "+0"));
    let has_digit = mantissa.contains(|c: char| c.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-']).is_some_and(|e| all(e, "0123456789"));
    has_digit && sixties && exponent && mantissa.matches('.').count() <= 1 && all(mantissa, "0123456789_.")
}

fn is_date(lower: &str) -> bool {
    let mut parts = lower.splitn(3, '-');
    let mut number = |len: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| {
            let digits = part.chars().take_while(char::is_ascii_digit).count();
            len.contains(&digits)
                && (digits == part.len() || part.get(digits..).is_some_and(|r| r.starts_with(['t', ' '])))
        })
    };
    number(4..=4) && number(1..=2) && number(1..=2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        let value = json!({"b": ["1", "yes", "10.0.0.1", "2020-01-02", "1:30", "1e3", "=", "x: y", ""],
            "a": {"n": null, "t": true, "i": 4, "e": {}, "l": []}});
        assert_eq!(
            emit(&value),
            "a:\n    e: {}\n    i: 4\n    l: []\n    n: null\n    t: true\nb:\n- '1'\n- 'yes'\n- 10.0.0.1\n\
             - '2020-01-02'\n- '1:30'\n- 1e3\n- '='\n- 'x: y'\n- ''\n"
        );
    }

    #[test]
    fn several_lines_become_a_literal_block() {
        assert_eq!(emit(&json!({"msg": "end\nof"})), "msg: |-\n    end\n    of\n");
    }
}
