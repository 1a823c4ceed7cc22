//! Inventories in YAML and JSON: groups with `hosts`, `children` and `vars`. A tree comes in; hosts, groups and
//! variables go into an inventory. Everything that is wrong gives one diagnostic with its place, and reading goes on.

use super::{Inventory, address};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::node::{Kind, Mapping, Node};
use crate::source::Span;
use crate::template::Variable;
use std::borrow::Cow;
use std::sync::Arc;

const SECTIONS: [&str; 3] = ["vars", "children", "hosts"];

struct Reader<'a> {
    inventory: &'a mut Inventory,
    warnings: &'a mut Diagnostics,
    errors: Vec<Diagnostic>,
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(
    inventory: &mut Inventory,
    root: &Node,
    warnings: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    if root.is_null() {
        return Err(vec![mistake("Parsed empty YAML file", root.span)]);
    }
    let Some(groups) = root.as_map() else {
        let message = format!(
            "YAML inventory has invalid structure, it should be a dictionary, got: {}",
            root.describe()
        );
        return Err(vec![
            mistake(message, root.span).help("begin with a group, for example `all:`, then `hosts:`"),
        ]);
    };
    if let Some((key, _)) = groups.entry("plugin") {
        return Err(vec![mistake("Plugin configuration YAML file, not YAML inventory", key.span)]);
    }
    let mut reader = Reader { inventory, warnings, errors: vec![] };
    for (key, body) in groups.iter() {
        reader.group(key, body, 0);
    }
    if reader.errors.is_empty() { Ok(()) } else { Err(reader.errors) }
}

fn mistake(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::parse("muster::inventory::yaml", message).at(span, "")
}

impl Reader<'_> {
    fn warn(&mut self, message: String, span: Span) {
        self.warnings.push(Diagnostic::warning("muster::inventory::yaml", message).at(span, ""));
    }

    /// Reads a group; gives its name unless it was skipped.
    fn group<'a>(&mut self, key: &'a Node, body: &Node, depth: usize) -> Option<&'a str> {
        let Some(name) = key.as_str().filter(|name| !name.is_empty()) else {
            let what = key.describe();
            let message = format!("Invalid group name supplied, expected a string but got {what}");
            self.errors.push(mistake(message, key.span).help("put the name in quotation marks"));
            return None;
        };
        let nothing = Mapping::default();
        let sections = match &body.kind {
            Kind::Null => &nothing,
            Kind::Map(map) => map,
            _ => {
                self.warn(format!("Skipping '{name}' as this is not a valid group definition"), key.span);
                return None;
            }
        };
        self.inventory.put_group(name, Some(key.span));
        // In the order they were written: that is the order of hosts and groups.
        for (section, value) in sections.iter() {
            let word = section.as_str().unwrap_or("");
            if !SECTIONS.contains(&word) {
                self.stray(name, section, value);
                continue;
            }
            let Some(entries) = self.entries(name, word, section, value) else { continue };
            for (key, value) in entries.iter() {
                match word {
                    "vars" => self.var(name, key, value),
                    "children" => self.child(name, key, value, depth),
                    _ => self.hosts(name, key, value),
                }
            }
        }
        Some(name)
    }

    /// Warns of a key that is no section, as Ansible does.
    fn stray(&mut self, group: &str, key: &Node, value: &Node) {
        let name = text(key);
        let message = if matches!(value.kind, Kind::Map(_) | Kind::Null) {
            format!(
                "Skipping unexpected key ({name}) in group ({group}), only \"vars\", \"children\" and \"hosts\" are valid"
            )
        } else {
            format!(
                "Skipping key ({name}) in group ({group}) as it is not a mapping, it is {}",
                value.describe()
            )
        };
        let mut warning = Diagnostic::warning("muster::inventory::yaml", message).at(key.span, "");
        if let Some(near) = nearest(&name, SECTIONS) {
            warning = warning.help(format!("did you mean `{near}`?"));
        }
        self.warnings.push(warning);
    }

    /// The entries of a section; a lone string is one entry without a value.
    fn entries<'a>(
        &mut self,
        group: &str,
        section: &str,
        at: &Node,
        value: &'a Node,
    ) -> Option<Cow<'a, Mapping>> {
        match &value.kind {
            Kind::Null => None,
            Kind::Map(map) => Some(Cow::Borrowed(map)),
            Kind::Str(_) => {
                let null = Node { span: value.span, kind: Kind::Null };
                Some(Cow::Owned(Mapping(vec![(value.clone(), null)])))
            }
            _ => {
                let message = format!(
                    "Invalid \"{section}\" entry for \"{group}\" group, requires a dictionary, found \"{}\" instead.",
                    value.describe()
                );
                let help =
                    "write each name on a line of its own with a colon behind it, not a dash before it";
                self.errors.push(mistake(message, at.span).help(help));
                None
            }
        }
    }

    fn var(&mut self, group: &str, key: &Node, value: &Node) {
        let name = text(key);
        check_name(&name, key.span, self.warnings);
        if let Err(message) = self.inventory.set_group_var(group, Arc::from(&*name), value.clone()) {
            self.errors.push(mistake(message, value.span));
        }
    }

    fn child(&mut self, parent: &str, key: &Node, body: &Node, depth: usize) {
        let errors = self.errors.len();
        match self.group(key, body, depth + 1) {
            Some(name) => {
                if let Err(message) = self.inventory.put_child(parent, name) {
                    self.errors.push(mistake(message, key.span));
                }
            }
            None if self.errors.len() == errors => {
                self.errors.push(mistake(format!("{} is not a known host nor group", text(key)), key.span));
            }
            None => {}
        }
    }

    fn hosts(&mut self, group: &str, key: &Node, value: &Node) {
        let Some(pattern) = key.as_str() else {
            let message = format!(
                "Host pattern {} must be a string. Enclose integers/floats in quotation marks.",
                text(key)
            );
            self.errors.push(mistake(message, key.span));
            return;
        };
        let empty = match &value.kind {
            Kind::Null | Kind::Bool(false) | Kind::Int(0) => true,
            Kind::Str(text) => text.is_empty(),
            Kind::Seq(items) => items.is_empty(),
            _ => false,
        };
        if !empty && value.as_map().is_none() {
            let message =
                format!("Invalid data from file, expected dictionary and got: {}", value.describe());
            let help = format!("the variables of `{pattern}` go below it, one `name: value` on each line");
            self.errors.push(mistake(message, value.span).help(help));
            return;
        }
        let (names, port) = match address::expand(pattern) {
            Ok(expanded) => expanded,
            Err(message) => return self.errors.push(mistake(message, key.span)),
        };
        for name in &names {
            put_host(self.inventory, group, name, port, key.span);
        }
        for (key, value) in value.as_map().into_iter().flat_map(Mapping::iter) {
            let name = text(key);
            check_name(&name, key.span, self.warnings);
            let variable: Arc<str> = Arc::from(&*name);
            for host in &names {
                self.inventory.set_host_var(host, variable.clone(), Variable::Written(value.clone()));
            }
        }
    }
}

/// Puts a host with its port into a group.
pub(super) fn put_host(inventory: &mut Inventory, group: &str, name: &str, port: Option<i64>, span: Span) {
    let fresh = inventory.put_host(name, Some(span));
    if let (true, Some(port)) = (fresh, port) {
        let port = Variable::Written(Node { span, kind: Kind::Int(port) });
        inventory.set_host_var(name, Arc::from("ansible_port"), port);
    }
    inventory.join(group, name);
}

/// A key as text.
pub(super) fn text(key: &Node) -> Cow<'_, str> {
    match &key.kind {
        Kind::Str(text) | Kind::BigInt(text) | Kind::Date(text) => Cow::Borrowed(text),
        Kind::Int(value) => Cow::Owned(value.to_string()),
        Kind::Float(value) => Cow::Owned(value.to_string()),
        Kind::Bool(true) => Cow::Borrowed("True"),
        Kind::Bool(false) => Cow::Borrowed("False"),
        Kind::Null => Cow::Borrowed("None"),
        Kind::Unsafe(inner) => text(inner),
        Kind::Vault(_) | Kind::Seq(_) | Kind::Map(_) => Cow::Borrowed(""),
    }
}

/// Warns of a variable that no expression can name.
pub(super) fn check_name(name: &str, span: Span, warnings: &mut Diagnostics) {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return;
    }
    let message = format!(
        "Accepting inventory variable with invalid name '{name}'. This feature will be removed from ansible-core \
         version 2.23."
    );
    let help =
        "a name begins with a letter or an underscore and goes on with letters, digits and underscores";
    warnings.push(Diagnostic::warning("muster::inventory::name", message).at(span, "").help(help));
}
