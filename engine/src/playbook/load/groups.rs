//! Action groups: what `module_defaults` means by `group/...`. The groups of modules that are shipped are known; those of
//! collections on disk are in their `meta/runtime.yml`. A group's name comes in, full names of modules go out.

use super::Loader;
use crate::diagnostic::{Class, Diagnostics};
use crate::node::{Mapping, Node};
use std::path::Path;
use std::sync::Arc;

/// Collections that have had the groups of others.
const ALIASES: [(&str, &str); 3] = [
    ("k8s", "kubernetes.core.k8s"),
    ("acme", "community.crypto.acme"),
    ("docker", "community.docker.docker"),
];

/// Shipped modules by group.
const SHIPPED: [(&str, &[&str]); 2] = [
    (
        "kubernetes.core.k8s",
        &[
            "k8s",
            "k8s_cluster_info",
            "k8s_exec",
            "k8s_info",
            "k8s_log",
            "k8s_rollback",
            "k8s_scale",
            "k8s_service",
            "k8s_cp",
            "k8s_drain",
            "k8s_json_patch",
            "k8s_taint",
        ],
    ),
    ("kubernetes.core.helm", &["helm", "helm_info", "helm_repository"]),
];

/// How deep a group may extend others.
const DEPTH: usize = 8;

impl Loader {
    /// The full names of the modules of a group, for a playbook in `dir`.
    pub fn action_group(&self, group: &str, dir: &Path) -> Arc<[String]> {
        let key = (group.to_owned(), dir.to_path_buf());
        let mut unsaid = Diagnostics::default();
        let read = |_: &mut Diagnostics| Some(Arc::from(self.members(group, dir, DEPTH)));
        self.groups.get(key, &mut unsaid, read).unwrap_or_default()
    }

    fn members(&self, group: &str, dir: &Path, depth: usize) -> Vec<String> {
        let full = ALIASES.iter().find(|(alias, _)| *alias == group).map_or(group, |(_, full)| full);
        let shipped = SHIPPED.iter().filter(|(name, _)| *name == full);
        let mut found: Vec<String> = shipped
            .flat_map(|(name, modules)| {
                let collection = name.rsplit_once('.').map_or("", |(collection, _)| collection);
                modules.iter().map(move |module| format!("{collection}.{module}"))
            })
            .collect();
        let mut parts = full.splitn(3, '.');
        let (Some(namespace), Some(collection), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return found;
        };
        let meta = |root: std::path::PathBuf| root.join(namespace).join(collection).join("meta/runtime.yml");
        let Some(file) = self.collections(dir).into_iter().map(meta).find(|file| file.is_file()) else {
            return found;
        };
        let file = self.file(&file, "collection's meta", Class::Error, &mut Diagnostics::default());
        let groups =
            file.as_ref().and_then(|file| file.node.as_map()?.get("action_groups")?.as_map().cloned());
        let entries = groups.as_ref().and_then(|groups: &Mapping| groups.get(name)?.as_seq());
        for entry in entries.into_iter().flatten() {
            if let Some(module) = entry.as_str() {
                let own = !module.contains('.');
                found.push(if own {
                    format!("{namespace}.{collection}.{module}")
                } else {
                    module.to_owned()
                });
            } else if depth > 0 {
                let metadata = entry.as_map().and_then(|entry| entry.get("metadata")?.as_map());
                let extended = metadata.and_then(|metadata| metadata.get("extend_group")?.as_seq());
                for other in extended.into_iter().flatten().filter_map(Node::as_str) {
                    found.extend(self.members(other, dir, depth - 1));
                }
            }
        }
        found
    }
}
