//! The way a client's bytes take when a task runs on a host: a tunnel through that host's connection, so that an API which only
//! the cluster reaches can be asked. A URL comes in, a stream goes out; the connection is opened again when it was lost.

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use muster_engine::connection::Stream;
use muster_engine::module::Opens;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream through a host.
pub(crate) struct Through(Box<dyn Stream>);

impl AsyncRead for Through {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Through {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Connection for Through {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Opens such streams.
#[derive(Clone)]
pub(crate) struct Tunnel(pub Arc<dyn Opens>);

impl tower::Service<Uri> for Tunnel {
    type Response = TokioIo<Through>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let road = Arc::clone(&self.0);
        Box::pin(async move {
            let host =
                url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_string();
            let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("http") { 80 } else { 443 });
            let connection = road.open().await.map_err(io::Error::other)?;
            let stream = connection.tunnel(&host, port).await.map_err(io::Error::other)?;
            Ok(TokioIo::new(Through(stream)))
        })
    }
}
