//! `muster check`, and `muster run` with a name: a shipped playbook, run like any other. It is written to a directory of its own
//! first, so that its roles and files are found as everywhere.

use super::playbooks;
use super::run::{self, Inventory};
use super::unpacked::Unpacked;
use crate::cli::Options;
use crate::exit::Exit;
use crate::session::Session;
use muster_engine::diagnostic::Class;

/// Runs the shipped playbook of that name.
pub fn run(session: &Session, name: &str, options: &Options) -> Result<Exit, Exit> {
    play(session, name, options, Inventory::Needed)
}

/// Runs it with an inventory, or without.
pub fn play(session: &Session, name: &str, options: &Options, inventory: Inventory) -> Result<Exit, Exit> {
    let file = playbooks::file_name(session, name)?;
    let dir = Unpacked::new(playbooks::write_out).map_err(|error| {
        let message = format!("cannot write the shipped playbooks to a temporary directory: {error}");
        session.stop(
            Class::Error,
            "muster::check::directory",
            message,
            "see whether TMPDIR can be written to",
        )
    })?;
    run::with(session, &[dir.path().join(file)], options, inventory)
}
