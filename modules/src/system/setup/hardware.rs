//! Processors, memory, firmware, uptime.

use super::map;
use super::report::{Report, number};
use indexmap::IndexMap;
use muster_engine::module::Map;
use serde_json::{Value as Json, json};

pub(super) fn hardware(report: &Report) -> Map {
    let mut facts = processors(report);
    facts.extend(memory(report));
    facts.extend(firmware(report));
    if let Some(seconds) = report.text("uptime").and_then(|text| text.split('.').next()).and_then(number) {
        facts.insert("uptime_seconds".into(), seconds.into());
    }
    facts
}

fn processors(report: &Report) -> Map {
    let machine = super::distribution::uname(report, 3);
    let by_number = ["armv", "aarch", "ppc"].iter().any(|arch| machine.starts_with(arch));
    let mut shown: Vec<Json> = vec![];
    let (mut vendors, mut models, mut numbered) = (0, 0, 0);
    let (mut physical, mut core) = ("0", "0");
    let (mut sockets, mut siblings) = (IndexMap::new(), IndexMap::new());
    let mut flags = vec![];
    for line in report.lines("cpuinfo") {
        let (key, value) = line.split_once(':').map_or((line.trim(), ""), |(k, v)| (k.trim(), v.trim()));
        match key {
            "flags" => flags = value.split_whitespace().collect(),
            "physical id" => {
                physical = value;
                sockets.entry(value).or_insert(1);
            }
            "core id" => core = value,
            "cpu cores" => {
                sockets.insert(physical, number(value).unwrap_or(1));
            }
            "siblings" => {
                siblings.insert(core, number(value).unwrap_or(1));
            }
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                shown.push(value.into());
                vendors += i64::from(key == "vendor_id");
                models += i64::from(key == "model name");
                numbered += i64::from(key == "processor");
            }
            _ => {}
        }
    }
    let counted = match (by_number, vendors > 0 && vendors == models) {
        (true, _) => numbered,
        (false, true) => vendors,
        (false, false) => i64::try_from(shown.len()).unwrap_or(0),
    };
    let count = if sockets.is_empty() { counted } else { i64::try_from(sockets.len()).unwrap_or(1) };
    let cores = sockets.values().copied().find(|cores| *cores > 0).unwrap_or(1).max(1);
    let threads = match siblings.values().next() {
        Some(siblings) => (siblings / cores).max(1),
        None => i64::from(cores == 1),
    };
    let mut facts = map(json!({
        "processor": shown,
        "processor_count": count,
        "processor_cores": cores,
        "processor_threads_per_core": threads,
        "processor_vcpus": threads * count * cores,
        "processor_nproc": report.text("nproc").and_then(number).unwrap_or(numbered),
    }));
    if !flags.is_empty() {
        facts.insert("flags".into(), json!(flags));
    }
    facts
}

fn memory(report: &Report) -> Map {
    let kilobytes = |name: &str| {
        let line = report.lines("meminfo").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(number).unwrap_or(0)
    };
    let megabytes = |name: &str| kilobytes(name) / 1024;
    let (total, free) = (megabytes("MemTotal"), megabytes("MemFree"));
    let (swap, swap_free) = (megabytes("SwapTotal"), megabytes("SwapFree"));
    // Each part is rounded down by itself, so the sum is too.
    let spare = (kilobytes("MemFree") + kilobytes("Cached") + kilobytes("Buffers")) / 1024;
    map(json!({
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap,
        "swapfree_mb": swap_free,
        "memory_mb": {
            "real": { "total": total, "used": total - free, "free": free },
            "nocache": { "free": spare, "used": total - spare },
            "swap": { "total": swap, "free": swap_free, "used": swap - swap_free, "cached": megabytes("SwapCached") },
        },
    }))
}

const FIRMWARE: [(&str, &str); 18] = [
    ("bios_date", "bios_date"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("form_factor", "chassis_type"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// What the number of a chassis means, from 1 on, by the SMBIOS specification.
const CHASSIS: [&str; 36] = [
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All in One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

fn firmware(report: &Report) -> Map {
    let told = |(fact, file): &(&str, &str)| {
        let text = report.text(&format!("dmi-{file}"));
        let text = match *fact {
            "form_factor" => {
                let index = text.and_then(|n| n.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
                index.and_then(|n| CHASSIS.get(n).copied())
            }
            _ => text,
        };
        ((*fact).to_string(), text.unwrap_or("NA").into())
    };
    FIRMWARE.iter().map(told).collect()
}
