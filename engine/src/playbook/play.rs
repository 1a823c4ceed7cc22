//! Plays as written.

use super::{Entry, Keywords, RoleUse, Setting};
use crate::node::Node;
use crate::source::{Span, Spanned};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The plays of one or more files, `import_playbook` followed.
#[derive(Clone, Debug, Default)]
pub struct Playbook {
    /// In order.
    pub plays: Vec<Arc<Play>>,
    /// The files as they were given, each with how many of the plays it brought.
    pub given: Vec<(PathBuf, usize)>,
}

impl Playbook {
    /// The plays of one file.
    pub(super) fn of(path: &Path, plays: Vec<Play>) -> Self {
        Self { given: vec![(path.into(), plays.len())], plays: plays.into_iter().map(Arc::new).collect() }
    }

    /// Adds those of another, which was given under this path.
    pub fn add(&mut self, path: PathBuf, other: Self) {
        self.given.push((path, other.plays.len()));
        self.plays.extend(other.plays);
    }
}

/// How hosts move through a play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All hosts take a task before any takes the next.
    #[default]
    Linear,
    /// Each host goes on as soon as it can.
    Free,
    /// As free, but a host finishes the play before another begins.
    HostPinned,
    /// As linear, and a person is asked about what fails.
    Debug,
}

/// The order of a play's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As in the inventory.
    #[default]
    Inventory,
    /// The inventory's order, turned round.
    ReverseInventory,
    /// By name.
    Sorted,
    /// By name, turned round.
    ReverseSorted,
    /// Any.
    Shuffle,
}

/// One entry of `vars_prompt`.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The variable.
    pub name: Arc<str>,
    /// `prompt`.
    pub text: Option<Node>,
    /// `default`.
    pub default: Option<Node>,
    /// `private`.
    pub private: bool,
    /// `confirm`.
    pub confirm: bool,
    /// `unsafe`.
    pub raw: bool,
    /// `encrypt`, with `salt_size` and `salt`.
    pub encrypt: Option<Arc<str>>,
}

/// What a person sees of a play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    /// Its tasks as they end.
    #[default]
    Tasks,
    /// What its checks found, and of its tasks those that fail.
    Findings,
    /// What its modules say while they work and its `debug` tasks tell, and the messages of those that fail.
    Messages,
}

/// One play.
#[derive(Clone, Debug)]
pub struct Play {
    /// Where.
    pub span: Span,
    /// `name`; without one the pattern is shown.
    pub name: Option<Node>,
    /// `hosts`: a pattern or list of patterns, perhaps a template.
    pub hosts: Node,
    /// `stage` (ours): the heading it stands under.
    pub stage: Option<Node>,
    /// `show` (ours): what of it a person sees.
    pub show: Show,
    /// `needs` (ours): names of plays or stages it waits for; unset means all before it.
    pub needs: Option<Vec<Spanned<Arc<str>>>>,
    /// The keywords that tasks inherit.
    pub keywords: Keywords,
    /// `gather_facts`.
    pub gather_facts: Option<Setting<bool>>,
    /// `gather_subset`.
    pub gather_subset: Option<Node>,
    /// `gather_timeout`.
    pub gather_timeout: Option<Node>,
    /// `fact_path`.
    pub fact_path: Option<Node>,
    /// `vars_files`: each a name or a list of alternatives.
    pub vars_files: Vec<Node>,
    /// `vars_prompt`.
    pub vars_prompt: Vec<Prompt>,
    /// `pre_tasks`.
    pub pre_tasks: Vec<Entry>,
    /// `roles`.
    pub roles: Vec<Arc<RoleUse>>,
    /// `tasks`.
    pub tasks: Vec<Entry>,
    /// `post_tasks`.
    pub post_tasks: Vec<Entry>,
    /// `handlers`.
    pub handlers: Vec<Entry>,
    /// `force_handlers`.
    pub force_handlers: Option<Setting<bool>>,
    /// `max_fail_percentage`.
    pub max_fail_percentage: Option<Setting<f64>>,
    /// `serial`: numbers, percentages or templates.
    pub serial: Vec<Node>,
    /// `strategy`.
    pub strategy: Option<Strategy>,
    /// `order`.
    pub order: Order,
    /// The directory of the file it is written in.
    pub dir: Arc<std::path::Path>,
    /// The file it is written in.
    pub file: PathBuf,
}
