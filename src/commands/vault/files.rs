//! The files that `muster vault` reads and replaces. Bytes come in and go out; a file is either what it was or wholly
//! what it is to be, with its mode and owner, and nothing that holds a plain text is readable for others.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Where bytes are read from and written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `-`: stdin, stdout.
    Stream,
    /// A file; a link to it was followed, so that replacing it leaves the link alone.
    File(PathBuf),
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A plain text, which only the file's owner may read.
    Plain,
    /// A vault in place of a plain text, whose bytes are overwritten.
    VaultOfPlain,
    /// A vault in place of another.
    Vault,
}

impl Place {
    /// What a path on the command line means.
    pub fn of(path: &Path) -> Self {
        if path == Path::new("-") {
            return Self::Stream;
        }
        Self::File(path.canonicalize().unwrap_or_else(|_| path.to_path_buf()))
    }

    /// All bytes there.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Stream => {
                let mut bytes = vec![];
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::File(path) => fs::read(path),
        }
    }

    /// Puts bytes there.
    pub fn write(&self, bytes: &[u8], holds: Holds) -> io::Result<()> {
        match self {
            Self::Stream => {
                let mut out = io::stdout().lock();
                match out.write_all(bytes).and_then(|()| out.flush()) {
                    // A reader that went away wants no more of it.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    done => done,
                }
            }
            Self::File(path) => replace(path, bytes, holds),
        }
    }
}

/// Replaces a file in one step; a device or a pipe is written to.
fn replace(path: &Path, bytes: &[u8], holds: Holds) -> io::Result<()> {
    let before = match fs::metadata(path) {
        Ok(before) if before.is_file() => Some(before),
        Ok(_) => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(dir)?;
    new.write_all(bytes)?;
    if let Some(before) = &before {
        let own = new.as_file().metadata()?;
        if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
            fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
        let kept = if holds == Holds::Plain { 0o700 } else { 0o777 };
        new.as_file().set_permissions(Permissions::from_mode(before.mode() & kept))?;
    }
    new.as_file().sync_all()?;
    let plain = OpenOptions::new().write(true).open(path).ok().filter(|_| holds == Holds::VaultOfPlain);
    new.persist(path).map_err(|failed| failed.error)?;
    plain.iter().for_each(overwrite);
    Ok(())
}

/// Overwrites what a file held that no path leads to any more. That is as much as can be done: a disk may keep copies.
pub fn overwrite(mut file: &File) {
    let Ok(about) = file.metadata() else { return };
    if about.nlink() == 0 {
        let mut zeros = io::repeat(0).take(about.len());
        // What cannot be overwritten is removed all the same.
        _ = io::copy(&mut zeros, &mut file).and_then(|_| file.sync_all());
    }
}
