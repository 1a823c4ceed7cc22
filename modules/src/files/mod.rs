//! Modules for files. Each looks with one script and changes with another; the shared rooms below build the scripts
//! and read the answers: `script` quotes and frames, `facts` looks at a path, `attributes` plans owner and mode,
//! `write` replaces a file at once, `pattern` reads Python's regular expressions.

mod attributes;
mod blockinfile;
mod copy;
mod diff;
mod facts;
mod fetch;
mod file;
mod lineinfile;
mod local;
mod mode;
mod pattern;
mod replace;
mod script;
mod slurp;
mod stat;
mod tempfile;
mod template;
mod text;
mod whole;
mod write;

pub(crate) use whole::File;

use muster_engine::module::Registry;

/// The registry with the modules for files.
pub(crate) fn register(registry: Registry) -> Registry {
    registry
        .with(stat::Stat)
        .with(slurp::Slurp)
        .with(fetch::Fetch)
        .with(copy::Copy)
        .with(template::Template)
        .with(file::File)
        .with(lineinfile::LineInFile)
        .with(blockinfile::BlockInFile)
        .with(replace::Replace)
        .with(tempfile::TempFile)
}
