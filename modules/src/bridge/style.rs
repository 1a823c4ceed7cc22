//! How a module wants to be run, read from its bytes as Ansible reads it, and the interpreter its first line names.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// The kinds of modules there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A program; a file of JSON holds its arguments.
    Binary,
    /// Python that imports Ansible's `module_utils`.
    Python,
    /// PowerShell.
    PowerShell,
    /// Its text has a mark where JSON is put.
    Within,
    /// A file of JSON holds its arguments.
    Json,
    /// A file of `k=v` pairs holds its arguments.
    Pairs,
}

/// Where arguments go in the text of a module that has them there.
pub(super) const MARK: &str = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>";
/// What old Python modules have where they import everything.
pub(super) const EVERYTHING: &str = "#<<INCLUDE_ANSIBLE_MODULE_COMMON>>";

static PYTHON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let collection = r"ansible_collections\.[^.]+\.[^.]+\.plugins\.module_utils";
    Regex::new(&format!(
        r"(?-u)from +\.{{2,}} *module_utils.* +import |from +{collection}.* +import |import +{collection}|from +ansible\.module_utils.* +import |import +ansible\.module_utils\."
    ))
    .ok()
});
static POWERSHELL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)#Requires -(Module|Version)|#AnsibleRequires -(OSVersion|PowerShell|CSharpUtil|Wrapper)|# POWERSHELL_COMMON").ok()
});

impl Style {
    /// The style of a module.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let is = |regex: &LazyLock<Option<Regex>>| regex.as_ref().is_some_and(|regex| regex.is_match(bytes));
        let head = bytes.get(..1024).unwrap_or(bytes);
        let plain = |b: &u8| matches!(*b, 7..=10 | 12 | 13 | 27 | 0x20..=0x7e | 0x80..);
        if !head.iter().all(plain) {
            Self::Binary
        } else if has(bytes, EVERYTHING) || is(&PYTHON) {
            Self::Python
        } else if is(&POWERSHELL) {
            Self::PowerShell
        } else if has(bytes, MARK) {
            Self::Within
        } else if has(bytes, "WANT_JSON") {
            Self::Json
        } else {
            Self::Pairs
        }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The words of a module's first line, if it names an interpreter.
pub(super) fn shebang(bytes: &[u8]) -> Option<Vec<String>> {
    let line = bytes.split(|b| *b == b'\n').next()?.strip_prefix(b"#!")?;
    shlex::split(String::from_utf8_lossy(line).trim()).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_how_it_wants_its_arguments() {
        let table: [(&[u8], Style); 9] = [
            (b"\x7fELF\0", Style::Binary),
            (b"#!/bin/sh\n# WANT_JSON\n", Style::Json),
            (b"#!/bin/sh\n. $1\n", Style::Pairs),
            (b"#!/bin/sh\na='<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>'\n", Style::Within),
            (b"#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n", Style::Python),
            (b"#!/usr/bin/python\nfrom ..module_utils.x import y\n", Style::Python),
            (b"#!/usr/bin/python\nimport ansible_collections.a.b.plugins.module_utils.c\n", Style::Python),
            (b"#!/usr/bin/python\n#<<INCLUDE_ANSIBLE_MODULE_COMMON>>\n", Style::Python),
            (b"#!powershell\n#AnsibleRequires -CSharpUtil Ansible.Basic\n", Style::PowerShell),
        ];
        for (bytes, style) in table {
            assert_eq!(Style::of(bytes), style, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_first_line_names_an_interpreter_and_its_words() {
        assert_eq!(shebang(b"#!/usr/bin/env perl -w\n").unwrap(), ["/usr/bin/env", "perl", "-w"]);
        assert_eq!(shebang(b"echo\n"), None);
    }
}
