//! `kubernetes.core.k8s_json_patch`: a JSON patch of one object. In check mode the server tries it; the same object afterwards
//! is no change.

use super::change::{outcome, patch, tried};
use super::cluster::Clusters;
use super::hidden::hide;
use super::info::WAIT;
use super::request::Sent;
use super::waiting::Wait;
use super::way::{self, Way};
use crate::options::joined;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `kubernetes.core.k8s_json_patch`.
pub struct K8sJsonPatch {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`K8sJsonPatch`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    kind: String,
    api_version: String,
    name: String,
    namespace: Option<String>,
    patch: Vec<Json>,
    hidden_fields: Vec<String>,
    #[serde(flatten)]
    wait: Wait,
    #[serde(flatten)]
    way: Way,
}

const OWN: [Opt; 6] = [
    Opt::new("kind", Kind::Str, "The kind.").required(),
    Opt::new("api_version", Kind::Str, "Its version.").aliases(&["api", "version"]).default("v1"),
    Opt::new("name", Kind::Str, "The object's name.").required(),
    Opt::new("namespace", Kind::Str, "Its namespace."),
    Opt::new("patch", Kind::List, "The operations, as RFC 6902 has them.").elements(Kind::Dict).required(),
    Opt::new("hidden_fields", Kind::List, "Parts that the result leaves out.")
        .elements(Kind::Str)
        .default("[]"),
];
const WAITING: [Opt; 10] = joined(OWN, WAIT);
const OPTIONS: [Opt; 26] = joined(WAITING, way::OPTIONS);

impl Module for K8sJsonPatch {
    const NAME: &'static str = "kubernetes.core.k8s_json_patch";
    const SPEC: Spec = Spec::new("Applies a JSON patch to an object of a Kubernetes cluster.", &OPTIONS).examples(
        "- name: web is stopped\n  k8s_json_patch:\n    kind: Deployment\n    api_version: apps/v1\n    name: web\n    namespace: shop\n    patch: [{op: replace, path: /spec/replicas, value: 0}]\n",
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

impl K8sJsonPatch {
    async fn run(&self, args: &Args, cx: &Context) -> Result<Output, Failure> {
        let cluster = self.clusters.of(&args.way, cx).await?;
        let resource = cluster.resource(&args.api_version, &args.kind).await?;
        let path = resource.object(args.namespace.as_deref().or(Some(&cluster.namespace)), &args.name);
        let before = cluster.get(&path).await.map_err(|refusal| {
            let message =
                format!("{} {}: Failed to retrieve requested object: {refusal}", args.kind, args.name);
            Failure { result: Failure::new(message).result, ..Failure::from(refusal) }
        })?;
        let body = Json::Array(args.patch.clone());
        let answer = patch(&cluster, &path, Sent::JsonPatch, &body, cx.check_mode).await;
        let answer = answer.map_err(|refusal| {
            Failure::new(format!("Failed to patch existing object: {refusal}"))
                .with("status", refusal.code)
                .with("reason", refusal.reason)
        })?;
        let mut output = outcome(&before, &answer.body, cx.diff);
        let (mut after, mut done) = (answer.body, true);
        if args.wait.wait && !cx.check_mode {
            let waited = args.wait.of(&cluster, &path, false).await?;
            output = output.with("duration", waited.duration);
            (after, done) = (waited.object, waited.done);
        }
        hide(&mut after, &args.hidden_fields);
        let output = output.with("result", after);
        match done {
            true => Ok(output),
            false => Err(output
                .result
                .into_iter()
                .fold(Failure::new("Resource update timed out"), |failure, (key, value)| {
                    failure.with(&key, value)
                })),
        }
    }
}
