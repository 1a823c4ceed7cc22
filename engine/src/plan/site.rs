//! Everything a plan is made from besides the playbook: the inventory, the modules, the selection, and what the
//! command line and the configuration say. Made by the face, shared by plan and run.

use crate::connection::Secret;
use crate::inventory::{Inventory, LoadOptions};
use crate::module::{Finder, Registry};
use crate::playbook::{Keywords, Loader, Play, Setting, Strategy};
use crate::template::{Layer, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What of the playbook is wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `--limit`, as given; several are joined.
    pub limit: Option<String>,
    /// `--tags`; empty means all.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `--start-at-task`.
    pub start_at: Option<String>,
}

/// When facts are gathered for a play that does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gathering {
    /// Always.
    #[default]
    Implicit,
    /// Never.
    Explicit,
    /// For hosts without facts.
    Smart,
}

/// Where facts are kept from one run to the next.
#[derive(Clone, Debug)]
pub struct FactCache {
    /// The directory of the hosts' files.
    pub dir: PathBuf,
    /// What their names begin with.
    pub prefix: String,
    /// How long they are good; zero for ever.
    pub timeout: Duration,
}

/// What command line and configuration say where a playbook does not.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `--connection`; unset means `ssh`.
    pub connection: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `remote_port`.
    pub port: Option<u16>,
    /// `--private-key`.
    pub private_key: Option<PathBuf>,
    /// `--ask-pass`.
    pub password: Option<Secret>,
    /// `--ssh-common-args`, `--ssh-extra-args`, `ssh_args`.
    pub ssh_arguments: Vec<String>,
    /// `host_key_checking`.
    pub host_key_checking: Option<bool>,
    /// `--timeout`: for connecting.
    pub timeout: Duration,
    /// `--become`.
    pub escalate: bool,
    /// Whether tasks become the user that they already are.
    pub become_same_user: bool,
    /// Who runs this, on this machine.
    pub me: Option<String>,
    /// `--become-method`.
    pub become_method: Option<String>,
    /// `--become-user`.
    pub become_user: Option<String>,
    /// `--ask-become-pass`.
    pub become_password: Option<Secret>,
    /// `become_flags`.
    pub become_flags: Option<String>,
    /// `become_exe`.
    pub become_exe: Option<String>,
    /// `--flush-cache`.
    pub flush_cache: bool,
    /// `fact_caching`.
    pub fact_cache: Option<FactCache>,
    /// `--check`.
    pub check_mode: bool,
    /// `--diff`.
    pub diff: bool,
    /// `--forks`: how many units run at once.
    pub forks: usize,
    /// How many `-v`.
    pub verbosity: u8,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// `any_errors_fatal`.
    pub any_errors_fatal: bool,
    /// `gathering`.
    pub gathering: Gathering,
    /// `gather_subset`.
    pub gather_subset: Vec<String>,
    /// `gather_timeout`, in seconds.
    pub gather_timeout: Option<u64>,
    /// `fact_path`.
    pub fact_path: Option<String>,
    /// `strategy` of plays that name none.
    pub strategy: Strategy,
    /// `--step`.
    pub step: bool,
    /// `enable_task_debugger`.
    pub debugger: bool,
    /// `task_debugger_ignore_errors`.
    pub debugger_ignores_errors: bool,
    /// `task_timeout`, in seconds.
    pub task_timeout: Option<i64>,
    /// `poll_interval`, in seconds; 0 does not wait for tasks in the background.
    pub poll_interval: i64,
    /// `ansible_managed` where no variable says it.
    pub managed: Option<Arc<str>>,
    /// Whether conditions may be what is no boolean.
    pub broken_conditionals: bool,
    /// `no_log` where nothing says so.
    pub no_log: bool,
    /// Whether a task that is certain to fail, and not meant to, keeps the playbook from running.
    pub stop_at_mistakes: bool,
    /// `inject_facts_as_vars`.
    pub inject_facts: bool,
    /// `executable`: the shell of targets.
    pub executable: String,
    /// Whether a notification of a handler that is not there is an error.
    pub error_on_missing_handler: bool,
    /// Whether variables of roles that do not say `public` stay their own; unless it is said, those of included roles
    /// do.
    pub private_role_vars: Option<bool>,
    /// Values of special variables that only the face knows: `ansible_version`, `ansible_config_file`, ...
    pub special: Vec<(Arc<str>, Value)>,
}

impl Defaults {
    /// Whether a person is asked about whatever fails in a play.
    #[must_use]
    pub fn debugs(&self, play: &Play) -> bool {
        self.debugger || play.strategy.unwrap_or(self.strategy) == Strategy::Debug
    }

    /// Whether a person may be asked about a task of a play.
    #[must_use]
    pub fn asks(&self, play: &Play, task: &Keywords) -> bool {
        self.debugs(play) || task.debugger.as_ref().is_some_and(Setting::asks)
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            connection: None,
            user: None,
            port: None,
            private_key: None,
            password: None,
            ssh_arguments: vec![],
            host_key_checking: None,
            timeout: Duration::from_secs(10),
            escalate: false,
            become_same_user: false,
            me: None,
            become_method: None,
            become_user: None,
            become_password: None,
            become_flags: None,
            become_exe: None,
            flush_cache: false,
            fact_cache: None,
            check_mode: false,
            diff: false,
            forks: 500,
            verbosity: 0,
            force_handlers: false,
            any_errors_fatal: false,
            gathering: Gathering::Implicit,
            gather_subset: vec![],
            gather_timeout: None,
            fact_path: None,
            strategy: Strategy::Linear,
            step: false,
            debugger: false,
            debugger_ignores_errors: true,
            task_timeout: None,
            poll_interval: 15,
            managed: None,
            broken_conditionals: false,
            no_log: false,
            stop_at_mistakes: true,
            inject_facts: true,
            executable: "/bin/sh".into(),
            error_on_missing_handler: true,
            private_role_vars: None,
            special: vec![],
        }
    }
}

/// Everything besides the playbook.
pub struct Site {
    /// Reads playbooks, roles and variable files.
    pub loader: Loader,
    /// The inventory as it is before the run.
    pub inventory: Inventory,
    /// The inventory's sources as given, for `refresh_inventory` and `ansible_inventory_sources`.
    pub inventory_sources: Vec<String>,
    /// How they are read.
    pub inventory_options: LoadOptions,
    /// Modules.
    pub modules: Registry,
    /// Finds the others.
    pub finder: Box<dyn Finder>,
    /// What is wanted.
    pub selection: Selection,
    /// What is said where the playbook is silent.
    pub defaults: Defaults,
    /// `--extra-vars`.
    pub extra: Layer,
    /// Answers to `vars_prompt`, asked by the face before the run.
    pub prompted: Layer,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("selection", &self.selection).finish_non_exhaustive()
    }
}
