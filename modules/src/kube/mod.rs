//! Kubernetes: objects read and changed through its API. A task's [`way`] to a cluster becomes a [`cluster`] that all modules of a
//! run share: on this machine as kubectl would reach it, on a host through that host's own connection and `admin.conf`.

mod cluster;
mod config;
mod hidden;
mod info;
mod ready;
#[expect(dead_code, reason = "modules that change objects send more than these")]
mod request;
mod resource;
mod road;
mod way;

pub use info::K8sInfo;

use cluster::Clusters;
use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    let clusters = Clusters::default();
    registry.with(K8sInfo::new(clusters))
}
