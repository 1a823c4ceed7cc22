//! Variables as they are written, for ansible-inventory's three forms. In JSON a vault and `!unsafe` text are objects
//! of one key, in YAML they have their tags, in a graph everything is as Python prints it.

use crate::report::harmless;
use muster_engine::node::emit::{Layout, emit};
use muster_engine::node::{Kind, Node};
use muster_engine::template::{Variable, from_json, to_json};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Names and variables, sorted.
pub struct Shown(pub Vec<(Arc<str>, Variable)>);

impl Shown {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As JSON; `tagged` marks `!unsafe` text.
    pub fn json(&self, tagged: bool) -> Json {
        let value = |variable: &Variable| match variable {
            Variable::Written(node) => node_json(node, tagged),
            Variable::Known(value) => to_json(value).unwrap_or_default(),
        };
        self.0
            .iter()
            .map(|(name, variable)| (name.to_string(), value(variable)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// As JSON in which what YAML tells apart is a mark.
    pub fn marked(&self, marks: &mut Marks) -> Json {
        let mut all = Map::new();
        for (name, variable) in &self.0 {
            let value = match variable {
                Variable::Written(node) => marks.node(node),
                Variable::Known(value) => to_json(value).unwrap_or_default(),
            };
            all.insert(name.to_string(), value);
        }
        Json::Object(all)
    }

    /// One line each, as Python prints them.
    pub fn lines(&self) -> Vec<String> {
        let line = |(name, variable): &(Arc<str>, Variable)| {
            let text = match variable {
                Variable::Written(Node { kind: Kind::Vault(_), .. }) => "<vault>".into(),
                Variable::Written(node) => python(&node_json(node, false), true),
                Variable::Known(value) => python(&to_json(value).unwrap_or_default(), true),
            };
            harmless(&format!("{{{name} = {text}}}")).into_owned()
        };
        self.0.iter().map(line).collect()
    }
}

fn node_json(node: &Node, tagged: bool) -> Json {
    match &node.kind {
        Kind::Vault(text) => json!({ "__ansible_vault": text }),
        Kind::Unsafe(inner) if tagged => match &inner.kind {
            Kind::Str(text) => json!({ "__ansible_unsafe": text }),
            _ => inner.to_json(),
        },
        Kind::Seq(items) => items.iter().map(|item| node_json(item, tagged)).collect(),
        Kind::Map(map) => {
            let pairs = map.iter().map(|(key, value)| (key.to_key(), node_json(value, tagged)));
            Json::Object(pairs.collect())
        }
        _ => node.to_json(),
    }
}

/// As Python prints a value: text as it is, and in quotes inside of others.
fn python(value: &Json, outermost: bool) -> String {
    match value {
        Json::String(text) if outermost => text.clone(),
        _ => from_json(value).to_string(),
    }
}

/// A page of JSON.
pub fn json(vars: &Shown, tagged: bool) -> String {
    pretty(&vars.json(tagged))
}

/// A page of JSON with sorted keys.
pub fn pretty(value: &Json) -> String {
    crate::report::json_text(value) + "\n"
}

/// A page of YAML.
pub fn yaml(vars: &Shown) -> String {
    let mut marks = Marks::default();
    let value = vars.marked(&mut marks);
    marks.page(&value)
}

/// What YAML writes otherwise than JSON, by mark: the text without quotes, or below a tag.
#[derive(Default)]
pub struct Marks(Vec<(bool, Arc<str>)>);

impl Marks {
    fn node(&mut self, node: &Node) -> Json {
        match &node.kind {
            Kind::Vault(text) => self.mark(true, text),
            Kind::Date(text) => self.mark(false, text),
            Kind::Seq(items) => items.iter().map(|item| self.node(item)).collect(),
            Kind::Map(map) => {
                let pairs = map.iter().map(|(key, value)| (key.to_key(), self.node(value)));
                Json::Object(pairs.collect())
            }
            _ => node.to_json(),
        }
    }

    fn mark(&mut self, vault: bool, text: &Arc<str>) -> Json {
        self.0.push((vault, text.clone()));
        Json::String(name(self.0.len() - 1))
    }

    /// A page of YAML with every mark replaced.
    pub fn page(&self, value: &Json) -> String {
        let layout = Layout { indent: 2, ..Layout::NICE };
        let text = emit(value, &layout).unwrap_or_else(|_| pretty(value));
        let line = |line: &str| self.replaced(line).unwrap_or_else(|| line.to_string()) + "\n";
        text.lines().map(line).collect()
    }

    fn replaced(&self, line: &str) -> Option<String> {
        let (before, number) = line.rsplit_once(MARK)?;
        let (vault, text) = self.0.get(number.parse::<usize>().ok()?)?;
        if !vault {
            return Some(format!("{before}{text}"));
        }
        let indent = before.len() - before.trim_start_matches([' ', '-']).len() + 2;
        let lines: Vec<String> =
            text.lines().map(|line| format!("\n{:indent$}{}", "", line.trim())).collect();
        Some(format!("{before}!vault |{}", lines.concat()))
    }
}

const MARK: &str = "muster-mark-9d1c7e-";

fn name(number: usize) -> String {
    format!("{MARK}{number}")
}
