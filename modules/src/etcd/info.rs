//! `etcd_member_info`: who is in an etcd cluster, who of them lives, and what that leaves to lose. It only reads.

use super::client::{Client, OPTIONS, Way};
use super::world::World;
use muster_engine::module::{Check, Context, Failure, Module, Output, Spec};
use serde_json::Value as Json;
use std::convert::Infallible;

/// `etcd_member_info`.
pub struct EtcdMemberInfo;

impl Module for EtcdMemberInfo {
    const NAME: &'static str = "etcd_member_info";
    const SPEC: Spec = Spec::new(
        "Lists the members of an etcd cluster, each asked for itself, and how its votes stand.",
        &OPTIONS,
    )
    .examples("- etcd_member_info:\n  become: true\n  register: etcd\n");
    type Args = Way;
    type Change = Infallible;

    async fn check(&self, args: &Way, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let client = Client::find(args, cx).await?;
        let world = World::look(&client, cx).await?;
        let mut output = Output::new(false)
            .with("cluster_id", world.cluster.to_string())
            .with("members", world.members_json())
            .with("votes", world.votes_json())
            .with("leader", world.leader().map(|seen| seen.member.id.to_string()))
            .with("alarms", world.alarms.iter().map(Json::from).collect::<Json>())
            .with("table", world.table())
            .with("via", client.via);
        if let Some(why) = world.disagreement() {
            output = output.with("disagreement", why);
        }
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
