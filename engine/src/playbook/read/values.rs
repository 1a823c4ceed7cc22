//! Single values, converted as Ansible converts them: booleans from words, numbers from text, lists from one thing.
//! A template is kept for later; anything else that does not convert is reported with what would.

use super::{Field, Reader};
use crate::diagnostic::{Class, Diagnostic, Severity};
use crate::node::{Kind, Node};
use crate::playbook::{Debugger, Setting};
use crate::source::Span;
use crate::template::{self, Expr, is_template};

/// Whether a node's value is only known when rendered or decrypted.
pub(in crate::playbook) fn is_open(node: &Node) -> bool {
    match &node.kind {
        Kind::Str(text) => is_template(text),
        Kind::Vault(_) => true,
        _ => false,
    }
}

fn boolean(node: &Node) -> Option<bool> {
    let word = match &node.kind {
        Kind::Bool(value) => return Some(*value),
        Kind::Int(0) => return Some(false),
        Kind::Int(1) => return Some(true),
        Kind::Float(value) if *value == 0.0 => return Some(false),
        Kind::Float(value) if *value == 1.0 => return Some(true),
        _ => node.as_str()?.trim().to_lowercase(),
    };
    match word.as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" => Some(false),
        _ => None,
    }
}

fn whole(value: f64) -> Option<i64> {
    let fits = value.fract() == 0.0 && value.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    fits.then_some(value as i64)
}

fn integer(node: &Node) -> Option<i64> {
    match &node.kind {
        Kind::Int(value) => Some(*value),
        Kind::Bool(value) => Some(i64::from(*value)),
        Kind::Float(value) => whole(*value),
        _ => {
            let text = node.as_str()?.trim().replace('_', "");
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
    }
}

fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        #[expect(clippy::cast_precision_loss, reason = "nobody waits 2^53 seconds")]
        Kind::Int(value) => Some(*value as f64),
        Kind::Float(value) => Some(*value),
        Kind::Bool(value) => Some(f64::from(u8::from(*value))),
        _ => node.as_str()?.trim().replace('_', "").parse().ok(),
    }
}

fn percentage(node: &Node) -> Option<f64> {
    number(node).or_else(|| node.as_str()?.replace('%', "").trim().parse().ok())
}

/// A scalar as text, the way Python prints it.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Bool(true) => Some("True".to_owned()),
        Kind::Bool(false) => Some("False".to_owned()),
        Kind::Int(value) => Some(value.to_string()),
        Kind::Float(value) => Some(format!("{value:?}")),
        Kind::BigInt(text) | Kind::Date(text) => Some(text.to_string()),
        _ => node.as_str().map(str::to_owned),
    }
}

impl Reader<'_> {
    /// A value in a message: a scalar in backticks, cut short, or a word for what it is.
    pub(super) fn show(&self, node: &Node) -> String {
        let text = match text(node) {
            _ if node.is_null() => "null".to_owned(),
            Some(text) if !self.sealed => text,
            _ => return node.describe().to_owned(),
        };
        let line: String = text.lines().next().unwrap_or("").chars().take(60).collect();
        if line.len() < text.len() { format!("`{line}…`") } else { format!("`{line}`") }
    }

    pub(super) fn boolean(&mut self, field: Field<'_>, class: Class) -> Option<Setting<bool>> {
        self.setting(field, class, boolean, "a boolean", "write `true` or `false`")
    }

    pub(super) fn integer(&mut self, field: Field<'_>, class: Class) -> Option<Setting<i64>> {
        self.setting(field, class, integer, "an integer", "write a whole number")
    }

    pub(super) fn number(&mut self, field: Field<'_>, class: Class) -> Option<Setting<f64>> {
        self.setting(field, class, number, "a number", "write a number")
    }

    pub(super) fn percentage(&mut self, field: Field<'_>, class: Class) -> Option<Setting<f64>> {
        self.setting(field, class, percentage, "a percentage", "write a number, with or without `%`")
    }

    pub(super) fn debugger(&mut self, field: Field<'_>) -> Option<Setting<Debugger>> {
        let convert = |node: &Node| node.as_str().and_then(Debugger::named);
        let words = "write `always`, `on_failed`, `on_unreachable`, `on_skipped` or `never`";
        self.setting(field, Class::Undefined, convert, "a word that says when", words)
    }

    pub(super) fn text(&mut self, field: Field<'_>) -> Option<Setting<String>> {
        self.setting(field, Class::Parse, text, "text", "write one text")
    }

    fn setting<T>(
        &mut self,
        field: Field<'_>,
        class: Class,
        convert: fn(&Node) -> Option<T>,
        wanted: &str,
        help: &str,
    ) -> Option<Setting<T>> {
        let node = field.value;
        if node.is_null() {
            return None;
        }
        if is_open(node) {
            self.syntax(node);
            return Some(Setting::Template { keyword: field.name.into(), node: node.clone(), outer: None });
        }
        let value = convert(node);
        if value.is_none() {
            let message =
                format!("`{}` takes {wanted}, and {} could not be converted", field.name, self.show(node));
            self.diagnostics.push(
                Diagnostic::error(class, "muster::playbook::type", message)
                    .at(node.span, format!("not {wanted}"))
                    .help(help),
            );
            // Where the playbook runs all the same, the task fails on it.
            return Some(Setting::Template { keyword: field.name.into(), node: node.clone(), outer: None });
        }
        value.map(Setting::Fixed)
    }

    /// A text that stays a node, because it may be a template; a list or mapping is reported.
    pub(super) fn words(&mut self, field: Field<'_>) -> Option<Node> {
        match &field.value.kind {
            Kind::Null => None,
            Kind::Seq(_) | Kind::Map(_) => {
                let what = field.value.describe();
                let message = format!("the field `{}` is supposed to be a string, not {what}", field.name);
                self.error(Class::Parse, "muster::playbook::type", message, field.value.span, "not a string");
                None
            }
            _ => {
                self.syntax(field.value);
                Some(field.value.clone())
            }
        }
    }

    /// Something of any shape that may hold templates.
    pub(super) fn any(&mut self, field: Field<'_>) -> Option<Node> {
        self.syntax(field.value);
        (!field.value.is_null()).then(|| field.value.clone())
    }

    /// A list of texts or templates; one alone stands for a list of one.
    pub(super) fn names(&mut self, field: Field<'_>) -> Vec<Node> {
        let named = |reader: &mut Self, item: &Node| match &item.kind {
            Kind::Str(_) | Kind::Vault(_) | Kind::Unsafe(_) => {
                reader.syntax(item);
                Some(item.clone())
            }
            _ => {
                let message =
                    format!("`{}` takes text or a list of texts, not {}", field.name, item.describe());
                // Ansible looks for a handler of that name when there is something to notify.
                let class = if field.name == "notify" { Class::Error } else { Class::Parse };
                reader.error(class, "muster::playbook::type", message, item.span, "not text");
                None
            }
        };
        self.items(field.value).into_iter().filter_map(|item| named(self, item)).collect()
    }

    /// `collections`, of a keyword or of a role's metadata.
    pub(in crate::playbook) fn collections(&mut self, key: &Node, value: &Node) -> Vec<String> {
        let names = self.names(Field { name: "collections", key, value });
        names.iter().filter_map(Node::as_str).map(str::to_owned).collect()
    }

    /// Expressions that must all hold.
    pub(super) fn conditions(&mut self, field: Field<'_>) -> Vec<Expr> {
        let mut conditions = vec![];
        for item in self.items(field.value) {
            let (condition, flaw) = Expr::parse_anyway(item);
            conditions.push(condition);
            if let Some(mut flaw) = flaw {
                failing(&mut flaw);
                self.diagnostics.push(flaw);
            }
        }
        conditions
    }

    /// The items of a list; one thing stands for a list of one, nothing for none.
    #[expect(clippy::unused_self, reason = "reads as one of a family")]
    pub(super) fn items<'n>(&self, node: &'n Node) -> Vec<&'n Node> {
        match &node.kind {
            Kind::Null => vec![],
            Kind::Seq(items) => items.iter().collect(),
            _ => vec![node],
        }
    }

    /// The place of a part of a node's text; the whole node where escapes or folds lie between.
    pub(super) fn part(&self, node: &Node, start: usize, len: usize) -> Span {
        let source = self.sources.get(node.span.source);
        let written = source.text.get(node.span.start as usize..node.span.end as usize).unwrap_or("");
        let text = node.as_str().unwrap_or("");
        let quote = usize::from(written.starts_with(['"', '\'']));
        if written.get(quote..).is_some_and(|written| written.starts_with(text)) {
            node.span.part(start + quote, len)
        } else {
            node.span
        }
    }

    /// What was found since then that fails a task and nothing else: set aside for the plan to judge.
    pub(super) fn set_aside(&mut self, since: usize) -> Vec<Diagnostic> {
        let found = self.diagnostics.0.split_off(since.min(self.diagnostics.0.len()));
        let fails = |found: &Diagnostic| found.severity == Severity::Error(Class::Undefined);
        let (flaws, rest) = found.into_iter().partition(fails);
        self.diagnostics.0.extend::<Vec<_>>(rest);
        flaws
    }

    /// Reports templates in a tree that do not parse. Ansible finds them when it renders them, and the task fails.
    pub(in crate::playbook) fn syntax(&mut self, node: &Node) {
        let before = self.diagnostics.0.len();
        template::syntax(node, self.diagnostics);
        for found in self.diagnostics.0.iter_mut().skip(before) {
            failing(found);
        }
    }
}

/// The diagnostic as one that fails a task.
fn failing(diagnostic: &mut Diagnostic) {
    if matches!(diagnostic.severity, Severity::Error(_)) {
        diagnostic.severity = Severity::Error(Class::Undefined);
    }
}
