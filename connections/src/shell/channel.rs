//! A command in a channel of its own: for terminals, for `raw`, for big or binary input, for what goes to the
//! background, and for hosts that give no long-lived shell. Its first word is its process id, so that it can be
//! ended with everything it started.

use super::escalation::{self, Ascent};
use super::frame::{self, DEFAULT_CAP, Gathered, Mark, Streams, quote};
use super::pool::{Count, Pool, timed_out};
use super::session::NoShell;
use super::wire::{Ear, Ending, Heard, Mouth, Program, Refusal, Road, Signal};
use muster_engine::connection::{Command, Completed, ConnectionError, Escalation, Trouble, Way};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Longer scripts do not fit into one argument and come through standard input.
const LONG_SCRIPT: usize = 64 * 1024;
/// After the end, output is awaited until it has been silent for so long.
const SILENCE: Duration = Duration::from_millis(300);
/// After the end, output is awaited at most so long.
const AFTERMATH: Duration = Duration::from_secs(10);

/// A command that is to be ended before its first word gets so long to say it.
const FIRST_WORD: Duration = Duration::from_secs(5);

/// Runs one command in a channel of its own.
pub(crate) async fn run<R: Road>(
    pool: &Arc<Pool<R>>,
    command: &Command,
    permit: OwnedSemaphorePermit,
    count: Count,
) -> Result<Completed, ConnectionError> {
    let mut held = Held { pool: Arc::clone(pool), escalation: command.escalation.as_ref(), parts: None };
    let Some(limit) = command.timeout else { return carry(&mut held, command, permit, count).await };
    let result = tokio::time::timeout(limit, carry(&mut held, command, permit, count)).await;
    if let Ok(result) = result {
        return result;
    }
    if let Some(ending) = held.end() {
        // A failed task has ended too.
        let _ = ending.await;
    }
    Err(timed_out(command))
}

async fn carry<R: Road>(
    held: &mut Held<'_, R>,
    command: &Command,
    permit: OwnedSemaphorePermit,
    count: Count,
) -> Result<Completed, ConnectionError> {
    let pool = &Arc::clone(&held.pool);
    let cap = command.cap.unwrap_or(DEFAULT_CAP);
    let mut terminal = command.way == Way::Terminal;
    let mut input: Vec<u8> = Vec::new();
    let mut said = Said {
        out: Gathered::new(cap),
        err: Gathered::new(cap),
        mark: Mark::new(),
        marked: command.way != Way::Raw,
        terminal,
        pid: None,
    };
    let (ear, mouth) = match &command.escalation {
        None => {
            let line = if command.way == Way::Raw {
                command.script.clone()
            } else {
                let streams = if terminal { Streams::One } else { Streams::Two };
                let script = frame::alone(command, &said.mark, streams);
                format!("exec {} -c {}", pool.shell, quote(&fitted(script, &mut input)))
            };
            start(pool, &Program { line, terminal }).await?
        }
        Some(escalation) => {
            let script = fitted(frame::script(command), &mut input);
            let ascent = climb(pool, escalation, script, terminal).await?;
            terminal |= ascent.streams == Streams::One;
            said.out.keep(&ascent.out);
            said.err.keep(&ascent.err);
            (said.marked, said.pid) = (false, Some(ascent.pid));
            (ascent.ear, ascent.mouth)
        }
    };
    if let Some(bytes) = &command.stdin {
        input.extend_from_slice(bytes);
    }
    if terminal {
        input.push(4);
    }
    held.parts = Some(Parts { ear, mouth, said, _count: Some(count), _permit: Some(permit) });
    let Some(Parts { ear, mouth, said, .. }) = held.parts.as_mut() else { return Err(pool.lost()) };
    let speaking = async {
        if !input.is_empty() {
            // A program need not read its input.
            let _ = mouth.say(input).await;
        }
        if !terminal {
            mouth.finish().await;
        }
    };
    let ending = listen(ear, speaking, said).await;
    let Some(Parts { said: Said { mut out, mut err, .. }, .. }) = held.parts.take() else {
        return Err(pool.lost());
    };
    out.flush();
    err.flush();
    match ending {
        Some(Ending { rc, signal }) => {
            let truncated = out.dropped.saturating_add(err.dropped);
            Ok(Completed { rc, stdout: out.kept, stderr: err.kept, truncated, signal })
        }
        None if !pool.road.is_open() => Err(pool.lost()),
        None => Err(ConnectionError::new(
            Trouble::Lost,
            format!("{} closed the command's channel without telling how it ended", pool.road.host()),
        )),
    }
}

/// A script that fits into one argument: itself, or one that reads it from standard input.
fn fitted(script: String, input: &mut Vec<u8>) -> String {
    if script.len() <= LONG_SCRIPT {
        return script;
    }
    let line = format!("eval \"$(head -c {})\"", script.len());
    input.extend_from_slice(script.as_bytes());
    line
}

/// What a command said so far.
struct Said {
    out: Gathered,
    err: Gathered,
    mark: Mark,
    /// Whether the mark is still to come, with the process id.
    marked: bool,
    terminal: bool,
    pid: Option<i64>,
}

impl Said {
    fn gather(&mut self, bytes: &[u8], error: bool) {
        let gathered = if error { &mut self.err } else { &mut self.out };
        if !self.marked || error == self.terminal {
            gathered.keep(bytes);
        } else if let Some(rest) = gathered.take(bytes, &self.mark) {
            // What came before is the login's chatter.
            gathered.kept.clear();
            gathered.keep(&rest);
            self.pid = gathered.end;
            self.marked = false;
        }
    }
}

async fn listen<E: Ear>(ear: &mut E, words: impl Future<Output = ()>, said: &mut Said) -> Option<Ending> {
    let mut words = pin!(words);
    let mut speaking = true;
    let mut ending: Option<(Ending, Instant)> = None;
    let mut quiet = false;
    loop {
        let heard = match &ending {
            None if speaking => tokio::select! {
                biased;
                () = &mut words => { speaking = false; continue }
                heard = ear.hear() => heard,
            },
            None => ear.hear().await,
            Some(_) if quiet => break,
            Some((_, since)) if since.elapsed() > AFTERMATH => break,
            Some(_) => match tokio::time::timeout(SILENCE, ear.hear()).await {
                Ok(heard) => heard,
                Err(_) => break,
            },
        };
        match heard {
            Some(Heard::Out(bytes)) => said.gather(&bytes, false),
            Some(Heard::Err(bytes)) => said.gather(&bytes, true),
            Some(Heard::Ended(how)) => ending = Some((how, Instant::now())),
            Some(Heard::Quiet) => quiet = true,
            None => break,
        }
    }
    ending.map(|(how, _)| how)
}

async fn start<R: Road>(pool: &Pool<R>, program: &Program) -> Result<(R::Ear, R::Mouth), ConnectionError> {
    let since = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        match pool.road.start(program).await {
            Ok(halves) => return Ok(halves),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Busy) if since.elapsed() < Duration::from_secs(60) && pool.road.is_open() => {
                pool.evict();
                pause = pool.rest(pause).await;
            }
            Err(Refusal::Busy) => return Err(pool.full()),
        }
    }
}

/// Becomes the user in a task: when nobody waits for it any more, what it then starts is ended.
async fn climb<R: Road>(
    pool: &Arc<Pool<R>>,
    escalation: &Escalation,
    script: String,
    terminal: bool,
) -> Result<Ascent<R>, ConnectionError> {
    let (give, take) = oneshot::channel();
    let (pool, escalation) = (Arc::clone(pool), escalation.clone());
    tokio::spawn(async move {
        let result = climb_patiently(&pool, &escalation, &script, terminal).await;
        if let Err(Ok(Ascent { ear, mouth, pid, .. })) = give.send(result) {
            let (out, err) = (Gathered::new(0), Gathered::new(0));
            let said = Said { out, err, mark: Mark::new(), marked: false, terminal, pid: Some(pid) };
            let parts = Some(Parts { ear, mouth, said, _count: None, _permit: None });
            drop(Held { pool, escalation: Some(&escalation), parts });
        }
    });
    let ended = || ConnectionError::new(Trouble::Unreachable, "muster is shutting down");
    take.await.unwrap_or_else(|_| Err(ended()))
}

async fn climb_patiently<R: Road>(
    pool: &Pool<R>,
    escalation: &Escalation,
    script: &str,
    terminal: bool,
) -> Result<Ascent<R>, ConnectionError> {
    let since = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        match escalation::ascend(&pool.road, escalation, script, &pool.shell, terminal).await {
            Ok(ascent) => return Ok(ascent),
            Err(NoShell::Failed(error)) => return Err(error),
            Err(NoShell::Unsuited(why)) => return Err(ConnectionError::new(Trouble::Escalation, why)),
            Err(NoShell::Busy) if since.elapsed() < Duration::from_secs(60) && pool.road.is_open() => {
                pool.evict();
                pause = pool.rest(pause).await;
            }
            Err(NoShell::Busy) => return Err(pool.full()),
        }
    }
}

struct Parts<R: Road> {
    ear: R::Ear,
    mouth: R::Mouth,
    said: Said,
    _count: Option<Count>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A running channel. Dropped before its end, it has its processes ended.
struct Held<'a, R: Road> {
    pool: Arc<Pool<R>>,
    escalation: Option<&'a Escalation>,
    parts: Option<Parts<R>>,
}

impl<R: Road> Held<'_, R> {
    /// Has the processes ended, by a shell of the same user, else by the road.
    fn end(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        let mut parts = self.parts.take()?;
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (pool, escalation) = (Arc::clone(&self.pool), self.escalation.cloned());
        Some(runtime.spawn(async move {
            // It may not even have begun: its first word tells whom to end.
            let first_word = async {
                while parts.said.marked {
                    match parts.ear.hear().await {
                        Some(Heard::Out(bytes)) => parts.said.gather(&bytes, false),
                        Some(Heard::Err(bytes)) => parts.said.gather(&bytes, true),
                        Some(_) => {}
                        None => break,
                    }
                }
            };
            let _ = tokio::time::timeout(FIRST_WORD, first_word).await;
            let ended = match parts.said.pid {
                Some(pid) => pool.end_processes(escalation.as_ref(), pid, true).await,
                None => false,
            };
            if !ended {
                parts.mouth.signal(Signal::Terminate).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                parts.mouth.signal(Signal::Kill).await;
            }
            drop(parts);
        }))
    }
}

impl<R: Road> Drop for Held<'_, R> {
    fn drop(&mut self) {
        self.end();
    }
}
