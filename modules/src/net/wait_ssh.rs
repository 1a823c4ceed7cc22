//! `wait_ssh`: waits for a host in two phases. `socket`: something answers at its address and port and speaks as an ssh
//! server does, seen from this machine. `login`: logging in works. Which phase fails tells whom to ask.

use super::connection::login;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long one try of a socket may take.
const TRY: Duration = Duration::from_secs(5);

/// `wait_ssh`.
pub struct WaitSsh;

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    #[default]
    Socket,
    Login,
}

/// What a task gives to [`WaitSsh`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    phase: Phase,
    timeout: u64,
    sleep: u64,
    delay: u64,
}

impl Module for WaitSsh {
    const NAME: &'static str = "wait_ssh";
    const SPEC: Spec = Spec::new(
        "Waits for the target's ssh: first for a server that answers, then for a login that works.",
        &[
            Opt::new(
                "phase",
                Kind::Str,
                "`socket` waits for a server at the address and port, `login` until commands run.",
            )
            .choices(&["socket", "login"])
            .default("socket"),
            Opt::new("timeout", Kind::Int, "Seconds after which it fails.").default("180"),
            Opt::new("sleep", Kind::Int, "Seconds between tries.").default("1"),
            Opt::new("delay", Kind::Int, "Seconds before the first try.").default("0"),
        ],
    )
    .examples("- wait_ssh:\n    phase: socket\n- wait_ssh:\n    phase: login\n    timeout: 60\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let start = Instant::now();
        sleep(Duration::from_secs(args.delay)).await;
        let target = cx.road.target();
        let waited = match args.phase {
            Phase::Login => login(cx, "ping module test success", args.timeout, args.sleep).await,
            // Without a network between, there is no server to wait for.
            Phase::Socket if &*target.kind == "local" => Ok(()),
            Phase::Socket => socket(&target.address, target.port.unwrap_or(22), args).await,
        };
        let elapsed = start.elapsed().as_secs();
        match waited {
            Ok(()) => Ok(Check::Done(Output::new(false).with("elapsed", elapsed))),
            Err(message) => Err(Failure::new(message).with("elapsed", elapsed).with("changed", false)),
        }
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

async fn socket(address: &str, port: u16, args: &Args) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(args.timeout);
    let mut last = Try { reason: "no try was made".into(), received: vec![] };
    while Instant::now() < end {
        match timeout_at(end, banner(address, port)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => last = failed,
            Err(_) => last.reason = "no answer in time".into(),
        }
        sleep(Duration::from_secs(args.sleep).min(end.saturating_duration_since(Instant::now()))).await;
    }
    let mut message = format!("timed out waiting for an ssh server at {address}:{port}: {}", last.reason);
    if !last.received.is_empty() {
        let tail = last.received.len().saturating_sub(300);
        let bytes = last.received.get(tail..).unwrap_or_default().escape_ascii();
        message.push_str(&format!("; last 300 bytes received: '{bytes}'"));
    }
    Err(message)
}

/// A try that failed: why, and what had been received.
struct Try {
    reason: String,
    received: Vec<u8>,
}

/// Connects and reads until a line begins as an ssh server's does.
async fn banner(address: &str, port: u16) -> Result<(), Try> {
    let none = |reason: String| Try { reason, received: vec![] };
    let mut stream = match timeout(TRY, TcpStream::connect((address, port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(none(error.to_string())),
        Err(_) => return Err(none("no answer in 5 seconds".into())),
    };
    let mut received = vec![];
    let mut bytes = [0; 512];
    loop {
        let read = timeout(TRY, stream.read(&mut bytes)).await;
        let reason = match read {
            Ok(Ok(0)) => "the connection was closed before an ssh banner came".to_string(),
            Ok(Ok(n)) => {
                received.extend_from_slice(bytes.get(..n).unwrap_or_default());
                if received.starts_with(b"SSH-") || received.windows(5).any(|w| w == b"\nSSH-") {
                    return Ok(());
                }
                if received.len() < 8192 {
                    continue;
                }
                "what answers is no ssh server".to_string()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no ssh banner came in 5 seconds".to_string(),
        };
        return Err(Try { reason, received });
    }
}
