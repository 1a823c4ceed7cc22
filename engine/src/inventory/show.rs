//! An inventory as `ansible-inventory` shows it. Out go the JSON of `--list` and `--host` and the tree of `--graph`;
//! variables are shown as they were written, templates and encrypted texts included.

use super::{Group, Inventory, VarsDir};
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
                    Variable::Written(node) => node.to_json(),
                    Variable::Known(value) => template::to_json(value).unwrap_or(Value::Null),
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
