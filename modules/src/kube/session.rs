//! A client that stays good: credentials that run out are asked for again, from the file or the program they came from, before
//! they are over and once after the server would not have them. What finds credentials comes in, a client goes out.

use super::client::{Line, over};
use super::config::Found;
use super::identity::{Identity, Proof, certificate_until, token_until};
use super::place::Place;
use super::plugin::{Given, Plugin};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use kube::Config;
use muster_engine::module::Failure;
use tokio::sync::Mutex;

/// How long before they are over credentials are asked for again.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// How long what a file holds is good.
const FILE: SignedDuration = SignedDuration::from_secs(60);

/// Where credentials that run out come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Source {
    /// They do not run out, as far as anybody can do something about it.
    #[default]
    Fixed,
    /// A file with a token, where the task runs.
    File(String),
    /// A program.
    Plugin(Plugin),
}

/// A client and what keeps it good.
pub(crate) struct Session {
    place: Place,
    line: Line,
    source: Source,
    now: Mutex<Now>,
}

struct Now {
    config: Config,
    client: kube::Client,
    identity: Identity,
    until: Option<Timestamp>,
}

impl Session {
    /// Opens it; nothing is asked of the server yet.
    ///
    /// # Errors
    /// There are no credentials to be had, or they cannot be used.
    pub async fn open(found: Found, place: Place) -> Result<Self, Failure> {
        let Found { mut config, line, source, mut identity } = found;
        config.default_retry = false;
        let until = acquire(&source, &place, &mut config, &mut identity).await?;
        let client = built(&config, &line, &identity)?;
        Ok(Self { place, line, source, now: Mutex::new(Now { config, client, identity, until }) })
    }

    /// The client, with credentials that are good for a while, and who it is.
    ///
    /// # Errors
    /// New credentials are needed, and cannot be had.
    pub async fn client(&self) -> Result<(kube::Client, Identity), Failure> {
        let mut now = self.now.lock().await;
        if now.until.is_some_and(|until| Timestamp::now() + EARLY >= until) {
            self.renew(&mut now).await?;
        }
        Ok((now.client.clone(), now.identity.clone()))
    }

    /// The client with new credentials, after the server would not have the old ones; none where there can be no others.
    ///
    /// # Errors
    /// They cannot be had.
    pub async fn renewed(&self) -> Result<Option<(kube::Client, Identity)>, Failure> {
        if matches!(self.source, Source::Fixed) {
            return Ok(None);
        }
        let mut now = self.now.lock().await;
        self.renew(&mut now).await?;
        Ok(Some((now.client.clone(), now.identity.clone())))
    }

    /// A client that shows nobody who asks and checks nobody who answers: for the server's clock, nothing else.
    pub async fn stranger(&self) -> Option<kube::Client> {
        let now = self.now.lock().await;
        let mut config = Config::new(now.config.cluster_url.clone());
        config.accept_invalid_certs = true;
        over(&config, &self.line).ok()
    }

    async fn renew(&self, now: &mut Now) -> Result<(), Failure> {
        now.until = acquire(&self.source, &self.place, &mut now.config, &mut now.identity).await?;
        now.client = built(&now.config, &self.line, &now.identity)?;
        Ok(())
    }
}

fn built(config: &Config, line: &Line, identity: &Identity) -> Result<kube::Client, Failure> {
    over(config, line).map_err(|error| Failure::new(format!("{} cannot be used: {error}", identity.shown())))
}

/// Puts credentials into a configuration; until when they are good.
async fn acquire(
    source: &Source,
    place: &Place,
    config: &mut Config,
    identity: &mut Identity,
) -> Result<Option<Timestamp>, Failure> {
    match source {
        Source::Fixed => Ok(None),
        Source::File(path) => {
            let bytes = place.read("the token", path).await?;
            let token = String::from_utf8_lossy(&bytes).trim().to_string();
            let file = format!("{path} on {}", place.host);
            identity.proof = Proof::Token { file, until: token_until(&token) };
            config.auth_info.token = Some(token.into());
            Ok(Some(Timestamp::now() + EARLY + FILE))
        }
        Source::Plugin(plugin) => {
            let Given { token, client_certificate_data, client_key_data, expiration_timestamp } =
                plugin.ask(place).await?;
            let until = match (&token, &client_certificate_data) {
                (_, Some(pem)) => certificate_until(pem),
                (Some(token), None) => token_until(token),
                (None, None) => None,
            };
            let until = expiration_timestamp.or(until);
            identity.proof = Proof::Plugin { command: plugin.command.clone(), until };
            config.auth_info.token = token.map(Into::into);
            if let (Some(certificate), Some(key)) = (client_certificate_data, client_key_data) {
                config.auth_info.client_certificate_data = Some(STANDARD.encode(certificate));
                config.auth_info.client_key_data = Some(STANDARD.encode(key).into());
            }
            // What is over already would be asked for at every request.
            Ok(expiration_timestamp.filter(|until| *until > Timestamp::now() + EARLY))
        }
    }
}
