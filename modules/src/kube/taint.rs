//! `kubernetes.core.k8s_taint`: taints of a node, there or gone. The list of taints is replaced as a whole, guarded by the
//! resourceVersion it was read at, so that a taint that came in between is never lost.

use super::asks::Asks;
use super::change::{outcome, patch};
use super::cluster::Cluster;
use super::request::Sent;
use super::resource::encoded;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s_taint`.
pub(crate) struct K8sTaint;

/// What a task gives to [`K8sTaint`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    name: String,
    state: String,
    replace: bool,
    taints: Vec<Taint>,
}

/// One taint.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Taint {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<String>,
    #[serde(rename = "timeAdded", skip_serializing_if = "Option::is_none")]
    time_added: Option<String>,
}

impl Taint {
    /// Whether both are one taint, perhaps with another value; without an effect every effect is meant.
    fn is(&self, other: &Self) -> bool {
        self.key == other.key
            && (self.effect.is_none() || other.effect.is_none() || self.effect == other.effect)
    }
}

const TAINT: &[Opt] = &[
    Opt::new("key", Kind::Str, "Its key."),
    Opt::new("value", Kind::Str, "Its value."),
    Opt::new("effect", Kind::Str, "What it does.").choices(&["NoSchedule", "NoExecute", "PreferNoSchedule"]),
];
const OWN: [Opt; 4] = [
    Opt::new("name", Kind::Str, "The node.").required(),
    Opt::new("state", Kind::Str, "Whether the taints are there.")
        .choices(&["present", "absent"])
        .default("present"),
    Opt::new("taints", Kind::List, "The taints.").elements(Kind::Dict).options(TAINT).required(),
    Opt::new("replace", Kind::Bool, "Whether the node has no other taints.").default("false"),
];

impl Asks for K8sTaint {
    const NAME: &'static str = "kubernetes.core.k8s_taint";
    const SPEC: Spec = Spec::new("Taints a node of a Kubernetes cluster, or takes taints from it.", options![OWN, way::OPTIONS]).examples(
        "- name: worker-1 takes no new pods\n  k8s_taint:\n    name: worker-1\n    taints: [{key: maintenance, effect: NoSchedule}]\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let path = format!("/api/v1/nodes/{}", encoded(&args.name));
        let mut tries = 0;
        loop {
            let node = match cluster.get(&path).await {
                Err(refusal) if refusal.is(404) => {
                    return Err(Failure::new(format!("Node '{}' has not been found.", args.name)));
                }
                other => other?,
            };
            let listed = node.pointer("/spec/taints").cloned().unwrap_or_else(|| json!([]));
            let before: Vec<Taint> =
                serde_json::from_value(listed).map_err(|error| Failure::new(error.to_string()))?;
            let after = wished(&before, args);
            if after == before {
                return Ok(outcome(&node, &node, cx.diff).with("result", node));
            }
            let version = node.pointer("/metadata/resourceVersion").cloned().unwrap_or(Json::Null);
            let body = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": after}});
            match patch(cluster, &path, Sent::MergePatch, &body, cx.check_mode).await {
                Ok(answer) => return Ok(outcome(&node, &answer.body, cx.diff).with("result", answer.body)),
                Err(refusal) if refusal.is(409) && tries < 5 => tries += 1,
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }
}

/// The taints a node shall have.
fn wished(before: &[Taint], args: &Args) -> Vec<Taint> {
    if args.state == "absent" {
        return before.iter().filter(|one| !args.taints.iter().any(|gone| gone.is(one))).cloned().collect();
    }
    let as_it_is = |wanted: &Taint| before.iter().find(|one| one.is(wanted) && one.value == wanted.value);
    let mut after: Vec<Taint> = before
        .iter()
        .filter(|one| match args.taints.iter().find(|wanted| wanted.is(one)) {
            Some(wanted) => wanted.value == one.value,
            None => !args.replace,
        })
        .cloned()
        .collect();
    after.extend(args.taints.iter().filter(|wanted| as_it_is(wanted).is_none()).cloned());
    after
}
