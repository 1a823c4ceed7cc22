//! An inventory as `ansible-inventory` shows it. Out go the JSON of `--list` and `--host` and the tree of `--graph`;
//! variables are shown as they were written, templates and encrypted texts included.

use super::{Group, Inventory, VarsDir};
use crate::node::{Kind, Node};
use crate::template::{self, Variable};
use serde_json::{Map, Value};

/// Variables of every host that are not shown.
const HIDDEN: [&str; 2] = ["inventory_file", "inventory_dir"];

impl Inventory {
    /// What `ansible-inventory --list` prints.
    #[must_use]
    pub fn list(&self, playbook_dirs: &[VarsDir]) -> Value {
        let vars =
            |name: &super::Name| (name.to_string(), Value::Object(self.host_vars(name, playbook_dirs)));
        let hosts: Map<String, Value> = self
            .state
            .hosts
            .keys()
            .map(vars)
            .filter(|(_, vars)| vars != &Value::Object(Map::new()))
            .collect();
        let meta = [("hostvars".to_owned(), Value::Object(hosts))];
        let mut list = Map::from_iter([("_meta".to_owned(), Value::Object(Map::from_iter(meta)))]);
        for group in self.below("all") {
            let names = |names: &indexmap::IndexSet<super::Name>| -> Value {
                names.iter().map(|name| Value::from(&**name)).collect()
            };
            let mut shown = Map::new();
            if !group.children.is_empty() {
                shown.insert("children".into(), names(&group.children));
            }
            if !group.hosts.is_empty() && &*group.name != "all" {
                shown.insert("hosts".into(), names(&group.hosts));
            }
            if !shown.is_empty() {
                list.insert(group.name.to_string(), Value::Object(shown));
            }
        }
        Value::Object(list)
    }

    /// What `ansible-inventory --host` prints: the host's variables, the strongest of each name.
    #[must_use]
    pub fn host_vars(&self, host: &str, playbook_dirs: &[VarsDir]) -> Map<String, Value> {
        let mut vars = Map::new();
        for layer in self.layers(host, playbook_dirs).iter().rev() {
            for (name, variable) in layer.0.iter().filter(|(name, _)| !HIDDEN.contains(&&***name)) {
                let value = match variable {
                    Variable::Written(node) => written(node),
                    Variable::Known(value) => untrusted(template::to_json(value).unwrap_or(Value::Null)),
                };
                vars.insert(name.to_string(), value);
            }
        }
        vars
    }

    /// What `ansible-inventory --graph` prints below a group.
    #[must_use]
    pub fn graph(&self, group: &str) -> String {
        let mut text = String::new();
        if let Some(group) = self.group(group) {
            self.branch(group, 0, &mut text);
        }
        text
    }

    fn branch(&self, group: &Group, depth: usize, text: &mut String) {
        let line = |name: &str, depth: usize| match depth {
            0 => format!("{name}\n"),
            _ => format!("{}|--{name}\n", "  |".repeat(depth - 1) + "  "),
        };
        text.push_str(&line(&format!("@{}:", group.name), depth));
        for child in group.children.iter().filter_map(|child| self.group(child)) {
            self.branch(child, depth + 1, text);
        }
        if &*group.name != "all" {
            group.hosts.iter().for_each(|host| text.push_str(&line(host, depth + 1)));
        }
    }
}

/// A tree as JSON, with Ansible's notation for unsafe and encrypted strings.
fn written(node: &Node) -> Value {
    match &node.kind {
        Kind::Unsafe(inner) => untrusted(written(inner)),
        Kind::Vault(text) => noted("__ansible_vault", Value::from(&**text)),
        Kind::Seq(items) => items.iter().map(written).collect(),
        Kind::Map(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.to_key(), written(value))).collect())
        }
        _ => node.to_json(),
    }
}

/// A value whose every string is marked as never to be rendered.
fn untrusted(value: Value) -> Value {
    match value {
        Value::String(_) => noted("__ansible_unsafe", value),
        Value::Array(items) => items.into_iter().map(untrusted).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, untrusted(value))).collect())
        }
        other => other,
    }
}

fn noted(note: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(note.to_owned(), value)]))
}
