//! From a target to an open link: resolve, take a place among the starts, reach, greet, log in. The whole has one
//! time limit, and the error names the phase it ended in. Bastions are links too, shared by all targets behind them.

use super::auth::Login;
use super::client::{Client, Failure, Gossip};
use super::config::{Me, Route, Settings, resolve};
use super::keyring::Keyring;
use super::known_hosts::{self, KnownHost};
use super::reach::{self, Reached, Unreached};
use super::road::Link;
use futures_util::future::BoxFuture;
use muster_engine::connection::{ConnectionError, Target, Trouble};
use russh::Preferred;
use russh::keys::{Algorithm, HashAlg};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long silence lasts before the host is asked for a sign of life, unless configured.
const ALIVE: Duration = Duration::from_secs(20);

type Bastion = Arc<tokio::sync::Mutex<Opened>>;

/// What came of opening a bastion last.
#[derive(Default)]
struct Opened {
    link: Weak<Link>,
    failed: Option<(Instant, ConnectionError)>,
}

/// What all connections of this run share.
pub(crate) struct Network {
    /// Who runs muster.
    pub me: Me,
    /// The keys.
    pub keyring: Keyring,
    /// How many connections may be starting at once, for each bastion or address family.
    pub starts: usize,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    bastions: Mutex<HashMap<String, Bastion>>,
}

/// Where a connection attempt is.
#[derive(Default)]
pub(crate) struct Phase(AtomicU8);

const PHASES: [&str; 5] =
    ["looking up the address", "connecting", "waiting for the greeting", "exchanging keys", "logging in"];

impl Phase {
    pub(crate) const CONNECTING: u8 = 1;
    pub(crate) const GREETING: u8 = 2;
    const LOGIN: u8 = 4;

    /// Goes on to a phase.
    pub(crate) fn enter(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    fn name(&self) -> &'static str {
        PHASES.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }
}

impl Network {
    /// An empty one.
    pub(crate) fn new(me: Me, keyring: Keyring, starts: usize) -> Self {
        Self { me, keyring, starts: starts.max(1), gates: Mutex::default(), bastions: Mutex::default() }
    }

    /// Opens a link to a target.
    pub(crate) fn open<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Arc<Link>, ConnectionError>> {
        Box::pin(async move {
            let settings = resolve(target, &self.me).map_err(|why| {
                ConnectionError::new(
                    Trouble::Unreachable,
                    format!("the ssh configuration for {} cannot be used: {why}", target.host),
                )
            })?;
            self.open_as(target, Arc::new(settings)).await
        })
    }

    async fn open_as(&self, target: &Target, settings: Arc<Settings>) -> Result<Arc<Link>, ConnectionError> {
        let via = match &settings.route {
            Route::Jump(hops) => Some(self.bastion(hops, target, &settings).await?),
            Route::Direct | Route::Command(_) => None,
        };
        let gate = self.gate(&settings);
        let Ok(_place) = gate.acquire().await else {
            return Err(ConnectionError::new(Trouble::Unreachable, "muster is shutting down"));
        };
        let phase = Phase::default();
        let limit = settings.timeout.map_or(target.timeout, |timeout| timeout.min(target.timeout));
        let (start, asked) = (Instant::now(), self.keyring.asked());
        let timer = async {
            loop {
                // While a person is being asked the host is not late.
                let extra = self.keyring.asked().saturating_sub(asked);
                let left = (limit + extra).saturating_sub(start.elapsed());
                if left.is_zero() && !self.keyring.is_asking() {
                    return;
                }
                tokio::time::sleep(left.max(Duration::from_millis(50))).await;
            }
        };
        let deadline = start + limit;
        tokio::select! {
            biased;
            result = self.establish(target, &settings, via, &phase, deadline) => result,
            () = timer => Err(ConnectionError::new(
                Trouble::Unreachable,
                format!(
                    "{} did not answer within {} s: timed out while {}",
                    label(&settings), limit.as_secs_f64(), phase.name()
                ),
            ).hint("is the address right, is it up, does a firewall drop ssh? `timeout` or -o ConnectTimeout allows more time")),
        }
    }

    fn gate(&self, settings: &Settings) -> Arc<Semaphore> {
        let name = match &settings.route {
            Route::Jump(hops) => hops.join(","),
            Route::Command(_) => "command".to_owned(),
            Route::Direct if settings.host.contains(':') => "6".to_owned(),
            Route::Direct => "4".to_owned(),
        };
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(name).or_insert_with(|| Arc::new(Semaphore::new(self.starts))))
    }

    /// The link to the last of the hops, opened at most once.
    async fn bastion(
        &self,
        hops: &[String],
        target: &Target,
        settings: &Settings,
    ) -> Result<Arc<Link>, ConnectionError> {
        let Some((last, before)) = hops.split_last() else {
            return Err(ConnectionError::new(Trouble::Unreachable, "ProxyJump names no host"));
        };
        let file = settings.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let key = format!("{}\n{file}\n{:?}", hops.join(","), target.host_key_checking);
        let slot = {
            let mut bastions = self.bastions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(bastions.entry(key).or_default())
        };
        let since = Instant::now();
        let mut slot = slot.lock().await;
        if let Some(link) = slot.link.upgrade().filter(|link| link.is_open()) {
            return Ok(link);
        }
        if let Some((_, error)) = slot.failed.as_ref().filter(|(when, _)| *when >= since) {
            // It failed while we waited for it: no need for each of many hosts to find that out anew.
            return Err(error.clone());
        }
        let (user, address, port) = hop(last)?;
        let hop = Target {
            host: last.as_str().into(),
            kind: "ssh".into(),
            address,
            port,
            user,
            password: None,
            private_key: None,
            passphrase: target.passphrase.clone(),
            arguments: Vec::new(),
            host_key_checking: target.host_key_checking,
            timeout: target.timeout,
            shell: target.shell.clone(),
        };
        let hop = match &settings.file {
            Some(file) => {
                let file = shlex::try_quote(&file.to_string_lossy()).map(Cow::into_owned).unwrap_or_default();
                Target { arguments: vec![format!("-F {file}")], ..hop }
            }
            None => hop,
        };
        let hop = if before.is_empty() {
            hop
        } else {
            let mut arguments = hop.arguments.clone();
            arguments.push(format!("-J {}", before.join(",")));
            Target { arguments, ..hop }
        };
        match self.open(&hop).await {
            Ok(link) => {
                *slot = Opened { link: Arc::downgrade(&link), failed: None };
                Ok(link)
            }
            Err(error) => {
                let message = format!("the bastion {last} cannot be used: {}", error.message);
                let error = ConnectionError { message, ..error };
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn establish(
        &self,
        target: &Target,
        settings: &Arc<Settings>,
        via: Option<Arc<Link>>,
        phase: &Phase,
        deadline: Instant,
    ) -> Result<Arc<Link>, ConnectionError> {
        let label = label(settings);
        let mut refused = 0u32;
        let mut pause = Duration::from_millis(100);
        loop {
            phase.enter(0);
            let gossip = Gossip::default();
            let unreached = match reach::reach(settings, via.as_ref(), phase, &gossip).await {
                Ok(reached) => match self.greet(target, settings, reached, &gossip, phase, &via).await {
                    Ok(link) => return Ok(Arc::new(link)),
                    Err(unreached) => unreached,
                },
                Err(unreached) => unreached,
            };
            refused += 1;
            match unreached {
                Unreached::Final(error) => return Err(error),
                Unreached::Refused(error) if refused >= settings.attempts => return Err(error),
                Unreached::Refused(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                Unreached::Shed(why) => {
                    let rest = pause.mul_f64(0.5 + rand::random::<f64>());
                    if Instant::now() + rest >= deadline {
                        return Err(ConnectionError::new(
                            Trouble::Unreachable,
                            format!("{label} closed the connection before the login, {refused} times: {why}"),
                        )
                        .hint("its sshd may shed connections (MaxStartups), or a firewall or hosts.deny cuts them off"));
                    }
                    tracing::debug!(%label, %why, "the host sheds connections: trying again");
                    tokio::time::sleep(rest).await;
                    pause = (pause * 2).min(Duration::from_secs(3));
                }
            }
        }
    }

    async fn greet(
        &self,
        target: &Target,
        settings: &Arc<Settings>,
        reached: Reached,
        gossip: &Gossip,
        phase: &Phase,
        via: &Option<Arc<Link>>,
    ) -> Result<Link, Unreached> {
        phase.enter(Phase::GREETING);
        let label = label(settings);
        let base = settings.alias.clone().unwrap_or_else(|| settings.host.clone());
        let name = match settings.alias {
            Some(_) => base.clone(),
            None => known_hosts::name(&base, settings.port),
        };
        let files: Vec<_> =
            settings.user_known_hosts.iter().chain(&settings.global_known_hosts).cloned().collect();
        let known = KnownHost::read(&files, std::slice::from_ref(&name));
        let addresses: Vec<_> =
            reached.address.iter().map(|ip| known_hosts::name(ip, settings.port)).collect();
        let by_address = KnownHost::read(&files, &addresses);
        let config = Arc::new(config(settings, &known));
        let settings = Arc::clone(settings);
        let client = Client {
            known,
            by_address,
            name,
            principal: base,
            settings: Arc::clone(&settings),
            gossip: gossip.clone(),
        };
        let connected = russh::client::connect_stream(config, reached.stream, client).await;
        let mut session = match connected {
            Ok(session) => session,
            Err(Failure::HostKey(error)) => return Err(Unreached::Final(error)),
            Err(Failure::Session(error)) => {
                let unreached = unreached(error, &label, gossip);
                return Err(match (unreached, &settings.route) {
                    (Unreached::Shed(_), Route::Command(command)) => {
                        proxy_ended(command, &label, gossip).await
                    }
                    (unreached, _) => unreached,
                });
            }
        };
        phase.enter(Phase::LOGIN);
        let login = Login {
            settings: &settings,
            password: target.password.as_ref(),
            passphrase: target.passphrase.as_ref(),
            keyring: &self.keyring,
            gossip,
            label: &label,
        };
        login.run(&mut session).await.map_err(Unreached::Final)?;
        let environment = settings.environment.clone();
        Ok(Link {
            session,
            gossip: gossip.clone(),
            label,
            environment,
            _via: via.clone(),
            _proxy: reached.proxy,
        })
    }
}

/// A proxy command that ended is no busy host; what it said last explains it.
async fn proxy_ended(command: &str, label: &str, gossip: &Gossip) -> Unreached {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let said = gossip.farewell().unwrap_or_else(|| "it said nothing".to_owned());
    Unreached::Refused(ConnectionError::new(
        Trouble::Unreachable,
        format!("the ProxyCommand `{command}` to {label} ended before the greeting: {said}"),
    ))
}

/// What a failure before the login means.
fn unreached(error: russh::Error, label: &str, gossip: &Gossip) -> Unreached {
    use std::io::ErrorKind;
    let shed = match &error {
        russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError => true,
        russh::Error::IO(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionReset
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionAborted
        ),
        _ => false,
    };
    if shed {
        return Unreached::Shed(gossip.farewell().unwrap_or_else(|| error.to_string()));
    }
    let error = match error {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => ConnectionError::new(
            Trouble::Unreachable,
            format!(
                "{label} and muster have no {kind:?} algorithm in common: it knows {}, muster {}",
                theirs.join(", "),
                ours.join(", ")
            ),
        ),
        russh::Error::Version => {
            ConnectionError::new(Trouble::Unreachable, format!("what answers at {label} is no ssh server"))
        }
        error => {
            ConnectionError::new(Trouble::Unreachable, format!("{label}: the ssh handshake failed: {error}"))
        }
    };
    Unreached::Final(error)
}

fn config(settings: &Settings, known: &KnownHost) -> russh::client::Config {
    let mut preferred = Preferred::DEFAULT;
    let known_algorithms = known.algorithms();
    let is_known = |algorithm: &Algorithm| {
        known_algorithms.iter().any(|known| match (known, algorithm) {
            (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
            (known, algorithm) => known == algorithm,
        })
    };
    let (mut keys, others): (Vec<_>, Vec<_>) = preferred.key.iter().cloned().partition(is_known);
    keys.extend(others);
    preferred.key = Cow::Owned(keys);
    if known.has_authority() {
        let strong = |algorithm: &&Algorithm| {
            !matches!(algorithm, Algorithm::Rsa { hash: None | Some(HashAlg::Sha256) })
        };
        preferred.host_key_certificates =
            Cow::Owned(Preferred::DEFAULT.key.iter().filter(strong).cloned().collect());
    }
    russh::client::Config {
        preferred,
        nodelay: true,
        // A shell that idles is not read; what little it says must not hold up the others.
        channel_buffer_size: 4096,
        inactivity_timeout: None,
        keepalive_interval: Some(settings.alive_interval.unwrap_or(ALIVE)),
        keepalive_max: settings.alive_count,
        ..russh::client::Config::default()
    }
}

/// `user@host:port`.
fn label(settings: &Settings) -> String {
    format!("{}@{}", settings.user, reach::place(&settings.host, settings.port))
}

/// `[user@]host[:port]` or `ssh://[user@]host[:port]`.
fn hop(text: &str) -> Result<(Option<String>, String, Option<u16>), ConnectionError> {
    let bad = || {
        ConnectionError::new(Trouble::Unreachable, format!("ProxyJump: `{text}` is no [user@]host[:port]"))
    };
    let rest = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, rest),
    };
    let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(bad)?;
        (host, after.strip_prefix(':'))
    } else {
        match rest.split_once(':') {
            // More than one colon is an address of IPv6.
            Some((_, port)) if port.contains(':') => (rest, None),
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        }
    };
    let port = port.map(|port| port.parse::<u16>().map_err(|_| bad())).transpose()?;
    if host.is_empty() { Err(bad()) } else { Ok((user, host.to_owned(), port)) }
}
