//! Waiting for hosts, ports and files, and asking over HTTP. What is asked is seen from the target unless a module says
//! otherwise; nothing needs Python there.

mod connection;
mod dns_query;
mod firewalld;
mod iptables;
mod port;
mod ufw;
mod unreached;
mod uri;
pub(crate) mod urllib;
mod wait_for;
mod wait_ssh;

pub use connection::WaitForConnection;
pub use dns_query::DnsQuery;
pub use firewalld::Firewalld;
pub use iptables::Iptables;
pub use ufw::Ufw;
pub use uri::Uri;
pub use wait_for::WaitFor;
pub use wait_ssh::WaitSsh;

pub(crate) use unreached::unreached;

use muster_engine::module::{Context, Registry};

/// The registry with these modules.
pub(crate) fn add(registry: Registry) -> Registry {
    registry
        .with(WaitSsh)
        .with(WaitFor)
        .with(WaitForConnection)
        .with(Uri)
        .with(DnsQuery)
        .with(Iptables)
        .with(Ufw)
        .with(Firewalld)
}

/// Logs in anew and runs a command that does nothing.
///
/// # Errors
/// Why it did not work.
async fn logged_in(cx: &Context) -> Result<(), String> {
    cx.road.reset();
    let answered = cx.sh("exit 0").await.map_err(|failure| failure.message().to_string())?;
    match answered.succeeded() {
        true => Ok(()),
        false => Err(format!("the shell ended with {}: {}", answered.rc, answered.err().trim())),
    }
}
