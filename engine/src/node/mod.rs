//! YAML as a tree in which every key and value has a place. Text comes in, [`Node`]s go out, resolved as Ansible
//! resolves them (YAML 1.1 scalars, merge keys, `!vault` and `!unsafe` kept). Cloning a node is cheap: collections
//! are shared. A node is what a person wrote; what a run learned is a [`crate::template::Value`].

pub mod decode;
pub mod emit;
mod events;
pub mod freeform;
mod hint;
mod json;
mod parse;
mod scalar;

pub(crate) use json::repr as float_repr;
pub use parse::{Document, Limits, parse};

use crate::source::Span;
use std::sync::Arc;

/// A piece of YAML and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `~`, `null`, or nothing at all.
    Null,
    /// `yes`, `no`, `true`, `false`, `on`, `off`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer that does not, in decimal digits.
    BigInt(Arc<str>),
    /// A float.
    Float(f64),
    /// A string: it may hold a template.
    Str(Arc<str>),
    /// A date or time, as written.
    Date(Arc<str>),
    /// Encrypted text under `!vault`.
    Vault(Arc<str>),
    /// A value under `!unsafe`: never templated, however deep.
    Unsafe(Arc<Node>),
    /// A list.
    Seq(Arc<[Node]>),
    /// A mapping.
    Map(Arc<Mapping>),
}

/// Keys and values in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Mapping(pub Vec<(Node, Node)>);

impl Mapping {
    /// The value under a string key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key, with its place, and the value under it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.0.iter().find(|(k, _)| k.as_str() == Some(key))
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Node, Node)> {
        self.0.iter()
    }
}

impl Node {
    /// The text of a string (or of an unsafe string).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            Kind::Unsafe(inner) => inner.as_str(),
            _ => None,
        }
    }

    /// The mapping.
    #[must_use]
    pub fn as_map(&self) -> Option<&Mapping> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// A word for what it is, for messages: `a mapping`, `a string`.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::BigInt(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Str(_) => "a string",
            Kind::Date(_) => "a date",
            Kind::Vault(_) => "an encrypted string",
            Kind::Unsafe(inner) => inner.describe(),
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}
