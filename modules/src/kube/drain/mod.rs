//! `kubernetes.core.k8s_drain`: a node is cordoned, uncordoned or drained, by kubectl's algorithm and with its words. What
//! forbids a drain is told whole and before anything is evicted; how the node was left is always said; time is never endless.

mod asking;
mod budget;
mod capacity;
mod filter;
mod leaving;
mod node;
mod plan;
mod pod;
mod procedure;
mod quantity;
mod sizes;
mod volumes;
mod words;

use super::change::{differs, tried};
use super::cluster::{Cluster, Clusters};
use super::way::{self, Way};
use crate::options::joined;
use filter::Allowed;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use node::Node;
use procedure::Procedure;
use serde::Deserialize;
use std::time::Duration;
use words::lasting;

/// How long a drain may take that says nothing of it.
const LIMIT: u64 = 900;
/// How much longer before an API server that does not answer is given up: time to take a cordon back, and to say so.
const SLACK: Duration = Duration::from_secs(10);

/// `kubernetes.core.k8s_drain`.
pub struct K8sDrain {
    pub(crate) clusters: Clusters,
}

/// What becomes of the node.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Cordon,
    #[default]
    Drain,
    Uncordon,
}

/// What becomes of a node that could not be drained.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum OnFailure {
    Leave,
    Uncordon,
}

/// What a task gives to [`K8sDrain`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    known_as: Vec<String>,
    state: State,
    delete_options: Options,
    pod_selectors: Vec<String>,
    timeout: Option<u64>,
    volumes_timeout: u64,
    on_failure: Option<OnFailure>,
    allow_last: bool,
    own_cordon: bool,
    past_budgets: Option<Vec<String>>,
    plan: bool,
    #[serde(flatten)]
    way: Way,
}

/// `delete_options`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    terminate_grace_period: Option<i64>,
    force: bool,
    ignore_daemonsets: bool,
    delete_emptydir_data: bool,
    disable_eviction: bool,
    wait_timeout: Option<u64>,
    wait_sleep: Option<u64>,
}

impl Args {
    fn allowed(&self) -> Allowed {
        Allowed {
            unmanaged: self.delete_options.force,
            daemonsets: self.delete_options.ignore_daemonsets,
            local_data: self.delete_options.delete_emptydir_data,
        }
    }

    /// What the pods get to end; their own where it says nothing, or less than nothing, as with kubectl.
    fn grace(&self) -> Option<i64> {
        self.delete_options.terminate_grace_period.filter(|seconds| *seconds >= 0)
    }

    /// How long it may take in all; nothing for as long as it takes.
    fn limit(&self) -> Option<Duration> {
        let finite = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        match (self.timeout, self.delete_options.wait_timeout) {
            (None, None) => finite(LIMIT),
            (Some(own), None) => finite(own),
            (None, Some(wait)) => finite(wait),
            (Some(own), Some(wait)) => finite(own).into_iter().chain(finite(wait)).min(),
        }
    }

    /// How often it is looked whether pods are gone: kubectl's second, or what the task says beside its limit.
    fn poll(&self) -> Duration {
        let asked = self.delete_options.wait_sleep.filter(|_| self.delete_options.wait_timeout.is_some());
        Duration::from_secs(asked.unwrap_or(1).max(1))
    }
}

const DELETE: &[Opt] = &[
    Opt::new(
        "terminate_grace_period",
        Kind::Int,
        "Seconds the pods get to end, instead of their own; 0 ends them at once.",
    ),
    Opt::new(
        "force",
        Kind::Bool,
        "Whether pods go that no controller makes again, or whose DaemonSet is gone.",
    )
    .default("false"),
    Opt::new("ignore_daemonsets", Kind::Bool, "Whether pods of DaemonSets may stay.").default("false"),
    Opt::new("delete_emptydir_data", Kind::Bool, "Whether what is in emptyDir volumes may be lost.")
        .default("false"),
    Opt::new(
        "disable_eviction",
        Kind::Bool,
        "Whether pods are deleted, past every budget, rather than evicted.",
    )
    .default("false"),
    Opt::new(
        "wait_timeout",
        Kind::Int,
        "Seconds until it is given up; 0 never. Without it and `timeout`: 15 minutes.",
    ),
    Opt::new("wait_sleep", Kind::Int, "Seconds between two looks, where `wait_timeout` is given; else 1.")
        .default("5"),
];
const OWN: [Opt; 12] = [
    Opt::new("name", Kind::Str, "The node's name, or an address of it.").required(),
    Opt::new("known_as", Kind::List, "Ours: more names and addresses that it may have in the cluster.")
        .elements(Kind::Str),
    Opt::new("state", Kind::Str, "What becomes of it.")
        .choices(&["cordon", "drain", "uncordon"])
        .default("drain"),
    Opt::new("delete_options", Kind::Dict, "How pods go, for `state: drain`.").options(DELETE).default("{}"),
    Opt::new("pod_selectors", Kind::List, "Label selectors: only pods that all of them select.")
        .elements(Kind::Str)
        .aliases(&["label_selectors"]),
    Opt::new(
        "timeout",
        Kind::Int,
        "Ours: seconds that all of it may take, 0 for no limit; 900 where `wait_timeout` says nothing either. \
        A pod that may take longer to end is a reason not to begin.",
    ),
    Opt::new(
        "volumes_timeout",
        Kind::Int,
        "Ours: seconds to wait, when the pods are gone, until no volume is attached to the node but those of pods \
        that stay; volumes that are still attached then are a failure. 0 does not wait, as kubernetes.core.",
    )
    .default("0"),
    Opt::new(
        "on_failure",
        Kind::Str,
        "Ours: whether the node stays cordoned when it could not be drained. Unset, it does unless nothing \
        was evicted yet, as with kubernetes.core. A node that was cordoned before stays so.",
    )
    .choices(&["leave", "uncordon"]),
    Opt::new(
        "allow_last",
        Kind::Bool,
        "Ours: whether to drain the last node that takes its pods, or the only control plane.",
    )
    .default("false"),
    Opt::new(
        "own_cordon",
        Kind::Bool,
        "Ours: whether a cordon that the node has is of the same operation: it is not told again, and `on_failure` \
        takes it back.",
    )
    .default("false"),
    Opt::new(
        "past_budgets",
        Kind::List,
        "Ours: with `disable_eviction`, the only pods (`namespace/name`) that may go past their budgets; \
        unset, all of them.",
    )
    .elements(Kind::Str),
    Opt::new(
        "plan",
        Kind::Bool,
        "Ours: whether to change nothing and tell of each pod what would become of it, as the server itself \
        says when it tries.",
    )
    .default("false"),
];
const OPTIONS: [Opt; 28] = joined(OWN, way::OPTIONS);

impl Module for K8sDrain {
    const NAME: &'static str = "kubernetes.core.k8s_drain";
    const SPEC: Spec = Spec::new("Drains, cordons or uncordons a node of a Kubernetes cluster.", &OPTIONS).examples(
        "- name: worker-1 is empty\n  k8s_drain:\n    name: worker-1\n    delete_options:\n      ignore_daemonsets: true\n      delete_emptydir_data: true\n    timeout: 600\n    on_failure: uncordon\n\n- name: worker-1 takes pods again\n  k8s_drain:\n    name: worker-1\n    state: uncordon\n",
    );
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        if args.plan && args.state == State::Drain {
            return Ok(Check::Done(self.run(args, cx).await?));
        }
        tried(args, cx, self.run(args, cx)).await
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        self.run(&args, cx).await
    }
}

impl K8sDrain {
    async fn run(&self, args: &Args, cx: &Context) -> Result<Output, Failure> {
        let cluster = self.clusters.of(&args.way, cx).await?;
        let work = Self::work(&cluster, args, cx);
        let Some(limit) = args.limit().map(|limit| limit + Duration::from_secs(args.volumes_timeout)) else {
            return work.await;
        };
        tokio::time::timeout(limit + SLACK, work).await.unwrap_or_else(|_| {
            Err(Failure::new(format!(
                "the API server of {} does not answer: given up after {}. Whether {} is cordoned, `kubectl get node` tells when it answers again",
                cluster.from,
                lasting(limit + SLACK),
                args.name
            )))
        })
    }

    async fn work(cluster: &Cluster, args: &Args, cx: &Context) -> Result<Output, Failure> {
        let node = Node::find(cluster, &args.name, &args.known_as).await?;
        if node.name() != args.name {
            cx.live.line(format!("{} is node/{}", args.name, node.name()));
        }
        match args.state {
            State::Cordon => cordoned(cluster, &node, true, cx).await,
            State::Uncordon => cordoned(cluster, &node, false, cx).await,
            State::Drain if args.plan => plan::of(cluster, &node, args, &cx.live).await,
            State::Drain => Procedure { cluster, node: &node, args, cx }.run().await,
        }
    }
}

/// Cordons a node or takes the cordon back, and says so.
async fn cordoned(cluster: &Cluster, node: &Node, wanted: bool, cx: &Context) -> Result<Output, Failure> {
    let (name, word) = (node.name(), if wanted { "unschedulable" } else { "schedulable" });
    if node.is_cordoned() == wanted {
        say_cordoned(node, wanted, true, cx);
        return Ok(Output::new(false).with("result", format!("node {name} already marked {word}.")));
    }
    let answer = node.cordon(cluster, wanted, cx.check_mode).await?;
    say_cordoned(node, wanted, false, cx);
    Ok(Output::new(differs(&node.0, &answer.body)).with("result", format!("node {name} marked {word}.")))
}

/// kubectl's line for it.
fn say_cordoned(node: &Node, wanted: bool, already: bool, cx: &Context) {
    let word = if wanted { "cordoned" } else { "uncordoned" };
    let already = if already { "already " } else { "" };
    cx.live.line(format!("node/{} {already}{word}{}", node.name(), as_if(cx.check_mode)));
}

/// How kubectl says that only the server tried.
fn as_if(dry: bool) -> &'static str {
    if dry { " (server dry run)" } else { "" }
}
