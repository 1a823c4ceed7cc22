//! Filters between values and JSON or YAML text.

use super::yaml::to_yaml;
use super::{Table, json_error};
use crate::node::Limits;
use crate::node::emit::Layout;
use crate::source::Sources;
use crate::template::arguments::Args;
use crate::template::json::{from_json, json};
use crate::template::{Value, fault, lazy, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};
use serde_json::Value as Json;
use std::fmt::Write;

pub const TABLE: Table = &[
    ("to_json", |_, value, args| written(value, args, None, false)),
    ("to_nice_json", |_, value, args| written(value, args, Some(4), true)),
    ("tojson", tojson),
    ("from_json", read_json),
    ("to_yaml", |_, value, args| to_yaml(value, args, &Layout::YAML)),
    ("to_nice_yaml", |_, value, args| to_yaml(value, args, &Layout::NICE)),
    ("from_yaml", |_, value, _| {
        read_yaml(value).map(|all| all.into_iter().next().unwrap_or_else(|| Value::from(())))
    }),
    ("from_yaml_all", |_, value, _| read_yaml(value).map(Value::from)),
    ("pprint", |_, value, _| Ok(Value::from(super::pretty::pretty(value)?))),
    ("community.general.json_query", super::json_query::json_query),
];

/// How Python's `json.dumps` writes.
pub struct Style {
    pub indent: Option<usize>,
    pub sorted: bool,
    pub ascii: bool,
    pub separators: (String, String),
}

fn style(args: &Args, indent: Option<usize>, sorted: bool) -> Result<Style, Error> {
    let indent = match args.named("indent") {
        Some(value) if value.is_none() => None,
        Some(value) => usize::try_from(crate::template::arguments::integer(&value)?).ok(),
        None => match args.given.first() {
            Some(value) if value.is_integer() => value.as_usize(),
            _ => indent,
        },
    };
    let separators = match args.named("separators").filter(|value| !value.is_none()) {
        Some(pair) => {
            (python::text(&pair.get_item_by_index(0)?)?, python::text(&pair.get_item_by_index(1)?)?)
        }
        None => (if indent.is_some() { "," } else { ", " }.into(), ": ".into()),
    };
    let truth = |name: &str, otherwise: bool| args.named(name).map_or(otherwise, |value| value.is_true());
    Ok(Style { indent, sorted: truth("sort_keys", sorted), ascii: truth("ensure_ascii", true), separators })
}

fn written(value: &Value, args: &Args, indent: Option<usize>, sorted: bool) -> Result<Value, Error> {
    let style = style(args, indent, sorted)?;
    let mut out = String::new();
    write(&mut out, &json(value)?, &style, 0);
    Ok(Value::from(out))
}

fn tojson(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = written(value, args, None, true)?;
    let text = text.as_str().unwrap_or("").replace('<', "\\u003c").replace('>', "\\u003e");
    Ok(Value::from_safe_string(text.replace('&', "\\u0026").replace('\'', "\\u0027")))
}

/// Writes JSON as Python's `json.dumps` does.
pub fn write(out: &mut String, value: &Json, style: &Style, depth: usize) {
    let (comma, colon) = &style.separators;
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = style.indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent * depth));
        }
    };
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.abs() < 1e22 || number.to_string().contains(['.', 'e']) => {
                out.push_str(&python::float(float));
            }
            _ => out.push_str(&number.to_string()),
        },
        Json::String(text) => quote(out, text, style.ascii),
        Json::Array(items) if items.is_empty() => out.push_str("[]"),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { comma } else { "" });
                line(out, depth + 1);
                write(out, item, style, depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        Json::Object(map) if map.is_empty() => out.push_str("{}"),
        Json::Object(map) => {
            out.push('{');
            let mut pairs: Vec<_> = map.iter().collect();
            if style.sorted {
                pairs.sort_by_key(|(key, _)| *key);
            }
            for (i, (key, item)) in pairs.into_iter().enumerate() {
                out.push_str(if i > 0 { comma } else { "" });
                line(out, depth + 1);
                quote(out, key, style.ascii);
                out.push_str(colon);
                write(out, item, style, depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
    }
}

fn quote(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ascii && !c.is_ascii()) || c == '\u{7f}' && ascii => {
                if c == '\u{7f}' {
                    out.push(c);
                    continue;
                }
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn read_json(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        let kind = python::type_name(value);
        return Err(fault::error(format!("the JSON object must be str, bytes or bytearray, not {kind}")));
    };
    let parsed: Json =
        serde_json::from_str(text).map_err(|error| fault::error(json_error::words(text, &error)))?;
    Ok(from_json(&parsed))
}

/// Every document of a YAML text; what it holds is data, never rendered.
fn read_yaml(value: &Value) -> Result<Vec<Value>, Error> {
    if value.kind() != ValueKind::String {
        return Ok(vec![value.clone()]);
    }
    yaml_documents(value.as_str().unwrap_or(""))
}

/// The documents of a YAML text as values.
pub fn yaml_documents(text: &str) -> Result<Vec<Value>, Error> {
    let sources = Sources::default();
    let source = sources.add("<unicode string>", text);
    let documents = crate::node::parse(&sources, source, Limits::default(), &mut Default::default())
        .map_err(|diagnostic| fault::error(diagnostic.message))?;
    Ok(documents.iter().map(lazy::constant).collect())
}
