//! `virtualization_*`: whether a host is a guest or a host of guests, by what its files and firmware say. The first
//! sign that is found names the type; every sign is listed.

use super::map;
use super::report::Report;
use muster_engine::module::Map;
use serde_json::json;
use std::collections::BTreeSet;

/// What was found so far.
#[derive(Default)]
struct Found {
    kind: Option<(String, &'static str)>,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Found {
    fn guest(&mut self, tech: &str) {
        self.guest.insert(tech.to_string());
        self.kind.get_or_insert((tech.to_string(), "guest"));
    }

    fn host(&mut self, tech: &str) {
        self.host.insert(tech.to_string());
        self.kind.get_or_insert((tech.to_string(), "host"));
    }
}

pub(super) fn virtualization(report: &Report) -> Map {
    let mut found = Found::default();
    containers(report, &mut found);
    if report.has("/proc/xen") {
        match report.text("xen-capabilities").is_some_and(|text| text.contains("control_d")) {
            true => found.host("xen"),
            false => {
                found.kind.get_or_insert(("xen".into(), "guest"));
            }
        }
    }
    firmware(report, &mut found);
    let cpu = |text: &str| {
        report.lines("cpuinfo").any(|line| line.starts_with("model name") && line.contains(text))
    };
    if cpu("QEMU Virtual CPU") {
        found.guest("kvm");
    }
    let module = |name: &str| report.lines("modules").any(|line| line.split(' ').next() == Some(name));
    if module("kvm") {
        found.host("kvm");
    }
    if module("vboxdrv") {
        found.host("virtualbox");
    }
    if module("virtio") {
        found.host.insert("kvm".into());
        found.kind.get_or_insert(("kvm".into(), "guest"));
    }
    if report.has("/dev/kvm") {
        found.host("kvm");
    }
    let (kind, role) = found.kind.unwrap_or(("NA".into(), "NA"));
    map(json!({
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": found.guest,
        "virtualization_tech_host": found.host,
    }))
}

fn containers(report: &Report, found: &mut Found) {
    for line in report.lines("cgroup1") {
        if line.contains("/docker/") || (line.contains("/docker-") && line.ends_with(".scope")) {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    for line in report.lines("environ1").filter_map(|line| line.strip_prefix("container=")) {
        if line.contains("lxc") {
            found.guest("lxc");
        }
        if line.contains("podman") {
            found.guest("podman");
        }
        found.guest("container");
    }
    if report.has("/proc/vz") && !report.has("/proc/lve") {
        if report.has("/proc/bc") { found.host("openvz") } else { found.guest("openvz") }
    }
    let systemd = report.text("systemd-container");
    if let Some(name) = systemd {
        found.guest(name);
    }
    if report.has("/.dockerenv") {
        found.guest("docker");
    }
    let engines = ["docker", "lxc", "podman", "openvz", "containerd"];
    if systemd.is_some() || engines.iter().any(|name| found.guest.contains(*name)) {
        found.guest.insert("container".into());
    }
}

fn firmware(report: &Report, found: &mut Found) {
    let told = |file: &str| report.text(&format!("dmi-{file}")).unwrap_or("");
    let (product, vendor, bios) = (told("product_name"), told("sys_vendor"), told("bios_vendor"));
    match product {
        "KVM" | "KVM Server" | "Bochs" | "AHV" | "CloudStack KVM Hypervisor" => found.guest("kvm"),
        "OpenStack Compute" | "OpenStack Nova" => found.guest("openstack"),
        "RHEV Hypervisor" if vendor == "Red Hat" => found.guest("RHEV"),
        name if name.starts_with("VMware") => found.guest("VMware"),
        _ => {}
    }
    match bios {
        "Xen" => found.guest("xen"),
        "innotek GmbH" => found.guest("virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode" => found.guest("kvm"),
        _ => {}
    }
    match vendor {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => found.guest("kvm"),
        "oVirt" | "KubeVirt" => found.guest(vendor),
        "Red Hat" if told("product_family") == "RHV" => found.guest("RHV"),
        "Microsoft Corporation" => found.guest("VirtualPC"),
        "Parallels Software International Inc." => found.guest("parallels"),
        "OpenStack Foundation" => found.guest("openstack"),
        _ => {}
    }
}
