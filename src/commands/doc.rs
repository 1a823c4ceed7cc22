//! `muster doc`: what a module takes, from the specification that checks its arguments. A page for a person, or JSON.

mod settings;

use super::print;
use crate::cli::Doc;
use crate::exit::Exit;
use crate::report::{Colour, Palette};
use crate::session::Session;
use muster_engine::diagnostic::{Class, nearest};
use muster_engine::module::{Kind, Opt, Registry, Spec};
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// Columns of a page.
const WIDTH: usize = 79;

/// Prints the list, a page, or all pages.
pub fn run(session: &Session, asked: &Doc) -> Result<Exit, Exit> {
    let registry = muster_modules::builtin();
    let palette = Palette { on: session.is_painted() };
    if asked.settings {
        return Ok(print(&if asked.json { pretty(&settings::json()) } else { settings::page() }));
    }
    let Some(name) = asked.module.as_deref().filter(|_| !asked.list) else {
        return Ok(print(&if asked.json { listed_json(&registry) } else { list(&registry) }));
    };
    let module = registry.get(name).ok_or_else(|| unknown(session, &registry, name))?;
    Ok(print(&match asked.json {
        true => pretty(&json!({ module.name(): described(module.spec()) })),
        false => page(module.name(), module.spec(), palette),
    }))
}

fn unknown(session: &Session, registry: &Registry, name: &str) -> Exit {
    let names: Vec<&str> = registry.iter().flat_map(|module| [module.name(), short(module.name())]).collect();
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`muster doc --list` shows them all".into(),
    };
    session.stop(Class::Error, "muster::doc::unknown", format!("no module is called `{name}`"), &help)
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn list(registry: &Registry) -> String {
    let mut modules: Vec<_> = registry.iter().map(|module| (module.name(), module.spec().doc)).collect();
    modules.sort_unstable();
    let width = modules.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    modules.into_iter().map(|(name, doc)| format!("{name:<width$}  {}\n", first_sentence(doc))).collect()
}

fn first_sentence(doc: &str) -> &str {
    doc.split_once(". ").map_or(doc, |(first, _)| first).trim_end_matches('.')
}

fn listed_json(registry: &Registry) -> String {
    let all: serde_json::Map<String, Json> =
        registry.iter().map(|module| (module.name().to_string(), described(module.spec()))).collect();
    pretty(&Json::Object(all))
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn described(spec: &Spec) -> Json {
    json!({
        "description": spec.doc,
        "options": options_json(spec.options),
        "free_form": spec.free_form,
        "open": spec.open,
        "mutually_exclusive": spec.exclusive,
        "required_one_of": spec.one_of,
        "required_together": spec.together,
        "required_if": spec.required_if,
        "examples": spec.examples,
    })
}

fn options_json(options: &[Opt]) -> Json {
    let one = |option: &Opt| {
        let value = json!({
            "type": kind(option.kind),
            "description": option.doc,
            "required": option.required,
            "default": option.default,
            "choices": option.choices,
            "aliases": option.aliases,
            "elements": option.elements.map(kind),
            "no_log": option.no_log,
            "options": options_json(option.options),
        });
        (option.name.to_string(), value)
    };
    Json::Object(options.iter().map(one).collect())
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Str => "str",
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::List => "list",
        Kind::Dict => "dict",
        Kind::Path => "path",
        Kind::Raw => "raw",
        Kind::Json => "json",
        Kind::Bytes => "bytes",
        Kind::Expr => "expression",
    }
}

fn page(name: &str, spec: &Spec, palette: Palette) -> String {
    let mut out = String::new();
    _ = writeln!(out, "{}\n", palette.paint(Colour::Changed, &name.to_uppercase()));
    _ = writeln!(out, "{}", wrapped(spec.doc, 2));
    if !spec.options.is_empty() {
        _ = writeln!(out, "\nOPTIONS");
        options(&mut out, spec.options, 2, palette);
    }
    let rules = rules(spec);
    if !rules.is_empty() {
        _ = writeln!(out, "\nRULES\n");
        for rule in rules {
            _ = writeln!(out, "{}", wrapped(&rule, 2));
        }
    }
    if !spec.examples.is_empty() {
        _ = writeln!(out, "\nEXAMPLES\n");
        for line in spec.examples.trim_end().lines() {
            _ = writeln!(out, "{}", format!("  {line}").trim_end());
        }
    }
    out
}

fn options(out: &mut String, options: &[Opt], indent: usize, palette: Palette) {
    for option in options {
        let mark = if option.required { '=' } else { '-' };
        let name = palette.paint(Colour::Ok, option.name);
        _ = writeln!(out, "\n{:indent$}{mark} {name}  {}", "", facts(option));
        _ = writeln!(out, "{}", wrapped(option.doc, indent + 4));
        self::options(out, option.options, indent + 4, palette);
    }
}

/// Type, default, choices and other names, in brackets.
fn facts(option: &Opt) -> String {
    let mut facts = vec![match option.elements {
        Some(elements) => format!("{} of {}", kind(option.kind), kind(elements)),
        None => kind(option.kind).to_string(),
    }];
    if option.required {
        facts.push("required".into());
    }
    facts.extend(option.default.map(|default| format!("default: {default}")));
    if !option.choices.is_empty() {
        facts.push(format!("choices: {}", option.choices.join(", ")));
    }
    if !option.aliases.is_empty() {
        facts.push(format!("aliases: {}", option.aliases.join(", ")));
    }
    if option.no_log {
        facts.push("never shown".into());
    }
    format!("({})", facts.join("; "))
}

fn rules(spec: &Spec) -> Vec<String> {
    let groups = |groups: &[&[&str]], say: &dyn Fn(String) -> String| -> Vec<String> {
        groups.iter().map(|names| say(names.join(", "))).collect()
    };
    let mut rules = vec![];
    rules.extend(spec.free_form.map(|option| format!("Text without a key is `{option}`.")));
    rules.extend(spec.open.then(|| "Options of any other name are taken too.".to_string()));
    rules.extend(groups(spec.exclusive, &|names| format!("Only one of: {names}.")));
    rules.extend(groups(spec.one_of, &|names| format!("At least one of: {names}.")));
    rules.extend(groups(spec.together, &|names| format!("All or none of: {names}.")));
    rules.extend(
        spec.required_if
            .iter()
            .map(|(option, value, needed)| format!("With `{option}: {value}`: {}.", needed.join(", "))),
    );
    rules
}

/// The text in lines that fit a page, each behind blanks.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = vec![];
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.iter().map(|line| format!("{:indent$}{line}", "")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[Opt] = &[
        Opt::new("id", Kind::Str, "A name.").required().aliases(&["name"]),
        Opt::new(
            "how",
            Kind::List,
            "Ways to do it, one after another until one of them works on this host here.",
        )
        .elements(Kind::Str)
        .default("[]")
        .choices(&["a", "b"]),
    ];

    #[test]
    fn a_page_tells_types_defaults_choices_and_rules() {
        let spec = Spec::new("Does a thing.", OPTIONS)
            .free_form("id")
            .exclusive(&[&["id", "how"]])
            .examples("- thing: x\n");
        assert_eq!(
            page("thing", &spec, Palette::default()),
            "THING

  Does a thing.

OPTIONS

  = id  (str; required; aliases: name)
      A name.

  - how  (list of str; default: []; choices: a, b)
      Ways to do it, one after another until one of them works on this host
      here.

RULES

  Text without a key is `id`.
  Only one of: id, how.

EXAMPLES

  - thing: x
"
        );
    }

    #[test]
    fn every_module_has_a_page_and_every_option_a_sentence() {
        fn check(module: &str, options: &[Opt]) {
            for option in options {
                assert!(option.doc.trim().ends_with(['.', '?']), "{module}: {}", option.name);
                check(module, option.options);
            }
        }
        for module in muster_modules::builtin().iter() {
            assert!(!module.spec().doc.is_empty(), "{}", module.name());
            check(module.name(), module.spec().options);
        }
    }
}
