//! `muster completion`: what a shell needs to complete our command lines.

use super::print;
use crate::cli::Invocation;
use crate::exit::Exit;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the completions of a shell.
pub fn run(shell: Shell) -> Result<Exit, Exit> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Invocation::command(), "muster", &mut script);
    Ok(print(&String::from_utf8_lossy(&script)))
}
