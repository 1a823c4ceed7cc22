//! Facts about hosts and their services. Facts come from one POSIX sh script and what it printed; nothing needs Python
//! on the target.

mod ping;

pub use ping::Ping;

use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry.with(Ping)
}
