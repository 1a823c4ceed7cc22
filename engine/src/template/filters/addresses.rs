//! Filters of network addresses (`ansible.utils`). Addresses, networks and hardware addresses come in as text; what is
//! no address gives `false`, or falls out of a list.

mod queries;

use super::Table;
use crate::template::arguments::{Args, integer, is_list, items};
use crate::template::{Value, fault, python};
use ipnet::IpNet;
use minijinja::{Error, State};
use queries::each;
use std::net::{IpAddr, Ipv6Addr};

pub const TABLE: Table = &[
    ("ansible.utils.ipaddr", |_, value, args| each(value, &query(args)?, None, "ipaddr")),
    ("ansible.utils.ipv4", |_, value, args| each(value, &query(args)?, Some(4), "ipv4")),
    ("ansible.utils.ipv6", |_, value, args| each(value, &query(args)?, Some(6), "ipv6")),
    ("ansible.utils.ipwrap", |_, value, _| wrap(value)),
    ("ansible.utils.ipsubnet", |_, value, args| subnet(value, args)),
    ("ansible.utils.ipmath", |_, value, args| {
        let address = address(&python::text(value)?)?;
        Ok(Value::from(moved(address.addr(), i128::from(integer(&args.need(0, "amount")?)?))?.to_string()))
    }),
    ("ansible.utils.nthhost", |_, value, args| nth(value, args.get(0, "query").as_ref())),
    ("ansible.utils.next_nth_usable", |_, value, args| {
        let Some(net) = parse(&python::text(value)?) else { return Ok(Value::from(false)) };
        let next = moved(net.addr(), i128::from(integer(&args.need(0, "offset")?)?))?;
        Ok(usable(net, next))
    }),
    ("ansible.utils.previous_nth_usable", |_, value, args| {
        let Some(net) = parse(&python::text(value)?) else { return Ok(Value::from(false)) };
        Ok(usable(net, moved(net.addr(), -i128::from(integer(&args.need(0, "offset")?)?))?))
    }),
    ("ansible.utils.ip4_hex", |_, value, args| {
        let text = python::text(value)?;
        let Ok(address) = text.parse::<std::net::Ipv4Addr>() else {
            return Err(fault::error(format!("'{text}' is not a valid IPv4 address")));
        };
        let with = args.text(0, "delimiter")?.unwrap_or_default();
        Ok(Value::from(address.octets().map(|octet| format!("{octet:02x}")).join(&with)))
    }),
    ("ansible.utils.network_in_usable", |_, value, args| within(value, args, true)),
    ("ansible.utils.network_in_network", |_, value, args| within(value, args, false)),
    ("ansible.utils.cidr_merge", merge),
    ("ansible.utils.reduce_on_network", |_, value, args| {
        let net = address(&args.need_text(0, "network")?)?.trunc();
        let inside = |item: &Value| {
            item.as_str()
                .and_then(parse)
                .is_some_and(|item| net.contains(&item.network()) && net.contains(&item.broadcast()))
        };
        Ok(items(value)?.into_iter().filter(inside).collect())
    }),
    ("ansible.utils.hwaddr", |_, value, args| hardware(value, &args.text(0, "query")?.unwrap_or_default())),
    ("ansible.utils.macaddr", |_, value, args| hardware(value, &args.text(0, "query")?.unwrap_or_default())),
    ("ansible.utils.slaac", |_, value, args| slaac(value, &args.need_text(0, "query")?)),
];

/// An address or network that a test is asked about.
pub fn network(value: &Value) -> Option<IpNet> {
    parse(value.as_str()?)
}

/// Whether text is a hardware address.
pub fn is_hardware(value: &Value) -> bool {
    value.as_str().and_then(octets).is_some()
}

/// An address, with the whole of itself as its network if it has none.
fn parse(text: &str) -> Option<IpNet> {
    let text = text.trim();
    if let Some((address, mask)) = text.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        return match mask.parse::<u8>() {
            Ok(prefix) => IpNet::new(address, prefix).ok(),
            Err(_) => IpNet::with_netmask(address, mask.parse().ok()?).ok(),
        };
    }
    text.parse::<IpAddr>().ok().map(IpNet::from)
}

fn address(text: &str) -> Result<IpNet, Error> {
    parse(text).ok_or_else(|| fault::error(format!("'{text}' is not a valid IP address or network")))
}

fn query(args: &Args) -> Result<Value, Error> {
    Ok(args.get(0, "query").unwrap_or_else(|| Value::from("")))
}

/// The first and the last address that a host may have.
fn ends(net: IpNet) -> (IpAddr, IpAddr) {
    match net.max_prefix_len() - net.prefix_len() {
        0 | 1 => (net.network(), net.broadcast()),
        _ => (nth_in(net, 1).unwrap_or(net.network()), nth_in(net, -2).unwrap_or(net.broadcast())),
    }
}

/// The address if a host of the network may have it.
fn usable(net: IpNet, host: IpAddr) -> Value {
    let (first, last) = ends(net);
    if net.prefix_len() < net.max_prefix_len() && (first..=last).contains(&host) {
        Value::from(host.to_string())
    } else {
        Value::from(())
    }
}

/// The address some steps away.
fn moved(from: IpAddr, by: i128) -> Result<IpAddr, Error> {
    let beyond = || fault::error(format!("{from} moved by {by} is no address"));
    Ok(match from {
        IpAddr::V4(address) => {
            let number = i128::from(u32::from(address)).checked_add(by).ok_or_else(beyond)?;
            IpAddr::V4(u32::try_from(number).map_err(|_| beyond())?.into())
        }
        IpAddr::V6(address) => {
            let number = u128::from(address).checked_add_signed(by).ok_or_else(beyond)?;
            IpAddr::V6(number.into())
        }
    })
}

/// The address at a place in a network, counted from its end if negative.
fn nth_in(net: IpNet, index: i64) -> Option<IpAddr> {
    let base = if index < 0 { net.broadcast() } else { net.network() };
    let step = if index < 0 { i128::from(index) + 1 } else { i128::from(index) };
    moved(base, step).ok().filter(|host| net.contains(host))
}

fn nth(value: &Value, index: Option<&Value>) -> Result<Value, Error> {
    let (Some(net), Some(index)) = (parse(&python::text(value)?), index) else {
        return Ok(Value::from(false));
    };
    let host = nth_in(net, integer(index)?);
    Ok(host.map_or(Value::from(false), |host| Value::from(host.to_string())))
}

fn wrap(value: &Value) -> Result<Value, Error> {
    if is_list(value) {
        return items(value)?.iter().map(wrap).collect();
    }
    let text = python::text(value)?;
    let (address, rest) =
        text.split_once('/').map_or((text.as_str(), String::new()), |(a, p)| (a, format!("/{p}")));
    Ok(Value::from(match address.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{address}]{rest}"),
        Err(_) => text,
    }))
}

fn subnet(value: &Value, args: &Args) -> Result<Value, Error> {
    let Some(net) = parse(&python::text(value)?).map(|net| net.trunc()) else {
        return Ok(Value::from(false));
    };
    let query = args.text(0, "query")?.unwrap_or_default();
    let index = args.get(1, "index").as_ref().map(integer).transpose()?;
    if query.is_empty() {
        return Ok(Value::from(net.to_string()));
    }
    if !query.bytes().all(|byte| byte.is_ascii_digit()) {
        return place_in(net, &query);
    }
    let (prefix, most) = match query.parse::<u8>() {
        Ok(prefix) if prefix <= net.max_prefix_len() => (prefix, net.max_prefix_len()),
        _ => return Ok(Value::from(false)),
    };
    // Of a single address, what is around it is meant.
    if net.prefix_len() == most {
        let index = index.unwrap_or(0);
        if index > i64::from(most) + 1 - index || index < i64::from(prefix) - i64::from(most) {
            return Ok(Value::from(false));
        }
        let size = i64::from(if index < 0 { most } else { prefix }) + index;
        let size = u8::try_from(size).ok().filter(|size| (prefix..most).contains(size));
        let around = size.and_then(|size| IpNet::new(net.addr(), size).ok());
        let around = around.ok_or_else(|| fault::error("list index out of range"))?;
        return Ok(Value::from(around.trunc().to_string()));
    }
    let steps = match (prefix.checked_sub(net.prefix_len()), index) {
        (None, None) => return Err(fault::error(format!("Requested subnet size of {prefix} is invalid"))),
        (None, Some(0)) => return Ok(Value::from(format!("{}/{prefix}", net.addr()))),
        (None, Some(_)) => return Ok(Value::from(false)),
        (Some(steps), _) => u32::from(steps),
    };
    let count = 1u128.checked_shl(steps).unwrap_or(u128::MAX);
    let Some(index) = index else {
        return Ok(Value::from(count.to_string()));
    };
    let count = i128::try_from(count).unwrap_or(i128::MAX);
    let place = if index < 0 { count.saturating_add(i128::from(index)) } else { index.into() };
    if !(0..count).contains(&place) {
        return Ok(Value::from(false));
    }
    let size = 1i128.checked_shl(u32::from(most - prefix)).unwrap_or(i128::MAX);
    let start = moved(net.network(), place.saturating_mul(size))?;
    Ok(Value::from(format!("{start}/{prefix}")))
}

/// An address as a number.
fn whole_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Which of the subnets of its size a network is, within another one.
fn place_in(net: IpNet, query: &str) -> Result<Value, Error> {
    let outer = parse(query).map(|outer| outer.trunc()).ok_or_else(|| {
        fault::error(format!("You must pass a valid subnet or IP address; {query} is invalid"))
    })?;
    if !(outer.contains(&net.network()) && outer.contains(&net.broadcast())) {
        return Err(fault::error(format!("{net} is not in the subnet {outer}")));
    }
    let shift = u32::from(net.max_prefix_len() - net.prefix_len());
    let place = (whole_number(net.network()) - whole_number(outer.network())).checked_shr(shift).unwrap_or(0);
    Ok(Value::from((place + 1).to_string()))
}

fn within(value: &Value, args: &Args, usable: bool) -> Result<Value, Error> {
    let (outer, inner) = (parse(&python::text(value)?), parse(&args.need_text(0, "test")?));
    let (Some(outer), Some(inner)) = (outer, inner) else { return Ok(Value::from(false)) };
    let mut inside = outer.contains(&inner.network()) && outer.contains(&inner.broadcast());
    if usable && outer.prefix_len() + 1 < outer.max_prefix_len() {
        inside &= inner.addr() != outer.network() && inner.addr() != outer.broadcast();
    }
    Ok(Value::from(inside))
}

fn merge(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let nets: Vec<IpNet> =
        items(value)?.iter().map(|item| address(&python::text(item)?)).collect::<Result<_, Error>>()?;
    let merged = IpNet::aggregate(&nets);
    let action = args.text(0, "action")?.unwrap_or_else(|| "merge".into());
    if !matches!(action.as_str(), "merge" | "span") {
        return Err(fault::error(format!("cidr_merge: invalid action '{action}'")));
    }
    if action == "merge" {
        return Ok(merged.iter().map(ToString::to_string).collect());
    }
    let mut all = nets.iter();
    let Some(mut span) = all.next().map(IpNet::trunc) else { return Ok(Value::from(())) };
    for net in all {
        while !span.contains(&net.network()) || !span.contains(&net.broadcast()) {
            span = span.supernet().ok_or_else(|| fault::error("the networks have nothing in common"))?;
        }
    }
    Ok(Value::from(span.to_string()))
}

/// The six bytes of a hardware address.
fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: String = match text.split_once([':', '-']) {
        Some(_) => text.split([':', '-']).map(|part| format!("{part:0>2}")).collect(),
        None => text.replace('.', ""),
    };
    hex::decode(digits).ok().filter(|bytes| bytes.len() == 6)
}

fn hardware(value: &Value, query: &str) -> Result<Value, Error> {
    if is_list(value) {
        return items(value)?.iter().map(|item| hardware(item, query)).collect();
    }
    let text = python::text(value)?;
    let Some(bytes) = octets(&text) else {
        return match query {
            "" | "bool" => Ok(Value::from(())),
            _ => Err(fault::error(format!("{text} is not a valid MAC address"))),
        };
    };
    let joined = |with: &str, upper: bool| {
        let pairs =
            bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        Value::from(pairs.collect::<Vec<_>>().join(with))
    };
    let digits = hex::encode(&bytes);
    let dotted = |size: usize| {
        let parts: Vec<String> =
            digits.chars().collect::<Vec<_>>().chunks(size).map(|c| c.iter().collect()).collect();
        Value::from(parts.join("."))
    };
    Ok(match query {
        "" => Value::from(text),
        "bool" => Value::from(true),
        "bare" => joined("", true),
        "linux" | "unix" => joined(":", false),
        "eui48" | "win" => joined("-", true),
        "cisco" => dotted(4),
        "psql" | "pgsql" | "postgresql" => {
            Value::from(format!("{}:{}", digits.get(..6).unwrap_or(""), digits.get(6..).unwrap_or("")))
        }
        "int" => Value::from(bytes.iter().fold(0i64, |number, byte| (number << 8) | i64::from(*byte))),
        other => return Err(fault::error(format!("hwaddr: unknown filter type: {other}"))),
    })
}

fn slaac(value: &Value, query: &str) -> Result<Value, Error> {
    let Some(IpNet::V6(net)) = parse(&python::text(value)?) else { return Ok(Value::from(false)) };
    let Some(bytes) = octets(query) else {
        return Err(fault::error(format!("{query} is not a valid MAC address")));
    };
    let [a, b, c, d, e, f] = <[u8; 6]>::try_from(bytes).unwrap_or_default();
    let host = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let address = (u128::from(net.network()) & !u128::from(u64::MAX)) | u128::from(host);
    Ok(Value::from(Ipv6Addr::from(address).to_string()))
}
