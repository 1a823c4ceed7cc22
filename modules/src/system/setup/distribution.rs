//! Which distribution a host runs: `distribution*`, `os_family`, `lsb`, `pkg_mgr`. Files of the host come in, the names
//! that Ansible has for them go out.

use super::map;
use super::report::{Report, assigned};
use muster_engine::module::Map;
use serde_json::json;

/// os-release's ID, Ansible's name, the family, the variety of the file that told.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    ("debian", "Debian", "Debian", "Debian"),
    ("ubuntu", "Ubuntu", "Debian", "Debian"),
    ("raspbian", "Debian", "Debian", "Debian"),
    ("linuxmint", "Linux Mint", "Debian", "Debian"),
    ("pop", "Pop!_OS", "Debian", "Debian"),
    ("kali", "Kali", "Debian", "Debian"),
    ("devuan", "Devuan", "Debian", "Debian"),
    ("rhel", "RedHat", "RedHat", "RedHat"),
    ("centos", "CentOS", "RedHat", "CentOS"),
    ("rocky", "Rocky", "RedHat", "RedHat"),
    ("almalinux", "AlmaLinux", "RedHat", "RedHat"),
    ("fedora", "Fedora", "RedHat", "RedHat"),
    ("ol", "OracleLinux", "RedHat", "OracleLinux"),
    ("amzn", "Amazon", "RedHat", "Amazon"),
    ("openEuler", "openEuler", "RedHat", "RedHat"),
    ("kylin", "Kylin Linux Advanced Server", "RedHat", "RedHat"),
    ("anolis", "Anolis", "RedHat", "RedHat"),
    ("opencloudos", "OpenCloudOS", "RedHat", "RedHat"),
    ("tencentos", "TencentOS", "RedHat", "RedHat"),
    ("alpine", "Alpine", "Alpine", "Alpine"),
    ("arch", "Archlinux", "Archlinux", "Archlinux"),
    ("manjaro", "Manjaro", "Archlinux", "Archlinux"),
    ("sles", "SLES", "Suse", "SUSE"),
    ("sles_sap", "SLES_SAP", "Suse", "SUSE"),
    ("sle-micro", "SLE Micro", "Suse", "SUSE"),
    ("opensuse-leap", "openSUSE Leap", "Suse", "SUSE"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed", "Suse", "SUSE"),
    ("opensuse-microos", "openSUSE MicroOS", "Suse", "SUSE"),
    ("gentoo", "Gentoo", "Gentoo", "Gentoo"),
    ("flatcar", "Flatcar", "Flatcar", "Flatcar"),
    ("coreos", "Coreos", "CoreOS", "Coreos"),
    ("clear-linux-os", "Clear Linux OS", "ClearLinux", "ClearLinux"),
    ("void", "Void", "Void", "NA"),
    ("nixos", "NixOS", "NixOS", "NA"),
];

pub(super) fn distribution(report: &Report) -> Map {
    let release = report.text("etc-os-release").or(report.text("etc-os-release-usr")).unwrap_or("");
    let id = assigned(release, "ID").unwrap_or("");
    let like = assigned(release, "ID_LIKE").unwrap_or("");
    let known = KNOWN.iter().find(|(known, ..)| *known == id);
    let relative = || like.split_whitespace().find_map(|id| KNOWN.iter().find(|(known, ..)| *known == id));
    let title = assigned(release, "NAME").unwrap_or("").to_string();
    let (name, family, variety) = match (known, relative()) {
        (Some((_, name, family, variety)), _) => ((*name).to_string(), *family, *variety),
        (None, Some((_, _, family, variety))) => (title, *family, *variety),
        (None, None) if release.is_empty() => (uname(report, 0).to_string(), "NA", "NA"),
        (None, None) => (title, "NA", "NA"),
    };
    let version = version(report, release, id);
    let minor = version.split('.').nth(1);
    let file = match variety {
        "RedHat" => "/etc/redhat-release",
        "CentOS" => "/etc/centos-release",
        "OracleLinux" => "/etc/oracle-release",
        "Alpine" => "/etc/alpine-release",
        "Archlinux" => "/etc/arch-release",
        _ => "/etc/os-release",
    };
    let mut facts = map(json!({
        "distribution": name,
        "distribution_release": code_name(report, release),
        "distribution_version": version,
        "distribution_major_version": version.split('.').next().unwrap_or("NA"),
        "distribution_file_path": file,
        "distribution_file_variety": variety,
        "distribution_file_parsed": true,
        "os_family": if family == "NA" { name.as_str() } else { family },
    }));
    if let (Some(minor), true) = (minor, family == "Debian") {
        facts.insert("distribution_minor_version".into(), minor.into());
    }
    facts
}

/// The version: Debian, CentOS and Alpine keep the whole of it in a file of their own.
fn version(report: &Report, release: &str, id: &str) -> String {
    let own = match id {
        "debian" => report.text("etc-debian_version"),
        "centos" => report.text("etc-centos-release"),
        "alpine" => report.text("etc-alpine-release"),
        _ => None,
    };
    let numbers = |text: &str| {
        let part = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(part.to_string())
    };
    let told = own.and_then(numbers).or_else(|| assigned(release, "VERSION_ID").map(str::to_string));
    told.unwrap_or_else(|| if id == "arch" { "rolling".into() } else { "NA".into() })
}

fn code_name(report: &Report, release: &str) -> String {
    let told = assigned(release, "VERSION_CODENAME").filter(|name| !name.is_empty());
    let within = |text: &str| Some(text.split_once('(')?.1.split_once(')')?.0.to_string());
    told.map(str::to_string)
        .or_else(|| report.text("etc-redhat-release").and_then(within))
        .or_else(|| assigned(release, "VERSION").and_then(within))
        .unwrap_or_else(|| "NA".into())
}

/// A line of `uname`: system, release, version, machine, name.
pub(super) fn uname(report: &Report, line: usize) -> &str {
    report.lines("uname").nth(line).unwrap_or("NA")
}

pub(super) fn lsb(report: &Report) -> Map {
    let told = |key: &str| {
        let line = report.lines("lsb").find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.map(|text| text.trim().trim_matches('"').to_string())
    };
    let filed = |key: &str| assigned(report.get("etc-lsb-release")?, key).map(str::to_string);
    let entries = [
        ("id", told("Distributor ID").or_else(|| filed("DISTRIB_ID"))),
        ("description", told("Description").or_else(|| filed("DISTRIB_DESCRIPTION"))),
        ("release", told("Release").or_else(|| filed("DISTRIB_RELEASE"))),
        ("codename", told("Codename").or_else(|| filed("DISTRIB_CODENAME"))),
    ];
    let mut lsb: Map = entries.into_iter().filter_map(|(k, v)| Some((k.to_string(), v?.into()))).collect();
    let major =
        lsb.get("release").and_then(|v| v.as_str()).and_then(|r| r.split('.').next()).map(str::to_string);
    lsb.extend(major.map(|major| ("major_release".to_string(), major.into())));
    map(json!({ "lsb": lsb }))
}

/// The first that is there; `dnf` and `dnf5` are told apart by what is installed.
const MANAGERS: [(&str, &str); 15] = [
    ("/run/ostree-booted", "atomic_container"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/dnf", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/sbin/apk", "apk"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/bin/rpm-ostree", "atomic_container"),
];

pub(super) fn pkg_mgr(report: &Report) -> Map {
    let family = distribution(report).get("os_family").cloned().unwrap_or_default();
    // A Debian host may have rpm's tools, and a RedHat one apt's.
    let first = match family.as_str() {
        Some("Debian") if report.has("/usr/bin/apt-get") => Some("apt"),
        Some("Suse") if report.has("/usr/bin/zypper") => Some("zypper"),
        _ => None,
    };
    let found = first.or_else(|| MANAGERS.iter().find(|(path, _)| report.has(path)).map(|(_, name)| *name));
    map(json!({ "pkg_mgr": found.unwrap_or("unknown") }))
}
