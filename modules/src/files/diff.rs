//! Differences as Ansible's results carry them, for the display to print: the content before and after with a header
//! each, or a word that one of them is binary or too large.

use muster_engine::module::Map;
use serde_json::{Value as Json, json};

/// Content longer than this is not shown.
pub(crate) const LARGEST: u64 = 104_448;

/// The difference that `copy` and `template` show.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    /// The destination.
    pub dest: &'a str,
    /// What names the new content.
    pub source: &'a str,
    /// How long the file there is, if there is one.
    pub size: Option<u64>,
    /// Its content, unless it is larger than [`LARGEST`] or cannot be read.
    pub before: Option<&'a [u8]>,
    /// The new content.
    pub after: &'a [u8],
}

impl Change<'_> {
    /// As a result has it.
    pub fn json(&self) -> Json {
        let mut out = Map::new();
        let binary = |bytes: &[u8]| bytes.contains(&0);
        match (self.size, self.before) {
            (None, _) => {
                out.insert("before".into(), "".into());
            }
            (Some(size), _) if size > LARGEST => {
                out.insert("dst_larger".into(), LARGEST.into());
            }
            (_, Some(bytes)) if bytes.get(..8192).map_or_else(|| binary(bytes), binary) => {
                out.insert("dst_binary".into(), 1.into());
            }
            (_, Some(bytes)) => {
                out.insert("before_header".into(), self.dest.into());
                out.insert("before".into(), text(bytes));
            }
            (_, None) => {}
        }
        if self.after.len() as u64 > LARGEST {
            out.insert("src_larger".into(), LARGEST.into());
        } else if binary(self.after) {
            out.insert("src_binary".into(), 1.into());
        } else {
            out.insert("after_header".into(), self.source.into());
            out.insert("after".into(), text(self.after));
        }
        Json::Object(out)
    }
}

/// Bytes as text; what is not UTF-8 is replaced.
pub(crate) fn text(bytes: &[u8]) -> Json {
    Json::String(String::from_utf8_lossy(bytes).into_owned())
}

/// The difference of a module that edits a file: content, then attributes.
pub(crate) fn edited(path: &str, before: &[u8], after: &[u8], shown: bool, attributes: (Map, Map)) -> Json {
    let content = |bytes: &[u8]| if shown { text(bytes) } else { Json::String(String::new()) };
    let content = json!({
        "before": content(before),
        "after": content(after),
        "before_header": format!("{path} (content)"),
        "after_header": format!("{path} (content)"),
    });
    let (before, after) = attributes;
    let mut second = Map::new();
    if !before.is_empty() {
        second.insert("before".into(), Json::Object(before));
        second.insert("after".into(), Json::Object(after));
    }
    second.insert("before_header".into(), format!("{path} (file attributes)").into());
    second.insert("after_header".into(), format!("{path} (file attributes)").into());
    json!([content, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_binary_or_large_is_named_and_not_shown() {
        let change = Change { dest: "/d", source: "/s", size: Some(2), before: Some(b"a\0"), after: b"b" };
        assert_eq!(change.json(), json!({"dst_binary": 1, "after_header": "/s", "after": "b"}));
        let large = vec![b'x'; 104_449];
        let change = Change { dest: "/d", source: "/s", size: Some(104_449), before: None, after: &large };
        assert_eq!(change.json(), json!({"dst_larger": 104_448, "src_larger": 104_448}));
        let change = Change { dest: "/d", source: "/s", size: None, before: None, after: b"\0" };
        assert_eq!(change.json(), json!({"before": "", "src_binary": 1}));
    }
}
