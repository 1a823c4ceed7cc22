//! Packages: `apt` and its repositories, `dnf` and `yum`, `package`, `pip`, `rpm_key`. What is installed is asked of the
//! target's own tools, what differs becomes one command line of theirs, and what that printed is the answer. No Python.

mod apt;
mod package;
mod version;

use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry.with(apt::Apt).with(package::Package)
}
