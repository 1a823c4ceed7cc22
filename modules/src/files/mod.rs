//! Modules for files. Each looks with one script and changes with another; the shared rooms below build the scripts
//! and read the answers: `script` quotes and frames, `facts` looks at a path, `attributes` plans owner and mode,
//! `write` replaces a file at once, `pattern` reads Python's regular expressions.

mod assemble;
pub(crate) mod attributes;
mod blockinfile;
mod copy;
pub(crate) mod diff;
pub(crate) mod download;
mod encoding;
pub(crate) mod facts;
mod fetch;
mod file;
mod find;
mod get_url;
mod ini_file;
mod lineinfile;
pub(crate) mod local;
mod mode;
pub(crate) mod pattern;
mod replace;
pub(crate) mod script;
mod slurp;
mod stat;
mod tempfile;
mod template;
pub(crate) mod text;
mod unarchive;
mod whole;
pub(crate) mod write;
mod x509_certificate_info;

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
        .with(find::Find)
        .with(assemble::Assemble)
        .with(get_url::GetUrl)
        .with(ini_file::IniFile)
        .with(unarchive::Unarchive)
        .with(lineinfile::LineInFile)
        .with(blockinfile::BlockInFile)
        .with(replace::Replace)
        .with(tempfile::TempFile)
        .with(x509_certificate_info::CertificateInfo)
}
