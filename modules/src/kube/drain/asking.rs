//! One eviction, and what its answer means. A pod and how it shall go come in; that it was accepted, or an [`Answer`] that says
//! what to do next, goes out. A pod that has the name of another is never touched: the uid goes with every request.

use super::pod::Pod;
use crate::kube::change::{Change, delete};
use crate::kube::cluster::Cluster;
use crate::kube::fields::{items, text};
use crate::kube::request::{Refusal, Sent};
use http::Method;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How long kubectl waits before it asks again.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// How pods go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the eviction API of that version, which asks their budgets.
    Evict(String),
    /// Past every budget.
    Delete,
}

/// What the server's refusal means for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is not there any more, or another has its name.
    Gone,
    /// It is being deleted already, and cannot be asked for again.
    Ending,
    /// A budget says no, for now.
    Blocked { after: Duration, said: String },
    /// The server cannot say now.
    Later { after: Duration, said: String },
    /// No, for good.
    No(String),
}

impl Way {
    /// The way a cluster has: the version that takes evictions.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn offered(cluster: &Cluster) -> Result<Option<Self>, Refusal> {
        Ok(Self::listed(&cluster.get("/api/v1").await?))
    }

    fn listed(list: &Json) -> Option<Self> {
        let found = items(list, "/resources").find(|entry| {
            text(entry, "/name") == "pods/eviction"
                && text(entry, "/kind") == "Eviction"
                && !text(entry, "/version").is_empty()
        })?;
        Some(Self::Evict(format!("{}/{}", text(found, "/group"), text(found, "/version"))))
    }

    /// What is done, and what was done then.
    pub fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Evict(_) => ("evicting", "evicted"),
            Self::Delete => ("deleting", "deleted"),
        }
    }

    /// Asks the server to let a pod go; only as if, where `dry`.
    ///
    /// # Errors
    /// As the server says.
    pub async fn ask(
        &self,
        cluster: &Cluster,
        pod: &Pod,
        grace: Option<i64>,
        dry: bool,
    ) -> Result<(), Refusal> {
        let mut options = json!({"preconditions": {"uid": pod.uid()}});
        if let (Some(options), Some(grace)) = (options.as_object_mut(), grace) {
            options.insert("gracePeriodSeconds".into(), grace.into());
        }
        match self {
            Self::Delete => delete(cluster, &pod.path(), &options, dry).await?,
            Self::Evict(version) => {
                let body = json!({
                    "apiVersion": version, "kind": "Eviction",
                    "metadata": {"name": pod.name(), "namespace": pod.namespace()},
                    "deleteOptions": options,
                });
                let path = format!("{}/eviction", pod.path());
                let change =
                    Change { method: Method::POST, path: &path, sent: Sent::Json, body: &body, pairs: &[] };
                change.make(cluster, dry).await?
            }
        };
        Ok(())
    }
}

/// What a refusal means.
pub(super) fn meaning(refusal: &Refusal, pod: &Pod) -> Answer {
    let after = refusal.retry_after.map_or(AGAIN, |asked| asked.max(AGAIN));
    let said = refusal.message.clone();
    let has = |reason: &str| refusal.causes().iter().any(|(found, _)| *found == reason);
    match refusal.code {
        Some(404) => Answer::Gone,
        Some(429) if has("DisruptionBudget") => Answer::Blocked { after, said },
        // Its uid is another, which the next look tells; or somebody changed it at the same time.
        Some(409) => Answer::Later { after: Duration::from_secs(1), said },
        Some(403) if has("NamespaceTerminating") && pod.is_ending() => Answer::Ending,
        Some(403) if has("NamespaceTerminating") => Answer::Later { after, said },
        None | Some(429 | 502 | 503 | 504) => Answer::Later { after, said },
        Some(_) => Answer::No(refusal.to_string()),
    }
}

/// What can be said of a refusal for good, besides what the server says.
pub(super) async fn explained(cluster: &Cluster, said: &str) -> Option<String> {
    let (_, rest) = said.split_once("failed calling webhook \"")?;
    let (webhook, rest) = rest.split_once('"')?;
    let host = rest.split_once("https://").map(|(_, rest)| rest.split([':', '/', '?']).next().unwrap_or(""));
    let mut parts = host.unwrap_or("").split('.');
    let (Some(service), Some(namespace)) = (parts.next().filter(|name| !name.is_empty()), parts.next())
    else {
        return Some(format!("the webhook {webhook} has a say in this and does not answer"));
    };
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
    let ready = |slices: Vec<Json>| {
        let is = |endpoint: &&Json| endpoint.pointer("/conditions/ready") != Some(&Json::Bool(false));
        slices.iter().flat_map(|slice| items(slice, "/endpoints")).filter(is).count()
    };
    let selector = format!("kubernetes.io/service-name={service}");
    let endpoints = match cluster.list(&path, &[("labelSelector", &selector)]).await {
        Ok(slices) => format!("its service {namespace}/{service} has {} ready endpoints", ready(slices)),
        Err(refusal) => format!("its service is {namespace}/{service} ({refusal})"),
    };
    Some(format!("the webhook {webhook} has a say in this and does not answer: {endpoints}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16, cause: &str, retry: Option<u64>) -> Refusal {
        let body = match cause {
            "" => Json::Null,
            cause => json!({"details": {"causes": [{"reason": cause, "message": "m"}]}}),
        };
        let retry_after = retry.map(Duration::from_secs);
        Refusal { code: Some(code), message: "said".into(), body, retry_after, ..Refusal::default() }
    }

    #[test]
    fn the_version_of_evictions_is_what_the_server_lists() {
        let list = |version: &str| {
            json!({"resources": [{"name": "pods", "kind": "Pod"},
            {"name": "pods/eviction", "kind": "Eviction", "group": "policy", "version": version}]})
        };
        assert_eq!(Way::listed(&list("v1")), Some(Way::Evict("policy/v1".into())));
        assert_eq!(Way::listed(&list("v1beta1")), Some(Way::Evict("policy/v1beta1".into())));
        assert_eq!(Way::listed(&json!({"resources": [{"name": "pods", "kind": "Pod"}]})), None);
    }

    #[test]
    fn each_answer_of_the_server_means_one_thing() {
        let pod = Pod(json!({"metadata": {"namespace": "n", "name": "p"}}));
        let ending = Pod(json!({"metadata": {"deletionTimestamp": "2026-11-20T18:53:45Z"}}));
        let said = || "said".to_string();
        let later = |after: u64| Answer::Later { after: Duration::from_secs(after), said: said() };
        let blocked = |after: u64| Answer::Blocked { after: Duration::from_secs(after), said: said() };
        for (refusal, pod, expected) in [
            (refusal(404, "", None), &pod, Answer::Gone),
            (refusal(429, "DisruptionBudget", None), &pod, blocked(5)),
            (refusal(429, "DisruptionBudget", Some(10)), &pod, blocked(10)),
            (refusal(429, "", Some(1)), &pod, later(5)),
            (refusal(503, "", Some(7)), &pod, later(7)),
            (refusal(409, "", None), &pod, later(1)),
            (refusal(403, "NamespaceTerminating", None), &pod, later(5)),
            (refusal(403, "NamespaceTerminating", None), &ending, Answer::Ending),
            (refusal(403, "", None), &pod, Answer::No(said())),
            (refusal(500, "", None), &pod, Answer::No(said())),
        ] {
            assert_eq!(meaning(&refusal, pod), expected, "{refusal:?}");
        }
        let unreached = Refusal { message: said(), ..Refusal::default() };
        assert_eq!(meaning(&unreached, &pod), later(5));
    }
}
