//! `muster check`, and `muster run` with a name: a shipped playbook, run like any other. It is written to a directory of its own first, so that its
//! roles and files are found as everywhere.

use super::playbooks;
use crate::cli::Options;
use crate::exit::Exit;
use crate::report::Shape;
use crate::session::Session;
use muster_engine::diagnostic::Class;

/// Runs the shipped playbook of that name.
pub fn run(session: &Session, name: &str, options: &Options) -> Result<Exit, Exit> {
    shaped(session, name, options, None)
}

/// Runs it in that shape, or in the one that is set.
pub fn shaped(session: &Session, name: &str, options: &Options, shape: Option<Shape>) -> Result<Exit, Exit> {
    let file = playbooks::file_name(session, name)?;
    let dir = tempfile::tempdir().and_then(|dir| playbooks::write_out(dir.path()).map(|()| dir));
    let dir = dir.map_err(|error| {
        let message = format!("cannot write the shipped playbooks to a temporary directory: {error}");
        session.stop(
            Class::Error,
            "muster::check::directory",
            message,
            "see whether TMPDIR can be written to",
        )
    })?;
    super::run::shaped(session, &[dir.path().join(file)], options, shape)
}
