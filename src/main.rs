//! The face of muster: argv in, exit code out.

mod cli;
mod exit;
mod report;
mod settings;

fn main() {}
