//! Which facts are wanted. `gather_subset` comes in; which collectors run goes out. `min` is always among them unless
//! it is left out by `!min`.

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

/// What a collector builds on, and so brings with it.
const NEEDS: [(&str, &[&str]); 4] = [
    ("network", &["distribution", "platform"]),
    ("hardware", &["platform"]),
    ("pkg_mgr", &["distribution"]),
    ("service_mgr", &["platform", "distribution"]),
];

/// Names of single facts, and the collectors that give them.
const WITHIN: [(&str, &str); 44] = [
    ("all_ipv4_addresses", "network"),
    ("all_ipv6_addresses", "network"),
    ("architecture", "platform"),
    ("default_ipv4", "network"),
    ("default_ipv6", "network"),
    ("devices", "hardware"),
    ("distribution_major_version", "distribution"),
    ("distribution_release", "distribution"),
    ("distribution_version", "distribution"),
    ("effective_group_ids", "user"),
    ("effective_user_id", "user"),
    ("interfaces", "network"),
    ("is_chroot", "chroot"),
    ("kernel", "platform"),
    ("kernel_version", "platform"),
    ("machine", "platform"),
    ("machine_id", "platform"),
    ("mounts", "hardware"),
    ("os_family", "distribution"),
    ("processor", "hardware"),
    ("processor_cores", "hardware"),
    ("processor_count", "hardware"),
    ("python_version", "platform"),
    ("real_user_id", "user"),
    ("ssh_host_key_dsa_public", "ssh_pub_keys"),
    ("ssh_host_key_ecdsa_public", "ssh_pub_keys"),
    ("ssh_host_key_ed25519_public", "ssh_pub_keys"),
    ("ssh_host_key_rsa_public", "ssh_pub_keys"),
    ("ssh_host_pub_keys", "ssh_pub_keys"),
    ("system", "platform"),
    ("system_capabilities", "caps"),
    ("system_capabilities_enforced", "caps"),
    ("user_dir", "user"),
    ("user_gecos", "user"),
    ("user_gid", "user"),
    ("user_id", "user"),
    ("user_shell", "user"),
    ("user_uid", "user"),
    ("virtualization_role", "virtual"),
    ("virtualization_tech_guest", "virtual"),
    ("virtualization_tech_host", "virtual"),
    ("virtualization_type", "virtual"),
    // Programs of their own that hosts seldom have: nothing to gather here.
    ("facter", ""),
    ("ohai", ""),
];

/// The chosen collectors.
#[derive(Debug)]
pub(super) struct Subset(BTreeSet<&'static str>);

impl Subset {
    /// Reads what a task asked for. The minimum is there unless it is left out; what is only left out leaves the rest
    /// of the minimum, and what is named stays even where it is left out too.
    ///
    /// # Errors
    /// A name that no collector has.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut with: BTreeSet<&str> = MIN.into();
        let (mut named, mut without) = (BTreeSet::new(), BTreeSet::new());
        for word in words {
            match (word.as_str(), word.strip_prefix('!')) {
                ("min", _) => {}
                ("all", _) => with.extend(MORE),
                (_, Some("min")) => without.extend(MIN),
                (_, Some("all")) => without.extend(MORE),
                (_, Some(name)) => without.extend(collector(name)),
                (name, None) => {
                    let found = collector(name).ok_or_else(|| refused(name))?;
                    named.insert(found);
                }
            }
        }
        with.extend(&named);
        with.retain(|name| named.contains(name) || !without.contains(name));
        for (name, needs) in NEEDS {
            if with.contains(name) {
                with.extend(needs);
            }
        }
        Ok(Self(with))
    }

    /// Whether a collector is chosen.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The collector of that name, or of that fact.
fn collector(name: &str) -> Option<&'static str> {
    let within = WITHIN.into_iter().find(|(inner, _)| *inner == name).map(|(_, outer)| outer);
    within.or_else(|| MIN.into_iter().chain(MORE).find(|known| *known == name))
}

fn refused(name: &str) -> String {
    let facts = WITHIN.into_iter().map(|(inner, _)| inner);
    let mut known: Vec<&str> = MIN.into_iter().chain(MORE).chain(facts).collect();
    known.sort_unstable();
    format!("Bad subset '{name}' given to Ansible. gather_subset options allowed: all, {}", known.join(", "))
}
