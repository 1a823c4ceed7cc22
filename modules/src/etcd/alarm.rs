//! `etcd_alarm`: alarms of an etcd cluster, disarmed once their cause is gone. `NOSPACE` stops all writes until it is disarmed;
//! `CORRUPT` means a member with wrong data, which is replaced, never talked away.

use super::client::{self, Client, Way, refusal};
use super::world::World;
use crate::options::options;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `etcd_alarm`.
pub struct EtcdAlarm;

/// What a task gives to [`EtcdAlarm`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    compact: bool,
    max_used_percent: f64,
    quota_bytes: u64,
    #[serde(flatten)]
    way: Way,
}

/// What is to be disarmed.
#[derive(Debug)]
pub struct Change {
    client: Client,
    args: Args,
    endpoints: Vec<String>,
    revision: i64,
}

const OWN: [Opt; 4] = [
    Opt::new("state", Kind::Str, "The only state there is to wish for.")
        .choices(&["disarmed"])
        .default("disarmed"),
    Opt::new(
        "compact",
        Kind::Bool,
        "Whether history up to now is dropped first; `etcd_defrag` then gives the space back.",
    )
    .default("false"),
    Opt::new("max_used_percent", Kind::Float, "NOSPACE is disarmed only below this much of the quota.")
        .default("90"),
    Opt::new("quota_bytes", Kind::Int, "The quota; what the server says (3.6) counts first.")
        .default("2147483648"),
];

impl Module for EtcdAlarm {
    const NAME: &'static str = "etcd_alarm";
    const SPEC: Spec =
        Spec::new("Disarms etcd's NOSPACE alarm when there is space again.", options![OWN, client::OPTIONS])
            .examples("- etcd_alarm:\n  become: true\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let client = Client::find(&args.way, cx).await?;
        let world = World::look(&client, cx).await?;
        if world.leader().is_none() {
            return Err(Failure::new(format!("alarms cannot be read without a leader\n\n{}", world.table())));
        }
        let listed: Json = world.alarms.iter().map(Json::from).collect();
        if let Some(alarm) = world.alarms.iter().find(|alarm| alarm.kind == "CORRUPT") {
            return Err(Failure::new(format!(
                "member {} has raised CORRUPT: its data differs. Replace that member; an alarm that is disarmed first hides it",
                alarm.member
            ))
            .with("alarms", listed));
        }
        let output = Output::new(!world.alarms.is_empty()).with("alarms", listed);
        if world.alarms.is_empty() {
            return Ok(Check::Done(output));
        }
        let revision = world.members.iter().filter_map(|s| Some(s.status.as_ref()?.header.revision)).max();
        Ok(Check::Would {
            change: Change {
                client,
                args: args.clone(),
                endpoints: world.endpoints(),
                revision: revision.unwrap_or_default(),
            },
            foreseen: output,
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { client, args, endpoints, revision } = change;
        if args.compact {
            let revision = revision.to_string();
            let words = ["compaction", "--physical", revision.as_str()];
            let done = client.ask(&endpoints, &words, cx).await?;
            if !done.succeeded() && !done.err().contains("required revision has been compacted") {
                return Err(refusal(&words, &done));
            }
        }
        let world = World::look(&client, cx).await?;
        let full = world.members.iter().find(|seen| {
            let Some(status) = &seen.status else { return false };
            let quota = if status.db_size_quota > 0 { status.db_size_quota } else { args.quota_bytes };
            #[expect(clippy::cast_precision_loss, reason = "percents of sizes")]
            let used = status.db_size as f64 * 100.0 / quota.max(1) as f64;
            used >= args.max_used_percent
        });
        if let Some(seen) = full {
            return Err(Failure::new(format!(
                "{} is still full: compact (`compact: true`), then `etcd_defrag`, then disarm",
                seen.member.title()
            )));
        }
        let words = ["alarm", "disarm"];
        let done = client.ask(&endpoints, &words, cx).await?;
        if !done.succeeded() {
            return Err(refusal(&words, &done));
        }
        let after = World::look(&client, cx).await?;
        if !after.alarms.is_empty() {
            return Err(Failure::new("etcd raised the alarm again at once: there is no space yet"));
        }
        Ok(Output::new(true)
            .with("disarmed", world.alarms.iter().map(Json::from).collect::<Json>())
            .with("alarms", Json::Array(vec![])))
    }
}
