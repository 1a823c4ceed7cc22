//! The task that a module runs for, for modules that have others do their work or speak of their task. What a task says
//! goes out, and modules by name; variables and the host are the context's.

use super::AnyModule;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// What a task says of itself, rendered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The module as its author calls it.
    pub action: String,
    /// `name`.
    pub name: Option<String>,
    /// The name of the play.
    pub play: String,
    /// The hosts of the play.
    pub hosts: Vec<Arc<str>>,
    /// The role: its name and its directory.
    pub role: Option<(String, PathBuf)>,
    /// The directory of the file that it is written in.
    pub dir: PathBuf,
    /// Where files are looked for, nearest first.
    pub search: Vec<PathBuf>,
    /// `collections`.
    pub collections: Vec<String>,
    /// The names under `vars`.
    pub vars: Vec<Arc<str>>,
    /// `tags`.
    pub tags: Vec<String>,
    /// `register`.
    pub register: Option<Arc<str>>,
    /// Whom it is delegated to.
    pub delegate_to: Option<Arc<str>>,
    /// `delegate_facts`.
    pub delegate_facts: bool,
    /// `run_once`.
    pub run_once: Option<bool>,
    /// `ignore_errors`.
    pub ignore_errors: Option<bool>,
    /// `timeout`, in seconds.
    pub timeout: i64,
    /// `async`, in seconds.
    #[serde(rename = "async")]
    pub background: i64,
    /// `poll`, in seconds.
    pub poll: i64,
    /// `retries`.
    pub retries: Option<i64>,
}

/// A task, as far as a module may ask.
pub trait Errand: Send + Sync {
    /// What it says of itself.
    fn about(&self) -> About;

    /// The module that a name means around it, whatever plugin stands before the module.
    fn module(&self, name: &str) -> Option<Arc<dyn AnyModule>>;
}

/// The errand of a module that no task asked for.
#[derive(Clone, Copy, Debug)]
pub struct Nobodys;

impl Errand for Nobodys {
    fn about(&self) -> About {
        About::default()
    }

    fn module(&self, _: &str) -> Option<Arc<dyn AnyModule>> {
        None
    }
}
