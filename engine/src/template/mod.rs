//! Jinja as ansible-core 2.19 has it, on minijinja. Written [`Node`]s and names come in, [`Value`]s go out.
//! Only text a person wrote is ever rendered; what a host answered is a value and stays one. Each distinct text is
//! compiled once per process. A template's result keeps its type when it is one expression.

use crate::node::Node;
use crate::source::Span;
use std::fmt;
use std::sync::Arc;

pub use about::{about, managed};
pub use minijinja::Value;

/// A variable before anybody looked at it.
#[derive(Clone, Debug)]
pub enum Variable {
    /// Written by a person: rendered each time it is touched.
    Written(Node),
    /// Learned by the run: final, never rendered.
    Known(Value),
}

/// What names mean for one host at one moment. Implemented by the run; asked only for names that are used.
pub trait Names: Send + Sync + fmt::Debug {
    /// The variable of that name.
    fn get(&self, name: &str) -> Option<Variable>;

    /// All names, in no particular order (for `vars`, `lookup('varnames')`).
    fn names(&self) -> Vec<Arc<str>>;
}

/// Why a template gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened, as Ansible phrases it.
    pub message: String,
    /// Where, in the file that holds the template.
    pub span: Option<Span>,
    /// Whether an undefined variable is the cause.
    pub undefined: bool,
    /// What stood around it.
    pub trail: Box<Trail>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

mod about;
mod arguments;
mod compile;
mod environment;
mod expression;
mod fault;
mod files;
mod filters;
mod finish;
mod functions;
mod guests;
mod json;
mod lazy;
mod lookups;
mod methods;
mod native;
mod origin;
mod owned;
mod place;
mod predicates;
mod python;
mod range;
mod reads;
mod rewrite;
mod scope;
mod surroundings;
mod syntax;
mod trail;
mod vars;
mod vault;

pub use environment::knows;
pub use expression::Expr;
pub(crate) use filters::paths::normal;
pub(crate) use filters::pretty::pretty;
pub(crate) use guests::beside;
pub use guests::{Guests, Kind as GuestKind, answer as answer_guest, welcome};
pub use json::{from_json, to_json};
pub use lookups::{lookup, names as lookups};
pub use python::{repr, text as text_of};
pub use reads::{Use, reads, syntax};
pub use scope::{FileOptions, Scope};
pub use surroundings::Surroundings;
pub use trail::{Spot, Trail};
pub use vars::{Layer, Vars};

/// Whether a text holds a template.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether a text looks like one template and nothing else.
#[must_use]
pub fn is_whole_template(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("{{") && text.ends_with("}}")) || (text.starts_with("{%") && text.ends_with("%}"))
}

#[cfg(test)]
mod tests;
