//! Private keys on P-256 whose number begins with zero bytes: OpenSSH leaves those bytes out of its files, and the
//! library insists on all 32. The text of a key file comes in; the key goes out, if it is one of this kind and opens.

use muster_engine::connection::Secret;
use russh::keys::ssh_encoding::pem::PemLabel;
use russh::keys::ssh_encoding::{Decode, DecodePem as _, Reader};
use russh::keys::ssh_key::cipher::Tag;
use russh::keys::ssh_key::private::{EcdsaKeypair, EcdsaPrivateKey, KeypairData};
use russh::keys::ssh_key::public::EcdsaPublicKey;
use russh::keys::ssh_key::{Algorithm, Cipher, EcdsaCurve, Error, Kdf, PrivateKey};

const MAGIC: [u8; 15] = *b"openssh-key-v1\0";

/// The key of a text, opened with its passphrase.
pub(super) fn decode(text: &str, passphrase: Option<&Secret>) -> Result<PrivateKey, Error> {
    let Container { cipher, kdf, mut private, tag } = Container::decode_pem(text.trim())?;
    if cipher.is_some() {
        let passphrase = passphrase.ok_or(Error::Encrypted)?;
        let (key, iv) = kdf.derive_key_and_iv(cipher, passphrase.reveal())?;
        cipher.decrypt(&key, &iv, &mut private, tag)?;
    }
    let reader = &mut private.as_slice();
    if u32::decode(reader)? != u32::decode(reader)? {
        return Err(Error::Crypto);
    }
    if Algorithm::decode(reader)? != (Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }) {
        return Err(Error::AlgorithmUnknown);
    }
    let EcdsaPublicKey::NistP256(public) = EcdsaPublicKey::decode(reader)? else {
        return Err(Error::AlgorithmUnknown);
    };
    let private = EcdsaPrivateKey::from(padded(&Vec::decode(reader)?).ok_or(Error::FormatEncoding)?);
    PrivateKey::new(KeypairData::Ecdsa(EcdsaKeypair::NistP256 { public, private }), String::decode(reader)?)
}

/// A number with the zero bytes before it that make it 32 bytes long.
fn padded(number: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    bytes.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(bytes)
}

/// What a key file of OpenSSH holds of its private half.
struct Container {
    cipher: Cipher,
    kdf: Kdf,
    private: Vec<u8>,
    tag: Option<Tag>,
}

impl PemLabel for Container {
    const PEM_LABEL: &'static str = "OPENSSH PRIVATE KEY";
}

impl Decode for Container {
    type Error = Error;

    fn decode(reader: &mut impl Reader) -> Result<Self, Error> {
        let mut magic = [0; MAGIC.len()];
        reader.read(&mut magic)?;
        let (cipher, kdf) = (Cipher::decode(reader)?, Kdf::decode(reader)?);
        if magic != MAGIC || u32::decode(reader)? != 1 {
            return Err(Error::FormatEncoding);
        }
        let _public = Vec::<u8>::decode(reader)?;
        let private = Vec::decode(reader)?;
        let tag = match cipher.has_tag() {
            true => {
                let mut tag = Tag::default();
                reader.read(&mut tag)?;
                Some(tag)
            }
            false => None,
        };
        Ok(Self { cipher, kdf, private, tag })
    }
}
