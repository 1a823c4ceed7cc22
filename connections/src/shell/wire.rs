//! What a shell needs of a road: start a program, hear it, speak to it, signal it. `local` and `ssh` give these;
//! nothing above them knows which of the two it is. Hearing is cancel-safe: a dropped future loses no byte.

use bytes::Bytes;
use muster_engine::connection::ConnectionError;
use std::future::Future;
use std::io;

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The exit code; 128 + n for signal n.
    pub rc: i32,
    /// The signal, without `SIG`.
    pub signal: Option<String>,
}

/// One thing heard from a program.
#[derive(Debug)]
pub(crate) enum Heard {
    /// From standard output.
    Out(Bytes),
    /// From standard error.
    Err(Bytes),
    /// It ended; more output may follow.
    Ended(Ending),
    /// Both outputs are at their end; the ending may follow.
    Quiet,
}

/// A signal the road itself can send to the program's process group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// `TERM`.
    Terminate,
    /// `KILL`.
    Kill,
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// A line for the login shell.
    pub line: String,
    /// With a terminal: standard error arrives in standard output.
    pub terminal: bool,
}

/// The hearing half of a started program.
pub(crate) trait Ear: Send + 'static {
    /// The next thing heard; none when the program and its outputs are gone.
    fn hear(&mut self) -> impl Future<Output = Option<Heard>> + Send;
}

/// The speaking half of a started program.
pub(crate) trait Mouth: Send + 'static {
    /// Writes to standard input.
    fn say(&mut self, bytes: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
    /// Ends standard input.
    fn finish(&mut self) -> impl Future<Output = ()> + Send;
    /// Signals the whole process group, as far as the road can.
    fn signal(&mut self, signal: Signal) -> impl Future<Output = ()> + Send;
}

/// Why a program could not be started.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No room for another now; later there may be.
    Busy,
    /// It cannot be.
    Failed(ConnectionError),
}

/// A road that starts programs.
pub(crate) trait Road: Send + Sync + 'static {
    /// Its hearing half.
    type Ear: Ear;
    /// Its speaking half.
    type Mouth: Mouth;
    /// Starts a program.
    fn start(
        &self,
        program: &Program,
    ) -> impl Future<Output = Result<(Self::Ear, Self::Mouth), Refusal>> + Send;
    /// Whether the road still stands.
    fn is_open(&self) -> bool;
    /// Why it no longer stands, as far as it knows.
    fn epitaph(&self) -> String;
    /// The name of the host, for messages.
    fn host(&self) -> &str;
}

/// The name of a signal, without `SIG`.
pub(crate) fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        8 => "FPE",
        9 => "KILL",
        10 => "USR1",
        11 => "SEGV",
        12 => "USR2",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The number of a signal by its name without `SIG`, on Linux.
pub(crate) fn signal_number(name: &str) -> i32 {
    (1..=15).find(|number| signal_name(*number) == name).unwrap_or(0)
}
