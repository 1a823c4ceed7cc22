//! `muster check addons`: addons as Konvoy declares them, releases as Helm keeps them, and what can be wrong with both.

use super::{Seen, ago, each, first, run};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use muster_apiserver::object::{set, set_condition};
use muster_apiserver::{Cluster, Controllers, Double};
use serde_json::{Value as Json, json};
use std::io::Write as _;

const SPACE: &str = "kubeaddons";

/// A Konvoy cluster.yaml: two documents, of which the second has the addons.
const KONVOY: &str = "\
kind: ClusterProvisioner
apiVersion: konvoy.mesosphere.io/v1beta1
spec:
  provider: aws
---
kind: ClusterConfiguration
apiVersion: konvoy.mesosphere.io/v1beta1
spec:
  kubernetes:
    version: 1.36.2
  addons:
  - configRepository: https://example.com/addons
    configVersion: stable-1.36
    addonsList:
    - name: traefik
      enabled: true
      values: |
        replicas: 2
        auth:
          password: declared-secret
    - name: cert-manager
      enabled: true
    - name: velero
      enabled: false
";

fn config() -> Json {
    json!({"replicas": 2, "auth": {"password": "declared-secret"}, "image": {"tag": "1.0"}})
}

/// A release's Secret as Helm writes it.
fn release(name: &str, version: u64, status: &str, age: i64, config: &Json, objects: &[Json]) -> Json {
    let manifest: String =
        objects.iter().map(|object| format!("---\n# Source: {name}\n{object}\n")).collect();
    let document = json!({
        "name": name, "version": version, "namespace": SPACE, "manifest": manifest, "config": config,
        "info": {"status": status, "description": "timed out waiting", "last_deployed": ago(age)},
        "chart": {"metadata": {"name": name.trim_end_matches("-kubeaddons"), "version": "1.72.18", "appVersion": "1.0"}, "values": {}},
    });
    let mut gz = GzEncoder::new(vec![], Compression::default());
    gz.write_all(document.to_string().as_bytes()).unwrap();
    let body = STANDARD.encode(STANDARD.encode(gz.finish().unwrap()));
    let modified = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age)).as_second();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": format!("sh.helm.release.v1.{name}.v{version}"), "namespace": SPACE,
            "labels": {"owner": "helm", "name": name, "version": version.to_string(), "status": status, "modifiedAt": modified.to_string()},
        },
        "data": {"release": body},
    })
}

fn service(name: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SPACE},
        "spec": {"type": "ClusterIP", "selector": {"app": name}, "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}]},
    })
}

fn slice(name: &str) -> Json {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("{name}-x"), "namespace": SPACE, "labels": {"kubernetes.io/service-name": name}},
        "endpoints": [{"addresses": ["192.168.0.9"], "conditions": {"ready": true}}], "ports": [],
    })
}

/// The Deployment of an addon as a chart would render it.
fn rendered(cluster: &Cluster, name: &str) -> Json {
    let live = cluster.of_kind("Deployment").find(|object| object["metadata"]["name"] == name).unwrap();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": live["spec"]["replicas"], "selector": live["spec"]["selector"],
            "template": {
                "metadata": {"labels": live["spec"]["template"]["metadata"]["labels"]},
                "spec": {"containers": [{
                    "name": live["spec"]["template"]["spec"]["containers"][0]["name"],
                    "image": live["spec"]["template"]["spec"]["containers"][0]["image"],
                }]},
            },
        },
    })
}

/// What traefik's release has rendered besides its Deployment and service.
fn with(cluster: Cluster, objects: &[Json]) -> Cluster {
    let mut all = vec![rendered(&cluster, "traefik-kubeaddons"), service("traefik-kubeaddons")];
    all.extend(objects.iter().cloned().map(|mut object| {
        object.as_object_mut().unwrap().shift_remove("status");
        object
    }));
    let cluster = objects.iter().cloned().fold(cluster, Cluster::with);
    cluster.with(release("traefik-kubeaddons", 2, "deployed", 7200, &config(), &all))
}

/// The status of a Deployment that has all it wants.
fn rolled_out(cluster: Cluster, name: &str, replicas: u32) -> Cluster {
    cluster.edit("Deployment", SPACE, name, |it| {
        let generation = it["metadata"]["generation"].as_u64().unwrap_or(1);
        it["metadata"]["generation"] = json!(generation);
        it["status"] = json!({"observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas});
    })
}

/// A healthy cluster with both addons installed, traefik in its second revision.
fn installed() -> Cluster {
    let cluster = Cluster::healthy()
        .deployment(SPACE, "traefik-kubeaddons", 2)
        .deployment(SPACE, "cert-manager-kubeaddons", 1)
        .controllers(Controllers::none());
    let cluster = rolled_out(rolled_out(cluster, "traefik-kubeaddons", 2), "cert-manager-kubeaddons", 1);
    let certs = [rendered(&cluster, "cert-manager-kubeaddons")];
    let cluster = cluster
        .with(service("traefik-kubeaddons"))
        .with(slice("traefik-kubeaddons"))
        .with(release("cert-manager-kubeaddons", 1, "deployed", 7200, &json!({}), &certs))
        .with(release("traefik-kubeaddons", 1, "superseded", 9000, &config(), &[]));
    with(cluster, &[])
}

fn revision(cluster: Cluster, version: u64, status: &str, age: i64) -> Cluster {
    let objects = [rendered(&cluster, "traefik-kubeaddons")];
    cluster.with(release("traefik-kubeaddons", version, status, age, &config(), &objects))
}

fn down(cluster: Cluster, name: &str) -> Cluster {
    let cluster = each(cluster, "Pod", name, |pod| {
        set_condition(pod, "Ready", "False", "ContainersNotReady", "");
        pod["status"]["containerStatuses"][0]["ready"] = json!(false);
        pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "ImagePullBackOff"}});
    });
    cluster.edit("Deployment", SPACE, name, |it| {
        it["status"]["availableReplicas"] = json!(0);
        it["status"]["readyReplicas"] = json!(0);
        it["status"]["unavailableReplicas"] = it["spec"]["replicas"].clone();
    })
}

/// A fault of traefik: its name, what is said of it, and how it is planted.
type Fault = (&'static str, &'static str, fn(Cluster) -> Cluster);

const FAULTS: &[Fault] = &[
    (
        "a release that is missing",
        "not installed: no release traefik-kubeaddons or traefik in any namespace",
        |mut c| {
            c.objects.retain(|object| object["metadata"]["labels"]["name"] != "traefik-kubeaddons");
            c
        },
    ),
    (
        "a release that failed",
        "release traefik-kubeaddons failed in revision 3: timed out waiting (Secret kubeaddons/sh.helm.release.v1.traefik-kubeaddons.v3)",
        |c| revision(c, 3, "failed", 60),
    ),
    (
        "an upgrade that is stuck",
        "release traefik-kubeaddons is pending-upgrade for 20 min, so nothing can upgrade it",
        |c| revision(c, 3, "pending-upgrade", 1200),
    ),
    ("nothing but superseded revisions", "is superseded and no revision is deployed", |mut c| {
        c.objects.retain(|object| object["metadata"]["name"] != "sh.helm.release.v1.traefik-kubeaddons.v2");
        c
    }),
    ("a value that is not as declared", "its value replicas is 3, and 2 is declared", |c| {
        let objects = [rendered(&c, "traefik-kubeaddons")];
        let mut config = config();
        config["replicas"] = json!(3);
        c.with(release("traefik-kubeaddons", 3, "deployed", 60, &config, &objects))
    }),
    (
        "a secret that is not as declared",
        "its value auth.password is ********, and ******** is declared",
        |c| {
            let objects = [rendered(&c, "traefik-kubeaddons")];
            let mut config = config();
            config["auth"]["password"] = json!("deployed-secret");
            c.with(release("traefik-kubeaddons", 3, "deployed", 60, &config, &objects))
        },
    ),
    (
        "a Deployment without ready pods",
        "Deployment kubeaddons/traefik-kubeaddons: 0/2 ready (2 ImagePullBackOff)",
        |c| {
            // Its service has no endpoint then: that is not told beside it.
            let c = first(c, "EndpointSlice", "traefik-kubeaddons", |slice| slice["endpoints"] = json!([]));
            down(c, "traefik-kubeaddons")
        },
    ),
    ("an object that is gone", "Service kubeaddons/traefik-kubeaddons is missing", |c| {
        c.without("Service", SPACE, "traefik-kubeaddons")
    }),
    (
        "an image changed by hand",
        "is not as it was rendered: spec.template.spec.containers[traefik-kubeaddons].image is \"registry.example.com/traefik:hacked\" instead of",
        |c| {
            c.edit("Deployment", SPACE, "traefik-kubeaddons", |it| {
                it["spec"]["template"]["spec"]["containers"][0]["image"] =
                    json!("registry.example.com/traefik:hacked");
            })
        },
    ),
    ("replicas changed by hand", "spec.replicas is 1 instead of 2", |c| {
        c.edit("Deployment", SPACE, "traefik-kubeaddons", |it| {
            it["spec"]["replicas"] = json!(1);
            for field in ["replicas", "availableReplicas", "readyReplicas", "updatedReplicas"] {
                it["status"][field] = json!(1);
            }
        })
    }),
    ("a service without endpoints", "Service kubeaddons/traefik-kubeaddons has no ready endpoint", |c| {
        first(c, "EndpointSlice", "traefik-kubeaddons", |slice| {
            slice["endpoints"][0]["conditions"]["ready"] = json!(false)
        })
    }),
    ("an ingress without an address", "Ingress kubeaddons/traefik has no address", |c| {
        with(
            c,
            &[
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "traefik", "namespace": SPACE},
            "spec": {"defaultBackend": {"service": {"name": "traefik-kubeaddons", "port": {"number": 80}}}}, "status": {}}),
            ],
        )
    }),
    ("a Job that failed", "Job kubeaddons/setup failed: BackoffLimitExceeded", |c| {
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "setup", "namespace": SPACE},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "s", "image": "s"}]}}}, "status": {}});
        set_condition(&mut job, "Failed", "True", "BackoffLimitExceeded", "BackoffLimitExceeded");
        with(c, &[job])
    }),
    (
        "a definition that is not established",
        "CustomResourceDefinition things.example.com is not Established",
        |c| {
            with(
                c,
                &[json!({
                    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
                    "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
                        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
                    "status": {},
                })],
            )
        },
    ),
];

async fn checked(double: &Double, words: &[&str]) -> Seen {
    std::fs::write(double.directory().join("cluster.yaml"), KONVOY).unwrap();
    let cluster = format!("check_addons_cluster_yaml={}", double.directory().join("cluster.yaml").display());
    let mut all = vec!["check", "addons", "-e", &cluster];
    all.extend(words);
    run(double, &all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_konvoys_and_nothing_else_is_on_the_screen() {
    let double = Double::start(installed()).await.unwrap();
    let seen = checked(&double, &[]).await;
    let list = format!("STAGE [Checking Addons]\n{:<71}[OK]\n{:<71}[OK]\n", "cert-manager", "traefik");
    assert_eq!((seen.code, seen.out.as_str()), (0, list.as_str()), "{}", seen.err);
    let kept = |seen: &muster_apiserver::Seen| seen.method == "GET" || seen.query.contains("dryRun=All");
    assert!(double.requests().iter().all(kept));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_addon_that_is_not_well_has_its_reasons_under_it_and_is_counted_at_the_end() {
    let double = Double::start(down(installed(), "traefik-kubeaddons")).await.unwrap();
    let seen = checked(&double, &[]).await;
    assert_eq!(seen.code, 3, "{}{}", seen.out, seen.err);
    let (list, end) = seen.out.split_once("\n\nError: ").unwrap_or_else(|| panic!("{}", seen.out));
    let start = format!(
        "STAGE [Checking Addons]\n{:<71}[OK]\n{:<71}[ERROR]\n    observed: ",
        "cert-manager", "traefik"
    );
    assert!(list.starts_with(&start), "{}", seen.out);
    assert_eq!(end, "error checking: the following 1 addon did not pass: [ traefik ]\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_told_of_its_addon_and_nothing_else_is() {
    let mut wrong = vec![];
    for (name, said, plant) in FAULTS {
        let double = Double::start(plant(installed())).await.unwrap();
        let seen = checked(&double, &["--output", "json"]).await;
        let observed = if seen.code == 3 { seen.told("traefik", "observed") } else { String::new() };
        if seen.code != 3
            || seen.findings() != ["traefik fail"]
            || !observed.contains(said)
            || observed.lines().count() != 1
        {
            wrong.push(format!("{name}: exit {}\n    {observed}\n    {}", seen.code, seen.err));
        }
        if seen.code == 3 && seen.told("traefik", "remedy").is_empty() {
            wrong.push(format!("{name}: no remedy"));
        }
        for secret in ["declared-secret", "deployed-secret"] {
            assert!(!seen.told("traefik", "observed").contains(secret), "{name}: a secret is shown");
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_an_addon_that_is_down_is_blocked_by_it_and_the_root_comes_first() {
    let cluster = revision(down(installed(), "cert-manager-kubeaddons"), 3, "failed", 60);
    let double = Double::start(cluster).await.unwrap();
    let seen = checked(&double, &[]).await;
    assert_eq!(seen.code, 3, "{}{}", seen.out, seen.err);
    let (before, after) = seen.out.split_once("traefik  ").unwrap();
    assert!(before.contains(&format!("{:<71}[ERROR]", "cert-manager")), "{}", seen.out);
    assert!(after.contains("[ERROR]\n    blocked by cert-manager\n\n"), "{}", seen.out);
    assert!(
        after.ends_with("the following 2 addons did not pass: [ cert-manager, traefik ]\n"),
        "{}",
        seen.out
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_what_is_scaled_and_what_is_switched_off_is_no_fault() {
    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "traefik", "namespace": SPACE},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "traefik-kubeaddons"}},
    });
    let scaled = FAULTS.iter().find(|(name, ..)| *name == "replicas changed by hand").unwrap().2(installed())
        .with(scaler);
    for cluster in [revision(installed(), 3, "pending-upgrade", 60), scaled] {
        let double = Double::start(cluster).await.unwrap();
        let seen = checked(&double, &["--output", "json"]).await;
        assert_eq!((seen.code, seen.findings()), (0, vec![]), "{}{}", seen.out, seen.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_ones_own_may_name_workloads_versions_and_other_releases() {
    let double = Double::start(installed()).await.unwrap();
    let addons = json!({"check_addons": [
        {"name": "proxy", "release": "traefik-kubeaddons", "chart": "repo/traefik", "version": "v1.72.18"},
        {"name": "dns", "workloads": ["kube-system/Deployment/coredns"]},
        {"name": "old", "release": "traefik-kubeaddons", "version": "1.0.0"},
        {"name": "gone", "workloads": "Deployment/none"},
    ]});
    let seen = run(&double, &["check", "addons", "--output", "json", "-e", &addons.to_string()]).await;
    assert_eq!(
        (seen.code, seen.findings()),
        (3, vec!["old fail".to_string(), "gone fail".into()]),
        "{}",
        seen.err
    );
    assert_eq!(seen.told("old", "observed"), "its version is 1.72.18, and 1.0.0 is declared");
    assert_eq!(seen.told("gone", "observed"), "Deployment kubeaddons/none is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_cannot_be_read_is_unknown_and_a_list_that_is_none_is_said() {
    let mut broken = release("traefik-kubeaddons", 3, "deployed", 60, &config(), &[]);
    set(&mut broken, "/data/release", STANDARD.encode("not a release"));
    let double = Double::start(installed().with(broken)).await.unwrap();
    let seen = checked(&double, &["--output", "json"]).await;
    assert_eq!((seen.code, seen.findings()), (3, vec!["traefik unknown".to_string()]), "{}", seen.err);
    assert!(
        seen.told("traefik", "observed")
            .contains("sh.helm.release.v1.traefik-kubeaddons.v3: its `release` is not base64")
    );

    let none = run(&double, &["check", "addons"]).await;
    assert_eq!(none.code, 2, "{}", none.out);
    assert!(
        none.out.contains("no addons are declared: run this beside a cluster.yaml"),
        "{}{}",
        none.out,
        none.err
    );
    let typo = run(&double, &["check", "addons", "-e", r#"{"check_addons": [{"nam": "x"}]}"#]).await;
    assert_eq!(typo.code, 2, "{}", typo.out);
    assert!(typo.out.contains("an addon has no `name`, only nam"), "{}{}", typo.out, typo.err);
}
