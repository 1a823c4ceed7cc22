//! Connections over ssh. A [`Target`] comes in, a connection with framed shells and tunnels goes out. The user's
//! ssh configuration, agent, keys and known hosts count as they do for OpenSSH; no program of OpenSSH is needed.

mod auth;
mod client;
mod config;
mod connect;
mod keyring;
mod known_hosts;
mod reach;
mod road;

use crate::Options;
use crate::shell::pool::Pool;
pub(crate) use config::Me;
use connect::Network;
use futures_util::future::BoxFuture;
use keyring::Keyring;
use muster_engine::connection::{
    Command, Completed, Connection, ConnectionError, Connector, Stream, Target, Trouble,
};
use road::{Link, SshRoad};
use std::sync::Arc;

/// Opens connections over ssh.
pub struct Ssh {
    network: Network,
}

impl Ssh {
    /// With the face's options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let keyring = Keyring::new(options.prompter);
        Self { network: Network::new(Me::here(options.home), keyring, options.starts) }
    }
}

impl Connector for Ssh {
    fn name(&self) -> &'static str {
        "ssh"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["ansible.builtin.ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.paramiko_ssh"]
    }

    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(async move {
            let link = self.network.open(target).await?;
            let pool = Pool::new(SshRoad { link: Arc::clone(&link) }, &target.shell);
            Ok(Arc::new(SshConnection { link, pool }) as Arc<dyn Connection>)
        })
    }
}

struct SshConnection {
    link: Arc<Link>,
    pool: Arc<Pool<SshRoad>>,
}

impl Connection for SshConnection {
    fn exec<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Completed, ConnectionError>> {
        Box::pin(self.pool.exec(command))
    }

    fn tunnel<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectionError>> {
        Box::pin(async move {
            self.link.tunnel(host, port).await.map_err(|error| {
                ConnectionError::new(
                    Trouble::Unreachable,
                    format!("{} cannot reach {}: {error}", self.link.label, reach::place(host, port)),
                )
            })
        })
    }

    fn is_open(&self) -> bool {
        self.link.is_open()
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.settled())
    }
}
