//! A bare expression, as under `when`, `until`, `that`: compiled when the playbook is read, evaluated for each host.
//! Nodes come in, [`Expr`]s go out. A string that is one `{{ }}` is taken too, as ansible-core 2.19 takes it.

use super::compile::{Broken, Compiled, compile};
use super::reads::{self, Use};
use super::rewrite::{Mode, Shape};
use super::trail::UNTRUSTED;
use super::{Value, place};
use crate::diagnostic::Diagnostic;
use crate::node::{Kind, Node};
use crate::source::Span;
use std::sync::Arc;

/// A compiled bare expression (or a literal boolean) and its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// As written.
    pub text: Arc<str>,
    /// Where.
    pub span: Span,
    pub(super) code: Code,
}

#[derive(Clone, Debug)]
pub(super) enum Code {
    Literal(Value),
    Expression(Arc<Compiled>, Arc<Node>),
    /// `{{ ... }}`: rendered first.
    Embedded(Arc<Compiled>, Arc<Node>),
    /// Does not parse: whoever evaluates it fails with this.
    Broken(Arc<str>),
}

/// Why a node is no expression: for its author, and for a task that evaluates it all the same.
struct Unread {
    found: Box<Diagnostic>,
    said: String,
}

impl Expr {
    /// Compiles a node: a string is an expression, a boolean or number is itself.
    ///
    /// # Errors
    /// The expression does not parse, or the node is a collection.
    pub fn parse(node: &Node) -> Result<Self, Diagnostic> {
        Self::read(node).map_err(|unread| *unread.found)
    }

    /// As [`Expr::parse`], but what does not parse is an expression too, which fails when it is evaluated.
    #[must_use]
    pub fn parse_anyway(node: &Node) -> (Self, Option<Diagnostic>) {
        match Self::read(node) {
            Ok(expr) => (expr, None),
            Err(Unread { found, said }) => {
                let text = node.as_str().unwrap_or_default().into();
                (Self { text, span: node.span, code: Code::Broken(Arc::from(said)) }, Some(*found))
            }
        }
    }

    fn read(node: &Node) -> Result<Self, Unread> {
        let text: Arc<str> = match &node.kind {
            Kind::Bool(value) => return Ok(Self::literal(*value, node.span)),
            Kind::Int(value) => return Ok(Self::literal(*value, node.span)),
            Kind::Float(value) => return Ok(Self::literal(*value, node.span)),
            Kind::Str(text) => text.clone(),
            Kind::Null => return Err(empty(node.span)),
            Kind::Unsafe(inner) if inner.as_str().is_some() => {
                let message = "what is marked `!unsafe` is never an expression";
                let found = Diagnostic::parse("muster::template::untrusted", message).at(node.span, "");
                return Err(Unread { found: Box::new(found), said: UNTRUSTED.into() });
            }
            _ => {
                let message = format!("a conditional expression must be a string, not {}", node.describe());
                let found = Diagnostic::parse("muster::template::syntax", message).at(node.span, "");
                return Err(Unread {
                    found: Box::new(found),
                    said: "Conditional expressions must be strings.".into(),
                });
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(empty(node.span));
        }
        let shared = Arc::new(node.clone());
        let begins = trimmed.starts_with("{{") || trimmed.starts_with("{%");
        let whole = begins && (trimmed.ends_with("}}") || trimmed.ends_with("%}"));
        let code = if whole {
            let (text, shared) = match trimmed.len() == text.len() {
                true => (text.clone(), shared),
                // Blanks around it are no text of its own.
                false => {
                    let text: Arc<str> = trimmed.into();
                    (text.clone(), Arc::new(Node { span: node.span, kind: Kind::Str(text) }))
                }
            };
            let compiled =
                compile(&text, Mode::Playbook).map_err(|broken| unread(node, &broken, "template"))?;
            if compiled.rewritten.shape == Shape::Text {
                let message = "templates among text give text, which is no condition";
                let found = Diagnostic::parse("muster::template::syntax", message).at(node.span, "");
                let help = "a condition is an expression: write the names themselves, without braces";
                return Err(Unread { found: Box::new(found.help(help)), said: UNTRUSTED.into() });
            }
            Ok(Code::Embedded(compiled, shared))
        } else {
            compile(&text, Mode::Condition).map(|compiled| Code::Expression(compiled, shared))
        };
        let code = code.map_err(|broken| unread(node, &broken, "expression"))?;
        Ok(Self { text, span: node.span, code })
    }

    /// An expression that is always the same value.
    #[must_use]
    pub fn literal(value: impl Into<Value>, span: Span) -> Self {
        let value = value.into();
        Self { text: super::python::repr(&value).into(), span, code: Code::Literal(value) }
    }

    /// Whether it is a template, which gives the answer or the expression itself.
    #[must_use]
    pub fn is_template(&self) -> bool {
        matches!(self.code, Code::Embedded(..))
    }

    /// Whether it is written as a value, not as text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.code, Code::Literal(_))
    }

    /// The variables that it reads.
    #[must_use]
    pub fn reads(&self) -> Vec<Use> {
        match &self.code {
            Code::Literal(_) | Code::Broken(_) => vec![],
            Code::Expression(compiled, node) | Code::Embedded(compiled, node) => reads::of(compiled, node),
        }
    }
}

fn empty(span: Span) -> Unread {
    let said = "Empty conditional expressions are not allowed.".into();
    let message = "empty conditional expressions are not allowed";
    let found = Diagnostic::parse("muster::template::syntax", message).at(span, "");
    Unread { found: Box::new(found), said }
}

fn unread(node: &Node, broken: &Broken, what: &str) -> Unread {
    let delimiters = what == "expression" && node.as_str().is_some_and(super::is_template);
    let lead = if delimiters { ". Template delimiters are not supported in expressions" } else { "" };
    let said = format!("Syntax error in {what}{lead}: {}", broken.message);
    Unread { found: Box::new(diagnose(node, broken, what)), said }
}

/// A broken text as a diagnostic.
pub fn diagnose(node: &Node, broken: &Broken, what: &str) -> Diagnostic {
    let message = match broken.message.strip_suffix('.') {
        Some(message) if message.starts_with("No ") => message.replacen("No ", "no ", 1).replace('\'', "`"),
        _ => format!("syntax error in {what}: {}", broken.message),
    };
    let found = Diagnostic::parse("muster::template::syntax", message);
    let found = found.at(place::span(node, broken.at.clone()), "");
    match &broken.help {
        Some(help) => found.help(help.clone()),
        None => found,
    }
}
