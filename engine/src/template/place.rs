//! Places in templates as places in the file. A scalar's node and a byte range of its text come in, a [`Span`] goes
//! out: exact where the text stands in the file as it is (plain and quoted scalars), else the whole scalar's.

use crate::node::Node;
use crate::source::Span;
use std::ops::Range;

/// The span of a range of a string node's text.
pub fn span(node: &Node, at: Option<Range<usize>>) -> Span {
    let (Some(at), Some(text)) = (at, node.as_str()) else { return node.span };
    let written = node.span.end.saturating_sub(node.span.start) as usize;
    let lead = match written.checked_sub(text.len()) {
        Some(0) => 0,
        Some(2) if !text.contains('\n') => 1, // quotes, and nothing escaped
        _ => return node.span,
    };
    node.span.part(lead + at.start, at.len().max(1))
}
