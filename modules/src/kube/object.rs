//! One object as a task names it: kind, version, name and namespace, declared once for all modules. Where it is in the API goes
//! out.

use super::cluster::Cluster;
use super::request::Refusal;
use super::resource::Resource;
use muster_engine::module::{Kind, Opt};
use serde::Deserialize;

pub(crate) const KIND: Opt = Opt::new("kind", Kind::Str, "The kind: `Pod`, `deployments`, `svc`.");
pub(crate) const API_VERSION: Opt =
    Opt::new("api_version", Kind::Str, "Its version.").aliases(&["api", "version"]).default("v1");
pub(crate) const NAME: Opt = Opt::new("name", Kind::Str, "The object's name.");
pub(crate) const NAMESPACE: Opt =
    Opt::new("namespace", Kind::Str, "Its namespace; the context's where none is given.");
pub(crate) const LABELS: Opt =
    Opt::new("label_selectors", Kind::List, "Labels it must have, as kubectl's `-l`.")
        .elements(Kind::Str)
        .default("[]");
pub(crate) const FIELDS: Opt =
    Opt::new("field_selectors", Kind::List, "Fields it must have.").elements(Kind::Str).default("[]");
pub(crate) const HIDDEN: Opt =
    Opt::new("hidden_fields", Kind::List, "Parts that the result leaves out.").elements(Kind::Str);

/// The options of a module that is about one object.
pub(crate) const ONE: [Opt; 4] = [KIND.required(), API_VERSION, NAME.required(), NAMESPACE];

/// The object of a task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    pub kind: String,
    pub api_version: String,
    pub name: String,
    pub namespace: Option<String>,
}

/// Objects of a kind: one by its name, or those that labels choose.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    pub kind: String,
    pub api_version: String,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub label_selectors: Vec<String>,
}

impl Object {
    /// Its kind, and where it is.
    ///
    /// # Errors
    /// Nobody serves the kind, or the server cannot be asked.
    pub async fn find(&self, cluster: &Cluster) -> Result<(Resource, String), Refusal> {
        let resource = cluster.resource(&self.api_version, &self.kind).await?;
        let path = resource.object(Some(cluster.space(self.namespace.as_deref())), &self.name);
        Ok((resource, path))
    }
}

/// Selectors as a query has them.
pub(crate) fn selector(list: &[String]) -> String {
    list.join(",")
}
