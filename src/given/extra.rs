//! `-e`: variables above all others. `k=v` words, YAML or JSON text, and `@file` come in; one layer goes out, in which
//! a later one wins. Values of `k=v` are text; values of the rest have the types they are written in.

use crate::session::Session;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use muster_engine::node::{self, Kind, Limits, Node, freeform};
use muster_engine::playbook::Loader;
use muster_engine::source::{SourceId, Span};
use muster_engine::template::{Layer, Names, Scope, Surroundings, Variable, Vars};
use muster_engine::vault::Secrets;
use std::path::Path;
use std::sync::Arc;

/// One layer of all of them.
pub fn read(session: &Session, given: &[String], secrets: &Arc<Secrets>, found: &mut Diagnostics) -> Vars {
    let mut all = Vars::default();
    for text in given {
        let vars = match text.trim() {
            "" => continue,
            text => match text.strip_prefix('@') {
                Some(file) => of_file(session, Path::new(file), secrets, found),
                None => of_text(session, text, found),
            },
        };
        all.0.extend(vars.0);
    }
    all
}

fn of_file(session: &Session, file: &Path, secrets: &Arc<Secrets>, found: &mut Diagnostics) -> Vars {
    if !file.exists() {
        let message = format!("there is no file `{}`", file.display());
        found.push(Diagnostic::error(Class::Error, "muster::extra_vars::missing", message).file(file));
        return Vars::default();
    }
    let nothing = Scope::new(Arc::new(Known::default()), Surroundings::default());
    let loader = Loader::new(session.sources.clone(), secrets.clone(), nothing, vec![], vec![]);
    loader.vars(file, found).map(|layer| Vars::clone(&layer)).unwrap_or_default()
}

fn of_text(session: &Session, text: &str, found: &mut Diagnostics) -> Vars {
    let source = session.sources.add("<extra vars>", text);
    let whole = Span { source, start: 0, end: session.sources.get(source).len() };
    let wrong =
        |message: String| Diagnostic::error(Class::Usage, "muster::extra_vars::wrong", message).at(whole, "");
    match text.chars().next() {
        Some('{' | '[') => {
            let documents = node::parse(&session.sources, source, Limits::default(), found);
            let Some(documents) = found.keep(documents) else { return Vars::default() };
            match documents.first().map(|document| &document.kind) {
                Some(Kind::Map(map)) => Vars::written(map),
                _ => {
                    found.push(wrong("extra variables must be a mapping".into()));
                    Vars::default()
                }
            }
        }
        Some('/' | '.') => {
            found
                .push(wrong(format!("`{text}` is a file")).help(format!("write an @ before it: -e @{text}")));
            Vars::default()
        }
        _ => words(source, whole, text, found, wrong),
    }
}

fn words(
    source: SourceId,
    whole: Span,
    text: &str,
    found: &mut Diagnostics,
    wrong: impl Fn(String) -> Diagnostic,
) -> Vars {
    let Ok(words) = freeform::parse(text, false) else {
        found.push(wrong("a quote is not closed".into()));
        return Vars::default();
    };
    if let Some(raw) = &words.raw {
        let message = format!("`{raw}` is no variable and is passed over");
        let warning = Diagnostic::warning("muster::extra_vars::no_variable", message);
        found.push(warning.at(whole, "").help("write name=value, {\"name\": value}, or @file"));
    }
    let variable = |pair: freeform::Pair| {
        let place = whole.part(pair.range.start, pair.range.len());
        let span = Span { source, ..place };
        (Arc::from(pair.key), Variable::Written(Node { span, kind: Kind::Str(pair.value.into()) }))
    };
    Vars(words.pairs.into_iter().map(variable).collect())
}

/// Only these names.
#[derive(Debug, Default)]
pub struct Known(pub Layer);

impl Names for Known {
    fn get(&self, name: &str) -> Option<Variable> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.0.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Color;
    use serde_json::{Value as Json, json};

    fn given(texts: &[&str]) -> (Json, Diagnostics) {
        let session = Session::open(Color::Never, false).ok().unwrap();
        let mut found = Diagnostics::default();
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_string()).collect();
        let vars = read(&session, &texts, &Arc::default(), &mut found);
        let value = |variable: &Variable| match variable {
            Variable::Written(node) => node.to_json(),
            Variable::Known(value) => serde_json::to_value(value).unwrap(),
        };
        (vars.0.iter().map(|(name, variable)| (name.to_string(), value(variable))).collect(), found)
    }

    #[test]
    fn words_are_text_and_yaml_has_types() {
        let (vars, found) = given(&["a=1 b='x y' c=true", "{d: 1, c: no}", r#"{"e": [1, "2"]}"#]);
        assert_eq!(vars, json!({"a": "1", "b": "x y", "c": false, "d": 1, "e": [1, "2"]}));
        assert_eq!(found, Diagnostics::default());
    }

    #[test]
    fn what_cannot_be_variables_is_said() {
        let (_, found) = given(&["./vars.yml", "[1]", "a='x", "k", "@/no/such"]);
        let said: Vec<&str> = found.0.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            said,
            [
                "`./vars.yml` is a file",
                "extra variables must be a mapping",
                "a quote is not closed",
                "`k` is no variable and is passed over",
                "there is no file `/no/such`",
            ]
        );
        assert_eq!(found.class(), Some(Class::Usage));
    }
}
