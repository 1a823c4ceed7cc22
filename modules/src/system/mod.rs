//! Facts about hosts and their services. Facts come from one POSIX sh script and what it printed; nothing needs Python
//! on the target.

mod account;
mod authorized_key;
mod cron;
mod getent;
mod group;
mod hostname;
mod known_hosts;
mod locale_gen;
mod modprobe;
mod mount;
mod mount_facts;
mod package_facts;
mod ping;
mod reboot;
mod service;
mod service_facts;
mod setup;
mod sysctl;
mod systemd;
mod sysvinit;
mod timezone;
mod user;

pub use authorized_key::AuthorizedKey;
pub use cron::Cron;
pub use getent::Getent;
pub use group::Group;
pub use hostname::Hostname;
pub use known_hosts::KnownHosts;
pub use locale_gen::LocaleGen;
pub use modprobe::Modprobe;
pub use mount::Mount;
pub use mount_facts::MountFacts;
pub use package_facts::PackageFacts;
pub use ping::Ping;
pub use reboot::Reboot;
pub use service::Service;
pub use service_facts::ServiceFacts;
pub use setup::{GatherFacts, Setup};
pub use sysctl::Sysctl;
pub use systemd::SystemdService;
pub use sysvinit::Sysvinit;
pub use timezone::Timezone;
pub use user::User;

use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry
        .with(Ping)
        .with(Setup)
        .with(GatherFacts)
        .with(Cron)
        .with(Getent)
        .with(Group)
        .with(AuthorizedKey)
        .with(Hostname)
        .with(KnownHosts)
        .with(User)
        .with(ServiceFacts)
        .with(PackageFacts)
        .with(SystemdService)
        .with(Service)
        .with(Sysctl)
        .with(Modprobe)
        .with(Mount)
        .with(MountFacts)
        .with(Reboot)
        .with(Sysvinit)
        .with(Timezone)
        .with(LocaleGen)
}
