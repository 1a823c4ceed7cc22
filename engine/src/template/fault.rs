//! Errors of minijinja and [`Fault`]s. The engine's errors come in, faults phrased as Ansible phrases them go out; a
//! fault on its way through an outer template travels inside an engine error and comes out as it was, place and all.

use super::compile::Compiled;
use super::lazy::Core;
use super::{Fault, Spot, python};
use crate::source::Span;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

/// What is known about the last undefined value that lost its name.
#[derive(Clone)]
enum Missing {
    Said(String),
    /// A template whose result was undefined: asked only if somebody minds.
    Result(Weak<Core>, Arc<Compiled>),
    /// A template that lacked something on its way.
    Fault(Box<Fault>),
}

thread_local! {
    /// Whether `mandatory` is about to fail: its words need the name, which only the engine knows.
    static MANDATORY: Cell<bool> = const { Cell::new(false) };
    static MISSING: RefCell<Option<Missing>> = const { RefCell::new(None) };
    /// What it was when a value was found to be undefined: to describe the error, the engine looks at all variables of the template,
    /// which may lack something else.
    static FOUND: RefCell<Option<Missing>> = const { RefCell::new(None) };
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

/// Remembers what a template lacked whose value is undefined for it.
pub fn remember_fault(fault: Fault) {
    MISSING.replace(Some(Missing::Fault(Box::new(fault))));
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

/// What is said of something undefined that no name and no plugin stands for, as of an `if` without an `else`.
const NAMELESS: &str = "a value is undefined";

/// What Ansible says when such a thing is all that a text gives.
const NOT_STORED: &str = "Type 'Undefined' is unsupported for variable storage.";

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
    MISSING.take();
    FOUND.take();
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
    if !value.is_undefined() {
        return Ok(());
    }
    FOUND.replace(MISSING.with_borrow(Clone::clone));
    value.get_attr("").map(|_| ())
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
        let (message, undefined) = describe(error, "", &|_| None);
        Fault { undefined, ..Fault::new(message, None) }
    })
}

/// An error of a compiled text as a fault at `span`.
pub fn of(error: &Error, core: &Arc<Core>, compiled: &Compiled, span: Option<Span>) -> Fault {
    if let Some(fault) = carried(error) {
        return Fault { span: fault.span.or(span), ..fault.clone() };
    }
    if let Some(fault) = within(error, core) {
        return Fault { span: fault.span.or(span), ..fault };
    }
    let (message, undefined) =
        describe(error, &compiled.rewritten.text, &|parent| compiled.parent(core, parent));
    let what = if compiled.bare { "expression" } else { "template" };
    if message == NAMELESS {
        let stored = Fault::new(NOT_STORED, span).at(Spot::Value(String::new()));
        return stored.while_at(format!("Error rendering {what}"), Some(Spot::Around));
    }
    Fault { undefined, ..Fault::new(led(message, undefined, what), span) }
}

/// What a variable lacked whose template could not be rendered for it: the variable itself is there.
fn within(error: &Error, core: &Core) -> Option<Fault> {
    if error.kind() != ErrorKind::UndefinedError {
        return None;
    }
    let named = error.detail().and_then(|detail| detail.split('`').nth(1));
    let root = named.and_then(|named| named.split(['.', '[']).next());
    if root.is_some_and(|root| core.names.get(root).is_none()) {
        return None;
    }
    let last = |missing: &Option<Missing>| match missing {
        Some(Missing::Fault(fault)) => Some(Fault::clone(fault)),
        _ => None,
    };
    FOUND.with_borrow(last).or_else(|| MISSING.with_borrow(last))
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

/// The message, and whether something undefined is the cause. `parent` evaluates a part of the template, whose text is
/// `source`.
fn describe(error: &Error, source: &str, parent: &dyn Fn(&str) -> Option<Value>) -> (String, bool) {
    let detail = error.detail().unwrap_or("");
    if let Some(named) = detail.split('`').nth(1).filter(|_| detail.contains("` is undefined")) {
        if MANDATORY.take() {
            let name = named.rsplit(['.', '[']).next().unwrap_or(named).trim_matches([']', '\'']);
            let lead = "The filter plugin 'ansible.builtin.mandatory' failed:";
            return (format!("{lead} Mandatory variable '{name}' not defined."), true);
        }
        let whole = spelled(source, named);
        return (lacking(whole.as_deref().unwrap_or(named), parent), true);
    }
    match error.kind() {
        ErrorKind::UndefinedError => {
            let last = MISSING.take();
            let missing = FOUND.take().or(last);
            let said = match missing {
                Some(Missing::Said(said)) => Some(said),
                Some(Missing::Result(core, compiled)) => {
                    core.upgrade().and_then(|core| compiled.why_undefined(&core))
                }
                Some(Missing::Fault(fault)) => Some(fault.message),
                None => None,
            };
            let said = said.unwrap_or_else(|| NAMELESS.into());
            if MANDATORY.take() {
                let name = said.rsplit(' ').next().unwrap_or("");
                let lead = "The filter plugin 'ansible.builtin.mandatory' failed:";
                return (format!("{lead} Mandatory variable {name} not defined."), true);
            }
            (said, true)
        }
        ErrorKind::UnknownMethod => {
            let (kind, name) = detail.split_once(" has no method named ").unwrap_or(("", detail));
            let kind = python_kind(kind).unwrap_or(kind);
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
            cause.map_or_else(|| (error.to_string(), false), |cause| describe(cause, "", &|_| None))
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
        _ if detail.ends_with(" cannot be sliced") => {
            let kind = detail.strip_prefix("value of type ").and_then(|rest| rest.split(' ').next());
            let said = match kind.unwrap_or("") {
                "map" => "unhashable type: 'slice'".into(),
                kind => format!("'{}' object is not subscriptable", python_kind(kind).unwrap_or(kind)),
            };
            (said, false)
        }
        ErrorKind::InvalidOperation if !detail.is_empty() => (detail.to_string(), false),
        kind if detail.is_empty() => (kind.to_string(), false),
        _ => (format!("{}: {detail}", error.kind()), false),
    }
}

/// Python's word for a kind of the engine's that has one.
fn python_kind(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "sequence" | "iterator" => "list",
        "map" => "dict",
        "string" => "str",
        "number" => "int",
        "none" => "NoneType",
        "bool" => "bool",
        "tuple" => "tuple",
        _ => return None,
    })
}

fn unknown(plugin: &str, detail: &str) -> String {
    let name = detail.split(' ').find(|word| !matches!(*word, "filter" | "test")).unwrap_or(detail);
    format!("No {plugin} named '{name}'.")
}

/// `'a' is undefined` or `object of type 'dict' has no attribute 'b'` for `a` or `a.b`.
fn lacking(named: &str, parent: &dyn Fn(&str) -> Option<Value>) -> String {
    let Some((base, link)) = last_link(named).and_then(|at| Some((named.get(..at)?, named.get(at..)?)))
    else {
        return format!("'{named}' is undefined");
    };
    let kind = parent(base).map_or("dict", |value| python::type_name(&value));
    if let Some(name) = link.strip_prefix('.').filter(|name| name.starts_with("__")) {
        return format!("access to attribute '{name}' of '{kind}' object is unsafe.");
    }
    let key = match (link.strip_prefix('.'), link.strip_prefix('[').and_then(|link| link.strip_suffix(']'))) {
        (Some(name), _) => format!("'{name}'"),
        (_, Some(key)) => parent(key).map_or_else(|| key.to_string(), |key| python::repr(&key)),
        _ => link.to_string(),
    };
    if kind == "HostVars" {
        return format!("hostvars[{key}]");
    }
    format!("object of type '{kind}' has no attribute {key}")
}

/// Where the last `.name` or `[key]` of a path begins.
fn last_link(path: &str) -> Option<usize> {
    let (mut depth, mut quote, mut last) = (0_usize, None, None);
    for (at, c) in path.char_indices() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('[' | '.', None) if depth == 0 => {
                last = Some(at);
                depth += usize::from(c == '[');
            }
            ('[' | '(' | '{', None) => depth += 1,
            (']' | ')' | '}', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    last
}

/// How a name is spelled in a template, where the engine shows parts of it as `[...]` or `(...)`.
fn spelled(source: &str, named: &str) -> Option<String> {
    if !named.contains("...") {
        return None;
    }
    let begins = source.char_indices().filter_map(|(at, _)| source.get(at..));
    let mut found = begins.filter_map(|rest| matched(rest, named).and_then(|len| rest.get(..len)));
    // What the engine has no name for at all is most often all there is.
    let all = || Some(source.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim_matches(['-', ' ']));
    let whole = || all().filter(|all| named.starts_with("(...)") && all.ends_with(']') && !all.contains('|'));
    found.next().or_else(whole).map(str::to_string)
}

/// How much of a text a name with `[...]` and `(...)` in it spells.
fn matched(text: &str, named: &str) -> Option<usize> {
    let mut at = 0;
    let mut name = named;
    while let Some(next) = name.chars().next() {
        let rest = text.get(at..)?;
        let hidden = name.strip_prefix("[...]").or_else(|| name.strip_prefix("(...)"));
        if let Some(after) = hidden.filter(|_| rest.starts_with(next)) {
            at += closed(rest)?;
            name = after;
        } else {
            at += rest.strip_prefix(next).map(|_| next.len_utf8())?;
            name = name.get(next.len_utf8()..)?;
        }
    }
    Some(at)
}

/// The length of what begins with a bracket, up to the one that closes it.
fn closed(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('[' | '(' | '{', None) => depth += 1,
            (']' | ')' | '}', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + c.len_utf8());
                }
            }
            _ => {}
        }
    }
    None
}

/// Python's words for an operator that does not fit its operands.
fn operands(detail: &str) -> String {
    let words: Vec<&str> = detail.split(' ').collect();
    let kind = |word: Option<&&str>| word.and_then(|word| python_kind(word)).unwrap_or("object");
    let sign = words.get(3).copied().unwrap_or("");
    let (left, right) = (kind(words.get(8)), kind(words.get(10)));
    match (sign, left) {
        ("+", "str" | "list") => format!("can only concatenate {left} (not \"{right}\") to {left}"),
        _ => format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'"),
    }
}
