//! `muster check kubernetes`: the faults of a cluster, and the ways to its API.

use super::dnsmasq::Dnsmasq;
use super::{Seen, ago, each, first, run};
use muster_apiserver::object::set_condition;
use muster_apiserver::{Cluster, Controllers, Double, Shown};
use serde_json::{Value as Json, json};

/// A fault: its name, the id it is found by, what is said of it, and how it is planted.
type Fault = (&'static str, &'static str, &'static str, fn(Cluster) -> Cluster);

const MACHINES: [&str; 5] = ["cp-0", "cp-1", "cp-2", "worker-0", "worker-1"];

fn healthy() -> Cluster {
    // Nothing mends what a test breaks.
    Cluster::healthy().deployment("shop", "web", 2).controllers(Controllers::none())
}

fn unready(pod: &mut Json, state: Json) {
    set_condition(pod, "Ready", "False", "ContainersNotReady", "");
    pod["status"]["containerStatuses"][0]["ready"] = json!(false);
    pod["status"]["containerStatuses"][0]["state"] = state;
    for condition in pod["status"]["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = json!(ago(900));
    }
}

fn waiting(pod: &mut Json, reason: &str) {
    unready(pod, json!({"waiting": {"reason": reason, "message": "said so"}}));
}

fn webhook(service: &str) -> Json {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "policy"},
        "webhooks": [{
            "name": "deny.policy.example.com", "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "kube-system", "name": service, "port": 443}},
            "rules": [{"apiGroups": ["policy.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["*"]}],
        }],
    })
}

fn claim(name: &str, class: &str, phase: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": ago(1200)},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeName": "pv-1", "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": phase},
    })
}

fn volume(phase: &str, policy: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv-1"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": policy,
            "claimRef": {"namespace": "shop", "name": "data"}, "hostPath": {"path": "/data"},
        },
        "status": {"phase": phase},
    })
}

fn lease_of(cluster: Cluster, name: &str) -> Cluster {
    cluster.edit("Lease", "kube-system", name, |lease| {
        let old = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(5 * 60 + 20);
        lease["spec"]["renewTime"] = json!(old.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string());
    })
}

fn unavailable(workload: &mut Json, fields: &[(&str, i64)]) {
    for (field, value) in fields {
        workload["status"][*field] = json!(value);
    }
}

fn class(name: &str, default: bool) -> Json {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": name, "annotations": {"storageclass.kubernetes.io/is-default-class": default.to_string()}},
        "provisioner": "csi.example.com", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    })
}

const FAULTS: &[Fault] = &[
    ("a node that is lost", "NodesReady", "worker-1: Ready is Unknown", |c| c.lost("worker-1")),
    ("a node whose disk is full", "NodesReady", "cp-1: DiskPressure is True", |c| {
        c.edit("Node", "", "cp-1", |node| {
            set_condition(node, "DiskPressure", "True", "KubeletHasDiskPressure", "full")
        })
    }),
    ("a machine that is no node", "NodeCount", "worker-1 is in the inventory and no node", |mut c| {
        c.objects.retain(|object| object["spec"]["nodeName"] != "worker-1");
        each(c.without("Node", "", "worker-1"), "DaemonSet", "", |set| {
            for field in [
                "desiredNumberScheduled",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberReady",
                "currentNumberScheduled",
            ] {
                set["status"][field] = json!(4);
            }
        })
        .edit("Deployment", "kube-system", "coredns", |coredns| coredns["spec"]["replicas"] = json!(1))
    }),
    (
        "a node that is no machine",
        "NodeCount",
        "worker-9 is a node of the cluster and not in the inventory",
        |mut c| {
            let mut node =
                c.of_kind("Node").find(|node| node["metadata"]["name"] == "worker-1").unwrap().clone();
            node["metadata"]["name"] = json!("worker-9");
            node["metadata"]["labels"]["kubernetes.io/hostname"] = json!("worker-9");
            node["status"]["addresses"] = json!([{"type": "InternalIP", "address": "10.0.0.109"}]);
            let mut pod =
                c.of_kind("Pod").find(|pod| pod["metadata"]["namespace"] == "calico-system").unwrap().clone();
            pod["metadata"]["name"] = json!("calico-node-zzzzz");
            pod["spec"]["nodeName"] = json!("worker-9");
            c.objects.extend([node, pod]);
            c
        },
    ),
    ("a calico pod that is not ready", "CNI", "calico-system/calico-node-", |c| {
        first(c, "Pod", "calico-node-", |pod| unready(pod, json!({"running": {}})))
    }),
    ("a node without its calico pod", "CNI", "no pod of DaemonSet calico-system/calico-node", |mut c| {
        c.objects.retain(|o| {
            !(o["spec"]["nodeName"] == "worker-0" && o["metadata"]["namespace"] == "calico-system")
        });
        c
    }),
    ("a cluster without a network plugin", "CNI", "no DaemonSet of a network plugin", |mut c| {
        c.objects.retain(|object| object["metadata"]["namespace"] != "calico-system");
        c
    }),
    (
        "coredns that is down",
        "DNS",
        "Deployment kube-system/coredns: 0 of 2 available (2 CrashLoopBackOff)",
        |c| {
            let c = each(c, "Pod", "coredns-", |pod| waiting(pod, "CrashLoopBackOff"));
            c.edit("Deployment", "kube-system", "coredns", |it| {
                unavailable(it, &[("availableReplicas", 0), ("readyReplicas", 0)])
            })
        },
    ),
    ("a DNS service that leads nowhere", "DNS", "has no ready endpoint", |c| {
        first(c, "EndpointSlice", "kube-dns-", |slice| slice["endpoints"] = Json::Null)
    }),
    ("a scheduler that has stopped", "Scheduler", "cp-0 has not renewed its lease for 5 min", |c| {
        lease_of(c, "kube-scheduler")
    }),
    (
        "a controller manager that has stopped",
        "ControllerManager",
        "1 Deployments were changed and nobody has looked",
        |c| {
            let c = c.edit("Deployment", "shop", "web", |web| web["metadata"]["generation"] = json!(9));
            lease_of(c, "kube-controller-manager")
        },
    ),
    ("an aggregated API that is down", "APIServices", "v1beta1.metrics.k8s.io MissingEndpoints", |c| {
        let mut service = json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": {"namespace": "kube-system", "name": "metrics-server"}},
        });
        set_condition(
            &mut service,
            "Available",
            "False",
            "MissingEndpoints",
            "endpoints for service/metrics-server are missing",
        );
        c.with(service)
    }),
    ("a webhook whose service is gone", "Webhooks", "kube-system/policy does not exist", |c| {
        c.with(webhook("policy"))
    }),
    ("a webhook whose pods are gone", "Webhooks", "kube-system/policy has no ready endpoint", |c| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "policy", "namespace": "kube-system"},
            "spec": {"selector": {"app": "policy"}, "ports": [{"port": 443}]}});
        c.with(service).with(webhook("policy"))
    }),
    ("a certificate request that waits", "CertificateRequests", "csr-1 of system:node:worker-0", |c| {
        c.with(json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": "csr-1", "creationTimestamp": ago(3600)},
            "spec": {"request": "", "signerName": "kubernetes.io/kubelet-serving", "username": "system:node:worker-0", "usages": ["server auth"]},
            "status": {},
        }))
    }),
    (
        "a namespace that does not end",
        "Namespaces",
        "old is Terminating for 2 h: Some content in the namespace has finalizers remaining",
        |c| {
            c.namespace("old").edit("Namespace", "", "old", |space| {
                space["metadata"]["deletionTimestamp"] = json!(ago(7300));
                space["status"]["phase"] = json!("Terminating");
                set_condition(
                    space,
                    "NamespaceFinalizersRemaining",
                    "True",
                    "SomeFinalizersRemain",
                    "Some content in the namespace has finalizers remaining",
                );
            })
        },
    ),
    (
        "a claim that a finalizer holds",
        "Finalizers",
        "PersistentVolumeClaim shop/data was deleted 2 h ago and waits for example.com/hold",
        |c| {
            let mut held = claim("data", "standard", "Bound");
            held["metadata"]["deletionTimestamp"] = json!(ago(7300));
            held["metadata"]["finalizers"] = json!(["example.com/hold"]);
            c.with(held)
        },
    ),
    (
        "a workload of the system that is short",
        "Workloads",
        "DaemonSet kube-system/kube-proxy: 4 of 5 available (1 CrashLoopBackOff)",
        |c| {
            let c = first(c, "Pod", "kube-proxy-", |pod| waiting(pod, "CrashLoopBackOff"));
            c.edit("DaemonSet", "kube-system", "kube-proxy", |it| {
                unavailable(it, &[("numberAvailable", 4), ("numberReady", 4)])
            })
        },
    ),
    (
        "a Deployment of the system without pods",
        "Workloads",
        "Deployment kube-system/metrics-server: 0 of 1 available",
        |c| {
            c.with(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "metrics-server", "namespace": "kube-system", "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "m"}}, "template": {"metadata": {"labels": {"app": "m"}}}},
            "status": {"observedGeneration": 1, "unavailableReplicas": 1},
        }))
        },
    ),
    (
        "a pod that crashes",
        "Pods",
        "CrashLoopBackOff (container web, exit code 127, 9 restarts) on worker-",
        |c| {
            first(c, "Pod", "web-", |pod| {
                waiting(pod, "CrashLoopBackOff");
                pod["status"]["containerStatuses"][0]["restartCount"] = json!(9);
                pod["status"]["containerStatuses"][0]["lastState"] =
                    json!({"terminated": {"exitCode": 127, "reason": "Error"}});
            })
        },
    ),
    ("an image that cannot be pulled", "Pods", "ImagePullBackOff (container web, said so)", |c| {
        first(c, "Pod", "web-", |pod| waiting(pod, "ImagePullBackOff"))
    }),
    ("a pod that fits nowhere", "Pods", "Pending (0/5 nodes are available)", |c| {
        first(c, "Pod", "web-", |pod| {
            pod["status"] = json!({"phase": "Pending"});
            pod["spec"]["nodeName"] = Json::Null;
            pod["metadata"]["creationTimestamp"] = json!(ago(900));
            set_condition(pod, "PodScheduled", "False", "Unschedulable", "0/5 nodes are available");
        })
    }),
    ("a pod that does not end", "Pods", "Terminating on worker-", |c| {
        first(c, "Pod", "web-", |pod| pod["metadata"]["deletionTimestamp"] = json!(ago(900)))
    }),
    ("a static pod that is down", "Pods", "kube-system/etcd-cp-1: Error", |c| {
        c.edit("Pod", "kube-system", "etcd-cp-1", |pod| {
            unready(pod, json!({"terminated": {"exitCode": 1, "reason": "Error"}}))
        })
    }),
    ("a Job that failed", "FailedPods", "Job shop/backup: 1 pod failed", |c| {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "backup", "namespace": "shop"}, "spec": {}, "status": {"failed": 1}});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "backup-x", "namespace": "shop", "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "backup", "uid": "1", "controller": true}]},
            "spec": {"nodeName": "worker-0", "containers": [{"name": "b"}]}, "status": {"phase": "Failed"},
        });
        c.with(job).with(pod)
    }),
    (
        "a claim that nobody binds",
        "VolumeClaims",
        "shop/data is Pending for 20 min (storage class fast, provisioner csi.example.com)",
        |c| c.with(class("fast", false)).with(claim("data", "fast", "Pending")),
    ),
    ("a claim whose volume is gone", "VolumeClaims", "shop/data is Lost: its volume pv-1 is gone", |c| {
        c.with(claim("data", "standard", "Lost"))
    }),
    ("a volume that failed", "Volumes", "pv-1 of the claim shop/data has Failed", |c| {
        c.with(volume("Failed", "Delete"))
    }),
    ("a volume that is left over", "Volumes", "pv-1 is kept after its claim shop/data is gone", |c| {
        c.with(volume("Released", "Retain"))
    }),
    (
        "a volume that cannot be attached",
        "VolumeAttachments",
        "pv-1 cannot be attached to worker-0: multi-attach",
        |c| {
            c.with(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": "csi-1"},
            "spec": {"attacher": "csi.example.com", "nodeName": "worker-0", "source": {"persistentVolumeName": "pv-1"}},
            "status": {"attached": false, "attachError": {"message": "multi-attach", "time": ago(60)}},
        }))
        },
    ),
    ("two default storage classes", "StorageClass", "default storage classes: ", |c| {
        c.with(class("fast", true))
    }),
    ("no default storage class", "StorageClass", "no default storage class", |c| {
        c.without("StorageClass", "", "standard").with(class("fast", false))
    }),
    (
        "a kubelet that is ahead",
        "Versions",
        "the kubelet of worker-0 is v1.37.0, ahead of kube-apiserver-cp-",
        |c| {
            c.edit("Node", "", "worker-0", |node| {
                node["status"]["nodeInfo"]["kubeletVersion"] = json!("v1.37.0")
            })
        },
    ),
    ("a kubelet that is too far behind", "Versions", "4 minor versions behind", |c| {
        c.edit("Node", "", "worker-0", |node| node["status"]["nodeInfo"]["kubeletVersion"] = json!("v1.32.9"))
    }),
    (
        "a scheduler that is ahead of an API server",
        "Versions",
        "kube-scheduler-cp-0 is v1.37.1, ahead of",
        |c| {
            c.edit("Pod", "kube-system", "kube-scheduler-cp-0", |pod| {
                pod["spec"]["containers"][0]["image"] = json!("registry.k8s.io/kube-scheduler:v1.37.1");
            })
        },
    ),
];

/// An inventory of the machines, all of them this one, beside the kubeconfig.
fn inventory(double: &Double) -> String {
    let hosts = |names: &[&str]| {
        names.iter().map(|name| format!("{name} ansible_connection=local\n")).collect::<String>()
    };
    let text = format!(
        "[control-plane]\n{}[node]\n{}[all:vars]\nansible_become=False\ncheck_kubernetes_etcd=False\ncheck_kubernetes_dns_query=False\ncheck_kubernetes_urls=[]\ncheck_kubernetes_kubeconfig={}\n",
        hosts(&MACHINES[..3]),
        hosts(&MACHINES[3..]),
        double.kubeconfig().display()
    );
    let path = double.directory().join("hosts.ini");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn checked(double: &Double) -> Seen {
    run(double, &["check", "kubernetes", "--output", "json", "-i", &inventory(double)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_cluster_gives_no_finding_with_and_without_an_inventory() {
    let double = Double::start(healthy()).await.unwrap();
    let seen = checked(&double).await;
    assert_eq!((seen.code, seen.findings()), (0, vec![]), "{}{}", seen.out, seen.err);
    let alone = run(&double, &["check", "kubernetes", "--output", "json"]).await;
    assert_eq!((alone.code, alone.findings()), (0, vec![]), "{}{}", alone.out, alone.err);
    let changing = double.requests().into_iter().find(|seen| seen.method != "GET");
    assert!(changing.is_none(), "{changing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_found_by_its_id_and_nothing_else_is() {
    let mut wrong = vec![];
    for (name, id, said, plant) in FAULTS {
        let double = Double::start(plant(healthy())).await.unwrap();
        let seen = checked(&double).await;
        let mild = seen.code == 0;
        let expected = format!("{id} {}", if mild { "warn" } else { "fail" });
        if seen.findings() != [expected.as_str()] || !(mild || seen.code == 3) {
            wrong.push(format!("{name}: exit {}, {:?} {}", seen.code, seen.findings(), seen.err));
            for finding in seen.findings() {
                let id = finding.split(' ').next().unwrap();
                wrong.push(format!("    {}", seen.told(id, "observed")));
            }
        } else if !seen.told(id, "observed").contains(said) {
            wrong.push(format!("{name}: {}", seen.told(id, "observed")));
        } else if seen.told(id, "remedy").trim().is_empty() {
            wrong.push(format!("{name}: no remedy"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_the_api_that_fails_is_named_with_the_way_it_fails_on() {
    let double = Double::start(healthy()).await.unwrap();
    let other = double.beside(healthy()).await.unwrap();
    // The same cluster behind both, as its uid says.
    let uid = double.get("namespaces", "", "kube-system").unwrap()["metadata"]["uid"].clone();
    other.edit("namespaces", "", "kube-system", |space| space["metadata"]["uid"] = uid).unwrap();
    let urls = json!({"check_kubernetes_urls": [other.url()]}).to_string();
    let words = ["check", "kubernetes", "--output", "json", "-e", &urls];
    let well = run(&double, &words).await;
    assert_eq!((well.code, well.findings()), (0, vec![]), "{}{}", well.out, well.err);

    other.fail_check("etcd-readiness");
    let seen = run(&double, &words).await;
    assert_eq!((seen.code, seen.findings()), (3, vec!["API fail".to_string()]), "{}", seen.err);
    assert_eq!(seen.told("API", "observed"), format!("{}: readyz/etcd-readiness failed", other.url()));
    assert!(
        seen.told("API", "remedy")
            .contains(&format!("kubectl --server {} get --raw '/readyz?verbose'", other.url()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_dns_server_is_asked_for_a_name_of_the_cluster_s_own_domain() {
    let mut cluster = healthy()
        .edit("ConfigMap", "kube-system", "coredns", |map| {
            map["data"]["Corefile"] =
                json!(".:53 {\n    kubernetes corp.internal in-addr.arpa {\n    }\n}\n");
        })
        .edit("Service", "kube-system", "kube-dns", |service| {
            service["spec"]["clusterIP"] = json!("127.0.0.1")
        });
    let pods = cluster
        .objects
        .iter_mut()
        .filter(|it| it["kind"] == "Pod" && it["metadata"]["labels"]["k8s-app"] == "kube-dns");
    for (pod, address) in pods.zip(["127.0.0.2", "127.0.0.3"]) {
        pod["status"]["podIP"] = json!(address);
    }
    let double = Double::start(cluster).await.unwrap();
    let name = "--host-record=kubernetes.default.svc.corp.internal,10.96.0.1";
    let run_with = async |addresses: &[&str]| {
        let server = Dnsmasq::start(addresses, &[name]);
        let port = format!("check_kubernetes_dns_port={}", server.port);
        let words =
            ["check", "kubernetes", "--output", "json", "-e", "check_kubernetes_dns_query=true", "-e", &port];
        run(&double, &words).await
    };
    let well = run_with(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
    assert_eq!((well.code, well.findings()), (0, vec![]), "{}{}", well.out, well.err);
    let seen = run_with(&["127.0.0.1", "127.0.0.2"]).await;
    assert_eq!((seen.code, seen.findings()), (3, vec!["DNSQuery fail".to_string()]), "{}", seen.err);
    let observed = seen.told("DNSQuery", "observed");
    assert!(observed.starts_with("127.0.0.3: ") && observed.lines().count() == 1, "{observed}");
    assert!(seen.told("DNSQuery", "title").contains("kubernetes.default.svc.corp.internal"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_behind_one_way_is_told_of() {
    let double = Double::start(healthy()).await.unwrap();
    let other = double.beside(healthy()).await.unwrap();
    let urls = json!({"check_kubernetes_urls": [other.url()]}).to_string();
    let seen = run(&double, &["check", "kubernetes", "--output", "json", "-e", &urls]).await;
    assert_eq!((seen.code, seen.findings()), (3, vec!["APIIdentity fail".to_string()]), "{}", seen.err);
    let observed = seen.told("APIIdentity", "observed");
    assert!(observed.starts_with("2 clusters: ") && observed.contains(&other.url()), "{observed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_down_is_one_finding_that_explains_all_others() {
    let double = Double::start(healthy()).await.unwrap();
    double.show_certificate(Shown::Expired).unwrap();
    let expired = run(&double, &["check", "kubernetes", "--output", "json"]).await;
    assert_eq!(expired.code, 3, "{}", expired.err);
    assert!(
        expired.told("API", "observed").contains("kubeadm certs renew"),
        "{}",
        expired.told("API", "observed")
    );

    let path = double.directory().join("down.conf");
    let text =
        std::fs::read_to_string(double.kubeconfig()).unwrap().replace(&double.url(), "https://127.0.0.1:1");
    std::fs::write(&path, text).unwrap();
    let words = ["check", "kubernetes", "-e", &format!("check_kubernetes_kubeconfig={}", path.display())];
    let seen = run(&double, &words).await;
    assert_eq!(seen.code, 3, "{}{}", seen.out, seen.err);
    assert!(
        seen.out.trim_end().ends_with("Error: the following 1 check did not pass: [ API ]"),
        "{}",
        seen.out
    );
    assert!(seen.out.contains("Nothing listens there") && seen.out.contains("crictl ps"), "{}", seen.out);
    let blocked = format!("{:<71}[UNKNOWN]\n    blocked by API\n", "NodesReady");
    assert!(seen.out.contains(&blocked), "{}", seen.out);
    assert_eq!(seen.out.matches("[ERROR]").count(), 2, "once under its task, once in the list\n{}", seen.out);
    assert!(!seen.err.contains("panicked"), "{}", seen.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_is_unknown_with_the_reason_and_never_a_pass() {
    let double = Double::start(healthy()).await.unwrap();
    let path = double.kubeconfig_with_token("viewer", "viewer-token").unwrap();
    let words = [
        "check",
        "kubernetes",
        "--output",
        "json",
        "-e",
        &format!("check_kubernetes_kubeconfig={}", path.display()),
    ];
    let seen = run(&double, &words).await;
    assert_eq!(seen.code, 3, "{}", seen.err);
    assert!(seen.findings().contains(&"NodesReady unknown".to_string()), "{:?}", seen.findings());
    assert!(seen.findings().iter().all(|finding| finding.ends_with("unknown")), "{:?}", seen.findings());
    assert!(
        seen.told("NodesReady", "observed").contains("cannot list resource \"nodes\""),
        "{}",
        seen.told("NodesReady", "observed")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screen_is_the_guides() {
    let double = Double::start(healthy()).await.unwrap();
    let seen = run(&double, &["check", "kubernetes", "-i", &inventory(&double)]).await;
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
    let tasks: Vec<&str> =
        seen.out.lines().filter(|line| line.starts_with("TASK [") || line.starts_with("PLAY [")).collect();
    let at = |text: &str| {
        tasks.iter().position(|line| line.starts_with(text)).unwrap_or_else(|| panic!("{text}\n{}", seen.out))
    };
    let order = [
        "PLAY [Check Control Plane Health] *",
        "TASK [Gathering Facts] *",
        "TASK [check-kubernetes : calico health] *",
        "TASK [check-kubernetes : coredns health] *",
        "TASK [check-kubernetes : count number of nodes] *",
        "TASK [check-kubernetes : check nodes are Ready] *",
    ];
    assert!(order.map(at).is_sorted(), "{}", seen.out);
    assert!(
        seen.out
            .trim_start()
            .starts_with("STAGE [Checking Kubernetes]\n\nPLAY [Check Control Plane Health] *"),
        "{}",
        seen.out
    );
    let (_, calico) = seen.out.split_once("calico health]").unwrap();
    let mut lines: Vec<&str> = calico.lines().skip(1).take(3).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["ok: [cp-0]", "ok: [cp-1 -> cp-0]", "ok: [cp-2 -> cp-0]"], "{}", seen.out);
    assert!(seen.out.contains(&format!("{:<71}[OK]\n", "CNI")), "{}", seen.out);
}
