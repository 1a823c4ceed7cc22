//! Loops: `loop`, `with_*` and `loop_control`.

use super::{Field, Reader, values};
use crate::diagnostic::{Class, Diagnostic, nearest};
use crate::node::{Kind, Node};
use crate::playbook::{Loop, LoopControl, Loops};
use crate::source::Span;
use crate::template::{self, GuestKind};

const CONTROLS: &[&str] =
    &["loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"];

/// What was found of a loop while the keys of a task were read.
#[derive(Default)]
pub(super) struct Repeat {
    items: Option<(Loops, Node)>,
    control: Option<LoopControl>,
    /// The key that brought the items.
    pub key: Option<Span>,
}

impl Repeat {
    /// The loop, if there is one.
    pub fn finish(self) -> Option<Loop> {
        let (loops, items) = self.items?;
        Some(Loop { loops, items, control: self.control.unwrap_or_else(plain) })
    }
}

fn plain() -> LoopControl {
    LoopControl {
        loop_var: None,
        index_var: None,
        label: None,
        pause: None,
        extended: None,
        extended_allitems: None,
        break_when: vec![],
    }
}

impl Reader<'_> {
    /// `loop`.
    pub(super) fn repeat(&mut self, repeat: &mut Repeat, field: Field<'_>) {
        match &field.value.kind {
            Kind::Null => return,
            Kind::Seq(_) => {}
            _ if values::is_open(field.value) => {}
            _ => {
                let what = field.value.describe();
                let message =
                    format!("invalid data passed to `loop`, it requires a list, got {what} instead");
                self.diagnostics.push(
                    Diagnostic::error(Class::Undefined, "muster::playbook::loop", message)
                        .at(field.value.span, "not a list")
                        .help("write `loop: [one, two]`; for a mapping `loop: \"{{ name | dict2items }}\"`"),
                );
            }
        }
        self.items_of(repeat, field, Loops::Loop, "loop");
    }

    /// `with_<lookup>`.
    pub(super) fn repeat_with(&mut self, repeat: &mut Repeat, field: Field<'_>, lookup: &str) {
        let plain = super::plain_name(lookup);
        if !template::knows(GuestKind::Lookup, plain) {
            let message = format!("'{}' is not a valid attribute for a Task", field.name);
            let help = nearest(lookup, template::lookups()).map_or_else(
                || "there is no lookup of that name; write `loop`".to_owned(),
                |near| format!("did you mean `with_{near}`?"),
            );
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::loop", message)
                    .at(field.key.span, format!("no lookup is called `{lookup}`"))
                    .help(help),
            );
        } else if field.value.is_null() {
            let message = format!("you must specify a value when using `{}`", field.name);
            self.error(
                Class::Error,
                "muster::playbook::loop",
                message,
                field.key.span,
                "nothing to loop over",
            );
        } else {
            self.items_of(repeat, field, Loops::With(super::plain_name(lookup).into()), lookup);
        }
    }

    fn items_of(&mut self, repeat: &mut Repeat, field: Field<'_>, loops: Loops, name: &str) {
        self.syntax(field.value);
        if let Some(first) = repeat.key.replace(field.key.span) {
            self.diagnostics.push(
                Diagnostic::error(
                    Class::Error,
                    "muster::playbook::loop",
                    format!("duplicate loop in task: `{name}`"),
                )
                .at(field.key.span, "a second loop")
                .at(first, "the first")
                .help("a task has one loop; join the lists with a filter such as `product` or `zip`"),
            );
        } else {
            repeat.items = Some((loops, field.value.clone()));
        }
    }

    /// `loop_control`.
    pub(super) fn loop_control(&mut self, repeat: &mut Repeat, field: Field<'_>) {
        let message =
            "the `loop_control` value must be specified as a dictionary and cannot be a variable itself";
        if field.value.is_null() {
            return;
        }
        let Some(map) = self.mapping(field.value, message) else { return };
        let mut control = plain();
        let class = Class::Undefined;
        for (key, value) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            let field = Field { name, key, value };
            match name {
                "loop_var" => control.loop_var = self.words(field),
                "index_var" => control.index_var = self.words(field),
                "label" => control.label = self.any(field),
                "pause" => control.pause = self.number(field, class),
                "extended" => control.extended = self.boolean(field, class),
                "extended_allitems" => control.extended_allitems = self.boolean(field, class),
                "break_when" => control.break_when = self.conditions(field),
                _ => self.unknown(key, "LoopControl", CONTROLS),
            }
        }
        repeat.control = Some(control);
    }
}
