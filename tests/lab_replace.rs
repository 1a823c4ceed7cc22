//! `muster replace control-plane` in the lab, with real members of etcd and a client that never stops writing: whatever
//! fails, and wherever muster itself is killed, no acknowledged write is lost and three healthy members come of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/going.rs"]
mod going;
#[expect(dead_code, reason = "what can be done to a lab is for other tests, too")]
#[path = "support/lab.rs"]
mod lab;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/operator.rs"]
mod operator;
#[path = "support/writer.rs"]
mod writer;

use lab::{Lab, wait_until};
use operator::Operator;
use writer::Writer;

/// The id of the member at a host, by what another host's etcd says.
fn member_id(lab: &Lab, from: &str, host: &str) -> String {
    let address = address(lab, host);
    let members = lab.run(&["etcdctl", "--on", from, "member", "list"]);
    let line = members.lines().find(|line| line.contains(&format!("https://{address}:2380")));
    line.unwrap_or_else(|| panic!("{host} is no member: {members}")).split(',').next().unwrap().to_owned()
}

fn address(lab: &Lab, host: &str) -> String {
    let status = lab.run(&["status"]);
    let line = status.lines().find(|line| line.starts_with(&format!("{host} "))).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

/// How many members there are, started or not.
fn members(lab: &Lab, from: &str) -> usize {
    lab.run(&["etcdctl", "--on", from, "member", "list"])
        .lines()
        .filter(|line| line.contains("https://"))
        .count()
}

/// Three voters that answer, and nobody else.
fn is_whole(lab: &Lab, from: &str, size: usize) {
    lab.wait_for_members(from, size);
    let listed = lab.run(&["etcdctl", "--on", from, "member", "list"]);
    let voters =
        listed.lines().filter(|line| line.contains(", started, ") && line.ends_with("false")).count();
    assert_eq!((voters, listed.lines().count()), (size, size), "{listed}");
}

/// Waits until Kubernetes knows that a node is lost.
fn is_lost(lab: &Lab, node: &str) {
    wait_until(&format!("{node} is not Ready"), || lab.ready(node) != "True");
}

/// On which host what is to be typed, by what a run has shown.
fn typed(shown: &str) -> (String, String) {
    let (_, after) = shown.split_once("As root on ").unwrap();
    let host = after.split(':').next().unwrap();
    let line = after.lines().find(|line| line.trim().starts_with("kubeadm token create")).unwrap();
    (host.to_owned(), line.trim().to_owned())
}

#[test]
fn a_leader_that_lost_its_power_and_a_member_that_lost_its_data_are_replaced_and_a_client_notices_one_election()
 {
    let lab = Lab::with_api(&["--workers", "1"]);
    let (ann, bob) = (Operator::new(&lab, "ann@desk"), Operator::new(&lab, "bob@desk"));
    let writer = Writer::start(&lab, "w1");

    // One that is well is left alone.
    let (code, shown) = ann.replace(&["cp2"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("is alive") && shown.contains("--planned"), "{shown}");

    // The plan says everything and touches nothing.
    let dead = lab.leader("cp1");
    let alive = ["cp1", "cp2", "cp3"].into_iter().find(|host| *host != dead).unwrap();
    let id = member_id(&lab, alive, &dead);
    lab.run(&["kill", &dead]);
    is_lost(&lab, &dead);
    let (code, shown) = ann.replace(&[&dead, "--plan", "--fenced"]);
    assert_eq!(code, 0, "{shown}");
    for said in
        ["MAY LOSE", "removed", "   9  remove     remove member", "  10  node       delete the Node", &id]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(ann.journals().is_empty());

    // The run waits for the new machine; nobody else may begin one meanwhile.
    let yes = [dead.as_str(), "--yes", "--member-id", &id, "--fenced"];
    let mut run = ann.begin(&yes);
    run.wait_for("it waits for the new machine", || ann.has_line("host", "begun"));
    assert_eq!(
        lab.kubectl(&[
            "-n",
            "kube-system",
            "get",
            "lease",
            "muster",
            "-o",
            "jsonpath={.spec.holderIdentity}"
        ]),
        "ann@desk"
    );
    let (code, shown) = bob.replace(&yes);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("held by ann@desk for `replace control-plane"), "{shown}");
    let (code, shown) = ann.replace(&yes);
    assert_eq!(code, 2, "the same operator twice at once: {shown}");
    assert!(shown.contains("this is going on already"), "{shown}");
    lab.run(&["renew", &dead]);
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, alive, 3);
    assert_eq!(lab.ready(&dead), "True");
    assert!(shown.contains("13  join       join ") && !shown.contains("TASK"), "a line a step: {shown}");
    assert_eq!(lab.ssh(alive, "kubeadm token list").lines().count(), 1, "no token is left");
    assert!(ann.has_line("replace-control-plane", "done"), "the journal is closed");
    assert!(
        !lab.try_kubectl(&["-n", "kube-system", "get", "lease", "muster"]).status.success(),
        "it is given back"
    );
    assert!(!lab.try_kubectl(&["-n", "kube-system", "get", "secret", "kubeadm-certs"]).status.success());
    let (code, shown) = ann.muster(&["ad-hoc", &dead, "-m", "ping"]);
    assert_eq!(code, 0, "its new key is known now: {shown}");
    let is_token = |word: &str| word.len() == 23 && word.as_bytes()[6] == b'.';
    let all = ann.everything();
    let words = all.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    assert_eq!(
        words.filter(|word| is_token(word)).collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "secrets were shown"
    );

    // The data are gone and the machine lives: it is reset and joins again, though somebody must say that this is meant.
    let other = ["cp1", "cp2", "cp3"].into_iter().find(|host| *host != dead && *host != alive).unwrap();
    let id = member_id(&lab, alive, other);
    lab.ssh(other, "mv /etc/kubernetes/manifests/etcd.yaml /root/");
    lab.run(&["wipe", other]);
    lab.wait_for_members(alive, 2);
    let (code, shown) = ann.replace(&[other, "--yes", "--member-id", &id, "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("kubelet runs") && shown.contains("--planned"), "{shown}");
    // At a terminal, and somebody types what is shown to be typed.
    let mut run = ann.at_terminal(&["replace", "control-plane", other, "--planned", "--join", "print"]);
    run.answer(&format!("Type {other} to replace it"), other);
    run.wait_for_words("It is waited for here");
    assert!(!run.shown().contains("TASK"), "{}", run.shown());
    let (lead, line) = typed(&run.shown());
    let join = lab.ssh(&lead, &line);
    lab.ssh(other, &format!("{} --node-name {other}", join.trim()));
    let (code, shown) = run.end();
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, alive, 3);
    assert_eq!(lab.ready(other), "True");
    assert_eq!(
        shown.matches("  16  verify").count(),
        2,
        "a line in the plan, and one when it is taken: {shown}"
    );
    writer.assert_nothing_lost(&lab, alive);
}

#[test]
fn a_join_that_fails_anywhere_leaves_two_members_and_a_clean_machine() {
    let lab = Lab::up(&["--workers", "1"]);
    let ann = Operator::new(&lab, "ann@desk");
    let writer = Writer::start(&lab, "w1");
    let id = member_id(&lab, "cp1", "cp2");
    lab.run(&["unplug", "cp2"]);
    let yes = ["cp2", "--yes", "--member-id", &id, "--fenced"];
    lab.run(&["renew", "cp2"]);
    for phase in ["certs", "member-add", "manifest"] {
        lab.ssh("cp2", &format!("mkdir -p /etc/lab; echo {phase} >/etc/lab/kubeadm-stops-after"));
        let (code, shown) = ann.replace(&yes);
        assert_eq!(code, 2, "{phase}: {shown}");
        assert!(shown.contains("What it left has been taken out"), "{phase}: {shown}");
        is_whole(&lab, "cp1", 2);
        let left =
            lab.ssh("cp2", "ls -A /var/lib/etcd /etc/kubernetes/manifests | grep -v :; ls /run/muster");
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["join.log"], "{phase}");
    }
    lab.ssh("cp2", "rm /etc/lab/kubeadm-stops-after");
    let (code, shown) = ann.replace(&yes);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 3);
    writer.assert_nothing_lost(&lab, "cp1");

    // Two of three are dead: no way but a restore, and it is named.
    lab.run(&["kill", "cp2"]);
    lab.run(&["kill", "cp3"]);
    let (code, shown) = ann.replace(&["cp2", "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    for said in ["lost its quorum", "muster run etcd-restore", "Delete no data directory", "no quorum"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[test]
fn muster_may_be_killed_wherever_its_journal_stands() {
    let lab = Lab::up(&["--workers", "1"]);
    let ann = Operator::new(&lab, "ann@desk");
    let writer = Writer::start(&lab, "w1");
    let id = member_id(&lab, "cp1", "cp3");
    lab.run(&["kill", "cp3"]);
    lab.run(&["renew", "cp3"]);
    let yes = ["cp3", "--yes", "--member-id", &id, "--fenced"];
    // Steps that only ask or look are left out: they are alike, and every run costs seconds.
    let both = ["snapshot", "remove", "host"];
    let lines = both.iter().flat_map(|step| [(*step, "begun"), (*step, "done")]);
    let ends = [
        ("join", "begun"),
        ("token", "done"),
        ("added", ""),
        ("join", "done"),
        ("verify", "begun"),
        ("verify", "done"),
    ];
    for (step, mark) in [("begin", "done")].into_iter().chain(lines).chain(ends) {
        let written = ann.another_line(step, mark);
        let run = ann.begin(&yes);
        match step {
            // In the middle of the join: the new member was added, and does not vote yet.
            "added" => run.kill_when("a member was added", || members(&lab, "cp1") == 3),
            step => run.kill_when(&format!("{step} was {mark}"), written),
        }
        let listed = members(&lab, "cp1");
        assert!((2..=3).contains(&listed), "{listed} members after {step} was {mark}");
        assert!(lab.healthy("cp1") >= 2, "after {step} was {mark}");
    }
    let (code, shown) = ann.replace(&yes);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 3);
    assert!(ann.has_line("replace-control-plane", "done"), "the journal is closed");
    for host in ["cp1", "cp2"] {
        assert_eq!(lab.ssh(host, "ls /var/lib/muster"), "", "the cluster is given back");
    }
    let tokens = lab.ssh("cp1", "kubeadm token list");
    assert_eq!(tokens.lines().count(), 1, "a token is left: {tokens}");
    writer.assert_nothing_lost(&lab, "cp1");
}

#[test]
fn clusters_of_one_and_of_two_are_refused_and_sent_to_the_restore() {
    let lab = Lab::up(&["--workers", "0", "--control-planes", "2"]);
    let ann = Operator::new(&lab, "ann@desk");
    lab.run(&["kill", "cp2"]);
    let (code, shown) = ann.replace(&["cp2", "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    for said in ["1 of 2 voters alive, 2 needed", "muster run etcd-restore"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    drop(lab);
    let lab = Lab::up(&["--workers", "0", "--control-planes", "1"]);
    let ann = Operator::new(&lab, "ann@desk");
    // What is no cluster of kubeadm's says so by itself, and how it is done there.
    for (planted, said) in [
        ("touch /etc/systemd/system/k3s.service", ["runs K3s", "kubectl delete node cp1"]),
        ("touch /etc/systemd/system/rke2-server.service", ["runs RKE2", "https://HOST:9345"]),
        (
            "mv /etc/kubernetes/manifests/etcd.yaml /root/; sed -i s,--etcd-servers=.*,--etcd-servers=https://10.1.2.3:2379, \
             /etc/kubernetes/manifests/kube-apiserver.yaml",
            ["the API server of cp1 asks https://10.1.2.3:2379", "`etcd_member`"],
        ),
        (
            "rm /etc/kubernetes/manifests/*; mkdir /etc/eks",
            ["run by the provider", "muster replace worker cp1"],
        ),
    ] {
        let keep = "cp -r /etc/kubernetes/manifests /root/kept; systemctl stop kubelet";
        lab.ssh("cp1", &format!("{keep}; {planted}; systemctl daemon-reload"));
        let (code, shown) = ann.replace(&["cp1"]);
        assert_eq!(code, 2, "{planted}: {shown}");
        for said in said {
            assert!(shown.contains(said), "{planted}: {said}: {shown}");
        }
        let back = "rm -rf /etc/systemd/system/k3s.service /etc/systemd/system/rke2-server.service /etc/eks /etc/kubernetes/manifests";
        lab.ssh("cp1", &format!("{back}; mv /root/kept /etc/kubernetes/manifests; systemctl daemon-reload; systemctl start kubelet"));
    }
    lab.wait_for_members("cp1", 1);
    let (code, shown) = ann.replace(&["cp1", "--planned"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("the only voter") && shown.contains("muster run etcd-restore"), "{shown}");
    lab.run(&["kill", "cp1"]);
    let (code, shown) = ann.replace(&["cp1", "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    assert!(
        shown.contains("no control plane answers") && shown.contains("muster run etcd-restore"),
        "{shown}"
    );
}

#[test]
fn of_five_two_that_are_dead_go_one_after_the_other_and_two_come() {
    let lab = Lab::up(&["--workers", "0", "--control-planes", "5"]);
    let ann = Operator::new(&lab, "ann@desk");
    let ids = ["cp4", "cp5"].map(|host| (host, member_id(&lab, "cp1", host)));
    for (host, _) in &ids {
        lab.run(&["kill", host]);
        lab.run(&["renew", host]);
    }
    let [(_, four), (_, five)] = &ids;
    let first = ["cp4", "--yes", "--member-id", four, "--fenced"];
    let (code, shown) = ann.replace(&first);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("etcd lets nobody join while a voter is away"), "{shown}");
    assert_eq!((members(&lab, "cp1"), lab.healthy("cp1")), (4, 3));
    let (code, shown) = ann.replace(&["cp5", "--yes", "--member-id", five, "--fenced"]);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 4);
    let (code, shown) = ann.replace(&first);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 5);
}

#[test]
fn a_spare_takes_the_place_of_one_of_four_and_an_unstarted_member_goes_first() {
    let lab = Lab::up(&["--workers", "0", "--control-planes", "4", "--spares", "1"]);
    let ann = Operator::new(&lab, "ann@desk");
    let id = member_id(&lab, "cp1", "cp4");
    lab.run(&["kill", "cp4"]);
    // Of four, one may be taken out and left out: three tolerate as much.
    let (code, shown) = ann.replace(&["cp4", "--join", "none", "--yes", "--member-id", &id, "--fenced"]);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 3);

    // Somebody added a member by hand and it never started.
    let address = address(&lab, "cp4");
    lab.run(&[
        "etcdctl",
        "--on",
        "cp1",
        "member",
        "add",
        "cp4",
        "--peer-urls",
        &format!("https://{address}:2380"),
    ]);
    let unstarted = member_id(&lab, "cp1", "cp4");
    let id = member_id(&lab, "cp1", "cp3");
    lab.run(&["kill", "cp3"]);
    let (code, shown) = ann.replace(&["cp3", "--with", "s1", "--fenced"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("lost its quorum"), "an unstarted voter counts: {shown}");
    lab.run(&["boot", "cp3"]);
    lab.wait_for_members("cp1", 3);
    let (code, shown) =
        ann.replace(&[&unstarted, "--join", "none", "--yes", "--member-id", &unstarted, "--fenced"]);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 3);

    // One that lives goes as planned, and the spare comes.
    let (code, shown) = ann.replace(&["cp3", "--with", "s1", "--planned", "--yes", "--member-id", &id]);
    assert_eq!(code, 0, "{shown}");
    is_whole(&lab, "cp1", 3);
    assert!(lab.run(&["etcdctl", "--on", "cp1", "member", "list"]).contains(", started, s1, "));
    assert_eq!(lab.ssh("cp3", "ls /etc/kubernetes/manifests /var/lib/etcd | grep -v :").trim(), "");
}
