//! What a task asks for: the module's name and its arguments, in all the ways they may be written.

use super::entry::Draft;
use super::{Field, Reader, plain_name};
use crate::diagnostic::{Class, Diagnostic};
use crate::node::{Kind, Mapping, Node, freeform};
use crate::playbook::table::Place;
use crate::playbook::{Action, Args};
use crate::source::Span;
use crate::template::{is_template, is_whole_template};
use std::sync::Arc;

/// A key that says what the task asks for.
#[derive(Clone, Copy)]
pub(super) enum Call<'n> {
    /// `action`.
    Action(Field<'n>),
    /// `local_action`.
    LocalAction(Field<'n>),
    /// The module's name itself.
    Module(Field<'n>),
}

impl<'n> Call<'n> {
    pub(super) fn field(&self) -> Field<'n> {
        match self {
            Self::Action(field) | Self::LocalAction(field) | Self::Module(field) => *field,
        }
    }

    /// The name of the module, as far as it is in plain sight.
    pub(super) fn named(&self) -> &'n str {
        match self {
            Self::Module(field) => field.name,
            Self::Action(field) | Self::LocalAction(field) => {
                field.value.as_str().map_or(field.name, |text| first_word(text).1)
            }
        }
    }
}

/// Whether all text but a few options is the module's command.
fn takes_command(name: &str) -> bool {
    let plain = plain_name(name);
    matches!(plain, "command" | "raw" | "script" | "shell" | "win_command" | "win_shell")
        || matches!(name, "ansible.windows.win_command" | "ansible.windows.win_shell")
}

/// Whether the module knows what to do with text that is no `key=value`.
fn takes_text(name: &str) -> bool {
    takes_command(name)
        || matches!(
            plain_name(name),
            "add_host"
                | "group_by"
                | "import_playbook"
                | "import_role"
                | "import_tasks"
                | "include"
                | "include_role"
                | "include_tasks"
                | "include_vars"
                | "meta"
                | "set_fact"
        )
}

/// A module and its arguments, before it is known whether it is an include.
pub(super) struct Request {
    pub name: Arc<str>,
    pub span: Span,
    pub args: Args,
    late: bool,
}

impl Request {
    /// Its named arguments.
    pub fn named(&self) -> &Mapping {
        static NONE: Mapping = Mapping(vec![]);
        self.args.named.as_map().unwrap_or(&NONE)
    }
}

/// Arguments while they are gathered; of two with one name the later counts.
#[derive(Default)]
struct Gathered {
    named: Vec<(Node, Node)>,
    raw: Option<Node>,
    spread: Option<Node>,
    line: Option<Span>,
}

impl Gathered {
    fn add(&mut self, key: &Node, value: &Node) {
        if key.as_str() == Some("_raw_params") {
            self.raw = Some(value.clone());
            return;
        }
        match self
            .named
            .iter_mut()
            .find(|(known, _)| known.as_str() == key.as_str() && key.as_str().is_some())
        {
            Some(pair) => *pair = (key.clone(), value.clone()),
            None => self.named.push((key.clone(), value.clone())),
        }
    }

    fn merge(&mut self, map: &Mapping) {
        for (key, value) in map.iter() {
            self.add(key, value);
        }
    }
}

impl Reader<'_> {
    /// What the task asks for, and how it is called. `map` is the whole task.
    pub(super) fn action(
        &mut self,
        call: Call<'_>,
        map: &Mapping,
        draft: &mut Draft,
        place: Place,
    ) -> Option<(Arc<str>, Action)> {
        let request = self.request(call, map)?;
        let called = request.name.clone();
        if let Call::LocalAction(field) = call {
            let here = Node { span: field.key.span, kind: Kind::Str("localhost".into()) };
            draft.keywords.delegate_to = Some(here);
        }
        let action = match plain_name(&request.name) {
            "import_tasks" | "include_tasks" => self.include(&request, map, draft, place),
            "import_role" | "include_role" => self.include_role(&request, map, draft, place),
            "meta" => self.meta_word(&request),
            "include" => {
                self.removed(
                    request.span,
                    "`include` has been removed from Ansible",
                    "use `include_tasks` or `import_tasks` instead",
                );
                None
            }
            "import_playbook" => {
                self.diagnostics.push(
                    Diagnostic::error(
                        Class::Undefined,
                        "muster::playbook::action",
                        "`import_playbook` stands where a task was expected",
                    )
                    .at(request.span, "not a task")
                    .help("put it at the top level of the playbook, beside the plays"),
                );
                None
            }
            _ => {
                self.syntax(&request.args.named);
                request.args.raw.iter().for_each(|raw| self.syntax(raw));
                request.args.spread.iter().for_each(|spread| self.syntax(spread));
                let Request { span, args, late, .. } = request;
                Some(Action::Module { span, args, late })
            }
        }?;
        Some((called, action))
    }

    fn removed(&mut self, span: Span, message: &str, help: &str) {
        let diagnostic = Diagnostic::error(Class::Error, "muster::playbook::removed", message);
        self.diagnostics.push(diagnostic.at(span, "").help(help));
    }

    fn request(&mut self, call: Call<'_>, map: &Mapping) -> Option<Request> {
        let mut gathered = Gathered::default();
        if let Some((key, value)) = map.entry("args") {
            self.args_keyword(&mut gathered, Field { name: "args", key, value })?;
        }
        let (name, span) = match call {
            Call::Module(field) => {
                self.module_value(&mut gathered, field)?;
                (field.name.into(), field.key.span)
            }
            Call::Action(field) | Call::LocalAction(field) => self.action_value(&mut gathered, field)?,
        };
        self.reserved(&gathered, &name);
        Self::stray_text(&mut gathered, &name);
        let Gathered { named, raw, spread, line } = gathered;
        let place = match (named.first(), named.last()) {
            (Some((first, _)), Some((_, last)))
                if first.span.source == last.span.source && first.span.start <= last.span.end =>
            {
                Span { end: last.span.end, ..first.span }
            }
            _ => span,
        };
        let named = Node { span: place, kind: Kind::Map(Arc::new(Mapping(named))) };
        let late = !matches!(call, Call::Module(_));
        Some(Request { name, span, args: Args { named, raw, spread, line }, late })
    }

    /// The `args` keyword.
    fn args_keyword(&mut self, gathered: &mut Gathered, field: Field<'_>) -> Option<()> {
        match &field.value.kind {
            Kind::Map(map) => gathered.merge(map),
            Kind::Str(text) if is_whole_template(text) => gathered.spread = Some(field.value.clone()),
            Kind::Null => self.diagnostics.push(
                Diagnostic::warning("muster::playbook::args", "ignoring empty task `args` keyword")
                    .at(field.key.span, "nothing here"),
            ),
            _ => {
                self.diagnostics.push(
                    Diagnostic::parse(
                        "muster::playbook::args",
                        "the value of the task `args` keyword is invalid",
                    )
                    .at(field.value.span, format!("this is {}", field.value.describe()))
                    .help("it takes a mapping, or a template that gives one"),
                );
                return None;
            }
        }
        Some(())
    }

    /// What stands behind the module's name.
    fn module_value(&mut self, gathered: &mut Gathered, field: Field<'_>) -> Option<()> {
        match &field.value.kind {
            Kind::Null => {}
            Kind::Map(map) => gathered.merge(map),
            Kind::Str(_) => self.line(gathered, field.value, field.value, 0, takes_command(field.name))?,
            Kind::Vault(_) => gathered.raw = Some(field.value.clone()),
            Kind::Unsafe(inner) => match &inner.kind {
                Kind::Map(map) => gathered.merge(&untrusted(map)),
                _ => gathered.raw = Some(field.value.clone()),
            },
            _ => {
                let what = field.value.describe();
                self.diagnostics.push(
                    Diagnostic::parse(
                        "muster::playbook::action",
                        format!("unexpected parameter type in action: {what}"),
                    )
                    .at(field.value.span, format!("the arguments of `{}`", field.name))
                    .help("write a mapping of arguments"),
                );
                return None;
            }
        }
        Some(())
    }

    /// The value of `action` and `local_action`: the module's name and place.
    fn action_value(&mut self, gathered: &mut Gathered, field: Field<'_>) -> Option<(Arc<str>, Span)> {
        let (node, rest) = match &field.value.kind {
            Kind::Str(_) => (field.value, None),
            Kind::Map(map) => {
                self.diagnostics.push(
                    Diagnostic::warning(
                        "muster::playbook::deprecated",
                        format!("using a mapping for `{}` is deprecated", field.name),
                    )
                    .at(field.key.span, "")
                    .help("make the module's name the key: `copy: {src: a, dest: b}`"),
                );
                (map.get("module").unwrap_or(field.value), Some(map))
            }
            _ => (field.value, None),
        };
        let Some(text) = node.as_str().filter(|text| !text.trim().is_empty()) else {
            let (message, label) = match rest {
                Some(_) => {
                    ("no module/action detected in task".to_owned(), "it names no `module`".to_owned())
                }
                None => (
                    format!("unexpected parameter type in action: {}", node.describe()),
                    "not the name of a module".to_owned(),
                ),
            };
            let diagnostic = Diagnostic::parse("muster::playbook::action", message).at(node.span, label);
            self.diagnostics
                .push(diagnostic.help("write `action: command uptime`, or better `command: uptime`"));
            return None;
        };
        let (start, name) = first_word(text);
        let span = self.part(node, start, name.len());
        let arguments = text.get(start + name.len()..).unwrap_or("");
        let line = Node { span: node.span, kind: Kind::Str(arguments.into()) };
        if let Some(map) = rest {
            let others = map.iter().filter(|(key, _)| !matches!(key.as_str(), Some("module" | "args")));
            others.for_each(|(key, value)| gathered.add(key, value));
        }
        self.line(gathered, &line, node, start + name.len(), takes_command(name))?;
        if let Some((key, value)) = rest.and_then(|map| map.entry("args")) {
            match &value.kind {
                Kind::Str(_) => self.line(gathered, value, value, 0, false)?,
                _ => self.args_keyword(gathered, Field { name: "args", key, value })?,
            }
        }
        Some((name.into(), span))
    }

    /// Arguments on one line: `line` is the text, which begins `offset` bytes into the text of `node`.
    fn line(
        &mut self,
        gathered: &mut Gathered,
        line: &Node,
        node: &Node,
        offset: usize,
        command: bool,
    ) -> Option<()> {
        let text = line.as_str().unwrap_or("");
        let Ok(free) = freeform::parse(text, command) else {
            let message = "failed at splitting arguments, either an unbalanced jinja2 block or quotes";
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::args", message)
                    .at(node.span, "a quote or a `{{` is not closed")
                    .help("close it, or write the arguments as a mapping"),
            );
            return None;
        };
        gathered.line = Some(node.span);
        for pair in free.pairs {
            let start = offset + pair.range.start;
            let written = text.get(pair.range.clone()).unwrap_or("");
            let value_at = written.find('=').map_or(0, |at| at + 1);
            let key = Node {
                span: self.part(node, start, value_at.saturating_sub(1)),
                kind: Kind::Str(pair.key.as_str().into()),
            };
            let span = self.part(node, start + value_at, written.len() - value_at);
            gathered.add(&key, &Node { span, kind: Kind::Str(pair.value.as_str().into()) });
        }
        if let Some(raw) = free.raw {
            let span = if raw == text { line.span } else { self.part(node, offset, text.len()) };
            gathered.raw = Some(Node { span, kind: Kind::Str(raw.into()) });
        }
        Some(())
    }

    fn reserved(&mut self, gathered: &Gathered, name: &str) {
        if takes_command(name) {
            return;
        }
        for (key, _) in &gathered.named {
            if let Some(word) = key.as_str().filter(|word| word.starts_with("_ansible_")) {
                let message =
                    format!("invalid parameter `{word}` for action `{name}`: it begins with `_ansible_`");
                let label = "reserved for internal use only";
                self.error(Class::Error, "muster::playbook::args", message, key.span, label);
            }
        }
    }

    /// Free text of a module that takes none: a template may give its arguments.
    fn stray_text(gathered: &mut Gathered, name: &str) {
        let spreads = plain_name(name) == "add_host" && gathered.named.is_empty();
        if is_template(name) || (takes_text(name) && !spreads) {
            return;
        }
        let Some(raw) = gathered.raw.take() else { return };
        if raw.as_str().is_some_and(is_whole_template) && gathered.spread.is_none() {
            gathered.spread = Some(raw);
            return;
        }
        // What it is good for, the plan knows.
        gathered.raw = Some(raw);
    }

    fn meta_word(&mut self, request: &Request) -> Option<Action> {
        let word = request.args.raw.as_ref().and_then(|raw| Some((raw.as_str()?, raw.span)));
        let stray = request.named().iter().next();
        if let (Some((word, span)), None) = (word, stray) {
            return Some(Action::Meta { word: word.into(), span });
        }
        let what = stray.map_or("nothing".to_owned(), |(key, _)| self.show(key));
        self.diagnostics.push(
            Diagnostic::error(
                Class::Error,
                "muster::playbook::meta",
                format!("invalid meta action requested: {what}"),
            )
            .at(stray.map_or(request.span, |(key, _)| key.span), "`meta` takes one word")
            .help("write it as `meta: flush_handlers`"),
        );
        None
    }
}

/// The first word and its offset; a template is one word.
fn first_word(text: &str) -> (usize, &str) {
    let start = text.len() - text.trim_start().len();
    let word = text.get(start..).unwrap_or("");
    let mut depth = 0_usize;
    for (at, c) in word.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if c.is_whitespace() && depth == 0 => return (start, word.get(..at).unwrap_or(word)),
            _ => {}
        }
    }
    (start, word)
}

/// The mapping, each value marked as never to be templated.
fn untrusted(map: &Mapping) -> Mapping {
    let mark = |(key, value): &(Node, Node)| {
        (key.clone(), Node { span: value.span, kind: Kind::Unsafe(Arc::new(value.clone())) })
    };
    Mapping(map.iter().map(mark).collect())
}
