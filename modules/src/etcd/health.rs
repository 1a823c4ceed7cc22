//! `etcd_health`: what is wrong with an etcd cluster, by the rules of those who run them: members, leader, log, database,
//! alarms, hashes. It only reads and never fails for what it finds: findings go out with what was seen, what is needed
//! and what to do.

use super::asks::Looks;
use super::client::{self, Client, THROUGH};
use super::world::{Seen, World};
use crate::options::options;
use futures_util::future::join_all;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// `etcd_health`.
pub(crate) struct EtcdHealth;

/// What a task gives to [`EtcdHealth`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    max_lag: u64,
    quota_bytes: u64,
    quota_warning_percent: f64,
    quota_error_percent: f64,
    fragmentation_percent: f64,
    fragmentation_min_bytes: u64,
}

const OWN: [Opt; 6] = [
    Opt::new("max_lag", Kind::Int, "Log entries a member may be behind in applying.").default("1000"),
    Opt::new(
        "quota_bytes",
        Kind::Int,
        "The most a database may have; what the server says (3.6) counts first.",
    )
    .default("2147483648"),
    Opt::new("quota_warning_percent", Kind::Float, "Of the quota used, for a warning.").default("75"),
    Opt::new("quota_error_percent", Kind::Float, "Of the quota used, for an error.").default("90"),
    Opt::new("fragmentation_percent", Kind::Float, "Of the database that is holes, for a warning.")
        .default("45"),
    Opt::new("fragmentation_min_bytes", Kind::Int, "Holes smaller than this are not worth a word.")
        .default("104857600"),
];

impl Looks for EtcdHealth {
    const NAME: &'static str = "etcd_health";
    const SPEC: Spec = Spec::new(
        "Finds what is wrong with an etcd cluster: members, leader, lag, size, fragmentation, alarms, hashes.",
        options![OWN, client::OPTIONS, THROUGH],
    )
    .examples(
        "- etcd_health:\n  become: true\n  register: etcd\n\n- check:\n    id: Etcd\n    that: etcd.problems | rejectattr('severity', 'eq', 'warning') | length == 0\n    observed: \"{{ etcd.problems | map(attribute='observed') | join('; ') }}\"\n    required: every member healthy\n",
    );
    type Args = Args;

    async fn look(args: &Args, client: &Client, world: &World, cx: &Context) -> Result<Output, Failure> {
        let hashes = join_all(world.members.iter().filter(|seen| seen.status.is_some()).map(|seen| {
            let urls = &seen.member.client_urls;
            async move { client.ask(urls, &["endpoint", "hashkv", "-w", "json"], cx).await }
        }))
        .await;
        let mut compared = vec![];
        for answer in hashes {
            compared.extend(hash(&answer?.out()));
        }
        let problems = problems(args, world, &compared);
        let healthy = !problems.iter().any(|problem| problem["severity"] == "error");
        let members: Json = world.members.iter().map(|seen| described(seen, world)).collect();
        let output = Output::new(false).with("healthy", healthy).with("problems", problems);
        Ok(world.told(output).with("members", members))
    }
}

/// The compact revision, the revision and the hash of a member's data.
fn hash(text: &str) -> Option<(i64, i64, u64)> {
    let rows: Json = serde_json::from_str(text.trim()).ok()?;
    let row = rows.get(0)?.get("HashKV")?;
    let number = |value: &Json| value.as_i64().unwrap_or_default();
    let revision = row.get("header")?.get("revision").map(number)?;
    Some((row.get("compact_revision").map(number).unwrap_or_default(), revision, row.get("hash")?.as_u64()?))
}

fn described(seen: &Seen, world: &World) -> Json {
    let status = seen.status.clone().unwrap_or_default();
    let answers = seen.status.is_some();
    let of = |value: u64| answers.then_some(value);
    json!({
        "id": seen.member.id.to_string(),
        "name": seen.member.name,
        "endpoints": seen.member.client_urls,
        "learner": seen.member.learner,
        "alive": world.lives(seen),
        "leader": world.leader().is_some_and(|leader| leader.member.id == seen.member.id),
        "version": answers.then_some(status.version),
        "db_size": of(status.db_size),
        "db_size_in_use": of(status.db_size_in_use),
        "raft_index": of(status.raft_index),
        "raft_applied_index": of(status.raft_applied_index),
        "raft_term": of(status.raft_term),
        "errors": status.errors,
        "error": seen.error,
    })
}

struct Problems(Vec<Json>);

impl Problems {
    fn add(&mut self, id: &str, severity: &str, observed: String, required: &str, remedy: &str) {
        self.0.push(json!({
            "id": id, "severity": severity, "observed": observed, "required": required, "remedy": remedy,
        }));
    }
}

fn problems(args: &Args, world: &World, hashes: &[(i64, i64, u64)]) -> Vec<Json> {
    let mut found = Problems(vec![]);
    let votes = world.votes();
    if !votes.has_quorum() {
        found.add(
            "EtcdQuorum",
            "error",
            votes.to_string(),
            "more than half of the voters alive",
            "start the members that are down; if most are lost for good, restore a snapshot as a new cluster",
        );
    } else if world.leader().is_none() {
        let remedy = "look at the members' logs for elections that do not end, and at disk latency";
        found.add("EtcdLeader", "error", "no leader".into(), "one leader", remedy);
    }
    if let Some(why) = world.disagreement() {
        let remedy = "change nothing: find out which members belong together";
        found.add("EtcdMembers", "error", why, "all members list the same members", remedy);
    }
    for seen in &world.members {
        of_member(args, world, seen, &mut found);
    }
    for alarm in &world.alarms {
        let remedy = match alarm.kind {
            "NOSPACE" => "muster run etcd-defrag, which compacts, defragments and disarms",
            _ => "replace that member; do not disarm first",
        };
        found.add(
            "EtcdAlarm",
            "error",
            format!("{} raised by {}", alarm.kind, alarm.member),
            "no alarm",
            remedy,
        );
    }
    let versions: BTreeSet<&str> =
        world.members.iter().filter_map(|s| Some(s.status.as_ref()?.version.as_str())).collect();
    if versions.len() > 1 {
        let observed = versions.into_iter().collect::<Vec<_>>().join(", ");
        found.add("EtcdVersions", "warning", observed, "one version", "finish the upgrade");
    }
    if votes.voters > 1 && votes.voters.is_multiple_of(2) {
        let remedy = "add a member, or take one away: an even number tolerates no more than one less";
        found.add("EtcdSize", "warning", format!("{} voters", votes.voters), "an odd number", remedy);
    }
    if votes.voters > 7 {
        let remedy = "take members away: each one makes writes slower";
        found.add("EtcdSize", "warning", format!("{} voters", votes.voters), "at most 7", remedy);
    }
    // Hashes of different revisions say nothing; a busy cluster moves on between two calls.
    let differ = hashes.iter().any(|a| hashes.iter().any(|b| a.0 == b.0 && a.1 == b.1 && a.2 != b.2));
    if differ {
        let remedy = "find the member that differs (etcdctl endpoint hashkv) and replace it";
        found.add("EtcdHash", "error", "members hold different data".into(), "equal hashes", remedy);
    }
    found.0
}

#[expect(clippy::cast_precision_loss, reason = "percents of sizes need no more than 52 bits")]
fn of_member(args: &Args, world: &World, seen: &Seen, found: &mut Problems) {
    let who = seen.member.title();
    if seen.member.name.is_empty() {
        let remedy = "start it, or remove it: `etcd_member` with its id and `state: absent`";
        found.add("EtcdMember", "error", format!("{who} was added and never started"), "started", remedy);
        return;
    }
    let Some(status) = &seen.status else {
        let why = seen.error.clone().unwrap_or_default();
        let remedy = format!(
            "crictl ps -a --name etcd    # there: start it; if the machine is lost: muster replace control-plane {}",
            seen.member.name
        );
        found.add("EtcdMember", "error", format!("{who} does not answer: {why}"), "answers", &remedy);
        return;
    };
    if !world.lives(seen) && world.leader().is_some() {
        let remedy = "look at the network between the members (port 2380)";
        found.add("EtcdMember", "error", format!("{who} follows no leader"), "follows the leader", remedy);
    }
    if seen.member.learner {
        let remedy = "promote it (`etcd_member` with `state: promoted`) or remove it";
        found.add("EtcdLearner", "warning", format!("{who} is a learner"), "all members vote", remedy);
    }
    for error in status.errors.iter().filter(|error| !error.contains("no leader") && !error.contains("alarm"))
    {
        found.add("EtcdMember", "error", format!("{who}: {error}"), "no errors", "look at its log");
    }
    let lag = status.raft_index.saturating_sub(status.raft_applied_index);
    if lag > args.max_lag {
        let required = format!("at most {}", args.max_lag);
        let remedy = "look at the latency of its disk";
        found.add("EtcdLag", "warning", format!("{who} is {lag} entries behind"), &required, remedy);
    }
    let quota = if status.db_size_quota > 0 { status.db_size_quota } else { args.quota_bytes };
    let used = status.db_size as f64 * 100.0 / quota.max(1) as f64;
    let severity = match used {
        used if used >= args.quota_error_percent => Some("error"),
        used if used >= args.quota_warning_percent => Some("warning"),
        _ => None,
    };
    if let Some(severity) = severity {
        let observed = format!("{who}: {} MiB, {used:.0} % of the quota", status.db_size >> 20);
        let required = format!("below {} %", args.quota_warning_percent);
        found.add("EtcdSpace", severity, observed, &required, "muster run etcd-defrag");
    }
    let holes = status.db_size.saturating_sub(status.db_size_in_use);
    let percent = holes as f64 * 100.0 / status.db_size.max(1) as f64;
    if percent > args.fragmentation_percent && holes >= args.fragmentation_min_bytes {
        let observed = format!("{who}: {percent:.0} % of {} MiB is holes", status.db_size >> 20);
        let required = format!("at most {} %", args.fragmentation_percent);
        found.add("EtcdFragmentation", "warning", observed, &required, "muster run etcd-defrag");
    }
}
