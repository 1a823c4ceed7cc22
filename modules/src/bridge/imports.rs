//! What a Python source imports of Ansible's: `ansible.module_utils` and collections' `module_utils`. Source text comes
//! in, dotted names go out, those of `from x import y` with `y` behind them. Strings and comments import nothing; an
//! import that is not at the top of the file may fail, as Ansible has it.

use regex::Regex;
use std::sync::LazyLock;

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    /// The parts of the name; the last may be a name in a module rather than a module.
    pub parts: Vec<String>,
    /// Whether the source can do without it.
    pub optional: bool,
}

static FROM: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)^from\s*(\.*)\s*([\w.]*)\s*\bimport\b\s*\(?(.*)$").ok());

/// What a source imports. `module` is its own dotted name, for relative imports; `package` says that it is a package.
pub(super) fn imports(source: &str, module: &[String], package: bool) -> Vec<Import> {
    let mut found = vec![];
    for (optional, statement) in statements(source) {
        let mut add = |parts: Vec<String>| found.push(Import { parts, optional });
        if let Some(names) = statement.strip_prefix("import ") {
            for name in first_words(names) {
                if name.starts_with("ansible.module_utils.") || name.starts_with("ansible_collections.") {
                    add(split(name));
                }
            }
            continue;
        }
        let Some(captures) = FROM.as_ref().and_then(|from| from.captures(&statement)) else { continue };
        let group = |n: usize| captures.get(n).map_or("", |group| group.as_str());
        let mut base = match group(1).len() {
            0 => vec![],
            level => {
                let up = if package { level - 1 } else { level };
                module.get(..module.len().saturating_sub(up)).unwrap_or_default().to_vec()
            }
        };
        base.extend(split(group(2)));
        if is_of_ansible(&base) {
            for name in first_words(group(3)) {
                add(base.iter().cloned().chain([name.to_string()]).collect());
            }
        }
    }
    found
}

fn is_of_ansible(parts: &[String]) -> bool {
    let part = |n: usize| parts.get(n).map(String::as_str);
    match part(0) {
        Some("ansible") => part(1).is_some_and(|second| second.starts_with("module_utils")),
        Some("ansible_collections") => part(3) == Some("plugins") && part(4) == Some("module_utils"),
        _ => false,
    }
}

fn split(name: &str) -> Vec<String> {
    name.split('.').filter(|part| !part.is_empty()).map(str::to_string).collect()
}

/// The first word of each of some names set apart by commas: `a as b, c` is `a` and `c`.
fn first_words(names: &str) -> impl Iterator<Item = &str> {
    let names = names.split(',').filter_map(|name| name.split_whitespace().next());
    names.map(|name| name.trim_matches(['(', ')'])).filter(|name| !name.is_empty())
}

/// The statements of a source that may import something, each with whether it stands inside of another.
fn statements(source: &str) -> Vec<(bool, String)> {
    let mut found: Vec<(bool, String)> = vec![];
    let (mut text, mut depth, mut inside) = (String::new(), 0_usize, false);
    let mut finish = |text: &mut String, inside: bool| {
        let whole = std::mem::take(text);
        let statement = whole.trim();
        if statement.starts_with("import ") || statement.starts_with("from") {
            found.push((inside || whole.starts_with([' ', '\t']), statement.to_string()));
        }
    };
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        match c {
            '#' => used = rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => {
                used = string(rest, c);
                text.push('"');
            }
            '\\' => {
                used += rest.get(1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                text.push(' ');
            }
            '(' | '[' | '{' => {
                depth += 1;
                text.push(c);
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                text.push(c);
            }
            '\n' if depth == 0 => {
                finish(&mut text, inside);
                inside = false;
            }
            ';' | ':' if depth == 0 => {
                inside |= c == ':' || text.starts_with([' ', '\t']);
                finish(&mut text, inside);
                // What follows on the line stands where the line stands.
                let blank = |c: char| c == ' ' || c == '\t';
                used += rest.get(1..).map_or(0, |more| more.len() - more.trim_start_matches(blank).len());
            }
            '\n' => text.push(' '),
            c => text.push(c),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    finish(&mut text, inside);
    found
}

/// How many bytes the string takes that begins a text.
fn string(text: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let mark = if text.starts_with(&triple) { triple.as_str() } else { text.get(..1).unwrap_or("\"") };
    let mut at = mark.len();
    while let Some(rest) = text.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        if rest.starts_with(mark) {
            return at + mark.len();
        }
        at += match c {
            '\\' => 1 + rest.get(1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
            '\n' if mark.len() == 1 => return at,
            c => c.len_utf8(),
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Vec<String> {
        let module = split("ansible_collections.ns.coll.plugins.modules.deep.it");
        let shown =
            |import: Import| format!("{}{}", import.parts.join("."), if import.optional { "?" } else { "" });
        imports(source, &module, false).into_iter().map(shown).collect()
    }

    #[test]
    fn every_way_to_write_an_import_is_read() {
        let table = [
            (
                "import ansible.module_utils.a, os, ansible.module_utils.b.c as d\n",
                "ansible.module_utils.a ansible.module_utils.b.c",
            ),
            ("from ansible.module_utils import x as y\n", "ansible.module_utils.x"),
            (
                "from ansible.module_utils.m import (a,  # one\n    b as c,\n)\n",
                "ansible.module_utils.m.a ansible.module_utils.m.b",
            ),
            ("from ansible.module_utils.m \\\n    import a\n", "ansible.module_utils.m.a"),
            (
                "try:\n    from ansible.module_utils.m import a\nexcept ImportError: import ansible.module_utils.z\n",
                "ansible.module_utils.m.a? ansible.module_utils.z?",
            ),
            ("import os; from ansible.module_utils.m import *\n", "ansible.module_utils.m.*"),
            (
                "from ansible_collections.a.b.plugins.module_utils.c import d\n",
                "ansible_collections.a.b.plugins.module_utils.c.d",
            ),
            ("from ansible_collections.a.b.plugins.lookup.c import d\n", ""),
            ("from ...module_utils.up import it\n", "ansible_collections.ns.coll.plugins.module_utils.up.it"),
            ("from ...module_utils import up\n", "ansible_collections.ns.coll.plugins.module_utils.up"),
            ("from ansible.errors import AnsibleError\nimport ansible\n", ""),
        ];
        for (source, wanted) in table {
            assert_eq!(of(source).join(" "), wanted, "{source}");
        }
    }

    #[test]
    fn strings_and_comments_import_nothing() {
        let source = "D = r'''\nimport ansible.module_utils.no\n\\'''\nimport ansible.module_utils.no\n'''\n\
                      # import ansible.module_utils.no\nx = \"it's\"\nimport ansible.module_utils.yes\n";
        assert_eq!(of(source), ["ansible.module_utils.yes"]);
    }

    #[test]
    fn a_package_is_its_own_first_dot() {
        let module = split("ansible.module_utils.pack");
        let found = imports("from .part import x\nfrom . import y\n", &module, true);
        let names: Vec<String> = found.iter().map(|import| import.parts.join(".")).collect();
        assert_eq!(names, ["ansible.module_utils.pack.part.x", "ansible.module_utils.pack.y"]);
    }
}
