//! `kubernetes.core.k8s`: objects of a cluster, there as defined, or gone. The objects of a [`definition`](super::definition) are
//! done one after another, for one may need the one before it; what each came to is in the result. In check mode the server
//! tries every change and keeps none.

use super::action::{APPLY, Action};
use super::asks::Asks;
use super::cluster::Cluster;
use super::definition::{self, Source};
use super::object::{self, selector};
use super::validate::{VALIDATE, Validate};
use super::waiting::WAIT;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s`.
pub(crate) struct K8s;

/// What a task gives to [`K8s`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    validate: Option<Validate>,
    continue_on_error: bool,
    delete_all: bool,
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    action: Action,
}

const SERVER_SIDE: &[Opt] = &[
    Opt::new("field_manager", Kind::Str, "Who owns the fields.").required(),
    Opt::new("force_conflicts", Kind::Bool, "Whether fields of others are taken over.").default("false"),
];
const PRECONDITIONS: &[Opt] = &[
    Opt::new("resourceVersion", Kind::Str, "The version it must have."),
    Opt::new("uid", Kind::Str, "The uid it must have."),
];
const DELETE: &[Opt] = &[
    Opt::new("propagationPolicy", Kind::Str, "What becomes of what it owns.").choices(&[
        "Foreground",
        "Background",
        "Orphan",
    ]),
    Opt::new("gracePeriodSeconds", Kind::Int, "How long it may take to end."),
    Opt::new("preconditions", Kind::Dict, "What must be true of it.").options(PRECONDITIONS),
];
const OWN: [Opt; 10] = [
    Opt::new(
        "state",
        Kind::Str,
        "Whether the objects are there; `patched` changes what is there and makes nothing.",
    )
    .choices(&["absent", "present", "patched"])
    .default("present"),
    Opt::new(
        "merge_type",
        Kind::List,
        "How a definition is merged into what is there, first what is tried first.",
    )
    .elements(Kind::Str)
    .choices(&["merge", "strategic-merge"]),
    Opt::new("server_side_apply", Kind::Dict, "How the server applies.").options(SERVER_SIDE),
    Opt::new("append_hash", Kind::Bool, "Whether ConfigMaps and Secrets are named by what they hold.")
        .default("false"),
    Opt::new("validate", Kind::Dict, "Whether the server is asked first if it would take the objects.")
        .options(VALIDATE),
    Opt::new("delete_options", Kind::Dict, "How it is deleted.").options(DELETE),
    Opt::new(
        "delete_all",
        Kind::Bool,
        "With `state: absent` and a kind alone, whether all of the namespace are meant.",
    )
    .aliases(&["all"])
    .default("false"),
    Opt::new("label_selectors", Kind::List, "Only what has these labels, as kubectl's `-l`.")
        .elements(Kind::Str),
    Opt::new("continue_on_error", Kind::Bool, "Whether the objects after a failed one are done.")
        .default("false"),
    object::HIDDEN,
];

impl Asks for K8s {
    const NAME: &'static str = "kubernetes.core.k8s";
    const SPEC: Spec = Spec::new(
        "Makes, changes and deletes objects of a Kubernetes cluster.",
        options![definition::WHOLE, definition::OPTIONS, OWN, APPLY, WAIT, way::OPTIONS],
    )
    .exclusive(&[
        &["resource_definition", "src"],
        &["merge_type", "apply"],
        &["template", "resource_definition"],
        &["template", "src"],
        &["name", "generate_name"],
    ])
    .examples("- name: the namespace shop is there\n  k8s:\n    kind: Namespace\n    name: shop\n");
    type Args = Args;

    fn look(args: &Args) -> Result<(), Failure> {
        args.validate.as_ref().map_or(Ok(()), Validate::look)
    }

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let all = args.delete_all && args.action.state == "absent" && args.source.is_only_a_kind();
        let objects = if all { args.every(cluster).await? } else { args.source.objects(cx).await? };
        let (mut results, mut changed) = (vec![], false);
        for object in &objects {
            match args.one(cluster, object, cx).await {
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
    async fn one(&self, cluster: &Cluster, object: &Json, cx: &Context) -> Result<Output, Failure> {
        let warnings = match &self.validate {
            Some(validate) if self.action.state != "absent" => validate.check(cluster, object).await?,
            _ => vec![],
        };
        let output = self.action.perform(cluster, object, cx).await?;
        Ok(warnings.into_iter().fold(output, Output::warn))
    }

    /// All objects of the kind in the namespace.
    async fn every(&self, cluster: &Cluster) -> Result<Vec<Json>, Failure> {
        let Some(kind) = &self.source.kind else {
            return Err(Failure::new("'kind' option is required to specify the resource type."));
        };
        let resource = cluster.resource(&self.source.api_version, kind).await?;
        let labels = selector(self.action.label_selectors.as_deref().unwrap_or_default());
        let path = resource.path(self.source.namespace.as_deref());
        let mut found = cluster.list(&path, &[("labelSelector", &labels)]).await?;
        found.iter_mut().for_each(|object| resource.is_said_in(object));
        Ok(found)
    }
}
