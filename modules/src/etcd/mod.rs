//! etcd: its members, its health, its backups. Everything is asked of etcdctl on the host a task runs on ([`client`]), a
//! whole cluster is read at once ([`world`]), and no change of members happens but by the arithmetic of [`quorum`].

mod alarm;
mod asks;
mod client;
mod defrag;
mod etcdctl;
mod health;
mod identity;
mod info;
mod member;
mod membership;
mod pod;
pub mod quorum;
mod replacement;
mod snapshot;
mod snapshot_info;
mod world;

pub use alarm::EtcdAlarm;
pub use defrag::EtcdDefrag;
pub use etcdctl::Etcdctl;
pub use membership::EtcdMember;
pub use snapshot::EtcdSnapshot;
pub use snapshot_info::EtcdSnapshotInfo;

use crate::kube::Clusters;
use asks::On;
use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry, clusters: &Clusters) -> Registry {
    registry
        .with(Etcdctl { clusters: clusters.clone() })
        .with(On::<info::EtcdMemberInfo>::new(clusters))
        .with(EtcdMember)
        .with(On::<health::EtcdHealth>::new(clusters))
        .with(On::<identity::EtcdIdentity>::new(clusters))
        .with(On::<replacement::EtcdReplacement>::new(clusters))
        .with(EtcdSnapshot)
        .with(EtcdSnapshotInfo)
        .with(EtcdDefrag)
        .with(EtcdAlarm)
}
