//! A directory for what the binary brings along, for as long as a run needs it. It is locked while its process lives, so that what
//! a killed one has left is known and taken away by the next; nothing of another user, or of a run that goes on, is touched.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// What its name begins with.
const PREFIX: &str = "muster-playbooks-";
/// A younger one may not be locked yet.
const SETTLED: Duration = Duration::from_secs(60);

/// The directory; gone when this is dropped.
pub struct Unpacked {
    dir: TempDir,
    /// Keeps the lock.
    _held: File,
}

impl Unpacked {
    /// A new one, with what `fill` puts there.
    ///
    /// # Errors
    /// It cannot be made or filled.
    pub fn new(fill: impl Fn(&Path) -> io::Result<()>) -> io::Result<Self> {
        let within = std::env::temp_dir();
        sweep(&within, SETTLED);
        Self::made(&within, fill)
    }

    fn made(within: &Path, fill: impl Fn(&Path) -> io::Result<()>) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(within)?;
        let held = File::open(dir.path())?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)?;
        fill(dir.path())?;
        Ok(Self { dir, _held: held })
    }

    /// Where.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Takes away what runs have left that were killed. What cannot be, the system's own cleaning will.
fn sweep(within: &Path, settled: Duration) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(within).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let is_left = entry.metadata().is_ok_and(|it| {
            let is_old = it.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= settled));
            it.is_dir() && it.uid() == own && is_old
        });
        let Ok(dir) = File::open(entry.path()) else { continue };
        if is_left && flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_swept_and_a_living_one_s_is_not() {
        let within = tempfile::tempdir().unwrap();
        let lives = Unpacked::made(within.path(), |dir| fs::write(dir.join("a"), "")).unwrap();
        let left = within.path().join(format!("{PREFIX}left"));
        let other = within.path().join("other");
        for dir in [&left, &other] {
            fs::create_dir(dir).unwrap();
            fs::write(dir.join("site.yml"), "").unwrap();
        }
        sweep(within.path(), SETTLED);
        assert!(left.exists(), "it may not be locked yet");
        sweep(within.path(), Duration::ZERO);
        assert!(!left.exists() && other.exists() && lives.path().join("a").exists());
    }
}
