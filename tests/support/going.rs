//! A run that goes on: a command comes in, what it shows is kept in a file while it runs. It can be waited for, killed at
//! a moment, and talked to where it has a terminal.

#![allow(dead_code, reason = "each binary uses its part")]

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A run that goes on.
pub struct Going {
    child: Child,
    shown: PathBuf,
    keyboard: Option<File>,
}

impl Going {
    /// Begins a command that nobody can answer.
    pub fn alone(mut command: Command, shown: PathBuf) -> Self {
        let out = File::create(&shown).unwrap();
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        Self { child: command.spawn().unwrap(), shown, keyboard: None }
    }

    /// Begins a command at a terminal of its own.
    pub fn at_terminal(mut command: Command, shown: PathBuf) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).and_then(|()| unlockpt(&ours)).unwrap();
        let theirs = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(theirs).unwrap();
        command.env("TERM", "xterm").stdin(theirs.try_clone().unwrap()).stderr(theirs.try_clone().unwrap());
        let child = command.stdout(theirs).spawn().unwrap();
        let (mut screen, keyboard) = (File::from(ours.try_clone().unwrap()), File::from(ours));
        let mut copy = File::create(&shown).unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error, when nobody has the terminal any more.
            while let Ok(count) = screen.read(&mut bytes) {
                copy.write_all(bytes.get(..count).unwrap()).unwrap();
            }
        });
        Self { child, shown, keyboard: Some(keyboard) }
    }

    /// Its code and what it showed.
    pub fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        // What was written last may be on its way through the terminal.
        if self.keyboard.is_some() {
            std::thread::sleep(Duration::from_millis(200));
        }
        (code, self.shown())
    }

    /// Waits until this is so; a run that ends before fails the test.
    pub fn wait_for(&mut self, what: &str, is_so: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_so() {
            let ended = self.child.try_wait().unwrap().is_some();
            assert!(!ended || is_so(), "it ended before {what}: {}", self.shown());
            assert!(since.elapsed() < Duration::from_secs(120), "not yet: {what}: {}", self.shown());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has shown by now.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.shown).unwrap()).into_owned()
    }

    /// Waits until it has shown this.
    pub fn wait_for_words(&mut self, words: &str) {
        let shown = self.shown.clone();
        let is_there = || String::from_utf8_lossy(&std::fs::read(&shown).unwrap()).contains(words);
        self.wait_for(&format!("it shows {words:?}"), is_there);
    }

    /// Waits for a question, and types the answer.
    pub fn answer(&mut self, question: &str, answer: &str) {
        self.wait_for_words(question);
        writeln!(self.keyboard.as_mut().unwrap(), "{answer}").unwrap();
    }

    /// Waits until it asks this, not for the first time perhaps, and types the answer.
    pub fn answer_next(&mut self, question: &str, answer: &str) {
        let shown = self.shown.clone();
        let asks = || String::from_utf8_lossy(&std::fs::read(&shown).unwrap()).ends_with(question);
        self.wait_for(&format!("it asks {question:?}"), asks);
        let before = self.shown().len();
        writeln!(self.keyboard.as_mut().unwrap(), "{answer}").unwrap();
        // The terminal shows what was typed: what comes after it is another question.
        let shown = self.shown.clone();
        self.wait_for("the answer shows", || std::fs::read(&shown).unwrap().len() > before);
    }

    /// Kills it, with no time to say anything, as soon as this is so.
    pub fn kill_when(mut self, what: &str, is_so: impl Fn() -> bool) {
        self.wait_for(what, is_so);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // A test that failed leaves no run behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
