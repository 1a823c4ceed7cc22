//! Which facts are wanted. `gather_subset` comes in; which collectors run goes out. `min` is always among them unless
//! it is left out by `!min` (or `!all,!min`).

use std::collections::BTreeSet;

/// The collectors of the minimal set.
const MIN: [&str; 22] = [
    "apparmor",
    "caps",
    "cmdline",
    "chroot",
    "date_time",
    "distribution",
    "dns",
    "env",
    "fips",
    "iscsi",
    "local",
    "lsb",
    "nvme",
    "fibre_channel_wwn",
    "pkg_mgr",
    "platform",
    "python",
    "selinux",
    "service_mgr",
    "ssh_pub_keys",
    "user",
    "systemd",
];

/// The collectors beyond it.
const MORE: [&str; 4] = ["hardware", "network", "virtual", "loadavg"];

/// Names that stand for other collectors.
const WITHIN: [(&str, &str); 13] = [
    ("processor", "hardware"),
    ("memory", "hardware"),
    ("devices", "hardware"),
    ("mounts", "hardware"),
    ("interfaces", "network"),
    ("all_ipv4_addresses", "network"),
    ("all_ipv6_addresses", "network"),
    ("default_ipv4", "network"),
    ("default_ipv6", "network"),
    ("is_chroot", "chroot"),
    ("virtualization_type", "virtual"),
    ("virtualization_role", "virtual"),
    ("system_capabilities", "caps"),
];

/// The chosen collectors.
#[derive(Debug)]
pub(super) struct Subset(BTreeSet<&'static str>);

impl Subset {
    /// Reads what a task asked for.
    ///
    /// # Errors
    /// A name that no collector has.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (mut with, mut without, mut all_but) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut minimal = true;
        let mut named = false;
        for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            match word.strip_prefix('!') {
                Some("all") => all_but = true,
                Some("min") => minimal = false,
                Some(name) => without.extend(meant(name, word)?),
                None => {
                    named = true;
                    with.extend(meant(word, word)?);
                }
            }
        }
        if !named && !all_but {
            with.extend(MORE);
        }
        if minimal {
            with.extend(MIN);
        }
        Ok(Self(with.difference(&without).copied().collect()))
    }

    /// Whether a collector is chosen.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

fn meant(name: &str, word: &str) -> Result<Vec<&'static str>, String> {
    let inner = WITHIN.iter().find(|(inner, _)| *inner == name).map_or(name, |(_, outer)| *outer);
    match inner {
        "all" => Ok(MIN.into_iter().chain(MORE).collect()),
        "min" => Ok(MIN.to_vec()),
        // Programs of their own that hosts seldom have: nothing to gather here.
        "facter" | "ohai" | "system" => Ok(vec![]),
        _ => MIN.into_iter().chain(MORE).find(|known| *known == inner).map(|known| vec![known]).ok_or_else(
            || {
                let mut known: Vec<&str> = MIN.into_iter().chain(MORE).chain(["all", "min"]).collect();
                known.sort_unstable();
                format!(
                    "Bad subset '{word}' given to Ansible. gather_subset options allowed: {}",
                    known.join(", ")
                )
            },
        ),
    }
}
