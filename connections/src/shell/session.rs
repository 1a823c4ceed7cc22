//! One long-lived shell. It boots once and then runs one command at a time; whoever drops a running command must
//! have the shell cleaned (see `pool`), and a shell that said something between two commands is not used again.

use super::escalation::{self, Ascent};
use super::frame::{self, DEFAULT_CAP, Gathered, Mark, Streams};
use super::wire::{Ear, Ending, Heard, Mouth, Program, Refusal, Road, Signal};
use futures_util::FutureExt;
use muster_engine::connection::{Command, Completed, ConnectionError, Escalation, Trouble};
use std::pin::pin;
use std::time::Duration;

/// How long a shell may take from its start to its first word.
pub(crate) const BOOT: Duration = Duration::from_secs(30);

/// Why there is no shell.
pub(crate) enum NoShell {
    /// The road has no room now.
    Busy,
    /// The road or the escalation failed.
    Failed(ConnectionError),
    /// The program ran but is no shell we can lead: a forced command, a restricted or absent shell.
    Unsuited(String),
}

impl From<Refusal> for NoShell {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Self::Busy,
            Refusal::Failed(error) => Self::Failed(error),
        }
    }
}

/// A running shell and its halves.
pub(crate) struct Shell<R: Road> {
    ear: R::Ear,
    mouth: R::Mouth,
    mark: Mark,
    streams: Streams,
    /// The shell's process id on the target.
    pub pid: i64,
    /// A command was not written whole, or somebody wrote between two commands.
    tainted: bool,
    running: Option<(Gathered, Gathered)>,
}

impl<R: Road> Shell<R> {
    /// Starts one, becomes whom it shall be, and waits for its first word.
    pub(crate) async fn start(
        road: &R,
        shell: &str,
        escalation: Option<&Escalation>,
    ) -> Result<Self, NoShell> {
        let limit = BOOT;
        let started = tokio::time::timeout(limit, async {
            match escalation {
                None => Self::plain(road, shell).await,
                Some(escalation) => Self::escalated(road, shell, escalation).await,
            }
        });
        match started.await {
            Ok(result) => result,
            Err(_) => Err(NoShell::Unsuited(format!("`{shell}` said nothing for {} s", limit.as_secs()))),
        }
    }

    async fn plain(road: &R, shell: &str) -> Result<Self, NoShell> {
        let program = Program { line: format!("exec {shell}"), terminal: false };
        let (ear, mouth) = road.start(&program).await?;
        Self::booted(ear, mouth, shell, Streams::Two).await
    }

    async fn escalated(road: &R, shell: &str, escalation: &Escalation) -> Result<Self, NoShell> {
        let Ascent { ear, mouth, streams, .. } =
            escalation::climb(road, escalation, &format!("exec {shell}"), shell).await?;
        Self::booted(ear, mouth, shell, streams).await
    }

    async fn booted(ear: R::Ear, mouth: R::Mouth, shell: &str, streams: Streams) -> Result<Self, NoShell> {
        let mark = Mark::new();
        let words = frame::boot(&mark, streams);
        let mut this = Self { ear, mouth, mark, streams, pid: 0, tainted: false, running: None };
        match this.converse(words.into_bytes(), 64 * 1024).await {
            Ok((pid, _)) => {
                this.pid = pid;
                Ok(this)
            }
            Err(lost) => {
                let said = [lost.err.kept.as_slice(), lost.out.kept.as_slice()].concat();
                let said = String::from_utf8_lossy(&said);
                Err(NoShell::Unsuited(format!("`{shell}` {}: {}", lost.how(), said.trim())))
            }
        }
    }

    /// Runs one command to its end.
    pub(crate) async fn run(&mut self, command: &Command) -> Result<Completed, Lost> {
        let words = frame::frame(command, &self.mark, self.streams);
        let (rc, completed) = self.converse(words, command.cap.unwrap_or(DEFAULT_CAP)).await?;
        Ok(Completed { rc: i32::try_from(rc).unwrap_or(-1), ..completed })
    }

    async fn converse(&mut self, words: Vec<u8>, cap: usize) -> Result<(i64, Completed), Lost> {
        self.running = Some((Gathered::new(cap), Gathered::new(cap)));
        self.tainted = true;
        let Self { ear, mouth, mark, streams, tainted, running, .. } = self;
        let Some((out, err)) = running.as_mut() else { return Err(Lost::default()) };
        let mut saying = pin!(mouth.say(words));
        let mut said = false;
        while !(out.ended() && err.ended()) {
            let heard = if said {
                ear.hear().await
            } else {
                tokio::select! {
                    biased;
                    result = &mut saying => {
                        said = true;
                        *tainted = result.is_err();
                        continue;
                    }
                    heard = ear.hear() => heard,
                }
            };
            let ended = match heard {
                None => Some(None),
                Some(Heard::Ended(ending)) => Some(Some(ending)),
                Some(Heard::Quiet) => Some(None),
                Some(heard) => {
                    listen(heard, (&mut *out, &mut *err), mark, *streams, tainted);
                    None
                }
            };
            if let Some(ending) = ended {
                *tainted = true;
                // The rest of what it said, and how it ended, may still be on its way.
                let later = drain(ear, (&mut *out, &mut *err), mark, *streams).await;
                if !(out.ended() && err.ended()) {
                    return Err(Lost::of(running.take(), ending.or(later)));
                }
            }
        }
        let Some((out, err)) = running.take() else { return Err(Lost::default()) };
        let rc = out.end.unwrap_or(-1);
        let truncated = out.dropped.saturating_add(err.dropped);
        Ok((rc, Completed { rc: 0, stdout: out.kept, stderr: err.kept, truncated, signal: None }))
    }

    /// Waits for the end of a command that nobody waits for any more.
    pub(crate) async fn settle(&mut self, limit: Duration) {
        let Self { ear, mark, streams, tainted, running, .. } = self;
        let Some((out, err)) = running.as_mut() else { return };
        let listening = async {
            while !(out.ended() && err.ended()) {
                match ear.hear().await {
                    None | Some(Heard::Quiet | Heard::Ended(_)) => {
                        *tainted = true;
                        return;
                    }
                    Some(heard) => {
                        listen(heard, (&mut *out, &mut *err), mark, *streams, tainted);
                    }
                }
            }
        };
        if tokio::time::timeout(limit, listening).await.is_err() {
            *tainted = true;
        }
        *running = None;
    }

    /// Whether it is silent, alive and may run another command.
    pub(crate) fn is_fit(&mut self) -> bool {
        !self.tainted && self.running.is_none() && self.ear.hear().now_or_never().is_none()
    }

    /// Whether it may be kept for another command; cheaper than [`Shell::is_fit`].
    pub(crate) fn is_clean(&self) -> bool {
        !self.tainted && self.running.is_none()
    }

    /// Ends it by the road's own means.
    pub(crate) async fn end(mut self) {
        self.mouth.finish().await;
        self.mouth.signal(Signal::Terminate).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.mouth.signal(Signal::Kill).await;
    }
}

fn listen(
    heard: Heard,
    (out, err): (&mut Gathered, &mut Gathered),
    mark: &Mark,
    streams: Streams,
    tainted: &mut bool,
) -> Option<Ending> {
    match heard {
        Heard::Out(bytes) if out.ended() && streams == Streams::One => {
            feed(err, &bytes, mark, tainted);
        }
        Heard::Out(bytes) => {
            if out.ended() {
                *tainted = true;
            } else if let Some(rest) = out.take(&bytes, mark)
                && !rest.is_empty()
            {
                match streams {
                    Streams::One => feed(err, &rest, mark, tainted),
                    Streams::Two => *tainted = true,
                }
            }
        }
        Heard::Err(bytes) => feed(err, &bytes, mark, tainted),
        Heard::Ended(ending) => return Some(ending),
        Heard::Quiet => {}
    }
    None
}

fn feed(err: &mut Gathered, bytes: &[u8], mark: &Mark, tainted: &mut bool) {
    if err.ended() || err.take(bytes, mark).is_some_and(|rest| !rest.is_empty()) {
        *tainted = true;
    }
}

/// Hears the last words; gives how the program ended when that is told.
async fn drain<E: Ear>(
    ear: &mut E,
    (out, err): (&mut Gathered, &mut Gathered),
    mark: &Mark,
    streams: Streams,
) -> Option<Ending> {
    let mut ignored = false;
    let mut ending = None;
    while let Ok(Some(heard)) = tokio::time::timeout(Duration::from_millis(200), ear.hear()).await {
        ending = listen(heard, (&mut *out, &mut *err), mark, streams, &mut ignored).or(ending);
    }
    ending
}

/// A shell that ended before its command's answer.
#[derive(Default)]
pub(crate) struct Lost {
    out: GatheredText,
    err: GatheredText,
    ending: Option<Ending>,
}

#[derive(Default)]
struct GatheredText {
    kept: Vec<u8>,
}

impl Lost {
    fn of(running: Option<(Gathered, Gathered)>, ending: Option<Ending>) -> Self {
        let Some((mut out, mut err)) = running else { return Self { ending, ..Self::default() } };
        out.flush();
        err.flush();
        Self { out: GatheredText { kept: out.kept }, err: GatheredText { kept: err.kept }, ending }
    }

    fn how(&self) -> String {
        match &self.ending {
            Some(Ending { signal: Some(signal), .. }) => format!("was ended by SIG{signal}"),
            Some(Ending { rc, .. }) if *rc >= 0 => format!("ended with {rc}"),
            _ => "ended".to_owned(),
        }
    }

    /// The error of the command that was running.
    pub(crate) fn error<R: Road>(self, road: &R) -> ConnectionError {
        if !road.is_open() {
            return ConnectionError::new(
                Trouble::Unreachable,
                format!(
                    "the connection to {} was lost while the command ran: {}",
                    road.host(),
                    road.epitaph()
                ),
            );
        }
        let said = String::from_utf8_lossy(&self.err.kept);
        let said = match said.trim() {
            "" => String::new(),
            said => format!("; its last words: {}", tail(said, 300)),
        };
        ConnectionError::new(
            Trouble::Lost,
            format!(
                "the shell on {} {} while the command ran{said}; the command may have done part of its work",
                road.host(),
                self.how()
            ),
        )
        .hint("it is not run a second time by itself; a new shell serves the next command")
    }
}

/// The last characters of a text.
pub(crate) fn tail(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default()
}
