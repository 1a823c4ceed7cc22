//! One layer of variables: names and what they stand for, as one file, group, play or task gives them.
//! Layers are shared, never copied per host; a lookup walks them from the strongest to the weakest.

use super::Variable;
use crate::node::Mapping;
use indexmap::IndexMap;
use std::sync::Arc;

/// Names and their variables, in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Vars(pub IndexMap<Arc<str>, Variable>);

/// A shared layer.
pub type Layer = Arc<Vars>;

impl Vars {
    /// The string keys of a mapping; other keys are left out.
    #[must_use]
    pub fn written(map: &Mapping) -> Self {
        let pair = |(key, value): &(crate::node::Node, crate::node::Node)| {
            Some((Arc::from(key.as_str()?), Variable::Written(value.clone())))
        };
        Self(map.iter().filter_map(pair).collect())
    }

    /// The variable of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
