//! The vault's cipher: AES-256 in counter mode under keys that PBKDF2 derives, with an HMAC over the ciphertext. A
//! password and a salt come in; bytes go to bytes and back. Nothing is decrypted before its HMAC is checked.

use crate::secret::Secret;
use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a new vault's salt.
pub(super) const SALT: usize = 32;
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;

/// The HMAC does not fit: a wrong password, or changed data.
pub(super) struct Mismatch;

/// What one password and salt give.
#[derive(Clone)]
pub(super) struct Keys {
    cipher: [u8; 32],
    mac: [u8; 32],
    counter: [u8; BLOCK],
}

impl Keys {
    pub(super) fn derive(password: &Secret, salt: &[u8]) -> Self {
        let mut keys = Self { cipher: [0; 32], mac: [0; 32], counter: [0; BLOCK] };
        let mut bytes = [0; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.reveal().as_bytes(), salt, ROUNDS, &mut bytes);
        let parts = keys.cipher.iter_mut().chain(&mut keys.mac).chain(&mut keys.counter);
        parts.zip(bytes).for_each(|(to, from)| *to = from);
        keys
    }

    pub(super) fn decrypt(&self, mac: &[u8], data: &[u8]) -> Result<Vec<u8>, Mismatch> {
        self.authentication(data).ok_or(Mismatch)?.verify_slice(mac).map_err(|_| Mismatch)?;
        let mut plain = data.to_vec();
        self.apply(&mut plain);
        // PKCS#7: the last byte says how many bytes were added.
        let padding = usize::from(plain.last().copied().unwrap_or(0));
        let len = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
        plain.truncate(len.ok_or(Mismatch)?);
        Ok(plain)
    }

    pub(super) fn encrypt(&self, plain: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let padding = BLOCK - plain.len() % BLOCK;
        let mut data = plain.to_vec();
        data.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or(0), padding));
        self.apply(&mut data);
        let mac = self.authentication(&data).map(|mac| mac.finalize().into_bytes().to_vec());
        (mac.unwrap_or_default(), data)
    }

    fn apply(&self, bytes: &mut [u8]) {
        Ctr128BE::<Aes256>::new(&self.cipher.into(), &self.counter.into()).apply_keystream(bytes);
    }

    fn authentication(&self, data: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.mac).ok()?;
        mac.update(data);
        Some(mac)
    }
}
