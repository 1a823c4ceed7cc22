//! Inventories in TOML: the same groups as in YAML, with `children` as a list of names. Text comes in; a tree as YAML
//! would give it goes out, every key and value with its place.

use crate::diagnostic::Diagnostic;
use crate::node::{Kind, Mapping, Node};
use crate::source::{SourceId, Sources, Span};
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The groups of a source.
///
/// # Errors
/// It is not TOML, or a group's `children` or `hosts` are none.
pub(super) fn tree(sources: &Sources, source: SourceId) -> Result<Node, Vec<Diagnostic>> {
    let text = sources.get(source).text.clone();
    let whole = Span { source, start: 0, end: sources.get(source).len() };
    let at = |range: Range<usize>| whole.part(range.start, range.len());
    let mistake =
        |message: String, span: Span| Diagnostic::parse("muster::inventory::toml", message).at(span, "");
    let root = DeTable::parse(&text).map_err(|error| {
        let span = error.span().map_or(whole.part(0, 0), at);
        vec![mistake(format!("TOML parsing failed: {}", error.message()), span)]
    })?;
    let mut errors = vec![];
    let root = table(root.get_ref(), &at);
    let groups = root.0.iter().map(|(key, group)| {
        let Some(sections) = group.as_map() else { return (key.clone(), group.clone()) };
        let section = |(name, value): &(Node, Node)| {
            let list = name.as_str() == Some("children");
            let value = match (&value.kind, list) {
                (Kind::Seq(items), true) => {
                    let child = |item: &Node| (item.clone(), Node { span: item.span, kind: Kind::Null });
                    let children = Mapping(items.iter().map(child).collect());
                    Node { span: value.span, kind: Kind::Map(Arc::new(children)) }
                }
                (_, true) => {
                    let found = value.describe();
                    let message =
                        format!("Invalid \"children\" entry, requires a list, found \"{found}\" instead.");
                    errors.push(mistake(message, value.span));
                    value.clone()
                }
                _ => value.clone(),
            };
            (name.clone(), value)
        };
        let sections = Mapping(sections.iter().map(section).collect());
        (key.clone(), Node { span: group.span, kind: Kind::Map(Arc::new(sections)) })
    });
    let groups = Mapping(groups.collect());
    if errors.is_empty() { Ok(Node { span: whole, kind: Kind::Map(Arc::new(groups)) }) } else { Err(errors) }
}

fn table(table: &DeTable<'_>, at: &impl Fn(Range<usize>) -> Span) -> Mapping {
    let pair = |(key, item): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let text: &std::borrow::Cow<'_, str> = key.get_ref();
        let key = Node { span: at(key.span()), kind: Kind::Str(Arc::from(&**text)) };
        (key, Node { span: at(item.span()), kind: value(item.get_ref(), at) })
    };
    Mapping(table.iter().map(pair).collect())
}

fn value(value: &DeValue<'_>, at: &impl Fn(Range<usize>) -> Span) -> Kind {
    match value {
        DeValue::String(text) => Kind::Str(Arc::from(&**text)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Kind::Int(number),
            Err(_) => Kind::BigInt(Arc::from(number.as_str())),
        },
        DeValue::Float(number) => Kind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Kind::Bool(*value),
        DeValue::Datetime(date) => Kind::Date(Arc::from(date.to_string())),
        DeValue::Array(items) => {
            let item = |item: &toml::Spanned<DeValue<'_>>| Node {
                span: at(item.span()),
                kind: self::value(item.get_ref(), at),
            };
            Kind::Seq(items.iter().map(item).collect())
        }
        DeValue::Table(inner) => Kind::Map(Arc::new(table(inner, at))),
    }
}
