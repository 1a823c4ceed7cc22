//! One command for a target and what came of it. The script is POSIX sh; escalation, environment and the time
//! limit are data that the connection applies.

use super::Escalation;
use std::sync::Arc;
use std::time::Duration;

/// How a command is to be carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Through the long-lived shell where that can be done, else a channel of its own.
    #[default]
    Auto,
    /// A channel (or process) of its own.
    Channel,
    /// A channel of its own with a terminal; standard error arrives in standard output.
    Terminal,
    /// A channel of its own and the script handed to the login shell as it is: the `raw` module.
    Raw,
}

/// A POSIX sh script to run.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// The script. Runs in a subshell or process of its own: it cannot change the session.
    pub script: String,
    /// Bytes for its standard input; without them it reads nothing.
    pub stdin: Option<Arc<[u8]>>,
    /// Environment, in order, set before the script runs (and within the escalation).
    pub environment: Vec<(String, String)>,
    /// As whom.
    pub escalation: Option<Escalation>,
    /// After this long the remote process group is ended and the error is `Trouble::TimedOut`.
    pub timeout: Option<Duration>,
    /// Most bytes kept of each of stdout and stderr; what is over is read and dropped.
    pub cap: Option<usize>,
    /// How it is carried.
    pub way: Way,
}

impl Command {
    /// A script with nothing else.
    #[must_use]
    pub fn new(script: impl Into<String>) -> Self {
        Self { script: script.into(), ..Self::default() }
    }

    /// With bytes for standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }
}

/// What came of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// The exit code; 128 + n for signal n.
    pub rc: i32,
    /// Standard output, at most the cap.
    pub stdout: Vec<u8>,
    /// Standard error, at most the cap.
    pub stderr: Vec<u8>,
    /// How many bytes of both were dropped over the cap.
    pub truncated: u64,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
}

impl Completed {
    /// Standard output as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn out(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn err(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Whether it ended with 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.rc == 0
    }
}
