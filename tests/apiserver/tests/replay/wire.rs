//! A request of a recording as it goes over the wire, with nothing added that was not recorded, and the answer as it came.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use muster_apiserver::Double;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::history::Recording;

/// An answer: the body is text, JSON, or the lines of a watch.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

/// Asks a double what a recording asked.
pub async fn ask(double: &Double, recording: &Recording) -> Answer {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(double.authority().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(double.address()).await.unwrap();
    let name = ServerName::from(double.address().ip());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driving = tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request(double, recording)).await.unwrap();
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    if status == 101 {
        driving.abort();
        return Answer { status, headers, body: Value::Null };
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    driving.abort();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = if recording.watches() && status == 200 {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    } else {
        match serde_json::from_str::<Value>(&text) {
            Ok(value) if value.is_object() => value,
            _ if recording.response.body.is_null() && text.is_empty() => Value::Null,
            _ => Value::String(text),
        }
    };
    Answer { status, headers, body }
}

fn request(double: &Double, recording: &Recording) -> Request<Full<Bytes>> {
    let asked = &recording.request;
    let mut query: Vec<String> = Vec::new();
    for (key, value) in &asked.query {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            // A watch that nothing happens to need not be waited for.
            let value = match (key.as_str(), value.as_str().unwrap_or_default()) {
                ("timeoutSeconds", value) if value.parse::<u32>().is_ok() => "1".to_owned(),
                (_, value) => value.to_owned(),
            };
            query.push(format!("{}={}", encode(key), encode(&value)));
        }
    }
    let path =
        if query.is_empty() { asked.path.clone() } else { format!("{}?{}", asked.path, query.join("&")) };
    let mut request = Request::builder()
        .method(asked.method.as_str())
        .uri(path)
        .header("host", double.address().to_string());
    for (key, value) in &asked.headers {
        let value = value.as_str().unwrap_or_default();
        if key.eq_ignore_ascii_case("authorization") {
            let token = match value {
                "Bearer <redacted: admin>" => "Bearer admin-token",
                "Bearer <redacted: viewer>" => "Bearer viewer-token",
                "Bearer <redacted: bad>" => "Bearer nobody-knows-this",
                _ => "Basic bm9ib2R5Om5vdGhpbmc=",
            };
            request = request.header("authorization", token);
        } else {
            request = request.header(key, value);
        }
    }
    // The watches were recorded without the header that says who asked.
    if recording.name.starts_with("watch/") && !asked.headers.contains_key("Authorization") {
        let viewer = recording.note.contains("as viewer");
        request = request
            .header("authorization", if viewer { "Bearer viewer-token" } else { "Bearer admin-token" });
    }
    request.body(Full::new(body(&asked.body))).unwrap()
}

fn body(recorded: &Value) -> Bytes {
    match recorded {
        Value::Null => Bytes::new(),
        Value::String(text) if text.starts_with('<') && text.ends_with("bytes>") => {
            let size: usize = text.trim_matches(|found: char| !found.is_ascii_digit()).parse().unwrap();
            let filler = |size| "x".repeat(size);
            let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": ""}}).to_string();
            let whole = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": filler(size - empty.len())}});
            Bytes::from(whole.to_string())
        }
        Value::String(text) => Bytes::from(text.clone()),
        other => Bytes::from(other.to_string()),
    }
}

fn encode(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
