//! What templates read, and whether they compile, without evaluating them. Nodes come in; [`Use`]s with their places
//! in the file and diagnostics go out. `!unsafe` strings are no templates.

use super::compile::{Compiled, compile};
use super::expression::diagnose;
use super::rewrite::{Mode, Read};
use super::{is_template, place};
use crate::diagnostic::Diagnostics;
use crate::node::{Kind, Node};
use crate::source::Span;
use std::collections::HashSet;
use std::sync::Arc;

/// A variable that a template reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is read.
    pub span: Span,
    /// Whether it may be undefined there (`default`, `is defined` and the like).
    pub guarded: bool,
}

/// Every variable that the templates of a tree read and do not bind themselves.
#[must_use]
pub fn reads(node: &Node) -> Vec<Use> {
    let mut found = vec![];
    each_template(node, &mut |node, text| {
        if let Ok(compiled) = compile(text, Mode::Playbook) {
            found.extend(of(&compiled, node));
        }
    });
    found
}

/// What one compiled text reads. A name that is guarded once is guarded throughout the text, as in
/// `x is defined and x.y`.
pub fn of(compiled: &Compiled, node: &Node) -> Vec<Use> {
    let reads = &compiled.rewritten.reads;
    let guarded: HashSet<&str> =
        reads.iter().filter(|read| read.guarded).map(|read| read.name.as_str()).collect();
    let place = |read: &Read| Use {
        name: read.name.as_str().into(),
        span: place::span(node, Some(read.at.clone())),
        guarded: guarded.contains(read.name.as_str()),
    };
    reads.iter().map(place).collect()
}

/// Compiles every template of a tree and says what is wrong with them.
pub fn syntax(node: &Node, diagnostics: &mut Diagnostics) {
    each_template(node, &mut |node, text| {
        if let Err(broken) = compile(text, Mode::Playbook) {
            diagnostics.push(diagnose(node, &broken, "template"));
        }
    });
}

fn each_template(node: &Node, see: &mut impl FnMut(&Node, &Arc<str>)) {
    match &node.kind {
        Kind::Str(text) if is_template(text) => see(node, text),
        Kind::Seq(items) => items.iter().for_each(|item| each_template(item, see)),
        Kind::Map(map) => map.iter().for_each(|(_, value)| each_template(value, see)),
        _ => {}
    }
}
