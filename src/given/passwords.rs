//! Passwords: asked for on the terminal, or read from the files that flags and settings name. Only [`Secret`]s leave
//! here, and no message shows one.

use crate::cli::{Connect, Escalate, Site};
use crate::exit::Exit;
use crate::session::Session;
use crate::terminal::ask_secret;
use muster_engine::diagnostic::Class;
use muster_engine::secret::Secret;
use muster_engine::vault::{Secrets, from_file};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Passwords of a run.
#[derive(Clone, Debug, Default)]
pub struct Passwords {
    /// To log in with.
    pub connection: Option<Secret>,
    /// To become another user with.
    pub escalation: Option<Secret>,
}

impl Passwords {
    /// Asks for or reads what flags and settings name; an empty answer for `-K` is the password of `-k`.
    ///
    /// # Errors
    /// There is nobody to ask, or a file cannot be read.
    pub fn read(session: &Session, connect: &Connect, escalate: &Escalate) -> Result<Self, Exit> {
        let settings = &session.settings;
        let file = connect.connection_password_file.as_ref().or(settings.connection_password_file.as_ref());
        let connection = match file {
            _ if connect.ask_pass || (settings.ask_pass && file.is_none()) => {
                Some(asked(session, "SSH password: ")?)
            }
            Some(file) => Some(of_file(session, file)?),
            None => None,
        };
        let file = escalate.become_password_file.as_ref().or(settings.become_password_file.as_ref());
        let escalation = match file {
            _ if escalate.ask_become_pass || (settings.become_ask_pass && file.is_none()) => {
                let question = match &connection {
                    Some(_) => "BECOME password[defaults to SSH password]: ",
                    None => "BECOME password: ",
                };
                Some(asked(session, question)?)
                    .filter(|answer| !answer.reveal().is_empty())
                    .or_else(|| connection.clone())
            }
            Some(file) => Some(of_file(session, file)?),
            None => None,
        };
        Ok(Self { connection, escalation })
    }
}

/// The vault passwords that flags and settings name, in the order in which they are tried.
///
/// # Errors
/// As [`Passwords::read`].
pub fn vault(session: &Session, site: &Site) -> Result<Arc<Secrets>, Exit> {
    let settings = &session.settings;
    let mut ids: Vec<String> = settings.vault_identity_list.clone();
    ids.extend(site.vault_id.iter().cloned());
    let files = site.vault_password_file.iter().map(|path| path.display().to_string());
    ids.extend(files);
    if site.vault_password_file.is_empty() {
        ids.extend(settings.vault_password_file.iter().map(|path| path.display().to_string()));
    }
    if site.ask_vault_pass || (settings.ask_vault_pass && ids.is_empty()) {
        ids.push("default@prompt".into());
    }
    let mut known: Vec<(String, Secret)> = vec![];
    for id in &ids {
        let (id, origin) = id.split_once('@').unwrap_or(("default", id));
        let id = if id.is_empty() { "default" } else { id };
        let secret = match origin {
            "prompt" | "prompt_ask_vault_pass" if id == "default" => asked(session, "Vault password: ")?,
            "prompt" | "prompt_ask_vault_pass" => asked(session, &format!("Vault password ({id}): "))?,
            file => from_file(&expanded(file), Some(id), &Secrets::new(known.clone()))
                .map_err(|why| session.stop(Class::Error, "muster::vault::password", why.to_string(), ""))?,
        };
        known.push((id.to_string(), secret));
    }
    Ok(Arc::new(Secrets::new(known)))
}

fn expanded(file: &str) -> std::path::PathBuf {
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.into(),
    }
}

fn asked(session: &Session, question: &str) -> Result<Secret, Exit> {
    ask_secret(question).map_err(|error| {
        let help = "name a file that holds the password, for example with --become-password-file";
        session.stop(
            Class::Usage,
            "muster::password::nobody",
            format!("cannot ask for a password: {error}"),
            help,
        )
    })
}

fn of_file(session: &Session, file: &Path) -> Result<Secret, Exit> {
    content(file).map(Secret::new).map_err(|error| {
        let message = format!("cannot read the password file `{}`: {error}", file.display());
        session.stop(Class::Error, "muster::password::file", message, "")
    })
}

/// What a file holds, what an executable prints, or (`-`) what comes on stdin; without blanks around it.
fn content(file: &Path) -> io::Result<String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        text
    } else if std::fs::metadata(file)?.permissions().mode() & 0o111 != 0 {
        let output = Command::new(std::path::absolute(file)?).output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("the program ended with {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(io::Error::other)?
    } else {
        std::fs::read_to_string(file)?
    };
    match text.trim() {
        "" => Err(io::Error::other("it is empty")),
        text => Ok(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_is_read_or_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pw");
        std::fs::write(&file, "  secret\n").unwrap();
        assert_eq!(content(&file).unwrap(), "secret");
        std::fs::write(&file, "\n").unwrap();
        assert!(content(&file).is_err());
        let program = dir.path().join("run");
        std::fs::write(&program, "#!/bin/sh\necho told\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(content(&program).unwrap(), "told");
    }
}
