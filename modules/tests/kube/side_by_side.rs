//! Beside kubectl: the same question about the same objects of one double gets the same answer, and the same change leaves the same
//! object behind.

use super::{bench, far, run};
use muster_apiserver::{Cluster, Double};
use serde_json::{Value as Json, json};
use std::process::Command;

fn kubectl(double: &Double, arguments: &str) -> String {
    let output = Command::new("kubectl")
        .env("KUBECONFIG", double.kubeconfig())
        .env("HOME", double.directory())
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "kubectl {arguments}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn asked(double: &Double, module: &str, args: Json) -> Json {
    Json::Object(run(double, &far(), module, args).await.unwrap())
}

/// What kubectl and muster leave of an object that both changed alike, without what only the server counts.
fn left(object: &Json) -> Json {
    let mut object = object.clone();
    for key in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        object["metadata"].as_object_mut().unwrap().shift_remove(key);
    }
    object.as_object_mut().unwrap().shift_remove("status");
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_same_objects_is_the_same() {
    let double = Double::start(Cluster::healthy().deployment("shop", "web", 3)).await.unwrap();
    double.freeze();
    for (arguments, module, args) in [
        ("get nodes", "k8s_info", json!({"kind": "no"})),
        ("get node cp-1", "k8s_info", json!({"kind": "Node", "name": "cp-1"})),
        (
            "get pods -n kube-system -l tier=control-plane",
            "k8s_info",
            json!({"kind": "po", "namespace": "kube-system", "label_selectors": ["tier=control-plane"]}),
        ),
        (
            "get pods -A --field-selector spec.nodeName=worker-0",
            "k8s_info",
            json!({"kind": "Pod", "field_selectors": ["spec.nodeName=worker-0"]}),
        ),
        (
            "get deploy -n shop",
            "k8s_info",
            json!({"kind": "deploy", "api_version": "apps/v1", "namespace": "shop"}),
        ),
        (
            "get leases -n kube-node-lease",
            "k8s_info",
            json!({"kind": "Lease", "api_version": "coordination.k8s.io/v1", "namespace": "kube-node-lease"}),
        ),
        ("get ds -A", "k8s_info", json!({"kind": "daemonsets", "api_version": "apps/v1"})),
    ] {
        let theirs: Json = serde_json::from_str(&kubectl(&double, &format!("{arguments} -o json"))).unwrap();
        let items =
            theirs.get("items").and_then(Json::as_array).cloned().unwrap_or_else(|| vec![theirs.clone()]);
        let bare = |list: &[Json]| {
            let mut list = list.to_vec();
            // kubectl leaves these out unless asked.
            list.iter_mut()
                .for_each(|one| drop(one["metadata"].as_object_mut().unwrap().shift_remove("managedFields")));
            list
        };
        let own = asked(&double, module, args).await;
        assert_eq!(bare(own["resources"].as_array().unwrap()), bare(&items), "kubectl {arguments}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_change_leaves_the_same_object() {
    let web = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop"});
    let with = |more: Json| {
        let mut args = web.clone();
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        args
    };
    for (arguments, module, args, resource, (namespace, name)) in [
        (
            "label node worker-0 pool=blue",
            "k8s_label",
            json!({"name": "worker-0", "labels": {"pool": "blue"}}),
            "nodes",
            ("", "worker-0"),
        ),
        (
            "label deploy web -n shop tier=front --overwrite",
            "k8s_label",
            with(json!({"labels": {"tier": "front"}, "overwrite": true})),
            "deployments.apps",
            ("shop", "web"),
        ),
        (
            "taint node worker-0 maintenance=yes:NoSchedule",
            "k8s_taint",
            json!({"name": "worker-0", "taints": [{"key": "maintenance", "value": "yes", "effect": "NoSchedule"}]}),
            "nodes",
            ("", "worker-0"),
        ),
        (
            "scale deploy web -n shop --replicas=5",
            "k8s_scale",
            with(json!({"replicas": 5, "wait": false})),
            "deployments.apps",
            ("shop", "web"),
        ),
        (
            "patch deploy web -n shop --type=json -p [{\"op\":\"add\",\"path\":\"/metadata/labels/a\",\"value\":\"b\"}]",
            "k8s_json_patch",
            with(json!({"patch": [{"op": "add", "path": "/metadata/labels/a", "value": "b"}]})),
            "deployments.apps",
            ("shop", "web"),
        ),
        (
            "delete deploy web -n shop --wait=false",
            "k8s",
            with(json!({"state": "absent"})),
            "deployments.apps",
            ("shop", "web"),
        ),
    ] {
        let cluster = || Cluster::healthy().deployment("shop", "web", 3);
        let (theirs, own) =
            (Double::start(cluster()).await.unwrap(), Double::start(cluster()).await.unwrap());
        kubectl(&theirs, arguments);
        run(&own, &bench(), module, args).await.unwrap();
        let seen = |double: &Double| double.get(resource, namespace, name).map(|object| left(&object));
        assert_eq!(seen(&own), seen(&theirs), "kubectl {arguments}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_leaves_what_kubectl_s_undo_leaves() {
    let cluster = || Cluster::healthy().deployment("shop", "web", 2);
    let (theirs, own) = (Double::start(cluster()).await.unwrap(), Double::start(cluster()).await.unwrap());
    for double in [&theirs, &own] {
        let args = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop",
            "patch": [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop/web:2"}], "wait": true, "wait_sleep": 1});
        run(double, &bench(), "k8s_json_patch", args).await.unwrap();
    }
    kubectl(&theirs, "rollout undo deploy web -n shop");
    let args = json!({"kind": "Deployment", "api_version": "apps/v1", "name": "web", "namespace": "shop"});
    run(&own, &bench(), "k8s_rollback", args).await.unwrap();
    let template = |double: &Double| {
        let mut template = double.get("deployments.apps", "shop", "web").unwrap()["spec"]["template"].clone();
        // kubectl writes null where there is no time.
        template["metadata"].as_object_mut().unwrap().shift_remove("creationTimestamp");
        template
    };
    assert_eq!(template(&own), template(&theirs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_names_what_the_modules_see() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let text = kubectl(&double, "describe node worker-0");
    let node =
        asked(&double, "k8s_info", json!({"kind": "Node", "name": "worker-0"})).await["resources"][0].clone();
    for condition in node["status"]["conditions"].as_array().unwrap() {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(condition["type"].as_str().unwrap()))
            .unwrap();
        assert!(line.contains(condition["reason"].as_str().unwrap()), "{line}");
    }
    let pods = json!({"kind": "Pod", "field_selectors": ["spec.nodeName=worker-0"]});
    for pod in asked(&double, "k8s_info", pods).await["resources"].as_array().unwrap() {
        assert!(text.contains(pod["metadata"]["name"].as_str().unwrap()));
    }
}
