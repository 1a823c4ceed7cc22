//! Roles: a use of one as written, and one as loaded from its directory.

use super::{Entry, Keywords, Setting};
use crate::node::Node;
use crate::source::Span;
use crate::template::Layer;
use std::path::PathBuf;
use std::sync::Arc;

/// A role named under `roles`, in `dependencies`, or by `import_role` and `include_role`.
#[derive(Clone, Debug)]
pub struct RoleUse {
    /// Where.
    pub span: Span,
    /// Its name, perhaps a template.
    pub name: Node,
    /// Role parameters: what is not a keyword in a `roles` entry.
    pub params: Layer,
    /// Keywords of the entry (for `import_role` and `include_role` they are the task's).
    pub keywords: Keywords,
    /// `tasks_from`.
    pub tasks_from: Option<Node>,
    /// `vars_from`.
    pub vars_from: Option<Node>,
    /// `defaults_from`.
    pub defaults_from: Option<Node>,
    /// `handlers_from`.
    pub handlers_from: Option<Node>,
    /// `public`.
    pub public: Option<Setting<bool>>,
    /// `allow_duplicates`.
    pub allow_duplicates: Option<Setting<bool>>,
    /// `rolespec_validate`.
    pub rolespec_validate: Option<Setting<bool>>,
    /// `apply`: keywords for what is included.
    pub apply: Option<Arc<Keywords>>,
}

/// One entry point of `meta/argument_specs.yml`.
#[derive(Clone, Debug)]
pub struct Argspec {
    /// The entry point: `main`, or a `tasks_from`.
    pub entry: Arc<str>,
    /// Its `options`, as written.
    pub options: Node,
    /// Its `short_description`.
    pub short_description: Option<Arc<str>>,
}

/// A role as it lies in its directory.
#[derive(Clone, Debug)]
pub struct Role {
    /// The name it was found under.
    pub name: Arc<str>,
    /// Its directory, absolute.
    pub dir: PathBuf,
    /// `tasks/`, from `main` or `tasks_from`.
    pub tasks: Vec<Entry>,
    /// `handlers/`.
    pub handlers: Vec<Entry>,
    /// `defaults/`.
    pub defaults: Layer,
    /// `vars/`.
    pub vars: Layer,
    /// `dependencies` of `meta/main.yml`.
    pub dependencies: Vec<Arc<RoleUse>>,
    /// `allow_duplicates` of `meta/main.yml`.
    pub allow_duplicates: bool,
    /// `collections` of `meta/main.yml`: those of plays do not reach into roles.
    pub collections: Vec<String>,
    /// The argument spec of the entry point used, if there is one.
    pub argspec: Option<Argspec>,
}

impl Role {
    /// Its name without its collection's.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}
