//! `etcd_defrag`: gives the holes of etcd's databases back to the disk, one member after another, those that follow first and
//! the leader last. Only a cluster in which everybody is well is touched, and it must be well again before the next one.

use super::client::{self, Client, Way, complaint};
use super::member::Id;
use super::world::{Seen, World};
use crate::options::options;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// `etcd_defrag`.
pub struct EtcdDefrag;

/// What a task gives to [`EtcdDefrag`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    min_reclaimable: i64,
    defrag_timeout: f64,
    pause: f64,
    #[serde(flatten)]
    way: Way,
}

/// The members whose holes are worth it, in order.
#[derive(Debug)]
pub struct Change {
    client: Client,
    members: Vec<Id>,
    args: Args,
}

const OWN: [Opt; 3] = [
    Opt::new(
        "min_reclaimable",
        Kind::Bytes,
        "Holes smaller than this are left, unless the cluster is out of space.",
    )
    .default("100M"),
    Opt::new("defrag_timeout", Kind::Float, "Seconds one member may take; it serves nobody meanwhile.")
        .default("300"),
    Opt::new("pause", Kind::Float, "Seconds between two members.").default("5"),
];

impl Module for EtcdDefrag {
    const NAME: &'static str = "etcd_defrag";
    const SPEC: Spec = Spec::new(
        "Defragments the members of an etcd cluster one by one, the leader last, while all are well.",
        options![OWN, client::OPTIONS],
    )
    .examples("- etcd_defrag:\n  become: true\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let client = Client::find(&args.way, cx).await?;
        let world = World::look(&client, cx).await?;
        well(&world)?;
        let leader = world.leader().map(|seen| seen.member.id);
        // What a compaction freed is counted late: a cluster that is out of space is not asked how much.
        let full = world.alarms.iter().any(|alarm| alarm.kind == "NOSPACE");
        let enough =
            |seen: &&Seen| full || i64::try_from(holes(seen)).is_ok_and(|h| h >= args.min_reclaimable);
        let mut worth: Vec<&Seen> = world.members.iter().filter(enough).collect();
        worth.sort_by_key(|seen| Some(seen.member.id) == leader);
        let members: Vec<Id> = worth.iter().map(|seen| seen.member.id).collect();
        let about: Json = world
            .members
            .iter()
            .map(|seen| json!({ "id": seen.member.id.to_string(), "name": seen.member.name, "reclaimable": holes(seen) }))
            .collect();
        let output = Output::new(!members.is_empty()).with("members", about);
        Ok(match members.is_empty() {
            true => Check::Done(output),
            false => {
                Check::Would { change: Change { client, members, args: args.clone() }, foreseen: output }
            }
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { client, members, args } = change;
        let patient = client.patient(args.defrag_timeout);
        let mut told = vec![];
        for (at, id) in members.iter().enumerate() {
            if at > 0 {
                tokio::time::sleep(Duration::from_secs_f64(args.pause.max(0.0))).await;
            }
            let world = World::look(&client, cx).await?;
            well(&world).map_err(|failure| failure.with("defragmented", Json::from(told.clone())))?;
            let Some(seen) = world.members.iter().find(|seen| seen.member.id == *id) else { continue };
            let before = seen.status.as_ref().map_or(0, |status| status.db_size);
            let done = patient.ask(&seen.member.client_urls, &["defrag"], cx).await?;
            if !done.succeeded() {
                let why = format!("{}: {}", seen.member.title(), complaint(&done));
                return Err(Failure::new(why).with("defragmented", Json::from(told)));
            }
            let after = World::look(&client, cx).await?;
            let after = after.members.iter().find(|s| s.member.id == *id);
            let size = after.and_then(|seen| seen.status.as_ref()).map(|status| status.db_size);
            told.push(
                json!({ "id": id.to_string(), "name": seen.member.name, "before": before, "after": size }),
            );
        }
        Ok(Output::new(true).with("defragmented", Json::from(told)))
    }
}

fn holes(seen: &Seen) -> u64 {
    seen.status.as_ref().map_or(0, |status| status.db_size.saturating_sub(status.db_size_in_use))
}

/// That every member lives and follows one leader.
fn well(world: &World) -> Result<(), Failure> {
    let ill = world.members.iter().find(|seen| !world.lives(seen));
    let why = match (ill, world.leader()) {
        (Some(seen), _) => format!("{} is not well", seen.member.title()),
        (None, None) => "there is no leader".into(),
        (None, Some(_)) => return Ok(()),
    };
    Err(Failure::new(format!(
        "will not defragment: {why}, and a member serves nobody while it is defragmented\n\n{}",
        world.table()
    )))
}
