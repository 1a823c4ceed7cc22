//! Draining a node, step by step as kubectl does: cordon, list, filter, and only if nothing forbids it let the pods go. A node
//! and a task's arguments come in; a result goes out, or a failure that says what is left and how to go on.

use super::asking::{Way, meaning};
use super::budget::Budgets;
use super::capacity::unplaced;
use super::filter::{Judged, Sorted, Verdict, judge};
use super::leaving::{Leaving, Left};
use super::node::Node;
use super::pod::{Owner, Pod};
use super::words::{lasting, plural};
use super::{Args, OnFailure, as_if, cordoned, volumes};
use crate::kube::cluster::Cluster;
use crate::kube::request::Refusal;
use crate::kube::resource::encoded;
use muster_engine::module::{Context, Failure, Live, Output};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One drain.
pub(super) struct Procedure<'a> {
    pub cluster: &'a Cluster,
    pub node: &'a Node,
    pub args: &'a Args,
    pub cx: &'a Context,
}

/// The pods of a node, judged by what is allowed.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(super) async fn sorted(cluster: &Cluster, node: &Node, args: &Args) -> Result<Sorted, Refusal> {
    let field = format!("spec.nodeName={}", node.name());
    let labels = args.pod_selectors.join(",");
    let pods = cluster.list("/api/v1/pods", &[("fieldSelector", &field), ("labelSelector", &labels)]).await?;
    let pods: Vec<Pod> = pods.into_iter().map(Pod).collect();
    let mut sets: BTreeMap<(String, Owner), Option<String>> = BTreeMap::new();
    let mut judged = vec![];
    for pod in pods {
        let set = pod.owner().filter(|owner| owner.kind == "DaemonSet" && !pod.is_finished());
        let orphan = match set {
            None => None,
            Some(owner) => {
                let key = (pod.namespace().to_string(), owner);
                if !sets.contains_key(&key) {
                    let path = format!(
                        "/apis/apps/v1/namespaces/{}/daemonsets/{}",
                        encoded(&key.0),
                        encoded(&key.1.name)
                    );
                    let missing = match cluster.get(&path).await {
                        Ok(_) => None,
                        Err(refusal) if refusal.is(404) => Some(refusal.message),
                        Err(refusal) => return Err(refusal),
                    };
                    sets.insert(key.clone(), missing);
                }
                sets.get(&key).cloned().flatten()
            }
        };
        let verdict = judge(&pod, args.allowed(), orphan.as_deref());
        judged.push(Judged { pod, verdict });
    }
    Ok(Sorted(judged))
}

/// What forbids a drain besides the filters, where nothing was changed yet or nothing was evicted: ours.
pub(super) async fn objections(cluster: &Cluster, sorted: &Sorted, args: &Args) -> Vec<String> {
    let mut found = vec![];
    let grace = |pod: &Pod| args.grace().unwrap_or_else(|| pod.grace());
    let longest = sorted.going().filter(|pod| !pod.is_finished()).max_by_key(|pod| grace(pod));
    // kubernetes.core's own `wait_timeout` may be shorter: it says how long to look, not whether to begin.
    let limit = args.limit().filter(|_| args.delete_options.wait_timeout.is_none());
    if let (Some(pod), Some(limit)) = (longest, limit)
        && grace(pod).unsigned_abs() > limit.as_secs()
    {
        found.push(format!(
            "the pod {pod} may take {}s to end, and the drain may take {} in all (use --timeout {}s, or --grace-period)",
            grace(pod),
            lasting(limit),
            grace(pod).saturating_add(60)
        ));
    }
    let Some(named) = args.past_budgets.as_ref().filter(|_| args.delete_options.disable_eviction) else {
        return found;
    };
    let budgets = Budgets::of(cluster, None).await;
    if let Some(why) = budgets.unknown {
        found.push(format!("which budgets would be passed over cannot be told: {why}"));
        return found;
    }
    let unnamed: Vec<String> = sorted
        .going()
        .filter(|pod| !pod.is_free() && !budgets.guarding(pod).is_empty())
        .map(Pod::to_string)
        .filter(|pod| !named.contains(pod))
        .collect();
    if !unnamed.is_empty() {
        let flags: Vec<String> = unnamed.iter().map(|pod| format!("--past-budget {pod}")).collect();
        found.push(format!(
            "cannot delete Pods that a disruption budget guards (name each that may go all the same: {}): {}",
            flags.join(" "),
            unnamed.join(", ")
        ));
    }
    found
}

/// Why a node is the last of its kind, where that matters.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(super) async fn is_last(cluster: &Cluster, node: &Node, args: &Args) -> Result<Option<String>, Refusal> {
    if args.allow_last {
        return Ok(None);
    }
    let all = Node::all(cluster).await?;
    Ok(node
        .is_last(&all)
        .map(|why| format!("cannot drain node/{}: {why} (use --allow-last to override)", node.name())))
}

impl Procedure<'_> {
    /// Drains the node.
    ///
    /// # Errors
    /// Something forbids it, a pod cannot go, or the time is over.
    pub async fn run(&self) -> Result<Output, Failure> {
        let (args, cx) = (self.args, self.cx);
        let way = self.way().await?;
        if let Some(why) = is_last(self.cluster, self.node, args).await? {
            return Err(self.failure(&[why], "Nothing was changed.").with("changed", false));
        }
        if !self.node.is_ready() {
            cx.live.warn(format!(
                "node/{} is not Ready: no kubelet there ends what is evicted, and this is likely to wait in vain",
                self.node.name()
            ));
        }
        let marked = match self.node.is_cordoned() && args.own_cordon {
            true => Output::new(false),
            false => cordoned(self.cluster, self.node, true, cx).await?,
        };
        let sorted = match sorted(self.cluster, self.node, args).await {
            Ok(sorted) => sorted,
            Err(refusal) => {
                let message = format!("Failed to list pod from node {} due to: {refusal}", self.node.name());
                let state = self.restored(true, 0).await;
                return Err(Failure::from(refusal).with("msg", format!("{message}\n{state}")));
            }
        };
        self.allowed(&sorted).await?;
        let warning = sorted.warning();
        if !warning.is_empty() {
            cx.live.warn(warning.clone());
        }
        let pods: Vec<Pod> = sorted.going().cloned().collect();
        self.crowded(&sorted).await;
        let output = match cx.check_mode {
            true => self.only_tried(&way, &pods).await,
            false => {
                let left = self.leave(way, pods.clone()).await;
                if !left.pending.is_empty() {
                    return Err(self.stuck(left).await);
                }
                self.released(&left).await?;
                let newcomers = self.newcomers(&sorted).await;
                let output = Output::new(marked.changed() || !left.gone.is_empty());
                let output = output.with("evicted", names(&left.gone));
                match newcomers.is_empty() {
                    true => output,
                    false => {
                        let text = format!(
                            "pods came to node/{} while it was drained, for they tolerate the cordon: {}",
                            self.node.name(),
                            newcomers.join(", ")
                        );
                        cx.live.warn(text.clone());
                        output.with("newcomers", newcomers).warn(text)
                    }
                }
            }
        };
        cx.live.line(format!("node/{} drained{}", self.node.name(), as_if(cx.check_mode)));
        let said = marked.result.get("result").and_then(Json::as_str).unwrap_or("");
        let deleted = match pods.len() {
            0 => String::new(),
            count => format!(" {count} Pod(s) deleted from node."),
        };
        let output = output
            .with("result", format!("{said}{deleted}"))
            .with("node", self.node.name())
            .with("was_cordoned", self.node.is_cordoned());
        Ok(if warning.is_empty() { output } else { output.warn(warning) })
    }

    /// How pods go here.
    async fn way(&self) -> Result<Way, Failure> {
        if self.args.delete_options.disable_eviction {
            return Ok(Way::Delete);
        }
        Way::offered(self.cluster).await?.ok_or_else(|| {
            Failure::new(format!(
                "the API server of {} offers no evictions, and deleting pods asks no budget: allow it with `disable_eviction: true` \
                 (--disable-eviction). Nothing was changed",
                self.cluster.from
            ))
        })
    }

    /// Whether nothing forbids it.
    async fn allowed(&self, sorted: &Sorted) -> Result<(), Failure> {
        let refusals = sorted.refusals();
        let mut errors: Vec<String> = refusals
            .iter()
            .map(|(class, pods)| format!("{}: {}", class.refusal(), pods.join(", ")))
            .collect();
        if errors.is_empty() {
            errors = objections(self.cluster, sorted, self.args).await;
        }
        if errors.is_empty() {
            return Ok(());
        }
        let state = self.restored(true, 0).await;
        let refusals: Vec<Json> =
            refusals.iter().map(|(class, pods)| json!({"class": class.name(), "pods": pods})).collect();
        Err(self.failure(&errors, &state).with("refusals", refusals))
    }

    /// What the server says to evictions that only try.
    async fn only_tried(&self, way: &Way, pods: &[Pod]) -> Output {
        let (doing, _) = way.words();
        let mut held = vec![];
        for pod in pods {
            self.cx.live.line(format!("{doing} pod {pod}{}", as_if(true)));
            let Err(refusal) = way.ask(self.cluster, pod, self.args.grace(), true).await else { continue };
            if !matches!(meaning(&refusal, pod), super::asking::Answer::Gone) {
                self.cx.live.line(format!("  it would have to wait: {refusal}"));
                held.push(pod.to_string());
            }
        }
        let output = Output::new(!pods.is_empty() || !self.node.is_cordoned());
        output.with("evicted", names(pods)).with("held", held)
    }

    async fn leave(&self, way: Way, pods: Vec<Pod>) -> Left {
        let (args, cx) = (self.args, self.cx);
        let mut leaving = Leaving::new(self.cluster, &cx.live, way, self.node.is_ready());
        leaving.grace = args.grace();
        leaving.poll = args.poll();
        leaving.limit = args.limit();
        let mut aftermath =
            Aftermath { live: &cx.live, node: self.node.name(), gone: 0, all: pods.len(), over: false };
        let left = leaving.all(pods, |_| aftermath.gone += 1).await;
        aftermath.over = true;
        left
    }

    /// Says which pods will find no room elsewhere.
    async fn crowded(&self, sorted: &Sorted) {
        let going: Vec<&Pod> = sorted.going().collect();
        // Whoever may not look at all pods may drain all the same.
        let Ok(left) = unplaced(self.cluster, self.node, &going).await else { return };
        for (pod, why) in left {
            self.cx.live.warn(format!("pod {pod} will be Pending: {why}"));
        }
    }

    /// Waits until the volumes of the pods are free, where that is wished.
    async fn released(&self, left: &Left) -> Result<(), Failure> {
        let limit = Duration::from_secs(self.args.volumes_timeout);
        if limit.is_zero() {
            return Ok(());
        }
        let name = self.node.name();
        let attached = match volumes::released(self.cluster, self.node, limit, &self.cx.live).await {
            Ok(attached) if attached.is_empty() => return Ok(()),
            Ok(attached) => attached,
            Err(refusal) => {
                let text =
                    format!("whether volumes are still attached to node/{name} is not known: {refusal}");
                self.cx.live.warn(text);
                return Ok(());
            }
        };
        let error = format!(
            "{} still attached after {}: {}",
            plural(attached.len(), "volume"),
            lasting(limit),
            attached.join(", ")
        );
        let state = format!(
            "The pods are gone, and node/{name} stays cordoned. Do not switch it off before its volumes are free (`kubectl get \
             volumeattachments`): pods elsewhere wait for them. The same drain waits again, `muster uncordon {name}` gives it up."
        );
        let failure = self.failure(&[error], &state).with("changed", true).with("evicted", names(&left.gone));
        Err(failure.with("attached", attached))
    }

    /// Pods that came to the node meanwhile and would have to go as well.
    async fn newcomers(&self, before: &Sorted) -> Vec<String> {
        let known: BTreeSet<&str> = before.0.iter().map(|one| one.pod.uid()).collect();
        let Ok(now) = sorted(self.cluster, self.node, self.args).await else { return vec![] };
        let new = now.0.iter().filter(|one| !known.contains(one.pod.uid()) && !one.pod.is_finished());
        let new = new.filter(|one| !matches!(one.verdict, Verdict::Mirror | Verdict::Ignored));
        new.map(|one| one.pod.to_string()).collect()
    }

    /// Not all pods went.
    async fn stuck(&self, left: Left) -> Failure {
        let errors: Vec<String> = left.pending.iter().map(|(_, why)| why.clone()).collect();
        let state = self.restored(false, left.gone.len()).await;
        let pending: Vec<Pod> = left.pending.into_iter().map(|(pod, _)| pod).collect();
        let state = format!(
            "{} gone, {} left: {}\n{state}",
            plural(left.gone.len(), "pod"),
            pending.len(),
            names(&pending).join(", ")
        );
        self.failure(&errors, &state)
            .with("changed", true)
            .with("evicted", names(&left.gone))
            .with("pending", names(&pending))
    }

    /// Takes the cordon back where that is wished, and says how the node is left.
    async fn restored(&self, refused: bool, gone: usize) -> String {
        let name = self.node.name();
        if self.cx.check_mode {
            return "Nothing was changed.".into();
        }
        let evicted = if gone == 0 { ", and no pod was evicted" } else { "" };
        if self.node.is_cordoned() && !self.args.own_cordon {
            return format!("node/{name} was cordoned before and stays so{evicted}.");
        }
        let stays = match self.args.on_failure {
            Some(wish) => wish == OnFailure::Leave,
            None => !refused,
        };
        let back = format!("`muster uncordon {name}` lets pods come to it again");
        if stays {
            return format!("node/{name} stays cordoned{evicted}: {back}.");
        }
        match self.node.cordon(self.cluster, false, false).await {
            Ok(_) => {
                self.cx.live.line(format!("node/{name} uncordoned"));
                format!("node/{name} is uncordoned again{evicted}.")
            }
            Err(failure) => format!(
                "node/{name} stays cordoned, for it could not be uncordoned ({}): {back}.",
                failure.message()
            ),
        }
    }

    /// A failure in kubectl's shape, and how the node was left.
    fn failure(&self, errors: &[String], state: &str) -> Failure {
        let name = self.node.name();
        let message = format!(
            "error: unable to drain node {name:?}, aborting command...\n\nThere are pending nodes to be drained:\n {name}\n{}\n\n{state}",
            errors.join("\n")
        );
        Failure::new(message).with("node", name)
    }
}

fn names(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(Pod::to_string).collect()
}

/// Says how things were left when a drain is broken off.
struct Aftermath<'a> {
    live: &'a Live,
    node: &'a str,
    gone: usize,
    all: usize,
    over: bool,
}

impl Drop for Aftermath<'_> {
    fn drop(&mut self) {
        if !self.over {
            let (node, gone, all) = (self.node, self.gone, self.all);
            self.live.line(format!(
                "broken off: node/{node} stays cordoned, and {gone} of {all} pods are known to be gone; the same drain goes on from \
                 here, `muster uncordon {node}` lets pods come to it again"
            ));
        }
    }
}
