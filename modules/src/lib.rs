//! x

mod files;

use muster_engine::module::Registry;

/// Every module there is.
#[must_use]
pub fn registry() -> Registry {
    files::register(Registry::default())
}
