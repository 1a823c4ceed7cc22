//! etcd: its members, its health, its backups. Everything is asked of etcdctl on the host a task runs on ([`client`]), a
//! whole cluster is read at once ([`world`]), and no change of members happens but by the arithmetic of [`quorum`].

mod alarm;
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
mod world;

pub use alarm::EtcdAlarm;
pub use defrag::EtcdDefrag;
pub use etcdctl::Etcdctl;
pub use health::EtcdHealth;
pub use identity::EtcdIdentity;
pub use info::EtcdMemberInfo;
pub use membership::EtcdMember;
pub use replacement::EtcdReplacement;
pub use snapshot::EtcdSnapshot;

use crate::kube::Clusters;
use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry, clusters: &Clusters) -> Registry {
    registry
        .with(Etcdctl { clusters: clusters.clone() })
        .with(EtcdMemberInfo)
        .with(EtcdMember)
        .with(EtcdHealth)
        .with(EtcdIdentity)
        .with(EtcdReplacement)
        .with(EtcdSnapshot)
        .with(EtcdDefrag)
        .with(EtcdAlarm)
}
