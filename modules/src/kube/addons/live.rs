//! What an addon's release made, as it is now: each object of the rendered manifest is there, as rendered, and does its work. One
//! dry run of a server-side apply tells what differs, so that the server's own defaults are no difference.

use super::super::change::Change;
use super::super::cluster::Cluster;
use super::super::health::row::Problem;
use super::super::health::world::{Key, World};
use super::super::health::{counts, pods_told};
use super::super::helm::values::{STARS, is_secret, starred};
use super::super::ready::is_ready;
use super::super::request::Sent;
use crate::kube::fields::{condition, is_true, items, name, number, text};
use futures_util::future::join_all;
use http::Method;
use muster_engine::module::Map;
use serde_json::Value as Json;

/// What came of looking at one object.
#[derive(Default)]
pub(super) struct Looked {
    /// What is wrong with the object itself.
    pub faults: Vec<Problem>,
    /// What is wrong because of others: endpoints, addresses.
    pub symptoms: Vec<Problem>,
    /// What was changed by hand.
    pub drift: Vec<Problem>,
    /// Why something could not be told.
    pub unknown: Vec<String>,
}

/// Looks at the objects of a manifest.
pub(super) async fn look(
    cluster: &Cluster,
    world: &World,
    objects: &[Json],
    namespace: &str,
    compare: bool,
) -> Looked {
    let mut all = Looked::default();
    for one in
        join_all(objects.iter().map(|object| of_object(cluster, world, object, namespace, compare))).await
    {
        all.faults.extend(one.faults);
        all.symptoms.extend(one.symptoms);
        all.drift.extend(one.drift);
        all.unknown.extend(one.unknown);
    }
    all
}

async fn of_object(
    cluster: &Cluster,
    world: &World,
    object: &Json,
    namespace: &str,
    compare: bool,
) -> Looked {
    let mut looked = Looked::default();
    let (version, kind, own) = (text(object, "/apiVersion"), text(object, "/kind"), name(object));
    let resource = match cluster.resource(version, kind).await {
        Ok(resource) => resource,
        Err(refusal) if refusal.is(404) => {
            let remedy = format!("kubectl get crds    # one that has {kind} of {version} is missing");
            looked.faults.push(Problem::new(format!("{kind} {own}: nobody serves {version} {kind}"), remedy));
            return looked;
        }
        Err(refusal) => {
            looked.unknown.push(refusal.to_string());
            return looked;
        }
    };
    let space = match text(object, "/metadata/namespace") {
        "" => namespace,
        said => said,
    };
    let path = resource.object(Some(space), own);
    let place = if resource.namespaced { format!("-n {space} ") } else { String::new() };
    let live = match cluster.get(&path).await {
        Ok(live) => live,
        Err(refusal) if refusal.is(404) => {
            let shown =
                if resource.namespaced { format!("{kind} {space}/{own}") } else { format!("{kind} {own}") };
            let remedy = format!(
                "kubectl {place}get {} {own}    # it was rendered and is gone: upgrade the release again",
                resource.plural
            );
            looked.faults.push(Problem::new(format!("{shown} is missing"), remedy));
            return looked;
        }
        Err(refusal) => {
            looked.unknown.push(refusal.to_string());
            return looked;
        }
    };
    of_live(world, &live, &place, &mut looked);
    if !compare {
        return looked;
    }
    let pairs = [("fieldManager", "muster"), ("force", "true")];
    let tried = Change { method: Method::PATCH, path: &path, sent: Sent::Apply, body: object, pairs: &pairs };
    match tried.make(cluster, true).await {
        Ok(answer) => {
            let key = Key::of(&live);
            let mut fields = differing(object, &live, &answer.body);
            if world.is_scaled(&key) {
                fields.retain(|field| !field.starts_with("spec.replicas "));
            }
            if !fields.is_empty() {
                let remedy = format!(
                    "kubectl {place}get {} {own} -o yaml    # upgrade the release to undo what was changed by hand",
                    resource.plural
                );
                looked.drift.push(Problem::new(
                    format!("{key} is not as it was rendered: {}", fields.join(", ")),
                    remedy,
                ));
            }
        }
        Err(refusal) => looked.unknown.push(format!("{kind} {own} cannot be compared: {refusal}")),
    }
    looked
}

/// The fields of the manifest that the server would change: where, what is there, and what was rendered. What the manifest does
/// not say is the server's, or somebody's who added it.
fn differing(rendered: &Json, live: &Json, applied: &Json) -> Vec<String> {
    let mut found = vec![];
    let secret = text(rendered, "/kind") == "Secret";
    for (key, value) in rendered.as_object().into_iter().flatten().filter(|(key, _)| *key != "status") {
        let of = |object: &Json| object.get(key).cloned().unwrap_or_default();
        compare(key, secret, value, &of(live), &of(applied), &mut found);
    }
    found
}

fn compare(path: &str, secret: bool, rendered: &Json, before: &Json, after: &Json, found: &mut Vec<String>) {
    match (rendered, before, after) {
        _ if before == after => {}
        (Json::Object(rendered), Json::Object(old), Json::Object(new)) => {
            for (key, value) in rendered {
                let of = |map: &Map| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{path}.{key}"), secret || is_secret(key), value, &of(old), &of(new), found);
            }
        }
        (Json::Array(rendered), Json::Array(old), Json::Array(new)) => {
            let called =
                |list: &[Json], own: &str| list.iter().find(|one| text(one, "/name") == own).cloned();
            for (at, value) in rendered.iter().enumerate() {
                let own = text(value, "/name");
                // Items with a name are told apart by it: somebody may have put others between them.
                let of = |list: &[Json]| match own {
                    "" => list.get(at).cloned().unwrap_or_default(),
                    own => called(list, own).unwrap_or_default(),
                };
                let label = if own.is_empty() { at.to_string() } else { own.to_string() };
                // As an environment has them: {name: DB_PASSWORD, value: ...}.
                compare(
                    &format!("{path}[{label}]"),
                    secret || is_secret(own),
                    value,
                    &of(old),
                    &of(new),
                    found,
                );
            }
        }
        _ => found.push(format!("{path} is {} instead of {}", shown(before, secret), shown(after, secret))),
    }
}

/// A value as it may be shown.
fn shown(value: &Json, secret: bool) -> String {
    let text = starred(value).to_string();
    match value {
        Json::Null => "nothing".into(),
        _ if secret => STARS.into(),
        _ if text.chars().count() > 80 => format!("{}...", text.chars().take(77).collect::<String>()),
        _ => text,
    }
}

fn of_live(world: &World, live: &Json, place: &str, looked: &mut Looked) {
    let key = Key::of(live);
    let describe = format!("kubectl {place}describe {}", key.typed());
    match key.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" => looked.faults.extend(workload(world, live)),
        "Job" => {
            if is_true(live, "Failed") {
                let why = condition(live, "Failed").map(|found| text(found, "/message")).unwrap_or("");
                let remedy = format!("kubectl {place}logs job/{}", key.name);
                looked.faults.push(Problem::new(format!("{key} failed: {why}"), remedy));
            } else if !is_true(live, "Complete") && !is_true(live, "Suspended") {
                looked.faults.push(Problem::new(format!("{key} is not done"), describe));
            }
        }
        "CustomResourceDefinition" if !is_true(live, "Established") => {
            looked.faults.push(Problem::new(format!("{key} is not Established"), describe));
        }
        "APIService" if !is_true(live, "Available") => {
            let why = condition(live, "Available").map(|found| text(found, "/message")).unwrap_or("");
            looked.symptoms.push(Problem::new(format!("{key} is not Available: {why}"), describe));
        }
        "Ingress" if items(live, "/status/loadBalancer/ingress").next().is_none() => {
            looked.symptoms.push(Problem::new(format!("{key} has no address"), describe));
        }
        "Service" => {
            let selects =
                live.pointer("/spec/selector").and_then(Json::as_object).is_some_and(|all| !all.is_empty());
            if selects && world.is_served(&key.namespace, &key.name) == Some(false) {
                looked.symptoms.push(Problem::new(format!("{key} has no ready endpoint"), describe.clone()));
            }
            let balanced = text(live, "/spec/type") == "LoadBalancer";
            if balanced && items(live, "/status/loadBalancer/ingress").next().is_none() {
                looked
                    .symptoms
                    .push(Problem::new(format!("{key} has no address of a load balancer"), describe));
            }
        }
        "PersistentVolumeClaim" if text(live, "/status/phase") == "Lost" => {
            looked.faults.push(Problem::new(format!("{key} is Lost"), describe));
        }
        _ => {}
    }
}

/// What keeps a workload from being rolled out; nothing where only nodes that do not answer do.
pub(super) fn workload(world: &World, live: &Json) -> Option<Problem> {
    let key = Key::of(live);
    let (wanted, has) = counts(live);
    if has + world.lost(&key) >= wanted && (is_ready(live) || world.lost(&key) > 0) {
        return None;
    }
    let late = condition(live, "Progressing")
        .is_some_and(|found| text(found, "/reason") == "ProgressDeadlineExceeded");
    let mut observed = format!("{key}: {has}/{wanted} ready{}", pods_told(world, &key));
    if has >= wanted {
        let seen = number(live, "/status/observedGeneration") >= number(live, "/metadata/generation");
        observed += if seen {
            ", and its newest version is not rolled out"
        } else {
            ", and its last change has not been seen yet"
        };
    }
    if late {
        observed += ", and its rollout is over time";
    }
    let ns = &key.namespace;
    Some(Problem::new(
        observed,
        format!("kubectl -n {ns} describe {}; kubectl -n {ns} logs {}", key.typed(), key.typed()),
    ))
}
