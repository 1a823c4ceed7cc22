//! Gathering facts as a task of the engine's own: what the play and the configuration say about it become the
//! arguments of the `setup` module.

use super::site::Defaults;
use crate::node::{Kind, Mapping, Node};
use crate::playbook::{Play, Task};
use std::sync::Arc;

/// The task at the start of a play.
#[must_use]
pub fn gathering(play: &Play, defaults: &Defaults) -> Task {
    let span = play.span;
    let node = |kind: Kind| Node { span, kind };
    let text = |text: &str| node(Kind::Str(Arc::from(text)));
    let mut named = vec![];
    let subset = || {
        let items: Vec<Node> = defaults.gather_subset.iter().map(|name| text(name)).collect();
        (!items.is_empty()).then(|| node(Kind::Seq(Arc::from(items))))
    };
    let timeout = || defaults.gather_timeout.and_then(|s| i64::try_from(s).ok()).map(|s| node(Kind::Int(s)));
    let path = || defaults.fact_path.as_deref().map(text);
    let given = [
        ("gather_subset", play.gather_subset.clone().or_else(subset)),
        ("gather_timeout", play.gather_timeout.clone().or_else(timeout)),
        ("fact_path", play.fact_path.clone().or_else(path)),
    ];
    for (name, value) in given {
        named.extend(value.map(|value| (text(name), value)));
    }
    let (name, named) = (text("Gathering Facts"), node(Kind::Map(Arc::new(Mapping(named)))));
    Task::of_module(span, Some(name), "ansible.builtin.setup", named, play.dir.clone())
}
