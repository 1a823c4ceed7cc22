//! Passwords: asked for on the terminal, or read from the files that flags and settings name. Only [`Secret`]s leave
//! here, and no message shows one.

use crate::cli::{Connect, Escalate, VaultPasswords};
use crate::exit::Exit;
use crate::session::Session;
use crate::terminal::ask_secret;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
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

/// What vault passwords are for, and so how a person is asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To open what a run reads; nobody is asked unbidden.
    Run,
    /// To open what `muster vault` was given.
    Open,
    /// To encrypt: what is typed is asked for twice.
    Encrypt,
}

/// The vault passwords of a run, in the order in which they are tried.
///
/// # Errors
/// As [`Passwords::read`].
pub fn vault(session: &Session, given: &VaultPasswords) -> Result<Arc<Secrets>, Exit> {
    let list = &session.settings.vault_identity_list;
    let known = vault_passwords(session, list, given, Purpose::Run)?;
    Ok(Arc::new(Secrets::new(known).only_named(session.settings.vault_id_match)))
}

/// The vault passwords that a list of ids, flags and settings name, with their ids. One that cannot be had is warned
/// about; it is an error only if it leaves none.
///
/// # Errors
/// There is nobody to ask, or no file can be read.
pub fn vault_passwords(
    session: &Session,
    list: &[String],
    given: &VaultPasswords,
    purpose: Purpose,
) -> Result<Vec<(String, Secret)>, Exit> {
    let settings = &session.settings;
    let mut ids: Vec<String> = list.iter().chain(&given.vault_id).cloned().collect();
    let own = settings.vault_password_file.as_ref().filter(|_| given.vault_password_file.is_empty());
    let files = given.vault_password_file.iter().chain(own);
    ids.extend(files.map(|path| format!("@{}", path.display())));
    let unbidden = settings.ask_vault_pass || purpose != Purpose::Run;
    if given.ask_vault_pass || (unbidden && ids.is_empty()) {
        ids.push(format!("@{UNNAMED_PROMPT}"));
    }
    let mut known: Vec<(String, Secret)> = vec![];
    let mut missing = None;
    for id in &ids {
        let (id, origin) = id.split_once('@').unwrap_or(("", id));
        let id = if id.is_empty() { &settings.vault_identity } else { id };
        match origin {
            "prompt" | UNNAMED_PROMPT => {
                known.push((id.into(), typed(session, id, origin == UNNAMED_PROMPT, purpose)?));
            }
            file => match from_file(&expanded(file), Some(id), &Secrets::new(known.clone())) {
                Ok(secret) => known.push((id.into(), secret)),
                Err(why) => {
                    missing.get_or_insert_with(Diagnostics::default).push(Diagnostic::warning(
                        "muster::vault::password",
                        format!("Error getting vault password file ({id}): {why}"),
                    ));
                }
            },
        }
    }
    match missing {
        Some(Diagnostics(all)) if known.is_empty() => {
            let error = |one: Diagnostic| Diagnostic::error(Class::Error, one.code, one.message);
            session.weigh(&Diagnostics(all.into_iter().map(error).collect()))?;
        }
        Some(all) => session.say(&all),
        None => {}
    }
    Ok(known)
}

/// How `--ask-vault-pass` asks: without naming an id, as programs that answer expect it.
const UNNAMED_PROMPT: &str = "prompt_ask_vault_pass";

/// A vault password that a person types; a new one twice.
fn typed(session: &Session, id: &str, unnamed: bool, purpose: Purpose) -> Result<Secret, Exit> {
    let stop = |message: &str| session.stop(Class::Error, "muster::vault::password", message, "");
    let asked = |question: &str| {
        let answer = ask_secret(question).map_err(|error| {
            let help = "name a file that holds the password, with --vault-password-file or --vault-id";
            nobody(session, &error, help)
        })?;
        match answer.reveal().trim() {
            "" => Err(stop("Invalid vault password was provided: it is empty")),
            password => Ok(Secret::new(password)),
        }
    };
    let new = purpose == Purpose::Encrypt;
    let password = match (new, unnamed) {
        (false, true) => asked("Vault password: ")?,
        (false, false) => asked(&format!("Vault password ({id}): "))?,
        (true, true) => asked("New Vault password: ")?,
        (true, false) => asked(&format!("New vault password ({id}): "))?,
    };
    let again = match unnamed {
        _ if !new => return Ok(password),
        true => asked("Confirm New Vault password: ")?,
        false => asked(&format!("Confirm new vault password ({id}): "))?,
    };
    if again == password { Ok(password) } else { Err(stop("Passwords do not match")) }
}

fn expanded(file: &str) -> std::path::PathBuf {
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.into(),
    }
}

fn asked(session: &Session, question: &str) -> Result<Secret, Exit> {
    let help = "name a file that holds the password, for example with --become-password-file";
    ask_secret(question).map_err(|error| nobody(session, &error, help))
}

fn nobody(session: &Session, error: &io::Error, help: &str) -> Exit {
    let message = format!("cannot ask for a password: {error}");
    session.stop(Class::Usage, "muster::password::nobody", message, help)
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
