//! A proxy on loopback, for HTTP's CONNECT and for SOCKS 5, with a name and a password: it counts the connections that it let
//! through and ends with the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Such a proxy.
pub struct Proxy {
    pub address: SocketAddr,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts it; `anna` with `s3cret` may use it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, passed) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move { pass(stream, &counted).await });
            }
        });
        Self { address, passed }
    }

    /// How many connections went through.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, passed: &AtomicUsize) -> Option<()> {
    let mut first = [0];
    client.peek(&mut first).await.ok()?;
    let target = if first == [5] { socks(&mut client).await? } else { connect(&mut client).await? };
    passed.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(target).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

async fn connect(client: &mut TcpStream) -> Option<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    // anna:s3cret
    if !head.to_lowercase().contains("proxy-authorization: basic yw5uytpzm2nyzxq=") {
        client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.ok()?;
        return None;
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    head.strip_prefix("CONNECT ")?.split(' ').next().map(str::to_string)
}

async fn socks(client: &mut TcpStream) -> Option<String> {
    async fn part(client: &mut TcpStream) -> Option<String> {
        let mut bytes = vec![0; usize::from(client.read_u8().await.ok()?)];
        client.read_exact(&mut bytes).await.ok()?;
        String::from_utf8(bytes).ok()
    }
    client.read_u8().await.ok()?;
    part(client).await?;
    client.write_all(&[5, 2]).await.ok()?;
    client.read_u8().await.ok()?;
    let (user, password) = (part(client).await?, part(client).await?);
    let known = user == "anna" && password == "s3cret";
    client.write_all(&[1, u8::from(!known)]).await.ok()?;
    if !known {
        return None;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await.ok()?;
            address.map(|byte| byte.to_string()).join(".")
        }
        _ => part(client).await?,
    };
    let port = client.read_u16().await.ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    Some(format!("{host}:{port}"))
}
