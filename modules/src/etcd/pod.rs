//! An etcd pod of a cluster, as kubeadm makes them: asked through the Kubernetes API where the host of a task has no etcdctl. The
//! pod on that host is taken where it runs, else one that is ready. Words for etcdctl come in, its answer goes out.

use crate::kube::{Cluster, Clusters, Container, Input, Way};
use muster_engine::connection::Completed;
use muster_engine::module::{Context, Failure};
use serde_json::Value as Json;
use std::sync::Arc;

/// Where kubeadm's etcd runs.
const NAMESPACE: &str = "kube-system";
/// What its pods are labelled.
const LABEL: &str = "component=etcd";
/// Where its certificates are in the container.
const PKI: &str = "/etc/kubernetes/pki/etcd";

/// One of its pods.
#[derive(Clone)]
pub struct Pod {
    cluster: Arc<Cluster>,
    /// Its name.
    pub name: String,
    pki: String,
}

impl std::fmt::Debug for Pod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pod").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Pod {
    /// The pod to ask.
    ///
    /// # Errors
    /// The API cannot be asked, or no etcd runs in a pod.
    pub async fn find(clusters: &Clusters, way: &Way, cx: &Context) -> Result<Self, Failure> {
        let cluster = clusters.of(way, cx).await?;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        let pods = cluster.list(&path, &[("labelSelector", LABEL)]).await?;
        let text =
            |pod: &Json, path: &str| pod.pointer(path).and_then(Json::as_str).unwrap_or("").to_string();
        let is_ready = |pod: &Json| {
            let statuses = pod.pointer("/status/containerStatuses").and_then(Json::as_array);
            text(pod, "/status/phase") == "Running"
                && statuses
                    .is_some_and(|all| all.iter().all(|one| one.get("ready") == Some(&Json::Bool(true))))
        };
        let here = cx.road.target();
        let is_here = |pod: &Json| {
            let (node, address) = (text(pod, "/spec/nodeName"), text(pod, "/status/hostIP"));
            *node == *cx.host || *node == *here.host || address == here.address
        };
        let ready = || pods.iter().filter(|pod| is_ready(pod));
        let Some(chosen) = ready().find(|pod| is_here(pod)).or_else(|| ready().next()) else {
            return Err(Failure::new(format!(
                "no pod of {} in {NAMESPACE} with the label {LABEL} is ready ({} are there)",
                cluster.from,
                pods.len()
            )));
        };
        // The directory of its own certificate, as its command line has it.
        let words = chosen.pointer("/spec/containers/0/command").and_then(Json::as_array);
        let file = words.into_iter().flatten().find_map(|word| word.as_str()?.strip_prefix("--cert-file="));
        let pki = file.and_then(|file| file.rsplit_once('/')).map_or(PKI, |(dir, _)| dir).to_string();
        Ok(Self { name: text(chosen, "/metadata/name"), cluster, pki })
    }

    /// The flags with its certificates.
    pub fn tls(&self) -> Vec<String> {
        [("cacert", "ca.crt"), ("cert", "server.crt"), ("key", "server.key")]
            .map(|(flag, file)| format!("--{flag}={}/{file}", self.pki))
            .to_vec()
    }

    /// Asks etcdctl in it.
    ///
    /// # Errors
    /// The API does not run the command; what etcdctl refuses is an answer.
    pub async fn ask(&self, words: Vec<String>) -> Result<Completed, Failure> {
        let argv: Vec<&str> = std::iter::once("etcdctl").chain(words.iter().map(String::as_str)).collect();
        let container = Container { namespace: NAMESPACE, pod: &self.name, name: Some("etcd") };
        let ended = container.run(&self.cluster, &argv, Input::Nothing).await;
        let ended = ended.map_err(|refusal| refusal.failing(&format!("etcdctl in the pod {}", self.name)))?;
        Ok(Completed { rc: ended.rc, stdout: ended.stdout, stderr: ended.stderr, ..Completed::default() })
    }
}
