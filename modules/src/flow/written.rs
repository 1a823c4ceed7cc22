//! Arguments as a person wrote them. A module that evaluates an option itself asks here for its node: the written one
//! with its place, or one made from the value when the option came from elsewhere (`module_defaults`, `args`).

use muster_engine::module::Context;
use muster_engine::node::{Kind, Mapping, Node};
use muster_engine::source::Span;
use serde_json::Value as Json;
use std::sync::Arc;

/// The node of an option under one of its names.
pub(super) fn node(cx: &Context, names: &[&str], value: &Json) -> Node {
    let written = cx.written.as_map().and_then(|map| names.iter().find_map(|name| map.get(name)));
    let same = |node: &&Node| match (&node.kind, value) {
        (Kind::Str(text), Json::String(value)) => **text == **value,
        (Kind::Bool(written), Json::Bool(value)) => written == value,
        (Kind::Seq(items), Json::Array(values)) => items.len() == values.len(),
        _ => false,
    };
    written.filter(same).cloned().unwrap_or_else(|| made(value, cx.written.span))
}

/// The node of a value, all of it at one place.
pub(super) fn made(value: &Json, span: Span) -> Node {
    let kind = match value {
        Json::Null => Kind::Null,
        Json::Bool(value) => Kind::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Kind::Int(int),
            (None, Some(float)) if !number.is_u64() => Kind::Float(float),
            _ => Kind::BigInt(number.to_string().into()),
        },
        Json::String(text) => Kind::Str(text.as_str().into()),
        Json::Array(items) => Kind::Seq(items.iter().map(|item| made(item, span)).collect()),
        Json::Object(map) => {
            let key = |key: &str| Node { span, kind: Kind::Str(key.into()) };
            Kind::Map(Arc::new(Mapping(map.iter().map(|(k, v)| (key(k), made(v, span))).collect())))
        }
    };
    Node { span, kind }
}

/// Whether a text is one template and nothing else.
pub(super) fn is_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}")
}
