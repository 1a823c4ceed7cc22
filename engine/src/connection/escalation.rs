//! Becoming another user on the target. What `become*` says comes in, the words that start a command as that
//! user go out. A password is never among the words: the connection writes it to the prompt.

use super::Secret;

/// How to become somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `sudo`.
    Sudo,
    /// `su`.
    Su,
    /// `doas`.
    Doas,
}

impl Method {
    /// The method that `become_method` names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name
            .strip_prefix("ansible.builtin.")
            .or(name.strip_prefix("community.general."))
            .unwrap_or(name)
        {
            "sudo" => Some(Self::Sudo),
            "su" => Some(Self::Su),
            "doas" => Some(Self::Doas),
            _ => None,
        }
    }

    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }
}

/// Whom to become, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Escalation {
    /// The method.
    pub method: Method,
    /// `become_user`.
    pub user: String,
    /// `become_password`.
    pub password: Option<Secret>,
    /// `become_flags`, as written; unset means the method's own (`-H -S -n` for sudo).
    pub flags: Option<String>,
    /// `become_exe`: another program in place of the method's own.
    pub exe: Option<String>,
}
