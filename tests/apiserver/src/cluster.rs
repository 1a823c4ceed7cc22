//! The cluster a double starts with: a healthy one of kubeadm's making with calico and coredns, an empty one, or objects from
//! files; then changed object by object. Whatever is built here could be read from a real cluster.

mod nodes;
mod pods;
mod system;

use std::path::Path;

use serde_json::{Value, json};

use crate::auth::Users;
use crate::controllers::Controllers;
use crate::double::Versions;
use crate::object::{name, namespace, take, text};
use crate::trouble::Trouble;
use crate::yaml;

pub(crate) use nodes::unanswered;
pub use pods::Workload;
pub(crate) use pods::{reference, replica_set, run};

/// What a double starts with.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The objects.
    pub objects: Vec<Value>,
    /// The users and what they may.
    pub users: Users,
    /// The version of the server.
    pub versions: Versions,
    /// The controllers that run.
    pub controllers: Controllers,
    /// Logs by `namespace/pod/container`.
    pub logs: Vec<(String, String)>,
}

/// The version of a cluster that does not say another.
pub const VERSION: &str = "v1.36.2";

impl Cluster {
    /// No nodes and no workloads: only the namespaces that every cluster has.
    #[must_use]
    pub fn empty() -> Self {
        let mut cluster = Self {
            objects: Vec::new(),
            users: Users::usual(),
            versions: Versions { git: VERSION.to_owned() },
            controllers: Controllers::all(),
            logs: Vec::new(),
        };
        for space in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            cluster = cluster.namespace(space);
        }
        cluster
    }

    /// Three control planes and two workers, all well: static pods, coredns, calico, kube-proxy, leases and kubeadm's
    /// configuration.
    #[must_use]
    pub fn healthy() -> Self {
        Self::of(3, 2)
    }

    /// A healthy cluster with so many control planes and workers, named `cp-0`, `cp-1`... and `worker-0`...
    #[must_use]
    pub fn of(control_planes: usize, workers: usize) -> Self {
        let mut cluster = Self::empty();
        cluster.objects.extend(system::objects());
        for index in 0..control_planes {
            cluster = cluster.control_plane(&format!("cp-{index}"), &format!("10.0.0.{}", 10 + index));
        }
        for index in 0..workers {
            cluster = cluster.worker(&format!("worker-{index}"), &format!("10.0.0.{}", 100 + index));
        }
        cluster.settled()
    }

    /// A cluster of kubeadm's whose nodes have yet to register: what is there before them, users with the rights that kubeadm
    /// gives, and nodes that are lost when they are silent for as long as `grace`.
    #[must_use]
    pub fn awaiting_hosts(grace: std::time::Duration) -> Self {
        let mut cluster = Self::empty();
        cluster.objects.extend(system::objects());
        cluster.users = cluster.users.of_kubeadm();
        cluster.controllers.lifecycle = Some(grace);
        cluster.system_workloads()
    }

    /// The same cluster with another number of workers.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        let control_planes = self.nodes(true).len();
        let (users, controllers, logs) = (self.users, self.controllers, self.logs);
        Self { users, controllers, logs, ..Self::of(control_planes, workers) }
    }

    /// The same cluster with another number of control planes.
    #[must_use]
    pub fn control_planes(self, control_planes: usize) -> Self {
        let workers = self.nodes(false).len();
        let (users, controllers, logs) = (self.users, self.controllers, self.logs);
        Self { users, controllers, logs, ..Self::of(control_planes, workers) }
    }

    /// Reads objects from a file of YAML documents or JSON, or from every file of a directory. Lists are taken apart; a pod
    /// gives its logs in annotations `log.double/CONTAINER`.
    pub fn load(mut self, path: &Path) -> Result<Self, Trouble> {
        let shown = path.display().to_string();
        let failed = |error: std::io::Error| Trouble::new(&shown, error);
        if path.is_dir() {
            let mut files: Vec<_> = std::fs::read_dir(path)
                .map_err(failed)?
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect();
            files.sort();
            let wanted = |path: &Path| {
                path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json")
            };
            for file in files.iter().filter(|file| wanted(file)) {
                self = self.load(file)?;
            }
            return Ok(self);
        }
        let source = std::fs::read_to_string(path).map_err(failed)?;
        for document in yaml::documents(&source).map_err(|error| Trouble::new(&shown, error))? {
            let items = document.get("items").and_then(Value::as_array).cloned();
            for object in items.unwrap_or_else(|| vec![document]) {
                self = self.with(object);
            }
        }
        Ok(self)
    }

    /// Another version of the server and its nodes.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        let before = std::mem::replace(&mut self.versions, Versions { git: version.to_owned() });
        // Images and kubelets carry the version in their texts.
        let whole = Value::Array(self.objects).to_string().replace(&before.git, version);
        self.objects = serde_json::from_str(&whole).unwrap_or_default();
        self
    }

    /// The same with an object, in place of one of its kind and name.
    #[must_use]
    pub fn with(mut self, mut object: Value) -> Self {
        let annotations =
            object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, log) in annotations {
            if let (Some(container), Some(log)) = (key.strip_prefix("log.double/"), log.as_str()) {
                let place = format!("{}/{}/{container}", namespace(&object), name(&object));
                self.logs.push((place, log.to_owned()));
                take(&mut object, &format!("/metadata/annotations/{}", crate::object::escape(&key)));
            }
        }
        let same = |found: &Value| {
            found.get("kind") == object.get("kind")
                && name(found) == name(&object)
                && namespace(found) == namespace(&object)
        };
        self.objects.retain(|found| !same(found));
        self.objects.push(object);
        self
    }

    /// The same without an object.
    #[must_use]
    pub fn without(mut self, kind: &str, space: &str, own: &str) -> Self {
        self.objects.retain(|found| {
            !(text(found, "/kind") == kind && namespace(found) == space && name(found) == own)
        });
        self
    }

    /// The same with an object changed; nothing happens where it is not there.
    #[must_use]
    pub fn edit(mut self, kind: &str, space: &str, own: &str, edit: impl FnOnce(&mut Value)) -> Self {
        let same = |found: &&mut Value| {
            text(found, "/kind") == kind && namespace(found) == space && name(found) == own
        };
        if let Some(found) = self.objects.iter_mut().find(same) {
            edit(found);
        }
        self
    }

    /// The same with a namespace.
    #[must_use]
    pub fn namespace(self, own: &str) -> Self {
        self.with(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": own, "labels": {"kubernetes.io/metadata.name": own}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        }))
    }

    /// The same with these controllers alone.
    #[must_use]
    pub fn controllers(mut self, controllers: Controllers) -> Self {
        self.controllers = controllers;
        self
    }

    /// The objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| text(object, "/kind") == kind)
    }

    /// The names of the control planes, or of the workers.
    #[must_use]
    pub fn nodes(&self, control_planes: bool) -> Vec<String> {
        let role = "node-role.kubernetes.io/control-plane";
        let is = |node: &&Value| crate::object::label(node, role).is_some() == control_planes;
        self.of_kind("Node").filter(is).map(|node| name(node).to_owned()).collect()
    }
}
