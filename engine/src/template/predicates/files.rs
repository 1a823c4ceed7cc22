//! Tests of files on this machine.

use super::Table;
use crate::template::{Value, fault, python};
use minijinja::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub const TABLE: Table = &[
    ("exists", |_, value, _| Ok(path(value)?.exists())),
    ("is_exists", |_, value, _| Ok(path(value)?.exists())),
    ("file", |_, value, _| Ok(path(value)?.is_file())),
    ("is_file", |_, value, _| Ok(path(value)?.is_file())),
    ("directory", |_, value, _| Ok(path(value)?.is_dir())),
    ("is_dir", |_, value, _| Ok(path(value)?.is_dir())),
    ("link", |_, value, _| Ok(path(value)?.is_symlink())),
    ("is_link", |_, value, _| Ok(path(value)?.is_symlink())),
    ("link_exists", |_, value, _| Ok(path(value)?.symlink_metadata().is_ok())),
    ("mount", |_, value, _| Ok(is_mount(&path(value)?))),
    ("is_mount", |_, value, _| Ok(is_mount(&path(value)?))),
    ("abs", |_, value, _| Ok(path(value)?.is_absolute())),
    ("is_abs", |_, value, _| Ok(path(value)?.is_absolute())),
    ("same_file", |_, value, args| is_same(&path(value)?, &path(&args.need(0, "other")?)?)),
    ("is_same_file", |_, value, args| is_same(&path(value)?, &path(&args.need(0, "other")?)?)),
    ("vaulted_file", |_, value, _| {
        let path = path(value)?;
        let start = std::fs::read(&path).map_err(|error| {
            let (name, why) = (path.display(), no(&error));
            fault::error(format!("Cannot test if the file '{name}' is a vault: {why}: b'{name}'"))
        })?;
        Ok(start.starts_with(b"$ANSIBLE_VAULT"))
    }),
];

fn path(value: &Value) -> Result<PathBuf, Error> {
    Ok(PathBuf::from(python::text(value)?))
}

fn is_mount(path: &Path) -> bool {
    let (Ok(here), Ok(above)) = (path.symlink_metadata(), path.join("..").metadata()) else { return false };
    !here.is_symlink() && (here.dev() != above.dev() || here.ino() == above.ino())
}

fn is_same(one: &Path, other: &Path) -> Result<bool, Error> {
    let about = |path: &Path| {
        let refuse = |error| fault::error(format!("{}: '{}'", no(&error), path.display()));
        path.metadata().map_err(refuse)
    };
    let (one, other) = (about(one)?, about(other)?);
    Ok(one.dev() == other.dev() && one.ino() == other.ino())
}

/// An error of the system as Python names it.
fn no(error: &std::io::Error) -> String {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or("");
    format!("[Errno {}] {words}", error.raw_os_error().unwrap_or(0))
}
