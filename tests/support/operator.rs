//! A person at a machine of his own, with a home, an inventory of the lab and a journal there: what he runs comes back as a
//! code and a text. A run can be begun and killed at a line of its journal, or be talked to at a terminal.

use crate::lab::Lab;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The operator.
pub struct Operator {
    name: String,
    dir: tempfile::TempDir,
}

/// A run that goes on.
pub struct Going {
    child: Child,
    shown: PathBuf,
    keyboard: Option<File>,
}

impl Operator {
    /// One who has the lab's inventory.
    pub fn new(lab: &Lab, name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let new = Self { name: name.into(), dir };
        let inventory = lab
            .run(&["inventory"])
            .replace(&keys_of(lab), new.dir.path().join("known_hosts").to_str().unwrap());
        std::fs::write(new.dir.path().join("inventory.yaml"), inventory).unwrap();
        new.know_hosts(lab);
        new
    }

    /// Takes the keys that the hosts have now for theirs: a machine that is made anew shows another one.
    pub fn know_hosts(&self, lab: &Lab) {
        std::fs::copy(keys_of(lab), self.dir.path().join("known_hosts")).unwrap();
    }

    /// Runs `muster replace control-plane` to its end.
    pub fn replace(&self, words: &[&str]) -> (i32, String) {
        self.begin(words).end()
    }

    /// Begins it.
    pub fn begin(&self, words: &[&str]) -> Going {
        let operator = format!("replace_operator={}", self.name);
        let line: Vec<&str> = ["replace", "control-plane"].iter().chain(words).copied().collect();
        self.start(&[&line[..], &["-e", &operator]].concat())
    }

    /// Kills a run of any verb as soon as its journal has one more such line.
    pub fn kill_at(&self, words: &[&str], step: &str, mark: &str) {
        let written = self.another_line(step, mark);
        self.start(words).kill_when(&format!("{step} was {mark}"), written);
    }

    /// Runs any verb to its end.
    pub fn muster(&self, words: &[&str]) -> (i32, String) {
        self.start(words).end()
    }

    /// Begins any verb.
    pub fn start(&self, words: &[&str]) -> Going {
        let (mut command, shown) = self.command(words);
        let out = File::create(&shown).unwrap();
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        Going { child: command.spawn().unwrap(), shown, keyboard: None }
    }

    /// Begins any verb at a terminal, where it can be answered.
    pub fn at_terminal(&self, words: &[&str]) -> Going {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).and_then(|()| unlockpt(&ours)).unwrap();
        let theirs = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(theirs).unwrap();
        let (mut command, shown) = self.command(words);
        command.env("TERM", "xterm").stdin(theirs.try_clone().unwrap()).stderr(theirs.try_clone().unwrap());
        let child = command.stdout(theirs).spawn().unwrap();
        let (mut screen, keyboard) = (File::from(ours.try_clone().unwrap()), File::from(ours));
        let mut copy = File::create(&shown).unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error, when nobody has the terminal any more.
            while let Ok(count) = screen.read(&mut bytes) {
                copy.write_all(&bytes[..count]).unwrap();
            }
        });
        Going { child, shown, keyboard: Some(keyboard) }
    }

    fn command(&self, words: &[&str]) -> (Command, PathBuf) {
        use std::sync::atomic::{AtomicU32, Ordering};
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let shown = self.dir.path().join(format!("shown-{}", RUNS.fetch_add(1, Ordering::Relaxed)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            // A host of the lab is away, or is there at once.
            .env("ANSIBLE_TIMEOUT", "4");
        command.current_dir(self.dir.path()).args(words).args(["-i", "inventory.yaml"]);
        (command, shown)
    }

    /// Copies a file of a host to where runs begin.
    pub fn fetch(&self, lab: &Lab, host: &str, from: &str, to: &str) {
        let root = format!("/run/muster-lab/{}/{host}/root{from}", lab.name());
        std::fs::copy(root, self.dir.path().join(to)).unwrap();
    }

    /// The files of all journals, closed ones too.
    pub fn journals(&self) -> Vec<PathBuf> {
        let dir = self.dir.path().join(".local/state/muster/journal");
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect()
    }

    /// Whether a journal has such a line.
    pub fn has_line(&self, step: &str, mark: &str) -> bool {
        self.count(step, mark) > 0
    }

    /// Whether there is one more such line than now.
    pub fn another_line(&self, step: &str, mark: &str) -> impl Fn() -> bool {
        let (before, step, mark) = (self.count(step, mark), step.to_owned(), mark.to_owned());
        move || self.count(&step, &mark) > before
    }

    fn count(&self, step: &str, mark: &str) -> usize {
        let wanted = [format!("\"step\":\"{step}\""), format!("\"mark\":\"{mark}\"")];
        let texts = self.journals().into_iter().filter_map(|path| std::fs::read_to_string(path).ok());
        texts
            .map(|text| text.lines().filter(|line| wanted.iter().all(|part| line.contains(part))).count())
            .sum()
    }

    /// All that was shown and journaled.
    pub fn everything(&self) -> String {
        let shown = std::fs::read_dir(self.dir.path()).unwrap().flatten().map(|entry| entry.path());
        let files: Vec<PathBuf> = shown.filter(|path| path.is_file()).chain(self.journals()).collect();
        files.iter().filter_map(|path: &PathBuf| std::fs::read_to_string(Path::new(path)).ok()).collect()
    }
}

fn keys_of(lab: &Lab) -> String {
    format!("/run/muster-lab/{}/known_hosts", lab.name())
}

impl Going {
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
