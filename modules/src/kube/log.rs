//! `kubernetes.core.k8s_log`: what a container printed. The pod is named, chosen by labels, or the first of a workload's; it only
//! reads.

use super::asks::Asks;
use super::cluster::Cluster;
use super::object::{self, Chosen, selector};
use super::request::Refusal;
use super::resource::{pod, query};
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `kubernetes.core.k8s_log`.
pub(crate) struct K8sLog;

/// What a task gives to [`K8sLog`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    chosen: Chosen,
    container: Option<String>,
    all_containers: Option<bool>,
    previous: bool,
    since_seconds: Option<String>,
    tail_lines: Option<i64>,
}

const OWN: [Opt; 10] = [
    Opt::new("kind", Kind::Str, "The kind: `Pod`, or one that has pods (`Deployment`).").default("Pod"),
    object::API_VERSION,
    object::NAME,
    object::NAMESPACE,
    object::LABELS,
    Opt::new("container", Kind::Str, "The container, where the pod has several."),
    Opt::new("all_containers", Kind::Bool, "Whether the logs of all containers are read."),
    Opt::new("previous", Kind::Bool, "Whether the log of the container before the last restart is meant.")
        .default("false"),
    Opt::new("since_seconds", Kind::Str, "Only what is not older."),
    Opt::new("tail_lines", Kind::Int, "Only so many lines from the end."),
];

impl Asks for K8sLog {
    const NAME: &'static str = "kubernetes.core.k8s_log";
    const SPEC: Spec = Spec::new("Reads the log of a container.", options![OWN, way::OPTIONS])
        .exclusive(&[&["container", "all_containers"]])
        .examples("- name: what coredns says\n  k8s_log:\n    kind: Deployment\n    api_version: apps/v1\n    namespace: kube-system\n    name: coredns\n    tail_lines: 50\n  register: dns\n");
    const READS: bool = true;
    type Args = Args;

    fn look(args: &Args) -> Result<(), Failure> {
        match (&args.chosen.name, args.chosen.label_selectors.is_empty()) {
            (Some(_), false) => Err(Failure::new("Only one of name or label_selectors can be provided")),
            _ => Ok(()),
        }
    }

    async fn run(args: &Args, cluster: &Cluster, _cx: &Context) -> Result<Output, Failure> {
        let namespace = cluster.space(args.chosen.namespace.as_deref());
        let name = args.pod(cluster, namespace).await?;
        let path = pod(namespace, &name);
        let failed = |refusal: Refusal| match refusal.is(404) {
            true => refusal.failing(&format!("Pod {namespace}/{name} not found.")),
            false => refusal.failing("Unable to retrieve log from Pod due to"),
        };
        let containers = match args.all_containers {
            Some(true) => {
                let found = cluster.get(&path).await.map_err(failed)?;
                let listed = found.pointer("/status/containerStatuses").and_then(Json::as_array).cloned();
                let names = listed.unwrap_or_default().into_iter();
                names.filter_map(|one| Some(one.get("name")?.as_str()?.to_string())).collect()
            }
            _ => vec![args.container.clone().unwrap_or_default()],
        };
        let tail = args.tail_lines.filter(|lines| *lines != 0).map(|lines| lines.to_string());
        let mut log = String::new();
        for container in containers {
            let pairs = [
                ("container", container.as_str()),
                ("previous", if args.previous { "true" } else { "" }),
                ("sinceSeconds", args.since_seconds.as_deref().unwrap_or_default()),
                ("tailLines", tail.as_deref().unwrap_or_default()),
            ];
            log += &cluster.text(&format!("{path}/log{}", query(&pairs))).await.map_err(failed)?;
        }
        let lines: Vec<&str> = log.split('\n').collect();
        Ok(Output::new(false).with("log_lines", lines).with("log", log))
    }
}

impl Args {
    /// The pod that is meant.
    async fn pod(&self, cluster: &Cluster, namespace: &str) -> Result<String, Failure> {
        let resource = cluster.resource(&self.chosen.api_version, &self.chosen.kind).await?;
        let mut labels = selector(&self.chosen.label_selectors);
        if resource.kind != "Pod" {
            let Some(name) = &self.chosen.name else {
                return Err(Failure::new(
                    "name must be provided for resources that do not support the log subresource",
                ));
            };
            let owner = cluster.get(&resource.object(Some(namespace), name)).await?;
            labels = selected(&owner).ok_or_else(|| {
                Failure::new(format!(
                    "{} {} does not support the log subresource directly, and no Pod selector was found on the object",
                    resource.api_version, resource.kind
                ))
            })?;
        } else if let Some(name) = &self.chosen.name {
            return Ok(name.clone());
        }
        if labels.is_empty() {
            return Err(Failure::new(
                "name must be provided for resources that do not support namespaced base url",
            ));
        }
        let pods = cluster.list(&super::resource::pods(namespace), &[("labelSelector", &labels)]).await?;
        let first = pods.first().and_then(|pod| pod.pointer("/metadata/name")?.as_str().map(str::to_string));
        first.ok_or_else(|| {
            Failure::new(format!("No pods in namespace {namespace} matched selector {labels}"))
        })
    }
}

/// The selector of an object's pods, as a query has it.
pub(crate) fn selected(owner: &Json) -> Option<String> {
    let selector = owner.pointer("/spec/selector")?.as_object().filter(|map| !map.is_empty())?;
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let pairs = |map: &serde_json::Map<String, Json>| {
        map.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>()
    };
    let labels = selector.get("matchLabels").and_then(Json::as_object);
    let expressions = selector.get("matchExpressions").and_then(Json::as_array);
    if labels.is_none() && expressions.is_none() {
        // Services and the oldest controllers have the labels themselves.
        return Some(pairs(selector).join(","));
    }
    let mut found = labels.map(pairs).unwrap_or_default();
    for expression in expressions.into_iter().flatten() {
        let key = text(expression.get("key")?);
        let values: Vec<String> =
            expression.get("values").and_then(Json::as_array).into_iter().flatten().map(text).collect();
        found.push(match expression.get("operator")?.as_str()? {
            "Exists" => key,
            "DoesNotExist" => format!("!{key}"),
            operator => format!("{key} {} ({})", operator.to_lowercase(), values.join(", ")),
        });
    }
    Some(found.join(","))
}
