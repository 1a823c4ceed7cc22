//! Logging in. An open, not yet trusted session comes in, a logged-in one or an error that says what was offered
//! and what the host still accepts goes out. Identities are offered in this order: those that were named, then the
//! agent's, then the usual files.

use super::client::{Client, Gossip};
use super::config::{Agent, Settings};
use super::keyring::{Keyring, sign};
use muster_engine::connection::{ConnectionError, Secret, Trouble};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{Certificate, HashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::path::{Path, PathBuf};

type Signer = AgentClient<Box<dyn AgentStream + Send + Unpin + 'static>>;

/// What one login needs.
pub(crate) struct Login<'a> {
    pub settings: &'a Settings,
    pub password: Option<&'a Secret>,
    pub passphrase: Option<&'a Secret>,
    pub keyring: &'a Keyring,
    pub gossip: &'a Gossip,
    /// `user@host:port`, for messages.
    pub label: &'a str,
}

enum Source {
    File(PathBuf),
    Agent,
}

struct Identity {
    name: String,
    key: PublicKey,
    certificate: Option<Certificate>,
    source: Source,
}

impl Identity {
    fn same(&self, key: &PublicKey, certificate: bool) -> bool {
        self.key.key_data() == key.key_data() && self.certificate.is_some() == certificate
    }
}

/// What was tried, for the message.
#[derive(Default)]
struct Report {
    offered: Vec<String>,
    notes: Vec<String>,
    keys: usize,
    in_agent: usize,
}

enum Step {
    Done,
    Refused(MethodSet),
    /// This much was accepted, more is wanted.
    Partly(MethodSet),
}

impl From<AuthResult> for Step {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::Done,
            AuthResult::Failure { remaining_methods, partial_success: true } => {
                Self::Partly(remaining_methods)
            }
            AuthResult::Failure { remaining_methods, .. } => Self::Refused(remaining_methods),
        }
    }
}

impl Login<'_> {
    /// Logs in.
    pub(crate) async fn run(&self, session: &mut Handle<Client>) -> Result<(), ConnectionError> {
        let mut report = Report::default();
        let user = &self.settings.user;
        let first = session
            .authenticate_none(user)
            .await
            .map_err(|error| self.broken(&error.to_string(), &report))?;
        let mut remaining = match Step::from(first) {
            Step::Done => return Ok(()),
            Step::Refused(methods) | Step::Partly(methods) => methods,
        };
        let mut used: Vec<&str> = Vec::new();
        while !session.is_closed() {
            let next = self.settings.methods.iter().find(|method| {
                !used.contains(&method.as_str()) && kind(method).is_some_and(|kind| remaining.contains(&kind))
            });
            let Some(method) = next else { break };
            used.push(method);
            let step = match method.as_str() {
                "publickey" => self.keys(session, &mut report).await?,
                "password" => self.by_password(session, &mut report).await?,
                _ => self.by_questions(session, &mut report).await?,
            };
            match step {
                Some(Step::Done) => return Ok(()),
                Some(Step::Partly(methods)) => {
                    report.offered.push("(accepted in part)".to_owned());
                    remaining = methods;
                    used.retain(|method| *method != "publickey" && *method != "keyboard-interactive");
                }
                Some(Step::Refused(methods)) if !methods.is_empty() => remaining = methods,
                Some(Step::Refused(_)) | None => {}
            }
        }
        Err(self.refused(session.is_closed(), &remaining, &report))
    }

    async fn keys(
        &self,
        session: &mut Handle<Client>,
        report: &mut Report,
    ) -> Result<Option<Step>, ConnectionError> {
        let mut agent = self.agent(report).await;
        let identities = self.identities(agent.as_mut(), report).await;
        let mut last = None;
        let mut hash = None;
        for identity in identities {
            if session.is_closed() {
                break;
            }
            if identity.key.algorithm().is_rsa() && hash.is_none() {
                // A server that does not tell speaks at least SHA-2 of these days.
                let told = session.best_supported_rsa_hash().await.ok().flatten();
                hash = Some(told.unwrap_or(Some(HashAlg::Sha256)));
            }
            let hash = if identity.key.algorithm().is_rsa() { hash.flatten() } else { None };
            report.keys += 1;
            report.offered.push(format!(
                "publickey {} ({} {})",
                identity.name,
                identity.key.algorithm().as_str(),
                identity.key.fingerprint(HashAlg::Sha256)
            ));
            match self.offer(session, identity, hash, agent.as_mut()).await {
                Ok(Step::Refused(methods)) => last = Some(Step::Refused(methods)),
                Ok(step) => return Ok(Some(step)),
                Err(why) => report.notes.push(why),
            }
        }
        Ok(last)
    }

    async fn offer(
        &self,
        session: &mut Handle<Client>,
        identity: Identity,
        hash: Option<HashAlg>,
        agent: Option<&mut Signer>,
    ) -> Result<Step, String> {
        let user = &self.settings.user;
        let Identity { name, key, certificate, source } = identity;
        let result = match (source, agent) {
            (Source::Agent, Some(agent)) => match certificate {
                Some(certificate) => {
                    session.authenticate_certificate_with(user, certificate, hash, agent).await
                }
                None => session.authenticate_publickey_with(user, key, hash, agent).await,
            }
            .map_err(|error| format!("the agent did not sign with {name}: {error}"))?,
            (Source::Agent, None) => return Err(format!("the agent with {name} is gone")),
            (Source::File(path), _) => {
                let mut signer =
                    FileSigner { keyring: self.keyring, path: &path, passphrase: self.passphrase };
                match certificate {
                    Some(certificate) => {
                        session.authenticate_certificate_with(user, certificate, hash, &mut signer).await
                    }
                    None => session.authenticate_publickey_with(user, key, hash, &mut signer).await,
                }
                .map_err(|error| error.0)?
            }
        };
        Ok(result.into())
    }

    async fn agent(&self, report: &mut Report) -> Option<Signer> {
        let path = match &self.settings.agent {
            Agent::None => return None,
            Agent::At(path) => path.clone(),
            Agent::Environment => {
                PathBuf::from(std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty())?)
            }
        };
        match AgentClient::connect_uds(&path).await {
            Ok(agent) => Some(agent.dynamic()),
            Err(error) => {
                report.notes.push(format!("no agent answers at {}: {error}", path.display()));
                None
            }
        }
    }

    /// Everything to offer, in order.
    async fn identities(&self, agent: Option<&mut Signer>, report: &mut Report) -> Vec<Identity> {
        let mut held = Vec::new();
        if let Some(agent) = agent {
            match agent.request_identities().await {
                Ok(identities) => held.extend(identities.into_iter().map(from_agent)),
                Err(error) => report.notes.push(format!("the agent does not tell its keys: {error}")),
            }
        }
        report.in_agent = held.len();
        let mut files = Vec::new();
        for path in &self.settings.identities {
            if !self.settings.identities_named && !path.exists() {
                continue;
            }
            match self.keyring.public(path, self.passphrase).await {
                Ok(key) => files.extend(of_file(path, &key)),
                Err(why) => report.notes.push(why),
            }
        }
        for path in &self.settings.certificates {
            match russh::keys::load_openssh_certificate(path) {
                Ok(certificate) => add_certificate(&mut files, &held, path, certificate),
                Err(error) => {
                    report.notes.push(format!("the certificate {} cannot be read: {error}", path.display()))
                }
            }
        }
        // What the agent holds too is signed there: no passphrase is needed.
        for file in &mut files {
            if held.iter().any(|own| own.key.key_data() == file.key.key_data() && own.certificate.is_none()) {
                let other = held.iter().any(|own| own.same(&file.key, file.certificate.is_some()));
                if other {
                    file.source = Source::Agent;
                }
            }
        }
        held.retain(|own| !files.iter().any(|file| file.same(&own.key, own.certificate.is_some())));
        if self.settings.identities_only {
            held.clear();
        }
        if self.settings.identities_named {
            files.extend(held);
            return files;
        }
        // Of the usual files, those in the agent come first, then the rest of the agent, then the files.
        let (mut order, rest): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| matches!(file.source, Source::Agent));
        order.extend(held);
        order.extend(rest);
        order
    }

    async fn by_password(
        &self,
        session: &mut Handle<Client>,
        report: &mut Report,
    ) -> Result<Option<Step>, ConnectionError> {
        let Some(password) = self.password else { return Ok(None) };
        report.offered.push("password".to_owned());
        let result = session.authenticate_password(&self.settings.user, password.reveal()).await;
        let result = result.map_err(|error| self.broken(&error.to_string(), report))?;
        Ok(Some(result.into()))
    }

    /// Every hidden question is answered with the password.
    async fn by_questions(
        &self,
        session: &mut Handle<Client>,
        report: &mut Report,
    ) -> Result<Option<Step>, ConnectionError> {
        let Some(password) = self.password else { return Ok(None) };
        report.offered.push("keyboard-interactive".to_owned());
        let broken = |error: russh::Error| self.broken(&error.to_string(), &Report::default());
        let mut answer = session
            .authenticate_keyboard_interactive_start(&self.settings.user, None)
            .await
            .map_err(broken)?;
        for _ in 0..10 {
            answer = match answer {
                Answer::Success => return Ok(Some(Step::Done)),
                Answer::Failure { remaining_methods, partial_success: true } => {
                    return Ok(Some(Step::Partly(remaining_methods)));
                }
                Answer::Failure { remaining_methods, .. } => {
                    return Ok(Some(Step::Refused(remaining_methods)));
                }
                Answer::InfoRequest { prompts, .. } => {
                    let hidden = |echo: bool| if echo { String::new() } else { password.reveal().to_owned() };
                    let answers = prompts.iter().map(|prompt| hidden(prompt.echo)).collect();
                    session.authenticate_keyboard_interactive_respond(answers).await.map_err(broken)?
                }
            };
        }
        Ok(None)
    }

    fn broken(&self, why: &str, report: &Report) -> ConnectionError {
        if self.gossip.farewell().is_some() {
            return self.refused(true, &MethodSet::empty(), report);
        }
        ConnectionError::new(Trouble::Unreachable, format!("{} broke off the login: {why}", self.label))
    }

    fn refused(&self, closed: bool, remaining: &MethodSet, report: &Report) -> ConnectionError {
        let label = self.label;
        let offered = match report.offered.as_slice() {
            [] => "nothing, for there was nothing to offer".to_owned(),
            list => list.join(", "),
        };
        let accepts = match remaining.iter().map(<&str>::from).collect::<Vec<_>>() {
            list if list.is_empty() => String::new(),
            list => format!("; the server still accepts {}", list.join(", ")),
        };
        let notes = match report.notes.as_slice() {
            [] => String::new(),
            notes => format!("; {}", notes.join("; ")),
        };
        let farewell = self.gossip.farewell().unwrap_or_default();
        if farewell.contains("Too many authentication failures") {
            return ConnectionError::new(
                Trouble::Authentication,
                format!(
                    "{label} disconnected: Too many authentication failures. Each key that is offered is one attempt, \
                     and the server's MaxAuthTries (6 unless set) allows no more; offered: {offered}{notes}"
                ),
            )
            .hint(format!(
                "name the right key (--private-key or ansible_ssh_private_key_file) and offer only it \
                 (-o IdentitiesOnly=yes); the agent holds {} keys, `ssh-add -l` lists them",
                report.in_agent
            ));
        }
        let ending = match (closed, farewell.as_str()) {
            (true, "") => " and closed the connection".to_owned(),
            (true, farewell) => format!(" and disconnected: {farewell}"),
            (false, _) => String::new(),
        };
        let error = ConnectionError::new(
            Trouble::Authentication,
            format!(
                "Permission denied: {label} accepted no login{ending}; offered: {offered}{accepts}{notes}"
            ),
        );
        let wants = |kind: MethodKind| remaining.contains(&kind);
        let user = &self.settings.user;
        if report.keys == 0 && wants(MethodKind::PublicKey) {
            return error.hint(format!(
                "give a key with --private-key or ansible_ssh_private_key_file, or load one: `ssh-add KEY`; \
                 the user is {user}"
            ));
        }
        if self.password.is_none() && (wants(MethodKind::Password) || wants(MethodKind::KeyboardInteractive))
        {
            return error.hint(format!(
                "give the password of {user} with --ask-pass, or put the key there: `ssh-copy-id`"
            ));
        }
        error.hint(format!(
            "check that {user} is the right user and that its authorized_keys has one of these keys"
        ))
    }
}

fn kind(method: &str) -> Option<MethodKind> {
    method.parse().ok()
}

/// The key of a file, behind the certificate that lies beside it.
fn of_file(path: &Path, key: &PublicKey) -> Vec<Identity> {
    let identity = |certificate| Identity {
        name: path.display().to_string(),
        key: key.clone(),
        certificate,
        source: Source::File(path.to_owned()),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    let mut found = Vec::new();
    if let Ok(certificate) = russh::keys::load_openssh_certificate(&beside)
        && certificate.public_key() == key.key_data()
    {
        found.push(identity(Some(certificate)));
    }
    found.push(identity(None));
    found
}

fn from_agent(identity: AgentIdentity) -> Identity {
    let name = format!("`{}` of the agent", identity.comment());
    match identity {
        AgentIdentity::PublicKey { key, .. } => {
            Identity { name, key, certificate: None, source: Source::Agent }
        }
        AgentIdentity::Certificate { certificate, .. } => Identity {
            name,
            key: PublicKey::new(certificate.public_key().clone(), ""),
            certificate: Some(certificate),
            source: Source::Agent,
        },
    }
}

/// A certificate from a file of its own goes with the key it speaks of, wherever that is.
fn add_certificate(files: &mut Vec<Identity>, held: &[Identity], path: &Path, certificate: Certificate) {
    let key = PublicKey::new(certificate.public_key().clone(), "");
    let owner = files.iter().find(|file| file.same(&key, false));
    let source = match owner.map(|file| &file.source) {
        Some(Source::File(path)) => Source::File(path.clone()),
        _ if held.iter().any(|own| own.key.key_data() == key.key_data()) => Source::Agent,
        _ => return,
    };
    let name = path.display().to_string();
    files.insert(0, Identity { name, key, certificate: Some(certificate), source });
}

/// Signs with a key file, which is opened only when the host wants the signature.
struct FileSigner<'a> {
    keyring: &'a Keyring,
    path: &'a Path,
    passphrase: Option<&'a Secret>,
}

struct NotSigned(String);

impl From<russh::SendError> for NotSigned {
    fn from(_: russh::SendError) -> Self {
        Self("the connection closed during the login".to_owned())
    }
}

impl russh::Signer for FileSigner<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let key = self.keyring.private(self.path, self.passphrase).await.map_err(NotSigned)?;
        sign(&key, hash, &to_sign).map_err(|error| NotSigned(format!("{}: {error}", self.path.display())))
    }
}
