//! `kubernetes.core.k8s_info`: objects of one kind, all or chosen by name, namespace, labels and fields; waited for if asked. It
//! only reads. `query` (JMESPath) and `jsonpath` (kubectl's) pick out of what was found.

use super::asks::Asks;
use super::cluster::Cluster;
use super::hidden::hide;
use super::jsonpath::JsonPath;
use super::object::{self, Chosen, selector};
use super::ready::{has_condition, is_ready};
use super::request::Refusal;
use super::resource::Resource;
use super::waiting::{WAIT, Wait};
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// `kubernetes.core.k8s_info`.
pub(crate) struct K8sInfo;

/// What a task gives to [`K8sInfo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    chosen: Chosen,
    field_selectors: Vec<String>,
    hidden_fields: Option<Vec<String>>,
    query: Option<String>,
    jsonpath: Option<String>,
    #[serde(flatten)]
    wait: Wait,
}

const OWN: [Opt; 9] = [
    object::KIND.required(),
    object::API_VERSION,
    Opt::new("name", Kind::Str, "One object's name."),
    Opt::new("namespace", Kind::Str, "Its namespace; without it, all of them."),
    object::LABELS,
    object::FIELDS,
    object::HIDDEN,
    Opt::new(
        "query",
        Kind::Str,
        "A JMESPath expression over `resources`; its answer is the result's `result`.",
    ),
    Opt::new(
        "jsonpath",
        Kind::Str,
        "A template as for `kubectl get -o jsonpath=`: over the object where one is named, else over a list's `.items`. The text is the result's `result`.",
    ),
];

impl Asks for K8sInfo {
    const NAME: &'static str = "kubernetes.core.k8s_info";
    const SPEC: Spec = Spec::new("Reads objects of a Kubernetes cluster.", options![OWN, WAIT, way::OPTIONS])
        .exclusive(&[&["query", "jsonpath"]])
        .examples(
        "- name: which nodes are there\n  k8s_info:\n    kind: Node\n  delegate_to: \"{{ groups['control-plane'][0] }}\"\n  become: true\n  register: nodes\n",
    );
    const READS: bool = true;
    type Args = Args;

    fn look(args: &Args) -> Result<(), Failure> {
        args.expression()?;
        args.template().map(drop)
    }

    async fn run(args: &Args, cluster: &Cluster, _cx: &Context) -> Result<Output, Failure> {
        let resource = match cluster.resource(&args.chosen.api_version, &args.chosen.kind).await {
            Ok(resource) => resource,
            Err(refusal) if refusal.is(404) => {
                let message = format!(
                    "Failed to find API for resource with apiVersion \"{}\" and kind \"{}\"",
                    args.chosen.api_version, args.chosen.kind
                );
                let output = Output::new(false).with("resources", Json::Array(vec![]));
                return Ok(output.with("msg", message).with("api_found", false));
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let mut resources = args.found(cluster, &resource).await?;
        let fields = args.hidden_fields.clone().unwrap_or_default();
        resources.iter_mut().for_each(|object| hide(object, &fields));
        let mut output = Output::new(false).with("api_found", true);
        if let Some(expression) = args.expression()? {
            let answer = expression.search(Json::Array(resources.clone()));
            let answer = answer.map_err(|error| Failure::new(format!("query: {error}")))?;
            output = output.with("result", serde_json::to_value(answer).unwrap_or_default());
        }
        if let Some(template) = args.template()? {
            let whole = match args.chosen.name {
                Some(_) => resources.first().cloned().unwrap_or_default(),
                None => {
                    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "", "selfLink": ""}, "items": resources})
                }
            };
            let printed =
                template.print(&whole).map_err(|error| Failure::new(format!("jsonpath: {error}")))?;
            output = output.with("result", printed);
        }
        Ok(output.with("resources", resources))
    }
}

impl Args {
    fn expression(&self) -> Result<Option<jmespath::Expression<'static>>, Failure> {
        let compiled = self.query.as_deref().map(jmespath::compile).transpose();
        compiled.map_err(|error| Failure::new(format!("query: {error}")))
    }

    fn template(&self) -> Result<Option<JsonPath>, Failure> {
        let read = self.jsonpath.as_deref().map(JsonPath::new).transpose();
        read.map_err(|error| Failure::new(format!("jsonpath: error parsing jsonpath, {error}")))
    }

    async fn seen(&self, cluster: &Cluster, resource: &Resource) -> Result<Vec<Json>, Refusal> {
        let (labels, fields) = (selector(&self.chosen.label_selectors), selector(&self.field_selectors));
        let namespace = self.chosen.namespace.as_deref();
        match &self.chosen.name {
            Some(name) if labels.is_empty() && fields.is_empty() => {
                let namespace = Some(cluster.space(namespace));
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
    async fn found(&self, cluster: &Cluster, resource: &Resource) -> Result<Vec<Json>, Failure> {
        let begun = Instant::now();
        let ready = |object: &Json| match &self.wait.wait_condition {
            Some(condition) if condition.kind.is_some() => has_condition(object, condition),
            _ => is_ready(object),
        };
        loop {
            let found = self.seen(cluster, resource).await?;
            if !self.wait.wait || (!found.is_empty() && found.iter().all(ready)) {
                return Ok(found);
            }
            let sleep = Duration::from_secs_f64(self.wait.wait_sleep.max(0.1));
            if begun.elapsed() + sleep > Duration::from_secs_f64(self.wait.wait_timeout.max(0.0)) {
                let waiting: Vec<&str> = found
                    .iter()
                    .filter(|object| !ready(object))
                    .filter_map(|object| object.pointer("/metadata/name")?.as_str())
                    .collect();
                let message = match found.is_empty() {
                    true => format!("no {} came in {} s", self.chosen.kind, self.wait.wait_timeout),
                    false => format!(
                        "Failed to gather information about {}(s) even after waiting for {} seconds: {}",
                        self.chosen.kind,
                        self.wait.wait_timeout,
                        waiting.join(", ")
                    ),
                };
                return Err(Failure::new(message).with("resources", found).with("api_found", true));
            }
            tokio::time::sleep(sleep).await;
        }
    }
}
