//! `kubernetes.core.helm_info`: one release of Helm's, read from the Secrets it keeps, so that no helm has to be anywhere. It only
//! reads. Values go to whoever registers them; what sounds like a secret is starred in all that is shown.

use super::super::asks::Asks;
use super::super::cluster::Cluster;
use super::super::way;
use super::release::{Revision, newest, revisions};
use super::values::{merged, starred};
use crate::options::options;
use jiff::Timestamp;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `kubernetes.core.helm_info`.
pub(crate) struct HelmInfo;

/// What a task gives to [`HelmInfo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    release_name: String,
    release_namespace: String,
    release_state: Option<Vec<String>>,
    get_all_values: bool,
}

const OWN: [Opt; 5] = [
    Opt::new("release_name", Kind::Str, "The release.").required().aliases(&["name"]),
    Opt::new("release_namespace", Kind::Str, "Its namespace.").required().aliases(&["namespace"]),
    Opt::new(
        "release_state",
        Kind::List,
        "States it may be in: `all`, `deployed`, `failed`, `pending`, `superseded`, `uninstalled`, `uninstalling`; without it, deployed or failed.",
    )
    .elements(Kind::Str)
    .default("[]"),
    Opt::new("get_all_values", Kind::Bool, "Whether `values` has the chart's own values too.").default("false"),
    Opt::new("binary_path", Kind::Path, "Of no effect: no helm is run."),
];

impl Asks for HelmInfo {
    const NAME: &'static str = "kubernetes.core.helm_info";
    const SPEC: Spec = Spec::new("Tells of a release of Helm's, without a helm.", options![OWN, way::OF_HELM]).examples(
        "- name: what became of traefik\n  helm_info:\n    name: traefik\n    namespace: kubeaddons\n  register: traefik\n\n- debug:\n    msg: \"{{ traefik.status.chart }} is {{ traefik.status.status }}\"\n  when: traefik.status is defined\n",
    );
    const READS: bool = true;
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, _cx: &Context) -> Result<Output, Failure> {
        let all = revisions(cluster, Some(&args.release_namespace), Some(&args.release_name)).await?;
        let states = args.release_state.clone().unwrap_or_default();
        // Superseded revisions are never the newest, so whoever asks for them alone means all.
        let candidates = match states.as_slice() {
            [one] if one == "superseded" => {
                let mut all: Vec<&Revision> = all.iter().collect();
                all.sort_by_key(|one| std::cmp::Reverse(one.version));
                all
            }
            _ => newest(&all),
        };
        let Some(found) = candidates.into_iter().find(|one| is_in(&one.status, &states)) else {
            return Ok(Output::new(false));
        };
        let document = found.document().map_err(Failure::new)?;
        let status = status(found, &document, args.get_all_values);
        let mut shown = status.clone();
        if let Some(values) = shown.get_mut("values") {
            *values = starred(values);
        }
        // What is rendered from the values holds them as well.
        if let Some(shown) = shown.as_object_mut() {
            for key in ["manifest", "notes", "hooks"] {
                shown.insert(key.into(), "(not shown: it may hold secrets)".into());
            }
        }
        Ok(Output::new(false).with("status", status).with("_ansible_shown", json!({"status": shown})))
    }
}

fn is_in(status: &str, states: &[String]) -> bool {
    if states.is_empty() {
        return matches!(status, "deployed" | "failed");
    }
    states.iter().any(|state| match state.as_str() {
        "all" => true,
        "pending" => status.starts_with("pending-"),
        state => state == status,
    })
}

fn status(revision: &Revision, document: &Json, all_values: bool) -> Json {
    let text = |path: &str| document.pointer(path).and_then(Json::as_str).unwrap_or("");
    let given = document.get("config").cloned().unwrap_or_else(|| json!({}));
    let given = if given.is_null() { json!({}) } else { given };
    let own = document.pointer("/chart/values").cloned().unwrap_or_else(|| json!({}));
    json!({
        "app_version": text("/chart/metadata/appVersion"),
        "chart": format!("{}-{}", text("/chart/metadata/name"), text("/chart/metadata/version")),
        "hooks": document.get("hooks").cloned().unwrap_or_else(|| json!([])),
        "manifest": text("/manifest"),
        "name": revision.name,
        "namespace": revision.namespace,
        "notes": text("/info/notes"),
        "revision": revision.version.to_string(),
        "status": revision.status,
        "updated": updated(text("/info/last_deployed")),
        "values": if all_values { merged(&own, &given) } else { given },
    })
}

/// A time as helm prints it: `2026-11-20 18:51:59.123 +0000 UTC`.
fn updated(time: &str) -> String {
    let parsed: Option<Timestamp> = time.parse().ok();
    parsed
        .map_or_else(|| time.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string())
}
