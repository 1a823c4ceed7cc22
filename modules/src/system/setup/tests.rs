//! Facts made from what hosts of many kinds answer; no host is asked.

use super::*;

fn chosen(words: &[&str]) -> Subset {
    Subset::parse(&words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_subset_keeps_the_minimum_unless_it_is_left_out() {
    assert!(chosen(&["all"]).has("hardware"));
    let network = chosen(&["network"]);
    assert!(network.has("network") && network.has("platform") && !network.has("hardware"));
    let minimal = chosen(&["!all"]);
    assert!(minimal.has("platform") && !minimal.has("hardware"));
    let nothing = chosen(&["!all", "!min"]);
    assert!(!nothing.has("platform") && !nothing.has("network"));
    let least = chosen(&["!lsb"]);
    assert!(least.has("platform") && !least.has("network") && !least.has("lsb"));
    assert!(!chosen(&["!any"]).has("hardware"));
    let most = chosen(&["all", "!hardware"]);
    assert!(most.has("network") && !most.has("hardware"));
    assert!(chosen(&["hardware", "!hardware"]).has("hardware"));
    let only = chosen(&["!all", "!min", "network"]);
    assert!(only.has("network") && only.has("platform") && !only.has("user"));
    assert!(Subset::parse(&["nosuch".into()]).unwrap_err().starts_with("Bad subset 'nosuch'"));
}

#[test]
fn a_filter_is_a_shell_pattern() {
    assert!(matches("ansible_mem*", "ansible_memtotal_mb"));
    assert!(matches("ansible_[!x]ounts", "ansible_mounts"));
    assert!(!matches("ansible_mem", "ansible_memtotal_mb"));
    assert!(matches("*", ""));
}

#[test]
fn sections_are_told_apart() {
    let report = Report::parse("\u{1}uname\nLinux\n6.1\n\u{1}bits\n64\n\u{1}empty\n");
    assert_eq!(report.lines("uname").collect::<Vec<_>>(), ["Linux", "6.1"]);
    assert_eq!(report.text("bits"), Some("64"));
    assert_eq!((report.text("empty"), report.get("empty"), report.get("none")), (None, Some(""), None));
}

#[test]
fn distributions_have_the_names_ansible_gives_them() {
    let of = |release: &str, more: &str| {
        let facts =
            distribution::distribution(&Report::parse(&format!("\u{1}etc-os-release\n{release}\n{more}")));
        let fact = |name: &str| facts[name].as_str().unwrap().to_string();
        (fact("distribution"), fact("distribution_version"), fact("distribution_release"), fact("os_family"))
    };
    let named = |a: &str, b: &str, c: &str, d: &str| (a.into(), b.into(), c.into(), d.into());
    let ubuntu = "NAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian";
    assert_eq!(of(ubuntu, ""), named("Ubuntu", "22.04", "jammy", "Debian"));
    let rocky = "NAME=\"Rocky Linux\"\nVERSION=\"9.3 (Blue Onyx)\"\nID=\"rocky\"\nVERSION_ID=\"9.3\"";
    assert_eq!(of(rocky, ""), named("Rocky", "9.3", "Blue Onyx", "RedHat"));
    let alpine = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1";
    assert_eq!(of(alpine, "\u{1}etc-alpine-release\n3.19.1\n"), named("Alpine", "3.19.1", "NA", "Alpine"));
    let own = "NAME=\"Site OS\"\nID=site\nID_LIKE=\"rhel fedora\"\nVERSION_ID=1";
    assert_eq!(of(own, ""), named("Site OS", "1", "NA", "RedHat"));
}

#[test]
fn own_facts_are_json_or_ini() {
    let text =
        "\u{1}local-a\n{\"x\": 1}\n\u{1}local-b\n[s]\nKey = v\n\u{1}local-c\noops\n\u{1}local-d\n\n\u{2}3\n";
    let facts = platform::local(&Report::parse(text));
    assert_eq!(facts["local"]["a"], json!({"x": 1}));
    assert_eq!(facts["local"]["b"], json!({"s": {"key": "v"}}));
    assert!(facts["local"]["c"].as_str().unwrap().starts_with("error loading facts"));
    assert_eq!(facts["local"]["d"], "Failure executing fact script (d.fact), rc: 3");
}

#[test]
fn a_host_without_iproute_still_has_addresses() {
    let text = "\u{1}net-eth0\naddress=02:00:00:00:00:01\nmtu=1500\noperstate=up\ntype=1\nflags=0x1003\n\
        \u{1}ifconfig\neth0      Link encap:Ethernet  HWaddr 02:00:00:00:00:01\n          inet addr:10.0.0.5  Bcast:10.0.0.255  Mask:255.255.255.0\n\
        \u{1}proute\nIface Destination Gateway Flags\neth0 00000000 0100000A 0003\n";
    let facts = network::network(&Report::parse(text));
    assert_eq!(facts["default_ipv4"]["gateway"], "10.0.0.1");
    assert_eq!(facts["default_ipv4"]["address"], "10.0.0.5");
    assert_eq!(facts["eth0"]["ipv4"]["network"], "10.0.0.0");
    assert_eq!(facts["all_ipv4_addresses"], json!(["10.0.0.5"]));
}
