//! `k8s_label`: labels of one object, there or gone. A label that has another value is only changed where `overwrite` allows
//! it: as with kubectl, all labels are set or none.

use super::asks::Asks;
use super::change::{outcome, patch};
use super::cluster::Cluster;
use super::object::{self, Object};
use super::request::Sent;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `k8s_label`.
pub(crate) struct K8sLabel;

/// What a task gives to [`K8sLabel`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    object: Object,
    labels: Map,
    overwrite: bool,
    state: String,
}

const OWN: [Opt; 7] = [
    object::KIND.default("Node"),
    object::API_VERSION,
    object::NAME.required(),
    object::NAMESPACE,
    Opt::new("labels", Kind::Dict, "The labels and their values; to take them away only the keys count.")
        .required(),
    Opt::new("overwrite", Kind::Bool, "Whether a label may get another value.").default("false"),
    Opt::new("state", Kind::Str, "Whether the labels are there.")
        .choices(&["present", "absent"])
        .default("present"),
];

impl Asks for K8sLabel {
    const NAME: &'static str = "k8s_label";
    const SPEC: Spec = Spec::new("Labels an object of a Kubernetes cluster, or takes labels from it.", options![OWN, way::OPTIONS]).examples(
        "- name: worker-1 is of the pool gpu\n  k8s_label:\n    name: worker-1\n    labels: {pool: gpu}\n    overwrite: true\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let (resource, path) = args.object.find(cluster).await?;
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
                args.object.name,
                others.join("; ")
            )));
        }
        if labels.is_empty() {
            return Ok(outcome(&before, &before, cx.diff).with("result", before));
        }
        let body = json!({"metadata": {"labels": labels}});
        let answer = patch(cluster, &path, Sent::MergePatch, &body, cx.check_mode).await?;
        Ok(outcome(&before, &answer.body, cx.diff).with("result", answer.body))
    }
}
