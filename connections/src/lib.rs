//! The roads: ssh, this machine, and scripted answers. Each is a [`Connector`]; above them the engine knows only the
//! trait. Nothing here knows playbooks or modules.

mod local;
mod shell;

pub use local::Local;
use muster_engine::connection::Connector;
use std::sync::Arc;

/// What the face decides for all connections.
#[derive(Clone, Default)]
pub struct Options {}

/// All connectors that are built in.
#[must_use]
pub fn builtin(_options: Options) -> Vec<Arc<dyn Connector>> {
    vec![Arc::new(Local)]
}
