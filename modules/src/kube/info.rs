//! `kubernetes.core.k8s_info`: objects of one kind, all or chosen by name, namespace, labels and fields; waited for if asked. It
//! only reads. `query` (JMESPath) picks out of what was found.

use super::cluster::{Cluster, Clusters};
use super::hidden::hide;
use super::ready::{Condition, has_condition, is_ready};
use super::request::Refusal;
use super::resource::Resource;
use super::way::{self, Way};
use crate::options::joined;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// `kubernetes.core.k8s_info`.
pub struct K8sInfo {
    clusters: Clusters,
}

impl K8sInfo {
    pub(crate) fn new(clusters: Clusters) -> Self {
        Self { clusters }
    }
}

/// What a task gives to [`K8sInfo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    kind: String,
    api_version: String,
    name: Option<String>,
    namespace: Option<String>,
    label_selectors: Option<Vec<String>>,
    field_selectors: Option<Vec<String>>,
    hidden_fields: Option<Vec<String>>,
    query: Option<String>,
    wait: bool,
    wait_sleep: f64,
    wait_timeout: f64,
    wait_condition: Option<Condition>,
    #[serde(flatten)]
    way: Way,
}

const CONDITION: &[Opt] = &[
    Opt::new("type", Kind::Str, "The condition's type: `Ready`."),
    Opt::new("status", Kind::Raw, "What it must be.").default("true"),
    Opt::new("reason", Kind::Str, "The reason it must have."),
];

/// The options of what waits.
pub(crate) const WAIT: [Opt; 4] = [
    Opt::new("wait", Kind::Bool, "Whether to wait until it is so.").default("false"),
    Opt::new("wait_sleep", Kind::Int, "Seconds between two looks.").default("5"),
    Opt::new("wait_timeout", Kind::Int, "Seconds to wait.").default("120"),
    Opt::new("wait_condition", Kind::Dict, "A condition to wait for, instead of what its kind calls ready.")
        .options(CONDITION),
];

const OWN: [Opt; 8] = [
    Opt::new("kind", Kind::Str, "The kind: `Pod`, `deployments`, `svc`.").required(),
    Opt::new("api_version", Kind::Str, "Its version.").aliases(&["api", "version"]).default("v1"),
    Opt::new("name", Kind::Str, "One object's name."),
    Opt::new("namespace", Kind::Str, "Its namespace; without it, all of them."),
    Opt::new("label_selectors", Kind::List, "Labels it must have, as kubectl's `-l`.")
        .elements(Kind::Str)
        .default("[]"),
    Opt::new("field_selectors", Kind::List, "Fields it must have.").elements(Kind::Str).default("[]"),
    Opt::new("hidden_fields", Kind::List, "Parts that the result leaves out.").elements(Kind::Str),
    Opt::new(
        "query",
        Kind::Str,
        "A JMESPath expression over `resources`; its answer is the result's `result`.",
    ),
];

const WAITING: [Opt; 12] = joined(OWN, WAIT);
const OPTIONS: [Opt; 28] = joined(WAITING, way::OPTIONS);

impl Module for K8sInfo {
    const NAME: &'static str = "kubernetes.core.k8s_info";
    const SPEC: Spec = Spec::new("Reads objects of a Kubernetes cluster.", &OPTIONS).examples(
        "- name: which nodes are there\n  k8s_info:\n    kind: Node\n  delegate_to: \"{{ groups['control-plane'][0] }}\"\n  become: true\n  register: nodes\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let expression = args.query.as_deref().map(jmespath::compile).transpose();
        let expression = expression.map_err(|error| Failure::new(format!("query: {error}")))?;
        let cluster = self.clusters.of(&args.way, cx).await?;
        let resource = match cluster.resource(&args.api_version, &args.kind).await {
            Ok(resource) => resource,
            Err(refusal) if refusal.is(404) => {
                let message = format!(
                    "Failed to find API for resource with apiVersion \"{}\" and kind \"{}\"",
                    args.api_version, args.kind
                );
                let output = Output::new(false).with("resources", Json::Array(vec![]));
                return Ok(Check::Done(output.with("msg", message).with("api_found", false)));
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let mut resources = args.wait(&cluster, &resource).await?;
        let fields = args.hidden_fields.clone().unwrap_or_default();
        resources.iter_mut().for_each(|object| hide(object, &fields));
        let mut output = Output::new(false).with("api_found", true);
        if let Some(expression) = expression {
            let answer = expression.search(Json::Array(resources.clone()));
            let answer = answer.map_err(|error| Failure::new(format!("query: {error}")))?;
            output = output.with("result", serde_json::to_value(answer).unwrap_or_default());
        }
        Ok(Check::Done(output.with("resources", resources)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

impl Args {
    async fn look(&self, cluster: &Cluster, resource: &Resource) -> Result<Vec<Json>, Refusal> {
        let joined = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(",");
        let (labels, fields) = (joined(&self.label_selectors), joined(&self.field_selectors));
        let namespace = self.namespace.as_deref();
        match &self.name {
            Some(name) if labels.is_empty() && fields.is_empty() => {
                let namespace = namespace.or(Some(cluster.namespace.as_str()));
                match cluster.get(&resource.object(namespace, name)).await {
                    Ok(object) => Ok(vec![object]),
                    Err(refusal) if refusal.is(404) => Ok(vec![]),
                    Err(refusal) => Err(refusal),
                }
            }
            name => {
                let named = name.as_ref().map(|name| format!("metadata.name={name}"));
                let fields: Vec<String> =
                    named.into_iter().chain(Some(fields).filter(|f| !f.is_empty())).collect();
                let pairs = [("labelSelector", labels.as_str()), ("fieldSelector", &fields.join(","))];
                cluster.list(&resource.path(namespace), &pairs).await
            }
        }
    }

    /// What is there, once everything of it is as waited for.
    async fn wait(&self, cluster: &Cluster, resource: &Resource) -> Result<Vec<Json>, Failure> {
        let begun = Instant::now();
        let ready = |object: &Json| match &self.wait_condition {
            Some(condition) if condition.kind.is_some() => has_condition(object, condition),
            _ => is_ready(object),
        };
        loop {
            let found = self.look(cluster, resource).await?;
            if !self.wait || (!found.is_empty() && found.iter().all(ready)) {
                return Ok(found);
            }
            let sleep = Duration::from_secs_f64(self.wait_sleep.max(0.1));
            if begun.elapsed() + sleep > Duration::from_secs_f64(self.wait_timeout.max(0.0)) {
                let waiting: Vec<&str> = found
                    .iter()
                    .filter(|object| !ready(object))
                    .filter_map(|object| object.pointer("/metadata/name")?.as_str())
                    .collect();
                let message = match found.is_empty() {
                    true => format!("no {} came in {} s", self.kind, self.wait_timeout),
                    false => format!(
                        "Failed to gather information about {}(s) even after waiting for {} seconds: {}",
                        self.kind,
                        self.wait_timeout,
                        waiting.join(", ")
                    ),
                };
                return Err(Failure::new(message).with("resources", found).with("api_found", true));
            }
            tokio::time::sleep(sleep).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_whole() {
        let names: Vec<&str> = K8sInfo::SPEC.options.iter().map(|option| option.name).collect();
        assert!(
            names.contains(&"kind") && names.contains(&"wait_condition") && names.contains(&"kubeconfig")
        );
    }
}
