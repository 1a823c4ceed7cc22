//! Storage: claims without a volume, volumes that failed or are left over, attachments that do not come about, and the storage class
//! that claims get which name none.

use super::row::{Found, Problem};
use super::world::{What, World};
use crate::kube::fields::{items, name, namespace, text};
use serde_json::Value as Json;

const DEFAULT: &[&str] = &[
    "/metadata/annotations/storageclass.kubernetes.io~1is-default-class",
    "/metadata/annotations/storageclass.beta.kubernetes.io~1is-default-class",
];

/// Claims that are lost, or that nobody binds.
pub(super) fn claims(world: &World, seconds: i64) -> Found {
    let (classes, pods) = (world.list(What::Classes)?, world.list(What::Pods)?);
    let mut found = vec![];
    for claim in world.list(What::Claims)? {
        let (space, own) = (namespace(claim), name(claim));
        let class = classes.iter().find(|class| name(class) == text(claim, "/spec/storageClassName"));
        let is_used = || {
            pods.iter().filter(|pod| namespace(pod) == space).any(|pod| {
                items(pod, "/spec/volumes")
                    .any(|volume| text(volume, "/persistentVolumeClaim/claimName") == own)
            })
        };
        let made = text(claim, "/metadata/creationTimestamp");
        let observed = match text(claim, "/status/phase") {
            "Lost" => {
                format!("{space}/{own} is Lost: its volume {} is gone", text(claim, "/spec/volumeName"))
            }
            "Pending" if world.is_older(made, seconds) => {
                let waits =
                    class.is_some_and(|class| text(class, "/volumeBindingMode") == "WaitForFirstConsumer");
                // Such a claim is bound when the first pod wants it.
                if waits && !is_used() {
                    continue;
                }
                let why = match (text(claim, "/spec/storageClassName"), class) {
                    ("", _) => "it names no storage class, and there was no default one".to_string(),
                    (named, None) => format!("there is no storage class {named}"),
                    (named, Some(class)) => {
                        format!("storage class {named}, provisioner {}", text(class, "/provisioner"))
                    }
                };
                format!("{space}/{own} is Pending{} ({why})", world.lasting(made))
            }
            _ => continue,
        };
        found.push(Problem::new(
            observed,
            format!("kubectl -n {space} describe pvc {own}    # its events say what the provisioner said"),
        ));
    }
    Ok(found)
}

/// Volumes that failed, or whose claim is gone.
pub(super) fn volumes(world: &World) -> Found {
    let problem = |volume: &Json| {
        let own = name(volume);
        let claim =
            format!("{}/{}", text(volume, "/spec/claimRef/namespace"), text(volume, "/spec/claimRef/name"));
        let message = text(volume, "/status/message");
        let kept = text(volume, "/spec/persistentVolumeReclaimPolicy") == "Retain";
        let told = if message.is_empty() { String::new() } else { format!(": {message}") };
        match text(volume, "/status/phase") {
            "Failed" => Some(Problem::new(
                format!("{own} of the claim {claim} has Failed{told}"),
                format!("kubectl describe pv {own}"),
            )),
            "Released" if kept => {
                let remedy = format!(
                    "kubectl delete pv {own}    # its data stays where it is; or take spec.claimRef away to use it again"
                );
                Some(
                    Problem::new(format!("{own} is kept after its claim {claim} is gone{told}"), remedy)
                        .mild(),
                )
            }
            "Released" => {
                let observed =
                    format!("{own} is Released and not deleted, though its claim {claim} is gone{told}");
                Some(Problem::new(
                    observed,
                    format!("kubectl describe pv {own}    # the provisioner has to delete it"),
                ))
            }
            _ => None,
        }
    };
    Ok(world.list(What::Volumes)?.iter().filter_map(problem).collect())
}

/// Volumes that cannot be attached, or from where they cannot be detached.
pub(super) fn attachments(world: &World, seconds: i64) -> Found {
    let mut found = vec![];
    for one in world.list(What::Attachments)? {
        let (volume, node) = (text(one, "/spec/source/persistentVolumeName"), text(one, "/spec/nodeName"));
        let deleted = text(one, "/metadata/deletionTimestamp");
        let attached = one.pointer("/status/attached").and_then(Json::as_bool) == Some(true);
        let what = match (text(one, "/status/attachError/message"), text(one, "/status/detachError/message"))
        {
            (error, _) if !error.is_empty() => format!("cannot be attached to {node}: {error}"),
            (_, error) if !error.is_empty() => format!("cannot be detached from {node}: {error}"),
            _ if !deleted.is_empty() && world.is_older(deleted, seconds) => {
                format!("is being detached from {node}{}", world.lasting(deleted))
            }
            _ if deleted.is_empty()
                && !attached
                && world.is_older(text(one, "/metadata/creationTimestamp"), seconds) =>
            {
                format!(
                    "is not attached to {node} yet{}",
                    world.lasting(text(one, "/metadata/creationTimestamp"))
                )
            }
            _ => continue,
        };
        if world.sick.contains(node) {
            continue;
        }
        let remedy = format!("kubectl describe volumeattachment {}; kubectl describe node {node}", name(one));
        found.push(Problem::new(format!("{volume} {what}"), remedy));
    }
    Ok(found)
}

/// Whether as many classes as there shall be are the default one.
pub(super) fn classes(world: &World, wanted: i64) -> Found {
    let is_default = |class: &&Json| DEFAULT.iter().any(|path| text(class, path) == "true");
    let all = world.list(What::Classes)?;
    let defaults: Vec<&str> = all.iter().filter(is_default).map(name).collect();
    if i64::try_from(defaults.len()).unwrap_or(i64::MAX) == wanted {
        return Ok(vec![]);
    }
    let class = all.first().map_or("CLASS", name);
    let annotate = |class: &str, on: bool| {
        format!(
            "kubectl annotate --overwrite storageclass {class} storageclass.kubernetes.io/is-default-class={on}"
        )
    };
    Ok(vec![match defaults.as_slice() {
        [] => Problem::new(
            "no default storage class: claims that name none stay Pending",
            annotate(class, true),
        ),
        [.., last] => {
            Problem::new(format!("default storage classes: {}", defaults.join(", ")), annotate(last, false))
        }
    }])
}
