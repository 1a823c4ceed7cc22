//! Jinja tests.

use minijinja::Environment;
use std::collections::BTreeSet;

/// Adds them.
pub fn install(_env: &mut Environment<'static>) -> BTreeSet<String> {
    [
        "defined",
        "undefined",
        "none",
        "boolean",
        "odd",
        "even",
        "divisibleby",
        "number",
        "integer",
        "float",
        "string",
        "sequence",
        "iterable",
        "mapping",
        "lower",
        "upper",
        "sameas",
        "eq",
        "equalto",
        "==",
        "ne",
        "!=",
        "lt",
        "<",
        "le",
        "<=",
        "gt",
        ">",
        "ge",
        ">=",
        "in",
        "true",
        "false",
        "filter",
        "test",
    ]
    .map(String::from)
    .into()
}
