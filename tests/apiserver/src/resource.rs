//! The resources that are served: the built-in ones from `resources.json` (lists as discovery gives them) and those of the
//! CustomResourceDefinitions in the store. A request is answered only for a resource that is found here.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use crate::object::{items, text};
use crate::store::Store;

/// One resource of a group and version with its subresources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// The API group, empty for the core.
    pub group: String,
    /// The version in its group.
    pub version: String,
    /// The plural name, as it stands in a path.
    pub plural: String,
    /// The singular name.
    pub singular: String,
    /// The kind.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The verbs it has.
    pub verbs: Vec<String>,
    /// Short names that kubectl takes.
    pub short_names: Vec<String>,
    /// Categories such as `all`.
    pub categories: Vec<String>,
    /// The hash that plain discovery shows.
    pub hash: Option<String>,
    /// Its subresources.
    pub subresources: Vec<Subresource>,
    /// The schema of a custom resource; none for a built-in one.
    pub schema: Option<Arc<Value>>,
}

/// A subresource of a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subresource {
    /// Its name, such as `eviction`.
    pub name: String,
    /// The group of its kind where that is another.
    pub group: Option<String>,
    /// The version of its kind where that is another.
    pub version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// The verbs it has.
    pub verbs: Vec<String>,
}

/// A group and version with its resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupVersion {
    /// The API group, empty for the core.
    pub group: String,
    /// The version.
    pub version: String,
    /// What it serves.
    pub resources: Vec<Arc<Resource>>,
}

impl GroupVersion {
    /// The name as in `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl Resource {
    /// The `apiVersion` of its objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The name with its group as errors write it: `deployments.apps`.
    #[must_use]
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// The kind with its group as errors write it: `Deployment.apps`.
    #[must_use]
    pub fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }

    /// The place of its objects in the store: versions share it, and so do the two groups of events.
    #[must_use]
    pub fn storage(&self) -> String {
        if self.group == "events.k8s.io" { self.plural.clone() } else { self.qualified() }
    }

    /// Whether a verb is served.
    #[must_use]
    pub fn has(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// A subresource by its name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|known| known.name == name)
    }

    /// Whether it is defined by a CustomResourceDefinition.
    #[must_use]
    pub fn custom(&self) -> bool {
        self.schema.is_some()
    }
}

/// `v1` or `apps/v1`.
#[must_use]
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawList {
    group_version: String,
    resources: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    name: String,
    singular_name: String,
    namespaced: bool,
    kind: String,
    verbs: Vec<String>,
    group: Option<String>,
    version: Option<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    storage_version_hash: Option<String>,
}

fn read(list: RawList) -> GroupVersion {
    let (group, version) = list.group_version.split_once('/').unwrap_or(("", &list.group_version));
    let mut found: Vec<Resource> = Vec::new();
    let mut parts: Vec<(String, Subresource)> = Vec::new();
    for raw in list.resources {
        match raw.name.split_once('/') {
            Some((parent, name)) => parts.push((
                parent.to_owned(),
                Subresource {
                    name: name.to_owned(),
                    group: raw.group,
                    version: raw.version,
                    kind: raw.kind,
                    verbs: raw.verbs,
                },
            )),
            None => found.push(Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: raw.name,
                singular: raw.singular_name,
                kind: raw.kind,
                namespaced: raw.namespaced,
                verbs: raw.verbs,
                short_names: raw.short_names,
                categories: raw.categories,
                hash: raw.storage_version_hash,
                ..Resource::default()
            }),
        }
    }
    for (parent, part) in parts {
        if let Some(resource) = found.iter_mut().find(|resource| resource.plural == parent) {
            resource.subresources.push(part);
        }
    }
    let (group, version) = (group.to_owned(), version.to_owned());
    GroupVersion { group, version, resources: found.into_iter().map(Arc::new).collect() }
}

static BUILT_IN: LazyLock<Vec<GroupVersion>> = LazyLock::new(|| {
    let lists: Vec<RawList> = serde_json::from_str(include_str!("resources.json")).unwrap_or_default();
    lists.into_iter().map(read).collect()
});

/// Every group and version that is served: the built-in ones and those of the definitions in the store.
#[must_use]
pub fn served(store: &Store) -> Vec<GroupVersion> {
    let mut all = BUILT_IN.clone();
    for definition in store.list("customresourcedefinitions.apiextensions.k8s.io", None) {
        for resource in defined(definition) {
            let place =
                all.iter_mut().find(|list| list.group == resource.group && list.version == resource.version);
            match place {
                Some(list) => list.resources.push(Arc::new(resource)),
                None => all.push(GroupVersion {
                    group: resource.group.clone(),
                    version: resource.version.clone(),
                    resources: vec![Arc::new(resource)],
                }),
            }
        }
    }
    all
}

/// The resource of a group, version and plural name.
#[must_use]
pub fn find(store: &Store, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
    let of = |lists: &[GroupVersion]| {
        let list = lists.iter().find(|list| list.group == group && list.version == version)?;
        list.resources.iter().find(|resource| resource.plural == plural).cloned()
    };
    of(&BUILT_IN).or_else(|| of(&served(store)))
}

/// The resource whose objects have this apiVersion and kind.
#[must_use]
pub fn of_kind(store: &Store, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
    let all = served(store);
    let list = all.iter().find(|list| list.api_version() == api_version)?;
    list.resources.iter().find(|resource| resource.kind == kind).cloned()
}

/// The resources that a CustomResourceDefinition serves, one a version.
fn defined(definition: &Value) -> Vec<Resource> {
    let names = |key: &str| -> Vec<String> {
        let list = items(definition, &format!("/spec/names/{key}"));
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let verbs: Vec<String> =
        ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
            .map(str::to_owned)
            .to_vec();
    let one = |version: &Value| {
        let sub = |name: &str, group: Option<&str>, kind: &str| Subresource {
            name: name.to_owned(),
            group: group.map(str::to_owned),
            version: group.map(|_| "v1".to_owned()),
            kind: kind.to_owned(),
            verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
        };
        let kind = text(definition, "/spec/names/kind");
        let mut subresources = Vec::new();
        if version.pointer("/subresources/status").is_some() {
            subresources.push(sub("status", None, kind));
        }
        if version.pointer("/subresources/scale").is_some() {
            subresources.push(sub("scale", Some("autoscaling"), "Scale"));
        }
        let singular = text(definition, "/spec/names/singular");
        Resource {
            group: text(definition, "/spec/group").to_owned(),
            version: text(version, "/name").to_owned(),
            plural: text(definition, "/spec/names/plural").to_owned(),
            singular: if singular.is_empty() { kind.to_lowercase() } else { singular.to_owned() },
            kind: kind.to_owned(),
            namespaced: text(definition, "/spec/scope") == "Namespaced",
            verbs: verbs.clone(),
            short_names: names("shortNames"),
            categories: names("categories"),
            hash: None,
            subresources,
            schema: Some(Arc::new(version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default())),
        }
    };
    let served = |version: &&Value| version.get("served") == Some(&Value::Bool(true));
    items(definition, "/spec/versions").filter(served).map(one).collect()
}
