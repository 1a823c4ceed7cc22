//! Answers from a table in place of hosts: for tests and rehearsals. A host and a script come in, the first row that
//! matches both gives the answer; what no row knows is an error that shows the script.

use futures_util::future::BoxFuture;
use muster_engine::connection::{
    Command, Completed, Connection, ConnectionError, Connector, Stream, Target, Trouble,
};
use regex::Regex;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a row answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The command completes so.
    Completed(Completed),
    /// The host cannot be reached, and why. A row whose pattern matches the empty script refuses the connection itself.
    Unreachable(String),
    /// The command fails so.
    Error(ConnectionError),
}

impl Answer {
    /// Success with an output.
    #[must_use]
    pub fn out(text: impl Into<Vec<u8>>) -> Self {
        Self::Completed(Completed { stdout: text.into(), ..Completed::default() })
    }

    /// An exit code with an error output.
    #[must_use]
    pub fn failed(rc: i32, text: impl Into<Vec<u8>>) -> Self {
        Self::Completed(Completed { rc, stderr: text.into(), ..Completed::default() })
    }
}

struct Row {
    hosts: globset::GlobMatcher,
    script: Regex,
    answer: Answer,
}

/// A command that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The host.
    pub host: Arc<str>,
    /// The command.
    pub command: Command,
}

/// A table of answers.
#[derive(Clone, Default)]
pub struct Scripted {
    rows: Arc<Vec<Row>>,
    latency: Duration,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Adds a row: a host glob, a regular expression for the script, the answer.
    ///
    /// # Errors
    /// When the glob or the expression is none.
    pub fn answer(mut self, hosts: &str, script: &str, answer: Answer) -> Result<Self, String> {
        let hosts = globset::Glob::new(hosts).map_err(|error| error.to_string())?.compile_matcher();
        let script = Regex::new(script).map_err(|error| error.to_string())?;
        let row = Row { hosts, script, answer };
        match Arc::get_mut(&mut self.rows) {
            Some(rows) => rows.push(row),
            None => return Err("rows are added before the table is shared".to_owned()),
        }
        Ok(self)
    }

    /// Lets every answer, and every connection, take that long.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Everything that was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, host: &str, script: &str) -> Option<&Answer> {
        let row = self.rows.iter().find(|row| row.hosts.is_match(host) && row.script.is_match(script))?;
        Some(&row.answer)
    }

    async fn wait(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
    }
}

impl Connector for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(async move {
            self.wait().await;
            if let Some(Answer::Unreachable(why)) = self.find(&target.host, "") {
                return Err(ConnectionError::new(Trouble::Unreachable, why.clone()));
            }
            let host = Arc::clone(&target.host);
            Ok(Arc::new(ScriptedConnection { host, table: self.clone() }) as Arc<dyn Connection>)
        })
    }
}

struct ScriptedConnection {
    host: Arc<str>,
    table: Scripted,
}

impl Connection for ScriptedConnection {
    fn exec<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Completed, ConnectionError>> {
        Box::pin(async move {
            let asked = Asked { host: Arc::clone(&self.host), command: command.clone() };
            self.table.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            let late = command.timeout.is_some_and(|limit| limit < self.table.latency);
            if let Some(limit) = command.timeout.filter(|_| late) {
                tokio::time::sleep(limit).await;
                let message = format!("the command ran longer than {} s", limit.as_secs_f64());
                return Err(ConnectionError::new(Trouble::TimedOut, message));
            }
            self.table.wait().await;
            match self.table.find(&self.host, &command.script) {
                Some(Answer::Completed(completed)) => Ok(completed.clone()),
                Some(Answer::Unreachable(why)) => {
                    Err(ConnectionError::new(Trouble::Unreachable, why.clone()))
                }
                Some(Answer::Error(error)) => Err(error.clone()),
                None => Err(ConnectionError::new(
                    Trouble::Unsupported,
                    format!("no row of the script answers for {}: {}", self.host, command.script),
                )),
            }
        })
    }

    fn tunnel<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectionError>> {
        let message = format!("a scripted host has no tunnel to {host}:{port}");
        Box::pin(async move { Err(ConnectionError::new(Trouble::Unsupported, message)) })
    }

    fn is_open(&self) -> bool {
        true
    }
}
