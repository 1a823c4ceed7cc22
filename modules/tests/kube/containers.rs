//! Commands in containers, their logs, and files into and out of them: on this machine's road and on a host's. The containers of the
//! double run their commands in a directory of the test.

use super::{bench, far, run};
use muster_apiserver::{Cluster, Double, Execution, Outcome};
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const POD: &str = "etcd-cp-0";

fn of(more: Json) -> Json {
    let mut args = json!({"namespace": "kube-system", "pod": POD});
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    args
}

/// A double whose containers run commands here, with these programs and no others, if any are named.
async fn running(dir: &Path, programs: &[&str]) -> Double {
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for program in programs {
        let found =
            std::env::split_paths("/usr/bin:/bin").map(|dir| dir.join(program)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), bin.join(program)).unwrap();
    }
    let script = dir.join("enter");
    let path =
        if programs.is_empty() { String::new() } else { format!("PATH={}; export PATH; ", bin.display()) };
    std::fs::write(&script, format!("shift 4; {path}exec \"$@\"\n")).unwrap();
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.set_execution(Execution::Program(vec!["/bin/sh".into(), script.display().to_string()]));
    double
}

fn tree(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(tree(&path)),
            false => found.push((path.clone(), std::fs::read_to_string(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_command_s_output_and_code_are_the_task_s() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.on_exec(|request| Outcome {
        stdout: format!("{} in {}\nsecond\n", request.command.join("|"), request.container).into_bytes(),
        stderr: b"beware\n".to_vec(),
        code: i32::from(request.command.contains(&"fail".to_string())) * 3,
    });
    for bench in [bench(), far()] {
        let done = run(&double, &bench, "k8s_exec", of(json!({"command": "sh -c 'echo hi'"}))).await.unwrap();
        assert_eq!(done["stdout_lines"], json!(["sh|-c|echo hi in etcd", "second"]));
        assert_eq!(
            (&done["rc"], &done["return_code"], &done["changed"]),
            (&json!(0), &json!(0), &json!(true))
        );
        assert_eq!(done["stderr"], "beware\n");
    }
    let failed = run(&double, &bench(), "k8s_exec", of(json!({"command": "fail"}))).await.unwrap_err();
    assert_eq!((failed.message(), &failed.result["rc"]), ("non-zero return code", &json!(3)));
    let none = json!({"namespace": "kube-system", "pod": "nobody", "command": "true"});
    let none = run(&double, &bench(), "k8s_exec", none).await.unwrap_err();
    assert_eq!(none.message(), "Failed to execute on pod nobody due to: pods \"nobody\" not found");
    let before = double.requests().len();
    let mut trying = bench();
    trying.check_mode = true;
    let tried = run(&double, &trying, "k8s_exec", of(json!({"command": "reboot"}))).await.unwrap();
    assert_eq!(tried["skipped"], true);
    assert_eq!(double.requests().len(), before, "nothing is asked in check mode");
}

#[tokio::test]
async fn a_kubelet_that_is_not_reached_is_no_exit_code() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let failed = run(&double, &bench(), "k8s_exec", of(json!({"command": "true"}))).await.unwrap_err();
    assert!(failed.message().contains("no route to host"), "{}", failed.message());
    assert!(failed.result.get("rc").is_none());
}

#[tokio::test]
async fn logs_are_read_of_a_pod_a_workload_and_labels() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let pods: Vec<Json> = double
        .list("pods")
        .into_iter()
        .filter(|pod| pod["metadata"]["labels"]["k8s-app"] == "kube-dns")
        .collect();
    for pod in &pods {
        double.set_log(
            "kube-system",
            pod["metadata"]["name"].as_str().unwrap(),
            "coredns",
            "one\ntwo\nthree\n",
        );
    }
    let name = pods[0]["metadata"]["name"].as_str().unwrap();
    let whole = json!(["one", "two", "three", ""]);
    for args in [
        json!({"name": name, "namespace": "kube-system"}),
        json!({"name": name, "namespace": "kube-system", "all_containers": true}),
        json!({"kind": "Deployment", "api_version": "apps/v1", "name": "coredns", "namespace": "kube-system"}),
        json!({"namespace": "kube-system", "label_selectors": ["k8s-app=kube-dns"]}),
    ] {
        let log = run(&double, &far(), "k8s_log", args.clone()).await.unwrap();
        assert_eq!((&log["log_lines"], &log["changed"]), (&whole, &json!(false)), "{args}");
    }
    let tail = json!({"name": name, "namespace": "kube-system", "tail_lines": 1, "since_seconds": "60"});
    assert_eq!(run(&double, &bench(), "k8s_log", tail).await.unwrap()["log"], "three\n");
    let asked = double.requests().pop().unwrap();
    assert!(asked.query.contains("sinceSeconds=60") && asked.query.contains("tailLines=1"), "{asked:?}");
    for (args, said) in [
        (json!({"name": "nobody", "namespace": "shop"}), "Pod shop/nobody not found."),
        (
            json!({"namespace": "shop", "label_selectors": ["a=b"]}),
            "No pods in namespace shop matched selector a=b",
        ),
        (
            json!({"kind": "Deployment", "api_version": "apps/v1"}),
            "name must be provided for resources that do not support the log subresource",
        ),
        (
            json!({"name": "a", "label_selectors": ["a=b"]}),
            "Only one of name or label_selectors can be provided",
        ),
        (
            json!({"name": "a", "container": "b", "all_containers": true}),
            "parameters are mutually exclusive: container|all_containers",
        ),
    ] {
        let failed = run(&double, &bench(), "k8s_log", args).await.unwrap_err();
        assert!(failed.message().starts_with(said), "{}", failed.message());
    }
}

#[tokio::test]
async fn files_and_directories_go_in_and_out_with_tar_and_without() {
    for programs in [&[][..], &["sh", "test", "mkdir", "head", "chmod", "cat"][..]] {
        let dir = tempfile::tempdir().unwrap();
        let double = running(dir.path(), programs).await;
        let here = dir.path().join("here");
        std::fs::create_dir_all(here.join("conf/sub")).unwrap();
        std::fs::write(here.join("conf/a b"), "spaces").unwrap();
        std::fs::write(here.join("conf/sub/.hidden"), "deep").unwrap();
        let pod = dir.path().join("pod");
        std::fs::create_dir_all(&pod).unwrap();
        let to = |local: &str, remote: &str| {
            of(
                json!({"local_path": here.join(local).display().to_string(), "remote_path": pod.join(remote).display().to_string()}),
            )
        };
        let done = run(&double, &far(), "k8s_cp", to("conf", "etc")).await.unwrap();
        assert!(done["result"].as_str().unwrap().contains("successfully copied into remote Pod into"));
        assert_eq!(std::fs::read_to_string(pod.join("etc/a b")).unwrap(), "spaces", "{programs:?}");
        assert_eq!(std::fs::read_to_string(pod.join("etc/sub/.hidden")).unwrap(), "deep");
        // Into a directory that is there it comes under its own name.
        run(&double, &bench(), "k8s_cp", to("conf/a b", "etc/sub")).await.unwrap();
        assert!(pod.join("etc/sub/a b").exists());
        let content =
            of(json!({"content": "level: 2\n", "remote_path": pod.join("new/level").display().to_string()}));
        run(&double, &bench(), "k8s_cp", content).await.unwrap();
        assert_eq!(std::fs::read_to_string(pod.join("new/level")).unwrap(), "level: 2\n");
        let from = |remote: &str, local: &str| {
            of(
                json!({"state": "from_pod", "remote_path": pod.join(remote).display().to_string(), "local_path": here.join(local).display().to_string()}),
            )
        };
        run(&double, &far(), "k8s_cp", from("etc", "back")).await.unwrap();
        assert_eq!(tree(&here.join("back")).len(), 3);
        run(&double, &bench(), "k8s_cp", from("new/level", "one")).await.unwrap();
        assert_eq!(std::fs::read_to_string(here.join("one")).unwrap(), "level: 2\n");
        let missing = run(&double, &bench(), "k8s_cp", from("nothing", "x")).await.unwrap_err();
        assert!(
            missing.message().ends_with("does not exist in remote pod filesystem"),
            "{}",
            missing.message()
        );
        let mut trying = bench();
        trying.check_mode = true;
        assert_eq!(run(&double, &trying, "k8s_cp", from("etc", "never")).await.unwrap()["changed"], true);
        assert!(!here.join("never").exists());
    }
}

#[tokio::test]
async fn a_container_with_nothing_in_it_is_said_to_have_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let double = running(dir.path(), &["true"]).await;
    let args = of(json!({"content": "x", "remote_path": dir.path().join("x").display().to_string()}));
    let failed = run(&double, &bench(), "k8s_cp", args).await.unwrap_err();
    assert!(failed.message().contains("has neither `tar` nor `sh`"), "{}", failed.message());
    let other = of(json!({"content": "x", "remote_path": "/x", "container": "other"}));
    let failed = run(&double, &bench(), "k8s_cp", other).await.unwrap_err();
    assert_eq!(failed.message(), "Pod has no container other");
}

/// A shell that finds no etcdctl, whatever this machine has: it lives in a mount namespace that hides it.
fn without_etcdctl(dir: &Path) -> String {
    let shell = dir.join("shell");
    let hide = "for p in /usr/bin/etcdctl /usr/local/bin/etcdctl /usr/bin/crictl; do [ -e $p ] && mount --bind /dev/null $p; done";
    std::fs::write(
        &shell,
        format!("#!/bin/sh\nexec unshare -m /bin/sh -c '{hide}; exec /bin/sh \"$@\"' sh \"$@\"\n"),
    )
    .unwrap();
    std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
    shell.display().to_string()
}

#[tokio::test]
async fn a_look_at_etcd_from_afar_goes_through_an_etcd_pod_and_one_from_a_control_plane_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.on_exec(|request| {
        let header = json!({"cluster_id": 7, "member_id": 1, "revision": 12, "raft_term": 2});
        let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
        let answer = match words.as_slice() {
            [.., "member", "list", "-w", "json"] => json!({"header": header, "members": [
                {"ID": 1, "name": "cp-0", "peerURLs": ["https://10.0.0.1:2380"], "clientURLs": ["https://10.0.0.1:2379"]}]}),
            [.., "endpoint", "status", "-w", "json"] => json!([{"Endpoint": "https://10.0.0.1:2379", "Status": {
                "header": header, "version": "3.6.4", "dbSize": 4096, "dbSizeInUse": 4096, "leader": 1,
                "raftIndex": 20, "raftAppliedIndex": 20, "raftTerm": 2}}]),
            [.., "hashkv", "-w", "json"] => json!([{"Endpoint": "https://10.0.0.1:2379", "HashKV": {"header": header, "hash": 5}}]),
            _ => json!({"header": header}),
        };
        Outcome { stdout: answer.to_string().into_bytes(), ..Outcome::default() }
    });
    let mut here = bench();
    here.shell = without_etcdctl(dir.path());
    let health = run(&double, &here, "etcd_health", json!({})).await.unwrap();
    assert_eq!(health["problems"], json!([]));
    assert_eq!((&health["via"], &health["pod"]), (&json!("kubernetes exec"), &json!(POD)));
    let info = run(&double, &here, "etcd_member_info", json!({})).await.unwrap();
    assert_eq!((&info["members"][0]["name"], &info["leader"]), (&json!("cp-0"), &json!("1")));
    // That some etcd runs elsewhere is no answer on a control plane whose own does not.
    let mut there = far();
    there.shell = here.shell.clone();
    let refused = there.run("etcd_member_info", &json!({})).await.unwrap_err();
    assert!(refused.message().starts_with("there is no way to etcd on"), "{}", refused.message());
}

#[tokio::test]
async fn etcdctl_is_run_in_an_etcd_pod_where_the_host_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.on_exec(|request| Outcome {
        stdout: json!({"pod": request.pod, "words": request.command}).to_string().into_bytes(),
        ..Outcome::default()
    });
    let mut bench = far();
    bench.shell = without_etcdctl(dir.path());
    let done = run(&double, &bench, "etcdctl", json!({"_raw_params": "member list"})).await.unwrap();
    assert_eq!(done["via"], "kubernetes exec");
    let words: Vec<&str> =
        done["json"]["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[0], "etcdctl");
    assert!(words.contains(&"--cert=/etc/kubernetes/pki/etcd/server.crt"), "{words:?}");
    assert_eq!(words[words.len() - 4..], ["member", "list", "-w", "json"]);
    let nobody =
        bench.run("etcdctl", &json!({"_raw_params": "version", "kubeconfig": "/nowhere"})).await.unwrap_err();
    assert!(
        nobody.message().contains("Through the Kubernetes API: cannot read the kubeconfig"),
        "{}",
        nobody.message()
    );
}
