//! The roads: ssh, this machine, and scripted answers. Each is a [`Connector`]; above them the engine knows only the
//! trait. Nothing here knows playbooks or modules.

mod local;
mod prompter;
mod scripted;
mod shell;
mod ssh;

pub use local::Local;
pub use prompter::Prompter;
pub use scripted::{Answer, Asked, Scripted};
pub use ssh::Ssh;

use muster_engine::connection::Connector;
use std::path::PathBuf;
use std::sync::Arc;

/// What the face decides for all connections.
#[derive(Clone)]
pub struct Options {
    /// Asks for the passphrases of keys; without it nobody is asked.
    pub prompter: Option<Arc<dyn Prompter>>,
    /// The home directory in place of the user's own.
    pub home: Option<PathBuf>,
    /// How many connections may be starting at once, for each bastion or address family. sshd begins to shed at 10.
    pub starts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { prompter: None, home: None, starts: 10 }
    }
}

/// The user who runs this, by the accounts of this machine.
#[must_use]
pub fn user() -> String {
    ssh::Me::here(None).user
}

/// All connectors that are built in.
#[must_use]
pub fn builtin(options: Options) -> Vec<Arc<dyn Connector>> {
    vec![Arc::new(Ssh::new(options)), Arc::new(Local), Arc::new(Scripted::default())]
}
