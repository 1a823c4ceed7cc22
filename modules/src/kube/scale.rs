//! `kubernetes.core.k8s_scale`: how many replicas a workload has, or how many pods of a Job run at once; waited for if asked. What
//! has another number or version than the task expects is left alone, and said.

use super::asks::Asks;
use super::change::{outcome, patch};
use super::cluster::Cluster;
use super::object::{self, Object};
use super::request::Sent;
use super::waiting::{Wait, Waited};
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s_scale`.
pub(crate) struct K8sScale;

/// What a task gives to [`K8sScale`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    object: Object,
    replicas: i64,
    current_replicas: Option<i64>,
    resource_version: Option<String>,
    #[serde(flatten)]
    wait: Wait,
}

const OWN: [Opt; 6] = [
    Opt::new("replicas", Kind::Int, "How many there shall be.").required(),
    Opt::new("current_replicas", Kind::Int, "Only where there are so many now."),
    Opt::new("resource_version", Kind::Str, "Only where the object has this version."),
    Opt::new("wait", Kind::Bool, "Whether to wait until they are ready.").default("true"),
    Opt::new("wait_timeout", Kind::Int, "Seconds to wait.").default("20"),
    Opt::new("wait_sleep", Kind::Int, "Seconds between two looks.").default("5"),
];

impl Asks for K8sScale {
    const NAME: &'static str = "kubernetes.core.k8s_scale";
    const SPEC: Spec = Spec::new("Scales a workload of a Kubernetes cluster.", options![object::ONE, OWN, way::OPTIONS]).examples(
        "- name: web has three pods\n  k8s_scale:\n    api_version: apps/v1\n    kind: Deployment\n    name: web\n    namespace: shop\n    replicas: 3\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let (resource, path) = args.object.find(cluster).await?;
        let before = cluster.get(&path).await?;
        let field = if resource.kind == "Job" { "parallelism" } else { "replicas" };
        let is = before.pointer(&format!("/spec/{field}")).and_then(Json::as_i64);
        let Some(is) =
            is.filter(|_| field == "parallelism" || resource.subresources.iter().any(|s| s == "scale"))
        else {
            return Err(Failure::new(format!("Cannot perform scale on resource of kind {}", resource.kind)));
        };
        let which = format!("object kind={} name={}", resource.kind, args.object.name);
        let version = before.pointer("/metadata/resourceVersion").and_then(Json::as_str).unwrap_or("");
        let left = |warning: String| Ok(Output::new(false).with("warning", warning.clone()).warn(warning));
        if let Some(expected) = args.resource_version.as_deref().filter(|expected| *expected != version) {
            return left(format!(
                "expected resource version {expected} does not match with actual {version} for {which}."
            ));
        }
        if let Some(expected) = args.current_replicas.filter(|expected| *expected != is) {
            return left(format!("current replicas {expected} does not match with actual {is} for {which}."));
        }
        if is == args.replicas {
            return Ok(outcome(&before, &before, cx.diff).with("result", before));
        }
        // Against the version that was looked at: what `current_replicas` promised stays true.
        let body = json!({"metadata": {"resourceVersion": version}, "spec": {field: args.replicas}});
        let bare = json!({"spec": {field: args.replicas}});
        let guarded = args.current_replicas.is_some() || args.resource_version.is_some();
        let body = if guarded { body } else { bare };
        let answer = patch(cluster, &path, Sent::MergePatch, &body, cx.check_mode).await;
        let answer = answer.map_err(|refusal| refusal.failing("Scale request failed"))?;
        let output = outcome(&before, &answer.body, cx.diff);
        if !args.wait.wait || cx.check_mode {
            return Ok(output.with("result", answer.body));
        }
        let waited = args.wait.of(cluster, &path, false).await?;
        let output = output.with("duration", waited.duration).with("result", waited.object);
        Waited::settled(waited.done, output, "Resource scaling timed out")
    }
}
