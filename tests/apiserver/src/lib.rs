//! A double of the Kubernetes API server for tests: a real listener with TLS and state that answers as the recordings of
//! a real one do. What it does not do it refuses, so that no test passes on an answer nobody gave.
//!
//! ```no_run
//! # async fn example() -> Result<(), muster_apiserver::Trouble> {
//! use muster_apiserver::{Cluster, Double};
//!
//! let double = Double::start(Cluster::healthy().workers(2)).await?;
//! println!("KUBECONFIG={} kubectl --server {} get nodes", double.kubeconfig().display(), double.url());
//! # Ok(())
//! # }
//! ```

#![expect(clippy::result_large_err, reason = "a refusal is an answer here, made once a request")]

mod admission;
mod answer;
mod auth;
mod balance;
mod bootstrap;
mod cluster;
mod controllers;
mod defaults;
mod delete;
mod discovery;
mod double;
mod event;
mod eviction;
mod fault;
mod fields;
mod health;
mod managed;
pub mod object;
mod openapi;
mod patch;
mod read;
mod resource;
mod reviews;
mod schema;
mod seen;
mod selector;
mod serve;
mod status;
mod store;
mod subresource;
mod table;
mod target;
mod tls;
mod trouble;
mod validate;
mod watch;
mod write;
mod yaml;

pub use auth::{Rule, User, Users};
pub use balance::balance;
pub use cluster::{Cluster, Workload};
pub use controllers::Controllers;
pub use double::{Double, Listening, Versions};
pub use fault::{Fault, Planted};
pub use seen::Seen;
pub use status::{Cause, Failure, Form};
pub use store::{Change, Store};
pub use subresource::{ExecRequest, Execution, Outcome};
pub use tls::{Authority, Identity, Shown};
pub use trouble::Trouble;
