//! The `generator` plugin: hosts named by a template over every combination of values, in groups named likewise. Its
//! configuration comes in; what it makes goes into an inventory.

use super::Inventory;
use crate::diagnostic::Diagnostic;
use crate::node::{Kind, Mapping, Node};
use crate::source::Span;
use crate::template::{Layer, Scope, Surroundings, Value, Variable, Vars};
use indexmap::IndexMap;
use minijinja::value::ValueKind;
use std::sync::Arc;

/// More combinations than this are a mistake.
const MOST: usize = 1_000_000;

/// Makes what a configuration says.
///
/// # Errors
/// The configuration is wrong, or a template fails.
pub(super) fn read(inventory: &mut Inventory, root: &Mapping, span: Span) -> Result<(), Vec<Diagnostic>> {
    let missing = |name: &str, span: Span| vec![mistake(format!("`generator` needs `{name}`"), span)];
    let layers = root.get("layers").and_then(Node::as_map).ok_or_else(|| missing("layers", span))?;
    let hosts = root.get("hosts").and_then(Node::as_map).ok_or_else(|| missing("hosts", span))?;
    let name = hosts.get("name").ok_or_else(|| missing("hosts.name", span))?;
    let mut axes = vec![];
    for (key, values) in layers.iter() {
        let values = values.as_seq().ok_or_else(|| vec![mistake("a layer must be a list", values.span)])?;
        axes.push((key.as_str().unwrap_or_default(), values));
    }
    let count = axes.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
    let count = count
        .filter(|count| *count <= MOST)
        .ok_or_else(|| vec![mistake(format!("the layers have more than {MOST} combinations"), span)])?;
    for number in 0..count {
        let mut rest = number;
        let mut chosen = IndexMap::new();
        // The last layer turns fastest.
        for (key, values) in axes.iter().rev() {
            if let Some(value) = values.get(rest % values.len()) {
                chosen.insert(Arc::from(*key), Variable::Written(value.clone()));
            }
            rest /= values.len();
        }
        let layer: Layer = Arc::new(Vars(chosen));
        let mut maker =
            Maker { inventory, scope: Scope::new(Arc::new(Combination(layer)), Surroundings::default()) };
        maker.host(name, hosts.get("parents")).map_err(|error| vec![error])?;
    }
    Ok(())
}

fn mistake(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::parse("muster::inventory::generator", message).at(span, "")
}

/// One value of each layer.
#[derive(Debug)]
struct Combination(Layer);

impl crate::template::Names for Combination {
    fn get(&self, name: &str) -> Option<Variable> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.0.keys().cloned().collect()
    }
}

struct Maker<'a> {
    inventory: &'a mut Inventory,
    scope: Scope,
}

impl Maker<'_> {
    fn text(&self, node: &Node) -> Result<String, Diagnostic> {
        self.scope.text(node).map_err(|fault| mistake(fault.message.clone(), fault.span.unwrap_or(node.span)))
    }

    fn host(&mut self, name: &Node, parents: Option<&Node>) -> Result<(), Diagnostic> {
        let host = self.text(name)?;
        self.inventory.put_host(&host, Some(name.span));
        self.parents(&host, true, parents)
    }

    /// Puts a host or group into the groups that are its parents.
    fn parents(&mut self, child: &str, host: bool, parents: Option<&Node>) -> Result<(), Diagnostic> {
        for parent in parents.and_then(Node::as_seq).into_iter().flatten() {
            let map = parent.as_map();
            let nameless = || mistake(format!("Element {child} has a parent with no name."), parent.span);
            let written = map.and_then(|map| map.get("name")).ok_or_else(nameless)?;
            let group = self.text(written)?;
            if group.is_empty() {
                return Err(nameless());
            }
            self.inventory.put_group(&group, Some(written.span));
            for (key, value) in
                map.and_then(|map| map.get("vars")).and_then(Node::as_map).into_iter().flat_map(Mapping::iter)
            {
                let value = self.value(value)?;
                let key = Arc::from(key.as_str().unwrap_or_default());
                self.inventory.set_group_var(&group, key, value).map_err(|why| mistake(why, parent.span))?;
            }
            if host {
                self.inventory.join(&group, child);
            } else {
                self.inventory.put_child(&group, child).map_err(|why| mistake(why, parent.span))?;
            }
            self.parents(&group, false, map.and_then(|map| map.get("parents")))?;
        }
        Ok(())
    }

    /// Text is rendered now; what is in lists and mappings when it is used.
    fn value(&self, node: &Node) -> Result<Node, Diagnostic> {
        let Kind::Str(_) = &node.kind else { return Ok(node.clone()) };
        let value = self
            .scope
            .render(node)
            .map_err(|fault| mistake(fault.message.clone(), fault.span.unwrap_or(node.span)))?;
        let kind = |value: &Value| match value.kind() {
            ValueKind::None => Some(Kind::Null),
            ValueKind::Bool => Some(Kind::Bool(value.is_true())),
            ValueKind::Number if value.is_integer() => value.as_i64().map(Kind::Int),
            _ => None,
        };
        let text =
            || Kind::Unsafe(Arc::new(Node { span: node.span, kind: Kind::Str(value.to_string().into()) }));
        Ok(Node { span: node.span, kind: kind(&value).unwrap_or_else(text) })
    }
}
