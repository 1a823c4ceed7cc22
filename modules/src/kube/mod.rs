//! Kubernetes: objects read and changed through its API. A task's [`way`] to a cluster becomes a [`cluster`] that all modules of a
//! run share: on this machine as kubectl would reach it, on a host through that host's own connection and `admin.conf`.

mod addons;
mod api_health;
mod change;
mod cluster;
mod cluster_info;
mod config;
mod definition;
mod drain;
mod health;
mod helm;
mod hidden;
mod info;
mod json_patch;
mod k8s;
mod label;
mod lock;
mod pod_status;
mod ready;
mod request;
mod resource;
mod road;
mod scale;
mod taint;
mod waiting;
mod way;

pub use addons::K8sAddons;
pub use api_health::K8sApiHealth;
pub use cluster_info::K8sClusterInfo;
pub use drain::K8sDrain;
pub use health::K8sHealth;
pub use helm::HelmInfo;
pub use info::K8sInfo;
pub use json_patch::K8sJsonPatch;
pub use k8s::K8s;
pub use label::K8sLabel;
pub use lock::ClusterLock;
pub use scale::K8sScale;
pub use taint::K8sTaint;

use cluster::Clusters;
use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    let clusters = Clusters::default();
    let of = || clusters.clone();
    registry
        .with(ClusterLock { clusters: of() })
        .with(HelmInfo { clusters: of() })
        .with(K8s { clusters: of() })
        .with(K8sAddons { clusters: of() })
        .with(K8sApiHealth { clusters: of() })
        .with(K8sClusterInfo { clusters: of() })
        .with(K8sHealth { clusters: of() })
        .with(K8sDrain { clusters: of() })
        .with(K8sInfo::new(of()))
        .with(K8sJsonPatch { clusters: of() })
        .with(K8sLabel { clusters: of() })
        .with(K8sScale { clusters: of() })
        .with(K8sTaint { clusters: of() })
}
