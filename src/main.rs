//! The face of muster: argv in, exit code out.

mod cli;
mod commands;
mod exit;
mod given;
mod log;
mod python;
mod report;
mod session;
mod settings;
mod site;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Invocation::from_argv(std::env::args_os()) {
        Ok(invocation) => commands::run(invocation).into(),
        Err(error) => {
            // A reader that went away needs no help text.
            _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::FAILED))
        }
    }
}
