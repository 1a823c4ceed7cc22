//! Modules by name. Full names, `ansible.builtin.`/`ansible.legacy.` prefixes and short names all find a module, and so do
//! the other names that a module has.

use super::{AnyModule, Context, Failure, Map, Module, Output, Spec};
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use std::sync::Arc;

/// Every module a run can use.
#[derive(Clone, Default)]
pub struct Registry(IndexMap<String, Arc<dyn AnyModule>>);

impl Registry {
    /// With one more module.
    #[must_use]
    pub fn with<M: Module>(self, module: M) -> Self {
        self.with_any(Arc::new(module))
    }

    /// With one more module whose types are its own business.
    #[must_use]
    pub fn with_any(mut self, module: Arc<dyn AnyModule>) -> Self {
        self.0.insert(module.name().to_string(), Arc::clone(&module));
        for name in module.spec().also {
            self.0.insert((*name).to_string(), Arc::new(Renamed(name, Arc::clone(&module))));
        }
        self
    }

    /// The module that a task's key names: a full name, or the last part of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn AnyModule>> {
        let short = name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy."));
        let by_short = |wanted: &str| {
            self.0.iter().find(|(full, _)| full.rsplit('.').next() == Some(wanted)).map(|(_, module)| module)
        };
        match (self.0.get(name), short) {
            (Some(module), _) => Some(module),
            (None, Some(short)) => by_short(short)
                .filter(|m| m.name().starts_with("ansible.builtin.") || !m.name().contains('.')),
            (None, None) if name.contains('.') => None,
            (None, None) => by_short(name),
        }
    }

    /// All modules, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyModule>> {
        self.0.values()
    }
}

/// A module under another of its names.
struct Renamed(&'static str, Arc<dyn AnyModule>);

impl AnyModule for Renamed {
    fn name(&self) -> &str {
        self.0
    }

    fn spec(&self) -> &Spec {
        self.1.spec()
    }

    fn is_built_in(&self) -> bool {
        self.1.is_built_in()
    }

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        self.1.run(args, cx)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
