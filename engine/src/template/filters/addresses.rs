//! Filters of network addresses (`ansible.utils`). Addresses, networks and hardware addresses come in as text; what is
//! no address gives `false`, or falls out of a list.

use super::Table;
use crate::template::arguments::{Args, integer, is_list, items};
use crate::template::{Value, fault, python};
use ipnet::IpNet;
use minijinja::value::ValueKind;
use minijinja::{Error, State};
use std::net::{IpAddr, Ipv6Addr};

pub const TABLE: Table = &[
    ("ansible.utils.ipaddr", |_, value, args| each(value, &query(args)?, None)),
    ("ansible.utils.ipv4", |_, value, args| each(value, &query(args)?, Some(4))),
    ("ansible.utils.ipv6", |_, value, args| each(value, &query(args)?, Some(6))),
    ("ansible.utils.ipwrap", |_, value, _| wrap(value)),
    ("ansible.utils.ipsubnet", |_, value, args| subnet(value, args)),
    ("ansible.utils.ipmath", |_, value, args| {
        let address = address(&python::text(value)?)?;
        Ok(Value::from(moved(address.addr(), i128::from(integer(&args.need(0, "amount")?)?))?.to_string()))
    }),
    ("ansible.utils.nthhost", |_, value, args| nth(value, &args.need(0, "query")?)),
    ("ansible.utils.next_nth_usable", |_, value, args| {
        let net = address(&python::text(value)?)?;
        let next = moved(net.addr(), i128::from(integer(&args.need(0, "offset")?)?))?;
        Ok(usable(net, next))
    }),
    ("ansible.utils.previous_nth_usable", |_, value, args| {
        let net = address(&python::text(value)?)?;
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

/// A query about one address, or about those of a list that answer it.
fn each(value: &Value, query: &Value, version: Option<u8>) -> Result<Value, Error> {
    if is_list(value) {
        let answers = items(value)?.into_iter().map(|item| each(&item, query, version));
        let kept =
            answers.filter(|answer| !answer.as_ref().is_ok_and(|a| a.is_none() || *a == Value::from(false)));
        return kept.collect();
    }
    let text = match value.kind() {
        ValueKind::String => match value.as_str().unwrap_or("") {
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                match digits.parse::<u32>() {
                    Ok(number) => std::net::Ipv4Addr::from(number).to_string(),
                    Err(_) => return Ok(Value::from(false)),
                }
            }
            text => text.to_string(),
        },
        ValueKind::Number => match value.as_i64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => std::net::Ipv4Addr::from(number).to_string(),
            None => return Ok(Value::from(false)),
        },
        _ => return Ok(Value::from(false)),
    };
    let Some(net) = parse(&text) else { return Ok(Value::from(false)) };
    let right = match version {
        Some(4) => net.addr().is_ipv4(),
        Some(6) => net.addr().is_ipv6(),
        _ => true,
    };
    if !right {
        return Ok(Value::from(false));
    }
    if query.is_integer() {
        return Ok(nth_in(net, integer(query)?)
            .map_or(Value::from(false), |host| Value::from(format!("{host}/{}", net.prefix_len()))));
    }
    Ok(answer(net, &text, &python::text(query)?))
}

fn answer(net: IpNet, text: &str, query: &str) -> Value {
    let (address, prefix) = (net.addr(), net.prefix_len());
    let single = prefix == net.max_prefix_len();
    let is_network = address == net.network();
    let keep = |yes: bool| if yes { Value::from(text) } else { Value::from(()) };
    let size = 1u128.checked_shl(u32::from(net.max_prefix_len() - prefix)).unwrap_or(u128::MAX);
    let number =
        |number: u128| i64::try_from(number).map_or_else(|_| Value::from(number.to_string()), Value::from);
    match query {
        "" => Value::from(if text.contains('/') { net.to_string() } else { address.to_string() }),
        "address" | "ip" => keep_if(single || !is_network, address.to_string()),
        "host" => keep_if(single || !is_network, net.to_string()),
        "net" if is_network && !single => Value::from(net.to_string()),
        "net" => Value::from(()),
        "cidr" | "ip/prefix" => Value::from(net.to_string()),
        "ip_netmask" => Value::from(format!("{address} {}", net.netmask())),
        "network_wildcard" => Value::from(format!("{} {}", net.network(), net.hostmask())),
        "wrap" => Value::from(match address {
            IpAddr::V6(_) if text.contains('/') => format!("[{address}]/{prefix}"),
            IpAddr::V6(_) => format!("[{address}]"),
            IpAddr::V4(_) => text.to_string(),
        }),
        "network" | "network_id" => Value::from(net.network().to_string()),
        "network/prefix" | "subnet" => Value::from(net.trunc().to_string()),
        "network_netmask" => Value::from(format!("{} {}", net.network(), net.netmask())),
        "host/prefix" | "address/prefix" | "gateway" | "gw" => {
            keep_if(single || !is_network, net.to_string())
        }
        "prefix" => Value::from(i64::from(prefix)),
        "netmask" => Value::from(net.netmask().to_string()),
        "hostmask" | "wildcard" => Value::from(net.hostmask().to_string()),
        "broadcast" => keep_if(prefix + 1 < net.max_prefix_len(), net.broadcast().to_string()),
        "size" => number(size),
        "size_usable" => number(match size {
            1 | 2 => size,
            size => size - 2,
        }),
        "first_usable" | "last_usable" | "range_usable" if single => Value::from(()),
        "first_usable" => Value::from(ends(net).0.to_string()),
        "last_usable" => Value::from(ends(net).1.to_string()),
        "range_usable" => Value::from(format!("{}-{}", ends(net).0, ends(net).1)),
        "next_usable" => moved(address, 1).map_or(Value::from(()), |host| usable(net, host)),
        "previous_usable" => moved(address, -1).map_or(Value::from(()), |host| usable(net, host)),
        "version" | "type_version" => Value::from(if address.is_ipv4() { 4 } else { 6 }),
        "type" => Value::from(if is_network && !single { "network" } else { "address" }),
        "int" => {
            let whole = match address {
                IpAddr::V4(address) => u128::from(u32::from(address)),
                IpAddr::V6(address) => u128::from(address),
            };
            if text.contains('/') { Value::from(format!("{whole}/{prefix}")) } else { number(whole) }
        }
        "bool" => Value::from(true),
        "ipv4" | "v4" => match address {
            IpAddr::V6(address) => address
                .to_ipv4_mapped()
                .map_or(Value::from(()), |address| Value::from(format!("{address}/32"))),
            IpAddr::V4(_) => Value::from(text),
        },
        "ipv6" | "v6" => match address {
            IpAddr::V4(address) => Value::from(format!("{}/128", address.to_ipv6_mapped())),
            IpAddr::V6(_) => Value::from(text),
        },
        "private" => keep(is_private(address)),
        "public" => keep(!is_private(address) && !address.is_loopback() && !address.is_multicast()),
        "loopback" | "lo" => keep(address.is_loopback()),
        "multicast" => keep(address.is_multicast()),
        "unicast" => keep(!address.is_multicast()),
        "link-local" => keep(match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }),
        "revdns" => Value::from(match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
            }
            IpAddr::V6(address) => {
                let digits = format!("{:032x}", u128::from(address));
                let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
                format!("{}.ip6.arpa.", digits.join("."))
            }
        }),
        other => match (parse(other), other.parse::<i64>()) {
            (_, Ok(index)) => {
                nth_in(net, index).map_or(Value::from(false), |host| Value::from(format!("{host}/{prefix}")))
            }
            (Some(outer), _) => keep(outer.contains(&address)),
            _ => Value::from(false),
        },
    }
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

fn keep_if(yes: bool, text: String) -> Value {
    if yes { Value::from(text) } else { Value::from(false) }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
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

fn nth(value: &Value, index: &Value) -> Result<Value, Error> {
    let Some(net) = parse(&python::text(value)?) else { return Ok(Value::from(false)) };
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
    let net = address(&python::text(value)?)?;
    let Some(query) = args.get(0, "query").filter(|query| *query != Value::from("")) else {
        return Ok(Value::from(net.trunc().to_string()));
    };
    let index = args.get(1, "index");
    if let Some(outer) = query.as_str().and_then(parse) {
        // Which subnet of that size this one is.
        let place = outer
            .trunc()
            .subnets(net.prefix_len())
            .ok()
            .and_then(|mut all| all.position(|one| one == net.trunc()));
        return Ok(place.map_or(Value::from(false), |place| Value::from((place + 1).to_string())));
    }
    let prefix = u8::try_from(integer(&query)?).map_err(|_| fault::error("no such prefix"))?;
    // Of a single address, what is around it is meant.
    if net.prefix_len() == net.max_prefix_len() && prefix < net.prefix_len() {
        let size = match index.as_ref().map(integer).transpose()?.unwrap_or(0) {
            index if index < 0 => i64::from(net.prefix_len()) + index,
            index => i64::from(prefix) + index,
        };
        let size = u8::try_from(size).ok().filter(|size| *size >= prefix && *size < net.prefix_len());
        let around = size.and_then(|size| IpNet::new(net.addr(), size).ok());
        return Ok(around.map_or(Value::from(false), |net| Value::from(net.trunc().to_string())));
    }
    if prefix < net.prefix_len() {
        return Err(fault::error(format!("Requested subnet size of {prefix} is invalid")));
    }
    let count = 1u128.checked_shl(u32::from(prefix.saturating_sub(net.prefix_len()))).unwrap_or(u128::MAX);
    let Some(index) = index else {
        return Ok(Value::from(count.to_string()));
    };
    let index = integer(&index)?;
    let size = 1u128.checked_shl(u32::from(net.max_prefix_len() - prefix)).unwrap_or(u128::MAX);
    let place =
        if index < 0 { i128::try_from(count).unwrap_or(i128::MAX) + i128::from(index) } else { index.into() };
    let start = moved(net.network(), place.saturating_mul(i128::try_from(size).unwrap_or(i128::MAX)))?;
    if !net.contains(&start) {
        return Ok(Value::from(false));
    }
    Ok(Value::from(format!("{start}/{prefix}")))
}

fn within(value: &Value, args: &Args, usable: bool) -> Result<Value, Error> {
    let (outer, inner) = (address(&python::text(value)?)?, address(&args.need_text(0, "test")?)?);
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
        "psql" => Value::from(format!("{}:{}", digits.get(..6).unwrap_or(""), digits.get(6..).unwrap_or(""))),
        "pgsql" => {
            Value::from(format!("{}:{}", digits.get(..6).unwrap_or(""), digits.get(6..).unwrap_or("")))
        }
        "int" => Value::from(bytes.iter().fold(0i64, |number, byte| (number << 8) | i64::from(*byte))),
        other => return Err(fault::error(format!("hwaddr: unknown filter type: {other}"))),
    })
}

fn slaac(value: &Value, query: &str) -> Result<Value, Error> {
    let IpNet::V6(net) = address(&python::text(value)?)? else { return Ok(Value::from(false)) };
    let Some(bytes) = octets(query) else {
        return Err(fault::error(format!("{query} is not a valid MAC address")));
    };
    let [a, b, c, d, e, f] = <[u8; 6]>::try_from(bytes).unwrap_or_default();
    let host = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let address = (u128::from(net.network()) & !u128::from(u64::MAX)) | u128::from(host);
    Ok(Value::from(Ipv6Addr::from(address).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_answer_queries() {
        let ask = |text: &str, query: Value| python::repr(&each(&Value::from(text), &query, None).unwrap());
        for (text, query, want) in [
            ("192.168.1.10/24", "address", "'192.168.1.10'"),
            ("192.168.1.10/24", "network", "'192.168.1.0'"),
            ("192.168.1.10/24", "network/prefix", "'192.168.1.0/24'"),
            ("192.168.1.10/24", "netmask", "'255.255.255.0'"),
            ("192.168.1.10/24", "broadcast", "'192.168.1.255'"),
            ("192.168.1.10/255.255.255.0", "prefix", "24"),
            ("192.168.1.0/24", "size", "256"),
            ("192.168.1.0/24", "net", "'192.168.1.0/24'"),
            ("192.168.1.0/24", "-2", "'192.168.1.254/24'"),
            ("192.168.1.10", "", "'192.168.1.10'"),
            ("192.168.1.10", "192.168.0.0/16", "'192.168.1.10'"),
            ("10.0.0.1", "private", "'10.0.0.1'"),
            ("10.0.0.1", "public", "None"),
            ("10.0.0.1", "revdns", "'1.0.0.10.in-addr.arpa.'"),
            ("nonsense", "", "False"),
            ("fe80::1", "ipv6", "'fe80::1'"),
        ] {
            assert_eq!(ask(text, Value::from(query)), want, "{text} {query}");
        }
    }
}
