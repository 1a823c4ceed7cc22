//! `mounts`, `devices`, `device_links`, `lvm`.

use super::map;
use super::report::Report;
use muster_engine::module::Map;
use serde_json::{Value as Json, json};

pub(super) fn storage(report: &Report) -> Map {
    map(json!({
        "mounts": mounts(report),
        "devices": devices(report),
        "device_links": all_links(report),
        "lvm": lvm(report),
    }))
}

fn mounts(report: &Report) -> Json {
    let uuids: Vec<(&str, &str)> = report
        .lines("uuids")
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(device, uuid)| (device, uuid.trim()))
        .collect();
    // A bind mount has the directory that it shows behind its device.
    let bound: Vec<String> = report
        .lines("findmnt")
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let mount = fields.next()?;
            fields.next()?.contains(']').then(|| mount.to_string())
        })
        .collect();
    let mut mounts: Vec<Json> = vec![];
    for line in report.lines("mounts") {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, mount, fstype, options, dump, pass, ..] = fields.as_slice() else { continue };
        if !(device.starts_with('/') || device.contains(":/")) || *fstype == "none" {
            continue;
        }
        let mount = unescaped(mount);
        let uuid = uuids.iter().find(|(known, _)| known == device).map_or("N/A", |(_, uuid)| uuid);
        let options = if bound.contains(&mount) && !options.contains("bind") {
            format!("{options},bind")
        } else {
            (*options).to_string()
        };
        let mut entry = map(json!({
            "mount": mount, "device": unescaped(device), "fstype": fstype, "options": options,
            "dump": dump.parse::<i64>().unwrap_or(0), "passno": pass.parse::<i64>().unwrap_or(0),
        }));
        let told = report.lines("statvfs").find(|line| line.splitn(7, ' ').nth(6) == Some(mount.as_str()));
        entry.extend(sizes(told.unwrap_or("")));
        entry.insert("uuid".into(), uuid.into());
        // What is mounted over another mount hides it.
        match mounts.iter_mut().find(|known| known.get("mount") == entry.get("mount")) {
            Some(known) => *known = Json::Object(entry),
            None => mounts.push(Json::Object(entry)),
        }
    }
    Json::Array(mounts)
}

/// What `stat -f` told of a mount in six numbers: nothing if it did not answer.
pub(in crate::system) fn sizes(line: &str) -> Map {
    let numbers: Vec<u64> = line.split(' ').take(6).filter_map(|n| n.parse().ok()).collect();
    let [block, unit, total, free, inodes, inodes_free] = numbers.as_slice() else { return Map::new() };
    map(json!({
        "size_total": unit.saturating_mul(*total),
        "size_available": unit.saturating_mul(*free),
        "block_size": block,
        "block_total": total,
        "block_available": free,
        "block_used": total.saturating_sub(*free),
        "inode_total": inodes,
        "inode_available": inodes_free,
        "inode_used": inodes.saturating_sub(*inodes_free),
    }))
}

/// `\040` and the like, as the kernel writes space in `/proc/mounts`.
fn unescaped(text: &str) -> String {
    let table = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    table.iter().fold(text.to_string(), |text, (code, plain)| text.replace(code, plain))
}

fn devices(report: &Report) -> Json {
    let mut devices = Map::new();
    for (name, body) in report.under("block-") {
        let value = |key: &str| {
            body.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::trim)
        };
        let sectors = value("size").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let listed = |key: &'static str| {
            body.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
        };
        let scheduler = value("queue/scheduler").map(|line| {
            line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(name, _)| name)
        });
        let partitions: Map = listed("partition").filter_map(|line| partition(report, line)).collect();
        let holders: Vec<String> = listed("holder")
            .map(|line| match line.split_once(' ') {
                Some((holder, "")) => holder.to_string(),
                Some((_, named)) => named.to_string(),
                None => line.to_string(),
            })
            .collect();
        let path = value("path").unwrap_or("");
        devices.insert(
            name.to_string(),
            json!({
                "virtual": i64::from(path.contains("/virtual/") || path.contains("/virtio")),
                "links": links(report, name),
                "vendor": value("device/vendor"),
                "model": value("device/model"),
                "sas_address": value("device/sas_address"),
                "sas_device_handle": value("device/sas_device_handle"),
                "removable": value("removable"),
                "support_discard": value("queue/discard_granularity"),
                "partitions": partitions,
                "rotational": value("queue/rotational"),
                "scheduler_mode": scheduler.unwrap_or(""),
                "sectors": sectors,
                "sectorsize": value("queue/logical_block_size").unwrap_or("512"),
                "size": readable(sectors.saturating_mul(512)),
                "host": "",
                "holders": holders,
            }),
        );
    }
    Json::Object(devices)
}

fn partition(report: &Report, line: &str) -> Option<(String, Json)> {
    let mut words = line.split_whitespace();
    let (name, start, size) = (words.next()?, words.next()?, words.next()?);
    let sectors = size.parse::<u64>().ok()?;
    let uuid = named(report, "uuid", name).into_iter().next();
    let partition = json!({
        "links": links(report, name),
        "start": start,
        "sectors": sectors,
        "sectorsize": words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(512),
        "size": readable(sectors.saturating_mul(512)),
        "uuid": uuid,
        "holders": [],
    });
    Some((name.to_string(), partition))
}

/// The names of a kind that point to a device.
fn named<'a>(report: &'a Report, kind: &str, device: &str) -> Vec<&'a str> {
    let lines = report.lines("links").map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter_map(|words| match words.as_slice() {
            [k, name, to] if *k == kind && *to == device => Some(*name),
            _ => None,
        })
        .collect()
}

fn links(report: &Report, device: &str) -> Json {
    json!({
        "ids": named(report, "id", device),
        "uuids": named(report, "uuid", device),
        "labels": named(report, "label", device),
        "masters": [],
    })
}

fn all_links(report: &Report) -> Json {
    let of = |kind: &str| {
        let mut found = Map::new();
        for line in report.lines("links") {
            if let [k, name, device] = line.split_whitespace().collect::<Vec<_>>().as_slice()
                && *k == kind
                && let Json::Array(list) = found.entry(*device).or_insert_with(|| json!([]))
            {
                list.push((*name).into());
            }
        }
        found
    };
    json!({ "ids": of("id"), "uuids": of("uuid"), "labels": of("label"), "masters": {} })
}

/// Bytes in the largest unit that fits, two digits after the point.
fn readable(bytes: u64) -> String {
    let units =
        [("YB", 80), ("ZB", 70), ("EB", 60), ("PB", 50), ("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)];
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let size = bytes as f64;
    let fits = units.iter().map(|(unit, power)| (unit, 2f64.powi(*power))).find(|(_, one)| size >= *one);
    fits.map_or_else(|| format!("{size:.2} Bytes"), |(unit, one)| format!("{:.2} {unit}", size / one))
}

/// Volume groups, logical and physical volumes, where the tools told of any.
fn lvm(report: &Report) -> Json {
    if report.get("vgs").is_none() {
        return "N/A".into();
    }
    let rows = |section: &'static str| {
        report.lines(section).map(|line| line.trim().split(',').map(str::to_string).collect::<Vec<_>>())
    };
    let (mut groups, mut logical, mut physical) = (Map::new(), Map::new(), Map::new());
    for row in rows("vgs") {
        if let [name, _, volumes, _, _, size, free, ..] = row.as_slice() {
            let group = json!({"size_g": size, "free_g": free, "num_lvs": volumes, "num_pvs": row.get(1)});
            groups.insert(name.clone(), group);
        }
    }
    for row in rows("lvs") {
        if let [name, group, _, size, ..] = row.as_slice() {
            logical.insert(name.clone(), json!({"size_g": size, "vg": group}));
        }
    }
    for row in rows("pvs") {
        if let [name, group, _, _, size, free, ..] = row.as_slice() {
            physical.insert(name.clone(), json!({"size_g": size, "free_g": free, "vg": group}));
        }
    }
    json!({ "lvs": logical, "vgs": groups, "pvs": physical })
}
