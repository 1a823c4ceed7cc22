//! A small client: one connection a request, as an administrator by token.

use std::sync::Arc;

use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use muster_apiserver::Double;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// An answer; the body is JSON, or text.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Client {
    address: std::net::SocketAddr,
    config: Arc<ClientConfig>,
    token: String,
}

impl Client {
    pub fn admin(double: &Double) -> Self {
        Self::with_token(double, "admin-token")
    }

    pub fn with_token(double: &Double, token: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(double.authority().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        Self { address: double.address(), config, token: token.to_owned() }
    }

    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::clone(&self.config))
            .connect(ServerName::from(self.address.ip()), stream)
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", &Value::Null).await
    }

    pub async fn send(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Answer {
        self.try_send(method, path, content_type, body)
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Answer, String> {
        let stream = self.connect().await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driving = tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        request = request
            .header("authorization", format!("Bearer {}", self.token))
            .header("user-agent", "behaviour/1");
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let response = sender
            .send_request(request.body(Full::new(bytes)).unwrap())
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        driving.abort();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, body })
    }

    /// The events of a watch until it ends.
    pub async fn lines(&self, path: &str) -> Vec<Value> {
        let answer = self.send("GET", path, "", &Value::Null).await;
        match answer.body {
            Value::String(text) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        }
    }

    /// The frames of an exec: channel and text.
    pub async fn exec(&self, path: &str) -> Vec<(u8, String)> {
        let mut request = format!("wss://{}{path}", self.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        headers.insert("sec-websocket-protocol", "v5.channel.k8s.io".parse().unwrap());
        let stream = self.connect().await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let mut frames = Vec::new();
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Binary(bytes) = message {
                let (channel, rest) = bytes.split_first().unwrap();
                frames.push((*channel, String::from_utf8_lossy(rest).into_owned()));
            }
        }
        frames
    }
}
