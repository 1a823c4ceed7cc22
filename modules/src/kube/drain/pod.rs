//! A pod as draining sees it: an object of the API comes in, what matters of it goes out. Nothing here asks anybody.

use crate::kube::fields::{condition, items, text};
use crate::kube::resource::encoded;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::fmt;

/// The grace period of a pod that names none.
const GRACE: i64 = 30;
/// What a kubelet writes on the pods it runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A pod; shown as `namespace/name`.
#[derive(Clone, Debug)]
pub(super) struct Pod(pub Json);

/// What controls a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub kind: String,
    pub name: String,
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.name())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl Pod {
    pub fn namespace(&self) -> &str {
        text(&self.0, "/metadata/namespace")
    }

    pub fn name(&self) -> &str {
        text(&self.0, "/metadata/name")
    }

    pub fn uid(&self) -> &str {
        text(&self.0, "/metadata/uid")
    }

    pub fn node(&self) -> &str {
        text(&self.0, "/spec/nodeName")
    }

    /// Its path.
    pub fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", encoded(self.namespace()), encoded(self.name()))
    }

    /// Its controller: of several owners the one that says so.
    pub fn owner(&self) -> Option<Owner> {
        let is_controller = |owner: &&Json| owner.get("controller") == Some(&Json::Bool(true));
        let owner = items(&self.0, "/metadata/ownerReferences").find(is_controller)?;
        Some(Owner { kind: text(owner, "/kind").to_string(), name: text(owner, "/name").to_string() })
    }

    /// Whether a kubelet runs it from a file: the API only shows it.
    pub fn is_mirror(&self) -> bool {
        self.0.pointer("/metadata/annotations").is_some_and(|all| all.get(MIRROR).is_some())
    }

    /// Whether its containers ended for good.
    pub fn is_finished(&self) -> bool {
        matches!(text(&self.0, "/status/phase"), "Succeeded" | "Failed")
    }

    /// Whether no budget counts it: it does not run.
    pub fn is_free(&self) -> bool {
        self.is_finished() || text(&self.0, "/status/phase") == "Pending" || self.is_ending()
    }

    /// Whether it is being deleted.
    pub fn is_ending(&self) -> bool {
        !text(&self.0, "/metadata/deletionTimestamp").is_empty()
    }

    pub fn is_ready(&self) -> bool {
        condition(&self.0, "Ready").is_some_and(|condition| text(condition, "/status") == "True")
    }

    /// Its volumes that are lost with it.
    pub fn empty_dirs(&self) -> Vec<&str> {
        items(&self.0, "/spec/volumes")
            .filter(|volume| volume.get("emptyDir").is_some())
            .map(|volume| text(volume, "/name"))
            .collect()
    }

    /// The claims it mounts.
    pub fn claims(&self) -> Vec<&str> {
        items(&self.0, "/spec/volumes")
            .map(|volume| text(volume, "/persistentVolumeClaim/claimName"))
            .filter(|claim| !claim.is_empty())
            .collect()
    }

    /// Seconds that it may take to end.
    pub fn grace(&self) -> i64 {
        self.0.pointer("/spec/terminationGracePeriodSeconds").and_then(Json::as_i64).unwrap_or(GRACE)
    }

    /// Why it is still there, where more can be said than that it is ending.
    pub fn holdup(&self, now: Timestamp) -> Option<String> {
        let over = text(&self.0, "/metadata/deletionTimestamp").parse::<Timestamp>().ok()?;
        let finalizers: Vec<&str> = items(&self.0, "/metadata/finalizers").filter_map(Json::as_str).collect();
        let stopped =
            self.0.pointer("/metadata/deletionGracePeriodSeconds").and_then(Json::as_i64) == Some(0);
        if !finalizers.is_empty() && (stopped || now > over) {
            return Some(format!(
                "its containers have ended and it is kept by the finalizer {}: whoever put it there has to take it away \
                 (`kubectl -n {} get pod {} -o yaml`)",
                finalizers.join(", "),
                self.namespace(),
                self.name()
            ));
        }
        let late = now.as_second() - over.as_second();
        (late > LATE).then(|| {
            format!(
                "its grace period was over {late}s ago and the kubelet has not confirmed its end \
                 (`journalctl -u kubelet` on the node)"
            )
        })
    }

    /// What tells it from others, for a result.
    pub fn shown(&self) -> Json {
        json!({
            "namespace": self.namespace(), "name": self.name(), "uid": self.uid(),
            "owner": self.owner().map(|owner| owner.to_string()),
            "phase": text(&self.0, "/status/phase"),
        })
    }
}

/// How many seconds a kubelet may be late before that is worth saying.
const LATE: i64 = 5;
