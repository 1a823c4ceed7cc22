//! What all modules here have in common: a task's way to a cluster is settled before the module sees it, and one function does
//! both halves. What only reads answers in the first; what changes objects is tried by the server in check mode, which keeps
//! nothing, and is done in the second.

use super::cluster::{Cluster, Clusters};
use super::way::Way;
use muster_engine::module::{Check, Context, Failure, Module, Output, Spec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A module that asks a cluster.
pub(crate) trait Asks: Send + Sync + 'static {
    /// As [`Module::NAME`].
    const NAME: &'static str;
    /// As [`Module::SPEC`], with the options of [`super::way`].
    const SPEC: Spec;
    /// Whether it changes nothing.
    const READS: bool = false;
    /// The arguments without the way to the cluster.
    type Args: Clone + DeserializeOwned + Send + Sync;

    /// What is wrong with the arguments, before anybody is asked.
    fn look(_args: &Self::Args) -> Result<(), Failure> {
        Ok(())
    }

    /// Does it; only as if, in check mode.
    fn run(
        args: &Self::Args,
        cluster: &Cluster,
        cx: &Context,
    ) -> impl Future<Output = Result<Output, Failure>> + Send;
}

/// Such a module in the registry.
pub(crate) struct On<A> {
    clusters: Clusters,
    module: PhantomData<fn() -> A>,
}

impl<A> On<A> {
    /// With the clusters of the run.
    pub fn new(clusters: &Clusters) -> Self {
        Self { clusters: clusters.clone(), module: PhantomData }
    }
}

/// The arguments with the way to the cluster.
#[derive(Clone, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
pub(crate) struct Asked<A> {
    #[serde(flatten)]
    own: A,
    #[serde(flatten)]
    way: Way,
}

impl<A: Asks> On<A> {
    async fn run(&self, args: &Asked<A::Args>, cx: &Context) -> Result<Output, Failure> {
        let cluster = self.clusters.of(&args.way, cx).await?;
        A::run(&args.own, &cluster, cx).await
    }
}

impl<A: Asks> Module for On<A> {
    const NAME: &'static str = A::NAME;
    const SPEC: Spec = A::SPEC;
    type Args = Asked<A::Args>;
    type Change = Asked<A::Args>;

    async fn check(&self, args: &Self::Args, cx: &Context) -> Result<Check<Self::Change>, Failure> {
        A::look(&args.own)?;
        match A::READS || cx.check_mode {
            true => self.run(args, cx).await.map(Check::Done),
            false => Ok(Check::Would { change: args.clone(), foreseen: Output::new(true) }),
        }
    }

    async fn apply(&self, args: Self::Change, cx: &Context) -> Result<Output, Failure> {
        self.run(&args, cx).await
    }
}
