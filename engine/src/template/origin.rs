//! Where a value was written. An expression that is nothing but a variable, or something within one, comes in; the
//! place of the node that a person wrote for it goes out, through templates that are nothing but another variable.

use super::{Names, Variable, is_template};
use crate::node::{Kind, Node};
use crate::source::Span;

/// How many variables that stand for others are followed.
pub(super) const DEPTH: usize = 8;

/// The expression within `{{ }}`, or the text itself.
pub(super) fn inside(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}")).unwrap_or(text).trim()
}

/// The place of what `text` names; nothing for what nobody wrote, or what is computed.
pub(super) fn of(names: &dyn Names, text: &str, depth: usize) -> Option<Span> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, way) = text.split_at_checked(end)?;
    let Variable::Written(node) = names.get(name)? else { return None };
    let node = within(&node, way)?;
    match &node.kind {
        Kind::Str(text) if is_template(text) => {
            let further = depth.checked_sub(1).and_then(|depth| of(names, inside(text), depth));
            further.or(Some(node.span))
        }
        _ => Some(node.span),
    }
}

/// What `.key`, `['key']` and `[0]` lead to.
fn within(node: &Node, way: &str) -> Option<Node> {
    if way.is_empty() {
        return Some(node.clone());
    }
    if let Some(rest) = way.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, rest) = rest.split_at_checked(end)?;
        return within(node.as_map()?.get(key)?, rest);
    }
    let (key, rest) = way.strip_prefix('[')?.split_once(']')?;
    let next = match key.parse::<usize>() {
        Ok(index) => node.as_seq()?.get(index)?,
        Err(_) => node.as_map()?.get(key.trim_matches(['\'', '"']))?,
    };
    within(next, rest)
}
