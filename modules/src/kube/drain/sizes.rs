//! How much the emptyDir volumes of a node's pods hold, as its kubelet counts. A node comes in; bytes by pod and volume go out, or
//! why nobody knows.

use super::node::Node;
use super::pod::Pod;
use crate::kube::cluster::Cluster;
use crate::kube::fields::{items, text};
use crate::kube::resource::encoded;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a kubelet may count.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes by the uid of a pod and the name of its volume.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    used: BTreeMap<(String, String), u64>,
    /// Why they are not known.
    pub unknown: Option<String>,
}

impl Sizes {
    /// What the kubelet of a node says, asked through the API server.
    pub async fn of(cluster: &Cluster, node: &Node) -> Self {
        let path = format!("/api/v1/nodes/{}/proxy/stats/summary", encoded(node.name()));
        let unknown = |why: String| Self { unknown: Some(why), ..Self::default() };
        match tokio::time::timeout(PATIENCE, cluster.get(&path)).await {
            Ok(Ok(summary)) => Self::read(&summary),
            Ok(Err(refusal)) => unknown(refusal.to_string()),
            Err(_) => unknown(format!("the kubelet did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn read(summary: &Json) -> Self {
        let mut used = BTreeMap::new();
        for pod in items(summary, "/pods") {
            for volume in items(pod, "/volume") {
                if let Some(bytes) = volume.get("usedBytes").and_then(Json::as_u64) {
                    let key = (text(pod, "/podRef/uid").to_owned(), text(volume, "/name").to_owned());
                    used.insert(key, bytes);
                }
            }
        }
        Self { used, unknown: None }
    }

    /// How much a volume of a pod holds.
    pub fn get(&self, pod: &Pod, volume: &str) -> Option<u64> {
        self.used.get(&(pod.uid().to_owned(), volume.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_volume_is_its_pod_s_and_one_that_was_not_counted_is_unknown() {
        let sizes = Sizes::read(&json!({"pods": [
            {"podRef": {"name": "a", "uid": "1"}, "volume": [{"name": "scratch", "usedBytes": 4096}, {"name": "late"}]},
            {"podRef": {"name": "b", "uid": "2"}},
        ]}));
        let pod = |uid: &str| Pod(json!({"metadata": {"uid": uid}}));
        assert_eq!(sizes.get(&pod("1"), "scratch"), Some(4096));
        assert_eq!((sizes.get(&pod("1"), "late"), sizes.get(&pod("2"), "scratch")), (None, None));
    }
}
