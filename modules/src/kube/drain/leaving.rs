//! Pods leave a node, all at once: each is asked for until the server accepts, and waited for until it is gone. Pods and a time
//! limit come in; which are gone, and why each other is not, go out. What is waited for is said while it lasts.

use super::asking::{Answer, Way, explained, meaning};
use super::budget::Budgets;
use super::pod::Pod;
use super::words::{lasting, plural};
use crate::kube::cluster::Cluster;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use muster_engine::module::Live;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// When it is first said what is waited for, and how often then.
const FIRST: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(30);
/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// How many pods are named of those that are waited for.
const NAMED: usize = 5;

/// How pods leave.
pub(super) struct Leaving<'a> {
    pub cluster: &'a Cluster,
    pub live: &'a Live,
    pub way: Way,
    /// Seconds they get to end, instead of their own.
    pub grace: Option<i64>,
    /// How often it is looked whether they are gone.
    pub poll: Duration,
    /// For all of it; without one as long as it takes.
    pub limit: Option<Duration>,
    /// Whether the kubelet of the node answers.
    pub ready: bool,
    board: Mutex<BTreeMap<String, Entry>>,
    gate: Semaphore,
}

/// How far a pod is.
#[derive(Clone, Debug)]
struct Entry {
    since: Instant,
    stage: Stage,
    /// In a few words.
    what: String,
    /// At length, where there is something to do about it.
    why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    Ending,
}

/// What became of the pods.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub gone: Vec<Pod>,
    /// Those that are still there, and why.
    pub pending: Vec<(Pod, String)>,
}

impl<'a> Leaving<'a> {
    pub fn new(cluster: &'a Cluster, live: &'a Live, way: Way, ready: bool) -> Self {
        Self {
            cluster,
            live,
            way,
            grace: None,
            poll: Duration::from_secs(1),
            limit: None,
            ready,
            board: Mutex::default(),
            gate: Semaphore::new(AT_ONCE),
        }
    }

    /// Lets all of them go; `gone` hears of each that is.
    pub async fn all(&self, pods: Vec<Pod>, mut gone: impl FnMut(&Pod)) -> Left {
        let begun = Instant::now();
        let mut left = Left::default();
        let mut waiting: BTreeMap<usize, &Pod> = pods.iter().enumerate().collect();
        let mut leaving: FuturesUnordered<_> = pods
            .iter()
            .enumerate()
            .map(|(index, pod)| async move { (index, self.one(pod.clone()).await) })
            .collect();
        let over = tokio::time::sleep(self.limit.unwrap_or(Duration::MAX / 4));
        tokio::pin!(over);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + FIRST, EVERY);
        loop {
            tokio::select! {
                next = leaving.next() => {
                    let Some((index, ended)) = next else { return left };
                    let Some(pod) = waiting.remove(&index) else { continue };
                    self.forget(pod);
                    match ended {
                        Ok(()) => {
                            gone(pod);
                            left.gone.push(pod.clone());
                        }
                        Err(why) => left.pending.push((pod.clone(), why)),
                    }
                }
                () = &mut over => {
                    let late = waiting.values().map(|pod| ((*pod).clone(), self.too_late(pod)));
                    left.pending.extend(late);
                    return left;
                }
                _ = ticks.tick() => self.say(begun),
            }
        }
    }

    /// One pod, from the first request until it is gone.
    async fn one(&self, mut pod: Pod) -> Result<(), String> {
        let (doing, done) = self.way.words();
        self.set(&pod, Stage::Asked, format!("{doing} it"), None);
        if self.way != Way::Delete {
            self.live.line(format!("{doing} pod {pod}"));
        }
        loop {
            let answer = {
                let _turn = self.gate.acquire().await;
                self.way.ask(self.cluster, &pod, self.grace, false).await
            };
            let after = match answer.map_err(|refusal| meaning(&refusal, &pod)) {
                Ok(()) | Err(Answer::Ending) => break,
                Err(Answer::Gone) => return Ok(()),
                Err(Answer::Blocked { after, said }) => {
                    self.blocked(&pod, after, &said).await;
                    after
                }
                Err(Answer::Later { after, said }) => {
                    self.note(
                        &pod,
                        Stage::Asked,
                        "the server cannot answer now",
                        Some(self.retrying(&pod, after, &said)),
                    );
                    after
                }
                Err(Answer::No(said)) => return Err(self.refused(&pod, &said).await),
            };
            tokio::time::sleep(after).await;
            match self.look(&pod).await {
                // Nothing is learned from a look that failed: the next request tells.
                Err(_) => {}
                Ok(Some(fresh)) if is_same(&fresh, &pod) => pod = fresh,
                Ok(_) => return Ok(()),
            }
        }
        self.gone(&pod).await?;
        self.live.line(format!("pod/{} {done}", pod.name()));
        Ok(())
    }

    /// Waits until a pod is gone, or another has its name.
    async fn gone(&self, pod: &Pod) -> Result<(), String> {
        let grace = self.grace.unwrap_or_else(|| pod.grace());
        self.set(pod, Stage::Ending, format!("ending, in {grace}s at most"), None);
        loop {
            match self.look(pod).await {
                Ok(Some(fresh)) if is_same(&fresh, pod) => {
                    let holdup = match self.ready {
                        true => fresh.holdup(Timestamp::now()),
                        false => Some(format!(
                            "its node is not Ready: no kubelet is there to end it ({grace}s of grace). If the machine is off for good, see \
                             the out-of-service taint"
                        )),
                    };
                    if let Some(why) = holdup {
                        let said = format!("pod/{} does not end: {why}", pod.name());
                        let what = if self.ready { "does not end" } else { "its node is not Ready" };
                        self.noted(pod, Stage::Ending, what, why, said);
                    }
                }
                Ok(_) => return Ok(()),
                Err(refusal) if matches!(meaning(&refusal, pod), Answer::Later { .. }) => {
                    let why = refusal.to_string();
                    self.note(pod, Stage::Ending, "the server cannot answer now", Some(why));
                }
                Err(refusal) => {
                    return Err(format!(
                        "error when waiting for pod {:?} in namespace {:?} to terminate: {refusal}",
                        pod.name(),
                        pod.namespace()
                    ));
                }
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    async fn look(&self, pod: &Pod) -> Result<Option<Pod>, crate::kube::request::Refusal> {
        let _turn = self.gate.acquire().await;
        match self.cluster.get(&pod.path()).await {
            Ok(found) => Ok(Some(Pod(found))),
            Err(refusal) if refusal.is(404) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// A budget says no: which one, and whether it will ever say yes.
    async fn blocked(&self, pod: &Pod, after: Duration, said: &str) {
        let budgets = Budgets::of(self.cluster, Some(pod.namespace())).await;
        let names: Vec<&str> = budgets.guarding(pod).iter().map(|budget| budget.name()).collect();
        let what = format!("held by the budget {}", names.join(", "));
        let mut line = self.retrying(pod, after, said);
        let why = budgets.standing(pod).why().map(str::to_string);
        if let Some(why) = &why {
            line = format!("{line}\n  {why}");
        }
        self.noted(pod, Stage::Asked, &what, why.unwrap_or_default(), line);
    }

    fn retrying(&self, pod: &Pod, after: Duration, said: &str) -> String {
        let (doing, _) = self.way.words();
        format!(
            "error when {doing} pods/{:?} -n {:?} (will retry after {}): {said}",
            pod.name(),
            pod.namespace(),
            lasting(after)
        )
    }

    /// The server says no for good.
    async fn refused(&self, pod: &Pod, said: &str) -> String {
        let (doing, _) = self.way.words();
        let why = match Budgets::of(self.cluster, Some(pod.namespace())).await.standing(pod) {
            super::budget::Standing::Never(why) if said.contains("PodDisruptionBudget") => Some(why),
            _ => explained(self.cluster, said).await,
        };
        let line = format!("error when {doing} pods/{:?} -n {:?}: {said}", pod.name(), pod.namespace());
        let line = why.map_or_else(|| line.clone(), |why| format!("{line}\n  {why}"));
        self.live.line(line.clone());
        line
    }

    fn too_late(&self, pod: &Pod) -> String {
        let (doing, _) = self.way.words();
        let entry = self.entries().get(&pod.to_string()).cloned();
        let limit = lasting(self.limit.unwrap_or_default());
        let lead = match entry.as_ref().map(|entry| entry.stage) {
            Some(Stage::Ending) => {
                format!(
                    "error when waiting for pod {:?} in namespace {:?} to terminate",
                    pod.name(),
                    pod.namespace()
                )
            }
            _ => format!("error when {doing} pods/{:?} -n {:?}", pod.name(), pod.namespace()),
        };
        let why = entry.map(|entry| entry.why.unwrap_or(entry.what)).filter(|why| !why.is_empty());
        format!(
            "{lead}: global timeout reached: {limit}{}",
            why.map(|why| format!("\n  {why}")).unwrap_or_default()
        )
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, pod: &Pod, stage: Stage, what: String, why: Option<String>) {
        self.entries().insert(pod.to_string(), Entry { since: Instant::now(), stage, what, why });
    }

    fn forget(&self, pod: &Pod) {
        self.entries().remove(&pod.to_string());
    }

    /// Notes how it stands with a pod, and says what is new.
    fn note(&self, pod: &Pod, stage: Stage, what: &str, why: Option<String>) {
        let why = why.unwrap_or_default();
        self.noted(pod, stage, what, why.clone(), why);
    }

    fn noted(&self, pod: &Pod, stage: Stage, what: &str, why: String, line: String) {
        let key = pod.to_string();
        let before = self.entries().get(&key).cloned();
        // Seconds in it change at every look.
        let steady = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        let is_new =
            before.as_ref().is_none_or(|entry| steady(entry.why.as_deref().unwrap_or("")) != steady(&why));
        let since = before.filter(|entry| entry.what == what).map_or_else(Instant::now, |entry| entry.since);
        self.entries().insert(key, Entry { since, stage, what: what.to_string(), why: Some(why) });
        if is_new {
            self.live.line(line);
        }
    }

    /// Says what is waited for.
    fn say(&self, begun: Instant) {
        let entries = self.entries();
        let named: Vec<String> = entries
            .iter()
            .take(NAMED)
            .map(|(pod, entry)| format!("{pod} ({}, for {})", entry.what, lasting(entry.since.elapsed())))
            .collect();
        let more = match entries.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let left =
            self.limit.map(|limit| format!("; {} left", lasting(limit.saturating_sub(begun.elapsed()))));
        let line = format!(
            "waiting for {}: {}{more}{}",
            plural(entries.len(), "pod"),
            named.join(", "),
            left.unwrap_or_default()
        );
        drop(entries);
        self.live.line(line);
    }
}

/// Whether it is still the same pod, on its node.
fn is_same(fresh: &Pod, pod: &Pod) -> bool {
    fresh.uid() == pod.uid() && fresh.node() == pod.node()
}
