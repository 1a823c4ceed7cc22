//! Packages: `apt` and its repositories, `dnf` and `yum`, `package`, `pip`, `rpm_key`. What is installed is asked of the
//! target's own tools, what differs becomes one command line of theirs, and what that printed is the answer. No Python.

mod apt;
mod apt_key;
mod apt_repository;
mod deb822_repository;
mod debconf;
mod dnf;
mod dpkg_selections;
mod package;
mod pip;
mod rpm_key;
mod version;

use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry
        .with(apt::Apt)
        .with(apt_repository::AptRepository)
        .with(apt_key::AptKey)
        .with(deb822_repository::Deb822Repository)
        .with(debconf::Debconf)
        .with(dpkg_selections::DpkgSelections)
        .with(package::Package)
        .with(pip::Pip)
        .with(rpm_key::RpmKey)
        .with(dnf::Dnf)
}
