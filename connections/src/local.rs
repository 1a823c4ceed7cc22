//! This machine: the same framed shells as over ssh, through `/bin/sh` with pipes. Every program is the leader of a
//! process group of its own. A tunnel is a TCP connection.

mod terminal;

use crate::shell::pool::Pool;
use crate::shell::wire::{Ear, Ending, Heard, Mouth, Program, Refusal, Road, Signal, signal_name};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use muster_engine::connection::{
    Command, Completed, Connection, ConnectionError, Connector, Stream, Target, Trouble,
};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;

/// Opens connections to this machine.
#[derive(Debug, Default)]
pub struct Local;

impl Connector for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["ansible.builtin.local"]
    }

    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(async move {
            let here = Here { host: Arc::clone(&target.host) };
            Ok(Arc::new(LocalConnection { pool: Pool::new(here, &target.shell) }) as Arc<dyn Connection>)
        })
    }
}

struct LocalConnection {
    pool: Arc<Pool<Here>>,
}

impl Connection for LocalConnection {
    fn exec<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Completed, ConnectionError>> {
        Box::pin(self.pool.exec(command))
    }

    fn tunnel<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectionError>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect((host, port)).await.map_err(|error| {
                ConnectionError::new(
                    Trouble::Unreachable,
                    format!("cannot connect to {host}:{port}: {error}"),
                )
            })?;
            // Small messages go at once; a stream that cannot do that still works.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn is_open(&self) -> bool {
        true
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.settled())
    }
}

struct Here {
    host: Arc<str>,
}

impl Road for Here {
    type Ear = LocalEar;
    type Mouth = LocalMouth;

    async fn start(&self, program: &Program) -> Result<(LocalEar, LocalMouth), Refusal> {
        let started = if program.terminal { with_terminal(&program.line) } else { with_pipes(&program.line) };
        started.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Refusal::Busy,
            _ => Refusal::Failed(ConnectionError::new(
                Trouble::Unreachable,
                format!("cannot start a process on {}: {error}", self.host),
            )),
        })
    }

    fn is_open(&self) -> bool {
        true
    }

    fn epitaph(&self) -> String {
        "the local machine".to_owned()
    }

    fn host(&self) -> &str {
        &self.host
    }
}

fn with_pipes(line: &str) -> io::Result<(LocalEar, LocalMouth)> {
    let mut child = tokio::process::Command::new("/bin/sh")
        .arg("-c")
        .arg(line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = group_of(&child);
    let stdin = child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncWrite + Send + Unpin>);
    let out = child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>);
    let err = child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>);
    Ok((LocalEar::new(child, out, err), LocalMouth { stdin, group }))
}

/// A terminal needs a session of its own, which only a program between can make without unsafe code.
fn with_terminal(line: &str) -> io::Result<(LocalEar, LocalMouth)> {
    let (reader, writer, other_end) = terminal::open()?;
    let child = tokio::process::Command::new("setsid")
        .args(["--ctty", "--wait", "/bin/sh", "-c", line])
        .stdin(Stdio::from(other_end.try_clone()?))
        .stdout(Stdio::from(other_end.try_clone()?))
        .stderr(Stdio::from(other_end))
        .process_group(0)
        .spawn()?;
    let group = group_of(&child);
    let ear = LocalEar::new(child, Some(Box::new(reader)), None);
    Ok((ear, LocalMouth { stdin: Some(Box::new(writer)), group }))
}

fn group_of(child: &Child) -> Option<rustix::process::Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
}

type Source = Option<Box<dyn AsyncRead + Send + Unpin>>;

/// Hears a local process.
pub(crate) struct LocalEar {
    child: Child,
    out: Source,
    err: Source,
    buffers: (BytesMut, BytesMut),
    ended: bool,
    quiet: bool,
}

impl LocalEar {
    fn new(child: Child, out: Source, err: Source) -> Self {
        Self { child, out, err, buffers: (BytesMut::new(), BytesMut::new()), ended: false, quiet: false }
    }
}

/// Reads once; at the end or on an error the source is closed (a terminal ends with an error).
async fn read(source: &mut Source, buffer: &mut BytesMut) -> Option<bytes::Bytes> {
    let Some(pipe) = source else { return std::future::pending().await };
    buffer.reserve(32 * 1024);
    match pipe.read_buf(buffer).await {
        Ok(n) if n > 0 => Some(buffer.split().freeze()),
        _ => {
            *source = None;
            None
        }
    }
}

impl Ear for LocalEar {
    async fn hear(&mut self) -> Option<Heard> {
        loop {
            if self.out.is_none() && self.err.is_none() && !self.quiet {
                self.quiet = true;
                return Some(Heard::Quiet);
            }
            if self.quiet && self.ended {
                return None;
            }
            let (out_buffer, err_buffer) = &mut self.buffers;
            tokio::select! {
                biased;
                bytes = read(&mut self.out, out_buffer), if self.out.is_some() => {
                    if let Some(bytes) = bytes {
                        return Some(Heard::Out(bytes));
                    }
                }
                bytes = read(&mut self.err, err_buffer), if self.err.is_some() => {
                    if let Some(bytes) = bytes {
                        return Some(Heard::Err(bytes));
                    }
                }
                status = self.child.wait(), if !self.ended => {
                    self.ended = true;
                    return Some(Heard::Ended(status.map(ending).unwrap_or_default()));
                }
            }
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(rc), _) => Ending { rc, signal: None },
        (None, Some(number)) => Ending { rc: 128 + number, signal: Some(signal_name(number)) },
        (None, None) => Ending { rc: -1, signal: None },
    }
}

/// Speaks to a local process.
pub(crate) struct LocalMouth {
    stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    group: Option<rustix::process::Pid>,
}

impl Mouth for LocalMouth {
    async fn say(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match &mut self.stdin {
            Some(pipe) => {
                pipe.write_all(&bytes).await?;
                pipe.flush().await
            }
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn finish(&mut self) {
        self.stdin = None;
    }

    async fn signal(&mut self, signal: Signal) {
        let number = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        if let Some(group) = self.group {
            // Already gone is what is wanted.
            let _ = rustix::process::kill_process_group(group, number);
        }
    }
}
