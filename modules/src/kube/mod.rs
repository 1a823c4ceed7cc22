//! Kubernetes: objects read and changed through its API. A task's [`way`] to a cluster becomes a [`cluster`] that all modules of a
//! run share: on this machine as kubectl would reach it, on a host through that host's own connection and `admin.conf`.

mod change;
mod cluster;
mod config;
mod definition;
mod drain;
mod hidden;
mod info;
mod json_patch;
mod k8s;
mod label;
mod lock;
mod ready;
mod request;
mod resource;
mod road;
mod scale;
mod taint;
mod waiting;
mod way;

pub use drain::K8sDrain;
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
        .with(K8s { clusters: of() })
        .with(K8sDrain { clusters: of() })
        .with(K8sInfo::new(of()))
        .with(K8sJsonPatch { clusters: of() })
        .with(K8sLabel { clusters: of() })
        .with(K8sScale { clusters: of() })
        .with(K8sTaint { clusters: of() })
}
