//! Known hosts: which keys a host may show. Files come in, a verdict on a shown key goes out, and a new key can be
//! written down. Knows hashed names, `@cert-authority`, `@revoked`, wildcards, negation and `[host]:port`.

use super::config::matches_list;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyBase64};
use sha1::Sha1;
use std::io::Write as _;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

#[derive(Debug)]
struct Line {
    file: PathBuf,
    number: usize,
    marker: Marker,
    key: PublicKey,
}

/// The lines of all files that speak of one host.
#[derive(Debug)]
pub(crate) struct KnownHost {
    lines: Vec<Line>,
}

/// What the files say about a shown key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the host's.
    Known,
    /// Nothing is known of this host.
    Unknown,
    /// Another key is known, in this file and line.
    Changed(PathBuf, usize),
    /// It must not be used, by this file and line.
    Revoked(PathBuf, usize),
    /// A certificate that is not good, and why.
    BadCertificate(String),
}

/// The name a host has in the files.
pub(crate) fn name(host: &str, port: u16) -> String {
    if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") }
}

impl KnownHost {
    /// Reads the files for the names of a host; a file that is not there is empty.
    pub(crate) fn read(files: &[PathBuf], names: &[String]) -> Self {
        let mut lines = Vec::new();
        for file in files {
            let Ok(bytes) = std::fs::read(file) else { continue };
            for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
                if let Some((marker, key)) = parse(line, names) {
                    lines.push(Line { file: file.clone(), number: number + 1, marker, key });
                }
            }
        }
        Self { lines }
    }

    /// The verdict on a plain key.
    pub(crate) fn key(&self, key: &PublicKey) -> Verdict {
        let same = |line: &&Line| line.key.key_data() == key.key_data();
        if let Some(line) = self.lines.iter().filter(same).find(|line| line.marker == Marker::Revoked) {
            return Verdict::Revoked(line.file.clone(), line.number);
        }
        let mut plain = self.lines.iter().filter(|line| line.marker == Marker::None);
        if plain.clone().any(|line| same(&line)) {
            return Verdict::Known;
        }
        // The line of the same type is the one that changed; else any of them.
        let kind = key.algorithm();
        let changed = plain.clone().find(|line| line.key.algorithm() == kind).or_else(|| plain.next());
        match changed {
            Some(line) => Verdict::Changed(line.file.clone(), line.number),
            None => Verdict::Unknown,
        }
    }

    /// The verdict on a host certificate.
    pub(crate) fn certificate(&self, certificate: &Certificate, host: &str) -> Verdict {
        let authority = certificate.signature_key();
        let subject = certificate.public_key();
        let revoked = self.lines.iter().find(|line| {
            line.marker == Marker::Revoked && [authority, subject].contains(&line.key.key_data())
        });
        if let Some(line) = revoked {
            return Verdict::Revoked(line.file.clone(), line.number);
        }
        let trusted = self
            .lines
            .iter()
            .any(|line| line.marker == Marker::Authority && line.key.key_data() == authority);
        if !trusted {
            // Without a trusted authority a certificate counts as the plain key in it.
            return self.key(&PublicKey::new(subject.clone(), ""));
        }
        if certificate.cert_type() != russh::keys::ssh_key::certificate::CertType::Host {
            return Verdict::BadCertificate("it is not for a host".to_owned());
        }
        let principals = certificate.valid_principals();
        if !principals.is_empty() && !principals.iter().any(|principal| matches_list(host, principal)) {
            return Verdict::BadCertificate(format!("it is for {}, not for {host}", principals.join(", ")));
        }
        match certificate.validate(&[authority.fingerprint(HashAlg::Sha256)]) {
            Ok(()) => Verdict::Known,
            Err(_) => Verdict::BadCertificate(
                "it has expired, is not valid yet, or its signature is wrong".to_owned(),
            ),
        }
    }

    /// The algorithms of the keys that are known, to be asked for first.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        self.lines
            .iter()
            .filter(|line| line.marker == Marker::None)
            .map(|line| line.key.algorithm())
            .collect()
    }

    /// Whether an authority vouches for this host.
    pub(crate) fn has_authority(&self) -> bool {
        self.lines.iter().any(|line| line.marker == Marker::Authority)
    }
}

fn parse(line: &str, names: &[String]) -> Option<(Marker, PublicKey)> {
    let mut words = line.split_ascii_whitespace();
    let mut hosts = words.next().filter(|word| !word.starts_with('#'))?;
    let mut marker = Marker::None;
    if hosts.starts_with('@') {
        marker = match hosts {
            "@cert-authority" => Marker::Authority,
            "@revoked" => Marker::Revoked,
            _ => return None,
        };
        hosts = words.next()?;
    }
    if !names.iter().any(|name| is_named(name, hosts)) {
        return None;
    }
    let (_kind, key) = (words.next()?, words.next()?);
    Some((marker, russh::keys::parse_public_key_base64(key).ok()?))
}

fn is_named(name: &str, hosts: &str) -> bool {
    if let Some(rest) = hosts.strip_prefix("|1|") {
        let Some((salt, hash)) = rest.split_once('|') else { return false };
        let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
        return hashed(&salt, name).is_some_and(|own| own == hash);
    }
    matches_list(&name.to_ascii_lowercase(), &hosts.to_ascii_lowercase())
}

fn hashed(salt: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// Writes a new key down.
pub(crate) fn learn(file: &Path, name: &str, hash: bool, key: &PublicKey) -> std::io::Result<()> {
    if let Some(dir) = file.parent()
        && !dir.exists()
    {
        std::fs::create_dir_all(dir)?;
        std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    let name = if hash {
        let salt: [u8; 20] = rand::random();
        let hash = hashed(&salt, name).unwrap_or_default();
        format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash))
    } else {
        name.to_owned()
    };
    let before = std::fs::read(file).unwrap_or_default();
    let gap = if before.last().is_none_or(|byte| *byte == b'\n') { "" } else { "\n" };
    let line = format!("{gap}{name} {} {}\n", key.algorithm().as_str(), key.public_key_base64());
    // One write: connections that learn at the same time do not mix their lines.
    std::fs::OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests;
