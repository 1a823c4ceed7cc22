//! `kubernetes.core.k8s_service`: a Service, by its type, ports and selector, or by a definition that these come before.

use super::action::{APPLY, Action};
use super::asks::Asks;
use super::cluster::Cluster;
use super::definition::{Source, WHOLE};
use super::object;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.k8s_service`.
pub(crate) struct K8sService;

/// What a task gives to [`K8sService`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    selector: Option<Map>,
    #[serde(rename = "type")]
    kind: Option<String>,
    ports: Option<Vec<Json>>,
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    action: Action,
}

const OWN: [Opt; 7] = [
    object::NAME.required(),
    object::NAMESPACE.required(),
    Opt::new("state", Kind::Str, "Whether it is there.").choices(&["absent", "present"]).default("present"),
    Opt::new("type", Kind::Str, "Its type.").choices(&[
        "NodePort",
        "ClusterIP",
        "LoadBalancer",
        "ExternalName",
    ]),
    Opt::new("ports", Kind::List, "Its ports.").elements(Kind::Dict),
    Opt::new("selector", Kind::Dict, "The labels of the pods it leads to."),
    Opt::new(
        "merge_type",
        Kind::List,
        "How a definition is merged into what is there, first what is tried first.",
    )
    .elements(Kind::Str)
    .choices(&["json", "merge", "strategic-merge"]),
];

impl Asks for K8sService {
    const NAME: &'static str = "kubernetes.core.k8s_service";
    const SPEC: Spec = Spec::new("Makes, changes and deletes a Service.", options![OWN, WHOLE, APPLY, way::OPTIONS])
        .exclusive(&[&["resource_definition", "src"], &["merge_type", "apply"]])
        .examples("- name: web has an address\n  k8s_service:\n    name: web\n    namespace: shop\n    ports: [{port: 80, targetPort: 8080}]\n    selector: {app: web}\n");
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let Source { name, namespace, .. } = &args.source;
        let source = Source { kind: Some("Service".into()), api_version: "v1".into(), ..args.source.clone() };
        let defined = source.objects(cx).await?.into_iter().next().unwrap_or_default();
        let mut spec = Map::new();
        let said = [
            ("type", args.kind.clone().map(Json::from)),
            ("ports", args.ports.clone().map(Json::from)),
            ("selector", args.selector.clone().map(Json::Object)),
        ];
        for (key, value) in said {
            spec.extend(value.map(|value| (key.to_string(), value)));
        }
        let own = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec});
        args.action.perform(cluster, &over(defined, own), cx).await
    }
}

/// A definition with what the task itself says over it; what says nothing leaves it as it is.
fn over(defined: Json, said: Json) -> Json {
    match (defined, said) {
        (Json::Object(mut defined), Json::Object(said)) => {
            for (key, value) in said {
                let before = defined.shift_remove(&key).unwrap_or_default();
                defined.insert(key, over(before, value));
            }
            Json::Object(defined)
        }
        (defined, Json::Null) => defined,
        (defined, Json::Array(items)) if items.is_empty() && !defined.is_null() => defined,
        (_, said) => said,
    }
}
