//! Errors of minijinja and [`Fault`]s. The engine's errors come in, faults phrased as Ansible phrases them go out; a
//! fault on its way through an outer template travels inside an engine error and comes out as it was, place and all.

use super::compile::Compiled;
use super::lazy::Core;
use super::{Fault, python};
use crate::source::Span;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

/// What is known about the last undefined value that lost its name.
enum Missing {
    Said(String),
    /// A template whose result was undefined: asked only if somebody minds.
    Result(Weak<Core>, Arc<Compiled>),
}

thread_local! {
    /// Whether `mandatory` is about to fail: its words need the name, which only the engine knows.
    static MANDATORY: Cell<bool> = const { Cell::new(false) };
    static MISSING: RefCell<Option<Missing>> = const { RefCell::new(None) };
}

/// Remembers that an object lacked a key.
pub fn remember_missing(object: &Value, key: &Value) {
    let said = missing_key(object, key);
    MISSING.with_borrow_mut(|missing| *missing = Some(Missing::Said(said)));
}

/// Remembers that a template's result was undefined.
pub fn remember_result(core: &Arc<Core>, compiled: &Arc<Compiled>) {
    // What a template inside of it left is nearer to the cause.
    MISSING.with_borrow_mut(|missing| {
        missing.get_or_insert_with(|| Missing::Result(Arc::downgrade(core), compiled.clone()));
    });
}

/// Remembers, in words, why a value is undefined.
pub fn remember(said: String) {
    MISSING.with_borrow_mut(|missing| *missing = Some(Missing::Said(said)));
}

/// What `undef()` says when it is given no hint.
pub const NOT_OVERRIDDEN: &str = "Mandatory variable has not been overridden";

/// Remembers, in words, why a value is undefined, unless somebody said it in words of his own.
pub fn remember_unless_told(said: String) {
    let own = MISSING.with_borrow(|missing| match missing {
        Some(Missing::Said(told)) => told != NOT_OVERRIDDEN,
        _ => false,
    });
    if !own {
        remember(said);
    }
}

/// The error about what was remembered last.
pub fn missing() -> Error {
    Error::from(ErrorKind::UndefinedError)
}

/// The error of `mandatory` about a value.
pub fn mandatory(value: &Value) -> Error {
    MANDATORY.set(true);
    defined(value).err().unwrap_or_else(missing)
}

/// Forgets what was remembered: a new evaluation begins.
pub fn forget_missing() {
    MISSING.with_borrow_mut(|missing| *missing = None);
    MANDATORY.set(false);
}

/// What Ansible says when an object lacks a key.
pub fn missing_key(object: &Value, key: &Value) -> String {
    if python::type_name(object) == "HostVars" {
        return format!("hostvars[{}]", python::repr(key));
    }
    format!("object of type '{}' has no attribute {}", python::type_name(object), python::repr(key))
}

/// An error of a filter, test, lookup or function.
pub fn error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// An error about something undefined, in words of one's own.
pub fn undefined(message: impl Into<String>) -> Error {
    Fault { undefined: true, ..Fault::new(message, None) }.into()
}

/// Fails with the engine's own error, which knows the name, if the value is undefined.
pub fn defined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() { value.get_attr("").map(|_| ()) } else { Ok(()) }
}

/// The value, or the error that it carries.
pub fn valid(value: Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Invalid {
        return Ok(value);
    }
    let mut one = Value::from(vec![value]).try_iter()?.checked();
    one.next().unwrap_or(Ok(Value::UNDEFINED))
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = if fault.undefined { ErrorKind::UndefinedError } else { ErrorKind::InvalidOperation };
        Self::new(kind, fault.message.clone()).with_source(fault)
    }
}

/// The fault that travels in an error.
pub fn carried(error: &Error) -> Option<&Fault> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(fault) = cause.downcast_ref::<Fault>() {
            return Some(fault);
        }
        source = cause.source();
    }
    None
}

/// An error as a fault, without a place of its own.
pub fn plain(error: &Error) -> Fault {
    carried(error).cloned().unwrap_or_else(|| {
        let (message, undefined) = describe(error, &|_| None);
        Fault { undefined, ..Fault::new(message, None) }
    })
}

/// An error of a compiled text as a fault at `span`.
pub fn of(error: &Error, core: &Arc<Core>, compiled: &Compiled, span: Option<Span>) -> Fault {
    if let Some(fault) = carried(error) {
        return Fault { span: fault.span.or(span), ..fault.clone() };
    }
    let (message, undefined) = describe(error, &|parent| compiled.parent(core, parent));
    let what = if compiled.bare { "expression" } else { "template" };
    Fault { undefined, ..Fault::new(led(message, undefined, what), span) }
}

/// The message after Ansible's lead, where it does not say itself what failed.
pub fn led(message: String, undefined: bool, what: &str) -> String {
    let own = undefined
        || (message.starts_with("The ") && message.contains(" plugin '"))
        || ["Syntax error", "Recursive loop", "access to attribute", "Error rendering"]
            .iter()
            .any(|lead| message.starts_with(lead));
    if own { message } else { format!("Error rendering {what}: {message}") }
}

/// Jinja's words for what the parser refused; `got` is what stood there.
pub fn syntax(detail: &str, got: &str) -> String {
    let token = |words: &str| match words {
        "end of variable block" => "end of print statement".to_string(),
        "end of block" => "end of statement block".to_string(),
        "identifier" => "name".to_string(),
        "identifier or integer" => "name or number".to_string(),
        other => other.trim_matches('`').to_string(),
    };
    if let Some(tag) = detail.strip_prefix("unknown statement ") {
        return format!("Encountered unknown tag '{tag}'.");
    }
    let Some(rest) = detail.strip_prefix("unexpected ") else { return detail.to_string() };
    let (found, wanted) = rest.split_once(", expected ").map_or((rest, None), |(f, w)| (f, Some(w)));
    let seen = match found {
        "identifier" if !got.is_empty() => got.trim().to_string(),
        other => token(other),
    };
    match wanted {
        _ if matches!(found, "end of string" | "character") => detail.to_string(),
        None => format!("Expected an expression, got '{seen}'"),
        Some("identifier or integer") => "expected name or number".to_string(),
        Some(wanted) => format!("expected token '{}', got '{seen}'", token(wanted)),
    }
}

/// The message, and whether something undefined is the cause. `parent` evaluates a part of the template.
fn describe(error: &Error, parent: &dyn Fn(&str) -> Option<Value>) -> (String, bool) {
    let detail = error.detail().unwrap_or("");
    if let Some(named) = detail.split('`').nth(1).filter(|_| detail.contains("` is undefined")) {
        if MANDATORY.take() {
            let name = named.rsplit(['.', '[']).next().unwrap_or(named).trim_matches([']', '\'']);
            let lead = "The filter plugin 'ansible.builtin.mandatory' failed:";
            return (format!("{lead} Mandatory variable '{name}' not defined."), true);
        }
        return (lacking(named, parent), true);
    }
    match error.kind() {
        ErrorKind::UndefinedError => {
            let missing = MISSING.with_borrow_mut(Option::take);
            let said = match missing {
                Some(Missing::Said(said)) => Some(said),
                Some(Missing::Result(core, compiled)) => {
                    core.upgrade().and_then(|core| compiled.why_undefined(&core))
                }
                None => None,
            };
            let said = said.unwrap_or_else(|| "a value is undefined".into());
            if MANDATORY.take() {
                let name = said.rsplit(' ').next().unwrap_or("");
                let lead = "The filter plugin 'ansible.builtin.mandatory' failed:";
                return (format!("{lead} Mandatory variable {name} not defined."), true);
            }
            (said, true)
        }
        ErrorKind::UnknownMethod => {
            let (kind, name) = detail.split_once(" has no method named ").unwrap_or(("", detail));
            let kind = match kind {
                "sequence" | "iterator" => "list",
                "map" => "dict",
                "string" => "str",
                "number" => "int",
                "none" => "NoneType",
                other => other,
            };
            (format!("object of type '{kind}' has no attribute '{name}'"), true)
        }
        ErrorKind::UnknownFunction => {
            let name = detail.split(' ').next().unwrap_or("");
            (format!("'{name}' is undefined"), true)
        }
        ErrorKind::UnknownFilter => (unknown("filter", detail), false),
        ErrorKind::UnknownTest => (unknown("test", detail), false),
        // The engine's own words may stand inside of a plugin's.
        ErrorKind::InvalidOperation if detail.contains("failed: tried to use ") => {
            let (lead, rest) = detail.split_once("failed: ").unwrap_or(("", detail));
            (format!("{lead}failed: {}", operands(rest)), false)
        }
        ErrorKind::BadInclude | ErrorKind::EvalBlock => {
            let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>());
            cause.map_or_else(|| (error.to_string(), false), |cause| describe(cause, &|_| None))
        }
        ErrorKind::TemplateNotFound => (detail.to_string(), false),
        _ if detail.starts_with("unable to calculate") && detail.ends_with(" 0") => {
            let whole = if detail.contains(" // ") {
                "integer division or modulo by zero"
            } else {
                "division by zero"
            };
            (whole.into(), false)
        }
        _ if detail.starts_with("tried to use ") => (operands(detail), false),
        ErrorKind::InvalidOperation if !detail.is_empty() => (detail.to_string(), false),
        kind if detail.is_empty() => (kind.to_string(), false),
        _ => (format!("{}: {detail}", error.kind()), false),
    }
}

fn unknown(plugin: &str, detail: &str) -> String {
    let name = detail.split(' ').find(|word| !matches!(*word, "filter" | "test")).unwrap_or(detail);
    format!("No {plugin} named '{name}'.")
}

/// `'a' is undefined` or `object of type 'dict' has no attribute 'b'` for `a` or `a.b`.
fn lacking(named: &str, parent: &dyn Fn(&str) -> Option<Value>) -> String {
    let cut = if named.ends_with(']') { named.rfind('[') } else { named.rfind('.') };
    let Some((base, link)) = cut.and_then(|at| Some((named.get(..at)?, named.get(at..)?))) else {
        return format!("'{named}' is undefined");
    };
    let kind = parent(base).map_or("dict", |value| python::type_name(&value));
    if let Some(name) = link.strip_prefix('.').filter(|name| name.starts_with("__")) {
        return format!("access to attribute '{name}' of '{kind}' object is unsafe.");
    }
    if kind == "HostVars" {
        let host = link.trim_matches(['.', '[', ']', '\'', '"']);
        return format!("hostvars['{host}']");
    }
    let key = match link.strip_prefix('.') {
        Some(name) => format!("'{name}'"),
        None => link.trim_matches(['[', ']']).to_string(),
    };
    format!("object of type '{kind}' has no attribute {key}")
}

/// Python's words for an operator that does not fit its operands.
fn operands(detail: &str) -> String {
    let words: Vec<&str> = detail.split(' ').collect();
    let kind = |word: Option<&&str>| match word.copied().unwrap_or("") {
        "sequence" | "iterator" => "list",
        "map" => "dict",
        "string" => "str",
        "number" => "int",
        "none" => "NoneType",
        "bool" => "bool",
        "tuple" => "tuple",
        _ => "object",
    };
    let sign = words.get(3).copied().unwrap_or("");
    let (left, right) = (kind(words.get(8)), kind(words.get(10)));
    match (sign, left) {
        ("+", "str" | "list") => format!("can only concatenate {left} (not \"{right}\") to {left}"),
        _ => format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'"),
    }
}
