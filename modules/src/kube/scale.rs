//! `kubernetes.core.k8s_scale`: how many replicas workloads have, by their scale as kubectl does it, or how many pods of a Job run at
//! once; waited for if asked. What has another number or version than the task expects is left alone, and said.

use super::asks::Asks;
use super::change::{outcome, patch};
use super::cluster::Cluster;
use super::definition::{Source, WHOLE};
use super::fields::text;
use super::object::{self, selector};
use super::request::Sent;
use super::resource::Resource;
use super::waiting::{Wait, Waited};
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s_scale`.
pub(crate) struct K8sScale;

/// What a task gives to [`K8sScale`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    replicas: i64,
    current_replicas: Option<i64>,
    resource_version: Option<String>,
    label_selectors: Vec<String>,
    continue_on_error: bool,
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    wait: Wait,
}

const OWN: [Opt; 12] = [
    Opt::new("replicas", Kind::Int, "How many there shall be.").required(),
    Opt::new("current_replicas", Kind::Int, "Only where there are so many now."),
    Opt::new("resource_version", Kind::Str, "Only where the object has this version."),
    object::KIND,
    object::API_VERSION,
    object::NAME,
    object::NAMESPACE,
    object::LABELS,
    Opt::new("continue_on_error", Kind::Bool, "Of several, whether those after a failed one are scaled.")
        .default("false"),
    Opt::new("wait", Kind::Bool, "Whether to wait until they are ready; never for a Job.").default("true"),
    Opt::new("wait_timeout", Kind::Int, "Seconds to wait.").default("20"),
    Opt::new("wait_sleep", Kind::Int, "Seconds between two looks.").default("5"),
];

impl Asks for K8sScale {
    const NAME: &'static str = "kubernetes.core.k8s_scale";
    const SPEC: Spec = Spec::new("Scales workloads of a Kubernetes cluster.", options![OWN, WHOLE, way::OPTIONS])
        .exclusive(&[&["resource_definition", "src"]])
        .examples(
            "- name: web has three pods\n  k8s_scale:\n    api_version: apps/v1\n    kind: Deployment\n    name: web\n    namespace: shop\n    replicas: 3\n\
             - name: the shop is closed\n  k8s_scale:\n    api_version: apps/v1\n    kind: Deployment\n    namespace: shop\n    label_selectors: [tier=front]\n    replicas: 0\n",
        );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let defined = args.source.objects(cx).await?;
        let Some((wanted, others)) = defined.split_first() else {
            return Err(Failure::new("the definition holds no object"));
        };
        let resource = cluster.resource(text(wanted, "/apiVersion"), text(wanted, "/kind")).await?;
        let found = args.found(cluster, &resource, wanted).await?;
        let output = match found.as_slice() {
            [] => args.nothing(cx),
            [one] => args.one(cluster, &resource, one, cx).await?,
            several => args.several(cluster, &resource, several, cx).await?,
        };
        Ok(match others.len() {
            0 => output,
            more => output.warn(format!(
                "k8s_scale scales the first object of a definition: {more} more of it were passed over"
            )),
        })
    }
}

impl Args {
    /// What is to be scaled: one by its name, or those that labels choose.
    async fn found(
        &self,
        cluster: &Cluster,
        resource: &Resource,
        wanted: &Json,
    ) -> Result<Vec<Json>, Failure> {
        let (name, namespace) = (text(wanted, "/metadata/name"), text(wanted, "/metadata/namespace"));
        if !name.is_empty() {
            let path = resource.object(Some(cluster.space(Some(namespace))), name);
            let found = cluster.get(&path).await;
            return Ok(vec![
                found.map_err(|refusal| refusal.failing("Failed to retrieve requested object"))?,
            ]);
        }
        if namespace.is_empty() && self.label_selectors.is_empty() {
            let kind = &resource.kind;
            return Err(Failure::new(format!(
                "neither `name` nor `namespace` nor `label_selectors` says which {kind} is meant: every {kind} of the cluster would be scaled"
            )));
        }
        let labels = selector(&self.label_selectors);
        let mut found = cluster.list(&resource.path(Some(namespace)), &[("labelSelector", &labels)]).await?;
        found.iter_mut().for_each(|object| resource.is_said_in(object));
        Ok(found)
    }

    async fn several(
        &self,
        cluster: &Cluster,
        resource: &Resource,
        found: &[Json],
        cx: &Context,
    ) -> Result<Output, Failure> {
        let (mut results, mut errors, mut changed) = (vec![], vec![], false);
        for object in found {
            match self.one(cluster, resource, object, cx).await {
                Ok(output) => {
                    changed |= output.changed();
                    results.push(Json::Object(output.result));
                }
                Err(failure) if self.continue_on_error => {
                    errors.push(json!({"error": failure.message(), "failed": true}));
                }
                Err(failure) => return Err(failure.with("results", results)),
            }
        }
        let output = Output::new(changed).with("results", results);
        Ok(if errors.is_empty() { output } else { output.with("errors", errors) })
    }

    /// The answer where nothing is done.
    fn nothing(&self, cx: &Context) -> Output {
        let mut output = Output::new(false).with("result", json!({}));
        if cx.diff {
            output = output.with("diff", json!({}));
        }
        if self.wait.wait { output.with("duration", 0) } else { output }
    }

    async fn one(
        &self,
        cluster: &Cluster,
        resource: &Resource,
        before: &Json,
        cx: &Context,
    ) -> Result<Output, Failure> {
        let (name, namespace) = (text(before, "/metadata/name"), text(before, "/metadata/namespace"));
        let which = format!("object kind={} name={name} namespace={namespace}", resource.kind);
        let is_job = resource.kind == "Job";
        let field = if is_job { "parallelism" } else { "replicas" };
        let Some(is) = before.pointer(&format!("/spec/{field}")).and_then(Json::as_i64) else {
            return Err(Failure::new(format!("Failed to retrieve the available count for {which}.")));
        };
        let left = |warning: String| {
            let output = self.nothing(cx);
            Ok(output.with("warning", warning.clone()).warn(warning))
        };
        let version = text(before, "/metadata/resourceVersion");
        if let Some(expected) = self.resource_version.as_deref().filter(|expected| *expected != version) {
            return left(format!(
                "expected resource version {expected} does not match with actual {version} for {which}."
            ));
        }
        if let Some(expected) = self.current_replicas.filter(|expected| *expected != is) {
            return left(format!("current replicas {expected} does not match with actual {is} for {which}."));
        }
        if is == self.replicas {
            return Ok(self.nothing(cx).with("result", before.clone()));
        }
        let object = resource.object(Some(namespace), name);
        // Against the version that was looked at: what `current_replicas` promised stays true.
        let guarded = self.current_replicas.is_some() || self.resource_version.is_some();
        let metadata = if guarded { json!({"resourceVersion": version}) } else { json!({}) };
        let body = json!({"metadata": metadata, "spec": {field: self.replicas}});
        let path = match is_job {
            true => object.clone(),
            false if resource.subresources.iter().any(|one| one == "scale") => format!("{object}/scale"),
            false => {
                return Err(Failure::new(format!(
                    "Cannot perform scale on resource of kind {}",
                    resource.kind
                )));
            }
        };
        let answer = patch(cluster, &path, Sent::MergePatch, &body, cx.check_mode).await;
        let answer = answer.map_err(|refusal| refusal.failing("Scale request failed"))?.body;
        let waits = self.wait.wait && !is_job;
        let timed = |output: Output| if waits { output.with("duration", 0) } else { output };
        if cx.check_mode || is_job {
            let after = if is_job { answer } else { with_replicas(before, self.replicas) };
            return Ok(timed(outcome(before, &after, cx.diff)).with("result", after));
        }
        if !waits {
            let after = cluster.get(&object).await?;
            return Ok(outcome(before, &after, cx.diff).with("result", after));
        }
        let waited = self.wait.of(cluster, &object, false).await?;
        let output = outcome(before, &waited.object, cx.diff).with("duration", waited.duration);
        Waited::settled(waited.done, output.with("result", waited.object), "Resource scaling timed out")
    }
}

/// An object as it would be.
fn with_replicas(object: &Json, replicas: i64) -> Json {
    let mut object = object.clone();
    if let Some(held) = object.pointer_mut("/spec/replicas") {
        *held = replicas.into();
    }
    object
}
