//! What collections and ansible-core say of names that have moved or are gone: `plugin_routing` of `meta/runtime.yml`.
//! Each file is read once.

use super::tree::Tree;
use muster_engine::diagnostic::Diagnostics;
use muster_engine::node::{Limits, parse};
use muster_engine::source::Sources;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Every routing that was read.
#[derive(Debug, Default)]
pub(crate) struct Routing(Mutex<HashMap<PathBuf, Routes>>);

/// One file's.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    /// Its collection.
    pub collection: String,
    routes: Arc<Json>,
}

impl Routing {
    /// That of ansible-core.
    pub(crate) fn of_core(&self, tree: &Tree) -> Routes {
        self.read(&tree.package.join("config/ansible_builtin_runtime.yml"), "ansible.builtin".into())
    }

    /// That of a collection in a directory.
    pub(crate) fn of_collection(&self, home: &Path) -> Routes {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
        };
        self.read(&home.join("meta/runtime.yml"), format!("{}.{}", name(home.parent()), name(Some(home))))
    }

    fn read(&self, file: &Path, collection: String) -> Routes {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let sources = Sources::default();
            let source = sources.add(file.display().to_string(), text);
            let nodes = parse(&sources, source, Limits::default(), &mut Diagnostics::default());
            let whole = nodes.ok().and_then(|nodes| nodes.first().map(muster_engine::node::Node::to_json));
            Arc::new(
                whole.and_then(|mut whole| Some(whole.get_mut("plugin_routing")?.take())).unwrap_or_default(),
            )
        };
        known.entry(file.to_path_buf()).or_insert_with(|| Routes { collection, routes: read() }).clone()
    }
}

impl Routes {
    fn entry(&self, kind: &str, name: &str) -> Option<&Json> {
        self.routes.get(kind)?.get(name)
    }

    /// The name that a plugin of a kind has now.
    pub(crate) fn redirect(&self, kind: &str, name: &str) -> Option<&str> {
        self.entry(kind, name)?.get("redirect")?.as_str()
    }

    /// The action plugin of a module, where it has another name than the module.
    pub(crate) fn action(&self, name: &str) -> Option<&str> {
        let of_module = || self.entry("modules", name)?.get("action_plugin")?.as_str();
        of_module().or_else(|| self.redirect("action", name))
    }

    /// Where a part of `module_utils` lies now, as Python names it.
    pub(crate) fn util(&self, parts: &[String]) -> Option<String> {
        let target = self.redirect("module_utils", &parts.join("."))?;
        if target.starts_with("ansible_collections.") {
            return Some(target.to_string());
        }
        let (namespace, rest) = target.split_once('.')?;
        let (collection, rest) = rest.split_once('.')?;
        Some(format!("ansible_collections.{namespace}.{collection}.plugins.module_utils.{rest}"))
    }

    /// That a module is gone, in Ansible's words.
    pub(crate) fn gone(&self, name: &str) -> Option<String> {
        let said = self.entry("modules", name)?.get("tombstone")?;
        let release = match (said.get("removal_version"), said.get("removal_date")) {
            (Some(version), _) => {
                format!(" version {}", version.as_str().map_or_else(|| version.to_string(), str::to_string))
            }
            (None, Some(date)) => format!(" in a release after {}", date.as_str().unwrap_or_default()),
            (None, None) => String::new(),
        };
        let collection = &self.collection;
        let why = said
            .get("warning_text")
            .and_then(Json::as_str)
            .map(|text| format!(" {text}"))
            .unwrap_or_default();
        Some(format!(
            "The {collection}.{name} module has been removed.{why} This feature was removed from collection '{collection}'{release}."
        ))
    }

    /// That a module will go, as results say it.
    pub(crate) fn going(&self, name: &str) -> Option<Json> {
        let said = self.entry("modules", name)?.get("deprecation")?;
        let why = said
            .get("warning_text")
            .and_then(Json::as_str)
            .map(|text| format!(" {text}"))
            .unwrap_or_default();
        let mut result = serde_json::Map::new();
        result.insert("collection_name".into(), self.collection.clone().into());
        result.insert("msg".into(), format!("{}.{name} has been deprecated.{why}", self.collection).into());
        for (key, from) in [("version", "removal_version"), ("date", "removal_date")] {
            if let Some(value) = said.get(from) {
                result.insert(key.into(), value.clone());
            }
        }
        Some(Json::Object(result))
    }
}
