//! What ends other things: a deleted namespace takes its content along, owned objects go with their owner, finalizers of
//! propagation are worked off, pods of a node that is gone go too.

use serde_json::Value;

use super::key;
use crate::delete::{Options, remove};
use crate::object::{items, name, namespace, set, set_condition, terminating, text, uid};
use crate::resource::{self, Resource};
use crate::store::Store;

/// One round.
pub(super) fn run(store: &mut Store) {
    namespaces(store);
    owners(store);
    finalizers(store);
    orphaned_pods(store);
}

fn resource_of(store: &Store, storage: &str) -> Option<std::sync::Arc<Resource>> {
    let all = resource::served(store);
    all.iter().flat_map(|list| &list.resources).find(|found| found.storage() == storage).cloned()
}

fn namespaces(store: &mut Store) {
    let ending: Vec<Value> =
        store.list("namespaces", None).filter(|space| terminating(space)).cloned().collect();
    for space in ending {
        let own = name(&space).to_owned();
        let mut left: Vec<(String, Value)> = Vec::new();
        for storage in store.resources() {
            let inside: Vec<Value> = store.list(&storage, Some(&own)).cloned().collect();
            let Some(resource) = resource_of(store, &storage).filter(|resource| resource.namespaced) else {
                continue;
            };
            for object in inside {
                let (object, gone) = if terminating(&object) {
                    (object, false)
                } else {
                    remove(store, &resource, &object, &Options::default())
                };
                if !gone {
                    left.push((storage.clone(), object));
                }
            }
        }
        if left.is_empty() {
            store.remove("namespaces", "", &own);
            continue;
        }
        let mut space = space;
        tell(&mut space, &left);
        store.put("namespaces", space);
    }
}

/// Writes what holds a namespace into its conditions.
fn tell(space: &mut Value, left: &[(String, Value)]) {
    let count = |keys: Vec<&str>, say: &dyn Fn(&str, usize) -> String| {
        let mut names = keys.clone();
        names.sort_unstable();
        names.dedup();
        let of = |name: &&str| say(name, keys.iter().filter(|key| *key == name).count());
        names.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let remaining = count(left.iter().map(|(storage, _)| storage.as_str()).collect(), &|name, count| {
        let name = if name.contains('.') { name.to_owned() } else { format!("{name}.") };
        format!("{name} has {count} resource instances")
    });
    let held: Vec<&str> = left
        .iter()
        .flat_map(|(_, object)| items(object, "/metadata/finalizers"))
        .filter_map(Value::as_str)
        .collect();
    let finalizers = count(held.clone(), &|name, count| format!("{name} in {count} resource instances"));
    for (kind, status, reason, message) in [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered".to_owned(),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned(),
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_owned(),
        ),
        (
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            format!("Some resources are remaining: {remaining}"),
        ),
    ] {
        set_condition(space, kind, status, reason, &message);
    }
    if held.is_empty() {
        set_condition(
            space,
            "NamespaceFinalizersRemaining",
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        );
    } else {
        let message = format!("Some content in the namespace has finalizers remaining: {finalizers}");
        set_condition(space, "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", &message);
    }
}

/// The kinds whose objects are owned by others of the apps and batch groups.
const OWNED: &[&str] = &[
    "pods",
    "replicasets.apps",
    "jobs.batch",
    "controllerrevisions.apps",
    "endpointslices.discovery.k8s.io",
];

/// Every uid there is.
fn uids(store: &Store) -> Vec<String> {
    store
        .resources()
        .iter()
        .flat_map(|resource| store.list(resource, None))
        .map(|object| uid(object).to_owned())
        .collect()
}

fn owners(store: &mut Store) {
    let known = uids(store);
    for storage in OWNED {
        let lost = |object: &&Value| {
            let mut owners = items(object, "/metadata/ownerReferences")
                .filter(|owner| text(owner, "/kind") != "Node")
                .peekable();
            owners.peek().is_some() && owners.all(|owner| !known.iter().any(|uid| uid == text(owner, "/uid")))
        };
        let gone: Vec<Value> =
            store.list(storage, None).filter(lost).filter(|object| !terminating(object)).cloned().collect();
        let Some(resource) = resource_of(store, storage) else { continue };
        for object in gone {
            remove(store, &resource, &object, &Options::default());
        }
    }
}

/// Works off `foregroundDeletion` and `orphan`.
fn finalizers(store: &mut Store) {
    for storage in store.resources() {
        let waiting: Vec<Value> =
            store.list(&storage, None).filter(|object| terminating(object)).cloned().collect();
        for object in waiting {
            let has = |wanted: &str| items(&object, "/metadata/finalizers").any(|found| found == wanted);
            if has("orphan") {
                release(store, &object);
                drop_finalizer(store, &storage, &object, "orphan");
            } else if has("foregroundDeletion") && !dependents(store, &object) {
                drop_finalizer(store, &storage, &object, "foregroundDeletion");
            }
        }
    }
}

fn owned_by(object: &Value, owner: &Value) -> bool {
    items(object, "/metadata/ownerReferences").any(|reference| text(reference, "/uid") == uid(owner))
}

/// Deletes what an object owns; gives whether something is still there.
fn dependents(store: &mut Store, owner: &Value) -> bool {
    let mut left = false;
    for storage in OWNED {
        let found: Vec<Value> = store
            .list(storage, Some(namespace(owner)))
            .filter(|object| owned_by(object, owner))
            .cloned()
            .collect();
        let Some(resource) = resource_of(store, storage) else { continue };
        for object in found {
            left = true;
            if !terminating(&object) {
                let options = Options { propagation: Some("Foreground".to_owned()), ..Options::default() };
                let options = if *storage == "pods" { Options::default() } else { options };
                remove(store, &resource, &object, &options);
            }
        }
    }
    left
}

/// Takes the owner from what it owns.
fn release(store: &mut Store, owner: &Value) {
    for storage in OWNED {
        let found: Vec<Value> = store
            .list(storage, Some(namespace(owner)))
            .filter(|object| owned_by(object, owner))
            .cloned()
            .collect();
        for mut object in found {
            let kept: Vec<Value> = items(&object, "/metadata/ownerReferences")
                .filter(|reference| text(reference, "/uid") != uid(owner))
                .cloned()
                .collect();
            set(&mut object, "/metadata/ownerReferences", kept);
            store.put(storage, object);
        }
    }
}

fn drop_finalizer(store: &mut Store, storage: &str, object: &Value, finalizer: &str) {
    let mut object = object.clone();
    let left: Vec<Value> =
        items(&object, "/metadata/finalizers").filter(|found| *found != finalizer).cloned().collect();
    if left.is_empty() {
        let (space, own) = key(&object);
        store.remove(storage, &space, &own);
    } else {
        set(&mut object, "/metadata/finalizers", left);
        store.put(storage, object);
    }
}

/// Pods of a node that is no longer there are removed for good.
fn orphaned_pods(store: &mut Store) {
    let nodes: Vec<String> = store.list("nodes", None).map(|node| name(node).to_owned()).collect();
    if nodes.is_empty() {
        return;
    }
    let lost: Vec<(String, String)> = store
        .list("pods", None)
        .filter(|pod| {
            let node = text(pod, "/spec/nodeName");
            !node.is_empty() && !nodes.iter().any(|known| known == node)
        })
        .map(key)
        .collect();
    for (space, own) in lost {
        store.remove("pods", &space, &own);
    }
}
