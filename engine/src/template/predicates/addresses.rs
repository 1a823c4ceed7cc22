//! Tests of network addresses (`ansible.utils`).

use super::Table;
use crate::template::arguments::Args;
use crate::template::filters::addresses::{is_hardware, network};
use crate::template::{Value, fault};
use ipnet::IpNet;
use minijinja::Error;
use std::net::IpAddr;

pub const TABLE: Table = &[
    ("ansible.utils.ip", |_, value, _| Ok(whole(value).is_some())),
    ("ansible.utils.ip_address", |_, value, _| Ok(single(value).is_some())),
    ("ansible.utils.ipv4", |_, value, _| Ok(whole(value).is_some_and(|net| net.addr().is_ipv4()))),
    ("ansible.utils.ipv4_address", |_, value, _| Ok(single(value).is_some_and(|ip| ip.is_ipv4()))),
    ("ansible.utils.ipv6", |_, value, _| Ok(whole(value).is_some_and(|net| net.addr().is_ipv6()))),
    ("ansible.utils.ipv6_address", |_, value, _| Ok(single(value).is_some_and(|ip| ip.is_ipv6()))),
    ("ansible.utils.mac", |_, value, _| Ok(is_hardware(value))),
    ("ansible.utils.loopback", |_, value, _| Ok(single(value).is_some_and(|ip| ip.is_loopback()))),
    ("ansible.utils.multicast", |_, value, _| Ok(single(value).is_some_and(|ip| ip.is_multicast()))),
    ("ansible.utils.unspecified", |_, value, _| Ok(single(value).is_some_and(|ip| ip.is_unspecified()))),
    ("ansible.utils.private", |_, value, _| Ok(single(value).is_some_and(is_private))),
    ("ansible.utils.public", |_, value, _| {
        Ok(single(value).is_some_and(|ip| !is_private(ip) && !ip.is_multicast() && !ip.is_unspecified()))
    }),
    ("ansible.utils.in_network", |_, value, args| {
        Ok(single(value).is_some_and(|ip| other(args).is_ok_and(|net| net.contains(&ip))))
    }),
    ("ansible.utils.subnet_of", |_, value, args| Ok(holds(other(args)?, network(value)))),
    ("ansible.utils.supernet_of", |_, value, args| {
        Ok(network(value).is_some_and(|net| other(args).is_ok_and(|inner| holds(net, Some(inner)))))
    }),
];

/// A network without bits of a host, or an address.
fn whole(value: &Value) -> Option<IpNet> {
    network(value).filter(|net| net.addr() == net.network())
}

/// An address that names no network.
fn single(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

fn other(args: &Args) -> Result<IpNet, Error> {
    let text = args.need(0, "network")?;
    network(&text)
        .ok_or_else(|| fault::error(format!("{text} does not appear to be an IPv4 or IPv6 network")))
}

fn holds(outer: IpNet, inner: Option<IpNet>) -> bool {
    inner.is_some_and(|inner| outer.contains(&inner.network()) && outer.contains(&inner.broadcast()))
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}
