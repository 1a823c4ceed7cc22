//! The generated pages: the tables and types that the program itself works by come in, Markdown goes out. Where a page
//! is about an enum, it is made of the enum's own documentation.

use muster_engine::module::{Kind, Opt, Spec};
use muster_engine::playbook::{Place, Takes, keywords};
use serde_json::Value as Json;
use std::fmt::Write;
use std::process::Command;

/// Every generated page by its file name.
pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("modules.md", modules()),
        ("keywords.md", keyword_table()),
        ("settings.md", settings()),
        ("exit-codes.md", exit_codes()),
        ("events.md", events()),
    ]
}

/// A page's head.
fn page(title: &str, about: &str) -> String {
    format!("<!-- Generated: UPDATE=1 cargo test --test docs reference -->\n# {title}\n\n{about}\n")
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) }
}

fn codes(texts: &[&str]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

fn modules() -> String {
    let mut out = page(
        "Modules",
        "What a task can ask for. `muster doc NAME` shows the same page in a terminal. A module may be called by its last \
         name alone (`copy`) or in full (`ansible.builtin.copy`). Results carry the keys that Ansible's modules give.",
    );
    let registry = muster_modules::builtin();
    let mut all: Vec<_> = registry.iter().map(|module| (module.name().to_string(), *module.spec())).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    _ = writeln!(out);
    for (name, _) in &all {
        let anchor: String = name.chars().filter(|c| c.is_alphanumeric() || "_-".contains(*c)).collect();
        _ = writeln!(out, "- [{name}](#{anchor})");
    }
    for (name, spec) in &all {
        module(&mut out, name, spec);
    }
    out
}

fn module(out: &mut String, name: &str, spec: &Spec) {
    _ = writeln!(out, "\n## {name}\n\n{}", cell(spec.doc));
    if !spec.options.is_empty() {
        _ = writeln!(out, "\n| option | type | default | what it is |\n|---|---|---|---|");
        options(out, spec.options, "");
    }
    let mut rules: Vec<String> = vec![];
    rules.extend(spec.free_form.map(|option| format!("Text without a key is `{option}`.")));
    rules.extend(spec.open.then(|| "Options of any other name are taken too.".to_string()));
    rules.extend(spec.exclusive.iter().map(|names| format!("Only one of {}.", codes(names))));
    rules.extend(spec.one_of.iter().map(|names| format!("At least one of {}.", codes(names))));
    rules.extend(spec.together.iter().map(|names| format!("All or none of {}.", codes(names))));
    let needed = spec.required_if.iter();
    rules.extend(needed.map(|(option, value, names)| format!("`{option}: {value}` needs {}.", codes(names))));
    if !rules.is_empty() {
        _ = writeln!(out, "\n{}", rules.join(" "));
    }
    if !spec.examples.is_empty() {
        _ = writeln!(out, "\n```yaml\n{}\n```", spec.examples.trim_end());
    }
}

fn options(out: &mut String, options: &[Opt], within: &str) {
    for option in options {
        let name = format!("{within}{}", option.name);
        let kind = match option.elements {
            Some(elements) => format!("{} of {}", kind(option.kind), kind(elements)),
            None => kind(option.kind).to_string(),
        };
        let default = match option.default {
            _ if option.required => "required".to_string(),
            default => code(default.unwrap_or("")),
        };
        let mut doc = cell(option.doc);
        if !option.choices.is_empty() {
            _ = write!(doc, " One of {}.", codes(option.choices));
        }
        if !option.aliases.is_empty() {
            _ = write!(doc, " Also {}.", codes(option.aliases));
        }
        if option.no_log {
            doc.push_str(" Never shown.");
        }
        _ = writeln!(out, "| `{name}` | {kind} | {default} | {doc} |");
        self::options(out, option.options, &format!("{name}."));
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Str => "text",
        Kind::Bool => "boolean",
        Kind::Int => "integer",
        Kind::Float => "number",
        Kind::List => "list",
        Kind::Dict => "mapping",
        Kind::Path => "path",
        Kind::Raw => "anything",
        Kind::Json => "JSON",
        Kind::Bytes => "size",
        Kind::Expr => "expression",
    }
}

fn keyword_table() -> String {
    let mut out = page(
        "Keywords",
        "What may stand in a playbook besides a module. Except for lists of tasks and roles, a template may stand for \
         any value.",
    );
    let places = [Place::Play, Place::Import, Place::Role, Place::Block, Place::Task, Place::Handler];
    let heads = "play | import_playbook | role | block | task | handler";
    _ = writeln!(
        out,
        "\n| keyword | takes | {heads} | what it does |\n|---|---|:-:|:-:|:-:|:-:|:-:|:-:|---|"
    );
    for keyword in keywords() {
        let stands: Vec<&str> =
            places.iter().map(|place| if keyword.stands(*place) { "×" } else { "" }).collect();
        _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            keyword.name,
            takes(keyword.takes),
            stands.join(" | "),
            cell(keyword.doc)
        );
    }
    out
}

const fn takes(takes: Takes) -> &'static str {
    match takes {
        Takes::Boolean => "boolean",
        Takes::Integer => "integer",
        Takes::Number => "number",
        Takes::Percentage => "number or percentage",
        Takes::Text => "text",
        Takes::Words => "text or list",
        Takes::List => "list",
        Takes::Mapping => "mapping",
        Takes::Conditions => "expressions",
        Takes::Tasks => "tasks",
        Takes::Roles => "roles",
        Takes::Action => "text or mapping",
    }
}

fn settings() -> String {
    let mut out = page(
        "Settings",
        "What of `ansible.cfg` and the environment has a meaning here; `muster doc --settings` shows it too. A flag stands \
         above the environment, the environment above the file. The file is `$ANSIBLE_CONFIG`, `./ansible.cfg`, \
         `~/.ansible.cfg` or `/etc/ansible/ansible.cfg`, whichever is first. What is set and has no meaning here is \
         warned about by name.",
    );
    let mut muster = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ANSIBLE_")) {
        muster.env_remove(name);
    }
    let done = muster.args(["doc", "--settings", "--json"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let table: Vec<Json> = serde_json::from_slice(&done.stdout).unwrap();
    _ = writeln!(
        out,
        "\n| in the file | in the environment | type | default | what it does |\n|---|---|---|---|---|"
    );
    for entry in &table {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let list = |key: &str| entry[key].as_array().cloned().unwrap_or_default();
        let ini: Vec<String> = list("ini")
            .iter()
            .map(|place| {
                code(&format!("[{}] {}", place["section"].as_str().unwrap(), place["key"].as_str().unwrap()))
            })
            .collect();
        let env: Vec<String> = list("env").iter().filter_map(Json::as_str).map(code).collect();
        _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            ini.join(", "),
            env.join(", "),
            cell(text("type")),
            code(text("default")),
            cell(text("description"))
        );
    }
    out
}

/// A constant, a variant or a field, with what is said of it.
#[derive(Debug, Default)]
struct Item<'a> {
    about: String,
    name: &'a str,
    rest: &'a str,
    depth: usize,
}

/// Items of a source file between two marks, with their `///` lines.
fn items<'a>(source: &'a str, from: &str, to: &str) -> Vec<Item<'a>> {
    let (_, source) = source.split_once(from).unwrap();
    let (source, _) = source.split_once(to).unwrap();
    let (mut found, mut about) = (vec![], String::new());
    for line in source.lines() {
        let text = line.trim();
        if let Some(said) = text.strip_prefix("/// ") {
            about = format!("{about} {said}").trim().to_string();
        } else if !text.is_empty() && !text.starts_with(['}', '#', '/', ')']) {
            let text = text.strip_prefix("pub const ").unwrap_or(text).trim_end_matches([',', ';', '{', ' ']);
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            let depth = (line.len() - line.trim_start().len()) / 4;
            found.push(Item { about: std::mem::take(&mut about), name, rest, depth });
        }
    }
    found
}

fn exit_codes() -> String {
    let mut out = page("Exit codes", "They are ansible-playbook's, and one of ours for checks.");
    let source = include_str!("../../src/exit.rs");
    _ = writeln!(out, "\n| code | when |\n|--:|---|");
    for item in items(source, "use std::process::ExitCode;", "/// How the program ends.") {
        let code = item.rest.rsplit(' ').next().unwrap();
        _ = writeln!(out, "| {code} | {} |", cell(&item.about));
    }
    out
}

fn events() -> String {
    let mut out = page(
        "Events",
        "`--output json` writes one JSON object a line: what happens, in order. Each has `at` (milliseconds since 1970), \
         `elapsed` (`secs` and `nanos` since the run began) and `event`, its name. After the last comes a line \
         `{\"event\": \"recap\"}` with `exit`, the counters of each host and the findings of checks. Results of `no_log` \
         tasks are hidden before an event is made.",
    );
    let source = include_str!("../../engine/src/event.rs");
    for item in items(source, "pub enum EventKind {", "\n}") {
        if item.depth == 1 {
            _ = writeln!(out, "\n## {}\n\n{}\n", snake(item.name), cell(&item.about));
            if item.rest.contains("StepInfo") {
                fields(&mut out, items(source, "pub struct StepInfo {", "\n}"));
            }
        } else {
            fields(&mut out, vec![item]);
        }
    }
    _ = writeln!(out, "\n## Outcomes\n\nHow a unit or an item ended (`outcome`):\n");
    fields(&mut out, items(source, "pub struct Outcome {", "\n}"));
    _ = writeln!(out, "\n`status` is one of:\n");
    for item in items(source, "pub enum Status {", "\n}") {
        _ = writeln!(out, "- `{}`: {}", item.name.to_lowercase(), cell(&item.about));
    }
    out
}

fn fields(out: &mut String, items: Vec<Item<'_>>) {
    for item in items {
        let name = if item.name == "pub" { item.rest.trim().split(':').next().unwrap() } else { item.name };
        _ = writeln!(out, "- `{name}`: {}", cell(&item.about));
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
