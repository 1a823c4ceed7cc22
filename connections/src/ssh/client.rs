//! Our end of one ssh session: judges the host's key and remembers what the host said last.

use super::config::{Settings, Strictness};
use super::known_hosts::{self, KnownHost, Verdict};
use muster_engine::connection::{ConnectionError, Trouble};
use russh::client::{DisconnectReason, Handler};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What the host said on the side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gossip(Arc<Mutex<Option<String>>>);

impl Gossip {
    /// Why the host, or the road to it, ended the session.
    pub(crate) fn farewell(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the first reason.
    pub(crate) fn note(&self, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

/// A failure before the login.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The host key was not accepted.
    HostKey(ConnectionError),
    /// Anything else.
    Session(russh::Error),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Self::Session(error)
    }
}

/// Our end.
pub(crate) struct Client {
    /// What is known of the host by its name or alias.
    pub known: KnownHost,
    /// What is known of its address: only what is revoked counts.
    pub by_address: KnownHost,
    /// The name in known_hosts.
    pub name: String,
    /// The name without the port, as a certificate has it.
    pub principal: String,
    /// What is decided.
    pub settings: Arc<Settings>,
    /// Where the host's words go.
    pub gossip: Gossip,
}

impl Handler for Client {
    type Error = Failure;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let mut verdict = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.key(key),
            PublicKeyOrCertificate::Certificate(certificate) => {
                self.known.certificate(certificate, &self.principal)
            }
        };
        let key = shown.public_key();
        if let revoked @ Verdict::Revoked(..) = self.by_address.key(&key) {
            verdict = revoked;
        }
        self.judge(verdict, &key).map(|()| true).map_err(Failure::HostKey)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.gossip.note(info.message);
                Ok(())
            }
            DisconnectReason::Error(Failure::Session(error)) => {
                self.gossip.note(error.to_string());
                Err(Failure::Session(error))
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

impl Client {
    fn judge(&self, verdict: Verdict, key: &PublicKey) -> Result<(), ConnectionError> {
        let name = &self.name;
        let shown = format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256));
        let file = self.settings.user_known_hosts.first();
        let refused = |message: String| ConnectionError::new(Trouble::HostKey, message);
        let at = |file: &Path, line: usize| format!("{}:{line}", file.display());
        match (verdict, self.settings.strictness) {
            (Verdict::Known, _) => Ok(()),
            (Verdict::Revoked(file, line), _) => Err(refused(format!(
                "the key {shown} of {name} is revoked by {}: somebody may be posing as this host",
                at(&file, line)
            ))
            .hint("do not connect; ask who runs the host for its new key")),
            (Verdict::Unknown, Strictness::AcceptNew | Strictness::Off) => {
                if let Some(file) = file.filter(|file| *file != Path::new("/dev/null")) {
                    let written = known_hosts::learn(file, name, self.settings.hash_known_hosts, key);
                    if let Err(error) = written {
                        tracing::warn!(%name, file = %file.display(), %error, "the host's key could not be written down");
                    }
                }
                Ok(())
            }
            (_, Strictness::Off) => Ok(()),
            (Verdict::Unknown, Strictness::Strict) => {
                let file =
                    file.map_or_else(|| "~/.ssh/known_hosts".to_owned(), |file| file.display().to_string());
                let Settings { host, port, .. } = &*self.settings;
                Err(refused(format!(
                    "Host key verification failed: no key is known for {name}; it shows {shown}"
                ))
                .hint(format!(
                    "compare the fingerprint, then `ssh-keyscan -p {port} {host} >> {file}`; \
                     or accept new hosts with -o StrictHostKeyChecking=accept-new"
                )))
            }
            (Verdict::Changed(file, line), _) => Err(refused(format!(
                "Host key verification failed: the key of {name} is not the one in {}; it shows {shown}. \
                 The host was installed anew, or somebody is posing as it",
                at(&file, line)
            ))
            .hint(format!(
                "when the change is known to be right: `ssh-keygen -R '{name}' -f {}`, then connect again",
                file.display()
            ))),
            (Verdict::BadCertificate(why), _) => Err(refused(format!(
                "Host key verification failed: the certificate of {name} is not good: {why}"
            ))),
        }
    }
}
