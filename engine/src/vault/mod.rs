//! Ansible's vault formats 1.1 and 1.2. Passwords come in as [`Secrets`], encrypted text goes to plain text and
//! back. Nothing here prints a password or a plain text.

use crate::secret::Secret;

/// Vault passwords by id, tried in order.
#[derive(Debug, Default)]
pub struct Secrets(pub Vec<(String, Secret)>);
