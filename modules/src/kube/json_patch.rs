//! `kubernetes.core.k8s_json_patch`: a JSON patch of one object. In check mode the server tries it; the same object afterwards
//! is no change.

use super::asks::Asks;
use super::change::{outcome, patch};
use super::cluster::Cluster;
use super::hidden::hide;
use super::object::{self, Object};
use super::request::Sent;
use super::waiting::{WAIT, Wait, Waited};
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `kubernetes.core.k8s_json_patch`.
pub(crate) struct K8sJsonPatch;

/// What a task gives to [`K8sJsonPatch`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    object: Object,
    patch: Vec<Json>,
    hidden_fields: Vec<String>,
    #[serde(flatten)]
    wait: Wait,
}

const OWN: [Opt; 2] = [
    Opt::new("patch", Kind::List, "The operations, as RFC 6902 has them.").elements(Kind::Dict).required(),
    object::HIDDEN.default("[]"),
];

impl Asks for K8sJsonPatch {
    const NAME: &'static str = "kubernetes.core.k8s_json_patch";
    const SPEC: Spec = Spec::new("Applies a JSON patch to an object of a Kubernetes cluster.", options![object::ONE, OWN, WAIT, way::OPTIONS]).examples(
        "- name: web is stopped\n  k8s_json_patch:\n    kind: Deployment\n    api_version: apps/v1\n    name: web\n    namespace: shop\n    patch: [{op: replace, path: /spec/replicas, value: 0}]\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let (_, path) = args.object.find(cluster).await?;
        let before = cluster.get(&path).await.map_err(|refusal| {
            let Object { kind, name, .. } = &args.object;
            refusal.failing(&format!("{kind} {name}: Failed to retrieve requested object"))
        })?;
        let body = Json::Array(args.patch.clone());
        let answer = patch(cluster, &path, Sent::JsonPatch, &body, cx.check_mode).await;
        let answer = answer.map_err(|refusal| refusal.failing("Failed to patch existing object"))?;
        let mut output = outcome(&before, &answer.body, cx.diff);
        let (mut after, mut done) = (answer.body, true);
        if args.wait.wait && !cx.check_mode {
            let waited = args.wait.of(cluster, &path, false).await?;
            output = output.with("duration", waited.duration);
            (after, done) = (waited.object, waited.done);
        }
        hide(&mut after, &args.hidden_fields);
        Waited::settled(done, output.with("result", after), "Resource update timed out")
    }
}
