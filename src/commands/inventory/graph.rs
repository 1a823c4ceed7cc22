//! `--graph`: groups as a tree, hosts under the groups that name them, variables under both if they are wanted.

use super::View;
use crate::report::harmless;

impl View<'_> {
    /// The tree below a group; nothing if there is no such group.
    pub(super) fn graph(&self, top: &str, vars: bool) -> Option<String> {
        self.inventory.group(top)?;
        let mut lines = vec![];
        self.branch(top, 0, vars, &mut lines);
        Some(lines.join("\n") + "\n")
    }

    fn branch(&self, name: &str, depth: usize, vars: bool, lines: &mut Vec<String>) {
        let Some(group) = self.inventory.group(name) else { return };
        lines.push(leaf(&format!("@{}:", harmless(name)), depth));
        for child in &group.children {
            self.branch(child, depth + 1, vars, lines);
        }
        if name != "all" {
            for host in &group.hosts {
                lines.push(leaf(&harmless(host), depth + 1));
                if vars {
                    lines.extend(self.host_vars(host).lines().iter().map(|line| leaf(line, depth + 2)));
                }
            }
        }
        if vars {
            lines.extend(self.group_vars(name).lines().iter().map(|line| leaf(line, depth + 1)));
        }
    }
}

fn leaf(text: &str, depth: usize) -> String {
    if depth == 0 { text.to_string() } else { format!("{}--{text}", "  |".repeat(depth)) }
}
