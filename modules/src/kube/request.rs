//! One request to the API and its answer, as JSON. What the server refuses comes back as a [`Refusal`] with everything a
//! `Status` says, and what a refusal without one can still tell; a server that cannot be reached is told apart by cause.

use super::identity::Identity;
use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
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
    /// The server's time.
    pub date: Option<Timestamp>,
}

/// Why a request has no good answer, before anybody said what to do.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The server refused.
    Refused(Refusal),
    /// No server was reached.
    Unreached(Box<dyn Error + Send + Sync>),
    /// No answer came.
    Late,
}

/// How long an answer may take: a server ends what takes longer than a minute itself.
const PATIENCE: Duration = Duration::from_secs(75);

impl Refusal {
    /// What went wrong before anything was asked.
    pub fn from_failure(failure: Failure) -> Self {
        Self { message: failure.message().to_string(), ..Self::default() }
    }

    /// With what to do about it, for the one who asked.
    pub fn explained(mut self, who: &Identity) -> Self {
        let anonymous = self.is(403) && self.message.contains("system:anonymous");
        if self.is(401) || anonymous {
            self.hint = Some(who.refused(self.date.unwrap_or_else(Timestamp::now)));
        }
        self
    }

    pub fn is(&self, code: u16) -> bool {
        self.code == Some(code)
    }

    /// The failure of a module that says first what it could not do.
    pub fn failing(self, what: &str) -> Failure {
        let message = format!("{what}: {self}");
        Failure::from(self).with("msg", message)
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

/// Asks; the head and the text of a good answer.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub(crate) async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    body: Option<(Sent, &Json)>,
) -> Result<(Parts, String), Unanswered> {
    let mut request = Request::builder().method(method).uri(path).header("accept", "application/json, */*");
    let mut bytes = vec![];
    if let Some((sent, json)) = body {
        request = request.header("content-type", sent.content_type());
        bytes = json.to_string().into_bytes();
    }
    let request = request.body(Body::from(bytes)).map_err(|error| {
        Unanswered::Refused(Refusal {
            message: format!("`{path}` is no path: {error}"),
            ..Refusal::default()
        })
    })?;
    let unreached = |error: kube::Error| Unanswered::Unreached(Box::new(error));
    let whole = async {
        let response = client.send(request).await.map_err(unreached)?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.map_err(unreached)?.to_bytes();
        Ok((head, bytes))
    };
    let (head, bytes) = tokio::time::timeout(PATIENCE, whole).await.map_err(|_| Unanswered::Late)??;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match head.status.is_success() {
        true => Ok((head, text)),
        false => Err(Unanswered::Refused(refused(head.status, &head.headers, &text))),
    }
}

impl Answer {
    /// An answer that is JSON.
    pub fn read((head, text): (Parts, String)) -> Self {
        let warnings = head.headers.get_all("warning").iter().filter_map(|value| value.to_str().ok());
        Self {
            warnings: warnings.map(warning).collect(),
            date: date(&head.headers),
            body: serde_json::from_str(&text).unwrap_or(Json::String(text)),
        }
    }
}

/// What an answer that is none says.
pub(crate) fn refused(status: StatusCode, headers: &HeaderMap, text: &str) -> Refusal {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after =
        header("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let body: Json = serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.trim().to_string()));
    let message = match body.get("message").and_then(Json::as_str) {
        Some(message) => message.to_string(),
        None if text.trim().is_empty() => status.to_string(),
        None => text.trim().to_string(),
    };
    let reason = body.get("reason").and_then(Json::as_str).map(str::to_string);
    let (code, date) = (Some(status.as_u16()), date(headers));
    Refusal { code, reason, message, body, retry_after, hint: None, date }
}

/// The server's time.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let said = headers.get("date")?.to_str().ok()?;
    rfc2822::parse(said).ok().map(|zoned| zoned.timestamp())
}

/// The text of a `Warning` header: `299 - "text"`.
fn warning(header: &str) -> String {
    let text = header.split_once('"').map_or(header, |(_, rest)| rest.trim_end_matches('"'));
    text.replace("\\\"", "\"")
}
