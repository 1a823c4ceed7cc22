//! What a module may use: its host's connection (opened when first asked for), rendering, files beside the playbook,
//! and how the task wants commands run. Everything a module does to a host goes through here.

use super::{Failure, Jobs, Live};
use crate::connection::{Command, Completed, Connection, ConnectionError, Escalation, Target};
use crate::node::Node;
use crate::template::Scope;
use futures_util::future::BoxFuture;
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
    /// What names mean here, for the few modules that own a template or an expression.
    pub scope: Scope,
    /// What names mean for the host that the work is done on: another one's when the task is delegated.
    pub there: Scope,
    /// The arguments as written, for places in messages.
    pub written: Node,
    /// The directory of the playbook.
    pub playbook_dir: PathBuf,
    /// Tasks in the background.
    pub jobs: Arc<Jobs>,
    /// Where it says what is going on while it works.
    pub live: Live,
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
        )))
    }
}
