//! `log_path`: what a run writes is also kept in a file, a line at a time, each with the time and who ran it, as Ansible's
//! log has them. A file that can no longer be written is no reason to end a run.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// The file of a run.
#[derive(Clone, Debug)]
pub struct Log {
    file: Arc<File>,
    user: Arc<str>,
}

impl Log {
    /// The file, to be written at its end.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = Arc::new(OpenOptions::new().create(true).append(true).open(path)?);
        Ok(Self { file, user: muster_connections::user().into() })
    }
}

/// A stream whose lines are kept too, if there is a file for them.
#[derive(Debug)]
pub struct Logged<W> {
    inner: W,
    log: Option<Log>,
    level: &'static str,
    line: Vec<u8>,
}

impl<W: Write> Logged<W> {
    /// A stream; `level` is what its lines are called.
    pub fn new(inner: W, log: Option<Log>, level: &'static str) -> Self {
        Self { inner, log, level, line: vec![] }
    }

    fn keep(&mut self, text: &[u8]) {
        let Some(Log { file, user }) = &self.log else { return };
        self.line.extend_from_slice(text);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            if line.trim_ascii().is_empty() {
                continue;
            }
            let level = match &*line {
                line if line.starts_with(b"[DEPRECATION WARNING]") => "INFO",
                line if line.starts_with(b"[ERROR]") => "ERROR",
                _ => self.level,
            };
            let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
            let head = format!("{now} p={} u={user} n=ansible {level}| ", std::process::id());
            let mut file: &File = file;
            // Nobody can be told: what would tell it is this stream.
            _ = file.write_all(&[head.as_bytes(), &line].concat());
        }
    }
}

impl<W: Write> Write for Logged<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(text)?;
        self.keep(text.get(..written).unwrap_or(text));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_kept_with_who_and_when() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.log");
        let mut stream = Logged::new(vec![], Some(Log::open(&path).unwrap()), "INFO");
        stream.write_all(b"PLAY [a] ***\nok: ").unwrap();
        stream.write_all(b"[h]\n\n[ERROR]: x\n").unwrap();
        assert_eq!(stream.inner, b"PLAY [a] ***\nok: [h]\n\n[ERROR]: x\n");
        let text = std::fs::read_to_string(&path).unwrap();
        let ends: Vec<&str> =
            text.lines().filter_map(|line| line.split_once(" n=ansible ")).map(|l| l.1).collect();
        assert_eq!(ends, ["INFO| PLAY [a] ***", "INFO| ok: [h]", "ERROR| [ERROR]: x"]);
    }
}
