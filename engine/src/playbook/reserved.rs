//! Variables that take the name of a keyword or of a function: legal, and worth a warning. Names come in, warnings with
//! their places go out.

use super::table::keywords;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::Mapping;
use crate::source::Span;

/// Names of Jinja's and of keywords that Ansible has inside.
const MORE_RESERVED: [&str; 14] = [
    "async_val",
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "lookup",
    "loop_with",
    "namespace",
    "now",
    "omit",
    "q",
    "query",
    "range",
    "undef",
];

/// Keywords that Ansible does not know as attributes, or that are ours.
const NOT_RESERVED: [&str; 8] =
    ["gather_subset", "import_playbook", "listen", "needs", "role", "show", "stage", "user"];

/// Whether a variable of that name is worth a warning: a keyword or a function is called so.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let known = keywords().iter().any(|keyword| keyword.name == name) && !NOT_RESERVED.contains(&name);
    name != "vars" && (known || name == "with_" || MORE_RESERVED.contains(&name))
}

/// What warnings of it are called.
pub const RESERVED: &str = "muster::playbook::reserved";

/// The warning about a variable of such a name.
#[must_use]
pub fn reserved(name: &str) -> String {
    format!("Found variable using reserved name '{name}'.")
}

/// Warns of each variable of such a name.
pub(super) fn warn_all(vars: &Mapping, diagnostics: &mut Diagnostics) {
    for (key, _) in vars.iter() {
        if let Some(name) = key.as_str() {
            warn(name, key.span, diagnostics);
        }
    }
}

/// Warns of a variable of such a name.
pub(super) fn warn(name: &str, span: Span, diagnostics: &mut Diagnostics) {
    if is_reserved(name) {
        diagnostics.push(Diagnostic::warning(RESERVED, reserved(name)).at(span, ""));
    }
}
