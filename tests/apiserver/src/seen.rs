//! A request as it came, written down before anything is done with it, so that a test can say what was asked.

use serde_json::Value;

/// A request that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as it came.
    pub query: String,
    /// The content type.
    pub content_type: String,
    /// The user agent.
    pub agent: String,
    /// The body, read as JSON where it is that.
    pub body: Value,
}

impl Seen {
    /// Writes a request down.
    #[must_use]
    pub fn of(parts: &http::request::Parts, body: &[u8]) -> Self {
        let header = |name: &str| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let text = || Value::String(String::from_utf8_lossy(body).into_owned());
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            content_type: header("content-type"),
            agent: header("user-agent"),
            body: if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(body).unwrap_or_else(|_| text())
            },
        }
    }
}
