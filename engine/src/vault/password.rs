//! Where vault passwords come from: a file, or what an executable prints. A path comes in, a [`Secret`] goes out.
//! Asking a person is the face's business.

use super::{Secrets, is_encrypted};
use crate::secret::Secret;
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("could not read vault password file `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The script cannot be started.
    #[error("problem running vault password script `{}`: {source}; if it is not a script, remove its executable bit", .path.display())]
    Run {
        /// The script.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The script failed; what it wrote to standard error was shown when it wrote it.
    #[error("vault password script `{}` ended with {status}", .path.display())]
    Failed {
        /// The script.
        path: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The script knows no password for the id: it ended with status 2.
    #[error("vault password script `{}` has no secret for the id `{id}`", .path.display())]
    UnknownId {
        /// The script.
        path: PathBuf,
        /// The id asked for.
        id: String,
    },
    /// The password is empty or not UTF-8.
    #[error("invalid vault password was provided from `{}`: it is {what}", .path.display())]
    Invalid {
        /// The file or script.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file is itself a vault that the passwords so far do not open.
    #[error("vault password file `{}` is encrypted: {source}", .path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// Why it does not open.
        source: super::Error,
    },
}

/// The password of an id from a file, or from what it prints if it is executable. A script whose name ends in `-client`
/// (before its extension) is told the id with `--vault-id`. A file may be a vault itself; `known` must then open it.
///
/// # Errors
/// It cannot be read or run, fails, or gives no usable password.
pub fn from_file(path: &Path, id: Option<&str>, known: &Secrets) -> Result<Secret, PasswordError> {
    let owned = || path.to_path_buf();
    let bytes = if path.is_file() && access(path, Access::EXEC_OK).is_ok() {
        run(path, id)?
    } else {
        let bytes = std::fs::read(path).map_err(|source| PasswordError::Read { path: owned(), source })?;
        bytes.trim_ascii().to_vec()
    };
    let invalid = |what| PasswordError::Invalid { path: owned(), what };
    let mut text = String::from_utf8(bytes).map_err(|_| invalid("not UTF-8"))?;
    if is_encrypted(&text) {
        text = known.decrypt(&text).map_err(|source| PasswordError::Encrypted { path: owned(), source })?;
    }
    match text.trim_matches(['\r', '\n']) {
        "" => Err(invalid("empty")),
        password => Ok(Secret::new(password)),
    }
}

fn run(path: &Path, id: Option<&str>) -> Result<Vec<u8>, PasswordError> {
    let client =
        path.file_stem().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with("-client"));
    // A bare name must not be looked up in PATH.
    let program = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut command = Command::new(program);
    if let Some(id) = id.filter(|_| client) {
        command.args(["--vault-id", id]);
    }
    let ran = command.stdin(Stdio::inherit()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|source| PasswordError::Run { path: path.to_path_buf(), source })?;
    match (ran.status.success(), ran.status.code(), id) {
        (true, ..) => Ok(ran.stdout),
        (_, Some(2), Some(id)) if client => {
            Err(PasswordError::UnknownId { path: path.to_path_buf(), id: id.to_owned() })
        }
        _ => Err(PasswordError::Failed { path: path.to_path_buf(), status: ran.status }),
    }
}
