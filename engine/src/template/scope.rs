//! Rendering for one host at one moment. Nodes and expressions come in, values go out; variables are rendered
//! when they are touched, once per scope.

use super::{Expr, Fault, Names, Surroundings, Value, Variable};
use crate::node::Node;
use indexmap::IndexMap;
use std::sync::Arc;

/// What names mean here, with everything needed to render. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scope {
    names: Arc<dyn Names>,
    around: Surroundings,
}

/// How a template file differs from the usual: the `template` module's arguments and a `#jinja2:` header.
#[derive(Clone, Debug, Default)]
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
}

impl Scope {
    /// A scope over names.
    #[must_use]
    pub fn new(names: Arc<dyn Names>, around: Surroundings) -> Self {
        Self { names, around }
    }

    /// This scope with more names in front, for example a loop's `item`.
    #[must_use]
    pub fn with(&self, _front: IndexMap<Arc<str>, Variable>) -> Self {
        todo!()
    }

    /// What lookups may look at.
    #[must_use]
    pub fn around(&self) -> &Surroundings {
        &self.around
    }

    /// Renders a whole tree. Keys whose value is `omit` are dropped; a bare `omit` is given back as such
    /// ([`Scope::is_omit`]).
    ///
    /// # Errors
    /// A template fails or reads something undefined; the fault names the place in the tree.
    pub fn render(&self, _node: &Node) -> Result<Value, Fault> {
        todo!()
    }

    /// Renders a node to text, as Ansible prints values into strings.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn text(&self, _node: &Node) -> Result<String, Fault> {
        todo!()
    }

    /// Evaluates a bare expression.
    ///
    /// # Errors
    /// It fails or its result is undefined.
    pub fn eval(&self, _expr: &Expr) -> Result<Value, Fault> {
        todo!()
    }

    /// Evaluates a condition: in ansible-core 2.19 only booleans are accepted.
    ///
    /// # Errors
    /// As [`Scope::eval`], and when the result is not a boolean.
    pub fn holds(&self, _expr: &Expr) -> Result<bool, Fault> {
        todo!()
    }

    /// A variable, rendered; nothing if there is none of that name.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn get(&self, _name: &str) -> Result<Option<Value>, Fault> {
        let _ = &self.names;
        todo!()
    }

    /// Renders the text of a template file, as the `template` module does.
    ///
    /// # Errors
    /// It does not parse, fails, or reads something undefined.
    pub fn file(&self, _name: &str, _text: &str, _options: &FileOptions) -> Result<String, Fault> {
        todo!()
    }

    /// Whether a rendered value is `omit`.
    #[must_use]
    pub fn is_omit(_value: &Value) -> bool {
        todo!()
    }
}
