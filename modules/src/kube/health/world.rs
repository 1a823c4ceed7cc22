//! What a health check asks of a cluster: each list, or why it could not be had, the server's own time, and whatever several rules
//! need to know: which nodes do not answer, and whose a pod is.

use super::super::cluster::Cluster;
use super::super::fields::{is_true, items, name, namespace, text};
use super::super::request::Refusal;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Nodes,
    Pods,
    Deployments,
    DaemonSets,
    StatefulSets,
    Jobs,
    Leases,
    ApiServices,
    ValidatingWebhooks,
    MutatingWebhooks,
    Requests,
    Namespaces,
    Services,
    Slices,
    Claims,
    Volumes,
    Attachments,
    Classes,
    Definitions,
    Autoscalers,
    TigeraStatus,
    ConfigMaps,
}

const ALL: &[(What, &str)] = &[
    (What::Nodes, "/api/v1/nodes"),
    (What::Pods, "/api/v1/pods"),
    (What::Deployments, "/apis/apps/v1/deployments"),
    (What::DaemonSets, "/apis/apps/v1/daemonsets"),
    (What::StatefulSets, "/apis/apps/v1/statefulsets"),
    (What::Jobs, "/apis/batch/v1/jobs"),
    (What::Leases, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"),
    (What::ApiServices, "/apis/apiregistration.k8s.io/v1/apiservices"),
    (What::ValidatingWebhooks, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"),
    (What::MutatingWebhooks, "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
    (What::Requests, "/apis/certificates.k8s.io/v1/certificatesigningrequests"),
    (What::Namespaces, "/api/v1/namespaces"),
    (What::Services, "/api/v1/services"),
    (What::Slices, "/apis/discovery.k8s.io/v1/endpointslices"),
    (What::Claims, "/api/v1/persistentvolumeclaims"),
    (What::Volumes, "/api/v1/persistentvolumes"),
    (What::Attachments, "/apis/storage.k8s.io/v1/volumeattachments"),
    (What::Classes, "/apis/storage.k8s.io/v1/storageclasses"),
    (What::Definitions, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    (What::Autoscalers, "/apis/autoscaling/v2/horizontalpodautoscalers"),
    (What::TigeraStatus, "/apis/operator.tigera.io/v1/tigerastatuses"),
    (What::ConfigMaps, "/api/v1/namespaces/kube-system/configmaps"),
];

/// A cluster at one moment.
pub(crate) struct World {
    /// What time it is for the server.
    pub now: Timestamp,
    /// The server's version: `v1.36.2`.
    pub version: String,
    lists: BTreeMap<What, Result<Vec<Json>, String>>,
    /// Nodes that are not Ready: what is on them is their fault.
    pub sick: BTreeSet<String>,
}

/// The version a server says it has. One that was built from a branch says `v0.0.0-…`, and which minor version it is beside that.
fn server_version(about: &Json) -> String {
    match (text(about, "/major"), text(about, "/minor"), text(about, "/gitVersion")) {
        (major, minor, built) if built.starts_with("v0.") && !minor.is_empty() => {
            format!("v{major}.{}.0", minor.trim_end_matches('+'))
        }
        (_, _, version) => version.to_string(),
    }
}

impl World {
    /// Asks for everything at once; a list that does not come in time, or at all, is a reason instead.
    ///
    /// # Errors
    /// The server cannot be asked at all.
    pub async fn look(cluster: &Cluster, patience: Duration) -> Result<Self, Refusal> {
        let about = cluster.send(http::Method::GET, "/version", None).await?;
        let version = server_version(&about.body);
        let asked = ALL.iter().map(|(what, path)| async move {
            let answer = match tokio::time::timeout(patience, cluster.list(path, &[])).await {
                Ok(Ok(list)) => Ok(list),
                // A kind that comes with a CRD, or not at all.
                Ok(Err(refusal)) if refusal.is(404) => Ok(vec![]),
                Ok(Err(refusal)) => Err(refusal.to_string()),
                Err(_) => Err(format!("GET {path} did not answer in {} s", patience.as_secs())),
            };
            (*what, answer)
        });
        let lists: BTreeMap<_, _> = join_all(asked).await.into_iter().collect();
        let mut world =
            Self { now: about.date.unwrap_or_else(Timestamp::now), version, lists, sick: BTreeSet::new() };
        let sick = world.list(What::Nodes).unwrap_or_default().iter().filter(|node| !is_true(node, "Ready"));
        world.sick = sick.map(|node| name(node).to_string()).collect();
        Ok(world)
    }

    /// A list, or why it could not be had.
    pub fn list(&self, what: What) -> Result<&[Json], String> {
        match self.lists.get(&what) {
            Some(Ok(list)) => Ok(list),
            Some(Err(why)) => Err(why.clone()),
            None => Ok(&[]),
        }
    }

    /// How long ago a time of the server's was.
    pub fn since(&self, time: &str) -> Option<SignedDuration> {
        Some(self.now.duration_since(time.parse().ok()?))
    }

    /// Whether a time is at least so many seconds ago; a time that cannot be read is.
    pub fn is_older(&self, time: &str, seconds: i64) -> bool {
        self.since(time).is_none_or(|age| age.as_secs() >= seconds)
    }

    /// ` for 34 min`, or nothing where the time cannot be read.
    pub fn lasting(&self, time: &str) -> String {
        self.since(time).map(|age| format!(" for {}", span(age))).unwrap_or_default()
    }

    /// Whether a pod is on a node that does not answer.
    pub fn is_on_sick_node(&self, pod: &Json) -> bool {
        self.sick.contains(text(pod, "/spec/nodeName"))
    }

    /// Whether an autoscaler decides how many pods a workload has.
    pub fn is_scaled(&self, workload: &Key) -> bool {
        self.list(What::Autoscalers).unwrap_or_default().iter().any(|scaler| {
            namespace(scaler) == workload.namespace
                && text(scaler, "/spec/scaleTargetRef/kind") == workload.kind
                && text(scaler, "/spec/scaleTargetRef/name") == workload.name
        })
    }

    /// The pods of a workload.
    pub fn pods_of<'w>(&'w self, workload: &'w Key) -> impl Iterator<Item = &'w Json> {
        let pods = self.list(What::Pods).unwrap_or_default();
        pods.iter().filter(move |pod| owner(pod).as_ref() == Some(workload))
    }

    /// How many pods of a workload are on nodes that do not answer.
    pub fn lost(&self, workload: &Key) -> i64 {
        i64::try_from(self.pods_of(workload).filter(|pod| self.is_on_sick_node(pod)).count())
            .unwrap_or(i64::MAX)
    }

    /// Whether a service has an endpoint that is ready; nothing where that cannot be told.
    pub fn is_served(&self, namespace: &str, service: &str) -> Option<bool> {
        let slices = self.list(What::Slices).ok()?;
        let own = |slice: &&Json| {
            self::namespace(slice) == namespace
                && text(slice, "/metadata/labels/kubernetes.io~1service-name") == service
        };
        let ready =
            |endpoint: &Json| endpoint.pointer("/conditions/ready").and_then(Json::as_bool) != Some(false);
        Some(slices.iter().filter(own).any(|slice| items(slice, "/endpoints").any(ready)))
    }
}

/// A workload: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl Key {
    /// That of an object.
    pub fn of(object: &Json) -> Self {
        let own = |text: &str| text.to_string();
        Self { kind: own(text(object, "/kind")), namespace: own(namespace(object)), name: own(name(object)) }
    }

    /// As kubectl takes it: `deployment/coredns`.
    pub fn typed(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// The workload a pod belongs to: its controller, or the Deployment of that ReplicaSet.
pub(crate) fn owner(pod: &Json) -> Option<Key> {
    let controls = |owner: &&Json| owner.get("controller").and_then(Json::as_bool) == Some(true);
    let owner = items(pod, "/metadata/ownerReferences").find(controls)?;
    let (mut kind, mut own) = (text(owner, "/kind"), text(owner, "/name"));
    if kind == "ReplicaSet" {
        let hash = text(pod, "/metadata/labels/pod-template-hash");
        if let Some(deployment) = own.strip_suffix(hash).and_then(|name| name.strip_suffix('-')) {
            (kind, own) = ("Deployment", deployment);
        }
    }
    Some(Key { kind: kind.into(), namespace: namespace(pod).into(), name: own.into() })
}

/// A span of time as a person says it.
pub(crate) fn span(age: SignedDuration) -> String {
    match age.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::server_version;
    use serde_json::json;

    #[test]
    fn a_server_built_from_a_branch_is_of_the_minor_version_it_says() {
        let said = |built: &str, minor: &str| {
            server_version(&json!({"major": "1", "minor": minor, "gitVersion": built}))
        };
        assert_eq!(said("v1.36.2", "36"), "v1.36.2");
        assert_eq!(said("v0.0.0-master+8e16b12", "36"), "v1.36.0");
        assert_eq!(said("v1.33.1-eks-1234", "33+"), "v1.33.1-eks-1234");
        assert_eq!(said("v0.0.0-master", ""), "v0.0.0-master");
    }
}
