//! Why a road failed. The kind decides whether a host is unreachable or a task failed; the message says what was
//! tried and the hint what to type.

use std::fmt;

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No such name, refused, no route, no answer, lost.
    Unreachable,
    /// The host's key is unknown, changed or revoked.
    HostKey,
    /// No offered way to log in was accepted.
    Authentication,
    /// Becoming another user failed: the task's failure, not the host's.
    Escalation,
    /// The command ran longer than it may: the task's failure.
    TimedOut,
    /// The command's shell or channel ended before its answer, on a connection that stands: the task's failure. The
    /// command may have done part of its work.
    Lost,
    /// This kind of connection cannot do what was asked: the task's failure.
    Unsupported,
}

/// A failure of the road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    /// Its kind.
    pub trouble: Trouble,
    /// What happened, with what was tried.
    pub message: String,
    /// What to type next.
    pub hint: Option<String>,
}

impl ConnectionError {
    /// A failure of a kind.
    #[must_use]
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        Self { trouble, message: message.into(), hint: None }
    }

    /// With what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the host counts as unreachable rather than the task as failed.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.trouble, Trouble::Unreachable | Trouble::HostKey | Trouble::Authentication)
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConnectionError {}
