//! Reaching a host's ssh port: through every address its name has, through a bastion, or through a command's input
//! and output. What goes out is a stream and nothing is said on it yet.

use super::client::Gossip;
use super::config::{Route, Settings};
use super::connect::Phase;
use super::road::Link;
use muster_engine::connection::{ConnectionError, Stream, Trouble};
use russh::ChannelOpenFailure;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Why a host was not reached, as far as trying again is concerned.
pub(crate) enum Unreached {
    /// Trying again changes nothing.
    Final(ConnectionError),
    /// Nobody listens: tried again as often as ConnectionAttempts says.
    Refused(ConnectionError),
    /// The host is busy with other starts: tried again until the time is up.
    Shed(String),
}

/// A stream to the port.
pub(crate) struct Reached {
    /// The stream.
    pub stream: Box<dyn Stream>,
    /// The address at its other end, where there is one.
    pub address: Option<String>,
    /// The command it goes through.
    pub proxy: Option<Child>,
}

/// `host:port`, with brackets around an address of IPv6.
pub(crate) fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Reaches the port.
pub(crate) async fn reach(
    settings: &Settings,
    via: Option<&Arc<Link>>,
    phase: &Phase,
    gossip: &Gossip,
) -> Result<Reached, Unreached> {
    match (&settings.route, via) {
        (Route::Command(command), _) => through_command(command, gossip).map_err(|error| {
            Unreached::Final(ConnectionError::new(
                Trouble::Unreachable,
                format!("the ProxyCommand `{command}` cannot be started: {error}"),
            ))
        }),
        (_, Some(bastion)) => {
            phase.enter(Phase::CONNECTING);
            through_bastion(settings, bastion).await
        }
        (_, None) => directly(settings, phase).await,
    }
}

async fn through_bastion(settings: &Settings, bastion: &Arc<Link>) -> Result<Reached, Unreached> {
    let place = place(&settings.host, settings.port);
    let message = |why: &str| {
        ConnectionError::new(
            Trouble::Unreachable,
            format!("the bastion {} cannot reach {place}: {why}", bastion.label),
        )
    };
    match bastion.tunnel(&settings.host, settings.port).await {
        Ok(stream) => {
            let address = settings.host.parse::<std::net::IpAddr>().is_ok().then(|| settings.host.clone());
            Ok(Reached { stream, address, proxy: None })
        }
        Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited)) => {
            Err(Unreached::Final(
                message("it does not allow forwarding")
                    .hint("set AllowTcpForwarding yes in the bastion's sshd_config"),
            ))
        }
        Err(russh::Error::ChannelOpenFailure(_)) => {
            Err(Unreached::Refused(message("no answer, refused, or the name is not known there")))
        }
        Err(error) => Err(Unreached::Final(message(&error.to_string()))),
    }
}

async fn directly(settings: &Settings, phase: &Phase) -> Result<Reached, Unreached> {
    let (host, port) = (settings.host.as_str(), settings.port);
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        Unreached::Final(
            ConnectionError::new(Trouble::Unreachable, format!("Could not resolve hostname {host}: {error}"))
                .hint("set ansible_host to the address, or mend the name's entry in DNS or /etc/hosts"),
        )
    })?;
    let mut addresses: Vec<_> = Vec::new();
    for address in found {
        let wanted = settings.family.is_none_or(|family| (family == 4) == address.is_ipv4());
        if wanted && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    phase.enter(Phase::CONNECTING);
    let mut failures = Vec::new();
    let mut shed = false;
    let count = addresses.len();
    for (at, address) in addresses.into_iter().enumerate() {
        // The last address may take all the time that is left; the others must leave some.
        let limit = if at + 1 == count { Duration::from_secs(3600) } else { Duration::from_secs(4) };
        let connected = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match connected {
            Ok(stream) => {
                // Without it small packets wait for one another; a socket that refuses still works.
                let _ = stream.set_nodelay(true);
                let address = Some(address.ip().to_string());
                return Ok(Reached { stream: Box::new(stream), address, proxy: None });
            }
            Err(error) => {
                shed |= error.kind() == io::ErrorKind::ConnectionReset;
                failures.push(format!("{}: {error}", address.ip()));
            }
        }
    }
    let why =
        if failures.is_empty() { "it has no address of that family".to_owned() } else { failures.join("; ") };
    if shed {
        return Err(Unreached::Shed(why));
    }
    Err(Unreached::Refused(
        ConnectionError::new(Trouble::Unreachable, format!("cannot connect to {}: {why}", place(host, port)))
            .hint("is the host up, and does sshd listen on that port?"),
    ))
}

fn through_command(command: &str, gossip: &Gossip) -> io::Result<Reached> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let gossip = gossip.clone();
    tokio::spawn(async move {
        let mut said = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
            said.extend_from_slice(buffer.get(..n).unwrap_or_default());
            said.truncate(4096);
        }
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        if !said.is_empty() {
            gossip.note(format!("the ProxyCommand said: {said}"));
        }
    });
    let stream = tokio::io::join(stdout, stdin);
    Ok(Reached { stream: Box::new(stream), address: None, proxy: Some(child) })
}
