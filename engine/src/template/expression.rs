//! A bare expression, as under `when`, `until`, `that`: compiled when the playbook is read, evaluated for each host.

use crate::diagnostic::Diagnostic;
use crate::node::Node;
use crate::source::Span;
use std::sync::Arc;

/// A compiled bare expression (or a literal boolean) and its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// As written.
    pub text: Arc<str>,
    /// Where.
    pub span: Span,
}

impl Expr {
    /// Compiles a node: a string is an expression, a boolean or number is itself.
    ///
    /// # Errors
    /// The expression does not parse, or the node is a collection.
    pub fn parse(_node: &Node) -> Result<Self, Diagnostic> {
        todo!()
    }
}
