//! Volumes that are attached to a node, and the wait until those of pods that left are not any more: a machine that is switched off
//! before keeps them for minutes. A node and a time limit come in; what is still attached goes out.

use super::node::Node;
use super::pod::Pod;
use super::words::{lasting, plural};
use crate::kube::cluster::Cluster;
use crate::kube::fields::text;
use crate::kube::request::Refusal;
use crate::kube::resource::encoded;
use muster_engine::module::Live;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How often it is looked, and said what is waited for.
const POLL: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(30);

/// Waits until nothing is attached to a node but what the pods that stay there use; gives what is attached when the time is over.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(super) async fn released(
    cluster: &Cluster,
    node: &Node,
    limit: Duration,
    live: &Live,
) -> Result<Vec<String>, Refusal> {
    let begun = Instant::now();
    let mut said: Option<Instant> = None;
    let field = format!("spec.nodeName={}", node.name());
    let staying = cluster.list("/api/v1/pods", &[("fieldSelector", &field)]).await?;
    let kept = volumes_of(cluster, staying.into_iter().map(Pod)).await?;
    loop {
        let left = attached(cluster, node, &kept).await?;
        if left.is_empty() || begun.elapsed() >= limit {
            return Ok(left);
        }
        if said.is_none_or(|at| at.elapsed() >= EVERY) {
            said = Some(Instant::now());
            live.line(format!(
                "waiting for {} to be detached from node/{}: {}; {} left",
                plural(left.len(), "volume"),
                node.name(),
                left.join(", "),
                lasting(limit.saturating_sub(begun.elapsed()))
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The volumes that pods mount through claims.
async fn volumes_of(cluster: &Cluster, pods: impl Iterator<Item = Pod>) -> Result<BTreeSet<String>, Refusal> {
    let mut names = BTreeSet::new();
    for pod in pods {
        for claim in pod.claims() {
            let space = encoded(pod.namespace());
            let path = format!("/api/v1/namespaces/{space}/persistentvolumeclaims/{}", encoded(claim));
            match cluster.get(&path).await {
                Ok(claim) => _ = names.insert(text(&claim, "/spec/volumeName").to_owned()),
                Err(refusal) if refusal.is(404) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    Ok(names)
}

async fn attached(cluster: &Cluster, node: &Node, kept: &BTreeSet<String>) -> Result<Vec<String>, Refusal> {
    let all = cluster.list("/apis/storage.k8s.io/v1/volumeattachments", &[]).await?;
    Ok(all.iter().filter(|one| holds(one, node.name(), kept)).map(shown).collect())
}

/// Whether an attachment is one to this node, of a volume that nobody there is to keep.
fn holds(attachment: &Json, node: &str, kept: &BTreeSet<String>) -> bool {
    text(attachment, "/spec/nodeName") == node
        && !kept.contains(text(attachment, "/spec/source/persistentVolumeName"))
}

/// The volume, who attaches it, and what went wrong if something did.
fn shown(attachment: &Json) -> String {
    let volume = match text(attachment, "/spec/source/persistentVolumeName") {
        "" => text(attachment, "/metadata/name"),
        volume => volume,
    };
    let attacher = text(attachment, "/spec/attacher");
    match text(attachment, "/status/detachError/message") {
        "" => format!("{volume} ({attacher})"),
        error => format!("{volume} ({attacher}: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_pod_that_stays_uses_may_stay_attached() {
        let attachment = |node: &str, volume: &str| {
            json!({"metadata": {"name": "csi-1"}, "spec": {"attacher": "csi.example.com", "nodeName": node,
                "source": {"persistentVolumeName": volume}}, "status": {"detachError": {"message": "busy"}}})
        };
        let kept = BTreeSet::from(["logs".to_owned()]);
        assert!(holds(&attachment("w1", "pv-1"), "w1", &kept));
        assert!(!holds(&attachment("w1", "logs"), "w1", &kept));
        assert!(!holds(&attachment("w2", "pv-1"), "w1", &kept));
        assert_eq!(shown(&attachment("w1", "pv-1")), "pv-1 (csi.example.com: busy)");
    }
}
