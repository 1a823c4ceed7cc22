//! The keywords that plays, roles, blocks and tasks share, as written on one level; and how an inner level stands
//! within an outer one. Nothing is inherited by copying values about: the inner level wins, lists are joined.

use crate::diagnostic::Diagnostic;
use crate::node::Node;
use crate::template::{Expr, Layer};
use std::sync::Arc;

/// A keyword's value: known when read, or a template for each host.
#[derive(Clone, Debug)]
pub enum Setting<T> {
    /// Known.
    Fixed(T),
    /// Rendered per host, then converted as Ansible converts it.
    Template {
        /// The keyword, for messages.
        keyword: Arc<str>,
        /// Its value.
        node: Node,
        /// What is meant where the template gives `omit`: the keyword of a level around.
        outer: Option<Arc<Setting<T>>>,
    },
}

impl<T: Clone> Setting<T> {
    /// The setting as it stands inside `outer`.
    fn within(&self, outer: Option<&Self>) -> Self {
        match self {
            Self::Template { keyword, node, outer: None } => Self::Template {
                keyword: keyword.clone(),
                node: node.clone(),
                outer: outer.cloned().map(Arc::new),
            },
            known => known.clone(),
        }
    }
}

/// When a person at the terminal is asked about a task: `debugger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debugger {
    /// Whenever it ran.
    Always,
    /// When it failed.
    OnFailed,
    /// When the host could not be reached.
    OnUnreachable,
    /// When it was skipped.
    OnSkipped,
    /// Not even where all failed tasks are asked about.
    Never,
}

impl Debugger {
    /// What a word means.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "always" => Some(Self::Always),
            "on_failed" => Some(Self::OnFailed),
            "on_unreachable" => Some(Self::OnUnreachable),
            "on_skipped" => Some(Self::OnSkipped),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

impl Setting<Debugger> {
    /// Whether a person may be asked.
    #[must_use]
    pub fn asks(&self) -> bool {
        !matches!(self, Self::Fixed(Debugger::Never))
    }
}

/// Keywords of one level, or of a level with all around it ([`Keywords::within`]).
#[derive(Clone, Debug, Default)]
pub struct Keywords {
    /// `when`: all must hold; outer conditions come first.
    pub when: Vec<Expr>,
    /// `tags`: strings or templates, joined.
    pub tags: Vec<Node>,
    /// `vars`, innermost first.
    pub vars: Vec<Layer>,
    /// `environment`, outermost first: mappings, or templates that give mappings.
    pub environment: Vec<Node>,
    /// `module_defaults`, outermost first.
    pub module_defaults: Vec<Node>,
    /// `collections`: the innermost that says any.
    pub collections: Vec<String>,
    /// `connection`.
    pub connection: Option<Setting<String>>,
    /// `port`.
    pub port: Option<Setting<i64>>,
    /// `remote_user`.
    pub remote_user: Option<Setting<String>>,
    /// `become`.
    pub escalate: Option<Setting<bool>>,
    /// `become_user`.
    pub become_user: Option<Setting<String>>,
    /// `become_method`.
    pub become_method: Option<Setting<String>>,
    /// `become_flags`.
    pub become_flags: Option<Setting<String>>,
    /// `become_exe`.
    pub become_exe: Option<Setting<String>>,
    /// `no_log`.
    pub no_log: Option<Setting<bool>>,
    /// `run_once`.
    pub run_once: Option<Setting<bool>>,
    /// `ignore_errors`.
    pub ignore_errors: Option<Setting<bool>>,
    /// `ignore_unreachable`.
    pub ignore_unreachable: Option<Setting<bool>>,
    /// `any_errors_fatal`.
    pub any_errors_fatal: Option<Setting<bool>>,
    /// `check_mode`.
    pub check_mode: Option<Setting<bool>>,
    /// `diff`.
    pub diff: Option<Setting<bool>>,
    /// `throttle`.
    pub throttle: Option<Setting<i64>>,
    /// `timeout`, in seconds.
    pub timeout: Option<Setting<i64>>,
    /// `debugger`.
    pub debugger: Option<Setting<Debugger>>,
    /// `delegate_to` (blocks and tasks).
    pub delegate_to: Option<Node>,
    /// `delegate_facts` (blocks and tasks).
    pub delegate_facts: Option<Setting<bool>>,
    /// `notify` (blocks and tasks): names or templates, joined.
    pub notify: Vec<Node>,
    /// What is certainly wrong here, and fails the task when it runs: the plan says whether the playbook may run.
    pub flaws: Vec<Diagnostic>,
}

impl Keywords {
    /// These keywords as they stand inside `outer`.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        fn joined<T: Clone>(first: &[T], then: &[T]) -> Vec<T> {
            first.iter().chain(then).cloned().collect()
        }
        fn or<T: Clone>(inner: &Option<Setting<T>>, outer: &Option<Setting<T>>) -> Option<Setting<T>> {
            match inner {
                Some(inner) => Some(inner.within(outer.as_ref())),
                None => outer.clone(),
            }
        }
        Self {
            when: joined(&outer.when, &self.when),
            tags: joined(&outer.tags, &self.tags),
            vars: joined(&self.vars, &outer.vars),
            environment: joined(&outer.environment, &self.environment),
            module_defaults: joined(&outer.module_defaults, &self.module_defaults),
            collections: match self.collections.as_slice() {
                [] => outer.collections.clone(),
                own => own.to_vec(),
            },
            connection: or(&self.connection, &outer.connection),
            port: or(&self.port, &outer.port),
            remote_user: or(&self.remote_user, &outer.remote_user),
            escalate: or(&self.escalate, &outer.escalate),
            become_user: or(&self.become_user, &outer.become_user),
            become_method: or(&self.become_method, &outer.become_method),
            become_flags: or(&self.become_flags, &outer.become_flags),
            become_exe: or(&self.become_exe, &outer.become_exe),
            no_log: or(&self.no_log, &outer.no_log),
            run_once: or(&self.run_once, &outer.run_once),
            ignore_errors: or(&self.ignore_errors, &outer.ignore_errors),
            ignore_unreachable: or(&self.ignore_unreachable, &outer.ignore_unreachable),
            any_errors_fatal: or(&self.any_errors_fatal, &outer.any_errors_fatal),
            check_mode: or(&self.check_mode, &outer.check_mode),
            diff: or(&self.diff, &outer.diff),
            throttle: or(&self.throttle, &outer.throttle),
            timeout: or(&self.timeout, &outer.timeout),
            debugger: or(&self.debugger, &outer.debugger),
            delegate_to: self.delegate_to.as_ref().or(outer.delegate_to.as_ref()).cloned(),
            delegate_facts: or(&self.delegate_facts, &outer.delegate_facts),
            notify: joined(&outer.notify, &self.notify),
            flaws: joined(&outer.flaws, &self.flaws),
        }
    }
}
