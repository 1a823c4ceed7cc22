//! `etcd_replacement`: whether a member of etcd may be replaced now, by the arithmetic of [`quorum`] and the rules of those
//! who run clusters. The cluster is read whole and compared with what others were told of it; the way through, or a
//! refusal with its reason and what to type next, goes out. It only reads.

mod verdict;

use super::asks::Looks;
use super::client::{self, Client, THROUGH};
use super::world::World;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use verdict::{Question, Refused, Way};

/// `etcd_replacement`.
pub(crate) struct EtcdReplacement;

/// What a task gives to [`EtcdReplacement`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    name: String,
    member_id: Option<String>,
    successor: Successor,
    planned: bool,
    joins: bool,
    known: Vec<String>,
    views: Vec<Json>,
}

/// The machine that takes the place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Successor {
    /// The name its member will have.
    pub name: String,
    /// Where it is.
    pub addresses: Vec<String>,
}

const OWN: [Opt; 7] = [
    Opt::new("name", Kind::Str, "What the member's machine is called, for messages.").required(),
    Opt::new("member_id", Kind::Str, "The member that goes; none when it is known to be gone."),
    Opt::new("successor", Kind::Dict, "The machine that takes its place.").default("{}").options(&[
        Opt::new("name", Kind::Str, "The name its member will have.").default(""),
        Opt::new("addresses", Kind::List, "Where it is.").elements(Kind::Str).default("[]"),
    ]),
    Opt::new("planned", Kind::Bool, "Whether the member is meant to be replaced although it lives.")
        .default("false"),
    Opt::new("joins", Kind::Bool, "Whether a successor joins; without one the member is only taken out.")
        .default("true"),
    Opt::new(
        "known",
        Kind::List,
        "Ids of members that were there before: another one that never started is what a join left.",
    )
    .elements(Kind::Str)
    .default("[]"),
    Opt::new(
        "views",
        Kind::List,
        "What `etcd_member_info` found on other hosts: all must be of one cluster and list the same members.",
    )
    .elements(Kind::Dict)
    .default("[]"),
];

impl Looks for EtcdReplacement {
    const NAME: &'static str = "etcd_replacement";
    const SPEC: Spec = Spec::new(
        "Says whether and how a member of etcd may be replaced now: the arithmetic before, after its removal and after the join.",
        options![OWN, client::OPTIONS, THROUGH],
    )
    .examples(
        "- etcd_replacement:\n    name: cp2\n    member_id: 8e9e05c52164694d\n    successor: {name: cp2, addresses: [10.0.0.12]}\n  become: true\n  register: replacement\n- debug:\n    msg: \"{{ replacement.table }}\"\n",
    );
    type Args = Args;

    async fn look(args: &Args, _: &Client, world: &World, _: &Context) -> Result<Output, Failure> {
        let way = Question { args, world }.answer().map_err(|refused| {
            let Refused { why, next, arithmetic } = refused;
            let table = arithmetic.map_or_else(String::new, |table| format!("\n\n{table}"));
            let next = next.map_or_else(String::new, |next| format!("\n\nNext: {next}"));
            Failure::new(format!("{} is not replaced: {why}{next}\n\n{}{table}", args.name, world.table()))
                .with("refused", why)
                .with("members", world.members_json())
                .with("votes", world.votes_json())
                .with("cluster_id", world.cluster.to_string())
        })?;
        Ok(output(&way, world))
    }
}

fn output(way: &Way, world: &World) -> Output {
    let leader = world.leader();
    let ids =
        |seen: &[&super::world::Seen]| -> Json { seen.iter().map(|s| s.member.id.to_string()).collect() };
    let titles = |seen: &[&super::world::Seen]| -> Json { seen.iter().map(|s| s.member.title()).collect() };
    let heir = way.heir.map(|seen| json!({"id": seen.member.id.to_string(), "name": seen.member.name}));
    let output = Output::new(false)
        .with("gone", way.member.is_none())
        .with(
            "member",
            way.member.map(|seen| {
                json!({
                    "id": seen.member.id.to_string(), "name": seen.member.name, "alive": world.lives(seen),
                    "peer_urls": seen.member.peer_urls,
                })
            }),
        )
        .with("leads", way.member.is_some_and(|seen| leader.is_some_and(|l| l.member.id == seen.member.id)))
        .with("heir", heir)
        .with("leader_endpoints", leader.map(|leader| leader.member.client_urls.clone()))
        .with("joined", way.joined.map(|seen| seen.member.id.to_string()))
        .with("leftovers", ids(&way.leftovers))
        .with("waits_for", titles(&way.waits_for))
        .with("cluster_id", world.cluster.to_string())
        .with("members", world.members_json())
        .with("votes", world.votes_json())
        .with("table", format!("{}\n\n{}", world.table(), way.arithmetic))
        .with("notes", way.notes.clone());
    way.notes.iter().fold(output, |output, note| output.warn(note.as_str()))
}
