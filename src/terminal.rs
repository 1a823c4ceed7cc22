//! The terminal: how wide it is, whether a person watches, and questions to that person. Secrets are read without
//! showing them, from the terminal itself, so that a redirected stdin is never taken for a password.

use crate::cli::Color;
use crate::report::harmless;
use crate::settings::Settings;
use muster_engine::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::pin::Pin;
use tokio::sync::oneshot;

/// Narrower than this no banner gets, as in Ansible.
const NARROWEST: usize = 79;

/// Whether a person watches stdout.
#[must_use]
pub fn is_watched() -> bool {
    isatty(io::stdout()) && isatty(io::stderr())
}

/// Columns of a banner: the terminal's less one.
#[must_use]
pub fn width() -> usize {
    let columns = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    columns.saturating_sub(1).max(NARROWEST)
}

/// Whether to paint what goes to a stream that is a terminal or not.
#[must_use]
pub fn has_colour(when: Color, terminal: bool, settings: &Settings) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if settings.force_color => true,
        Color::Auto if settings.nocolor || set("NO_COLOR") => false,
        Color::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Asks for a line that shows while it is typed.
///
/// # Errors
/// There is no terminal, or it was closed.
pub fn ask(question: &str) -> io::Result<String> {
    let mut terminal = open()?;
    write!(terminal, "{question}")?;
    line(&terminal)
}

/// Asks for a secret: nothing shows while it is typed. Where there is no terminal, a line of stdin is the answer.
///
/// # Errors
/// There is neither a terminal nor a line, or it was closed.
pub fn ask_secret(question: &str) -> io::Result<Secret> {
    let mut terminal = match open() {
        Ok(terminal) => terminal,
        Err(error) => return piped().ok_or(error),
    };
    // Silent before the question shows: going silent throws away what was typed, and a program may answer at once.
    let silence = Silence::begin(terminal.try_clone()?)?;
    write!(terminal, "{question}")?;
    let answer = line(&terminal);
    drop(silence);
    writeln!(terminal)?;
    answer.map(Secret::new)
}

/// Shows something and asks for a line of stdin, which is a terminal. The answer comes later; the thread that reads is
/// left behind when the program ends: a read cannot be broken off.
pub fn typed(said: &str, question: &str) -> oneshot::Receiver<Option<String>> {
    let text = format!("{}{}", harmless(said), harmless(question));
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let mut out = io::stdout();
        let shown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let read = shown.and_then(|()| io::stdin().lock().read_line(&mut line));
        let line = read.ok().filter(|count| *count > 0).map(|_| line);
        // Nobody waits for the answer of a run that was asked to stop.
        let _ = tell.send(line.map(|line| line.trim_end_matches(['\n', '\r']).to_string()));
    });
    told
}

/// The person at the terminal, as connections ask for passphrases.
pub struct Person;

impl muster_connections::Prompter for Person {
    fn secret<'a>(&'a self, question: &'a str) -> Pin<Box<dyn Future<Output = Option<Secret>> + Send + 'a>> {
        Box::pin(async move {
            let question = harmless(question).into_owned();
            let asked = tokio::task::spawn_blocking(move || ask_secret(&question)).await;
            asked.ok().and_then(Result::ok)
        })
    }
}

fn open() -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|error| io::Error::new(error.kind(), format!("there is no terminal to ask on ({error})")))
}

/// A line of stdin.
fn piped() -> Option<Secret> {
    let mut text = String::new();
    let read = io::stdin().lock().read_line(&mut text).ok()?;
    (read > 0).then(|| Secret::new(text.trim_end_matches(['\n', '\r']).to_string()))
}

fn line(terminal: &File) -> io::Result<String> {
    let mut text = String::new();
    if BufReader::new(terminal).read_line(&mut text)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal was closed"));
    }
    Ok(text.trim_end_matches(['\n', '\r']).to_string())
}

/// A terminal that shows nothing until this is dropped.
struct Silence {
    terminal: File,
    before: rustix::termios::Termios,
}

impl Silence {
    fn begin(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
