//! Who asks a cluster, for messages: the user, the file that says so, and until when that is good. Certificates and tokens are
//! read for their dates alone; nothing of them is ever shown.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value as Json;
use x509_parser::pem::Pem;

/// What a client proves itself with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing at all.
    #[default]
    Nothing,
    /// A client certificate, in a file, good until then.
    Certificate { file: String, until: Option<Timestamp> },
    /// A token.
    Token { file: String, until: Option<Timestamp> },
    /// What a program gave.
    Plugin { command: String, until: Option<Timestamp> },
    /// A name and a password.
    Password { file: String },
}

/// Who asks, and whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// Where the configuration came from: `/etc/kubernetes/admin.conf on cp1`.
    pub from: String,
    /// The name of the user there.
    pub user: Option<String>,
    pub proof: Proof,
    /// The API's URL.
    pub url: String,
    /// The proxy on the way, if there is one.
    pub proxy: Option<String>,
}

impl Identity {
    /// `the user admin of FILE`, or `FILE`.
    pub fn shown(&self) -> String {
        shown(self.user.as_deref(), &self.from)
    }

    /// Why a server might not accept it, and what to do; `now` is the server's time where that is known.
    pub fn refused(&self, now: Timestamp) -> String {
        let (user, from) = (self.user.as_deref().map(|user| format!(" of the user {user}")), &self.from);
        let user = user.unwrap_or_default();
        let elsewhere = format!(
            "or delegate the task to a control plane host, whose own {} is used then",
            super::config::ADMIN
        );
        match &self.proof {
            Proof::Nothing => format!("{from} gives no credentials{user}: add some, {elsewhere}"),
            Proof::Certificate { file, until: Some(until) } if *until < now => format!(
                "The client certificate{user} in {file} expired on {}. Renew it on a control plane host (`kubeadm certs renew admin.conf`, or `all`) and copy the file, {elsewhere}",
                date(*until)
            ),
            Proof::Certificate { file, until } => format!(
                "The server does not accept the client certificate{user} in {file}{}: it may be of another cluster",
                until.map(|until| format!(" (good until {})", date(until))).unwrap_or_default()
            ),
            Proof::Token { file, until: Some(until) } if *until < now => format!(
                "The token{user} in {file} expired on {}. Get a new one (`kubectl create token SERVICEACCOUNT`, or log in again), {elsewhere}",
                date(*until)
            ),
            Proof::Token { file, until } => format!(
                "The server does not know the token{user} in {file}{}: it was revoked, or is of another cluster. Get a new one, {elsewhere}",
                until.map(|until| format!(" (good until {})", date(until))).unwrap_or_default()
            ),
            Proof::Plugin { command, until } => format!(
                "The server does not accept what `{command}` gave for {}{}: log in again with it, or look at what it prints",
                self.shown(),
                until.map(|until| format!(" (good until {})", date(until))).unwrap_or_default()
            ),
            Proof::Password { file } => format!(
                "The server does not accept the name and password{user} in {file}: Kubernetes has taken none since 1.19"
            ),
        }
    }
}

/// `the user admin of FILE`.
pub(crate) fn shown(user: Option<&str>, from: &str) -> String {
    match user {
        Some(user) => format!("the user {user} of {from}"),
        None => from.to_string(),
    }
}

/// A time as messages have it.
pub(crate) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Until when the first certificate of a PEM text, in base64 as kubeconfigs have it or plain, is good.
pub(crate) fn certificate_until(data: &str) -> Option<Timestamp> {
    let decoded = STANDARD.decode(data.split_whitespace().collect::<String>()).ok();
    let pem = decoded.unwrap_or_else(|| data.as_bytes().to_vec());
    let (pem, _) = Pem::read(std::io::Cursor::new(pem)).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// Until when a token is good, where it is one that says so (a JWT).
pub(crate) fn token_until(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Json = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_says_so_is_good_until_then() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"admin","exp":1700000000}"#);
        let until = token_until(&format!("head.{claims}.signature")).unwrap();
        assert_eq!(date(until), "2023-11-14 22:13:20 UTC");
        assert_eq!(token_until("abcdef.0123456789abcdef"), None);
        let identity = Identity {
            from: "/root/.kube/config on cp1".into(),
            user: Some("anna".into()),
            proof: Proof::Token { file: "/root/.kube/config on cp1".into(), until: Some(until) },
            ..Identity::default()
        };
        let said = identity.refused(Timestamp::from_second(1_700_000_100).unwrap());
        assert!(
            said.starts_with("The token of the user anna in /root/.kube/config on cp1 expired on 2023-11-14"),
            "{said}"
        );
        let said = identity.refused(Timestamp::from_second(1_600_000_000).unwrap());
        assert!(said.contains("revoked"), "{said}");
    }
}
