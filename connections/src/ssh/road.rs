//! An open ssh session as a road: programs are started in session channels, streams in direct-tcpip channels. A
//! channel whose starter went away meanwhile is closed all the same: an abandoned one would take a place for ever.

use super::client::{Client, Gossip};
use crate::shell::wire::{Ear, Ending, Heard, Mouth, Program, Refusal, Road, Signal, signal_number};
use muster_engine::connection::{ConnectionError, Stream, Trouble};
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Pty, Sig};
use std::io;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A session that is logged in.
pub(crate) struct Link {
    /// The session.
    pub session: Handle<Client>,
    /// What the host said on the side.
    pub gossip: Gossip,
    /// `user@host:port`, for messages.
    pub label: String,
    /// Variables that every program there is offered.
    pub environment: Vec<(String, String)>,
    /// The bastion it goes through; stays open as long as this.
    pub _via: Option<Arc<Link>>,
    /// The proxy command it goes through.
    pub _proxy: Option<tokio::process::Child>,
}

impl Link {
    /// Whether it still stands.
    pub(crate) fn is_open(&self) -> bool {
        !self.session.is_closed()
    }

    /// A stream to somewhere behind it.
    pub(crate) async fn tunnel(
        self: &Arc<Self>,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Stream>, russh::Error> {
        let (link, host) = (Arc::clone(self), host.to_owned());
        let channel = kept(async move {
            link.session.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0).await
        });
        Ok(Box::new(channel.await?.into_stream()))
    }
}

/// Opens a channel in a task, so that one nobody waits for any more is closed again.
async fn kept(
    opening: impl Future<Output = Result<Channel<Msg>, russh::Error>> + Send + 'static,
) -> Result<Channel<Msg>, russh::Error> {
    let (give, take) = oneshot::channel();
    tokio::spawn(async move {
        let opened = opening.await;
        if let Err(Ok(channel)) = give.send(opened) {
            let _ = channel.close().await;
        }
    });
    // The task ends only after it gave.
    take.await.unwrap_or(Err(russh::Error::Disconnect))
}

/// The road over a link.
pub(crate) struct SshRoad {
    /// The link.
    pub link: Arc<Link>,
}

impl Road for SshRoad {
    type Ear = SshEar;
    type Mouth = SshMouth;

    async fn start(&self, program: &Program) -> Result<(SshEar, SshMouth), Refusal> {
        let link = Arc::clone(&self.link);
        let opened = kept(async move { link.session.channel_open_session().await }).await;
        let channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage,
            ) => Refusal::Busy,
            error => self.failed(&error),
        })?;
        let (ear, mouth) = channel.split();
        let mouth = SshMouth { half: Some(mouth) };
        if let Some(half) = &mouth.half {
            let started = async {
                for (name, value) in &self.link.environment {
                    half.set_env(false, name, value).await?;
                }
                if program.terminal {
                    half.request_pty(false, "xterm", 80, 24, 0, 0, &[(Pty::ECHO, 0)]).await?;
                }
                half.exec(true, program.line.as_str()).await
            };
            started.await.map_err(|error| self.failed(&error))?;
        }
        Ok((SshEar { half: ear, over: false }, mouth))
    }

    fn is_open(&self) -> bool {
        self.link.is_open()
    }

    fn epitaph(&self) -> String {
        self.link.gossip.farewell().unwrap_or_else(|| "the host closed it".to_owned())
    }

    fn host(&self) -> &str {
        &self.link.label
    }
}

impl SshRoad {
    fn failed(&self, error: &russh::Error) -> Refusal {
        let label = &self.link.label;
        let message = match error {
            russh::Error::ChannelOpenFailure(_) => format!("{label} allows no sessions: {error}"),
            _ => format!("the connection to {label} was lost: {}", self.epitaph()),
        };
        Refusal::Failed(ConnectionError::new(Trouble::Unreachable, message))
    }
}

/// Hears a channel.
pub(crate) struct SshEar {
    half: ChannelReadHalf,
    over: bool,
}

impl Ear for SshEar {
    async fn hear(&mut self) -> Option<Heard> {
        while !self.over {
            match self.half.wait().await {
                Some(ChannelMsg::Data { data }) => return Some(Heard::Out(data)),
                Some(ChannelMsg::ExtendedData { data, ext: 1 }) => return Some(Heard::Err(data)),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    let rc = i32::try_from(exit_status).unwrap_or(-1);
                    return Some(Heard::Ended(Ending { rc, signal: None }));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    let name = name_of(signal_name);
                    return Some(Heard::Ended(Ending { rc: 128 + signal_number(&name), signal: Some(name) }));
                }
                Some(ChannelMsg::Eof) => return Some(Heard::Quiet),
                Some(ChannelMsg::Close | ChannelMsg::Failure) | None => self.over = true,
                Some(_) => {}
            }
        }
        None
    }
}

fn name_of(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => name,
        named => format!("{named:?}"),
    }
}

/// Speaks to a channel; dropping closes it.
pub(crate) struct SshMouth {
    half: Option<ChannelWriteHalf<Msg>>,
}

impl Mouth for SshMouth {
    async fn say(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match &self.half {
            Some(half) => half.data_bytes(bytes).await.map_err(io::Error::other),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn finish(&mut self) {
        if let Some(half) = &self.half {
            // A channel that is gone needs no end.
            let _ = half.eof().await;
        }
    }

    async fn signal(&mut self, signal: Signal) {
        let signal = match signal {
            Signal::Terminate => Sig::TERM,
            Signal::Kill => Sig::KILL,
        };
        if let Some(half) = &self.half {
            let _ = half.signal(signal).await;
        }
    }
}

impl Drop for SshMouth {
    fn drop(&mut self) {
        if let (Some(half), Ok(runtime)) = (self.half.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = half.close().await;
            });
        }
    }
}
