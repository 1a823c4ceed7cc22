//! Plays: what stands at the top level of a playbook.

use super::entry::Around;
use super::{Field, Reader, Requirement, plain_name, table, values};
use crate::diagnostic::{Class, Diagnostic, nearest};
use crate::node::{Kind, Mapping, Node};
use crate::playbook::table::Place;
use crate::playbook::{Keywords, Order, Play, Prompt, Setting, Show, Strategy};
use crate::source::{Span, Spanned};
use std::sync::Arc;

const STRATEGIES: &[(&str, Strategy)] = &[
    ("linear", Strategy::Linear),
    ("free", Strategy::Free),
    ("host_pinned", Strategy::HostPinned),
    ("debug", Strategy::Debug),
];

const SHOWS: &[(&str, Show)] =
    &[("tasks", Show::Tasks), ("findings", Show::Findings), ("messages", Show::Messages)];

const ORDERS: &[(&str, Order)] = &[
    ("inventory", Order::Inventory),
    ("reverse_inventory", Order::ReverseInventory),
    ("sorted", Order::Sorted),
    ("reverse_sorted", Order::ReverseSorted),
    ("shuffle", Order::Shuffle),
];

const PROMPT: &[&str] =
    &["name", "prompt", "default", "private", "confirm", "encrypt", "salt_size", "salt", "unsafe"];

impl Reader<'_> {
    /// A play.
    pub(in crate::playbook) fn play(&mut self, map: &Mapping, span: Span) -> Option<Play> {
        let hosts = self.hosts(map, span);
        let mut play = Play {
            span,
            name: None,
            hosts: Node { span, kind: Kind::Null },
            stage: None,
            show: Show::default(),
            needs: None,
            keywords: Keywords::default(),
            gather_facts: None,
            gather_subset: None,
            gather_timeout: None,
            fact_path: None,
            vars_files: vec![],
            vars_prompt: vec![],
            pre_tasks: vec![],
            roles: vec![],
            tasks: vec![],
            post_tasks: vec![],
            handlers: vec![],
            force_handlers: None,
            max_fail_percentage: None,
            serial: vec![],
            strategy: None,
            order: Order::default(),
            dir: Arc::clone(&self.dir),
            file: self.file.to_path_buf(),
        };
        for field in self.fields(map, Place::Play) {
            if table::keyword(field.name).is_some_and(|keyword| keyword.stands(Place::Play)) {
                self.play_keyword(&mut play, field, map);
            } else {
                self.misplaced(field, Place::Play);
            }
        }
        play.hosts = hosts?;
        Some(play)
    }

    fn play_keyword(&mut self, play: &mut Play, field: Field<'_>, map: &Mapping) {
        // Ansible converts these before the play begins.
        let class = Class::Parse;
        let tasks = |reader: &mut Self| {
            reader.entries(
                &format!("`{}`", field.name),
                field.value,
                Around::nothing(field.name == "handlers"),
            )
        };
        match field.name {
            "hosts" => {}
            "name" => play.name = self.words(field),
            "stage" => play.stage = self.words(field),
            "show" => play.show = self.choice(field, "show", SHOWS, Class::Error),
            "needs" => play.needs = Some(self.needs(field)),
            "gather_facts" => play.gather_facts = self.boolean(field, class),
            "gather_subset" => play.gather_subset = self.gather_subset(field),
            "gather_timeout" => play.gather_timeout = self.integer(field, class).map(|_| field.value.clone()),
            "fact_path" => play.fact_path = self.words(field),
            "force_handlers" => play.force_handlers = self.boolean(field, class),
            "max_fail_percentage" => play.max_fail_percentage = self.percentage(field, class),
            "serial" => play.serial = self.serial(field),
            "strategy" => play.strategy = Some(self.choice(field, "strategy", STRATEGIES, Class::Error)),
            "order" => play.order = self.choice(field, "order", ORDERS, Class::Usage),
            "vars_files" => play.vars_files = self.vars_files(field),
            "vars_prompt" => play.vars_prompt = self.vars_prompt(field),
            "pre_tasks" => play.pre_tasks = tasks(self),
            "tasks" => play.tasks = tasks(self),
            "post_tasks" => play.post_tasks = tasks(self),
            "handlers" => play.handlers = tasks(self),
            "roles" => play.roles = self.roles(field.value, Requirement::Play),
            "user" if map.get("remote_user").is_some() => {
                let message = "both 'user' and 'remote_user' are set for this play.";
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::keyword", message)
                        .at(field.key.span, "the old name of `remote_user`")
                        .help("remove `user`"),
                );
            }
            _ => {
                self.shared(&mut play.keywords, field, "Play");
            }
        }
    }

    fn hosts(&mut self, map: &Mapping, span: Span) -> Option<Node> {
        let code = "muster::playbook::hosts";
        let Some((key, hosts)) = map.entry("hosts") else {
            self.diagnostics.push(
                Diagnostic::parse(code, "the field `hosts` is required but was not set")
                    .at(span, "a play without hosts")
                    .help("write `hosts: all`, or the name of a host or group"),
            );
            return None;
        };
        let fault = match &hosts.kind {
            Kind::Null => {
                Some((key.span, "Hosts list cannot be empty. Please check your playbook.".to_owned()))
            }
            Kind::Str(text) if text.is_empty() => {
                Some((hosts.span, "Hosts list cannot be empty. Please check your playbook.".to_owned()))
            }
            Kind::Str(_) | Kind::Vault(_) | Kind::Unsafe(_) => None,
            Kind::Seq(items) if items.is_empty() => {
                Some((hosts.span, "Hosts list cannot be empty. Please check your playbook.".to_owned()))
            }
            Kind::Seq(items) => items.iter().find_map(|item| {
                let text = match &item.kind {
                    Kind::Null => "hosts list cannot contain values of `None`".to_owned(),
                    Kind::Str(text) if !text.trim().is_empty() => return None,
                    Kind::Vault(_) | Kind::Unsafe(_) => return None,
                    Kind::Str(_) => "hosts list cannot contain empty values".to_owned(),
                    _ => format!("hosts list contains an invalid host value: {}", self.show(item)),
                };
                Some((item.span, text))
            }),
            _ => Some((hosts.span, "hosts list must be a sequence or string".to_owned())),
        };
        let Some((span, message)) = fault else {
            self.syntax(hosts);
            return Some(hosts.clone());
        };
        let diagnostic = Diagnostic::parse(code, message).at(span, "not a pattern of hosts");
        self.diagnostics.push(diagnostic.help("write `hosts: all`, or the name of a host or group"));
        None
    }

    fn needs(&mut self, field: Field<'_>) -> Vec<Spanned<Arc<str>>> {
        let named = |node: Node| Some(Spanned { value: node.as_str()?.into(), span: node.span });
        self.names(field).into_iter().filter_map(named).collect()
    }

    fn gather_subset(&mut self, field: Field<'_>) -> Option<Node> {
        let before = self.diagnostics.0.len();
        self.names(field);
        (self.diagnostics.0.len() == before && !field.value.is_null()).then(|| field.value.clone())
    }

    fn serial(&mut self, field: Field<'_>) -> Vec<Node> {
        let mut sizes = vec![];
        for item in self.items(field.value) {
            let text = values::text(item).unwrap_or_default();
            let text = text.trim();
            let size = text.strip_suffix('%').unwrap_or(text);
            if values::is_open(item) || size.parse::<i64>().is_ok() {
                self.syntax(item);
                sizes.push(item.clone());
                continue;
            }
            let message = format!("`serial` takes numbers and percentages, not {}", self.show(item));
            self.diagnostics.push(
                Diagnostic::error(Class::Error, "muster::playbook::type", message)
                    .at(item.span, "not a number of hosts")
                    .help("write `serial: 3`, `serial: 30%` or a list of them"),
            );
        }
        sizes
    }

    /// One of a few words, known before any host is: a template sees extra variables only.
    fn choice<T: Copy + Default>(
        &mut self,
        field: Field<'_>,
        what: &str,
        words: &[(&'static str, T)],
        class: Class,
    ) -> T {
        if field.value.is_null() {
            return T::default();
        }
        let Some(node) = self.words(field) else { return T::default() };
        let text = if values::is_open(&node) {
            match self.extra.text(&node) {
                Ok(text) => text,
                Err(fault) => {
                    let message = format!("`{what}` cannot be known before the play begins: {fault}");
                    self.diagnostics.push(
                        Diagnostic::error(class, "muster::playbook::template", message)
                            .at(node.span, "this sees variables of the command line only")
                            .help("write the word itself, or give the variable with `-e`"),
                    );
                    return T::default();
                }
            }
        } else {
            values::text(&node).unwrap_or_default()
        };
        let word = plain_name(text.trim());
        if let Some((_, choice)) = words.iter().find(|(known, _)| *known == word) {
            return *choice;
        }
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        let help = nearest(word, known.iter().copied()).map_or_else(
            || format!("it takes one of `{}`", known.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = match (what, word) {
            ("strategy", _) => format!("invalid play strategy specified: `{word}`"),
            _ => format!("invalid `{what}` specified for inventory hosts: `{word}`"),
        };
        self.diagnostics
            .push(Diagnostic::error(class, "muster::playbook::choice", message).at(node.span, "").help(help));
        T::default()
    }

    /// `vars_files`: each a name or a list of alternatives.
    fn vars_files(&mut self, field: Field<'_>) -> Vec<Node> {
        let mut files = vec![];
        for item in self.items(field.value) {
            let name = |node: &Node| node.as_str().is_some() || matches!(node.kind, Kind::Vault(_));
            if name(item) || item.as_seq().is_some_and(|items| items.iter().all(name)) {
                self.syntax(item);
                files.push(item.clone());
            } else {
                let message = format!("invalid `vars_files` value: {}", item.describe());
                self.diagnostics.push(
                    Diagnostic::parse("muster::playbook::type", message)
                        .at(item.span, "not a file name")
                        .help("write a list of file names"),
                );
            }
        }
        files
    }

    fn vars_prompt(&mut self, field: Field<'_>) -> Vec<Prompt> {
        let message = "invalid `vars_prompt` data structure, expected a mapping";
        let mut prompts = vec![];
        for item in self.items(field.value) {
            prompts.extend(self.mapping(item, message).and_then(|map| self.prompt(map, item.span)));
        }
        prompts
    }

    fn prompt(&mut self, map: &Mapping, span: Span) -> Option<Prompt> {
        let code = "muster::playbook::prompt";
        let mut prompt = Prompt {
            name: "".into(),
            text: None,
            default: None,
            private: true,
            confirm: false,
            raw: false,
            encrypt: None,
        };
        for (key, value) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            let field = Field { name, key, value };
            let fixed = |setting: Option<Setting<bool>>, otherwise| match setting {
                Some(Setting::Fixed(value)) => value,
                _ => otherwise,
            };
            match name {
                "name" => prompt.name = values::text(value).unwrap_or_default().into(),
                "prompt" => prompt.text = self.words(field),
                "default" => prompt.default = self.any(field),
                "private" => prompt.private = fixed(self.boolean(field, Class::Parse), true),
                "confirm" => prompt.confirm = fixed(self.boolean(field, Class::Parse), false),
                "unsafe" => prompt.raw = fixed(self.boolean(field, Class::Parse), false),
                "encrypt" => prompt.encrypt = self.words(field).and_then(|node| node.as_str().map(Arc::from)),
                "salt_size" | "salt" => {}
                _ => {
                    let message = format!(
                        "invalid `vars_prompt` data structure, found unsupported key {}",
                        self.show(key)
                    );
                    let help = nearest(name, PROMPT.iter().copied()).map_or_else(
                        || format!("it takes `{}`", PROMPT.join("`, `")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.diagnostics.push(Diagnostic::parse(code, message).at(key.span, "").help(help));
                }
            }
        }
        if map.get("name").is_none() {
            let message = "invalid `vars_prompt` data structure, missing `name` key";
            self.error(Class::Parse, code, message, span, "which variable?");
            return None;
        }
        Some(prompt)
    }
}
