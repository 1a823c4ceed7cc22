//! One request to the API and its answer, as JSON. What the server refuses comes back as a [`Refusal`] with everything a
//! `Status` says, and what a refusal without one can still tell; a server that cannot be reached is told apart by cause.

use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kube::client::Body;
use muster_engine::module::Failure;
use serde_json::Value as Json;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How a body is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Json,
    MergePatch,
    StrategicPatch,
    JsonPatch,
    Apply,
}

impl Sent {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::StrategicPatch => "application/strategic-merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub body: Json,
    /// What the server warns of.
    pub warnings: Vec<String>,
    /// What time it is for the server.
    pub date: Option<Timestamp>,
}

/// Why a request did not do what it asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    /// The HTTP status; none when no server answered.
    pub code: Option<u16>,
    /// `NotFound`, `Conflict`, ...; often absent with 500.
    pub reason: Option<String>,
    /// What the server said, or why it was not reached.
    pub message: String,
    /// The whole `Status`, or the text that came instead.
    pub body: Json,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Refusal {
    pub fn is(&self, code: u16) -> bool {
        self.code == Some(code)
    }

    /// The causes of a `Status`: `(reason, message)`.
    pub fn causes(&self) -> Vec<(&str, &str)> {
        let listed = self.body.pointer("/details/causes").and_then(Json::as_array);
        listed
            .into_iter()
            .flatten()
            .map(|cause| {
                let of = |key: &str| cause.get(key).and_then(Json::as_str).unwrap_or("");
                (of("reason"), of("message"))
            })
            .collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Failure::new(refusal.to_string());
        let failure = match refusal.code {
            Some(code) => failure.with("status", code).with("error", code),
            None => failure,
        };
        match refusal.reason {
            Some(reason) => failure.with("reason", reason),
            None => failure,
        }
    }
}

/// Asks.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub(crate) async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    body: Option<(Sent, &Json)>,
    from: &str,
) -> Result<Answer, Refusal> {
    let mut request = Request::builder().method(method).uri(path).header("accept", "application/json");
    let mut bytes = vec![];
    if let Some((sent, json)) = body {
        request = request.header("content-type", sent.content_type());
        bytes = json.to_string().into_bytes();
    }
    let request = request.body(Body::from(bytes)).map_err(|error| Refusal {
        message: format!("`{path}` is no path: {error}"),
        ..Refusal::default()
    })?;
    let response = client.send(request).await.map_err(|error| unreached(&error, from))?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|error| unreached(&error, from))?.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if head.status.is_success() {
        let warnings = head.headers.get_all("warning").iter().filter_map(|value| value.to_str().ok());
        return Ok(Answer {
            body: serde_json::from_str(&text).unwrap_or_else(|_| Json::String(text.into_owned())),
            warnings: warnings.map(warning).collect(),
            date: header("date").and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp()),
        });
    }
    let retry_after =
        header("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let body: Json = serde_json::from_str(&text).unwrap_or_else(|_| Json::String(text.trim().to_string()));
    let message = match body.get("message").and_then(Json::as_str) {
        Some(message) => message.to_string(),
        None if text.trim().is_empty() => head.status.to_string(),
        None => text.trim().to_string(),
    };
    let reason = body.get("reason").and_then(Json::as_str).map(str::to_string);
    let hint = match head.status.as_u16() {
        401 => Some(format!("The credentials of {from} are not valid, or have expired: renew them")),
        403 if message.contains("system:anonymous") => Some(format!("{from} gives no credentials")),
        _ => None,
    };
    Err(Refusal { code: Some(head.status.as_u16()), reason, message, body, retry_after, hint })
}

/// The text of a `Warning` header: `299 - "text"`.
fn warning(header: &str) -> String {
    let text = header.split_once('"').map_or(header, |(_, rest)| rest.trim_end_matches('"'));
    text.replace("\\\"", "\"")
}

/// Why no server answered, in words that help: the chain of causes tells TLS from the network.
fn unreached(error: &(dyn Error + 'static), from: &str) -> Refusal {
    let mut chain = vec![];
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !chain.last().is_some_and(|last: &String| last.contains(&text)) {
            chain.push(text);
        }
        next = error.source();
    }
    let whole = chain.join(": ");
    let hint = match whole.as_str() {
        text if text.contains("Expired") || text.contains("expired") => Some(
            "A certificate has expired: `kubeadm certs check-expiration`, then `kubeadm certs renew all`, on the control plane",
        ),
        text if text.contains("NotValidForName") || text.contains("not valid for") => Some(
            "The server's certificate does not name the address it was asked at: look at its SANs, or set `tls-server-name`",
        ),
        text if text.contains("UnknownIssuer") || text.contains("self-signed") => Some(
            "The server's certificate is of another authority than the kubeconfig's: is this the right cluster?",
        ),
        text if text.contains("refused") => {
            Some("Nothing listens there: is kube-apiserver running (`crictl ps --name kube-apiserver`)?")
        }
        text if text.contains("timed out") || text.contains("deadline") => {
            Some("Nobody answered in time: is the address right, is the host up?")
        }
        _ => None,
    };
    Refusal {
        message: format!("the Kubernetes API of {from} cannot be reached: {whole}"),
        hint: hint.map(str::to_string),
        ..Refusal::default()
    }
}
