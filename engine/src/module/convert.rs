//! Rendered arguments to typed ones, by Ansible's rules in Ansible's order: names, exclusions, defaults, what is
//! required, types, choices, what goes together, then the same inside of options that have options. The first thing
//! wrong is the answer.

use super::python::{str, type_name};
use super::types::{boolean_choice, dict};
use super::{Kind, Map, Opt, Spec};
use crate::diagnostic::Diagnostics;
use crate::node::{Limits, parse};
use crate::source::Sources;
use serde_json::Value;

/// The names of the options around the ones looked at, outermost first.
type Path<'a> = &'a [&'a str];

pub(super) fn convert(spec: &Spec, module: &str, mut args: Map) -> Result<Map, String> {
    let action = module.strip_prefix("ansible.builtin.").unwrap_or(module);
    let module = if spec.manners.short { action } else { module };
    rename(spec.options, &mut args);
    sub_arguments_are_mappings(spec.options, &args)?;
    let mut unsupported = Unsupported::default();
    if !spec.open {
        unsupported.look(spec.options, &args, &[]);
    }
    // Ansible checks these before anything else, and does not name what they would take.
    if let Some(lacked) = spec.manners.lacks
        && unsupported.names.iter().any(|(name, _)| name == lacked)
    {
        return Err(format!("Unsupported parameters for ({action}) module: {lacked}"));
    }
    if spec.manners.names_first {
        let unknown: Vec<&str> = unsupported.names.iter().map(|(name, _)| name.as_str()).collect();
        if !unknown.is_empty() {
            return Err(format!("Invalid options for {action}: {}", unknown.join(",")));
        }
    }
    exclusive(spec.exclusive, &args)?;
    default(spec.options, &mut args);
    let checked = check(spec.options, &mut args, &[]);
    // What Ansible does on the controller first has words of its own.
    checked.map_err(|message| match spec.manners.missing {
        Some(own) if message.starts_with("missing required arguments: ") => own.to_string(),
        _ => message,
    })?;
    together(spec, &args)?;
    nested(spec.options, &mut args, &[], &mut unsupported)?;
    match unsupported.message() {
        Some(message) => {
            let (module, message) = match spec.manners.works {
                Some((works, takes)) => (works, worded(&message, takes)),
                None => (module, message),
            };
            Err(format!("Unsupported parameters for ({module}) module: {message}"))
        }
        None => {
            tidy(spec.options, &mut args);
            Ok(args)
        }
    }
}

/// Puts values under the first names of their options; a value under another name wins. The other names stay for now,
/// since rules may name them.
pub(super) fn rename(options: &[Opt], args: &mut Map) {
    for option in options {
        for alias in option.aliases {
            if let Some(value) = args.get(*alias).cloned() {
                args.insert(option.name.to_owned(), value);
            }
        }
    }
}

fn is_nested(option: &Opt) -> bool {
    let elements = option.kind == Kind::List && option.elements == Some(Kind::Dict);
    !option.options.is_empty() && (option.kind == Kind::Dict || elements)
}

fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

fn sub_arguments_are_mappings(options: &[Opt], args: &Map) -> Result<(), String> {
    for option in options.iter().filter(|option| is_nested(option)) {
        for value in args.get(option.name).filter(|value| !value.is_null()).map_or(&[][..], each) {
            match value {
                Value::Object(map) => sub_arguments_are_mappings(option.options, map)?,
                Value::String(text) => sub_arguments_are_mappings(option.options, &dict(text)?)?,
                _ => {
                    let (shown, name, kind) = (str(value), option.name, option.kind.name());
                    let got = type_name(value);
                    return Err(format!(
                        "Value '{shown}' in the sub parameter field '{name}' must be a {kind}, not '{got}'"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Arguments that no option takes, and what could have been written in the place of the last of them.
#[derive(Default)]
struct Unsupported {
    names: Vec<(String, String)>,
}

impl Unsupported {
    fn look(&mut self, options: &[Opt], args: &Map, path: Path<'_>) {
        for name in args.keys().filter(|name| find(options, name).is_none()) {
            let full = path.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(".");
            self.names.push((full, supported(options)));
        }
    }

    fn message(mut self) -> Option<String> {
        self.names.sort();
        let names: Vec<&str> = self.names.iter().map(|(name, _)| name.as_str()).collect();
        let (_, supported) = self.names.last()?;
        Some(format!("{}. Supported parameters include: {supported}.", names.join(", ")))
    }
}

/// The same message, but for a module that takes something else; with nothing told, what it says stands.
fn worded(message: &str, takes: &[&str]) -> String {
    match message.split_once(". Supported parameters include: ") {
        Some((names, rest)) if !takes.is_empty() => {
            let aliases = rest.find(" (").and_then(|at| rest.get(at..)).unwrap_or(".");
            format!("{names}. Supported parameters include: {}{aliases}", takes.join(", "))
        }
        _ => message.to_string(),
    }
}

pub(super) fn find<'a>(options: &'a [Opt], name: &str) -> Option<&'a Opt> {
    options.iter().find(|option| option.name == name || option.aliases.contains(&name))
}

/// The names of all options, with the other names they have behind them.
fn supported(options: &[Opt]) -> String {
    let mut names: Vec<&str> = options.iter().map(|option| option.name).collect();
    let mut aliases: Vec<&str> = options.iter().flat_map(|option| option.aliases).copied().collect();
    names.sort_unstable();
    aliases.sort_unstable();
    let names = names.join(", ");
    if aliases.is_empty() { names } else { format!("{names} ({})", aliases.join(", ")) }
}

fn exclusive(groups: &[&[&str]], args: &Map) -> Result<(), String> {
    let broken = |group: &&&[&str]| group.iter().filter(|name| args.contains_key(**name)).count() > 1;
    let broken: Vec<String> = groups.iter().filter(broken).map(|group| group.join("|")).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("parameters are mutually exclusive: {}", broken.join(", ")))
}

pub(super) fn default(options: &[Opt], args: &mut Map) {
    for option in options {
        if let Some(text) = option.default
            && !args.contains_key(option.name)
        {
            args.insert(option.name.to_owned(), yaml(text));
        }
    }
}

/// A default as a value.
pub(super) fn yaml(text: &str) -> Value {
    let sources = Sources::default();
    let source = sources.add("<default>", text);
    let nodes = parse(&sources, source, Limits::default(), &mut Diagnostics::default());
    nodes.ok().and_then(|nodes| nodes.first().map(crate::node::Node::to_json)).unwrap_or(Value::Null)
}

/// What is required, then all types, then all choices.
fn check(options: &[Opt], args: &mut Map, path: Path<'_>) -> Result<(), String> {
    let absent = |option: &&Opt| option.required && !args.contains_key(option.name);
    let mut missing: Vec<&str> = options.iter().filter(absent).map(|option| option.name).collect();
    missing.sort_unstable();
    if !missing.is_empty() {
        return Err(format!("missing required arguments: {}{}", missing.join(", "), found_in(path)));
    }
    for option in options {
        if let Some(value) = args.get_mut(option.name)
            && (!value.is_null() || option.required || option.default.is_some())
        {
            *value = typed(option, value.take(), path)?;
        }
    }
    for option in options {
        if let Some(value) = args.get_mut(option.name) {
            chosen(option, value, path)?;
        }
    }
    Ok(())
}

fn found_in(path: Path<'_>) -> String {
    if path.is_empty() { String::new() } else { format!(" found in {}", path.join(" -> ")) }
}

/// A value as the type of its option, and its elements as theirs.
pub(super) fn typed(option: &Opt, value: Value, path: Path<'_>) -> Result<Value, String> {
    let (name, kind, got) = (option.name, option.kind.name(), type_name(&value));
    let converted = option.kind.convert(value).map_err(|why| {
        let place =
            if path.is_empty() { String::new() } else { format!(" found in '{}'.", path.join(" -> ")) };
        format!("argument '{name}' is of type {got}{place} and we were unable to convert to {kind}: {why}")
    })?;
    let (Value::Array(items), Some(kind)) = (&converted, option.elements) else { return Ok(converted) };
    let element = |item: &Value| {
        let got = type_name(item);
        kind.convert(item.clone()).map_err(|why| {
            let place = if path.is_empty() { String::new() } else { format!(" found in '{}'", path.join(" -> ")) };
            let kind = kind.name();
            format!(
                "Elements value for option '{name}'{place} is of type {got} and we were unable to convert to {kind}: {why}"
            )
        })
    };
    items.iter().map(element).collect()
}

/// Checks a value against the choices of its option, as the word it must have been if YAML made a boolean of it.
pub(super) fn chosen(option: &Opt, value: &mut Value, path: Path<'_>) -> Result<(), String> {
    let (name, choices) = (option.name, option.choices);
    if choices.is_empty() {
        return Ok(());
    }
    let is_choice = |value: &Value| !value.is_null() && choices.contains(&str(value).as_str());
    if let Value::Array(items) = value {
        let others: Vec<String> = items.iter().filter(|item| !is_choice(item)).map(str).collect();
        if others.is_empty() {
            return Ok(());
        }
        let (choices, others) = (choices.join(", "), others.join(", "));
        let place = found_in(path);
        return Err(format!(
            "value of {name} must be one or more of: {choices}. Got no match for: {others}{place}"
        ));
    }
    if is_choice(value) {
        return Ok(());
    }
    if let Some(word) = boolean_choice(value, choices) {
        *value = Value::from(word);
        return Ok(());
    }
    Err(format!(
        "value of {name} must be one of: {}, got: {}{}",
        choices.join(", "),
        str(value),
        found_in(path)
    ))
}

fn together(spec: &Spec, args: &Map) -> Result<(), String> {
    let given = |name: &str| args.contains_key(name);
    for group in spec.together {
        if group.iter().any(|name| given(name)) && !group.iter().all(|name| given(name)) {
            return Err(format!("parameters are required together: {}", group.join(", ")));
        }
    }
    for group in spec.one_of {
        if !group.iter().any(|name| given(name)) {
            return Err(format!("one of the following is required: {}", group.join(", ")));
        }
    }
    for (name, wanted, needed) in spec.required_if {
        let Some(value) = args.get(*name) else { continue };
        let missing: Vec<&str> = needed.iter().filter(|name| !given(name)).copied().collect();
        if is_value(value, wanted) && !missing.is_empty() {
            let (value, missing) = (str(value), missing.join(", "));
            return Err(format!("{name} is {value} but all of the following are missing: {missing}"));
        }
    }
    Ok(())
}

/// Whether a value is the one a rule names, as text or as YAML.
fn is_value(value: &Value, wanted: &str) -> bool {
    value.as_str().map_or_else(|| *value == yaml(wanted), |text| text == wanted)
}

fn nested(
    options: &[Opt],
    args: &mut Map,
    path: Path<'_>,
    unsupported: &mut Unsupported,
) -> Result<(), String> {
    for option in options.iter().filter(|option| is_nested(option)) {
        let Some(value) = args.get_mut(option.name).filter(|value| !value.is_null()) else { continue };
        let path: Vec<&str> = path.iter().copied().chain([option.name]).collect();
        let items = match value {
            Value::Array(items) => items.as_mut_slice(),
            other => std::slice::from_mut(other),
        };
        for item in items {
            let Value::Object(args) = item else {
                return Err(format!("value of '{}' must be of type dict or list of dicts", option.name));
            };
            rename(option.options, args);
            unsupported.look(option.options, args, &path);
            default(option.options, args);
            check(option.options, args, &path)?;
            nested(option.options, args, &path, unsupported)?;
        }
    }
    Ok(())
}

/// Drops other names and what was given as null, which is as good as not given.
fn tidy(options: &[Opt], args: &mut Map) {
    for option in options {
        for alias in option.aliases {
            args.shift_remove(*alias);
        }
        let passed = matches!(option.kind, Kind::Raw | Kind::Expr);
        if !passed && args.get(option.name).is_some_and(Value::is_null) {
            args.shift_remove(option.name);
        }
        if !is_nested(option) {
            continue;
        }
        match args.get_mut(option.name) {
            Some(Value::Object(map)) => tidy(option.options, map),
            Some(Value::Array(items)) => {
                let maps = items.iter_mut().filter_map(Value::as_object_mut);
                maps.for_each(|map| tidy(option.options, map));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
