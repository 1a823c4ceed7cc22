//! What a command answered, as result keys: `rc`, `stdout`, `stdout_lines`, `start`, `delta` and the rest. Completed
//! commands and moments come in, maps go out.

use jiff::{SignedDuration, Zoned};
use muster_engine::connection::{Completed, Target};
use muster_engine::module::Map;
use serde_json::{Value as Json, json};

/// The lines of a text, divided where Python's `splitlines` divides it.
pub(crate) fn lines(text: &str) -> Json {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r'
                | '\u{b}'
                | '\u{c}'
                | '\u{1c}'
                | '\u{1d}'
                | '\u{1e}'
                | '\u{85}'
                | '\u{2028}'
                | '\u{2029}'
        )
    };
    let mut found: Vec<Json> = text.replace("\r\n", "\n").split(ends).map(Json::from).collect();
    if found.last().is_some_and(|last| last == "") {
        found.pop();
    }
    Json::Array(found)
}

/// Puts `stdout`, `stderr` and their lines in a result, and a warning when some of them had to be dropped.
pub(crate) fn put_streams(result: &mut Map, stdout: &str, stderr: &str, completed: Option<&Completed>) {
    result.insert("stdout".into(), stdout.into());
    result.insert("stdout_lines".into(), lines(stdout));
    result.insert("stderr".into(), stderr.into());
    result.insert("stderr_lines".into(), lines(stderr));
    if let Some(dropped) = completed.map(|c| c.truncated).filter(|n| *n > 0) {
        let text = format!("output truncated: {dropped} bytes over the limit of 64 MiB were dropped");
        result.insert("warnings".into(), json!([text]));
    }
}

/// The exit code as Python tells it: of a program that a signal ended, the signal's number below zero.
pub(crate) fn rc(completed: &Completed) -> i32 {
    if completed.signal.is_some() && completed.rc > 128 { 128 - completed.rc } else { completed.rc }
}

/// What `raw` and `script` hear. Over ssh Ansible gives them a terminal: one stream with a terminal's ends of lines, and
/// the other has only what ssh itself says at the end. Playbooks compare both.
pub(crate) fn heard(completed: &Completed, target: &Target) -> (String, String) {
    let (out, err) = (completed.out(), completed.err());
    match &*target.kind {
        "ssh" => {
            let said = format!("{out}{err}").replace('\n', "\r\n");
            (said, format!("Shared connection to {} closed.\r\n", target.address))
        }
        _ => (out.into_owned(), err.into_owned()),
    }
}

/// Why ansible-core takes no output that is not UTF-8, in Python's words.
pub(crate) fn not_utf8(bytes: &[u8]) -> Option<String> {
    let (mut at, mut bad) = (0, Vec::new());
    for chunk in bytes.utf8_chunks() {
        if !bad.is_empty() && !chunk.valid().is_empty() {
            break;
        }
        at += chunk.valid().chars().count();
        bad.extend_from_slice(chunk.invalid());
    }
    let what = match (bad.as_slice(), at + bad.len()) {
        ([], _) => return None,
        ([byte], _) => format!("character '\\udc{byte:02x}' in position {at}"),
        (_, end) => format!("characters in position {at}-{}", end - 1),
    };
    Some(format!(
        "Task failed: Refusing to deserialize an invalid UTF8 string value: 'utf-8' codec can't encode {what}: \
         surrogates not allowed"
    ))
}

/// A moment as Python's `str(datetime)` writes it.
pub(crate) fn moment(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

/// The time between two moments as Python's `str(timedelta)` writes it.
pub(crate) fn lapse(from: &Zoned, to: &Zoned) -> String {
    let lapse = to.duration_since(from).max(SignedDuration::ZERO);
    let (seconds, micros) = (lapse.as_secs(), lapse.subsec_micros());
    let days = match seconds / 86_400 {
        0 => String::new(),
        1 => "1 day, ".into(),
        n => format!("{n} days, "),
    };
    let rest = seconds % 86_400;
    format!("{days}{}:{:02}:{:02}.{micros:06}", rest / 3_600, rest % 3_600 / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf8_is_told_by_its_place() {
        for (bytes, expected) in [
            (&b"plain \xc3\xa9"[..], None),
            (b"\xc3\xa9\xff", Some("character '\\udcff' in position 1")),
            (b"a\xc3\xfcb\xff", Some("characters in position 1-2")),
        ] {
            let said = not_utf8(bytes);
            match expected {
                None => assert_eq!(said, None),
                Some(place) => assert!(said.unwrap().contains(place), "{bytes:?}"),
            }
        }
    }

    #[test]
    fn over_ssh_there_is_one_stream_with_the_line_ends_of_a_terminal() {
        let completed =
            Completed { stdout: b"a\nb".to_vec(), stderr: b"c\n".to_vec(), ..Completed::default() };
        let ssh = Target { kind: "ssh".into(), address: "10.0.0.1".into(), ..Target::local("h") };
        assert_eq!(
            heard(&completed, &ssh),
            ("a\r\nbc\r\n".into(), "Shared connection to 10.0.0.1 closed.\r\n".into())
        );
        assert_eq!(heard(&completed, &Target::local("h")), ("a\nb".into(), "c\n".into()));
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(lines("a\nb\r\nc\u{c}d\n"), json!(["a", "b", "c", "d"]));
        assert_eq!(lines(""), json!([]));
        assert_eq!(lines("\n\n"), json!(["", ""]));
    }
}
