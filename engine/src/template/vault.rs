//! `!vault` strings and encrypted files in templates. Encrypted text comes in, plain text goes out (and back); it
//! happens when the value is touched, with the passwords of the scope.

use super::Surroundings;
use crate::secret::Secret;
use crate::vault::{Secrets, encrypt_with_salt as seal};

/// The plain text.
///
/// # Errors
/// None of the passwords opens it.
pub fn decrypt(around: &Surroundings, text: &str) -> Result<String, String> {
    around.secrets.decrypt(text).map_err(|error| error.to_string())
}

/// The plain text, with a password of one's own.
///
/// # Errors
/// The password does not open it.
pub fn decrypt_with(password: &str, text: &str) -> Result<String, String> {
    let secrets = Secrets::new(vec![("default".into(), Secret::new(password))]);
    secrets.decrypt(text).map_err(|error| error.to_string())
}

/// A text encrypted under a password.
///
/// # Errors
/// The machine gives no random bytes.
pub fn encrypt(plain: &str, password: &str, id: &str, salt: Option<&str>) -> Result<String, String> {
    let salt = salt.map(str::as_bytes);
    seal(plain.as_bytes(), &Secret::new(password), Some(id), salt).map_err(|error| error.to_string())
}
