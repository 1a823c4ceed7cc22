//! Lists of tasks: blocks, tasks and handlers.

use super::action::Call;
use super::repeat::Repeat;
use super::shared::is_variable_name;
use super::{Field, Home, Reader, table};
use crate::diagnostic::{Class, Diagnostic, nearest};
use crate::node::{Mapping, Node};
use crate::playbook::table::Place;
use crate::playbook::{Action, Block, Entry, Keywords, Setting, Task, reserved};
use crate::source::Span;
use crate::template::Expr;
use std::sync::Arc;

/// How deep blocks may nest: enough for anyone, and no stack overflows on the way.
const DEPTH: usize = 150;

/// What stands around a list of tasks.
#[derive(Clone, Copy)]
pub(in crate::playbook) struct Around {
    handlers: bool,
    depth: usize,
}

impl Around {
    /// A list of tasks, or of handlers, that no block holds.
    pub(in crate::playbook) fn nothing(handlers: bool) -> Self {
        Self { handlers, depth: 0 }
    }

    fn place(self) -> Place {
        if self.handlers { Place::Handler } else { Place::Task }
    }
}

/// The keywords of a task, as far as they are read.
#[derive(Default)]
pub(super) struct Draft {
    pub name: Option<Node>,
    pub keywords: Keywords,
    pub repeat: Repeat,
    register: Option<Arc<str>>,
    changed_when: Vec<Expr>,
    failed_when: Vec<Expr>,
    until: Vec<Expr>,
    retries: Option<Setting<i64>>,
    delay: Option<Setting<f64>>,
    background: Option<Setting<i64>>,
    poll: Option<Setting<i64>>,
    listen: Vec<Node>,
}

impl Reader<'_> {
    /// A list of tasks and blocks. `owner` is the keyword or file it stands under.
    pub(in crate::playbook) fn entries(&mut self, owner: &str, list: &Node, around: Around) -> Vec<Entry> {
        if list.is_null() && around.depth == 0 {
            return vec![];
        }
        let Some(items) = list.as_seq() else {
            let message = format!("{owner} must be a list of tasks, not {}", list.describe());
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::tasks", message)
                    .at(list.span, "not a list")
                    .help("begin each task with `- `"),
            );
            return vec![];
        };
        items.iter().filter_map(|item| self.entry(item, around)).collect()
    }

    fn entry(&mut self, node: &Node, around: Around) -> Option<Entry> {
        let Some(map) = node.as_map() else {
            if node.is_null() && around.depth == 0 {
                let warning = Diagnostic::warning("muster::playbook::task", "an empty task does nothing");
                self.diagnostics.push(warning.at(node.span, "nothing here"));
            } else {
                let message = format!("a task must be a mapping, not {}", node.describe());
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::task", message)
                        .at(node.span, "not a task")
                        .help("write the module and its arguments: `- command: uptime`"),
                );
            }
            return None;
        };
        if ["block", "rescue", "always"].iter().any(|key| map.get(key).is_some()) {
            self.block(map, node.span, around).map(|block| Entry::Block(Arc::new(block)))
        } else {
            self.task(map, node.span, around).map(|task| Entry::Task(Arc::new(task)))
        }
    }

    fn block(&mut self, map: &Mapping, span: Span, around: Around) -> Option<Block> {
        if around.depth >= DEPTH {
            let message = format!("blocks are nested deeper than {DEPTH} levels");
            self.error(Class::Parse, "muster::playbook::block", message, span, "one block too many");
            return None;
        }
        if around.handlers && around.depth > 0 {
            let message = "Using a block as a handler is not supported.";
            self.error(Class::Parse, "muster::playbook::block", message, span, "a block within handlers");
        }
        let within = Around { depth: around.depth + 1, ..around };
        let mut block = Block {
            span,
            name: None,
            keywords: Keywords::default(),
            body: vec![],
            rescue: vec![],
            always: vec![],
        };
        let before = self.diagnostics.0.len();
        for field in self.fields(map, Place::Block) {
            if !table::keyword(field.name).is_some_and(|keyword| keyword.stands(Place::Block)) {
                self.stranger_on_block(field);
                continue;
            }
            match field.name {
                "name" => block.name = self.words(field),
                "block" => block.body = self.entries("`block`", field.value, within),
                "rescue" => block.rescue = self.entries("`rescue`", field.value, within),
                "always" => block.always = self.entries("`always`", field.value, within),
                _ => {
                    self.shared(&mut block.keywords, field, "Block");
                }
            }
        }
        block.keywords.flaws = self.set_aside(before);
        for part in ["rescue", "always"] {
            let Some((key, value)) = map.entry(part) else { continue };
            let bodiless = map.get("block").is_none_or(|body| body.as_seq().is_some_and(<[Node]>::is_empty));
            if bodiless && value.as_seq().is_some_and(|items| !items.is_empty()) {
                let message = format!("`{part}` keyword cannot be used without `block`");
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::block", message)
                        .at(key.span, "there is nothing to guard")
                        .help("put the tasks it belongs to under `block:`"),
                );
            }
        }
        Some(block)
    }

    fn stranger_on_block(&mut self, field: Field<'_>) {
        let message = format!("'{}' is not a valid attribute for a Block", field.name);
        let on_tasks = field.name.starts_with("with_")
            || table::keyword(field.name).is_some_and(|keyword| keyword.stands(Place::Task));
        let help = match nearest(field.name, table::names(Place::Block)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if on_tasks => format!("`{}` belongs on the tasks within the block", field.name),
            None => "a block takes no module; make it a task of its own".to_owned(),
        };
        self.diagnostics.push(
            Diagnostic::parse("muster::playbook::keyword", message)
                .at(field.key.span, "not a keyword of blocks")
                .help(help),
        );
    }

    fn task(&mut self, map: &Mapping, span: Span, around: Around) -> Option<Task> {
        let place = around.place();
        let before = self.diagnostics.0.len();
        let mut draft = Draft::default();
        let mut calls: Vec<Call<'_>> = vec![];
        for field in self.fields(map, place) {
            if let Some(lookup) = field.name.strip_prefix("with_") {
                self.repeat_with(&mut draft.repeat, field, lookup);
            } else if table::keyword(field.name).is_some_and(|keyword| keyword.stands(place)) {
                match field.name {
                    "action" => calls.push(Call::Action(field)),
                    "local_action" => calls.push(Call::LocalAction(field)),
                    "args" => {}
                    _ => self.task_keyword(&mut draft, field),
                }
            } else if field.name == "static" {
                let message = "'static' is not a valid attribute for a Task";
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::keyword", message)
                        .at(field.key.span, "no longer a keyword")
                        .help("remove it: `import_tasks` is static, `include_tasks` is not"),
                );
            } else if field.name == "listen" {
                self.misplaced(field, place);
            } else {
                calls.push(Call::Module(field));
            }
        }
        let call = self.one_call(&calls, span, around)?;
        let (called, action) = self.action(call, map, &mut draft, around.place())?;
        if let Action::Meta { word, span } = &action {
            self.meta(word, *span, around.handlers);
        }
        draft.keywords.flaws = self.set_aside(before);
        Some(Task {
            span,
            name: draft.name,
            keywords: draft.keywords,
            called,
            action,
            repeat: draft.repeat.finish(),
            register: draft.register,
            changed_when: draft.changed_when,
            failed_when: draft.failed_when,
            until: draft.until,
            retries: draft.retries,
            delay: draft.delay,
            background: draft.background,
            poll: draft.poll,
            listen: draft.listen,
            dir: Arc::clone(&self.dir),
        })
    }

    fn task_keyword(&mut self, draft: &mut Draft, field: Field<'_>) {
        let class = Class::Undefined;
        match field.name {
            "name" => draft.name = self.words(field),
            "loop" => self.repeat(&mut draft.repeat, field),
            "loop_control" => self.loop_control(&mut draft.repeat, field),
            "register" => draft.register = self.register(field),
            "changed_when" => draft.changed_when = self.conditions(field),
            "failed_when" => draft.failed_when = self.conditions(field),
            "until" => draft.until = self.conditions(field),
            "retries" => draft.retries = self.integer(field, class),
            "delay" => draft.delay = self.number(field, class),
            "async" => draft.background = self.integer(field, class),
            "poll" => draft.poll = self.integer(field, class),
            "listen" => draft.listen = self.names(field),
            _ => {
                self.shared(&mut draft.keywords, field, "Task");
            }
        }
    }

    fn register(&mut self, field: Field<'_>) -> Option<Arc<str>> {
        if field.value.is_null() {
            return None;
        }
        let name = field.value.as_str().filter(|name| is_variable_name(name));
        if name.is_none() {
            let message =
                format!("Invalid variable name in `register` specified: {}", self.show(field.value));
            self.diagnostics.push(
                Diagnostic::parse("muster::playbook::variable", message)
                    .at(field.value.span, "not a variable name")
                    .help(
                        "a name is made of letters, digits and underscores; templates are not rendered here",
                    ),
            );
        }
        if let Some(name) = name {
            reserved::warn(name, field.value.span, self.diagnostics);
        }
        name.map(Arc::from)
    }

    /// The one thing the task asks for.
    fn one_call<'n>(&mut self, calls: &[Call<'n>], span: Span, around: Around) -> Option<Call<'n>> {
        match calls {
            [call] => {
                match call {
                    Call::Module(field) if field.name == "hosts" => {
                        self.diagnostics.push(
                        Diagnostic::parse("muster::playbook::task", "a play stands where a task was expected")
                            .at(field.key.span, "tasks have no `hosts`")
                            .help("plays stand at the top level of a playbook; `import_playbook` takes in others"),
                    );
                        None
                    }
                    call => Some(*call),
                }
            }
            [] => {
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::action", "no module/action detected in task")
                        .at(span, "only keywords here")
                        .help("write the module and its arguments: `command: uptime`"),
                );
                None
            }
            [Call::Action(a), Call::LocalAction(b)] | [Call::LocalAction(a), Call::Action(b)] => {
                self.diagnostics.push(
                    Diagnostic::parse(
                        "muster::playbook::action",
                        "action and local_action are mutually exclusive",
                    )
                    .at(b.key.span, "")
                    .at(a.key.span, ""),
                );
                None
            }
            _ => {
                self.conflict(calls, around.place());
                None
            }
        }
    }

    fn conflict(&mut self, calls: &[Call<'_>], place: Place) {
        let near = |name: &str| nearest(name, table::names(place).filter(|known| *known != "name"));
        let elsewhere =
            |name: &str| table::keyword(name).filter(|known| known.name != "user" && !known.stands(place));
        let help = |name: &str| {
            let near = near(name).map(|near| format!("did you mean `{near}`?"));
            near.or_else(|| Some(format!("`{name}` belongs on {}", elsewhere(name)?.where_it_stands())))
        };
        let names: Vec<&str> = calls.iter().map(Call::named).collect();
        let message = format!("conflicting action statements: {}", names.join(", "));
        let mut diagnostic = Diagnostic::parse("muster::playbook::action", message);
        // The one that looks like a keyword is the mistake; the other is the module.
        let modules = calls.iter().filter(|call| matches!(call, Call::Module(_))).map(Call::field);
        let slip = modules.into_iter().find_map(|field| Some((field, help(field.name)?)));
        if let Some((field, _)) = &slip {
            diagnostic = diagnostic.at(field.key.span, "not a keyword of tasks");
        }
        let others = calls.iter().map(Call::field);
        for field in
            others.filter(|field| slip.as_ref().is_none_or(|(slip, _)| slip.key.span != field.key.span))
        {
            diagnostic = diagnostic.at(field.key.span, "");
        }
        let help = slip.map_or_else(
            || "a task has one module; make the others tasks of their own".to_owned(),
            |(_, help)| help,
        );
        self.diagnostics.push(diagnostic.help(help));
    }

    /// Checks the word of a `meta`.
    fn meta(&mut self, word: &str, span: Span, handlers: bool) {
        const WORDS: &[&str] = &[
            "noop",
            "flush_handlers",
            "refresh_inventory",
            "clear_facts",
            "clear_host_errors",
            "end_batch",
            "end_play",
            "end_host",
            "end_role",
            "role_complete",
            "reset_connection",
        ];
        if !WORDS.contains(&word) {
            let message = format!("invalid meta action requested: `{word}`");
            let help = nearest(word, WORDS.iter().copied()).map_or_else(
                || format!("it takes one of `{}`", WORDS.join("`, `")),
                |near| format!("did you mean `{near}`?"),
            );
            self.diagnostics.push(
                Diagnostic::error(Class::Error, "muster::playbook::meta", message)
                    .at(span, "not a word of `meta`")
                    .help(help),
            );
        }
        let wrong = match (word, handlers, self.home) {
            ("flush_handlers", true, _) => "flush_handlers cannot be used as a handler",
            ("end_role", true, _) => "cannot execute `end_role` from a handler",
            ("end_role", false, Home::Play) => "cannot execute `end_role` from outside of a role",
            _ => return,
        };
        self.error(Class::Parse, "muster::playbook::meta", wrong, span, "");
    }
}
