//! What a module says while it works. Lines come in one by one and are shown at once, in their order; they are no part of its
//! result, and of a `no_log` task nobody hears any.

use std::fmt;
use std::sync::Arc;

/// Something a module says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What is going on.
    Line(String),
    /// What the person should know; a warning of the result with the same text is not shown again.
    Warning(String),
}

/// Where a module says it.
#[derive(Clone, Default)]
pub struct Live(Option<Arc<dyn Fn(Said) + Send + Sync>>);

impl Live {
    /// Where somebody listens.
    pub fn new(hear: impl Fn(Said) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    /// Says a line.
    pub fn line(&self, text: impl Into<String>) {
        self.say(Said::Line(text.into()));
    }

    /// Warns.
    pub fn warn(&self, text: impl Into<String>) {
        self.say(Said::Warning(text.into()));
    }

    fn say(&self, said: Said) {
        if let Some(hear) = &self.0 {
            hear(said);
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0.is_some()).finish()
    }
}
