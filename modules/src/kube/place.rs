//! Where a task runs, kept as long as its cluster is: credentials are read there, and programs that give credentials run there,
//! again whenever they run out. Paths and scripts come in, what they hold and print goes out.

use crate::command::words::expanded;
use crate::tool;
use muster_engine::connection::{Command, Completed, Escalation};
use muster_engine::module::{Context, Failure, Opens};
use std::sync::Arc;
use std::time::Duration;

/// How long reading a file, or a program that gives credentials, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The place of a task.
#[derive(Clone)]
pub(crate) struct Place {
    pub road: Arc<dyn Opens>,
    /// The name of the host, for messages.
    pub host: Arc<str>,
    /// Whether it is this machine.
    pub here: bool,
    escalation: Option<Escalation>,
    environment: Vec<(String, String)>,
}

impl Place {
    /// Where this task runs.
    pub fn of(cx: &Context) -> Self {
        Self {
            road: Arc::clone(&cx.road),
            host: Arc::clone(&cx.road.target().host),
            here: &*cx.road.target().kind == "local",
            escalation: cx.escalation.clone(),
            environment: cx.environment.clone(),
        }
    }

    /// What tells two places apart: credentials may differ between them.
    pub fn key(&self) -> String {
        let host = if self.here { "local" } else { &*self.host };
        format!("{host}\0{:?}", self.escalation.as_ref().map(|escalation| &escalation.user))
    }

    /// A variable of the task's environment; on this machine also of muster's own.
    pub fn variable(&self, name: &str) -> Option<String> {
        let own = self.environment.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        own.or_else(|| if self.here { std::env::var(name).ok() } else { None })
            .filter(|value| !value.is_empty())
    }

    /// Runs a script with more in its environment.
    ///
    /// # Errors
    /// The road fails.
    pub async fn run(&self, script: &str, more: Vec<(String, String)>) -> Result<Completed, Failure> {
        let mut environment = self.environment.clone();
        environment.extend(more);
        let command = Command {
            environment,
            escalation: self.escalation.clone(),
            timeout: Some(PATIENCE),
            cap: Some(4 << 20),
            ..Command::new(script)
        };
        Ok(self.road.open().await?.exec(&command).await?)
    }

    /// A file of the place.
    ///
    /// # Errors
    /// It cannot be read; the message says what to do about it.
    pub async fn read(&self, what: &str, path: &str) -> Result<Vec<u8>, Failure> {
        let seen = self.run(&format!("cat -- {}", expanded(path)), vec![]).await?;
        if seen.succeeded() {
            return Ok(seen.stdout);
        }
        let why = seen.err();
        let hint = match why.contains("ermission denied") {
            true => ": set `become: true`, or give another `kubeconfig`",
            false => "",
        };
        let why = why.trim().rsplit(": ").next().unwrap_or_default();
        Err(tool::failed(
            format!("cannot read {what} {path} on {}: {why}{hint}", self.host),
            None,
            "",
            &seen.err(),
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use futures_util::future::BoxFuture;
    use muster_connections::Local;
    use muster_engine::connection::{Connection, ConnectionError, Connector as _, Target};

    struct Here(Target);

    impl Opens for Here {
        fn target(&self) -> &Target {
            &self.0
        }

        fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
            Local.connect(&self.0)
        }

        fn reset(&self) {}

        fn local(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
            self.open()
        }
    }

    /// This machine, with an environment.
    pub(crate) fn here(environment: Vec<(String, String)>) -> Place {
        let road = Arc::new(Here(Target::local("here")));
        Place { road, host: Arc::from("here"), here: true, escalation: None, environment }
    }
}
