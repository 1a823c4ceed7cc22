//! The client of a cluster, from the bottom up: straight or through a host's connection, through a proxy if there is one, TLS,
//! who asks. A configuration and a line come in; what sends requests goes out. All roads are built alike, so that none of them
//! forgets whom to act as.

use super::road::Tunnel;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel as Connect};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{ClientBuilder, ConfigExt as _};
use muster_engine::module::Failure;
use std::error::Error;
use std::time::Duration;
use tower::{BoxError, ServiceBuilder};

/// How long opening a connection to the API may take, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How bytes get to the API.
#[derive(Clone, Default)]
pub(crate) struct Line {
    /// Through a host.
    pub host: Option<Tunnel>,
    pub proxy: Option<Proxy>,
}

/// A proxy on the way.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    kind: Kind,
    url: Uri,
    headers: HeaderMap,
    login: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Socks,
}

impl Proxy {
    /// A proxy by its URL, and what it is told besides.
    ///
    /// # Errors
    /// The URL is none, or of a kind that is not spoken.
    pub fn new(text: &str, mut headers: HeaderMap) -> Result<Self, Failure> {
        // What is wrong with it may hold a password: it is not repeated.
        let wrong = |why: &str| Failure::new(format!("the proxy's URL {why}"));
        let text = if text.contains("://") { text.to_string() } else { format!("http://{text}") };
        let url: Uri = text.parse().map_err(|_| wrong("is no URL"))?;
        let (kind, port) = match url.scheme_str() {
            Some("http") => (Kind::Http, 80),
            Some("https") => (Kind::Https, 443),
            Some("socks5" | "socks5h") => (Kind::Socks, 1080),
            Some(other) => {
                return Err(wrong(&format!("begins with `{other}`: http, https and socks5 are known")));
            }
            None => return Err(wrong("has no scheme")),
        };
        let authority = url.authority().map(Authority::as_str).unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (decoded(user), decoded(password))
        });
        if let Some((user, password)) = &login
            && kind != Kind::Socks
        {
            headers.insert("proxy-authorization", basic(&format!("{user}:{password}"))?);
        }
        let host = url.host().ok_or_else(|| wrong("names no host"))?;
        let at = format!("{host}:{}", url.port_u16().unwrap_or(port));
        let scheme = url.scheme_str().unwrap_or("http");
        let url = Uri::builder().scheme(scheme).authority(at).path_and_query("/").build();
        Ok(Self { kind, url: url.map_err(|_| wrong("is no URL"))?, headers, login })
    }

    /// Where it is, without a password.
    pub fn shown(&self) -> String {
        self.url.to_string().trim_end_matches('/').to_string()
    }
}

/// A header for a user and a password, `USER:PASSWORD`.
///
/// # Errors
/// They cannot be sent.
pub(crate) fn basic(login: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(login)))
        .map_err(|_| Failure::new("a user or password holds what no header can"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A part of a URL without `%41`.
fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let (mut out, mut at) = (vec![], 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = part.get(at + 1..at + 3).filter(|_| byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A client over this line.
///
/// # Errors
/// The configuration holds what cannot be used: a key that is none, a broken certificate.
pub(crate) fn over(config: &Config, line: &Line) -> Result<kube::Client, kube::Error> {
    match &line.host {
        Some(tunnel) => proxied(config, tunnel.clone(), line.proxy.as_ref()),
        None => {
            let mut connector = HttpConnector::new();
            connector.enforce_http(false);
            proxied(config, connector, line.proxy.as_ref())
        }
    }
}

fn proxied<C>(config: &Config, base: C, proxy: Option<&Proxy>) -> Result<kube::Client, kube::Error>
where
    C: tower::Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: hyper::rt::Read + hyper::rt::Write + Connection + Send + Unpin + 'static,
    C::Error: Error + Send + Sync + 'static,
    C::Future: Send + 'static,
{
    let Some(proxy) = proxy else { return secured(config, base) };
    match proxy.kind {
        Kind::Http => {
            secured(config, Connect::new(proxy.url.clone(), base).with_headers(proxy.headers.clone()))
        }
        Kind::Https => {
            let tls = config.rustls_https_connector_with_connector(base)?;
            secured(config, Connect::new(proxy.url.clone(), tls).with_headers(proxy.headers.clone()))
        }
        Kind::Socks => {
            let socks = SocksV5::new(proxy.url.clone(), base);
            match &proxy.login {
                Some((user, password)) => secured(config, socks.with_auth(user.clone(), password.clone())),
                None => secured(config, socks),
            }
        }
    }
}

fn secured<C>(config: &Config, connector: C) -> Result<kube::Client, kube::Error>
where
    C: tower::Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: hyper::rt::Read + hyper::rt::Write + Connection + Send + Unpin + 'static,
    C::Error: Error + Send + Sync + 'static,
    C::Future: Send + 'static,
{
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(connector)?);
    connector.set_connect_timeout(Some(CONNECT));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Legacy::builder(TokioExecutor::new()).build(connector));
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}
