//! What a module may use: its host's connection (opened when first asked for), rendering, files beside the playbook,
//! and how the task wants commands run. Everything a module does to a host goes through here.

use super::{Errand, Failure, Jobs, Live, Map};
use crate::connection::{Command, Completed, Connection, ConnectionError, Escalation, Target};
use crate::node::{Mapping, Node};
use crate::template::{Fault, Scope, to_json};
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Opens the connection of one host; the pool behind it keeps it open.
pub trait Opens: Send + Sync {
    /// What the connection is opened to.
    fn target(&self) -> &Target;

    /// The connection, opened at the first call.
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>>;

    /// Forgets the connection, so that the next [`Opens::open`] makes a new one.
    fn reset(&self);

    /// A connection to this machine, whatever the target is.
    fn local(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>>;
}

/// One run of a module on one host.
#[derive(Clone)]
pub struct Context {
    /// `inventory_hostname`.
    pub host: Arc<str>,
    /// The way to the host (or to the one it is delegated to).
    pub road: Arc<dyn Opens>,
    /// As whom commands run.
    pub escalation: Option<Escalation>,
    /// `environment`, rendered.
    pub environment: Vec<(String, String)>,
    /// `timeout`: for a whole command.
    pub timeout: Option<Duration>,
    /// Whether nothing may change.
    pub check_mode: bool,
    /// Whether differences are wanted.
    pub diff: bool,
    /// Whether results are hidden.
    pub no_log: bool,
    /// How many `-v`.
    pub verbosity: u8,
    /// Whether its result says how the module was called: at `-vvv`, and as one of many that are registered.
    pub invocation: bool,
    /// What names mean here, for the few modules that own a template or an expression.
    pub scope: Scope,
    /// What names mean for the host that the work is done on: another one's when the task is delegated.
    pub there: Scope,
    /// The arguments as written, for places in messages.
    pub written: Node,
    /// `module_defaults`, outermost first, for modules that have others do their work.
    pub module_defaults: Vec<Node>,
    /// The directory of the playbook.
    pub playbook_dir: PathBuf,
    /// Tasks in the background.
    pub jobs: Arc<Jobs>,
    /// Where it says what is going on while it works.
    pub live: Live,
    /// The task that asked for it.
    pub errand: Arc<dyn Errand>,
}

impl Context {
    /// The open connection.
    ///
    /// # Errors
    /// The host cannot be reached, or logging in fails.
    pub async fn connection(&self) -> Result<Arc<dyn Connection>, ConnectionError> {
        self.road.open().await
    }

    /// Runs a POSIX sh script on the host as the task wants it run: escalation, environment, time limit.
    ///
    /// # Errors
    /// The road fails; a non-zero exit code is not an error.
    pub async fn sh(&self, script: impl Into<String>) -> Result<Completed, Failure> {
        self.exec(Command::new(script)).await
    }

    /// Runs a command, filling in the task's escalation, environment and time limit where it has none.
    ///
    /// # Errors
    /// As [`Context::sh`].
    pub async fn exec(&self, mut command: Command) -> Result<Completed, Failure> {
        command.escalation = command.escalation.or_else(|| self.escalation.clone());
        command.timeout = command.timeout.or(self.timeout);
        if command.environment.is_empty() {
            command.environment.clone_from(&self.environment);
        }
        Ok(self.connection().await?.exec(&command).await?)
    }

    /// What `module_defaults` says of a module of ansible.builtin by its name, `systemd`, rendered.
    ///
    /// # Errors
    /// A template fails.
    pub fn defaults_of(&self, name: &str) -> Result<Map, Failure> {
        let full = format!("ansible.builtin.{name}");
        Ok(defaults_of(&self.module_defaults, &self.scope, |key| is_called(&full, key))?)
    }

    /// Finds a file that an argument names: absolute, or in `folder` (`files`, `templates`, `vars`) of the role, or
    /// beside it, or beside the playbook.
    ///
    /// # Errors
    /// There is none; the message lists where it was looked for.
    pub fn find(&self, folder: &str, name: &str) -> Result<PathBuf, Failure> {
        let path = PathBuf::from(name);
        let mut tried = vec![];
        if path.is_absolute() {
            tried.push(path);
        } else {
            for dir in self.scope.around().search.iter() {
                tried.push(dir.join(folder).join(&path));
                tried.push(dir.join(&path));
            }
        }
        if let Some(found) = tried.iter().find(|path| path.exists()) {
            return Ok(found.clone());
        }
        let list: String = tried.iter().map(|path| format!("\n\t{}", path.display())).collect();
        let searched = match (PathBuf::from(name).is_absolute(), self.scope.around().search.len()) {
            (true, _) => String::new(),
            // A play's own directory is searched first and last.
            (false, 1) => list.repeat(2),
            (false, _) => list,
        };
        let heading = if searched.is_empty() { "" } else { "\nSearched in:" };
        Err(Failure::new(format!(
            "Could not find or access '{name}'{heading}{searched} on the Ansible Controller.\n\
             If you are using a module and expect the file to exist on the remote, see the remote_src option"
        ))
        .raised_again())
    }
}

/// What `module_defaults` says, outermost first, under the keys that mean a module, rendered. What an inner level says
/// under a key stands in the place of what outer ones say there, and groups give way to the module's own name.
///
/// # Errors
/// A template fails.
pub(crate) fn defaults_of(
    written: &[Node],
    scope: &Scope,
    means: impl Fn(&str) -> bool,
) -> Result<Map, Fault> {
    let (mut groups, mut own) = (IndexMap::new(), None);
    for (key, node) in written.iter().filter_map(Node::as_map).flat_map(Mapping::iter) {
        match key.as_str().filter(|key| means(key)) {
            Some(group) if group.starts_with("group/") => _ = groups.insert(group, node),
            Some(_) => own = Some(node),
            None => {}
        }
    }
    let mut all = Map::new();
    for node in groups.into_values().chain(own) {
        if let Json::Object(more) = to_json(&scope.render(node)?)? {
            all.extend(more);
        }
    }
    Ok(all)
}

/// Whether a module with that full name may be called so.
pub(crate) fn is_called(full: &str, name: &str) -> bool {
    let short = full.rsplit('.').next().unwrap_or(full);
    name == full || name == short || name.strip_prefix("ansible.legacy.") == Some(short)
}
