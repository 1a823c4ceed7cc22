//! Nodes to the types of this room. A [`Reader`] reads one file: it takes what it can, and reports what it cannot
//! at its place and goes on, so that one look finds every mistake.

mod action;
mod entry;
mod import;
mod include;
mod play;
mod repeat;
mod role;
mod shared;
mod values;

use crate::template::is_template;
pub(super) use entry::Around;
pub(super) use role::Requirement;
pub(super) use values::is_open;

use super::Setting;
use super::table::{self, Place};
use crate::diagnostic::{Class, Diagnostic, Diagnostics, nearest};
use crate::node::{Mapping, Node};
use crate::source::{Sources, Span};
use crate::template::Scope;
use std::path::Path;
use std::sync::Arc;

/// What a list of tasks belongs to, as far as its file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// A play.
    Play,
    /// A role.
    Role,
    /// Whatever includes it.
    Anything,
}

/// Reads the nodes of one file.
pub(super) struct Reader<'a> {
    pub sources: &'a Sources,
    pub diagnostics: &'a mut Diagnostics,
    /// Extra variables, for the few keywords that must be known before any host is.
    pub extra: &'a Scope,
    pub file: &'a Path,
    pub dir: Arc<Path>,
    pub home: Home,
    /// The file was decrypted: its values stay out of messages.
    pub sealed: bool,
}

/// One key with its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub name: &'a str,
    pub key: &'a Node,
    pub value: &'a Node,
}

impl Reader<'_> {
    /// Reports an error at a place.
    fn error(
        &mut self,
        class: Class,
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: &str,
    ) {
        self.diagnostics.push(Diagnostic::error(class, code, message).at(span, label));
    }

    /// The keys of a mapping that are text; others are reported.
    fn fields<'n>(&mut self, map: &'n Mapping, place: Place) -> Vec<Field<'n>> {
        let mut fields = vec![];
        for (key, value) in map.iter() {
            if let Some(name) = key.as_str() {
                fields.push(Field { name, key, value });
            } else {
                let message = format!("{} is not a valid attribute for a {}", self.show(key), place.label());
                self.error(Class::Parse, "muster::playbook::keyword", message, key.span, "a keyword is text");
            }
        }
        fields
    }

    /// Reports a key that may not stand where it does.
    fn misplaced(&mut self, field: Field<'_>, place: Place) {
        let message = format!("'{}' is not a valid attribute for a {}", field.name, place.label());
        let label = format!("not a keyword of {}", place.many());
        let diagnostic = Diagnostic::parse("muster::playbook::keyword", message).at(field.key.span, label);
        self.diagnostics.push(match suggestion(field.name, place) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Reports a key that `owner` does not know.
    pub(super) fn unknown(&mut self, key: &Node, owner: &str, known: &[&'static str]) {
        let shown = self.show(key).replace('`', "'");
        let message = format!("{shown} is not a valid attribute for a {owner}");
        let help = nearest(key.as_str().unwrap_or_default(), known.iter().copied()).map_or_else(
            || format!("it takes `{}`", known.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        let diagnostic = Diagnostic::parse("muster::playbook::keyword", message);
        self.diagnostics.push(diagnostic.at(key.span, "not one of its words").help(help));
    }

    /// A boolean outside of the keywords.
    pub(super) fn flag(&mut self, name: &str, key: &Node, value: &Node) -> Option<Setting<bool>> {
        self.boolean(Field { name, key, value }, Class::Parse)
    }

    /// The mapping, or a report that one was wanted.
    fn mapping<'n>(&mut self, node: &'n Node, message: &str) -> Option<&'n Mapping> {
        let map = node.as_map();
        if map.is_none() {
            let label = format!("this is {}", node.describe());
            self.error(Class::Parse, "muster::playbook::type", message, node.span, &label);
        }
        map
    }
}

/// What to type in place of a keyword that cannot stand there.
fn suggestion(name: &str, place: Place) -> Option<String> {
    if let Some(near) = nearest(name, table::names(place)) {
        return Some(format!("did you mean `{near}`?"));
    }
    Some(format!("`{name}` belongs on {}", table::keyword(name)?.where_it_stands()))
}

/// A module's name without the prefixes of Ansible's own collection.
pub(super) fn plain_name(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}
