//! What a command answered, as result keys: `rc`, `stdout`, `stdout_lines`, `start`, `delta` and the rest. Completed
//! commands and moments come in, maps go out.

use jiff::{SignedDuration, Zoned};
use muster_engine::connection::Completed;
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
    fn lines_end_where_python_ends_them() {
        assert_eq!(lines("a\nb\r\nc\u{c}d\n"), json!(["a", "b", "c", "d"]));
        assert_eq!(lines(""), json!([]));
        assert_eq!(lines("\n\n"), json!(["", ""]));
    }
}
