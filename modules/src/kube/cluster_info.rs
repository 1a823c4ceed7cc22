//! `kubernetes.core.k8s_cluster_info`: the kinds a cluster serves, its version, and how it is reached. It only reads; a group that
//! does not answer is left out and warned of, and no password goes out.

use super::cluster::{Cluster, Clusters};
use super::request::Refusal;
use super::resource::root;
use super::way::{self, Way};
use crate::options::joined;
use futures_util::future::join_all;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `kubernetes.core.k8s_cluster_info`.
pub struct K8sClusterInfo {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`K8sClusterInfo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    #[serde(flatten)]
    way: Way,
}

const OWN: [Opt; 1] =
    [Opt::new("invalidate_cache", Kind::Bool, "Of no effect: the server is always asked.").default("true")];
const OPTIONS: [Opt; 17] = joined(OWN, way::OPTIONS);

impl Module for K8sClusterInfo {
    const NAME: &'static str = "kubernetes.core.k8s_cluster_info";
    const SPEC: Spec = Spec::new("Tells what a Kubernetes cluster serves, its version, and how it is reached.", &OPTIONS)
        .examples("- name: which version is it\n  k8s_cluster_info:\n  register: info\n\n- debug:\n    var: info.version.server.kubernetes.gitVersion\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let cluster = self.clusters.of(&args.way, cx).await?;
        let version = cluster.get("/version").await?;
        let groups = groups(&cluster).await?;
        let asked = groups.iter().map(|(version, preferred)| kinds(&cluster, version, *preferred));
        let (mut apis, mut silent) = (Map::new(), vec![]);
        for ((version, _), answer) in groups.iter().zip(join_all(asked).await) {
            match answer {
                Ok(kinds) => drop(apis.insert(version.clone(), Json::Object(kinds))),
                Err(refusal) => silent.push(format!("{version} does not answer and is left out: {refusal}")),
            }
        }
        let connection = json!({
            "host": cluster.url, "verify_ssl": cluster.verified, "username": args.way.username, "password": null,
            "cert_file": args.way.client_cert, "ssl_ca_cert": args.way.ca_cert, "proxy": args.way.proxy,
        });
        let version = json!({"client": env!("CARGO_PKG_VERSION"), "server": {"kubernetes": version}});
        let output =
            Output::new(false).with("apis", apis).with("connection", connection).with("version", version);
        Ok(Check::Done(silent.into_iter().fold(output, Output::warn)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Every version of every group, and whether it is its group's preferred one.
async fn groups(cluster: &Cluster) -> Result<Vec<(String, bool)>, Refusal> {
    let core = cluster.get("/api").await?;
    let named = cluster.get("/apis").await?;
    let list = |value: &Json, key: &str| value.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut found: Vec<(String, bool)> = list(&core, "versions")
        .iter()
        .filter_map(|version| Some((version.as_str()?.to_string(), true)))
        .collect();
    for group in list(&named, "groups") {
        let preferred = group.pointer("/preferredVersion/groupVersion").cloned();
        for version in list(&group, "versions") {
            let Some(name) = version.get("groupVersion") else { continue };
            found.extend(name.as_str().map(|text| (text.to_string(), Some(name) == preferred.as_ref())));
        }
    }
    Ok(found)
}

/// The kinds of one version.
async fn kinds(cluster: &Cluster, version: &str, preferred: bool) -> Result<Map, Refusal> {
    let list = cluster.get(&root(version)).await?;
    let mut found = Map::new();
    for entry in list.get("resources").and_then(Json::as_array).into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or("");
        let many = |key: &str| entry.get(key).cloned().unwrap_or_else(|| json!([]));
        if text("name").contains('/') {
            continue;
        }
        found.insert(
            text("kind").to_string(),
            json!({
                "categories": many("categories"), "name": text("name"), "namespaced": entry.get("namespaced"),
                "preferred": preferred, "short_names": many("shortNames"), "singular_name": text("singularName"),
            }),
        );
    }
    Ok(found)
}
