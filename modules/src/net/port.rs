//! Ports as the target sees them. A host and a port come in; a stream, or only whether something answers, goes out.
//! First the connection is asked to reach there itself; where it cannot, what the target's shell offers is used.

use crate::command::words::quote;
use muster_engine::connection::{Stream, Trouble};
use muster_engine::module::{Context, Failure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::timeout;

/// What came of trying a port.
pub(super) enum Port {
    /// It answers, and here is the way to it.
    Stream(Box<dyn Stream>),
    /// It answers; nothing can be read from it.
    Open,
    /// It does not answer.
    Closed,
}

/// The exit code of a probe for which the target has no means.
const NO_MEANS: i32 = 93;

/// Tries a port.
///
/// # Errors
/// The target offers no means to try one.
pub(super) async fn try_port(cx: &Context, host: &str, port: u16, within: Duration) -> Result<Port, Failure> {
    let connection = cx.connection().await?;
    match timeout(within, connection.tunnel(host, port)).await {
        Ok(Ok(stream)) => return Ok(Port::Stream(stream)),
        Ok(Err(error)) if error.trouble != Trouble::Unsupported => return Ok(Port::Closed),
        Ok(Err(_)) => {}
        Err(_) => return Ok(Port::Closed),
    }
    let seconds = within.as_secs().max(1);
    let (host, local) = (quote(host), listens(host, port));
    let script = format!(
        "h={host}; p={port}; s={seconds}\n\
         if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then\n\
         timeout $s bash -c 'exec 3<>/dev/tcp/$0/$1' \"$h\" \"$p\" 2>/dev/null; exit $?\nfi\n\
         if command -v nc >/dev/null 2>&1; then nc -w $s \"$h\" $p </dev/null >/dev/null 2>&1; exit $?; fi\n\
         {local}\nexit {NO_MEANS}\n"
    );
    let seen = cx.sh(script).await?;
    match seen.rc {
        0 => Ok(Port::Open),
        NO_MEANS => Err(Failure::new(format!(
            "cannot try {host}:{port}: the connection forwards no streams, and the target has neither \
             bash with timeout nor nc (install one of them, or delegate the task to another host)"
        ))),
        _ => Ok(Port::Closed),
    }
}

/// A script that ends with 0 or 1 when the host is the target itself: its table of sockets tells.
fn listens(host: &str, port: u16) -> String {
    let own = match host {
        "localhost" => true,
        other => other.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified()),
    };
    match own {
        true => format!(
            "if [ -r /proc/net/tcp ]; then cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | \
             grep -q ':{port:04X} [0-9A-F]*:0000 0A'; exit $?; fi"
        ),
        false => String::new(),
    }
}

/// How many connections of a local port are in one of the states, without those to excluded addresses.
pub(super) fn active(table: &str, local: &[IpAddr], port: u16, states: &[&str], without: &[IpAddr]) -> usize {
    let counted = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(from), Some(to), Some(state)) = (fields.get(1), fields.get(2), fields.get(3)) else {
            return false;
        };
        let (Some((from, from_port)), Some((to, _))) = (end(from), end(to)) else { return false };
        from_port == port
            && states.contains(state)
            && !without.contains(&to)
            && local.iter().any(|ip| ip.is_unspecified() || *ip == from)
    };
    table.lines().filter(counted).count()
}

/// An address and port as `/proc/net/tcp` writes them: groups of four bytes in the machine's order, little-endian.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = hex::decode(address).ok()?;
    bytes.chunks_mut(4).for_each(<[u8]>::reverse);
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n\
        0: 0100007F:1F90 0100007F:C350 01 00000000:00000000\n\
        1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:C351 06 0\n\
        2: 00000000:1F90 00000000:0000 0A 0\n";

    #[test]
    fn connections_are_counted_by_address_port_and_state() {
        let here: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap()];
        let away: Vec<IpAddr> = vec!["127.0.0.2".parse().unwrap()];
        assert_eq!(active(TABLE, &here, 8080, &["01", "06"], &[]), 2);
        assert_eq!(active(TABLE, &here, 8080, &["01", "06"], &away), 1);
        assert_eq!(active(TABLE, &here, 8080, &["01"], &[]), 1);
        assert_eq!(active(TABLE, &away, 8080, &["01", "06"], &[]), 0);
        assert_eq!(active(TABLE, &here, 80, &["01", "06"], &[]), 0);
    }
}
