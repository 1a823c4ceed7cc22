//! Facts about hosts and their services. Facts come from one POSIX sh script and what it printed; nothing needs Python
//! on the target.

mod getent;
mod ping;
mod setup;

pub use getent::Getent;
pub use ping::Ping;
pub use setup::{GatherFacts, Setup};

use muster_engine::module::Registry;

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry.with(Ping).with(Setup).with(GatherFacts).with(Getent)
}
