//! Facts of the system itself: kernel, names, users, environment, security, what runs services.

use super::distribution::uname;
use super::map;
use super::report::{Report, assigned, number};
use muster_engine::module::Map;
use serde_json::{Value as Json, json};

pub(super) fn platform(report: &Report) -> Map {
    let (node, machine) = (uname(report, 4), uname(report, 3));
    let fqdn = full_name(report, node);
    let bits = report.text("bits").unwrap_or(if machine.contains("64") { "64" } else { "32" });
    let x86_32 = matches!(machine, "i386" | "i486" | "i586" | "i686");
    let mut facts = map(json!({
        "system": uname(report, 0),
        "kernel": uname(report, 1),
        "kernel_version": uname(report, 2),
        "machine": machine,
        "architecture": if x86_32 { "i386" } else { machine },
        "nodename": node,
        "hostname": node.split('.').next().unwrap_or(node),
        "fqdn": fqdn,
        "domain": fqdn.split_once('.').map_or("", |(_, domain)| domain),
        "userspace_bits": bits,
    }));
    if x86_32 || machine == "x86_64" {
        let userspace = if bits == "64" { "x86_64" } else { "i386" };
        facts.insert("userspace_architecture".into(), userspace.into());
    }
    facts.extend(report.text("machine-id").map(|id| ("machine_id".to_string(), id.into())));
    facts
}

/// The first of a host's names that has a domain, else the first.
fn full_name<'a>(report: &'a Report, node: &'a str) -> &'a str {
    let names = || report.get("names").unwrap_or("").lines().next().unwrap_or("").split_whitespace().skip(1);
    names().find(|name| name.contains('.')).or_else(|| names().next()).unwrap_or(node)
}

pub(super) fn user(report: &Report) -> Map {
    let id = |line: usize| report.lines("ids").nth(line).and_then(number);
    let name = report.lines("ids").nth(4).unwrap_or("");
    let fields: Vec<&str> = report.lines("passwd").next().unwrap_or("").split(':').collect();
    let field = |n: usize| fields.get(n).copied().unwrap_or("");
    map(json!({
        "user_id": if name.is_empty() { field(0) } else { name },
        "user_uid": number(field(2)).or(id(0)),
        "user_gid": number(field(3)).or(id(2)),
        "user_gecos": field(4),
        "user_dir": field(5),
        "user_shell": field(6),
        "effective_user_id": id(0),
        "real_user_id": id(1),
        "effective_group_id": id(2),
        "real_group_id": id(3),
    }))
}

pub(super) fn env(report: &Report) -> Map {
    let pairs = report.get("environ").unwrap_or("").split('\0').filter_map(|pair| pair.split_once('='));
    let env: Map = pairs.map(|(name, value)| (name.to_string(), value.into())).collect();
    map(json!({ "env": env }))
}

pub(super) fn dns(report: &Report) -> Map {
    let mut dns = Map::new();
    for line in report.lines("resolv") {
        let mut words = line.split_whitespace();
        let (key, rest): (&str, Vec<&str>) = (words.next().unwrap_or(""), words.collect());
        match key {
            "nameserver" => {
                let list = dns.entry("nameservers").or_insert_with(|| json!([]));
                if let Json::Array(list) = list {
                    list.extend(rest.iter().map(|address| Json::from(*address)));
                }
            }
            "domain" => {
                dns.extend(rest.first().map(|name| ("domain".to_string(), (*name).into())));
            }
            "search" | "sortlist" => {
                dns.insert(key.into(), json!(rest));
            }
            "options" => {
                let option = |word: &&str| match word.split_once(':') {
                    Some((name, value)) => (name.to_string(), value.into()),
                    None => ((*word).to_string(), true.into()),
                };
                dns.insert("options".into(), Json::Object(rest.iter().map(option).collect()));
            }
            _ => {}
        }
    }
    map(json!({ "dns": dns }))
}

/// `cmdline` keeps the last of each name, `proc_cmdline` all of them.
pub(super) fn cmdline(report: &Report) -> Map {
    let text = report.text("cmdline").unwrap_or("");
    let (mut last, mut all) = (Map::new(), Map::new());
    for word in crate::command::words::split(text).unwrap_or_default() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_string(), Json::from(value)),
            None => (word, true.into()),
        };
        match all.get_mut(&name) {
            Some(Json::Array(values)) => values.push(value.clone()),
            Some(first) => *first = json!([first.clone(), value]),
            None => {
                all.insert(name.clone(), value.clone());
            }
        }
        last.insert(name, value);
    }
    map(json!({ "cmdline": last, "proc_cmdline": all }))
}

pub(super) fn fips(report: &Report) -> Map {
    map(json!({ "fips": report.text("fips") == Some("1") }))
}

pub(super) fn loadavg(report: &Report) -> Map {
    let mut loads = report.text("loadavg").unwrap_or("").split_whitespace();
    let mut next = || loads.next().and_then(|load| load.parse::<f64>().ok());
    map(json!({ "loadavg": { "1m": next(), "5m": next(), "15m": next() } }))
}

pub(super) fn selinux(report: &Report) -> Map {
    let mut lines = report.lines("selinux").filter(|line| !line.is_empty());
    let selinux = match lines.next() {
        None => json!({ "status": "disabled" }),
        Some(enforce) => {
            let policy = lines.next().and_then(number);
            let rest: Vec<&str> = lines.collect();
            let config = rest.iter().find(|line| !line.starts_with("type=")).copied().unwrap_or("unknown");
            let kind = rest.iter().find_map(|line| line.strip_prefix("type=")).unwrap_or("unknown");
            json!({
                "status": "enabled",
                "policyvers": policy.map_or(json!("unknown"), Json::from),
                "config_mode": config,
                "mode": if enforce.trim() == "1" { "enforcing" } else { "permissive" },
                "type": kind,
            })
        }
    };
    map(json!({ "selinux": selinux, "selinux_python_present": true }))
}

pub(super) fn apparmor(report: &Report) -> Map {
    let enabled = report.has("/sys/kernel/security/apparmor");
    map(json!({ "apparmor": { "status": if enabled { "enabled" } else { "disabled" } } }))
}

pub(super) fn caps(report: &Report) -> Map {
    let Some(current) = report.lines("caps").find_map(|line| line.strip_prefix("Current:")) else {
        return map(json!({ "system_capabilities": "N/A", "system_capabilities_enforced": "N/A" }));
    };
    if current.trim() == "=ep" {
        return map(json!({ "system_capabilities": [], "system_capabilities_enforced": "False" }));
    }
    let list = current.split_once('=').map_or("", |(_, list)| list.split('=').next().unwrap_or(list));
    let list: Vec<&str> = list.split(',').map(str::trim).collect();
    map(json!({ "system_capabilities": list, "system_capabilities_enforced": "True" }))
}

pub(super) fn chroot(report: &Report) -> Map {
    let chroot = match report.text("chroot") {
        Some("same") | None => false,
        Some("other") => true,
        // Process 1 is not ours to look at; a real root is inode 2, or 256 on btrfs, or 128 on xfs.
        Some(inode) => !matches!(inode, "2" | "256" | "128"),
    };
    map(json!({ "is_chroot": chroot }))
}

/// What the first process says it is, else what is installed.
pub(super) fn service_mgr(report: &Report) -> Map {
    let init = report.text("proc1").or(report.text("init")).and_then(|name| name.rsplit('/').next());
    let first = init.filter(|name| *name != "init" && !name.ends_with("sh"));
    let links_to_systemd = report.text("init").is_some_and(|path| path.ends_with("systemd"));
    let name = match first {
        Some("procd") => "openwrt_init",
        Some("runit-init") => "runit",
        Some("svscan") => "svc",
        Some("openrc-init") => "openrc",
        Some(other) => other,
        None if report.text("etc-openwrt_release").is_some() => "openwrt_init",
        None if report.has("systemctl") && report.has("/run/systemd/system") => "systemd",
        None if report.has("initctl") && report.has("/etc/init") => "upstart",
        None if report.has("/sbin/openrc") => "openrc",
        None if report.has("systemctl") && links_to_systemd => "systemd",
        None if report.has("/etc/init.d") => "sysvinit",
        None if report.has("/etc/dinit.d") => "dinit",
        None => "service",
    };
    map(json!({ "service_mgr": name }))
}

pub(super) fn ssh_keys(report: &Report) -> Map {
    let mut facts = Map::new();
    for (kind, key) in report.under("key-") {
        let mut words = key.split_whitespace();
        if let (Some(kind_of_key), Some(public)) = (words.next(), words.next()) {
            facts.insert(format!("ssh_host_key_{kind}_public"), public.into());
            facts.insert(format!("ssh_host_key_{kind}_public_keytype"), kind_of_key.into());
        }
    }
    facts
}

pub(super) fn iscsi(report: &Report) -> Map {
    let name = report.get("iscsi").and_then(|text| assigned(text, "InitiatorName"));
    map(json!({ "iscsi_iqn": name.unwrap_or("") }))
}

/// What Python the target has, if it has one: nothing here needs it, playbooks ask.
pub(super) fn python(report: &Report) -> Map {
    let mut lines = report.lines("python");
    let (said, path) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let Some(version) = said.strip_prefix("Python ") else { return Map::new() };
    let numbers: Vec<i64> = version.splitn(3, '.').filter_map(leading).collect();
    let [major, minor, micro] = numbers.as_slice() else { return Map::new() };
    let level = version.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (word, serial) = match level.split_at_checked(1) {
        Some(("a", serial)) => ("alpha", serial),
        Some(("b", serial)) => ("beta", serial),
        Some(("r", serial)) => ("candidate", serial.trim_start_matches('c')),
        _ => ("final", "0"),
    };
    let serial = leading(serial).unwrap_or(0);
    map(json!({
        "python_version": format!("{major}.{minor}.{micro}"),
        "python": {
            "version": {
                "major": major, "minor": minor, "micro": micro, "releaselevel": word, "serial": serial,
            },
            "version_info": [major, minor, micro, word, serial],
            "executable": path,
            "has_sslcontext": true,
            "type": "cpython",
        },
    }))
}

/// The digits that a text begins with.
fn leading(text: &str) -> Option<i64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// The version of systemd, where it runs the host.
pub(super) fn systemd(report: &Report) -> Map {
    let mut lines = report.lines("systemd");
    let (version, features) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let Some(version) = version.split(' ').nth(1).and_then(leading) else { return Map::new() };
    map(json!({ "systemd": { "version": version, "features": features } }))
}

pub(super) fn nvme(report: &Report) -> Map {
    map(json!({ "hostnqn": report.text("hostnqn").unwrap_or("") }))
}

pub(super) fn fibre_channel(_report: &Report) -> Map {
    map(json!({ "fibre_channel_wwn": [] }))
}
