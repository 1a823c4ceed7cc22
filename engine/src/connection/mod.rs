//! How the engine wants a road to be. A [`Target`] comes in, an open [`Connection`] goes out, and on it commands
//! run. A command that ends with a non-zero code is an answer; a [`ConnectionError`] is the road's own failure.
//! Nothing here prints a password: secrets are [`Secret`]s.

mod command;
mod error;
mod escalation;

pub use command::{Command, Completed, Way};
pub use error::{ConnectionError, Trouble};
pub use escalation::{Escalation, Method};

pub use crate::secret::Secret;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Everything a connector must know to reach one host. Two equal targets share one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The name in the inventory, for messages.
    pub host: Arc<str>,
    /// `ssh`, `local`, or another connector's name.
    pub kind: Arc<str>,
    /// `ansible_host`: a name or an address.
    pub address: String,
    /// `ansible_port`; unset means what ssh's configuration says, else 22.
    pub port: Option<u16>,
    /// `ansible_user`; unset means what ssh's configuration says, else the local user.
    pub user: Option<String>,
    /// `ansible_password`.
    pub password: Option<Secret>,
    /// `ansible_ssh_private_key_file`.
    pub private_key: Option<PathBuf>,
    /// `ansible_ssh_private_key_passphrase`.
    pub passphrase: Option<Secret>,
    /// `ansible_ssh_args`, `_common_args` and `_extra_args`, as written, in the order ssh would see them.
    pub arguments: Vec<String>,
    /// `ansible_host_key_checking`, `host_key_checking`: false accepts any host key; unset follows ssh's configuration.
    pub host_key_checking: Option<bool>,
    /// How long connecting and logging in may take.
    pub timeout: Duration,
    /// `ansible_shell_executable`: the POSIX shell, `/bin/sh`.
    pub shell: String,
}

impl Target {
    /// This machine, under a host's name.
    #[must_use]
    pub fn local(host: impl Into<Arc<str>>) -> Self {
        Self {
            host: host.into(),
            kind: Arc::from("local"),
            address: "localhost".into(),
            port: None,
            user: None,
            password: None,
            private_key: None,
            passphrase: None,
            arguments: vec![],
            host_key_checking: None,
            timeout: Duration::from_secs(10),
            shell: "/bin/sh".into(),
        }
    }
}

/// A stream through a connection to somewhere behind it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open way to one target. Cheap to share; closing is dropping.
pub trait Connection: Send + Sync {
    /// Runs one command to its end. A non-zero `rc` is an answer, not an error. Many may run at once. Dropping the
    /// future ends the remote process group.
    fn exec<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Completed, ConnectionError>>;

    /// A stream to `host:port` as seen from the target.
    fn tunnel<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectionError>>;

    /// Whether it still answers; a pool opens a new one when not.
    fn is_open(&self) -> bool;

    /// Waits until what dropped commands left behind has been ended. Ask before the program ends.
    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Opens connections of one kind: `ssh`, `local`, `scripted`.
pub trait Connector: Send + Sync {
    /// The kind, as `ansible_connection` names it.
    fn name(&self) -> &'static str;

    /// Other names for the same kind.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// Opens a connection.
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>>;
}
