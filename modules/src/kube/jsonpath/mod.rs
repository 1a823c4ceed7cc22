//! JSONPath as kubectl has it (`-o jsonpath=`): text with expressions in braces, which is older and other than RFC 9535. A template
//! and an object come in; the text that kubectl prints goes out. It is compared with kubectl itself in `tests/kube/jsonpath.rs`.

mod parse;
mod print;
mod walk;

use serde_json::Value as Json;

/// A template that was read.
#[derive(Clone, Debug)]
pub(crate) struct JsonPath(Vec<parse::Node>);

impl JsonPath {
    /// Reads a template.
    ///
    /// # Errors
    /// It is none, in kubectl's words.
    pub fn new(text: &str) -> Result<Self, String> {
        parse::template(text).map(Self)
    }

    /// What kubectl prints for an object. Keys that are not there print nothing.
    ///
    /// # Errors
    /// It asks for what cannot be: an element beyond a list's end, a comparison of unlike things.
    pub fn print(&self, object: &Json) -> Result<String, String> {
        let results = walk::results(&self.0, object)?;
        Ok(results.iter().map(|found| print::line(found)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(template: &str, object: &Json) -> String {
        JsonPath::new(template)
            .and_then(|path| path.print(object))
            .unwrap_or_else(|error| format!("ERROR {error}"))
    }

    #[test]
    fn a_template_prints_text_and_what_its_expressions_find() {
        let object = json!({"items": [
            {"name": "a", "n": 1, "on": true, "c": [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]},
            {"name": "b", "n": 2, "on": false, "c": [{"type": "Ready", "status": "False"}]},
        ], "labels": {"app.io/name": "x", "plain": "y"}});
        for (template, text) in [
            ("{.items[*].name}", "a b"),
            ("{.items[-1].name} of {.items[0].n}", "b of 1"),
            ("{range .items[*]}{.name}={.c[?(@.type==\"Ready\")].status}{\"\\n\"}{end}", "a=True\nb=False\n"),
            ("{.items[?(@.n>1)].name}", "b"),
            ("{.items[?(@.on==true)].name}", "a"),
            ("{.items[*]['name', 'n']}", "a b 1 2"),
            ("{.labels.app\\.io/name}{.labels['plain']}", "xy"),
            ("{..status}", "True False False"),
            ("{.nothing}", ""),
            ("{.items[0].c[0]}", "{\"status\":\"True\",\"type\":\"Ready\"}"),
            ("{.items[5]}", "ERROR array index out of bounds: index 5, length 2"),
            ("{.items", "ERROR unclosed action"),
            ("{.items[?(@.name}", "ERROR unterminated filter"),
            ("{end}", "ERROR not in range, nothing to end"),
        ] {
            assert_eq!(printed(template, &object), text, "{template}");
        }
    }
}
