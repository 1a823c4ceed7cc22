//! What rendering may look at besides names: where lookups and includes find files, and how to open a vault.

use crate::source::Sources;
use crate::vault::Secrets;
use std::path::PathBuf;
use std::sync::Arc;

/// The world around a scope. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Directories searched for `files/x`, `templates/x`, `vars/x` and then `x` itself, nearest first:
    /// the role's, the including file's, the play's.
    pub search: Arc<[PathBuf]>,
    /// Vault passwords.
    pub secrets: Arc<Secrets>,
    /// The texts that places are in; without them no place is told.
    pub sources: Option<Arc<Sources>>,
    /// What `ansible_managed` is in a template where no variable says it (`ansible_managed` of the settings).
    pub managed: Option<Arc<str>>,
    /// Whether conditions may be what is no boolean (`allow_broken_conditionals`).
    pub broken_conditionals: bool,
}
