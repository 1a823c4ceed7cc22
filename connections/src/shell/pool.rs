//! The shells of one connection. Commands come in, each gets a shell of the user it wants or a channel of its own;
//! waiting is first come, first served. At most [`AT_ONCE`] commands run at once, at most [`OPEN`] programs are
//! started at all, one more to end what must end: under sshd's MaxSessions of 10. A command is never run twice.

use super::channel;
use super::frame::{SMALL_INPUT, removes_users, wants_own};
use super::mercy;
use super::session::{NoShell, Shell};
use super::wire::Road;
use muster_engine::connection::{Command, Completed, ConnectionError, Escalation, Trouble, Way};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Commands that run at once.
pub(crate) const AT_ONCE: usize = 6;
/// Programs that are started at once, idle shells counted.
const OPEN: usize = 8;
/// How long a command waits for a host that has no room for another session.
const PATIENCE: Duration = Duration::from_secs(60);

/// The shells of one road.
pub(crate) struct Pool<R: Road> {
    /// The road.
    pub road: R,
    /// The POSIX shell.
    pub shell: String,
    running: Arc<Semaphore>,
    mercy: Semaphore,
    open: Arc<AtomicUsize>,
    state: Mutex<State<R>>,
}

struct State<R: Road> {
    idle: Vec<(Option<Escalation>, Counted<R>)>,
    /// Who can have no long-lived shell, and why.
    unsuited: HashMap<Option<Escalation>, String>,
}

/// A shell that is counted as long as it lives.
struct Counted<R: Road> {
    shell: Shell<R>,
    _count: Count,
}

/// One started program in the count.
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    fn of(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<R: Road> Pool<R> {
    /// The pool of a road; nothing is started yet.
    pub(crate) fn new(road: R, shell: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            road,
            shell: shell.into(),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            mercy: Semaphore::new(1),
            open: Arc::default(),
            state: Mutex::new(State { idle: Vec::new(), unsuited: HashMap::new() }),
        })
    }

    /// Runs one command to its end.
    pub(crate) async fn exec(self: &Arc<Self>, command: &Command) -> Result<Completed, ConnectionError> {
        refuse(command)?;
        let Ok(permit) = Arc::clone(&self.running).acquire_owned().await else {
            return Err(ConnectionError::new(Trouble::Unreachable, "the connection is closed"));
        };
        if !self.road.is_open() {
            return Err(self.lost());
        }
        if removes_users(&command.script) {
            self.leave().await;
        }
        if self.shares(command) {
            match self.shell_of(command.escalation.as_ref(), PATIENCE).await {
                Ok(shell) => return self.in_shell(shell, permit, command).await,
                Err(NoShell::Busy) => return Err(self.full()),
                Err(NoShell::Failed(error)) => return Err(error),
                Err(NoShell::Unsuited(_)) if !self.road.is_open() => return Err(self.lost()),
                Err(NoShell::Unsuited(why)) => {
                    tracing::debug!(host = self.road.host(), %why, "no long-lived shell: each command gets a channel");
                    self.state().unsuited.insert(command.escalation.clone(), why);
                }
            }
        }
        let count = self.room();
        channel::run(self, command, permit, count).await
    }

    /// Waits until nothing runs and nothing is being ended.
    pub(crate) async fn settled(&self) {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        drop(self.running.acquire_many(all).await);
    }

    fn shares(&self, command: &Command) -> bool {
        command.way == Way::Auto
            && command.stdin.as_ref().is_none_or(|input| input.len() <= SMALL_INPUT && !input.contains(&0))
            && !wants_own(&command.script)
            && !self.is_unsuited(command.escalation.as_ref())
    }

    fn is_unsuited(&self, escalation: Option<&Escalation>) -> bool {
        self.state().unsuited.iter().any(|(who, _)| who.as_ref() == escalation)
    }

    async fn in_shell(
        self: &Arc<Self>,
        shell: Counted<R>,
        permit: OwnedSemaphorePermit,
        command: &Command,
    ) -> Result<Completed, ConnectionError> {
        let mut lease = Lease {
            pool: Arc::clone(self),
            escalation: command.escalation.as_ref(),
            held: Some((shell, permit)),
        };
        let Some((shell, _)) = lease.held.as_mut() else { return Err(self.lost()) };
        let result = match command.timeout {
            None => Some(shell.shell.run(command).await),
            Some(limit) => tokio::time::timeout(limit, shell.shell.run(command)).await.ok(),
        };
        match result {
            Some(Ok(completed)) => {
                lease.give_back();
                Ok(completed)
            }
            Some(Err(lost)) => {
                lease.held = None;
                Err(lost.error(&self.road))
            }
            None => {
                if let Some(cleaning) = lease.clean() {
                    let _ = cleaning.await;
                }
                Err(timed_out(command))
            }
        }
    }

    /// An idle shell of that user, or a new one.
    async fn shell_of(
        &self,
        escalation: Option<&Escalation>,
        patience: Duration,
    ) -> Result<Counted<R>, NoShell> {
        let since = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(shell) = self.idle(escalation) {
                return Ok(shell);
            }
            let count = self.room();
            match Shell::start(&self.road, &self.shell, escalation).await {
                Ok(shell) => return Ok(Counted { shell, _count: count }),
                Err(NoShell::Busy) if since.elapsed() < patience && self.road.is_open() => {
                    drop(count);
                    self.evict();
                    pause = self.rest(pause).await;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Waits a little, each time longer; gives the next pause.
    pub(crate) async fn rest(&self, pause: Duration) -> Duration {
        tokio::time::sleep(pause.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        (pause * 2).min(Duration::from_millis(500))
    }

    fn idle(&self, escalation: Option<&Escalation>) -> Option<Counted<R>> {
        loop {
            let (_, mut counted) = {
                let mut state = self.state();
                let at = state.idle.iter().rposition(|(who, _)| who.as_ref() == escalation)?;
                state.idle.swap_remove(at)
            };
            if counted.shell.is_fit() {
                return Some(counted);
            }
        }
    }

    /// Counts one more program, and closes idle shells when there are too many.
    pub(crate) fn room(&self) -> Count {
        let count = Count::of(&self.open);
        while self.open.load(Ordering::Relaxed) > OPEN && self.evict() {}
        count
    }

    /// Closes the shell that has been idle the longest.
    pub(crate) fn evict(&self) -> bool {
        let oldest = {
            let mut state = self.state();
            (!state.idle.is_empty()).then(|| state.idle.remove(0))
        };
        oldest.is_some()
    }

    /// Ends the idle shells of users who were become, and waits until they are gone.
    async fn leave(&self) {
        let gone: Vec<Counted<R>> = {
            let mut state = self.state();
            let all = std::mem::take(&mut state.idle);
            let (gone, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(who, _)| who.is_some());
            state.idle = kept;
            gone.into_iter().map(|(_, counted)| counted).collect()
        };
        for counted in gone {
            counted.shell.end().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the children of a process of that user, or with `itself` that process too. Whether it is done.
    pub(crate) async fn end_processes(
        &self,
        escalation: Option<&Escalation>,
        pid: i64,
        itself: bool,
    ) -> bool {
        let Ok(_turn) = self.mercy.acquire().await else { return false };
        let Ok(mut executioner) = self.shell_of(escalation, Duration::from_secs(2)).await else {
            return false;
        };
        let command = Command::new(mercy::script(pid, itself));
        let run = tokio::time::timeout(Duration::from_secs(10), executioner.shell.run(&command)).await;
        match run {
            Ok(Ok(completed)) => {
                self.state().idle.push((escalation.cloned(), executioner));
                completed.succeeded()
            }
            _ => false,
        }
    }

    /// The connection is gone.
    pub(crate) fn lost(&self) -> ConnectionError {
        ConnectionError::new(
            Trouble::Unreachable,
            format!("the connection to {} was lost: {}", self.road.host(), self.road.epitaph()),
        )
    }

    /// The host has no room for another session.
    pub(crate) fn full(&self) -> ConnectionError {
        ConnectionError::new(
            Trouble::Unreachable,
            format!(
                "{} refused another session on this connection for {} s",
                self.road.host(),
                PATIENCE.as_secs()
            ),
        )
        .hint("raise MaxSessions in the host's sshd_config")
    }
}

/// The error of a command that ran too long.
pub(crate) fn timed_out(command: &Command) -> ConnectionError {
    let limit = command.timeout.unwrap_or_default();
    ConnectionError::new(
        Trouble::TimedOut,
        format!(
            "the command ran longer than {} s and was ended, with everything it had started",
            limit.as_secs_f64()
        ),
    )
}

fn refuse(command: &Command) -> Result<(), ConnectionError> {
    let unsupported = |message: String| Err(ConnectionError::new(Trouble::Unsupported, message));
    if command.script.contains('\0') {
        return unsupported("a script cannot contain a NUL byte".to_owned());
    }
    for (name, value) in &command.environment {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(letters) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return unsupported(format!("`{name}` cannot be the name of an environment variable"));
        }
        if value.contains('\0') {
            return unsupported(format!("the environment variable {name} cannot contain a NUL byte"));
        }
    }
    Ok(())
}

/// A shell on loan. Dropped before its command is done, it has the command ended first.
struct Lease<'a, R: Road> {
    pool: Arc<Pool<R>>,
    escalation: Option<&'a Escalation>,
    held: Option<(Counted<R>, OwnedSemaphorePermit)>,
}

impl<R: Road> Lease<'_, R> {
    fn give_back(&mut self) {
        if let Some((shell, permit)) = self.held.take() {
            if shell.shell.is_clean() {
                self.pool.state().idle.push((self.escalation.cloned(), shell));
            }
            drop(permit);
        }
    }

    fn clean(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        let (mut counted, permit) = self.held.take()?;
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (pool, escalation) = (Arc::clone(&self.pool), self.escalation.cloned());
        Some(runtime.spawn(async move {
            if pool.end_processes(escalation.as_ref(), counted.shell.pid, false).await {
                counted.shell.settle(Duration::from_secs(2)).await;
            }
            if counted.shell.is_clean() {
                pool.state().idle.push((escalation, counted));
            } else {
                counted.shell.end().await;
            }
            drop(permit);
        }))
    }
}

impl<R: Road> Drop for Lease<'_, R> {
    fn drop(&mut self) {
        self.clean();
    }
}
