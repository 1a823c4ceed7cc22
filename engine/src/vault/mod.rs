//! Ansible's vault formats 1.1 and 1.2. Passwords come in as [`Secrets`], encrypted text goes to plain text and
//! back. Nothing here prints a password or a plain text.

mod cipher;
mod password;

pub use password::{PasswordError, from_file};

use crate::secret::Secret;
use cipher::{Keys, SALT};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

const HEADER: &str = "$ANSIBLE_VAULT";
/// The id of a password that was given none.
pub const DEFAULT_ID: &str = "default";
const WIDTH: usize = 80;

/// Vault passwords by id, tried in order.
#[derive(Default)]
pub struct Secrets {
    passwords: Vec<(String, Secret)>,
    /// Whether only passwords of the id that a vault names are tried.
    only_named: bool,
    /// Keys by password and salt: deriving them is made to be slow.
    keys: Mutex<HashMap<(Secret, Vec<u8>), Keys>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.passwords.iter().map(|(id, _)| id)).finish()
    }
}

/// What a vault held, and what opened it.
pub struct Opened {
    /// The plain bytes.
    pub plain: Vec<u8>,
    /// The id that its header names; format 1.1 names none.
    pub id: Option<String>,
    /// The password that fitted.
    pub password: Secret,
}

/// Why a text cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no vault header.
    #[error("input is not vault encrypted data")]
    NotVault,
    /// The header or the body is damaged.
    #[error("the vault is malformed: {0}")]
    Malformed(&'static str),
    /// The cipher is unknown.
    #[error("the vault's cipher `{0}` is not supported, only AES256 is")]
    Cipher(String),
    /// There is no password at all.
    #[error("a vault password must be specified to decrypt data")]
    NoPassword,
    /// No password fits: it is the wrong one, or the text was changed.
    #[error("decryption failed: no vault secret fits{}, or the data was changed", .id.as_ref().map(|id| format!(" (the data names the id `{id}`)")).unwrap_or_default())]
    WrongPassword {
        /// The id the text names.
        id: Option<String>,
    },
    /// The plain text is not UTF-8.
    #[error("the decrypted data is not UTF-8 text")]
    NotText,
    /// The machine gave no random bytes.
    #[error("no random bytes for a salt")]
    NoRandom,
}

/// Whether a text is a vault.
#[must_use]
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with(HEADER)
}

/// What a vault's text says before it is decrypted.
struct Envelope {
    id: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    data: Vec<u8>,
}

impl Envelope {
    fn read(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if !is_encrypted(text) {
            return Err(Error::NotVault);
        }
        let mut lines = text.lines().map(str::trim);
        let mut header = lines.next().unwrap_or("").split(';').map(str::trim).skip(1);
        let id = match header.next() {
            Some("1.1") => None,
            Some("1.2") => {
                Some(header.clone().nth(1).filter(|id| !id.is_empty()).unwrap_or(DEFAULT_ID).to_owned())
            }
            _ => return Err(Error::Malformed("its format is neither 1.1 nor 1.2")),
        };
        match header.next() {
            Some("AES256") => {}
            other => return Err(Error::Cipher(other.unwrap_or("").to_owned())),
        }
        let unhex = |text: &str| hex::decode(text).map_err(|_| Error::Malformed("it is not hexadecimal"));
        let body = unhex(&lines.collect::<String>())?;
        let body = String::from_utf8(body).map_err(|_| Error::Malformed("its body is not text"))?;
        let mut parts = body.splitn(3, '\n').map(unhex);
        let mut part = || parts.next().unwrap_or(Err(Error::Malformed("it is cut short")));
        Ok(Self { id, salt: part()?, mac: part()?, data: part()? })
    }
}

impl Secrets {
    /// Passwords by id, to be tried in this order.
    #[must_use]
    pub fn new(passwords: Vec<(String, Secret)>) -> Self {
        Self { passwords, ..Self::default() }
    }

    /// Whether only passwords of the id that a vault names are tried, as `vault_id_match` has it.
    #[must_use]
    pub fn only_named(self, only_named: bool) -> Self {
        Self { only_named, ..self }
    }

    /// Adds a password, to be tried after the others.
    pub fn push(&mut self, id: impl Into<String>, password: Secret) {
        self.passwords.push((id.into(), password));
    }

    /// Whether there is no password.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    /// The first password of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Secret> {
        self.passwords.iter().find(|(name, _)| name == id).map(|(_, password)| password)
    }

    /// The plain text of a vault. The password of the id it names is tried first, then all others.
    ///
    /// # Errors
    /// It is no vault, it is damaged, no password fits, or the plain text is not UTF-8.
    pub fn decrypt(&self, text: &str) -> Result<String, Error> {
        String::from_utf8(self.decrypt_bytes(text)?).map_err(|_| Error::NotText)
    }

    /// The plain bytes of a vault, which may be a binary file.
    ///
    /// # Errors
    /// It is no vault, it is damaged, or no password fits.
    pub fn decrypt_bytes(&self, text: &str) -> Result<Vec<u8>, Error> {
        self.open(text).map(|opened| opened.plain)
    }

    /// The plain bytes of a vault with its id and its password, so that it can be encrypted again as it was.
    ///
    /// # Errors
    /// As [`Self::decrypt_bytes`].
    pub fn open(&self, text: &str) -> Result<Opened, Error> {
        let Envelope { id, salt, mac, data } = Envelope::read(text)?;
        if self.passwords.is_empty() {
            return Err(Error::NoPassword);
        }
        let named = |(name, _): &&(String, Secret)| name == id.as_deref().unwrap_or(DEFAULT_ID);
        let first = self.passwords.iter().filter(named);
        let others = self.passwords.iter().filter(|secret| !self.only_named && !named(secret));
        let mut tried = first.chain(others).filter_map(|(_, password)| {
            let plain = self.keys(password, &salt).decrypt(&mac, &data).ok()?;
            Some((plain, password.clone()))
        });
        match tried.next() {
            Some((plain, password)) => Ok(Opened { plain, id: id.clone(), password }),
            None => Err(Error::WrongPassword { id: id.clone() }),
        }
    }

    /// A password's keys for a salt, derived outside of the lock so that many can be at once.
    fn keys(&self, password: &Secret, salt: &[u8]) -> Keys {
        let known = || self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (password.clone(), salt.to_vec());
        if let Some(keys) = known().get(&name) {
            return keys.clone();
        }
        let keys = Keys::derive(password, salt);
        known().insert(name, keys.clone());
        keys
    }
}

/// A vault of some bytes: format 1.2 if an id is given that is not `default`, else 1.1.
///
/// # Errors
/// The machine gave no random bytes.
pub fn encrypt(plain: &[u8], password: &Secret, id: Option<&str>) -> Result<String, Error> {
    encrypt_with_salt(plain, password, id, None)
}

/// The same with a salt of one's own: the same text every time.
///
/// # Errors
/// The machine gives no random bytes for a salt.
pub fn encrypt_with_salt(
    plain: &[u8],
    password: &Secret,
    id: Option<&str>,
    salt: Option<&[u8]>,
) -> Result<String, Error> {
    let mut made_up = [0; SALT];
    let salt = match salt {
        Some(salt) => salt,
        None => {
            rand::TryRngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut made_up)
                .map_err(|_| Error::NoRandom)?;
            &made_up
        }
    };
    let (mac, data) = Keys::derive(password, salt).encrypt(plain);
    let body = [hex::encode(salt), hex::encode(mac), hex::encode(data)].join("\n");
    let mut text = match id.filter(|id| *id != DEFAULT_ID) {
        Some(id) => format!("{HEADER};1.2;AES256;{id}\n"),
        None => format!("{HEADER};1.1;AES256\n"),
    };
    for (index, digit) in hex::encode(body).chars().enumerate() {
        if index > 0 && index.is_multiple_of(WIDTH) {
            text.push('\n');
        }
        text.push(digit);
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
