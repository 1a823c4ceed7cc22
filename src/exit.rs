//! Exit codes: ansible-playbook's, and one of ours for checks. A recap or diagnostics come in, a code goes out.

use crate::report::has_errors;
use muster_engine::diagnostic::{Class, Diagnostics};
use muster_engine::recap::Recap;
use std::process::ExitCode;

/// All went well; warnings do not count.
pub const OK: u8 = 0;
/// Something that has no code of its own.
pub const ERROR: u8 = 1;
/// A task failed, or the command line cannot be read.
pub const FAILED: u8 = 2;
/// No task failed, but a check found an error that nobody said to ignore (ours).
pub const FINDINGS: u8 = 3;
/// A host was unreachable, or the playbook cannot be read.
pub const UNREACHABLE: u8 = 4;
/// Options that contradict each other.
pub const USAGE: u8 = 5;
/// A person stopped the run.
pub const INTERRUPTED: u8 = 99;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// How a run ends: as Ansible, and with [`FINDINGS`] where Ansible knows nothing.
    #[must_use]
    pub fn of_run(recap: &Recap, ignored: &[String], interrupted: bool) -> Self {
        match recap.exit.unwrap_or(ERROR) {
            _ if interrupted => Self(INTERRUPTED),
            OK if has_errors(recap, ignored) => Self(FINDINGS),
            code => Self(code),
        }
    }

    /// How diagnostics end what was begun; [`OK`] if they are all warnings.
    #[must_use]
    pub fn of_diagnostics(diagnostics: &Diagnostics) -> Self {
        Self(match diagnostics.class() {
            None => OK,
            Some(Class::Error) => ERROR,
            Some(Class::Undefined) => FAILED,
            Some(Class::Parse) => UNREACHABLE,
            Some(Class::Usage) => USAGE,
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::recap::Finding;
    use serde_json::json;

    fn recap(exit: u8, verdict: &str, severity: &str) -> Recap {
        let check =
            json!({"id": "a", "verdict": verdict, "severity": severity}).as_object().cloned().unwrap();
        Recap { exit: Some(exit), findings: vec![Finding { host: "h".into(), check }], ..Recap::default() }
    }

    #[test]
    fn findings_matter_only_when_no_task_failed() {
        assert_eq!(Exit::of_run(&recap(0, "fail", "error"), &[], false), Exit(FINDINGS));
        assert_eq!(Exit::of_run(&recap(2, "fail", "error"), &[], false), Exit(FAILED));
        assert_eq!(Exit::of_run(&recap(0, "fail", "warning"), &[], false), Exit(OK));
        assert_eq!(Exit::of_run(&recap(0, "fail", "error"), &["a".into()], false), Exit(OK));
        assert_eq!(Exit::of_run(&recap(0, "pass", "error"), &[], true), Exit(INTERRUPTED));
    }
}
