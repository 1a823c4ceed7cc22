//! The file of a journal: one JSON object a line, only ever appended to, on the disk before anybody goes on. Lines come
//! in, the state of each step goes out. A last line that a crash tore is as if it had never been written.

use jiff::Timestamp;
use muster_engine::module::Map;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It may have done any part of its work.
    Begun,
    /// It is through.
    Done,
    /// It said that it is not.
    Failed,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written.
    pub time: Timestamp,
    /// The step.
    pub step: String,
    /// How far it is.
    pub mark: Mark,
    /// Who ran it.
    pub operator: String,
    /// With which version of muster.
    pub version: String,
    /// The process, on the operator's machine.
    pub pid: u32,
    /// What the world will not be able to tell.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map,
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The disk or its permissions.
    #[error("cannot {0} the journal {1}: {2}")]
    Disk(&'static str, PathBuf, #[source] io::Error),
    /// A line that is not the last makes no sense.
    #[error(
        "line {1} of the journal {0} cannot be read: {2}. Nobody but muster writes to it: look at it, and move it away to begin anew"
    )]
    Unreadable(PathBuf, usize, serde_json::Error),
    /// Another process holds it.
    #[error(
        "this is going on already: process {1} on this machine holds the journal {0}. Wait until it is through"
    )]
    Held(PathBuf, String),
}

/// Reads the lines of a text, and how many bytes of it they are: the torn end is not counted.
///
/// # Errors
/// The place and the error of a line that is not the last and cannot be read.
pub fn read(text: &str) -> Result<(Vec<Line>, usize), (usize, serde_json::Error)> {
    let (mut lines, mut whole) = (vec![], 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let last = whole + line.len() == text.len();
        match serde_json::from_str(line) {
            Ok(read) if line.ends_with('\n') => lines.push(read),
            Err(error) if !last => return Err((number + 1, error)),
            _ => break,
        }
        whole += line.len();
    }
    Ok((lines, whole))
}

/// The lines of a journal; none where there is no such file.
///
/// # Errors
/// It cannot be read.
pub fn look(path: &Path) -> Result<Vec<Line>, Trouble> {
    match std::fs::read(path) {
        Ok(bytes) => lines(path, &String::from_utf8_lossy(&bytes)).map(|(lines, _)| lines),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(Trouble::Disk("read", path.to_path_buf(), error)),
    }
}

fn lines(path: &Path, text: &str) -> Result<(Vec<Line>, usize), Trouble> {
    read(text).map_err(|(number, error)| Trouble::Unreadable(path.to_path_buf(), number, error))
}

/// A journal that this process alone may write to, until it ends.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    file: File,
    /// What it holds.
    pub lines: Vec<Line>,
}

impl Book {
    /// Opens it, makes it where it is missing, and takes its torn end away.
    ///
    /// # Errors
    /// It cannot be read or written, or another process holds it.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let disk = |what| move |error| Trouble::Disk(what, path.to_path_buf(), error);
        if let Some(dir) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(disk("make"))?;
        }
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        let mut file = opened.map_err(disk("open"))?;
        let held = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).map_err(disk("read"))?;
        let (lines, whole) = lines(path, &String::from_utf8_lossy(&bytes))?;
        if held.is_err() {
            let holder = lines.last().map_or_else(|| "?".to_string(), |line| line.pid.to_string());
            return Err(Trouble::Held(path.to_path_buf(), holder));
        }
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(disk("mend"))?;
            file.seek(SeekFrom::End(0)).map_err(disk("mend"))?;
        }
        sync_dir(path).map_err(disk("write"))?;
        Ok(Self { path: path.to_path_buf(), file, lines })
    }

    /// Writes a line, and returns when the disk has it.
    ///
    /// # Errors
    /// The disk has it not.
    pub fn append(&mut self, line: Line) -> Result<(), Trouble> {
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| Trouble::Disk("write", self.path.clone(), error))?;
        self.lines.push(line);
        Ok(())
    }

    /// Puts it away under a name of its own: the next operation of this name begins with an empty one.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn close(self, time: Timestamp) -> Result<PathBuf, Trouble> {
        let stamp = time.strftime("%Y%m%dT%H%M%SZ");
        let mut kept = self.path.clone();
        kept.set_extension(format!("{stamp}.jsonl"));
        let moved = std::fs::rename(&self.path, &kept).and_then(|()| sync_dir(&kept));
        moved.map_err(|error| Trouble::Disk("put away", self.path, error))?;
        Ok(kept)
    }
}

/// A name in a directory is only kept when the directory is.
fn sync_dir(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: &str, mark: Mark) -> Line {
        let version = "0".into();
        Line {
            time: Timestamp::UNIX_EPOCH,
            step: step.into(),
            mark,
            operator: "me@here".into(),
            version,
            pid: 1,
            data: Map::new(),
        }
    }

    #[test]
    fn what_was_written_is_read_whatever_the_last_line_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/a.jsonl");
        let mut book = Book::open(&path).unwrap();
        book.append(line("snapshot", Mark::Begun)).unwrap();
        book.append(line("snapshot", Mark::Done)).unwrap();
        drop(book);
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let expected = [0, 1, 2][usize::from(length >= first) + usize::from(length == whole.len())];
            assert_eq!(look(&path).unwrap().len(), expected, "{length} bytes");
            let mut book = Book::open(&path).unwrap();
            book.append(line("remove", Mark::Begun)).unwrap();
            drop(book);
            let after = look(&path).unwrap();
            assert_eq!(after.len(), expected + 1, "{length} bytes");
            assert_eq!(after.last().unwrap().step, "remove");
        }
    }

    #[test]
    fn a_line_in_the_middle_that_makes_no_sense_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, "{\"time\nnot mine\n").unwrap();
        let said = look(&path).unwrap_err().to_string();
        assert!(said.contains("line 1 of the journal"), "{said}");
        assert!(Book::open(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"time\nnot mine\n", "it is left as it is");
    }

    #[test]
    fn a_journal_is_one_process_s_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let mut book = Book::open(&path).unwrap();
        book.append(line("remove", Mark::Begun)).unwrap();
        let said = Book::open(&path).unwrap_err().to_string();
        assert!(said.contains("process 1 on this machine"), "{said}");
        let kept = book.close(Timestamp::UNIX_EPOCH).unwrap();
        assert!(kept.ends_with("a.19700101T000000Z.jsonl"), "{}", kept.display());
        assert!(Book::open(&path).unwrap().lines.is_empty());
    }
}
