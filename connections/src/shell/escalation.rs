//! Becoming another user: starts the escalated program, answers its prompt, and waits for the program's first word.
//! The password goes to the prompt and nowhere else. What the host said decides between missing, wrong and not
//! allowed.

use super::frame::{Gathered, Mark, Streams};
use super::session::{NoShell, tail};
use super::wire::{Ear, Heard, Mouth, Program, Road};
use muster_engine::connection::{ConnectionError, Escalation, Method, Trouble};
use std::time::Duration;

/// How long becoming somebody may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A program that runs as the other user.
pub(crate) struct Ascent<R: Road> {
    /// Its hearing half.
    pub ear: R::Ear,
    /// Its speaking half.
    pub mouth: R::Mouth,
    /// How its outputs arrive.
    pub streams: Streams,
    /// Its process id.
    pub pid: i64,
    /// What it has already said on standard output.
    pub out: Vec<u8>,
    /// What it has already said on standard error.
    pub err: Vec<u8>,
}

/// Becomes that user for a long-lived shell; a terminal, where one is needed, is made transparent.
pub(crate) async fn climb<R: Road>(
    road: &R,
    escalation: &Escalation,
    script: &str,
    shell: &str,
) -> Result<Ascent<R>, NoShell> {
    if escalation.needs_terminal() {
        return ascent(road, escalation, script, shell, Terminal::Raw).await;
    }
    match ascent(road, escalation, script, shell, Terminal::None).await {
        Err(NoShell::Failed(error)) if wants_terminal(&error) => {
            ascent(road, escalation, script, shell, Terminal::Raw).await
        }
        other => other,
    }
}

/// Becomes that user for one command.
pub(crate) async fn ascend<R: Road>(
    road: &R,
    escalation: &Escalation,
    script: &str,
    shell: &str,
    terminal: bool,
) -> Result<Ascent<R>, NoShell> {
    if terminal || escalation.needs_terminal() {
        return ascent(road, escalation, script, shell, Terminal::Cooked).await;
    }
    match ascent(road, escalation, script, shell, Terminal::None).await {
        Err(NoShell::Failed(error)) if wants_terminal(&error) => {
            ascent(road, escalation, script, shell, Terminal::Cooked).await
        }
        other => other,
    }
}

fn wants_terminal(error: &ConnectionError) -> bool {
    error.trouble == Trouble::Escalation
        && [
            "must be run from a terminal",
            "must have a tty",
            "must be a tty",
            "a terminal is required",
            "a tty is required",
        ]
        .iter()
        .any(|words| error.message.contains(words))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminal {
    None,
    Cooked,
    Raw,
}

async fn ascent<R: Road>(
    road: &R,
    escalation: &Escalation,
    script: &str,
    shell: &str,
    terminal: Terminal,
) -> Result<Ascent<R>, NoShell> {
    let mark = Mark::new();
    let streams = if terminal == Terminal::None { Streams::Two } else { Streams::One };
    let prompt = format!("[muster {}] password: ", Mark::new().letters());
    let transparent = if terminal == Terminal::Raw { "stty raw -echo; " } else { "" };
    let first = match streams {
        Streams::Two => format!("printf '\\036{} %d\\n' $$ >&2", mark.letters()),
        Streams::One => format!("{transparent}printf '\\036{} %d\\n' $$", mark.letters()),
    };
    let line = format!("exec {}", escalation.line(shell, &format!("{first}\n{script}"), &prompt));
    let program = Program { line, terminal: terminal != Terminal::None };
    let (mut ear, mut mouth) = road.start(&program).await?;
    let mut heard = Hearing { out: Gathered::new(1 << 20), err: Gathered::new(1 << 20), seen: 0 };
    let result = tokio::time::timeout(
        LIMIT,
        converse((&mut ear, &mut mouth), &mut heard, (road.host(), escalation), &mark, &prompt, streams),
    )
    .await;
    match result {
        Ok(Ok(())) => {
            let (pid, out, err) = match streams {
                Streams::Two => (heard.err.end, heard.out.kept, heard.err.kept),
                Streams::One => (heard.out.end, heard.out.kept, Vec::new()),
            };
            Ok(Ascent { ear, mouth, streams, pid: pid.unwrap_or(0), out, err })
        }
        Ok(Err(error)) => {
            mouth.finish().await;
            Err(NoShell::Failed(error))
        }
        Err(_) => {
            mouth.finish().await;
            let program = escalation.method.program();
            Err(NoShell::Failed(failure(
                road.host(),
                escalation,
                &format!("{program} said nothing for {} s: {}", LIMIT.as_secs(), heard.text()),
            )))
        }
    }
}

struct Hearing {
    out: Gathered,
    err: Gathered,
    /// How much of the text was already looked at for a prompt.
    seen: usize,
}

impl Hearing {
    fn text(&self) -> String {
        let both = [self.err.kept.as_slice(), self.out.kept.as_slice()].concat();
        String::from_utf8_lossy(&both).trim().to_owned()
    }
}

async fn converse<E: Ear, M: Mouth>(
    (ear, mouth): (&mut E, &mut M),
    heard: &mut Hearing,
    (host, escalation): (&str, &Escalation),
    mark: &Mark,
    prompt: &str,
    streams: Streams,
) -> Result<(), ConnectionError> {
    let program = escalation.method.program();
    let mut answered = false;
    let mut ended = false;
    loop {
        let next = if ended {
            // The outputs may still be on their way.
            tokio::time::timeout(Duration::from_millis(300), ear.hear()).await.unwrap_or(None)
        } else {
            ear.hear().await
        };
        let (gathered, bytes) = match next {
            Some(Heard::Out(bytes)) if streams == Streams::Two => {
                heard.out.keep(&bytes);
                continue;
            }
            Some(Heard::Out(bytes)) => (&mut heard.out, bytes),
            Some(Heard::Err(bytes)) => (&mut heard.err, bytes),
            Some(Heard::Ended(_) | Heard::Quiet) => {
                ended = true;
                continue;
            }
            None => return Err(refused(host, escalation, &heard.text(), answered)),
        };
        if let Some(rest) = gathered.take(&bytes, mark) {
            gathered.kept.clear();
            gathered.keep(&rest);
            return Ok(());
        }
        let fresh = String::from_utf8_lossy(gathered.kept.get(heard.seen..).unwrap_or_default()).into_owned();
        if escalation.is_prompt(&fresh, prompt) {
            heard.seen = gathered.kept.len();
            match &escalation.password {
                None => {
                    return Err(ConnectionError::new(
                        Trouble::Escalation,
                        format!("Missing {program} password"),
                    )
                    .hint("give it with --ask-become-pass or ansible_become_password"));
                }
                Some(_) if answered => return Err(incorrect(program)),
                Some(password) => {
                    answered = true;
                    let _ = mouth.say(format!("{}\n", password.reveal()).into_bytes()).await;
                }
            }
        }
    }
}

fn incorrect(program: &str) -> ConnectionError {
    ConnectionError::new(Trouble::Escalation, format!("Incorrect {program} password"))
        .hint("give the right one with --ask-become-pass or ansible_become_password")
}

/// What the escalation program said before it ended without starting anything.
fn refused(host: &str, escalation: &Escalation, said: &str, answered: bool) -> ConnectionError {
    let program = escalation.method.program();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let incorrect_words: &[&str] = match escalation.method {
        Method::Sudo => &["Sorry, try again.", "incorrect password attempt"],
        Method::Su => &["Authentication failure", "incorrect password", "Sorry", "authentication failure"],
        Method::Doas => &["Authentication failed", "Authorization failed"],
    };
    let missing_words: &[&str] = match escalation.method {
        Method::Sudo => &["a password is required", "Sorry, a password is required to run sudo"],
        Method::Su => &[],
        Method::Doas => &["Authorization required", "Authentication required"],
    };
    let missing =
        says(missing_words) || (!answered && escalation.password.is_none() && says(incorrect_words));
    if missing {
        return ConnectionError::new(Trouble::Escalation, format!("Missing {program} password"))
            .hint("give it with --ask-become-pass or ansible_become_password");
    }
    if answered && says(incorrect_words) {
        return incorrect(program);
    }
    failure(host, escalation, said)
}

fn failure(host: &str, escalation: &Escalation, said: &str) -> ConnectionError {
    let program = escalation.exe.as_deref().unwrap_or(escalation.method.program());
    let said = match tail(said, 500) {
        "" => "it ended without a word",
        said => said,
    };
    let error = ConnectionError::new(
        Trouble::Escalation,
        format!("could not become {} on {host} with {program}: {said}", escalation.user),
    );
    if said.contains("not in the sudoers file") || said.contains("is not allowed to") {
        return error.hint(format!("let the login user run commands as {} in sudoers", escalation.user));
    }
    if said.contains("not found") || said.contains("No such file") {
        return error.hint(format!("install {program} there, or choose another become_method or become_exe"));
    }
    if wants_terminal(&error) {
        return error.hint("take `requiretty` out of sudoers, or keep -S in become_flags");
    }
    error
}
