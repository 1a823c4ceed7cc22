//! What `ipaddr`, `ipv4` and `ipv6` are asked about an address or network. A value and a query come in, what the query
//! gives goes out: `None` where the thing has nothing of the kind, `false` where it is no address or the wrong one.

use super::{ends, moved, nth_in, parse, usable, whole_number};
use crate::template::arguments::{integer, is_list, items};
use crate::template::{Value, fault, python};
use ipnet::IpNet;
use minijinja::Error;
use minijinja::value::ValueKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address or network, and how it was written.
struct Asked {
    net: IpNet,
    /// As it is given back where it answers a query.
    text: String,
    /// Whether it was written with the size of its network.
    is_network: bool,
}

/// A query about one address, or about those of a list that answer it.
pub fn each(value: &Value, query: &Value, version: Option<u8>, alias: &str) -> Result<Value, Error> {
    if is_list(value) {
        let query = Value::from(python::text(query)?);
        let answers = items(value)?.into_iter().map(|item| each(&item, &query, version, "ipaddr"));
        return answers.filter(|answer| answer.as_ref().map_or(true, Value::is_true)).collect();
    }
    let Some(asked) = Asked::read(value, version)? else { return Ok(Value::from(false)) };
    if version.is_some_and(|version| version != asked.version()) {
        return Ok(Value::from(false));
    }
    if query.is_integer() {
        return Ok(asked.place(Some(integer(query)?)));
    }
    asked.answer(&python::text(query)?, alias)
}

/// A number as JSON has it, or its digits.
fn number(number: u128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number.to_string()), Value::from)
}

fn none() -> Value {
    Value::from(())
}

fn no() -> Value {
    Value::from(false)
}

impl Asked {
    /// What a value is; nothing if it is no address.
    fn read(value: &Value, version: Option<u8>) -> Result<Option<Self>, Error> {
        let text = match value.kind() {
            ValueKind::String | ValueKind::Number => python::text(value)?,
            _ => return Ok(None),
        };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let small = text.parse::<u32>().ok().filter(|_| version != Some(6));
            let large = || text.parse::<u128>().ok().map(|number| IpAddr::V6(Ipv6Addr::from(number)));
            let address = small.map(|number| IpAddr::V4(Ipv4Addr::from(number))).or_else(large);
            let net = address.map(IpNet::from);
            return Ok(net.map(|net| Self { net, text: net.to_string(), is_network: false }));
        }
        if let Some(net) = parse(&text) {
            let is_network = text.matches('/').count() == 1;
            return Ok(Some(Self { net, text, is_network }));
        }
        let numeric = || {
            let (number, prefix) = text.split_once('/')?;
            let prefix: u8 = prefix.parse().ok()?;
            let small = number.parse::<u32>().ok().filter(|_| prefix <= 32).map(|n| IpAddr::V4(n.into()));
            let address = match small {
                Some(address) => address,
                None => IpAddr::V6(number.parse::<u128>().ok()?.into()),
            };
            let net = IpNet::new(address, prefix).ok()?;
            Some(Self { net, text: net.to_string(), is_network: true })
        };
        Ok(numeric())
    }

    fn version(&self) -> u8 {
        if self.net.addr().is_ipv4() { 4 } else { 6 }
    }

    fn bits(&self) -> u8 {
        self.net.max_prefix_len() - self.net.prefix_len()
    }

    /// Whether its address is the first of its network.
    fn is_first(&self) -> bool {
        self.net.addr() == self.net.network()
    }

    /// It as it was written, if it is what was asked for.
    fn itself(&self, yes: bool) -> Value {
        if yes { Value::from(self.text.as_str()) } else { none() }
    }

    /// The same where no is an answer.
    fn or_no(&self, yes: bool) -> Value {
        if yes { Value::from(self.text.as_str()) } else { no() }
    }

    /// The address at a place of its network; a single address is all there is.
    fn place(&self, index: Option<i64>) -> Value {
        if self.bits() == 0 {
            return Value::from(if self.is_network {
                self.net.to_string()
            } else {
                self.net.addr().to_string()
            });
        }
        let host = index.and_then(|index| nth_in(self.net, index));
        host.map_or(no(), |host| Value::from(format!("{host}/{}", self.net.prefix_len())))
    }

    fn answer(&self, query: &str, alias: &str) -> Result<Value, Error> {
        let (net, address, prefix, bits) = (self.net, self.net.addr(), self.net.prefix_len(), self.bits());
        let whole = format!("{address}/{prefix}");
        let size = 1u128.checked_shl(u32::from(bits)).unwrap_or(u128::MAX);
        let some = |yes: bool, text: String| if yes { Value::from(text) } else { none() };
        Ok(match query {
            "" if self.is_network => Value::from(whole),
            "" => Value::from(address.to_string()),
            "address" | "ip" => some(!self.is_first() || bits < 2 || address.is_ipv6(), address.to_string()),
            "host" => some(!self.is_first() || bits < 2, whole),
            "net" => some(bits > 0 && self.is_first(), whole),
            "cidr" => Value::from(whole),
            "ip/prefix" => some(bits == 1 || (bits > 0 && !self.is_first()), whole),
            "ip_netmask" => {
                some(bits == 1 || (bits > 0 && !self.is_first()), format!("{address} {}", net.netmask()))
            }
            "host/prefix" | "address/prefix" | "gateway" | "gw" | "hostnet" | "router" => {
                let at_end = self.is_first() || address == net.broadcast();
                if bits > 1 && at_end { no() } else { Value::from(whole) }
            }
            "network" | "network_id" => Value::from(net.network().to_string()),
            "network/prefix" | "subnet" => Value::from(net.trunc().to_string()),
            "network_netmask" => Value::from(format!("{} {}", net.network(), net.netmask())),
            "network_wildcard" => Value::from(format!("{} {}", net.network(), net.hostmask())),
            "prefix" => Value::from(i64::from(prefix)),
            "netmask" => Value::from(net.netmask().to_string()),
            "hostmask" | "wildcard" => Value::from(net.hostmask().to_string()),
            "broadcast" => some(bits > 1, net.broadcast().to_string()),
            "size" => number(size),
            "size_usable" => number(match size {
                1 => 0,
                2 => 2,
                size => size - 2,
            }),
            "first_usable" | "last_usable" | "range_usable" | "next_usable" | "previous_usable" | "peer" => {
                self.within(query)?
            }
            "version" => Value::from(i64::from(self.version())),
            "type" => Value::from(if bits > 0 && self.is_first() { "network" } else { "address" }),
            "int" if self.is_network => Value::from(format!("{}/{prefix}", self.whole_number())),
            "int" => number(self.whole_number()),
            "bool" => Value::from(true),
            "ipv4" => self.as_ipv4(),
            "ipv6" => match address {
                IpAddr::V4(address) => Value::from(format!("{}/{}", address.to_ipv6_mapped(), prefix + 96)),
                IpAddr::V6(_) => self.itself(true),
            },
            "6to4" => self.as_6to4(),
            "private" => self.itself(!is_global(address)),
            "public" => self.itself(self.is_public()),
            "loopback" | "lo" => self.itself(address.is_loopback()),
            "multicast" => self.itself(self.is_multicast()),
            "unicast" => self.itself(!self.is_multicast()),
            "link-local" => self.itself(match address {
                IpAddr::V4(address) => address.is_link_local(),
                IpAddr::V6(address) => address.is_unicast_link_local(),
            }),
            "revdns" => Value::from(reverse(address)),
            "wrap" => match address {
                IpAddr::V6(_) if self.is_network => Value::from(format!("[{address}]/{prefix}")),
                IpAddr::V6(_) => Value::from(format!("[{address}]")),
                IpAddr::V4(_) => self.itself(true),
            },
            other => self.other(other, alias)?,
        })
    }

    /// Queries that are no words: networks it may lie in, and places in its network.
    fn other(&self, query: &str, alias: &str) -> Result<Value, Error> {
        let is_place = query.bytes().all(|byte| byte.is_ascii_digit());
        if !is_place && let Some(outer) = Self::read(&Value::from(query), None)? {
            let inside = outer.net.contains(&self.net.network()) && outer.net.contains(&self.net.broadcast());
            return Ok(self.itself(inside));
        }
        match query.trim().parse::<f64>() {
            Ok(_) => Ok(self.place(query.trim().parse().ok())),
            Err(_) => Err(fault::error(format!("{alias}: unknown filter type: {query}"))),
        }
    }

    /// What only networks have.
    fn within(&self, query: &str) -> Result<Value, Error> {
        if !self.is_network {
            return Err(fault::error("Not a network address"));
        }
        if query == "peer" {
            return self.peer();
        }
        if self.bits() == 0 {
            return Ok(none());
        }
        let (first, last) = ends(self.net);
        let beside = |by| moved(self.net.addr(), by).map_or(none(), |host| usable(self.net, host));
        Ok(match query {
            "first_usable" => Value::from(first.to_string()),
            "last_usable" => Value::from(last.to_string()),
            "range_usable" => Value::from(format!("{first}-{last}")),
            "next_usable" => beside(1),
            _ => beside(-1),
        })
    }

    /// The other end of a line between two.
    fn peer(&self) -> Result<Value, Error> {
        let flipped = |mask: u128| match self.net.addr() {
            IpAddr::V4(address) => {
                Value::from(Ipv4Addr::from(u32::from(address) ^ u32::try_from(mask).unwrap_or(0)).to_string())
            }
            IpAddr::V6(address) => Value::from(Ipv6Addr::from(u128::from(address) ^ mask).to_string()),
        };
        match (self.bits(), self.whole_number() % 4) {
            (1, _) => Ok(flipped(1)),
            (2, 0) => Err(fault::error("Network address of /30 has no peer")),
            (2, 3) => Err(fault::error("Broadcast address of /30 has no peer")),
            (2, _) => Ok(flipped(3)),
            _ => Err(fault::error("Not a point-to-point network")),
        }
    }

    fn whole_number(&self) -> u128 {
        whole_number(self.net.addr())
    }

    fn as_ipv4(&self) -> Value {
        let IpAddr::V6(address) = self.net.addr() else { return self.itself(true) };
        let low = u128::from(address);
        let low = low.checked_sub(0xffff_0000_0000).filter(|_| low > u128::from(u32::MAX)).unwrap_or(low);
        match (u32::try_from(low), self.net.prefix_len().checked_sub(96)) {
            (Ok(number), Some(prefix)) => Value::from(format!("{}/{prefix}", Ipv4Addr::from(number))),
            _ => no(),
        }
    }

    fn as_6to4(&self) -> Value {
        match self.net.addr() {
            IpAddr::V4(address) => {
                let alone = Self { net: IpAddr::V4(address).into(), text: String::new(), is_network: false };
                let known = alone.is_public() || !is_global(address.into());
                if !known || (self.bits() > 0 && self.is_first()) {
                    return no();
                }
                let [a, b, c, d] = address.octets();
                Value::from(format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1/48"))
            }
            IpAddr::V6(address) => {
                let tunnel = address.segments().first() == Some(&0x2002);
                self.or_no(tunnel && (!self.is_network || !self.is_first()))
            }
        }
    }

    fn is_public(&self) -> bool {
        let address = self.net.addr();
        let (number, most) = match address {
            IpAddr::V4(_) => (self.whole_number(), u128::from(u32::MAX)),
            IpAddr::V6(_) => (self.whole_number(), u128::MAX),
        };
        // All ones to one side: masks are no hosts.
        let is_mask = |number: u128| number.wrapping_add(1) & number == 0;
        !address.is_multicast()
            && is_global(address)
            && !address.is_loopback()
            && !is_mask(number)
            && !is_mask(number ^ most)
    }

    fn is_multicast(&self) -> bool {
        self.net.network().is_multicast() && self.net.broadcast().is_multicast()
    }
}

/// The name under which an address is looked up.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", u128::from(address));
            let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa.", digits.join("."))
        }
    }
}

/// What IANA's registries of special addresses call not globally reachable, and what of that they except.
const LOCAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::1/128",
    "::/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
];
const GLOBAL: &[&str] = &[
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:30::/28",
];

fn is_global(address: IpAddr) -> bool {
    let among = |nets: &[&str]| nets.iter().filter_map(|net| parse(net)).any(|net| net.contains(&address));
    !among(LOCAL) || among(GLOBAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, query: &str) -> String {
        each(&Value::from(text), &Value::from(query), None, "ipaddr")
            .map_or_else(|error| error.to_string(), |answer| python::repr(&answer))
    }

    #[test]
    fn addresses_answer_queries() {
        for (text, query, want) in [
            ("192.168.1.10/24", "address", "'192.168.1.10'"),
            ("192.168.1.0/24", "address", "None"),
            ("192.168.1.10/24", "network", "'192.168.1.0'"),
            ("192.168.1.10/24", "network/prefix", "'192.168.1.0/24'"),
            ("192.168.1.10/24", "netmask", "'255.255.255.0'"),
            ("192.168.1.10/24", "broadcast", "'192.168.1.255'"),
            ("192.168.1.10/24", "hostnet", "'192.168.1.10/24'"),
            ("192.168.1.10/24", "6to4", "'2002:c0a8:010a::1/48'"),
            ("192.168.1.10/24", "ipv6", "'::ffff:192.168.1.10/120'"),
            ("192.168.1.10/255.255.255.0", "prefix", "24"),
            ("192.168.1.0/24", "size", "256"),
            ("192.168.1.0/24", "net", "'192.168.1.0/24'"),
            ("192.168.1.0/24", "-2", "'192.168.1.254/24'"),
            ("192.168.1.0/24", "ip/prefix", "None"),
            ("192.168.1.1/30", "peer", "'192.168.1.2'"),
            ("192.168.1.10", "", "'192.168.1.10'"),
            ("192.168.1.10", "1", "'192.168.1.10'"),
            ("192.168.1.10", "size_usable", "0"),
            ("192.168.1.10", "192.168.0.0/16", "'192.168.1.10'"),
            ("192.168.1.10", "10.0.0.0/8", "None"),
            ("10.0.0.1", "private", "'10.0.0.1'"),
            ("10.0.0.1", "public", "None"),
            ("233.252.0.1", "private", "None"),
            ("10.0.0.1", "revdns", "'1.0.0.10.in-addr.arpa.'"),
            ("nonsense", "", "False"),
            ("fe80::1", "ipv6", "'fe80::1'"),
            ("::ffff:1.2.3.4", "ipv4", "'1.2.3.4/32'"),
            ("3232235777", "private", "'192.168.1.1/32'"),
            ("42540766412265424405338506004571095040/64", "", "'2001:db8:32c:faad::/64'"),
        ] {
            assert_eq!(ask(text, query), want, "{text} {query}");
        }
        assert!(ask("192.168.1.10", "first_usable").contains("Not a network address"));
        assert!(ask("192.168.1.10", "gatewy").contains("ipaddr: unknown filter type: gatewy"));
    }

    #[test]
    fn of_a_list_those_are_kept_that_answer() {
        let list: Value = ["192.24.2.1", "host.fqdn", "::1"].into_iter().map(Value::from).collect();
        let answer = each(&list, &Value::from("public"), None, "ipaddr").unwrap();
        assert_eq!(python::repr(&answer), "['192.24.2.1']");
    }
}
