//! What a person changed of a task before it runs again: arguments and variables.

use crate::module::Map;
use crate::template::{Variable, from_json};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::sync::Arc;

/// What a person changed of a task on one host.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The arguments as they were rendered the last time; unset, they are rendered again.
    pub rendered: Option<Map>,
    args: IndexMap<String, Option<Json>>,
    vars: Map,
}

impl Edit {
    /// Gives an argument another value, or takes it away. Values are taken as they are.
    pub fn set_arg(&mut self, name: &str, value: Option<Json>) {
        self.args.insert(name.to_string(), value);
    }

    /// Gives all arguments anew.
    pub fn set_args(&mut self, all: Map) {
        (self.rendered, self.args) = (Some(all), IndexMap::new());
    }

    /// Gives a variable another value.
    pub fn set_var(&mut self, name: &str, value: Json) {
        self.vars.insert(name.to_string(), value);
    }

    /// Whether an argument is not what is written.
    #[must_use]
    pub fn has_arg(&self, name: &str) -> bool {
        self.args.contains_key(name)
    }

    /// Puts what was changed over arguments.
    pub fn apply(&self, args: &mut Map) {
        for (name, value) in &self.args {
            match value {
                Some(value) => _ = args.insert(name.clone(), value.clone()),
                None => _ = args.shift_remove(name),
            }
        }
    }

    /// The variables that were changed, as names.
    #[must_use]
    pub fn front(&self) -> IndexMap<Arc<str>, Variable> {
        self.vars
            .iter()
            .map(|(name, value)| (Arc::from(name.as_str()), Variable::Known(from_json(value))))
            .collect()
    }

    /// The task as written, with the variables that were changed: what is rendered next is written.
    #[must_use]
    pub fn written_again(&self) -> Self {
        Self { vars: self.vars.clone(), ..Self::default() }
    }
}
