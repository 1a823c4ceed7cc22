//! `etcd_member_info`: who is in an etcd cluster, who of them lives, and what that leaves to lose. It only reads.

use super::asks::Looks;
use super::client::{Client, OPTIONS, THROUGH};
use super::world::World;
use crate::options::options;
use muster_engine::module::{Context, Failure, Output, Spec};
use serde::Deserialize;

/// `etcd_member_info`.
pub(crate) struct EtcdMemberInfo;

/// [`EtcdMemberInfo`] takes nothing but the way to etcd.
#[derive(Debug, Deserialize)]
pub(crate) struct Args {}

impl Looks for EtcdMemberInfo {
    const NAME: &'static str = "etcd_member_info";
    const SPEC: Spec = Spec::new(
        "Lists the members of an etcd cluster, each asked for itself, and how its votes stand.",
        options![OPTIONS, THROUGH],
    )
    .examples("- etcd_member_info:\n  become: true\n  register: etcd\n");
    type Args = Args;

    async fn look(_: &Args, _: &Client, world: &World, _: &Context) -> Result<Output, Failure> {
        let output = world.told(Output::new(false)).with("members", world.members_json());
        Ok(match world.disagreement() {
            Some(why) => output.with("disagreement", why),
            None => output,
        })
    }
}
