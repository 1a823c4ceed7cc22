//! What a drain would do, pod by pod: who owns it, which budget guards it, how long it may take, what it loses, and what the
//! server itself says when it tries the eviction. Nothing is changed. A table is said, and a result with all of it goes out.

use super::Args;
use super::asking::{Answer, Way, meaning};
use super::budget::{Budgets, Standing};
use super::capacity::unplaced;
use super::filter::{Class, Judged, Sorted, Verdict};
use super::node::Node;
use super::pod::Pod;
use super::procedure::{is_last, objections, sorted};
use super::quantity;
use super::sizes::Sizes;
use super::words::{lasting, plural};
use crate::kube::cluster::Cluster;
use crate::kube::fields::{items, text};
use crate::kube::resource::encoded;
use futures_util::StreamExt as _;
use futures_util::stream;
use muster_engine::module::{Failure, Live, Output};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many evictions are tried at once.
const AT_ONCE: usize = 8;

/// One pod of the plan.
struct Row {
    judged: Judged,
    /// What the server said to the eviction; nothing for a pod that stays.
    tried: Option<Result<(), String>>,
    budgets: Vec<Json>,
    budget: String,
    /// Its emptyDir volumes, with the bytes that are in them.
    empty_dirs: Vec<(String, Option<u64>)>,
    /// What a person should know of it.
    notes: Vec<String>,
}

/// The plan of a drain.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(super) async fn of(cluster: &Cluster, node: &Node, args: &Args, live: &Live) -> Result<Output, Failure> {
    let offered = Way::offered(cluster).await?;
    let way = if args.delete_options.disable_eviction { Some(Way::Delete) } else { offered };
    let sorted = sorted(cluster, node, args).await?;
    let budgets = Budgets::of(cluster, None).await;
    let looks: Vec<_> =
        sorted.0.iter().map(|one| look(cluster, node, args, one, way.as_ref(), &budgets)).collect();
    let mut rows: Vec<Row> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let mut notes = vec![];
    if rows.iter().any(Row::loses) {
        let sizes = Sizes::of(cluster, node).await;
        rows.iter_mut().for_each(|row| row.measure(&sizes));
        notes.extend(
            sizes.unknown.map(|why| format!("how much is in the emptyDir volumes is not known: {why}")),
        );
    }
    let going: Vec<&Pod> = sorted.going().collect();
    match unplaced(cluster, node, &going).await {
        Ok(left) => notes.extend(left.into_iter().map(|(pod, why)| format!("{pod} would be Pending: {why}"))),
        Err(refusal) => notes.push(format!("whether the others have room is not known: {refusal}")),
    }
    let mut refusals: Vec<String> = sorted
        .refusals()
        .iter()
        .map(|(class, pods)| format!("{}: {}", class.refusal(), pods.join(", ")))
        .collect();
    refusals.extend(is_last(cluster, node, args).await?);
    refusals.extend(objections(cluster, &sorted, args).await);
    if way.is_none() {
        refusals
            .push("the API server offers no evictions (use --disable-eviction to delete the pods)".into());
    }
    let longest = sorted
        .going()
        .filter(|pod| !pod.is_finished())
        .map(|pod| args.grace().unwrap_or_else(|| pod.grace()))
        .max();
    for line in shown(node, &rows, &[&notes, &refusals], &sorted, longest) {
        live.line(line);
    }
    let verdict = match (refusals.is_empty(), rows.iter().any(Row::is_held)) {
        (false, _) => "refused",
        (true, true) => "held",
        (true, false) => "drained",
    };
    let going = sorted.going().count();
    let output = Output::new(false)
        .with("result", format!("{going} Pod(s) would be deleted from node."))
        .with("node", node.name())
        .with("verdict", verdict)
        .with("refusals", refusals)
        .with("notes", notes)
        .with("longest_grace_period", longest)
        .with("pods", rows.iter().map(Row::result).collect::<Vec<_>>());
    Ok(match budgets.unknown {
        Some(why) => output.warn(format!("the disruption budgets are not known: {why}")),
        None => output,
    })
}

/// All that there is to say of one pod.
async fn look(
    cluster: &Cluster,
    node: &Node,
    args: &Args,
    one: &Judged,
    way: Option<&Way>,
    budgets: &Budgets,
) -> Row {
    let pod = &one.pod;
    let guarding = budgets.guarding(pod);
    let mut row = Row {
        judged: one.clone(),
        tried: None,
        budgets: guarding.iter().map(|budget| budget.shown()).collect(),
        budget: guarding
            .iter()
            .map(|budget| format!("{} ({} may go)", budget.name(), budget.allowed()))
            .collect::<Vec<_>>()
            .join(", "),
        empty_dirs: pod.empty_dirs().into_iter().map(|name| (name.to_owned(), None)).collect(),
        notes: vec![],
    };
    let (Verdict::Goes(_), Some(way)) = (&one.verdict, way) else { return row };
    row.tried = match way.ask(cluster, pod, args.grace(), true).await {
        Ok(()) => Some(Ok(())),
        Err(refusal) => match meaning(&refusal, pod) {
            Answer::Gone | Answer::Ending => Some(Ok(())),
            Answer::Blocked { said, .. } | Answer::Later { said, .. } | Answer::No(said) => Some(Err(said)),
        },
    };
    let standing = budgets.standing(pod);
    match (&row.tried, standing) {
        (Some(Err(_)), Standing::Waits(why) | Standing::Never(why)) => row.notes.push(why),
        (Some(Err(said)), Standing::Allows) => row.notes.push(said.clone()),
        (_, _) => {}
    }
    for claim in pod.claims() {
        row.notes.extend(pinned(cluster, node, pod, claim).await);
    }
    row
}

/// Whether a claim's volume can only be had on this node.
async fn pinned(cluster: &Cluster, node: &Node, pod: &Pod, claim: &str) -> Option<String> {
    let path =
        format!("/api/v1/namespaces/{}/persistentvolumeclaims/{}", encoded(pod.namespace()), encoded(claim));
    let claimed = cluster.get(&path).await.ok()?;
    let volume = cluster
        .get(&format!("/api/v1/persistentvolumes/{}", encoded(text(&claimed, "/spec/volumeName"))))
        .await
        .ok()?;
    let here = text(&node.0, "/metadata/labels/kubernetes.io~1hostname");
    let names = [node.name(), here];
    let mut rules = items(&volume, "/spec/nodeAffinity/required/nodeSelectorTerms")
        .flat_map(|term| items(term, "/matchExpressions").chain(items(term, "/matchFields")));
    let only = |rule: &Json| {
        let mut values = items(rule, "/values").filter_map(Json::as_str).peekable();
        matches!(text(rule, "/key"), "kubernetes.io/hostname" | "metadata.name")
            && text(rule, "/operator") == "In"
            && values.peek().is_some()
            && values.all(|value| names.contains(&value))
    };
    rules.any(only).then(|| {
        format!(
            "it cannot run elsewhere: its claim {claim} is on the volume {}, which is on this node",
            text(&volume, "/metadata/name")
        )
    })
}

impl Row {
    /// Whether something is lost with it.
    fn loses(&self) -> bool {
        !self.empty_dirs.is_empty()
            && matches!(self.judged.verdict, Verdict::Goes(_) | Verdict::Refused(Class::LocalStorage))
    }

    fn measure(&mut self, sizes: &Sizes) {
        for (name, bytes) in &mut self.empty_dirs {
            *bytes = sizes.get(&self.judged.pod, name);
        }
    }

    fn is_held(&self) -> bool {
        matches!(self.tried, Some(Err(_)))
    }

    fn verdict(&self) -> &'static str {
        match (&self.judged.verdict, &self.tried) {
            (Verdict::Refused(_), _) => "refused",
            (Verdict::Mirror | Verdict::Ignored, _) => "stays",
            (Verdict::Goes(_), Some(Err(_))) => "held",
            (Verdict::Goes(_), _) => "goes",
        }
    }

    fn reason(&self) -> &'static str {
        let class = |class: &Class| match class {
            Class::Orphan(_) => "its DaemonSet is gone",
            Class::DaemonSet => "DaemonSet",
            Class::LocalStorage => "emptyDir",
            Class::Unmanaged => "no controller",
        };
        match &self.judged.verdict {
            Verdict::Mirror => "static pod",
            Verdict::Ignored => "DaemonSet",
            Verdict::Refused(found) => class(found),
            Verdict::Goes(_) if self.is_held() => "budget",
            Verdict::Goes(said) => said.first().map_or("", class),
        }
    }

    fn result(&self) -> Json {
        let pod = &self.judged.pod;
        let mut shown = pod.shown();
        if let Some(map) = shown.as_object_mut() {
            map.insert("budgets".into(), self.budgets.clone().into());
            map.insert("grace_period".into(), pod.grace().into());
            map.insert("empty_dirs".into(), json!(pod.empty_dirs()));
            map.insert(
                "empty_dir_bytes".into(),
                json!(self.empty_dirs.iter().cloned().collect::<BTreeMap<_, _>>()),
            );
            map.insert("verdict".into(), self.verdict().into());
            map.insert("reason".into(), self.reason().into());
            let eviction = self.tried.as_ref().map(|tried| match tried {
                Ok(()) => json!({"allowed": true}),
                Err(said) => json!({"allowed": false, "msg": said}),
            });
            map.insert("eviction".into(), json!(eviction));
            map.insert("notes".into(), json!(self.notes));
        }
        shown
    }

    fn cells(&self) -> [String; 6] {
        let pod = &self.judged.pod;
        let or_none = |text: String| if text.is_empty() { "-".to_string() } else { text };
        let verdict = match self.reason() {
            "" => self.verdict().to_string(),
            reason => format!("{} ({reason})", self.verdict()),
        };
        [
            pod.to_string(),
            or_none(pod.owner().map(|owner| owner.to_string()).unwrap_or_default()),
            format!("{}s", pod.grace()),
            or_none(self.budget.clone()),
            or_none(self.empty_dirs.iter().map(held).collect::<Vec<_>>().join(", ")),
            verdict,
        ]
    }
}

/// A volume and what is in it.
fn held((name, bytes): &(String, Option<u64>)) -> String {
    bytes.map_or_else(|| name.clone(), |bytes| format!("{name} {}", quantity::said(bytes)))
}

/// The plan for a person; `more` is said below the table, a block each.
fn shown(
    node: &Node,
    rows: &[Row],
    more: &[&Vec<String>; 2],
    sorted: &Sorted,
    longest: Option<i64>,
) -> Vec<String> {
    let ready = if node.is_ready() { "Ready" } else { "not Ready" };
    let cordoned = if node.is_cordoned() { ", cordoned" } else { "" };
    let mut lines = vec![format!("node/{} ({ready}{cordoned}): {}", node.name(), plural(rows.len(), "pod"))];
    if !rows.is_empty() {
        let head = ["POD", "OWNER", "GRACE", "BUDGET", "EMPTYDIR", "VERDICT"].map(str::to_string);
        let table: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
        lines.push(String::new());
        lines.extend(aligned(&table));
    }
    let notes: Vec<String> = rows
        .iter()
        .flat_map(|row| row.notes.iter().map(|note| format!("{}: {note}", row.judged.pod)))
        .collect();
    let [others, refusals] = more;
    for block in [[notes.as_slice(), others.as_slice()].concat(), refusals.to_vec()] {
        if !block.is_empty() {
            lines.push(String::new());
            lines.extend(block);
        }
    }
    lines.push(String::new());
    let going = sorted.going().count();
    let held = rows.iter().filter(|row| row.is_held()).count();
    lines.push(match (refusals.is_empty(), held) {
        (false, _) => "The drain would be refused, and nothing evicted.".into(),
        (true, 0) => {
            let time = longest.map(|grace| lasting(Duration::from_secs(grace.unsigned_abs())));
            let time = time.map(|time| format!(", in {time} at most")).unwrap_or_default();
            format!("{} would go{time}.", plural(going, "pod"))
        }
        (true, held) => format!("{} would go, and {held} of them would have to wait.", plural(going, "pod")),
    });
    lines
}

/// A table whose columns are as wide as what is in them.
fn aligned<const N: usize>(table: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("   ").trim_end().to_string()
    };
    table.iter().map(line).collect()
}
