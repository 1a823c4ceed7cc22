//! The keywords that plays, roles, blocks and tasks share.

use super::{Field, Reader, values};
use crate::diagnostic::{Class, Diagnostic};
use crate::node::{Kind, Mapping, Node};
use crate::playbook::{Keywords, reserved};
use crate::template::{Vars, is_template};
use std::sync::Arc;

/// Names that Jinja takes for itself.
const RESERVED: [&str; 7] = ["true", "false", "none", "True", "False", "None", "not"];

/// Whether a variable may have that name.
pub(super) fn is_variable_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// Groups of modules that `module_defaults` may name without their collection. Their modules are other collections', so
/// what is set for them is read and meant for nothing here; a misspelt one is refused.
const GROUPS: [&str; 10] = ["acme", "aws", "azure", "cpm", "docker", "gcp", "k8s", "os", "ovirt", "vmware"];

impl Reader<'_> {
    /// Takes a keyword that levels share. Its place was checked before; false when it is not one of these.
    pub(super) fn shared(&mut self, into: &mut Keywords, field: Field<'_>, owner: &str) -> bool {
        // A value that does not convert is found by Ansible when the task runs, and fails it.
        let class = Class::Undefined;
        match field.name {
            "when" => into.when = self.conditions(field),
            "tags" => into.tags = self.tags(field),
            "vars" => into.vars.extend(self.variables(field, owner).map(Arc::new)),
            "environment" => into.environment = self.environment(field),
            "module_defaults" => into.module_defaults = self.module_defaults(field),
            "collections" => into.collections = self.collections(field.key, field.value),
            "connection" => into.connection = self.text(field),
            "port" => into.port = self.integer(field, class),
            "remote_user" | "user" => into.remote_user = self.text(field),
            "become" => into.escalate = self.boolean(field, class),
            "become_user" => into.become_user = self.text(field),
            "become_method" => into.become_method = self.text(field),
            "become_flags" => into.become_flags = self.text(field),
            "become_exe" => into.become_exe = self.text(field),
            "no_log" => into.no_log = self.boolean(field, class),
            "run_once" => into.run_once = self.boolean(field, class),
            "ignore_errors" => into.ignore_errors = self.boolean(field, class),
            "ignore_unreachable" => into.ignore_unreachable = self.boolean(field, class),
            "any_errors_fatal" => into.any_errors_fatal = self.boolean(field, class),
            "check_mode" => into.check_mode = self.boolean(field, class),
            "diff" => into.diff = self.boolean(field, class),
            "throttle" => into.throttle = self.integer(field, class),
            "timeout" => into.timeout = self.integer(field, class),
            "delegate_to" => into.delegate_to = self.words(field),
            "delegate_facts" => into.delegate_facts = self.boolean(field, class),
            "notify" => into.notify = self.names(field),
            "debugger" => into.debugger = self.debugger(field),
            _ => return false,
        }
        true
    }

    /// A mapping of variables. `owner` is what has them, for messages.
    pub(super) fn variables(&mut self, field: Field<'_>, owner: &str) -> Option<Vars> {
        if field.value.is_null() {
            return None;
        }
        let message = format!("vars in a {owner} must be specified as a dictionary");
        let map = self.mapping(field.value, &message)?;
        self.variable_names(map);
        reserved::warn_all(map, self.diagnostics);
        self.syntax(field.value);
        Some(Vars::written(map))
    }

    fn variable_names(&mut self, map: &Mapping) {
        for (key, _) in map.iter() {
            if !key.as_str().is_some_and(is_variable_name) {
                let message = format!("invalid variable name {}", self.show(key));
                self.diagnostics.push(
                    Diagnostic::error(Class::Error, "muster::playbook::variable", message)
                        .at(key.span, "not a variable name")
                        .help("a name is made of letters, digits and underscores, and begins with no digit"),
                );
            }
        }
    }

    /// `tags`: a list, or words with commas between them.
    fn tags(&mut self, field: Field<'_>) -> Vec<Node> {
        match &field.value.kind {
            Kind::Seq(items) => items.iter().filter_map(|item| self.tag(item)).collect(),
            Kind::Str(text) => {
                self.syntax(field.value);
                let parts = split_words(text).into_iter();
                parts.map(|(start, word)| self.part_node(field.value, start, word)).collect()
            }
            Kind::Vault(_) => vec![field.value.clone()],
            _ => {
                let message = "tags must be specified as a list";
                self.diagnostics.push(
                    Diagnostic::error(Class::Error, "muster::playbook::type", message)
                        .at(field.value.span, format!("this is {}", field.value.describe()))
                        .help("write `tags: [one, two]`"),
                );
                vec![]
            }
        }
    }

    fn tag(&mut self, item: &Node) -> Option<Node> {
        let tag = matches!(item.kind, Kind::Str(_) | Kind::Int(_) | Kind::Vault(_) | Kind::Unsafe(_));
        let many = item.as_seq().is_some_and(|items| items.iter().all(|item| item.as_seq().is_none()));
        if tag || many {
            self.syntax(item);
            return Some(item.clone());
        }
        let message = format!("a tag is text or an integer, not {}", item.describe());
        self.error(Class::Error, "muster::playbook::type", message, item.span, "not a tag");
        None
    }

    /// A word of a text as a node of its own.
    pub(super) fn part_node(&self, node: &Node, start: usize, word: &str) -> Node {
        Node { span: self.part(node, start, word.len()), kind: Kind::Str(word.into()) }
    }

    /// `environment`: mappings, or templates that give mappings.
    fn environment(&mut self, field: Field<'_>) -> Vec<Node> {
        let mut kept = vec![];
        for item in self.items(field.value) {
            if item.as_map().is_some() || values::is_open(item) {
                self.syntax(item);
                kept.push(item.clone());
            } else if !item.is_null() {
                self.diagnostics.push(
                    Diagnostic::warning(
                        "muster::playbook::environment",
                        "could not parse environment value, skipping",
                    )
                    .at(item.span, format!("this is {}", item.describe()))
                    .help("write a mapping: `environment: {NAME: value}`"),
                );
            }
        }
        kept
    }

    fn module_defaults(&mut self, field: Field<'_>) -> Vec<Node> {
        let mut kept = vec![];
        for item in self.items(field.value) {
            let message =
                "the field `module_defaults` is supposed to be a dictionary or a list of dictionaries";
            if let Some(map) = self.mapping(item, message) {
                for (key, value) in map.iter() {
                    if let Some(group) = key.as_str().and_then(|key| key.strip_prefix("group/"))
                        && !group.contains('.')
                        && !GROUPS.contains(&group)
                    {
                        let message = format!("could not resolve the module_defaults group `{group}`");
                        self.error(Class::Parse, "muster::playbook::unknown_group", message, key.span, "");
                    }
                    let arguments = value.as_map().is_some() || value.is_null() || values::is_open(value);
                    if key.as_str().is_none_or(is_template) || !arguments {
                        let message =
                            format!("{} is not a module with a mapping of arguments", self.show(key));
                        let label = format!("this is {}", value.describe());
                        self.error(Class::Parse, "muster::playbook::type", message, value.span, &label);
                    }
                }
                self.syntax(item);
                kept.push(item.clone());
            }
        }
        kept
    }
}

/// Words between commas, trimmed, with their offsets; a comma within a template divides nothing.
fn split_words(text: &str) -> Vec<(usize, &str)> {
    let mut words = vec![];
    let (mut start, mut depth) = (0, 0_usize);
    for (at, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 || at == text.len() => {
                let piece = text.get(start..at).unwrap_or("");
                let word = piece.trim();
                words.push((start + piece.len() - piece.trim_start().len(), word));
                start = at + 1;
            }
            _ => {}
        }
    }
    words.retain(|(_, word)| !word.is_empty());
    words
}
