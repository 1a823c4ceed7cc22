//! How modules that are not built in are found: beside the playbook and in its roles, in installed collections, in an
//! installed ansible-core. A name and the directories around a task come in; a module, another name, or a refusal goes
//! out. Asked by the plan only: when a run begins every module is known.

use super::AnyModule;
use std::path::PathBuf;
use std::sync::Arc;

/// The directories around a task.
#[derive(Clone, Debug, Default)]
pub struct Nearby {
    /// The playbook's.
    pub playbook: PathBuf,
    /// Those of every role that was read, in that order.
    pub roles: Vec<PathBuf>,
    /// Whether a plugin of the site may stand before a module.
    pub actions: bool,
}

/// What a search came to.
pub enum Found {
    /// A module.
    Module(Arc<dyn AnyModule>),
    /// The name it has now.
    Moved(String),
    /// It is there, but cannot run; why, and what to do about it.
    Refused(String, String),
    /// It is in none of these places.
    Nowhere(Vec<String>),
}

/// Finds modules.
pub trait Finder: Send + Sync {
    /// A module of a short name in the `library` directories.
    fn beside(&self, name: &str, near: &Nearby) -> Found;

    /// A module of a full name in collections, or in ansible-core.
    fn installed(&self, name: &str, near: &Nearby) -> Found;
}

/// Finds nothing: a run with what is built in.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Finder for Nothing {
    fn beside(&self, _: &str, _: &Nearby) -> Found {
        Found::Nowhere(vec![])
    }

    fn installed(&self, _: &str, _: &Nearby) -> Found {
        Found::Nowhere(vec![])
    }
}
