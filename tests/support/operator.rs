//! A person at a machine of his own, with a home, an inventory of the lab and a journal there: what he runs comes back as a
//! code and a text. A run can be begun and killed at a line of its journal, or be talked to at a terminal.

use crate::going::Going;
use crate::lab::Lab;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The operator.
pub struct Operator {
    name: String,
    dir: tempfile::TempDir,
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
        let (command, shown) = self.command(words);
        Going::alone(command, shown)
    }

    /// Begins any verb at a terminal, where it can be answered.
    pub fn at_terminal(&self, words: &[&str]) -> Going {
        let (command, shown) = self.command(words);
        Going::at_terminal(command, shown)
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
