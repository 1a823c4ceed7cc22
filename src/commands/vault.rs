//! `muster vault`: what ansible-vault does, with its words and exit codes. Files and passwords come in; files are
//! replaced, or are left as they were. No password and no plain text is part of a message.

mod editor;
mod files;
mod strings;

use crate::cli::{Vault, VaultAction, VaultPasswords};
use crate::exit::{self, Exit};
use crate::given::{Purpose, vault_passwords};
use crate::session::Session;
use files::{Holds, Place};
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use muster_engine::secret::Secret;
use muster_engine::vault::{Error, Opened, Secrets, encrypt, is_encrypted};
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Does what was asked for.
pub fn run(session: &Session, asked: &Vault) -> Result<Exit, Exit> {
    crate::log::begin(asked.verbose.max(session.settings.verbosity));
    let work = Work { session };
    match &asked.action {
        VaultAction::Create { files, skip_tty_check, encrypt_vault_id, passwords } => {
            let file = work.one_to_create(files, *skip_tty_check)?;
            let (id, password) = work.encrypting(passwords, encrypt_vault_id.as_deref())?;
            work.create(file, &id, &password)?;
        }
        VaultAction::Decrypt { files, output, passwords } => {
            work.at_most_one(files, output.as_deref())?;
            let secrets = work.opening(passwords)?;
            work.decrypt(files, output.as_deref(), &secrets)?;
        }
        VaultAction::Edit { files, passwords, .. } => {
            let secrets = work.opening(passwords)?;
            files.iter().try_for_each(|file| work.edit(file, &secrets))?;
        }
        VaultAction::View { files, passwords } => {
            let secrets = work.opening(passwords)?;
            files.iter().try_for_each(|file| work.view(file, &secrets))?;
        }
        VaultAction::Encrypt { files, output, encrypt_vault_id, passwords } => {
            work.at_most_one(files, output.as_deref())?;
            let (id, password) = work.encrypting(passwords, encrypt_vault_id.as_deref())?;
            work.encrypt(files, output.as_deref(), &id, &password)?;
        }
        VaultAction::EncryptString(asked) => work.strings(asked)?,
        VaultAction::Rekey { files, new_vault_id, new_vault_password_file, encrypt_vault_id, passwords } => {
            let secrets = work.opening(passwords)?;
            let new = VaultPasswords {
                vault_id: new_vault_id.iter().cloned().collect(),
                ask_vault_pass: passwords.ask_vault_pass,
                vault_password_file: new_vault_password_file.iter().cloned().collect(),
            };
            let (id, password) = work.rekeying(&new, encrypt_vault_id.as_deref())?;
            files.iter().try_for_each(|file| work.rekey(file, &secrets, &id, &password))?;
            eprintln!("Rekey successful");
        }
    }
    Ok(Exit(exit::OK))
}

/// The command at work.
struct Work<'a> {
    session: &'a Session,
}

/// Passwords.
impl Work<'_> {
    /// What files are opened with.
    fn opening(&self, given: &VaultPasswords) -> Result<Secrets, Exit> {
        self.valid_ids(given)?;
        let settings = &self.session.settings;
        let known = vault_passwords(self.session, &settings.vault_identity_list, given, Purpose::Open)?;
        Ok(Secrets::new(known).only_named(settings.vault_id_match))
    }

    /// The id and the password to encrypt with.
    fn encrypting(&self, given: &VaultPasswords, id: Option<&str>) -> Result<(String, Secret), Exit> {
        self.valid_ids(given)?;
        let settings = &self.session.settings;
        let known = vault_passwords(self.session, &settings.vault_identity_list, given, Purpose::Encrypt)?;
        let id = id.or(settings.vault_encrypt_identity.as_deref()).filter(|id| !id.is_empty());
        if id.is_none() && known.len() > 1 {
            let ids: Vec<&str> = known.iter().map(|(id, _)| id.as_str()).collect();
            let message = format!(
                "The vault-ids {} are available to encrypt. Specify the vault-id to encrypt with --encrypt-vault-id",
                ids.join(",")
            );
            return Err(self.usage(&message, ""));
        }
        self.chosen(known, id)
    }

    /// The id and the password that take the place of others.
    fn rekeying(&self, given: &VaultPasswords, id: Option<&str>) -> Result<(String, Secret), Exit> {
        self.valid_ids(given)?;
        let settings = &self.session.settings;
        let id = id.or(settings.vault_encrypt_identity.as_deref()).filter(|id| !id.is_empty());
        let list = if id.is_some() { settings.vault_identity_list.as_slice() } else { &[] };
        let known = vault_passwords(self.session, list, given, Purpose::Encrypt)?;
        self.chosen(known, id)
    }

    /// The first password of an id, or of any if none is asked for.
    fn chosen(&self, known: Vec<(String, Secret)>, id: Option<&str>) -> Result<(String, Secret), Exit> {
        let ids: Vec<String> = known.iter().map(|(id, _)| format!("'{id}'")).collect();
        let found = known.into_iter().find(|(name, _)| id.is_none_or(|id| id == name));
        found.ok_or_else(|| {
            let message = match id {
                Some(id) => format!(
                    "Did not find a match for --encrypt-vault-id={id} in the known vault-ids [{}]",
                    ids.join(", ")
                ),
                None => "A vault password is required to use Ansible's Vault".to_string(),
            };
            self.stop("muster::vault::no_password", message, "give it with --vault-id ID@FILE")
        })
    }

    /// An id becomes a part of a file's first line, and must not end it.
    fn valid_ids(&self, given: &VaultPasswords) -> Result<(), Exit> {
        match given.vault_id.iter().find(|id| id.contains([';', '\n', '\r'])) {
            Some(id) => {
                let message = format!(
                    "'{id}' is not a valid vault id. The character ';' is not allowed in vault ids, nor is the end of a line"
                );
                Err(self.usage(&message, ""))
            }
            None => Ok(()),
        }
    }
}

/// The verbs.
impl Work<'_> {
    fn create(&self, file: &Path, id: &str, password: &Secret) -> Result<(), Exit> {
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists());
        if let Some(dir) = dir {
            let message = format!("{} does not exist, creating...", dir.display());
            self.session.say(&Diagnostics(vec![Diagnostic::warning("muster::vault::directory", message)]));
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
            builder.create(dir).map_err(|error| self.unwritten(&dir.display().to_string(), &error))?;
        }
        let plain = self.edited(file, b"")?;
        let vault = self.vault_of(&plain, password, Some(id), file)?;
        self.write(&Place::of(file), vault.as_bytes(), Holds::Vault)
    }

    fn edit(&self, file: &Path, secrets: &Secrets) -> Result<(), Exit> {
        let place = self.file(file)?;
        let Opened { plain, id, password } = self.open(&place, file, secrets)?;
        let after = self.edited(file, &plain)?;
        if after == plain {
            return Ok(());
        }
        let vault = self.vault_of(&after, &password, id.as_deref(), file)?;
        self.write(&place, vault.as_bytes(), Holds::Vault)
    }

    fn rekey(&self, file: &Path, secrets: &Secrets, id: &str, password: &Secret) -> Result<(), Exit> {
        let place = self.file(file)?;
        let Opened { plain, .. } = self.open(&place, file, secrets)?;
        let vault = self.vault_of(&plain, password, Some(id), file)?;
        self.write(&place, vault.as_bytes(), Holds::Vault)
    }

    fn encrypt(
        &self,
        files: &[PathBuf],
        output: Option<&Path>,
        id: &str,
        password: &Secret,
    ) -> Result<(), Exit> {
        for file in self.inputs(files, "Reading plaintext input from stdin") {
            let place = Place::of(&file);
            let vault = self.vault_of(&self.read(&place)?, password, Some(id), &file)?;
            let to = output.map_or_else(|| place.clone(), Place::of);
            let holds = if to == place { Holds::VaultOfPlain } else { Holds::Vault };
            self.write(&to, vault.as_bytes(), holds)?;
        }
        self.done("Encryption successful");
        Ok(())
    }

    fn decrypt(&self, files: &[PathBuf], output: Option<&Path>, secrets: &Secrets) -> Result<(), Exit> {
        for file in self.inputs(files, "Reading ciphertext input from stdin") {
            let place = Place::of(&file);
            let Opened { plain, .. } = self.open(&place, &file, secrets)?;
            self.write(&output.map_or(place, Place::of), &plain, Holds::Plain)?;
        }
        self.done("Decryption successful");
        Ok(())
    }

    fn view(&self, file: &Path, secrets: &Secrets) -> Result<(), Exit> {
        let Opened { mut plain, .. } = self.open(&Place::of(file), file, secrets)?;
        if io::stdout().is_terminal() && self.paged(&plain) {
            return Ok(());
        }
        if !plain.ends_with(b"\n") {
            plain.push(b'\n');
        }
        self.write(&Place::Stream, &plain, Holds::Plain)
    }

    /// Whether the pager showed it.
    fn paged(&self, plain: &[u8]) -> bool {
        let mut pager = Command::new("sh");
        pager.args(["-c", &self.session.settings.pager]).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            pager.env("LESS", "FRSX");
        }
        let Ok(mut child) = pager.spawn() else { return false };
        if let Some(mut input) = child.stdin.take() {
            // Who leaves the pager early wants no more of it.
            _ = input.write_all(plain);
        }
        // 127 is what a shell ends with that does not find the program.
        child.wait().is_ok_and(|status| status.code() != Some(127))
    }

    fn edited(&self, file: &Path, plain: &[u8]) -> Result<Vec<u8>, Exit> {
        let editor = &self.session.settings.editor;
        let name = file.file_name().unwrap_or(OsStr::new("vault"));
        editor::edited(editor, name, plain).map_err(|error| {
            let message =
                format!("the editor `{editor}` did not do it: {error}; `{}` is as it was", file.display());
            self.stop("muster::vault::editor", message, "name another editor: EDITOR=nano")
        })
    }
}

/// What comes in and goes out, and what is wrong with it.
impl Work<'_> {
    /// The files, or stdin if there are none.
    fn inputs(&self, files: &[PathBuf], reading: &str) -> Vec<PathBuf> {
        if !files.is_empty() {
            return files.to_vec();
        }
        if io::stdin().is_terminal() {
            eprintln!("{reading}");
        }
        vec![PathBuf::from("-")]
    }

    fn one_to_create<'f>(&self, files: &'f [PathBuf], unwatched: bool) -> Result<&'f PathBuf, Exit> {
        let [file] = files else {
            return Err(self.usage("ansible-vault create can take only one filename argument", ""));
        };
        if !unwatched && !io::stdout().is_terminal() {
            let help = "encrypt what is there with `muster vault encrypt`, or give --skip-tty-check";
            return Err(self.usage("not a tty, editor cannot be opened", help));
        }
        self.file(file)?;
        if file.exists() {
            let message = format!("{} exists, please use 'edit' instead", file.display());
            return Err(self.stop("muster::vault::exists", message, ""));
        }
        Ok(file)
    }

    fn at_most_one(&self, files: &[PathBuf], output: Option<&Path>) -> Result<(), Exit> {
        if output.is_some() && files.len() > 1 {
            return Err(self.usage("At most one input file may be used with the --output option", ""));
        }
        Ok(())
    }

    /// A file, not a stream.
    fn file(&self, path: &Path) -> Result<Place, Exit> {
        match Place::of(path) {
            Place::Stream => Err(self.usage("`-` is no file that could be changed", "name a file")),
            place @ Place::File(_) => Ok(place),
        }
    }

    fn read(&self, place: &Place) -> Result<Vec<u8>, Exit> {
        place.read().map_err(|error| {
            let message = format!("Unable to read source file ({}): {error}", named(place));
            self.stop("muster::vault::read", message, "")
        })
    }

    fn write(&self, place: &Place, bytes: &[u8], holds: Holds) -> Result<(), Exit> {
        place.write(bytes, holds).map_err(|error| self.unwritten(&named(place), &error))
    }

    fn open(&self, place: &Place, file: &Path, secrets: &Secrets) -> Result<Opened, Exit> {
        let bytes = self.read(place)?;
        let text = std::str::from_utf8(&bytes).unwrap_or("");
        secrets.open(text).map_err(|error| self.broken(&error, &file.display().to_string()))
    }

    fn vault_of(&self, plain: &[u8], key: &Secret, id: Option<&str>, file: &Path) -> Result<String, Exit> {
        if std::str::from_utf8(plain).is_ok_and(is_encrypted) {
            return Err(self.encrypted(&format!(" for {}", file.display())));
        }
        encrypt(plain, key, id).map_err(|error| self.broken(&error, &file.display().to_string()))
    }

    /// Says that all went well, to a person.
    fn done(&self, message: &str) {
        if io::stdout().is_terminal() {
            eprintln!("{message}");
        }
    }

    fn broken(&self, error: &Error, what: &str) -> Exit {
        let (message, help) = match error {
            Error::NotVault => ("Input is not vault encrypted data".to_string(), String::new()),
            Error::WrongPassword { id } => {
                let id = id.as_ref().map(|id| format!("it names the id `{id}`: --vault-id {id}@FILE"));
                let message = "Decryption failed (no vault secrets were found that could decrypt)";
                (message.to_string(), id.unwrap_or_default())
            }
            other => (other.to_string(), String::new()),
        };
        self.stop("muster::vault::broken", format!("{message} for {what}"), &help)
    }

    fn encrypted(&self, what: &str) -> Exit {
        let help = "to encrypt it with another password: muster vault rekey";
        self.stop("muster::vault::encrypted", format!("input is already encrypted{what}"), help)
    }

    fn unwritten(&self, place: &str, error: &io::Error) -> Exit {
        self.stop("muster::vault::write", format!("cannot write `{place}`: {error}; it is as it was"), "")
    }

    fn stop(&self, code: &'static str, message: impl Into<String>, help: &str) -> Exit {
        self.session.stop(Class::Error, code, message, help)
    }

    fn usage(&self, message: &str, help: &str) -> Exit {
        self.session.stop(Class::Usage, "muster::vault::usage", message, help)
    }
}

fn named(place: &Place) -> String {
    match place {
        Place::Stream => "-".into(),
        Place::File(path) => path.display().to_string(),
    }
}
