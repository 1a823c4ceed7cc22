//! The lab keeps its word: hosts with systemd, sshd and a real etcd come up, go down without a trace, and lose their power,
//! their cable or their data as told. Needs root and systemd-nspawn; where they are missing, every test says so and fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/writer.rs"]
mod writer;

use assert_cmd::Command;
use lab::{Lab, wait_until};
use std::path::Path;
use std::time::Duration;
use writer::Writer;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Mounts, links, control groups and processes that carry a lab's name.
fn traces(name: &str) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut found: Vec<String> = read("/proc/mounts").lines().map(str::to_owned).collect();
    let links = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    found.extend(links.map(|link| format!("/{}/", link.file_name().display()).replace('-', "/")));
    for processes in std::fs::read_dir("/proc").unwrap().flatten() {
        found.push(read(&processes.path().join("cmdline").display().to_string()).replace('\0', " "));
    }
    for tree in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/run"] {
        let path = format!("{tree}/muster-lab/{name}");
        found.extend(Path::new(&path).exists().then_some(path));
    }
    let marks = [format!("/{name}/"), format!("muster-lab/{name}"), format!("--machine={name}-")];
    found.retain(|text| marks.iter().any(|mark| text.contains(mark)));
    found
}

#[test]
fn a_lab_comes_up_with_three_healthy_members_and_leaves_no_trace() {
    let lab = Lab::up(&[]);
    let name = lab.name().to_owned();
    assert_eq!(lab.healthy("cp2"), 3);
    assert_eq!(lab.run(&["status"]).matches(" up\n").count(), 5);
    assert_eq!(
        lab.ssh("w2", "systemctl is-system-running; command -v python3 || echo no python"),
        "running\nno python\n"
    );
    assert!(!traces(&name).is_empty());

    let other = Lab::up(&["--control-planes", "1", "--workers", "0"]);
    assert_eq!((other.healthy("cp1"), lab.healthy("cp1")), (1, 3), "two labs do not meet");
    drop(other);
    drop(lab);
    wait_until(&format!("everything of {name} is gone"), || traces(&name).is_empty());
}

#[test]
fn a_lab_ends_with_the_process_that_wanted_it() {
    let mut owner = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let name = format!("w{:x}", std::process::id());
    let pid = owner.id().to_string();
    let line = ["--name", &name, "up", "--control-planes", "1", "--workers", "0", "--while", &pid];
    let up = std::process::Command::new(lab::script()).args(line).status();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(up.unwrap().success());
    wait_until(&format!("everything of {name} is gone"), || traces(&name).is_empty());
}

#[test]
fn hosts_lose_their_cable_their_time_and_their_power_and_get_them_back() {
    let lab = Lab::up(&["--workers", "1"]);
    lab.run(&["unplug", "cp2"]);
    assert_eq!((lab.state("cp2"), lab.healthy("cp1")), ("unplugged".to_owned(), 2));
    lab.run(&["plug", "cp2"]);
    lab.wait_for_members("cp1", 3);

    lab.run(&["stall", "cp3"]);
    assert_eq!((lab.state("cp3"), lab.healthy("cp1")), ("stalled".to_owned(), 2));
    lab.run(&["thaw", "cp3"]);
    lab.wait_for_members("cp1", 3);

    lab.run(&["kill", "cp1"]);
    assert_eq!((lab.state("cp1"), lab.healthy("cp2")), ("off".to_owned(), 2));
    lab.run(&["boot", "cp1"]);
    lab.wait_for_members("cp1", 3);

    lab.run(&["slow", "w1", "150"]);
    let address = "exec 3<>/dev/tcp/w1/22 && read -r banner <&3";
    let slow = lab.ssh("cp1", &format!("TIMEFORMAT=%R; time bash -c '{address}'"));
    assert!((0.3..3.0).contains(&slow.trim().parse::<f64>().unwrap()), "two roads of 150 ms: {slow}");
    lab.run(&["slow", "w1", "0"]);
    assert_eq!(lab.state("w1"), "up");

    lab.ssh(
        "w1",
        "systemctl stop kubelet containerd; touch /root/kept; (sleep 0.2; reboot) >/dev/null 2>&1 &",
    );
    wait_until("w1 has started again", || {
        let kept = lab.try_run(&["ssh", "w1", "ls /root/kept && systemctl is-active kubelet containerd"]);
        text(&kept.stdout) == "/root/kept\nactive\nactive\n"
    });
}

#[test]
fn etcd_is_what_its_manifest_says_and_outlives_the_kubelet() {
    let lab = Lab::up(&["--workers", "0"]);
    lab.ssh("cp3", "systemctl stop kubelet");
    assert_eq!(lab.healthy("cp1"), 3);
    lab.ssh("cp3", "mv /etc/kubernetes/manifests/etcd.yaml /root; systemctl start kubelet");
    lab.wait_for_members("cp1", 2);
    assert_eq!(lab.ssh("cp3", "crictl ps --name etcd -q"), "");
    lab.ssh("cp3", "mv /root/etcd.yaml /etc/kubernetes/manifests/");
    lab.wait_for_members("cp1", 3);
    lab.ssh("cp3", "pkill -9 -x etcd");
    lab.wait_for_members("cp1", 3);
    let inside = lab.ssh("cp3", "crictl exec $(crictl ps --name etcd -q) etcdctl version");
    assert!(inside.contains("etcdctl version: 3."), "{inside}");

    lab.run(&["wipe", "cp3"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(lab.healthy("cp1"), 2, "a member without its data does not come back by itself");
}

#[test]
fn a_client_sees_no_outage_beyond_one_election_while_the_leader_is_replaced() {
    let lab = Lab::up(&["--workers", "1"]);
    let writer = Writer::start(&lab, "w1");

    let dead = lab.leader("cp1");
    let alive = ["cp1", "cp2", "cp3"].into_iter().find(|host| *host != dead).unwrap();
    lab.run(&["kill", &dead]);
    std::thread::sleep(Duration::from_secs(6));
    let members = lab.run(&["etcdctl", "--on", alive, "member", "list"]);
    let id = members.lines().find(|line| line.contains(&dead)).unwrap().split(',').next().unwrap();
    lab.run(&["etcdctl", "--on", alive, "member", "remove", id]);
    lab.run(&["renew", &dead]);
    std::thread::sleep(Duration::from_secs(5));
    let key = lab.ssh(alive, "kubeadm init phase upload-certs --upload-certs");
    let join = format!(
        "kubeadm token create --print-join-command --certificate-key {}",
        key.lines().last().unwrap()
    );
    let join = lab.ssh(alive, &join);
    lab.ssh(&dead, join.trim());
    lab.wait_for_members(&dead, 3);
    writer.assert_nothing_lost(&lab, &dead);
}

#[test]
fn hosts_are_nodes_of_the_api_server_while_they_live() {
    let lab = Lab::with_api(&["--workers", "1", "--spares", "1", "--grace", "6"]);
    let nodes = lab.kubectl(&["get", "nodes", "--no-headers"]);
    assert_eq!(nodes.matches(" Ready ").count(), 4, "{nodes}");
    assert_eq!(nodes.matches(" control-plane ").count(), 3, "{nodes}");
    let inside = lab.kubectl(&["exec", "-n", "kube-system", "etcd-cp2", "--", "cat", "/etc/hostname"]);
    assert_eq!(inside, "cp2\n", "a command in a pod runs on its host");
    for host in ["cp1", "cp2", "cp3"] {
        let own = format!("curl -s --cacert /etc/kubernetes/pki/ca.crt https://{host}:6443/readyz");
        assert_eq!(lab.ssh("w1", &own), "ok", "{host} has an API server of its own");
    }
    wait_until("every pod is ready", || {
        let pods = lab.kubectl(&["get", "pods", "-A", "--no-headers"]);
        pods.matches(" 1/1 ").count() == pods.lines().count() && pods.lines().count() == 12 + 2 * 4 + 2
    });

    lab.run(&["kill", "w1"]);
    lab.ssh("cp3", "systemctl stop containerd");
    wait_until("the node is lost", || lab.ready("w1") == "Unknown");
    wait_until("the node is not ready", || lab.ready("cp3") == "False");
    let taints = lab.kubectl(&["get", "node", "w1", "-o", "jsonpath={.spec.taints[*].key}"]);
    assert_eq!(taints, "node.kubernetes.io/unreachable node.kubernetes.io/unreachable");
    lab.ssh("cp3", "systemctl start containerd");

    let key = lab.ssh("cp1", "kubeadm init phase upload-certs --upload-certs");
    let token = "kubeadm token create --ttl 30m --print-join-command";
    let join = lab.ssh("cp1", token);
    let taken = lab.try_run(&["ssh", "s1", &format!("hostname cp2; {}", join.trim())]);
    assert!(
        text(&taken.stderr).contains("a Node with name \"cp2\" and status \"Ready\" already exists"),
        "{taken:?}"
    );
    let wrong = join.replace("--token ", "--token abcdef.0123456789abcdef --ignored ");
    let wrong = lab.try_run(&["ssh", "s1", &format!("hostname s1; {}", wrong.trim())]);
    assert!(text(&wrong.stderr).contains("couldn't validate the identity of the API Server"), "{wrong:?}");
    lab.ssh("s1", join.trim());
    wait_until("the worker has joined", || lab.ready("s1") == "True");
    let secrets = lab.kubectl(&["get", "secrets", "-n", "kube-system", "-o", "name"]);
    assert!(secrets.contains("secret/kubeadm-certs") && key.lines().last().unwrap().len() == 64, "{secrets}");
    lab.run(&["boot", "w1"]);
    wait_until("the node is back", || lab.ready("w1") == "True");

    lab.run(&["apiserver", "stop"]);
    assert_eq!(lab.ready("cp1"), "");
    lab.run(&["apiserver", "start"]);
    assert_eq!(
        (lab.ready("cp1").as_str(), lab.ready("s1").as_str()),
        ("True", "True"),
        "it kept its objects"
    );
    lab.run(&["kill", "cp1"]);
    wait_until("the others serve on", || lab.ready("cp1") == "Unknown");
    lab.run(&["stall", "cp2"]);
    wait_until("without a quorum there is no API server", || lab.ready("cp1").is_empty());
}

#[test]
fn muster_checks_five_hosts_over_ssh() {
    let lab = Lab::up(&[]);
    let dir = tempfile::tempdir().unwrap();
    let inventory = dir.path().join("inventory.yaml");
    std::fs::write(&inventory, lab.run(&["inventory"])).unwrap();
    let mut muster = Command::cargo_bin("muster").unwrap();
    muster.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", dir.path());
    let output =
        muster.current_dir(dir.path()).args(["check", "preflight", "-i", "inventory.yaml"]).output().unwrap();
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains(" checks on 5 hosts: "), "{shown}");
    for passed in [
        "Reachability",
        "Ping",
        "MTU",
        "ClockSkew",
        "Unique-Hostname",
        "Unique-MachineId",
        "Unique-MacAddress",
    ] {
        assert!(shown.contains(&format!("{passed:<71}[OK]")), "{passed}: {shown}");
    }
    // They are nodes already, which is what preflight is there to say; nothing else but what a container cannot have.
    let last = shown.lines().rev().find(|line| line.contains("did not pass")).unwrap();
    let (_, found) = last.split_once('[').unwrap();
    let expected = ["FileAvailable-", "DirAvailable-", "Port-", "CgroupControllers", "ClockSynchronized"];
    for finding in found.trim_matches([' ', ']']).split(", ") {
        assert!(expected.iter().any(|known| finding.starts_with(known)), "{finding}: {shown}");
    }
}
