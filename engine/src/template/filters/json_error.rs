//! Python's words for a text that is no JSON, which playbooks compare. The text and serde's error come in, the message of
//! `json.loads` goes out; places are counted in characters.

use serde_json::error::Error;

const VALUE: &str = "Expecting value";
const NAME: &str = "Expecting property name enclosed in double quotes";
const COMMA: &str = "Expecting ',' delimiter";
const COLON: &str = "Expecting ':' delimiter";

/// What `json.loads` says of the text.
pub fn words(text: &str, error: &Error) -> String {
    let said = error.to_string();
    let at = offset(text, error);
    let (before, end) = (text.get(..at).unwrap_or(text), text.len());
    let begun = text.trim_end().chars().next_back();
    let (what, at) = if said.starts_with("EOF while parsing a string") {
        ("Unterminated string starting at", opening(text))
    } else if said.starts_with("EOF while parsing an object") {
        match begun {
            Some('{' | ',') => (NAME, end),
            Some('"') if is_name(text) => (COLON, end),
            _ => (COMMA, end),
        }
    } else if said.starts_with("EOF while parsing a list") {
        (if begun == Some('[') { VALUE } else { COMMA }, end)
    } else if said.starts_with("EOF") || said.starts_with("expected ident") {
        (VALUE, end - text.chars().rev().take_while(char::is_ascii_lowercase).count())
    } else if said.starts_with("trailing characters") || said.starts_with("invalid number") {
        ("Extra data", at)
    } else if said.starts_with("trailing comma") {
        (if text.get(at..).is_some_and(|rest| rest.starts_with('}')) { NAME } else { VALUE }, at)
    } else if said.starts_with("key must be a string") {
        (NAME, at)
    } else if said.starts_with("expected `:`") {
        (COLON, at)
    } else if said.starts_with("expected `,`") {
        (COMMA, at)
    } else if said.starts_with("invalid escape") {
        ("Invalid \\escape", before.rfind('\\').unwrap_or(at))
    } else if said.starts_with("control character") {
        ("Invalid control character at", at)
    } else {
        (VALUE, at)
    };
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{what}: line {line} column {column} (char {})", before.chars().count())
}

/// The byte that serde means: it counts those of a line from 1, and the first byte behind a newline is 0 of its line.
fn offset(text: &str, error: &Error) -> usize {
    let lines: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (lines + error.column()).saturating_sub(1).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where the string begins that does not end.
fn opening(text: &str) -> usize {
    let (mut open, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if open.is_some() => escaped = true,
            '"' if open.is_some() => open = None,
            '"' => open = Some(at),
            _ => {}
        }
    }
    open.unwrap_or(text.len())
}

/// Whether the string at the end of an object's text is a name.
fn is_name(text: &str) -> bool {
    let text = text.trim_end();
    let start = text.get(..text.len().saturating_sub(1)).and_then(|text| text.rfind('"'));
    let before = start.and_then(|start| text.get(..start)).unwrap_or("").trim_end();
    before.ends_with(['{', ','])
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn what_is_no_json_is_told_as_python_tells_it() {
        for (text, told) in [
            ("abc", "Expecting value: line 1 column 1 (char 0)"),
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\"", "Expecting ':' delimiter: line 1 column 5 (char 4)"),
            ("[1,", "Expecting value: line 1 column 4 (char 3)"),
            ("{\"a\":}", "Expecting value: line 1 column 6 (char 5)"),
            ("\"x", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("{\"a\":1}}", "Extra data: line 1 column 8 (char 7)"),
            ("tru", "Expecting value: line 1 column 1 (char 0)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("{a:1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
            ("{\"a\":1,}", "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"),
            ("\"\\q\"", "Invalid \\escape: line 1 column 2 (char 1)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("\n\nabc", "Expecting value: line 3 column 1 (char 2)"),
            ("\"a\nb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("ok: [h]", "Expecting value: line 1 column 1 (char 0)"),
            ("é x", "Expecting value: line 1 column 1 (char 0)"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(words(text, &error), told, "{text}: {error}");
        }
    }
}
