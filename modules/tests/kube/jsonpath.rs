//! JSONPath beside kubectl: what `kubectl get -o jsonpath=` prints for a table of templates is what `k8s_info` gives.

use super::{bench, run};
use muster_apiserver::{Cluster, Double};
use serde_json::json;
use std::process::Command;

/// Templates over all nodes. A star before one says that the order of a mapping's values is nobody's.
const TEMPLATES: &[&str] = &[
    "{.items[*].metadata.name}",
    "{.items[0].metadata.name}",
    "{.items[-1].metadata.name}",
    "{.items[-1:].metadata.name}",
    "{.items[0:2].metadata.name}",
    "{.items[:2].metadata.name}",
    "{.items[3:].metadata.name}",
    "{.items[::2].metadata.name}",
    "{.items[1:4:2].metadata.name}",
    "{.items[1:1]}x",
    "{.items[3:1]}",
    "{.items[9]}",
    "{.items[-9]}",
    "{.items[a]}",
    "{.items[(0)]}",
    "{.items[0,2].metadata.name}",
    "{.items[*]['metadata.name','kind']}",
    "{.items[0]['kind']}",
    "{.items[0][\"kind\"]}",
    "{['kind']}",
    ".items",
    "text alone",
    "{.items[0].metadata.name} and {.kind}",
    "{.items[0].metadata.name}{\"\\t\"}{.kind}{'\\n'}",
    "{\"quoted \\\"text\\\" and \\u00e9\"}",
    "{.items[0].nothing}|",
    "{.items[*].nothing.deeper}|",
    "{.kind}{.apiVersion}",
    "{ .kind }",
    "{@.kind}{$.kind}",
    "{.items[0].metadata.labels.kubernetes\\.io/os}",
    "{.items[0].metadata.labels['kubernetes\\.io/os']}",
    "{.items[0].metadata.labels['kubernetes.io/os']}|",
    "{.items[0].status.capacity}",
    "{.items[0].status.conditions[0].type}",
    "{.items[0].status.images}",
    "{.items[*].spec.taints[*].key}",
    "{.items[*].spec.unschedulable}|",
    "{range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}",
    "{range .items[*]}{range .status.conditions[*]}{.type}{\",\"}{end}{\"\\n\"}{end}",
    "{range .items[*]}[{.metadata.name}{range .spec.taints[*]} {.key}:{.effect}{end}]{end} done",
    "{range .none[*]}x{end}y",
    "{range .items[*]}{range .none[*]}x{end}.{end}y",
    "{range .items[*]}{.metadata.name} ",
    "{end}",
    "{.items[?(@.metadata.name==\"cp-0\")].kind}",
    "{.items[?(@.metadata.name=='cp-0')].kind}",
    "{.items[?(@.metadata.name!=\"cp-0\")].metadata.name}",
    "{.items[?(@.metadata.name>\"cp-1\")].metadata.name}",
    "{.items[?(@.metadata.name<=\"cp-1\")].metadata.name}",
    "{.items[?(@.spec.taints)].metadata.name}",
    "{.items[?(@.spec.nothing)].metadata.name}|",
    "{.items[?(@.status.addresses[0].type==\"InternalIP\")].status.addresses[0].address}",
    "{.items[?(@.metadata.labels.kubernetes\\.io/hostname==\"cp-1\")].metadata.name}",
    "{.items[?(1==1)].kind}",
    "{.items[?(@.metadata.name==1)].kind}",
    "{.items[?(@.status.capacity==\"x\")].kind}",
    "{.items[?(@.metadata.name=~\"x\")].kind}",
    "{.items[?(@.metadata.name==\"cp-0\"]}",
    "{.items[?(@.metadata.name.kind)",
    "{.items[0].status.conditions[?(@.status==True)].type}",
    "{.items[0].status.conditions[?(@.status==true)].type}",
    "{.items[0].metadata.name[0]}",
    "{.items[0].metadata.name[?(@.x)]}",
    "*{.items[0].metadata.labels.*}",
    "*{..type}",
    "*{.items[0]..name}",
    "*{.items[0].status.addresses[*].*}",
    "{.items[*]..hostIP}|",
    "{.items",
    "{.items[0}",
    "{\"open",
    "{.items[0]^}",
    "{foo}",
    "{kind}",
    "{1}{1.5}{-2}{true}{false}",
    "{1.5.2}",
    "{.items.length}|",
    "{.items.*.kind}",
    "{.items[*].kind",
];

fn kubectl(double: &Double, template: &str) -> String {
    let output = Command::new("kubectl")
        .env("KUBECONFIG", double.kubeconfig())
        .env("HOME", double.directory())
        .args(["get", "nodes", "-o", &format!("jsonpath={template}")])
        .output()
        .unwrap();
    if output.status.success() {
        return String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = said.lines().find(|line| line.contains("jsonpath")).unwrap_or(&said).to_string();
    let why = said
        .split("Error executing template: ")
        .nth(1)
        .or_else(|| said.split(&format!("{template}, ")).nth(1));
    let why = why.unwrap_or(&said).split(". Printing more").next().unwrap_or_default();
    format!("ERROR {why}")
}

fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable();
    words
}

/// Asks both about a part of the table.
async fn compare(part: usize) {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    double.freeze();
    let mut wrong = vec![];
    for template in TEMPLATES.iter().skip(part).step_by(PARTS) {
        let (template, loose) = template.strip_prefix('*').map_or((*template, false), |rest| (rest, true));
        let args = json!({"kind": "Node", "jsonpath": template});
        let own = match run(&double, &bench(), "k8s_info", args).await {
            Ok(done) => done["result"].as_str().unwrap().to_string(),
            Err(failure) => {
                let said = failure.message().trim_start_matches("jsonpath: ");
                format!("ERROR {}", said.trim_start_matches("error parsing jsonpath, "))
            }
        };
        let theirs = kubectl(&double, template);
        let same = if loose { words(&own) == words(&theirs) } else { own == theirs };
        if !same {
            wrong.push(format!("{template}\n  kubectl: {theirs}\n  muster:  {own}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// kubectl takes its time: the table is gone through in parts, side by side.
const PARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn every_template_prints_what_kubectl_prints() {
    compare(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_template_prints_what_kubectl_prints() {
    compare(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_the_templates_prints_what_kubectl_prints() {
    compare(2).await;
}

#[tokio::test]
async fn one_object_is_what_a_template_is_over_where_it_is_named() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let args = json!({"kind": "Node", "name": "cp-0", "jsonpath": "{.metadata.name}"});
    assert_eq!(run(&double, &bench(), "k8s_info", args).await.unwrap()["result"], "cp-0");
    let both = json!({"kind": "Node", "jsonpath": "{.kind}", "query": "[]"});
    let both = run(&double, &bench(), "k8s_info", both).await.unwrap_err();
    assert_eq!(both.message(), "parameters are mutually exclusive: query|jsonpath");
    let wrong = json!({"kind": "Node", "jsonpath": "{.items["});
    let wrong = run(&double, &bench(), "k8s_info", wrong).await.unwrap_err();
    assert_eq!(wrong.message(), "jsonpath: error parsing jsonpath, unterminated array");
    assert_eq!(
        double.requests().iter().filter(|seen| seen.path.contains("nodes")).count(),
        1,
        "nobody is asked then"
    );
}
