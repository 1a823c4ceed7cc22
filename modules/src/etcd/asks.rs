//! What the modules here have in common that only read: the way to etcd is found, the whole cluster is read, and one function makes
//! of it what goes out, with the road that was taken.

use super::client::{Client, Way};
use super::world::World;
use crate::kube::Clusters;
use muster_engine::module::{Check, Context, Failure, Module, Output, Spec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::marker::PhantomData;

/// A module that looks at a cluster of etcd.
pub(crate) trait Looks: Send + Sync + 'static {
    /// As [`Module::NAME`].
    const NAME: &'static str;
    /// As [`Module::SPEC`], with the options of [`super::client`].
    const SPEC: Spec;
    /// The arguments without the way to etcd.
    type Args: DeserializeOwned + Send + Sync;

    /// What it says of the cluster.
    fn look(
        args: &Self::Args,
        client: &Client,
        world: &World,
        cx: &Context,
    ) -> impl Future<Output = Result<Output, Failure>> + Send;
}

/// Such a module in the registry.
pub(crate) struct On<L> {
    clusters: Clusters,
    module: PhantomData<fn() -> L>,
}

impl<L> On<L> {
    /// With the clusters of the run.
    pub fn new(clusters: &Clusters) -> Self {
        Self { clusters: clusters.clone(), module: PhantomData }
    }
}

/// The arguments with the way to etcd.
#[derive(Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
pub(crate) struct Asked<A> {
    #[serde(flatten)]
    own: A,
    #[serde(flatten)]
    way: Way,
}

impl<L: Looks> Module for On<L> {
    const NAME: &'static str = L::NAME;
    const SPEC: Spec = L::SPEC;
    type Args = Asked<L::Args>;
    type Change = Infallible;

    async fn check(&self, args: &Self::Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let client = Client::find_from_afar(&args.way, &self.clusters, cx).await?;
        let world = World::look(&client, cx).await?;
        let output = L::look(&args.own, &client, &world, cx).await?;
        Ok(Check::Done(client.states_its_road(output)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
