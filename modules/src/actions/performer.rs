//! One process of Python that runs one action plugin and speaks through a socket: a line of JSON each way. It is ended,
//! with all that it started, when nobody waits for it any longer.

use super::PROGRAM;
use crate::guests::Guests;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;

/// As much of what is no answer as an error shows.
const SHOWN: usize = 200;

/// A process that performs.
pub struct Performer {
    process: Option<Pid>,
    input: OwnedWriteHalf,
    output: BufReader<OwnedReadHalf>,
    _leave: Option<OwnedSemaphorePermit>,
}

impl Performer {
    /// A new process, which waits for a task of that plugin.
    ///
    /// # Errors
    /// There is none to be had; in words.
    pub async fn new(guests: &Guests, plugin: &str) -> Result<Self, String> {
        let (guests, plugin) = (guests.clone(), plugin.to_string());
        let leave = guests.leave().await;
        // Python takes its time to start.
        let forked = tokio::task::spawn_blocking(move || guests.fork(PROGRAM, &plugin)).await;
        let (process, stream) = forked.map_err(|error| error.to_string())?.map_err(cannot)?;
        let ready = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
        let stream = ready.map_err(|error| cannot(error.to_string()))?;
        let (output, input) = stream.into_split();
        Ok(Self { process: Pid::from_raw(process), input, output: BufReader::new(output), _leave: leave })
    }

    /// Tells it something.
    ///
    /// # Errors
    /// It has ended; in words.
    pub async fn say(&mut self, message: &Json) -> Result<(), String> {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.map_err(|_| self.ended())
    }

    /// What it says next.
    ///
    /// # Errors
    /// It has ended, or what it says makes no sense; in words.
    pub async fn hear(&mut self) -> Result<Json, String> {
        let mut line = vec![];
        match self.output.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => Err(self.ended()),
            Ok(_) => serde_json::from_slice(&line).map_err(|_| {
                let said: String = String::from_utf8_lossy(&line).trim().chars().take(SHOWN).collect();
                format!("gave no answer but {said:?}")
            }),
        }
    }

    fn ended(&mut self) -> String {
        self.process = None;
        "ended its process without an answer".into()
    }

    /// Lets it go: it has answered.
    pub fn is_done(&mut self) {
        self.process = None;
    }
}

impl Drop for Performer {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            let _ = kill_process_group(process, Signal::KILL);
        }
    }
}

fn cannot(why: String) -> String {
    format!("cannot run: {why}")
}
