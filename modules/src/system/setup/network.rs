//! Interfaces, addresses, default routes. `ip` where there is one, else `ifconfig` and `/proc`.

use super::map;
use super::report::Report;
use muster_engine::module::Map;
use serde_json::{Value as Json, json};
use std::net::{IpAddr, Ipv4Addr};

/// One address of an interface.
#[derive(Debug)]
struct Address {
    device: String,
    label: String,
    ip: IpAddr,
    prefix: u8,
    broadcast: String,
    scope: String,
}

pub(super) fn network(report: &Report) -> Map {
    let addresses = match report.get("addr") {
        Some(text) => text.lines().filter_map(address).collect(),
        None => fallback(report),
    };
    let mut facts = Map::new();
    let mut names: Vec<String> = vec![];
    for (name, body) in report.under("net-") {
        let entry = interface(name, body, &addresses);
        names.push(name.to_string());
        facts.insert(fact_name(name), Json::Object(entry));
    }
    let all = |v4: bool| -> Vec<String> {
        let public = addresses.iter().filter(|a| a.ip.is_ipv4() == v4 && !a.ip.is_loopback());
        public.map(|a| a.ip.to_string()).collect()
    };
    facts.insert("interfaces".into(), json!(names));
    facts.insert("all_ipv4_addresses".into(), json!(all(true)));
    facts.insert("all_ipv6_addresses".into(), json!(all(false)));
    facts.insert("default_ipv4".into(), default(report, "route4", &facts, &addresses, true));
    facts.insert("default_ipv6".into(), default(report, "route6", &facts, &addresses, false));
    let local = json!({ "ipv4": reachable(report, "local4"), "ipv6": reachable(report, "local6") });
    facts.insert("locally_reachable_ips".into(), local);
    facts
}

/// The name of an interface's fact.
fn fact_name(device: &str) -> String {
    device.replace(['-', ':', '.'], "_")
}

fn interface(name: &str, body: &str, addresses: &[Address]) -> Map {
    let value =
        |key: &str| body.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::trim);
    let flags = value("flags")
        .and_then(|hex| i64::from_str_radix(hex.trim_start_matches("0x"), 16).ok())
        .unwrap_or(0);
    let bridge = value("bridge/bridge_id");
    let bond = value("bonding/mode");
    let kind = match (bridge, bond, value("type")) {
        (Some(_), ..) => "bridge",
        (_, Some(_), _) => "bonding",
        (.., Some("1")) => "ether",
        (.., Some("32")) => "infiniband",
        (.., Some("512")) => "ppp",
        (.., Some("772")) => "loopback",
        (.., Some("65534")) => "tunnel",
        _ => "unknown",
    };
    let mut entry = Map::new();
    let mut put = |key: &str, value: Option<Json>| entry.extend(value.map(|value| (key.to_string(), value)));
    put("device", Some(name.into()));
    put(
        "macaddress",
        value("address").filter(|mac| !mac.is_empty() && *mac != "00:00:00:00:00:00").map(Into::into),
    );
    put("mtu", value("mtu").and_then(|mtu| mtu.parse::<i64>().ok()).map(Into::into));
    // Loopback's state is unknown to the kernel; it counts as active when it is up.
    put(
        "active",
        Some(matches!(value("operstate"), Some("up" | "unknown")).then_some(true).unwrap_or_default().into()),
    );
    put("type", (kind != "unknown").then(|| kind.into()));
    put("module", value("module").map(Into::into));
    put("pciid", value("device").map(Into::into));
    put("speed", value("speed").and_then(|speed| speed.parse::<i64>().ok()).map(Into::into));
    put("promisc", Some((flags & 0x100 != 0).into()));
    put("id", bridge.map(Into::into));
    put("stp", value("bridge/stp_state").map(|state| (state == "1").into()));
    put("mode", bond.and_then(|mode| mode.split(' ').next()).map(Into::into));
    put("slaves", value("bonding/slaves").map(|text| json!(text.split_whitespace().collect::<Vec<_>>())));
    if bridge.is_some() {
        let ports: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("port=")).collect();
        put("interfaces", Some(json!(ports)));
    }
    let own = || addresses.iter().filter(|address| address.device == name);
    let mut v4 = own().filter(|address| address.ip.is_ipv4());
    put("ipv4", v4.next().map(|address| Json::Object(four(address))));
    let more: Vec<Json> = v4.map(|address| Json::Object(four(address))).collect();
    put("ipv4_secondaries", (!more.is_empty()).then(|| more.into()));
    let v6: Vec<Json> = own().filter(|address| address.ip.is_ipv6()).map(six).collect();
    put("ipv6", (!v6.is_empty()).then(|| v6.into()));
    entry
}

fn four(address: &Address) -> Map {
    let mask = u32::MAX.checked_shl(32 - u32::from(address.prefix.min(32))).unwrap_or(0);
    let network = match address.ip {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) & mask),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    map(json!({
        "address": address.ip.to_string(),
        "broadcast": address.broadcast,
        "netmask": Ipv4Addr::from(mask).to_string(),
        "network": network.to_string(),
        "prefix": address.prefix.to_string(),
    }))
}

fn six(address: &Address) -> Json {
    json!({ "address": address.ip.to_string(), "prefix": address.prefix.to_string(), "scope": address.scope })
}

/// One line of `ip -o addr`: `2: eth0    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\ ...`.
fn address(line: &str) -> Option<Address> {
    let words: Vec<&str> = line.split_once('\\').map_or(line, |(head, _)| head).split_whitespace().collect();
    let at = words.iter().position(|word| matches!(*word, "inet" | "inet6"))?;
    let device = words.get(1)?.trim_end_matches(':').split('@').next()?.to_string();
    let (ip, prefix) = words.get(at + 1)?.split_once('/').unwrap_or((words.get(at + 1)?, "32"));
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).map(|word| (*word).to_string())
    };
    let label =
        words.last().filter(|word| word.starts_with(&device)).map_or(device.clone(), |w| (*w).to_string());
    Some(Address {
        ip: ip.parse().ok()?,
        prefix: prefix.parse().ok()?,
        broadcast: after("brd").unwrap_or_default(),
        scope: after("scope").unwrap_or_default(),
        device,
        label,
    })
}

/// What a route's answer says the way out is, with what is known of its interface.
fn default(report: &Report, section: &str, facts: &Map, addresses: &[Address], v4: bool) -> Json {
    let words: Vec<&str> = report.lines(section).next().unwrap_or("").split_whitespace().collect();
    let after =
        |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied();
    let proc_default = if v4 { proc_route(report) } else { None };
    let via = after("via").map(str::to_string);
    let device = after("dev").map(str::to_string);
    let (Some(device), gateway) = (match (device, proc_default) {
        (Some(device), _) => (Some(device), via),
        (None, Some((device, gateway))) => (Some(device), Some(gateway)),
        (None, None) => (None, None),
    }) else {
        return json!({});
    };
    let own = |a: &&Address| a.device == device && a.ip.is_ipv4() == v4;
    let source = after("src").and_then(|ip| ip.parse::<IpAddr>().ok());
    let found = addresses.iter().filter(own).find(|a| source.is_none_or(|ip| ip == a.ip));
    let mut entry = Map::new();
    if let Some(gateway) = gateway {
        entry.insert("gateway".into(), gateway.into());
    }
    entry.insert("interface".into(), device.clone().into());
    if let Some(found) = found {
        match v4 {
            true => entry.extend(four(found)),
            false => entry.extend(map(six(found))),
        }
        if v4 {
            entry.insert("alias".into(), found.label.clone().into());
        }
    } else if let Some(source) = source {
        entry.insert("address".into(), source.to_string().into());
    }
    let known = facts.get(&fact_name(&device)).and_then(Json::as_object);
    for key in ["macaddress", "mtu", "type"] {
        let value = known.and_then(|known| known.get(key)).cloned();
        entry.insert(key.into(), value.unwrap_or_else(|| "unknown".into()));
    }
    Json::Object(entry)
}

/// The default of `/proc/net/route`: little-endian hexadecimal.
fn proc_route(report: &Report) -> Option<(String, String)> {
    let line = report.lines("proute").map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = line.into_iter().find(|words| words.get(1) == Some(&"00000000"))?;
    let gateway = u32::from_str_radix(found.get(2)?, 16).ok()?.swap_bytes();
    Some(((*found.first()?).to_string(), Ipv4Addr::from(gateway).to_string()))
}

fn reachable(report: &Report, section: &str) -> Vec<String> {
    let local = report.lines(section).filter_map(|line| line.trim().strip_prefix("local "));
    let mut found: Vec<String> =
        local.filter_map(|line| line.split_whitespace().next().map(str::to_string)).collect();
    found.sort();
    found.dedup();
    found
}

/// Addresses as `ifconfig` and `/proc/net/if_inet6` tell them.
fn fallback(report: &Report) -> Vec<Address> {
    let (mut found, mut device) = (vec![], String::new());
    for line in report.lines("ifconfig") {
        if let Some(name) = line.split([' ', ':']).next().filter(|name| !name.is_empty()) {
            device = name.to_string();
        }
        let value = |keys: [&str; 2]| {
            let rest = keys.iter().find_map(|key| line.split_once(key)).map(|(_, rest)| rest)?;
            rest.split_whitespace().next().map(str::to_string)
        };
        let ip = value(["inet addr:", "inet "]).and_then(|ip| ip.parse::<Ipv4Addr>().ok());
        if let Some(ip) = ip {
            let mask = value(["Mask:", "netmask "]).and_then(|mask| mask.parse::<Ipv4Addr>().ok());
            let prefix = mask.map_or(32, |mask| u32::from(mask).count_ones());
            found.push(Address {
                device: device.clone(),
                label: device.clone(),
                ip: ip.into(),
                prefix: u8::try_from(prefix).unwrap_or(32),
                broadcast: value(["Bcast:", "broadcast "]).unwrap_or_default(),
                scope: "global".into(),
            });
        }
    }
    for line in report.lines("inet6") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [hex, _, prefix, scope, _, device] = words.as_slice() else { continue };
        let bits = u128::from_str_radix(hex, 16).ok();
        let (Some(bits), Ok(prefix)) = (bits, u8::from_str_radix(prefix, 16)) else { continue };
        let scope = match *scope {
            "10" => "host",
            "20" => "link",
            _ => "global",
        };
        found.push(Address {
            device: (*device).to_string(),
            label: (*device).to_string(),
            ip: IpAddr::from(bits.to_be_bytes()),
            prefix,
            broadcast: String::new(),
            scope: scope.into(),
        });
    }
    found
}
