//! `kubernetes.core.k8s`: objects of a cluster, there as defined, or gone. The objects of a [`definition`] are done one after
//! another; what each came to is in the result. In check mode the server tries every change and keeps none.

use super::change::{Change, delete, outcome, tried};
use super::cluster::{Cluster, Clusters};
use super::definition;
use super::hidden::hide;
use super::info::WAIT;
use super::request::{Answer, Refusal, Sent};
use super::waiting::Wait;
use super::way::{self, Way};
use crate::options::joined;
use http::Method;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s`.
pub struct K8s {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`K8s`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    state: String,
    pub(super) definition: Json,
    pub(super) src: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) api_version: String,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) generate_name: Option<String>,
    merge_type: Option<Vec<String>>,
    force: bool,
    apply: bool,
    server_side_apply: Option<ServerSide>,
    delete_options: Option<Map>,
    continue_on_error: bool,
    hidden_fields: Vec<String>,
    #[serde(flatten)]
    wait: Wait,
    #[serde(flatten)]
    way: Way,
}

/// `server_side_apply`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ServerSide {
    field_manager: Option<String>,
    force_conflicts: bool,
}

const SERVER_SIDE: &[Opt] = &[
    Opt::new("field_manager", Kind::Str, "Who owns the fields."),
    Opt::new("force_conflicts", Kind::Bool, "Whether fields of others are taken over.").default("false"),
];
const OWN: [Opt; 15] = [
    Opt::new(
        "state",
        Kind::Str,
        "Whether the objects are there; `patched` changes what is there and makes nothing.",
    )
    .choices(&["absent", "present", "patched"])
    .default("present"),
    Opt::new("definition", Kind::Raw, "The objects: YAML text, a mapping, or a list.")
        .aliases(&["resource_definition", "inline"]),
    Opt::new("src", Kind::Path, "A YAML file where the task runs, with the objects."),
    Opt::new("kind", Kind::Str, "The kind, where the definition does not say it."),
    Opt::new("api_version", Kind::Str, "Its version.").aliases(&["api", "version"]).default("v1"),
    Opt::new("name", Kind::Str, "The name, where the definition does not say it."),
    Opt::new("namespace", Kind::Str, "The namespace, where the definition does not say it."),
    Opt::new("generate_name", Kind::Str, "The beginning of a name that the server makes up."),
    Opt::new(
        "merge_type",
        Kind::List,
        "How a definition is merged into what is there, first what is tried first.",
    )
    .elements(Kind::Str)
    .choices(&["merge", "strategic-merge"]),
    Opt::new("force", Kind::Bool, "Whether what is there is replaced as a whole.").default("false"),
    Opt::new("apply", Kind::Bool, "With `server_side_apply`, the server merges and knows who owns a field.")
        .default("false"),
    Opt::new("server_side_apply", Kind::Dict, "How the server applies.").options(SERVER_SIDE),
    Opt::new(
        "delete_options",
        Kind::Dict,
        "How it is deleted: `propagationPolicy`, `gracePeriodSeconds`, `preconditions`.",
    ),
    Opt::new("continue_on_error", Kind::Bool, "Whether the objects after a failed one are done.")
        .default("false"),
    Opt::new("hidden_fields", Kind::List, "Parts that the result leaves out.")
        .elements(Kind::Str)
        .default("[]"),
];
const WAITING: [Opt; 19] = joined(OWN, WAIT);
const OPTIONS: [Opt; 35] = joined(WAITING, way::OPTIONS);

impl Module for K8s {
    const NAME: &'static str = "kubernetes.core.k8s";
    const SPEC: Spec = Spec::new("Makes, changes and deletes objects of a Kubernetes cluster.", &OPTIONS)
        .exclusive(&[&["definition", "src"], &["name", "generate_name"]])
        .examples("- name: the namespace shop is there\n  k8s:\n    kind: Namespace\n    name: shop\n");
    type Args = Args;
    type Change = Args;

    // Objects of one task build upon each other (a namespace and what is in it): none can be looked at before the one before
    // it was made.
    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        if args.apply && args.server_side_apply.is_none() {
            return Err(Failure::new(
                "apply without server_side_apply is not done: say `server_side_apply: {field_manager: NAME}`",
            ));
        }
        tried(args, cx, self.run(args, cx)).await
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        self.run(&args, cx).await
    }
}

impl K8s {
    async fn run(&self, args: &Args, cx: &Context) -> Result<Output, Failure> {
        let objects = definition::objects(args, cx).await?;
        let cluster = self.clusters.of(&args.way, cx).await?;
        let (mut results, mut changed) = (vec![], false);
        for object in &objects {
            match args.one(&cluster, object, cx).await {
                Ok(output) => {
                    changed |= output.changed();
                    results.push(output.result);
                }
                Err(failure) if args.continue_on_error => {
                    let error = Json::Object(failure.result);
                    results.push(Output::new(false).with("result", json!({})).with("error", error).result);
                }
                Err(failure) => return Err(failure),
            }
        }
        match <[Map; 1]>::try_from(results) {
            Ok([result]) => Ok(Output { result, vars: None }),
            Err(results) => Ok(Output::new(changed).with("result", json!({"results": results}))),
        }
    }
}

impl Args {
    /// Does one object.
    async fn one(&self, cluster: &Cluster, object: &Json, cx: &Context) -> Result<Output, Failure> {
        let text = |path: &str| object.pointer(path).and_then(Json::as_str).unwrap_or("");
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let failed = |what: &str, refusal: Refusal| {
            let message = format!("Failed to {what} object: {kind} {name}: {refusal}");
            Failure::new(message).with("status", refusal.code).with("reason", refusal.reason)
        };
        let resource = cluster.resource(text("/apiVersion"), kind).await?;
        let namespace = match text("/metadata/namespace") {
            "" => cluster.namespace.as_str(),
            said => said,
        };
        let path = resource.object(Some(namespace), name);
        let before = match cluster.get(&path).await {
            _ if name.is_empty() => Json::Null,
            Ok(found) => found,
            Err(refusal) if refusal.is(404) => Json::Null,
            Err(refusal) => return Err(failed("retrieve requested", refusal)),
        };
        if self.state == "absent" {
            let output = Output::new(!before.is_null()).with("method", "delete");
            if before.is_null() {
                return Ok(output.with("result", json!({})));
            }
            let options = Json::Object(self.delete_options.clone().unwrap_or_default());
            let body = match delete(cluster, &path, &options, cx.check_mode).await {
                Ok(answer) => answer.body,
                Err(refusal) if refusal.is(404) => json!({}),
                Err(refusal) => return Err(failed("delete", refusal)),
            };
            return self.waited(cluster, &path, true, output.with("result", body), cx, (kind, name)).await;
        }
        let (method, answer) = if self.apply {
            ("apply", self.applied(cluster, &path, object, cx.check_mode).await)
        } else if before.is_null() && self.state == "patched" {
            let warning = format!(
                "resource 'kind={kind},name={name}' was not found but will not be created as 'state' parameter has been set to 'patched'"
            );
            return Ok(Output::new(false).with("result", json!({})).warn(warning));
        } else if before.is_null() {
            let all = resource.path(Some(namespace));
            let create =
                Change { method: Method::POST, path: &all, sent: Sent::Json, body: object, pairs: &[] };
            ("create", create.make(cluster, cx.check_mode).await)
        } else if self.force {
            let mut whole = object.clone();
            if let Some(metadata) = whole.get_mut("metadata").and_then(Json::as_object_mut) {
                let version = before.pointer("/metadata/resourceVersion").cloned();
                metadata.insert("resourceVersion".into(), version.unwrap_or_default());
            }
            let put = Change { method: Method::PUT, path: &path, sent: Sent::Json, body: &whole, pairs: &[] };
            ("replace", put.make(cluster, cx.check_mode).await)
        } else {
            ("update", self.merged(cluster, &path, object, cx.check_mode).await)
        };
        let Answer { body, warnings, .. } = answer.map_err(|refusal| failed(method, refusal))?;
        // A name that the server made up is where the object is now.
        let made = body.pointer("/metadata/name").and_then(Json::as_str).unwrap_or(name);
        let path = resource.object(Some(namespace), made);
        let output = match before.is_null() {
            true => outcome(&json!({}), &body, cx.diff),
            false => outcome(&before, &body, cx.diff),
        };
        let output = warnings.into_iter().fold(output.with("method", method), Output::warn);
        let output = output.with("result", body);
        self.waited(cluster, &path, false, output, cx, (kind, name)).await
    }

    /// Merges by the first way that the server has for the kind.
    async fn merged(&self, cluster: &Cluster, path: &str, body: &Json, dry: bool) -> Result<Answer, Refusal> {
        let ways: Vec<Sent> = match self.merge_type.as_deref() {
            None | Some([]) => vec![Sent::StrategicPatch, Sent::MergePatch],
            Some(said) => said
                .iter()
                .map(|one| if one == "merge" { Sent::MergePatch } else { Sent::StrategicPatch })
                .collect(),
        };
        let mut last = Refusal::default();
        for sent in ways {
            match super::change::patch(cluster, path, sent, body, dry).await {
                // Custom resources know no strategic merge.
                Err(refusal) if refusal.is(415) => last = refusal,
                other => return other,
            }
        }
        Err(last)
    }

    async fn applied(
        &self,
        cluster: &Cluster,
        path: &str,
        body: &Json,
        dry: bool,
    ) -> Result<Answer, Refusal> {
        let said = self.server_side_apply.clone().unwrap_or_default();
        let manager = said.field_manager.unwrap_or_else(|| "muster".into());
        let force = if said.force_conflicts { "true" } else { "" };
        let pairs = [("fieldManager", manager.as_str()), ("force", force)];
        Change { method: Method::PATCH, path, sent: Sent::Apply, body, pairs: &pairs }
            .make(cluster, dry)
            .await
    }

    /// Waits, where the task says so.
    async fn waited(
        &self,
        cluster: &Cluster,
        path: &str,
        gone: bool,
        mut output: Output,
        cx: &Context,
        (kind, name): (&str, &str),
    ) -> Result<Output, Failure> {
        let mut done = true;
        if self.wait.wait && !cx.check_mode {
            let waited = self.wait.of(cluster, path, gone).await?;
            done = waited.done;
            output = output.with("duration", waited.duration);
            if !gone {
                output = output.with("result", waited.object);
            }
        }
        if let Some(result) = output.result.get_mut("result") {
            hide(result, &self.hidden_fields);
        }
        if done {
            return Ok(output);
        }
        let failure = Failure::new(format!("\"{kind}\" \"{name}\": Timed out waiting on resource"));
        Err(output.result.into_iter().fold(failure, |failure, (key, value)| failure.with(&key, value)))
    }
}
