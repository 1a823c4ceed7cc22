//! The editor. Plain bytes come in, what a person made of them goes out. They lie in a file that only its owner can
//! read, in a directory that only its owner can enter, and both are gone afterwards, whichever way it ended.

use super::files::overwrite;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// What a person makes of some bytes. The editor sees a file of the same name, so that it knows what kind it is.
pub fn edited(editor: &str, name: &OsStr, before: &[u8]) -> io::Result<Vec<u8>> {
    let words = shlex::split(editor).ok_or_else(|| io::Error::other("its command has an open quote"))?;
    let (program, arguments) = match words.split_first() {
        Some((program, arguments)) => (program.as_str(), arguments),
        None => ("vi", [].as_slice()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // From here on no signal ends this program before the plain text is gone. A person's Ctrl-C is the editor's.
        let _interrupt = signal(SignalKind::interrupt())?;
        let _quit = signal(SignalKind::quit())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let desk = Desk::lay(name, before)?;
        let mut child = Command::new(program).args(arguments).arg(&desk.file).spawn()?;
        let ended = tokio::select! {
            ended = child.wait() => Some(ended?),
            _ = terminate.recv() => None,
            _ = hangup.recv() => None,
        };
        match ended {
            Some(status) if status.success() => fs::read(&desk.file),
            Some(status) => Err(io::Error::other(format!("it ended with {status}"))),
            None => {
                child.kill().await?;
                Err(io::Error::new(io::ErrorKind::Interrupted, "it was told to end"))
            }
        }
    })
}

/// A directory with a plain text in it.
struct Desk {
    file: PathBuf,
    dir: TempDir,
}

impl Desk {
    fn lay(name: &OsStr, bytes: &[u8]) -> io::Result<Self> {
        // Where there is a directory in memory for this user alone, a plain text never comes near a disk.
        let memory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir());
        let base = memory.unwrap_or_else(std::env::temp_dir);
        let private = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("muster-vault-").permissions(private).tempdir_in(base)?;
        let desk = Self { file: dir.path().join(name), dir };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&desk.file)?;
        file.write_all(bytes)?;
        Ok(desk)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let files = fs::read_dir(self.dir.path()).into_iter().flatten().flatten();
        // The editor may have left copies beside it. The directory itself goes when its owner is dropped.
        files
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .for_each(|entry| erase(&entry.path()));
    }
}

fn erase(path: &Path) {
    let file = OpenOptions::new().write(true).open(path);
    if fs::remove_file(path).is_ok() {
        file.iter().for_each(overwrite);
    }
}
