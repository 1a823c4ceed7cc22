//! Private keys of this run. A path comes in, a key goes out; each file is read once, and each passphrase is asked
//! for once, however many hosts want the key at the same time. Passphrases and keys never leave but as signatures.

mod short;

use crate::Prompter;
use muster_engine::connection::Secret;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{self, PrivateKey, Signature};
use russh::keys::{HashAlg, PublicKey, decode_secret_key};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is known of one key file.
#[derive(Clone)]
enum Known {
    Open(Arc<PrivateKey>),
    Failed(String),
}

type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

/// The keys of this run.
#[derive(Default)]
pub(crate) struct Keyring {
    prompter: Option<Arc<dyn Prompter>>,
    slots: Mutex<HashMap<PathBuf, Slot>>,
    asking: AtomicUsize,
    asked_millis: AtomicU64,
    one_question: tokio::sync::Mutex<()>,
}

impl Keyring {
    /// An empty one that asks through a prompter.
    pub(crate) fn new(prompter: Option<Arc<dyn Prompter>>) -> Self {
        Self { prompter, ..Self::default() }
    }

    /// How long people have been asked so far: that time is not the host's.
    pub(crate) fn asked(&self) -> Duration {
        Duration::from_millis(self.asked_millis.load(Ordering::Relaxed))
    }

    /// Whether somebody is being asked now.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed) > 0
    }

    /// The public half of a key file, without its passphrase where that can be done.
    pub(crate) async fn public(&self, path: &Path, passphrase: Option<&Secret>) -> Result<PublicKey, String> {
        let text = read(path).await?;
        if let Ok(key) = PrivateKey::from_openssh(text.trim()) {
            return Ok(key.public_key().clone());
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".pub");
        if let Ok(key) = russh::keys::load_public_key(&beside) {
            return Ok(key);
        }
        // A file that holds only a public key names one of the agent's.
        if let Ok(key) = PublicKey::from_openssh(text.trim()) {
            return Ok(key);
        }
        self.private(path, passphrase).await.map(|key| key.public_key().clone())
    }

    /// The private key of a file, with the passphrase that was given, or else asked for.
    pub(crate) async fn private(
        &self,
        path: &Path,
        passphrase: Option<&Secret>,
    ) -> Result<Arc<PrivateKey>, String> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(path.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(Known::Open(key)) = &*slot {
            return Ok(Arc::clone(key));
        }
        let text = read(path).await?;
        match decode(text.clone(), None).await {
            Ok(key) => return Ok(Self::remember(&mut slot, key)),
            Err(error) if !is_encrypted(&error, &text) => {
                return Err(format!("the key {} cannot be read: {error}", path.display()));
            }
            Err(_) => {}
        }
        if let Some(passphrase) = passphrase
            && let Ok(key) = decode(text.clone(), Some(passphrase.clone())).await
        {
            return Ok(Self::remember(&mut slot, key));
        }
        if let Some(Known::Failed(why)) = &*slot {
            return Err(why.clone());
        }
        let result = self.ask(path, text, passphrase.is_some()).await;
        match result {
            Ok(key) => Ok(Self::remember(&mut slot, key)),
            Err(why) => {
                *slot = Some(Known::Failed(why.clone()));
                Err(why)
            }
        }
    }

    fn remember(slot: &mut Option<Known>, key: PrivateKey) -> Arc<PrivateKey> {
        let key = Arc::new(key);
        *slot = Some(Known::Open(Arc::clone(&key)));
        key
    }

    async fn ask(&self, path: &Path, text: String, given: bool) -> Result<PrivateKey, String> {
        let path = path.display();
        let Some(prompter) = &self.prompter else {
            return Err(if given {
                format!("the passphrase that was given does not open the key {path}")
            } else {
                format!("the key {path} is encrypted and no passphrase was given")
            });
        };
        let _turn = self.one_question.lock().await;
        for _ in 0..3 {
            let asking = Asking::new(self);
            let answer = prompter.secret(&format!("Enter passphrase for key '{path}': ")).await;
            drop(asking);
            let Some(answer) = answer else { break };
            if let Ok(key) = decode(text.clone(), Some(answer)).await {
                return Ok(key);
            }
        }
        Err(format!("no passphrase opened the key {path}"))
    }
}

/// Somebody is being asked as long as this lives.
struct Asking<'a> {
    keyring: &'a Keyring,
    since: Instant,
}

impl<'a> Asking<'a> {
    fn new(keyring: &'a Keyring) -> Self {
        keyring.asking.fetch_add(1, Ordering::Relaxed);
        Self { keyring, since: Instant::now() }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.keyring.asked_millis.fetch_add(millis, Ordering::Relaxed);
        self.keyring.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn read(path: &Path) -> Result<String, String> {
    let bytes = tokio::fs::read(path).await.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opening a key costs tens of milliseconds of computing on purpose: not on the threads that carry the network.
async fn decode(text: String, passphrase: Option<Secret>) -> Result<PrivateKey, String> {
    tokio::task::spawn_blocking(move || {
        decode_secret_key(&text, passphrase.as_ref().map(Secret::reveal))
            .or_else(|error| short::decode(&text, passphrase.as_ref()).map_err(|_| error.to_string()))
    })
    .await
    .map_err(|error| error.to_string())?
}

fn is_encrypted(error: &str, text: &str) -> bool {
    error.contains("encrypted")
        || text.contains("ENCRYPTED")
        || PrivateKey::from_openssh(text.trim()).is_ok_and(|key| key.is_encrypted())
}

/// Signs as SSH's public key authentication wants it.
pub(crate) fn sign(key: &PrivateKey, hash: Option<HashAlg>, data: &[u8]) -> Result<Vec<u8>, ssh_key::Error> {
    use russh::keys::signature::Signer as _;
    use russh::keys::ssh_encoding::Encode as _;
    let signature: Signature = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(data)?,
        pair => pair.try_sign(data)?,
    };
    let mut blob = Vec::new();
    signature.encode(&mut blob)?;
    let mut out = data.to_vec();
    blob.as_slice().encode(&mut out)?;
    Ok(out)
}
