//! The face of muster: argv in, exit code out.

mod report;

fn main() {}
