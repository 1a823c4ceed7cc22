//! The shipped playbooks and the examples: each is planned, and preflight runs on this machine. Faults are planted by
//! what a playbook is told to require, so that no machine has to be changed, and each is found by its id.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use assert_cmd::Command;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program, knowing nothing of whoever runs the tests.
fn muster(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("muster").unwrap();
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("HOME", "/nonexistent").current_dir(root()).args(words);
    command
}

fn out(words: &[&str]) -> (i32, String, String) {
    let output = muster(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The files of a directory with that ending, sorted.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    all.sort();
    all
}

/// The line of a check after the recap, and what stands under it.
fn finding<'a>(shown: &'a str, id: &str) -> Vec<&'a str> {
    let mut lines = shown.lines().skip_while(|line| line.split(' ').next() != Some(id));
    let first = lines.next().unwrap_or_else(|| panic!("no {id} in\n{shown}"));
    std::iter::once(first).chain(lines.take_while(|line| line.starts_with(' '))).collect()
}

fn verdict<'a>(shown: &'a str, id: &str) -> &'a str {
    finding(shown, id)[0].split_whitespace().last().unwrap()
}

#[test]
fn every_shipped_playbook_is_planned_with_and_without_an_inventory() {
    let shipped = files(&root().join("playbooks"), "yml");
    assert!(!shipped.is_empty());
    for playbook in shipped {
        let playbook = playbook.to_str().unwrap();
        for inventory in
            [&[][..], &["-i", "examples/konvoy/inventory.yaml"], &["-i", "examples/plain/hosts.ini"]]
        {
            let words: Vec<&str> = ["plan", playbook].iter().chain(inventory).copied().collect();
            let (code, _, said) = out(&words);
            assert_eq!(code, 0, "{words:?}\n{said}");
        }
    }
}

#[test]
fn every_example_is_planned() {
    let mut planned = 0;
    for site in std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()) {
        if !site.is_dir() {
            continue;
        }
        for playbook in files(&site, "yml") {
            let inventory =
                [site.join("hosts.ini"), site.join("inventory.yaml")].into_iter().find(|p| p.exists());
            let Some(inventory) = inventory else { continue };
            let words = ["plan", "-i", inventory.to_str().unwrap(), playbook.to_str().unwrap()];
            let (code, _, said) = out(&words);
            assert_eq!(code, 0, "{words:?}\n{said}");
            planned += 1;
        }
    }
    assert!(planned > 0);
}

#[test]
fn preflight_without_an_inventory_checks_this_machine_as_a_single_node() {
    let (code, shown, _) = out(&["check", "preflight"]);
    assert!([0, 3].contains(&code), "{code}\n{shown}");
    let start = "STAGE [Running Preflights]\n\nPLAY [Bootstrap Bastion Nodes] *";
    assert!(shown.trim_start().starts_with(start), "{shown}");
    let (_, rest) = shown.split_once('\n').unwrap();
    assert!(rest.contains("*\nskipping: no hosts matched\n\nPLAY [Bootstrap Nodes] *"), "{shown}");
    let recap = shown.lines().find(|line| line.starts_with("localhost  ")).unwrap();
    assert!(
        recap.contains("changed=0") && recap.contains("failed=0") && recap.contains("rescued=0"),
        "{recap}"
    );
    // Held to a control plane's rules as well.
    for id in ["NumCPU", "Mem", "Port-6443", "DirAvailable--var-lib-etcd", "Module-overlay", "PodSubnet"] {
        assert!(!finding(&shown, id).is_empty());
    }
    // Nothing that every Linux machine can tell is unknown.
    for id in [
        "NumCPU",
        "Mem",
        "Swap",
        "OS",
        "KernelVersion",
        "Disk--root",
        "Filesystem--root",
        "Hostname",
        "PodSubnet",
        "Port-10250",
    ] {
        assert_ne!(verdict(&shown, id), "[UNKNOWN]", "{:?}", finding(&shown, id));
    }
}

#[test]
fn nodes_without_an_inventory_are_this_machine_which_is_none() {
    let (code, shown, said) = out(&["check", "nodes"]);
    assert_eq!(code, 3, "{said}\n{shown}");
    assert!(shown.contains("\nSTAGE [Checking Nodes]\n\nPLAY [Check Machine Readiness] *"), "{shown}");
    assert!(shown.contains("\nTASK [Gathering Facts] *"), "{shown}");
    let recap = shown.lines().find(|line| line.starts_with("localhost  ")).unwrap();
    assert!(recap.contains("changed=0") && recap.contains("failed=0"), "{recap}");
    // What had to be free and absent for preflight is no matter any more, and nobody knows of nodes: that is no error here.
    assert!(!shown.contains("FileAvailable--"), "{shown}");
    assert_eq!(verdict(&shown, "Port-10250"), "[OK]");
    assert_ne!(verdict(&shown, "KubeletHealthz"), "[OK]");
    assert_eq!(verdict(&shown, "NodeAPI"), "[UNKNOWN]");
    assert!(!shown.lines().last().unwrap().contains("NodeAPI"), "{shown}");
}

#[test]
fn planted_faults_are_found_by_their_ids_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let leftover = tempfile::NamedTempFile::new().unwrap();
    let path = leftover.path().to_str().unwrap();
    let vars = serde_json::json!({
        "preflight_control_plane_cpus": 100_000,
        "preflight_control_plane_memory_mb": 1_000_000_000,
        "preflight_disk_free_gib": 1_000_000_000,
        "preflight_os_supported": {"plan9": "4"},
        "preflight_kernel_minimum": "999.0",
        "preflight_kernel_recommended": "999.1",
        "preflight_modules": ["no_such_module"],
        "preflight_commands": ["no-such-command"],
        "preflight_sysctls": [{"name": "kernel.ostype", "allowed": ["Minix"]}],
        "preflight_ports": [{"port": port, "for": "kubelet"}],
        "preflight_leftovers": [path],
        "preflight_pod_subnet": "10.0.0.0/8",
        "preflight_service_subnet": "10.96.0.0/30",
    })
    .to_string();
    let (code, shown, said) = out(&["check", "preflight", "-e", &vars]);
    assert_eq!(code, 3, "{said}");
    let leftover = format!("FileAvailable-{}", path.replace('/', "-"));
    let port = format!("Port-{port}");
    for (id, observed) in [
        ("NumCPU", ""),
        ("Mem", " MB"),
        ("OS", ""),
        ("KernelVersion", ""),
        ("Module-no_such_module", "missing"),
        ("FileExisting-no-such-command", "not in PATH"),
        ("FileContent--proc-sys-kernel-ostype", "Linux"),
        (port.as_str(), "listens"),
        (leftover.as_str(), "it is a file"),
        ("PodSubnet", "the service subnet 10.96.0.0/30"),
        ("ServiceSubnet", "the pod subnet 10.0.0.0/8"),
        ("ServiceSubnetSize", "10.96.0.0/30"),
    ] {
        let found = finding(&shown, id);
        assert!(found[0].ends_with("[ERROR]"), "{found:?}");
        for part in ["observed:", "required:", "remedy:"] {
            let line = found.iter().find(|line| line.trim_start().starts_with(part));
            let line = line.unwrap_or_else(|| panic!("{id} has no {part}\n{found:?}"));
            assert!(line.trim_end() != part, "{found:?}");
            assert!(part != "observed:" || line.contains(observed), "{found:?}");
        }
    }
    assert_eq!(verdict(&shown, "Disk--root"), "[WARNING]");
}

#[test]
fn a_finding_that_is_ignored_does_not_count() {
    let vars = r#"{"preflight_control_plane_cpus": 100000}"#;
    let (_, shown, _) = out(&["check", "preflight", "-e", vars, "--ignore", "NumCPU"]);
    assert_eq!(verdict(&shown, "NumCPU"), "[IGNORED]");
    let last = shown.lines().last().unwrap();
    assert!(!last.contains("NumCPU"), "{last}");
}

#[test]
fn one_machine_under_two_names_is_told_of_and_workers_skip_what_is_the_control_plane_s() {
    let inventory = tempfile::NamedTempFile::with_suffix(".ini").unwrap();
    let text =
        "[kube_control_plane]\n127.0.0.2\n[kube_node]\n127.0.0.3\n[all:vars]\nansible_connection=local\n";
    std::fs::write(inventory.path(), text).unwrap();
    let vars =
        r#"{"fleet_ports": [], "fleet_control_plane_ports": [], "preflight_control_plane_cpus": 100000}"#;
    let (code, shown, said) =
        out(&["check", "preflight", "-i", inventory.path().to_str().unwrap(), "-e", vars]);
    assert_eq!(code, 3, "{said}\n{shown}");
    let names = finding(&shown, "Unique-Hostname").join("\n");
    assert!(names.contains("[ERROR]") && names.contains("on 127.0.0.2, 127.0.0.3"), "{names}");
    let cpus = finding(&shown, "NumCPU").join("\n");
    assert!(cpus.contains("[127.0.0.2]") && !cpus.contains("127.0.0.3"), "{cpus}");
    let (_, leftovers) = shown.split_once("TASK [preflight : control plane leftovers]").unwrap();
    let (leftovers, _) = leftovers.split_once("TASK").unwrap();
    assert!(leftovers.contains("skipping: [127.0.0.3]"), "{leftovers}");
    assert_eq!(verdict(&shown, "ClockSkew"), "[OK]");
}

#[test]
fn a_site_s_own_checks_and_module_run() {
    let (code, shown, said) = out(&["run", "-i", "localhost,", "-c", "local", "examples/plain/checks.yml"]);
    assert_eq!(code, 3, "{said}\n{shown}");
    assert_eq!(verdict(&shown, "Site-Certificate"), "[UNKNOWN]");
}
