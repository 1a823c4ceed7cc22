//! Text to nodes.

use super::Node;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Sources};

/// What one text may grow to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deepest nesting.
    pub depth: usize,
    /// Most nodes, aliases expanded.
    pub nodes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 200, nodes: 5_000_000 }
    }
}

/// One document of a text.
pub type Document = Node;

/// Reads every document of a source.
///
/// # Errors
/// The first thing that is not YAML, or not what Ansible's loader accepts, with its place.
pub fn parse(
    _sources: &Sources,
    _source: SourceId,
    _limits: Limits,
    _warnings: &mut Diagnostics,
) -> Result<Vec<Document>, Diagnostic> {
    todo!()
}
