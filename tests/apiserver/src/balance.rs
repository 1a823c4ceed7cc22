//! A load balancer in front of API servers, as the address that kubeadm calls the control plane endpoint: connections go to a
//! backend that answers `/readyz` and are passed on as they are; where none does, to any that accepts them, or are closed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::tls::Authority;
use crate::trouble::Trouble;

/// How often a backend is asked, how long it may take, and how often in a row it must fail to be left out.
const PERIOD: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);
const FAILURES: u32 = 3;

/// Balances connections at an address over backends whose certificates a CA vouches for, for as long as it is polled.
pub async fn balance(
    at: SocketAddr,
    backends: Vec<SocketAddr>,
    authority: &Authority,
) -> Result<(), Trouble> {
    let listener = TcpListener::bind(at).await.map_err(|error| Trouble::new(&at.to_string(), error))?;
    let healthy: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let client = client(authority)?;
    for &backend in &backends {
        tokio::spawn(watch(backend, client.clone(), Arc::clone(&healthy)));
    }
    let mut turn = 0_usize;
    loop {
        let Ok((mut incoming, _)) = listener.accept().await else {
            tokio::time::sleep(PERIOD).await;
            continue;
        };
        turn = turn.wrapping_add(1);
        let mut candidates = healthy.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if candidates.is_empty() {
            candidates.clone_from(&backends);
        }
        let first = turn % candidates.len().max(1);
        candidates.rotate_left(first);
        tokio::spawn(async move {
            for backend in candidates {
                let connected = tokio::time::timeout(PERIOD, TcpStream::connect(backend)).await;
                if let Ok(Ok(mut outgoing)) = connected {
                    // Either side may go when it likes.
                    let _ = copy_bidirectional(&mut incoming, &mut outgoing).await;
                    return;
                }
            }
        });
    }
}

fn client(authority: &Authority) -> Result<TlsConnector, Trouble> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Keeps a backend among the healthy ones while it is that.
async fn watch(backend: SocketAddr, client: TlsConnector, healthy: Arc<Mutex<Vec<SocketAddr>>>) {
    let mut failures = FAILURES;
    loop {
        let ready = tokio::time::timeout(PATIENCE, is_ready(backend, &client)).await;
        failures = if matches!(ready, Ok(Ok(true))) { 0 } else { failures.saturating_add(1) };
        {
            let mut known = healthy.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|other| *other != backend);
            if failures < FAILURES {
                known.push(backend);
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn is_ready(backend: SocketAddr, client: &TlsConnector) -> std::io::Result<bool> {
    let stream = TcpStream::connect(backend).await?;
    let mut stream = client.connect(ServerName::IpAddress(backend.ip().into()), stream).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: kubernetes\r\n\r\n").await?;
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b"200"))
}
