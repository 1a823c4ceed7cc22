//! `kubernetes.core.k8s_rollback`: Deployments and DaemonSets with the template they had one revision ago, which their ReplicaSets
//! and ControllerRevisions remember.

use super::asks::Asks;
use super::change::patch;
use super::cluster::Cluster;
use super::log::selected;
use super::object::{self, Chosen, selector};
use super::request::Sent;
use super::resource::Resource;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The annotation with the number of a Deployment's revision.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// `kubernetes.core.k8s_rollback`.
pub(crate) struct K8sRollback;

/// What a task gives to [`K8sRollback`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    chosen: Chosen,
    field_selectors: Vec<String>,
}

const OWN: [Opt; 6] =
    [object::KIND, object::API_VERSION, object::NAME, object::NAMESPACE, object::LABELS, object::FIELDS];

impl Asks for K8sRollback {
    const NAME: &'static str = "kubernetes.core.k8s_rollback";
    const SPEC: Spec = Spec::new("Rolls a Deployment or DaemonSet back by one revision.", options![OWN, way::OPTIONS]).examples(
        "- name: web is as it was\n  k8s_rollback:\n    api_version: apps/v1\n    kind: Deployment\n    name: web\n    namespace: shop\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let chosen = &args.chosen;
        let resource = cluster.resource(&chosen.api_version, &chosen.kind).await?;
        if !matches!(resource.kind.as_str(), "Deployment" | "DaemonSet") {
            return Err(Failure::new(format!(
                "Cannot perform rollback on resource of kind {}",
                resource.kind
            )));
        }
        let namespace = cluster.space(chosen.namespace.as_deref());
        let fields = chosen.name.iter().map(|name| format!("metadata.name={name}"));
        let fields: Vec<String> = fields.chain(args.field_selectors.clone()).collect();
        let (labels, fields) = (selector(&chosen.label_selectors), selector(&fields));
        let pairs = [("labelSelector", labels.as_str()), ("fieldSelector", fields.as_str())];
        let found = cluster.list(&resource.path(Some(namespace)), &pairs).await?;
        let (mut results, mut changed, mut warnings) = (vec![], false, vec![]);
        for owner in &found {
            let name = owner.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
            match before(cluster, &resource, namespace, owner).await? {
                None => {
                    let warning = format!("No rollout history found for resource {}/{name}", resource.kind);
                    results.push(json!({"changed": false, "warnings": [warning]}));
                    warnings.push(warning);
                }
                Some((sent, body)) => {
                    let path = resource.object(Some(namespace), name);
                    let answer = patch(cluster, &path, sent, &body, cx.check_mode).await;
                    let answer = answer.map_err(|refusal| {
                        refusal.failing(&format!("{} {name}: Failed to roll back", resource.kind))
                    })?;
                    results.push(
                        json!({"changed": true, "method": "patch", "body": body, "resources": answer.body}),
                    );
                    changed = true;
                }
            }
        }
        let output = Output::new(changed).with("rollback_info", results);
        Ok(warnings.into_iter().fold(output, Output::warn))
    }
}

/// The patch to the revision before this one, if that is remembered.
async fn before(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    owner: &Json,
) -> Result<Option<(Sent, Json)>, Failure> {
    let is_deployment = resource.kind == "Deployment";
    let (kept, now) = match is_deployment {
        true => ("ReplicaSet", revision(owner)),
        false => ("ControllerRevision", None),
    };
    let kept = cluster.resource("apps/v1", kept).await?;
    let labels = selected(owner).unwrap_or_default();
    let mut own = cluster.list(&kept.path(Some(namespace)), &[("labelSelector", &labels)]).await?;
    let uid = owner.pointer("/metadata/uid");
    own.retain(|one| {
        let owners = one.pointer("/metadata/ownerReferences").and_then(Json::as_array);
        owners.is_some_and(|owners| owners.iter().any(|reference| reference.get("uid") == uid))
    });
    // The one before: not always one less, for a rollback gives an old revision a new number.
    let number =
        |one: &Json| if is_deployment { revision(one) } else { one.get("revision").and_then(Json::as_i64) };
    let now = now.or_else(|| own.iter().filter_map(number).max());
    own.retain(|one| number(one).zip(now).is_some_and(|(number, now)| number < now));
    let Some(previous) = own.into_iter().max_by_key(|one| number(one)) else { return Ok(None) };
    if !is_deployment {
        return Ok(previous.get("data").cloned().map(|data| (Sent::StrategicPatch, data)));
    }
    let Some(mut template) = previous.pointer("/spec/template").cloned() else { return Ok(None) };
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Json::as_object_mut) {
        labels.shift_remove("pod-template-hash");
    }
    // The controller counts revisions; the annotations of the Deployment are nobody's to lose.
    Ok(Some((Sent::JsonPatch, json!([{"op": "replace", "path": "/spec/template", "value": template}]))))
}

fn revision(object: &Json) -> Option<i64> {
    object.pointer("/metadata/annotations")?.get(REVISION)?.as_str()?.parse().ok()
}
