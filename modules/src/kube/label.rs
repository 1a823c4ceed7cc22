//! `k8s_label`: labels of one object, there or gone. A label that has another value is only changed where `overwrite` allows
//! it: as with kubectl, all labels are set or none.

use super::change::{outcome, patch, tried};
use super::cluster::Clusters;
use super::request::Sent;
use super::way::{self, Way};
use crate::options::joined;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `k8s_label`.
pub struct K8sLabel {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`K8sLabel`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    kind: String,
    api_version: String,
    name: String,
    namespace: Option<String>,
    labels: Map,
    overwrite: bool,
    state: String,
    #[serde(flatten)]
    way: Way,
}

const OWN: [Opt; 7] = [
    Opt::new("kind", Kind::Str, "The kind.").default("Node"),
    Opt::new("api_version", Kind::Str, "Its version.").aliases(&["api", "version"]).default("v1"),
    Opt::new("name", Kind::Str, "The object's name.").required(),
    Opt::new("namespace", Kind::Str, "Its namespace."),
    Opt::new("labels", Kind::Dict, "The labels and their values; to take them away only the keys count.")
        .required(),
    Opt::new("overwrite", Kind::Bool, "Whether a label may get another value.").default("false"),
    Opt::new("state", Kind::Str, "Whether the labels are there.")
        .choices(&["present", "absent"])
        .default("present"),
];
const OPTIONS: [Opt; 23] = joined(OWN, way::OPTIONS);

impl Module for K8sLabel {
    const NAME: &'static str = "k8s_label";
    const SPEC: Spec = Spec::new("Labels an object of a Kubernetes cluster, or takes labels from it.", &OPTIONS).examples(
        "- name: worker-1 is of the pool gpu\n  k8s_label:\n    name: worker-1\n    labels: {pool: gpu}\n    overwrite: true\n",
    );
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        tried(args, cx, self.run(args, cx)).await
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        self.run(&args, cx).await
    }
}

impl K8sLabel {
    async fn run(&self, args: &Args, cx: &Context) -> Result<Output, Failure> {
        let cluster = self.clusters.of(&args.way, cx).await?;
        let resource = cluster.resource(&args.api_version, &args.kind).await?;
        let path = resource.object(args.namespace.as_deref().or(Some(&cluster.namespace)), &args.name);
        let before = cluster.get(&path).await?;
        let has = before.pointer("/metadata/labels").and_then(Json::as_object).cloned().unwrap_or_default();
        let mut labels = Map::new();
        let mut others = vec![];
        for (key, value) in &args.labels {
            if args.state == "absent" {
                if has.contains_key(key) {
                    labels.insert(key.clone(), Json::Null);
                }
                continue;
            }
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Null => String::new(),
                other => other.to_string(),
            };
            match has.get(key).and_then(Json::as_str) {
                Some(is) if is == value => {}
                Some(is) if !args.overwrite => others.push(format!("{key} is {is}, not {value}")),
                _ => {
                    labels.insert(key.clone(), value.into());
                }
            }
        }
        if !others.is_empty() {
            return Err(Failure::new(format!(
                "{} {} has other labels already: {}. Nothing was changed; `overwrite: true` changes them",
                resource.kind,
                args.name,
                others.join("; ")
            )));
        }
        if labels.is_empty() {
            return Ok(outcome(&before, &before, cx.diff).with("result", before));
        }
        let body = json!({"metadata": {"labels": labels}});
        let answer = patch(&cluster, &path, Sent::MergePatch, &body, cx.check_mode).await?;
        Ok(outcome(&before, &answer.body, cx.diff).with("result", answer.body))
    }
}
