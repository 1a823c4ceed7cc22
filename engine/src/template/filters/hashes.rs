//! Filters of digests, encodings and vaults.

use super::Table;
use super::crypt::Recipe;
use crate::template::arguments::Args;
use crate::template::{Value, fault, lazy, python, vault};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use minijinja::{Error, State};
use sha2::Digest;
use std::str::FromStr;

pub const TABLE: Table = &[
    ("hash", |_, value, args| {
        let kind = args.text(0, "hashtype")?.unwrap_or_else(|| "sha1".into());
        digest(&bytes(value)?, &kind).map(Value::from)
    }),
    ("md5", |_, value, _| digest(&bytes(value)?, "md5").map(Value::from)),
    ("sha1", |_, value, _| digest(&bytes(value)?, "sha1").map(Value::from)),
    ("checksum", |_, value, _| digest(&bytes(value)?, "sha1").map(Value::from)),
    ("b64encode", b64encode),
    ("b64decode", b64decode),
    ("to_uuid", to_uuid),
    ("password_hash", password_hash),
    ("vault", |_, value, args| {
        let Some(plain) = value.as_str() else {
            let kind = python::type_name(value);
            return Err(fault::error(format!("Can only vault strings, instead we got <class '{kind}'>.")));
        };
        let id = args.text(2, "vault_id")?.unwrap_or_else(|| "filter_default".into());
        let salt = args.text(1, "salt")?;
        let text = vault::encrypt(plain, &args.need_text(0, "secret")?, &id, salt.as_deref());
        text.map(Value::from).map_err(fault::error)
    }),
    ("unvault", unvault),
];

fn bytes(value: &Value) -> Result<Vec<u8>, Error> {
    match value.as_bytes() {
        Some(bytes) => Ok(bytes.to_vec()),
        None => python::text(value).map(String::into_bytes),
    }
}

/// A digest in hexadecimal.
pub fn digest(bytes: &[u8], kind: &str) -> Result<String, Error> {
    Ok(match kind {
        "md5" => hex::encode(md5::Md5::digest(bytes)),
        "sha1" => hex::encode(sha1::Sha1::digest(bytes)),
        "sha224" => hex::encode(sha2::Sha224::digest(bytes)),
        "sha256" => hex::encode(sha2::Sha256::digest(bytes)),
        "sha384" => hex::encode(sha2::Sha384::digest(bytes)),
        "sha512" => hex::encode(sha2::Sha512::digest(bytes)),
        "sha3_224" => hex::encode(sha3::Sha3_224::digest(bytes)),
        "sha3_256" => hex::encode(sha3::Sha3_256::digest(bytes)),
        "sha3_384" => hex::encode(sha3::Sha3_384::digest(bytes)),
        "sha3_512" => hex::encode(sha3::Sha3_512::digest(bytes)),
        "blake2b" => hex::encode(blake2::Blake2b512::digest(bytes)),
        "blake2s" => hex::encode(blake2::Blake2s256::digest(bytes)),
        other => return Err(fault::error(format!("unsupported hash type {other}"))),
    })
}

fn b64encode(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let encoding = args.text(0, "encoding")?.unwrap_or_else(|| "utf-8".into());
    let bytes = match encoding.to_lowercase().as_str() {
        "utf-16-le" | "utf-16le" => python::text(value)?.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => bytes(value)?,
    };
    Ok(Value::from(if args.named("urlsafe").is_some_and(|safe| safe.is_true()) {
        URL_SAFE.encode(bytes)
    } else {
        STANDARD.encode(bytes)
    }))
}

fn b64decode(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut text = python::text(value)?;
    if args.named("urlsafe").is_some_and(|safe| safe.is_true()) {
        text = text.replace('-', "+").replace('_', "/");
    }
    let encoding = args.text(0, "encoding")?.unwrap_or_else(|| "utf-8".into());
    let bytes = unpadded(&text)?;
    Ok(match encoding.to_lowercase().as_str() {
        "utf-16-le" | "utf-16le" => {
            let units = bytes.chunks(2).map(|pair| {
                u16::from_le_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)])
            });
            Value::from(String::from_utf16_lossy(&units.collect::<Vec<_>>()))
        }
        _ => match String::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(error) => Value::from_bytes(error.into_bytes()),
        },
    })
}

/// What base64 stands for, as Python reads it: what is no letter of the alphabet is passed over, the first whole padding
/// ends it.
fn unpadded(text: &str) -> Result<Vec<u8>, Error> {
    let (mut letters, mut padding) = (String::new(), 0);
    for c in text.chars() {
        let place = letters.len() % 4;
        if c == '=' {
            padding += 1;
            if place >= 2 && place + padding >= 4 {
                break;
            }
        } else if c.is_ascii_alphanumeric() || matches!(c, '+' | '/') {
            padding = 0;
            letters.push(c);
        }
    }
    match letters.len() % 4 {
        0 => {}
        _ if padding > 0 && letters.len() % 4 + padding >= 4 => {}
        1 => {
            return Err(fault::error(format!(
                "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
                letters.len()
            )));
        }
        _ => return Err(fault::error("Incorrect padding")),
    }
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    engine.decode(letters).map_err(|error| fault::error(error.to_string()))
}

/// Letters whose padding was looked at already; bits that say nothing are passed over.
const LENIENT: base64::engine::GeneralPurposeConfig = base64::engine::GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);

/// Ansible's own namespace for `to_uuid`.
const NAMESPACE: &str = "361E6D51-FAEC-444A-9079-341386DA8E2E";

fn to_uuid(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let namespace = args.text(0, "namespace")?.unwrap_or_else(|| NAMESPACE.into());
    let namespace = uuid::Uuid::from_str(&namespace).map_err(|_| {
        let why = "badly formed hexadecimal UUID string";
        fault::error(format!("Invalid value '{namespace}' for 'namespace': {why}"))
    })?;
    Ok(Value::from(uuid::Uuid::new_v5(&namespace, &bytes(value)?).to_string()))
}

fn password_hash(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let kind = args.text(0, "hashtype")?.unwrap_or_else(|| "sha512".into());
    let (salt, ident) = (args.text(1, "salt")?, args.text(4, "ident")?);
    let recipe = Recipe {
        kind: &kind,
        salt: salt.as_deref().filter(|salt| !salt.is_empty()),
        salt_size: args.int(2, "salt_size")?,
        rounds: args.int(3, "rounds")?,
        ident: ident.as_deref(),
    };
    let Some(password) = value.as_str() else {
        let kind = python::type_name(value);
        return Err(fault::error(format!("secret must be unicode or bytes, not {kind}")));
    };
    super::crypt::hash(password, &recipe).map(Value::from).map_err(fault::error)
}

fn unvault(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    if !text.starts_with("$ANSIBLE_VAULT;") {
        return Ok(value.clone());
    }
    if let Some(secret) = args.text(0, "secret")? {
        return vault::decrypt_with(&secret, &text).map(Value::from).map_err(fault::error);
    }
    let core = lazy::current().ok_or_else(|| fault::error("no scope"))?;
    vault::decrypt(&core.around, &text).map(Value::from).map_err(fault::error)
}
