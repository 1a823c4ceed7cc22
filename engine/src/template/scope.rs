//! Rendering for one host at one moment. Nodes and expressions come in, values go out; variables are rendered
//! when they are touched, once per scope.

use super::compile::Compiled;
use super::expression::Code;
use super::lazy::Core;
use super::rewrite::Mode;
use super::{
    Expr, Fault, Names, Spot, Surroundings, Value, Variable, compile, fault, files, finish, place, python,
};
use crate::node::{Kind, Node};
use crate::source::Span;
use indexmap::IndexMap;
use minijinja::Error;
use minijinja::value::ValueKind;
use std::sync::Arc;

/// What names mean here, with everything needed to render. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scope {
    core: Arc<Core>,
}

/// How a template file differs from the usual: the `template` module's arguments and a `#jinja2:` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// `trim_blocks`, on unless said otherwise.
    pub trim_blocks: Option<bool>,
    /// `lstrip_blocks`, off unless said otherwise.
    pub lstrip_blocks: Option<bool>,
    /// `variable_start_string` and `_end_string`.
    pub variable: Option<(String, String)>,
    /// `block_start_string` and `_end_string`.
    pub block: Option<(String, String)>,
    /// `comment_start_string` and `_end_string`.
    pub comment: Option<(String, String)>,
    /// `line_statement_prefix`.
    pub line_statement: Option<String>,
    /// `line_comment_prefix`.
    pub line_comment: Option<String>,
}

/// Names with more in front of them.
#[derive(Debug)]
struct Front {
    front: IndexMap<Arc<str>, Variable>,
    behind: Arc<dyn Names>,
}

impl Names for Front {
    fn get(&self, name: &str) -> Option<Variable> {
        self.front.get(name).cloned().or_else(|| self.behind.get(name))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names = self.behind.names();
        names.retain(|name| !self.front.contains_key(name));
        names.extend(self.front.keys().cloned());
        names
    }
}

impl Scope {
    /// A scope over names.
    #[must_use]
    pub fn new(names: Arc<dyn Names>, around: Surroundings) -> Self {
        Self { core: Core::new(names, around) }
    }

    /// The scope that a lookup runs in.
    pub(super) fn of(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// This scope with more names in front, for example a loop's `item`.
    #[must_use]
    pub fn with(&self, front: IndexMap<Arc<str>, Variable>) -> Self {
        let behind = self.core.names.clone();
        Self::new(Arc::new(Front { front, behind }), self.core.around.clone())
    }

    /// What lookups may look at.
    #[must_use]
    pub fn around(&self) -> &Surroundings {
        &self.core.around
    }

    /// Renders a whole tree. Keys whose value is `omit` are dropped; a bare `omit` is given back as such
    /// ([`Scope::is_omit`]).
    ///
    /// # Errors
    /// A template fails or reads something undefined; the fault names the place in the tree.
    pub fn render(&self, node: &Node) -> Result<Value, Fault> {
        match &node.kind {
            Kind::Seq(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    let item = self.render(item)?;
                    if !finish::is_omit(&item) {
                        out.push(item);
                    }
                }
                Ok(Value::from(out))
            }
            Kind::Map(map) => {
                let mut out = Vec::with_capacity(map.0.len());
                for (key, value) in map.iter() {
                    let value = self.render(value)?;
                    if !finish::is_omit(&value) {
                        out.push((super::lazy::constant(key), value));
                    }
                }
                Ok(Value::from_pairs(out))
            }
            Kind::Str(text) if super::is_template(text) => {
                let value = self.core.render(node, text)?;
                self.finished(value, node.span, || compile::compile(text, Mode::Playbook).ok())
            }
            _ => self.finished(self.core.value(node), node.span, || None),
        }
    }

    /// Renders a node to text, as Ansible prints values into strings.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn text(&self, node: &Node) -> Result<String, Fault> {
        let value = self.render(node)?;
        if value.is_none() || finish::is_omit(&value) {
            return Ok(String::new());
        }
        python::text(&value).map_err(|error| fault::plain(&error))
    }

    /// Evaluates a bare expression.
    ///
    /// # Errors
    /// It fails or its result is undefined.
    pub fn eval(&self, expr: &Expr) -> Result<Value, Fault> {
        let (value, compiled) = self.raw(expr)?;
        self.finished(value, expr.span, || compiled)
    }

    /// Evaluates a condition: in ansible-core 2.19 only booleans are accepted.
    ///
    /// # Errors
    /// As [`Scope::eval`], and when the result is not a boolean.
    pub fn holds(&self, expr: &Expr) -> Result<bool, Fault> {
        self.weighed(expr).map_err(|fault| match fault.undefined {
            true => fault.within("Error while evaluating conditional", expr.span),
            false => fault,
        })
    }

    /// Whether it is to be said of a condition that it is a template which gives its answer itself: this will go.
    #[must_use]
    pub fn is_braced(&self, expr: &Expr) -> bool {
        let answers = |(value, _): (Value, _)| value.kind() == ValueKind::Bool;
        expr.is_template() && self.raw(expr).is_ok_and(answers)
    }

    /// The expression that a template gave, if a person wrote it as one: no other text is to be evaluated.
    #[must_use]
    pub fn given(&self, template: &str, text: &str) -> Option<Node> {
        let text = text.trim();
        let quoted = |quote: char| template.contains(&format!("{quote}{text}{quote}"));
        let made = super::is_template(text) || quoted('\'') || quoted('"');
        let span = self.core.around.sources.as_ref()?.written(text).filter(|_| !made)?;
        Some(Node { span, kind: Kind::Str(text.into()) })
    }

    fn weighed(&self, expr: &Expr) -> Result<bool, Fault> {
        let fail = |message: String| Err(Fault::new(message, Some(expr.span)).of(expr.span));
        let (value, compiled) = self.raw(expr)?;
        if value.kind() == ValueKind::Bool {
            return Ok(value.is_true());
        }
        if let Code::Literal(_) = &expr.code {
            return fail("Conditional expressions must be strings.".into());
        }
        let value = self.finished(value, expr.span, || compiled)?;
        if finish::is_omit(&value) {
            return fail("A template was resolved to an Omit scalar.".into());
        }
        if let (Code::Embedded(..), Some(text)) = (&expr.code, value.as_str())
            && self.core.around.sources.is_some()
        {
            if text.trim().is_empty() {
                return fail("Empty conditional expressions are not allowed.".into());
            }
            // What stands among other parts of a template is not a value by itself.
            let part = matches!(&expr.code, Code::Embedded(compiled, _) if compiled.is_of_parts());
            let Some(node) = self.given(&expr.text, text).filter(|_| !part || !expr.text.contains(text))
            else {
                return Err(Fault::untrusted(Spot::Written(expr.span)));
            };
            return self.weighed(&Expr::parse_anyway(&node).0);
        }
        if self.core.around.broken_conditionals {
            return Ok(value.is_true());
        }
        let truth = if value.is_true() { "True" } else { "False" };
        let kind = python::type_name(&value);
        let place = self.core.around.sources.as_ref().map(|sources| {
            let place = sources.place(self.origin(expr));
            let path = std::path::absolute(&place.path).unwrap_or(place.path);
            format!(" at '{}:{}:{}'", path.display(), place.line, place.column)
        });
        let place = place.unwrap_or_default();
        fail(format!(
            "Conditional result ({truth}) was derived from value of type '{kind}'{place}. Conditionals must have a boolean result."
        ))
    }

    /// What the settings say that `ansible_managed` is.
    #[must_use]
    pub fn managed(&self) -> Option<&str> {
        self.core.around.managed.as_deref()
    }

    /// Whether somebody wrote this text as a value of its own: no other text is an expression.
    #[must_use]
    pub fn is_written(&self, text: &str) -> bool {
        let sources = self.core.around.sources.as_ref();
        sources.is_none_or(|sources| sources.written(text.trim()).is_some())
    }

    /// Where the value of an expression is written: where its variable is, if it is nothing but one.
    fn origin(&self, expr: &Expr) -> Span {
        super::origin::of(&*self.core.names, super::origin::inside(&expr.text), super::origin::DEPTH)
            .unwrap_or(expr.span)
    }

    /// The value of an expression as evaluation left it.
    fn raw(&self, expr: &Expr) -> Result<(Value, Option<Arc<Compiled>>), Fault> {
        let (compiled, node) = match &expr.code {
            Code::Literal(value) => return Ok((value.clone(), None)),
            Code::Broken(said) => {
                return Err(Fault::new(said.to_string(), Some(expr.span)).of(expr.span));
            }
            Code::Expression(compiled, node) | Code::Embedded(compiled, node) => (compiled, node),
        };
        let value = compiled.eval(&self.core).map_err(|error| {
            let at = compiled.locate(&error);
            fault::of(&error, &self.core, compiled, Some(place::span(node, at))).of(node.span)
        })?;
        if let (Code::Embedded(..), ValueKind::String) = (&expr.code, value.kind())
            && let Some(inner) = self.named_expression(compiled)
        {
            return self.raw(&inner);
        }
        Ok((value, Some(compiled.clone())))
    }

    /// `when: "{{ name }}"` where the variable is itself a written expression.
    fn named_expression(&self, compiled: &Compiled) -> Option<Expr> {
        let [read] = compiled.rewritten.reads.as_slice() else { return None };
        if compiled.rewritten.expression()?.trim() != read.name {
            return None;
        }
        match self.core.names.get(&read.name)? {
            Variable::Written(node) if matches!(&node.kind, Kind::Str(text) if !super::is_template(text)) => {
                Expr::parse(&node).ok()
            }
            _ => None,
        }
    }

    /// A variable, rendered; nothing if there is none of that name.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn get(&self, name: &str) -> Result<Option<Value>, Fault> {
        let Some(value) = self.core.variable(name) else { return Ok(None) };
        let finished = self.core.current(|| finish::finish(value));
        finished.map(Some).map_err(|error| fault::plain(&error))
    }

    /// A variable as a person wrote it; nothing if it came otherwise.
    #[must_use]
    pub fn written(&self, name: &str) -> Option<Node> {
        match self.core.names.get(name)? {
            Variable::Written(node) => Some(node),
            _ => None,
        }
    }

    /// Whether there is a variable of that name, whatever its value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.core.names.get(name).is_some()
    }

    /// Renders the text of a template file, as the `template` module does.
    ///
    /// # Errors
    /// It does not parse, fails, or reads something undefined.
    pub fn file(&self, name: &str, text: &str, options: &FileOptions) -> Result<String, Fault> {
        let value = files::render(&self.core, name, text, options)?;
        value
            .as_str()
            .map_or_else(|| python::text(&value), |text| Ok(text.to_owned()))
            .map_err(|error| fault::plain(&error))
    }

    /// What the text of a template file gives, as the `template` lookup does: a file that is one expression is its
    /// value.
    ///
    /// # Errors
    /// As [`Scope::file`].
    pub fn file_value(&self, name: &str, text: &str, options: &FileOptions) -> Result<Value, Fault> {
        let value = files::render(&self.core, name, text, options)?;
        // A template that comes to nothing is no text at all.
        let nothing = value.as_str() == Some("") && !files::is_plain(text, options);
        Ok(if nothing { Value::from(()) } else { value })
    }

    /// Whether a rendered value is `omit`.
    #[must_use]
    pub fn is_omit(value: &Value) -> bool {
        finish::is_omit(value)
    }

    fn finished(
        &self,
        value: Value,
        span: Span,
        compiled: impl FnOnce() -> Option<Arc<Compiled>>,
    ) -> Result<Value, Fault> {
        let error: Error = match self.core.current(|| finish::finish(value)) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if fault::carried(&error).is_some() {
            let fault = fault::plain(&error);
            return Err(Fault { span: fault.span.or(Some(span)), ..fault }.of(span));
        }
        match compiled() {
            Some(compiled) => {
                let named = if error.kind() == minijinja::ErrorKind::UndefinedError {
                    compiled.undefined_error(&self.core)
                } else {
                    None
                };
                let error = named.unwrap_or(error);
                Err(fault::of(&error, &self.core, &compiled, Some(span)).of(span))
            }
            None => Err(Fault { span: Some(span), ..fault::plain(&error) }.of(span)),
        }
    }
}
