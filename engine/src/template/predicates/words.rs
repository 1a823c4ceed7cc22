//! Tests of text: patterns, case, addresses in the web.

use super::Table;
use crate::node::{Kind, Node};
use crate::template::arguments::Args;
use crate::template::filters::regex::{Flags, regex};
use crate::template::{Value, Variable, fault, lazy, python};
use minijinja::Error;

pub const TABLE: Table = &[
    ("match", |_, value, args| matches(value, args, 0, "match")),
    ("search", |_, value, args| matches(value, args, 0, "search")),
    ("regex", |_, value, args| {
        let kind = args.named("match_type").map_or(Ok("search".into()), |kind| python::text(&kind))?;
        matches(value, args, 0, &kind)
    }),
    ("lower", |_, value, _| cased(value, char::is_uppercase, char::is_lowercase)),
    ("upper", |_, value, _| cased(value, char::is_lowercase, char::is_uppercase)),
    ("startingwith", |_, value, args| Ok(python::text(value)?.starts_with(&args.need_text(0, "other")?))),
    ("endingwith", |_, value, args| Ok(python::text(value)?.ends_with(&args.need_text(0, "other")?))),
    ("url", |_, value, args| url(value, args)),
    ("uri", |_, value, args| {
        // Anything may be one: a scheme may be implied, a path empty.
        Ok(value.as_str().is_some() && allowed(args, &parts(value).0)?)
    }),
    ("vault_encrypted", |_, _, args| is_vaulted(args)),
    ("urn", |_, value, _| Ok(parts(value).0 == "urn")),
];

/// Whether the variable of that name is written as a vault: opened, it is a text like any other.
fn is_vaulted(args: &Args) -> Result<bool, Error> {
    let Some(name) = args.text(0, "name")? else { return Ok(false) };
    let variable = lazy::current().and_then(|core| core.names.get(&name));
    Ok(matches!(variable, Some(Variable::Written(Node { kind: Kind::Vault(_), .. }))))
}

/// Whether text is encrypted.
pub fn is_vault(text: &str) -> bool {
    text.starts_with("$ANSIBLE_VAULT")
}

fn matches(value: &Value, args: &Args, at: usize, kind: &str) -> Result<bool, Error> {
    let text = python::text(value)?;
    let pattern = args.get(at, "pattern").unwrap_or_else(|| Value::from(""));
    let Some(pattern) = pattern.as_str().map(str::to_string) else {
        return Err(fault::error("first argument must be string or compiled pattern"));
    };
    let flags = Flags {
        ignorecase: args.truth(at + 1, "ignorecase", false),
        multiline: args.truth(at + 2, "multiline", false),
    };
    let anchored = match kind {
        "match" => format!("\\A(?:{pattern})"),
        "fullmatch" => format!("\\A(?:{pattern})\\Z"),
        _ => pattern,
    };
    regex(&anchored, flags)?.is_match(text.as_str()).map_err(|error| fault::error(error.to_string()))
}

fn cased(value: &Value, never: fn(char) -> bool, once: fn(char) -> bool) -> Result<bool, Error> {
    let text = python::text(value)?;
    Ok(text.chars().any(once) && !text.chars().any(never))
}

fn parts(value: &Value) -> (String, String) {
    let text = value.as_str().unwrap_or("");
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if valid { (scheme.to_lowercase(), rest.into()) } else { (String::new(), text.into()) }
}

fn allowed(args: &Args, scheme: &str) -> Result<bool, Error> {
    match args.get(0, "schemes").filter(|schemes| !schemes.is_none()) {
        Some(schemes) => super::types::within(&Value::from(scheme), &schemes),
        None => Ok(true),
    }
}

fn url(value: &Value, args: &Args) -> Result<bool, Error> {
    let (scheme, rest) = parts(value);
    let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or("");
    Ok(!scheme.is_empty() && !host.is_empty() && allowed(args, &scheme)?)
}
