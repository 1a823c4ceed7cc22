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
use tokio::sync::OwnedSemaphorePermit;

/// Longer scripts do not fit into one argument and come through standard input.
const LONG_SCRIPT: usize = 64 * 1024;
/// After the end, output is awaited until it has been silent for so long.
const SILENCE: Duration = Duration::from_millis(300);
/// After the end, output is awaited at most so long.
const AFTERMATH: Duration = Duration::from_secs(10);

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
    let terminal = command.way == Way::Terminal;
    let streams = if terminal { Streams::One } else { Streams::Two };
    let mark = Mark::new();
    let mut input: Vec<u8> = Vec::new();
    let (mut out, mut err) = (Gathered::new(cap), Gathered::new(cap));
    let (ear, mouth, pid) = match &command.escalation {
        None => {
            let line = if command.way == Way::Raw {
                command.script.clone()
            } else {
                let script = frame::alone(command, &mark, streams);
                format!("exec {} -c {}", pool.shell, quote(&fitted(script, &mut input)))
            };
            let (ear, mouth) = start(pool, &Program { line, terminal }).await?;
            (ear, mouth, None)
        }
        Some(escalation) => {
            let mut plain = command.clone();
            plain.escalation = None;
            let script = fitted(frame::script(&plain), &mut input);
            let ascent = climb(pool, escalation, &script, terminal).await?;
            let Ascent { ear, mouth, pid, out: early_out, err: early_err, .. } = ascent;
            out.keep(&early_out);
            err.keep(&early_err);
            out.end = Some(0);
            err.end = Some(0);
            (ear, mouth, Some(pid))
        }
    };
    if let Some(bytes) = &command.stdin {
        input.extend_from_slice(bytes);
    }
    if terminal {
        input.push(4);
    }
    held.parts = Some(Parts { ear, mouth, pid, _count: count, _permit: permit });
    let Some(parts) = held.parts.as_mut() else { return Err(pool.lost()) };
    let Parts { ear, mouth, pid, .. } = parts;
    let marked = command.way != Way::Raw;
    let said = async {
        if !input.is_empty() {
            // A program need not read its input.
            let _ = mouth.say(input).await;
        }
        if !terminal {
            mouth.finish().await;
        }
    };
    let mut gathering = Gathering { out: &mut out, err: &mut err, mark: &mark, marked, terminal, pid };
    let ending = listen(ear, said, &mut gathering).await;
    held.parts = None;
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

struct Gathering<'a> {
    out: &'a mut Gathered,
    err: &'a mut Gathered,
    mark: &'a Mark,
    marked: bool,
    terminal: bool,
    pid: &'a mut Option<i64>,
}

impl Gathering<'_> {
    fn gather(&mut self, bytes: &[u8], error: bool) {
        let gathered = if error { &mut *self.err } else { &mut *self.out };
        let carries_mark = self.marked && error != self.terminal;
        if !carries_mark || gathered.ended() {
            gathered.keep(bytes);
        } else if let Some(rest) = gathered.take(bytes, self.mark) {
            // What came before is the login's chatter.
            gathered.kept.clear();
            gathered.keep(&rest);
            *self.pid = gathered.end;
        }
    }
}

async fn listen<E: Ear>(
    ear: &mut E,
    said: impl Future<Output = ()>,
    gathering: &mut Gathering<'_>,
) -> Option<Ending> {
    let mut said = pin!(said);
    let mut speaking = true;
    let mut ending: Option<(Ending, Instant)> = None;
    let mut quiet = false;
    loop {
        let heard = match &ending {
            None if speaking => tokio::select! {
                biased;
                () = &mut said => { speaking = false; continue }
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
            Some(Heard::Out(bytes)) => gathering.gather(&bytes, false),
            Some(Heard::Err(bytes)) => gathering.gather(&bytes, true),
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

async fn climb<R: Road>(
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
    pid: Option<i64>,
    _count: Count,
    _permit: OwnedSemaphorePermit,
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
            let ended = match parts.pid {
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
