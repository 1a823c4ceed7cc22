//! Archives between here and a container: their names are changed on the way, and what has no business in them is left out. A
//! name from a container never leads out of the directory it is unpacked in. They are read and written entry by entry.

use super::spool::{empty, full};
use muster_engine::module::Failure;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};

/// A file or directory of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it belongs, relative.
    pub path: PathBuf,
    pub mode: u32,
    /// Where in the archive a file's content begins, and how long it is; a directory has none.
    pub content: Option<(u64, u64)>,
}

/// An archive that is being written.
pub(super) struct Writing(Builder<BufWriter<File>>);

/// One that is whole: files and directories only.
pub(super) struct Packed {
    pub file: File,
    pub entries: Vec<Entry>,
    /// How much of what it was made from was neither.
    pub left: usize,
}

fn broken(error: io::Error) -> Failure {
    Failure::new(format!("what came is no whole archive: {error}"))
}

impl Writing {
    pub fn begin() -> Result<Self, Failure> {
        Ok(Self(Builder::new(BufWriter::new(empty()?))))
    }

    /// Adds a file, or a directory where there is no content.
    pub fn add(
        &mut self,
        path: &Path,
        mode: u32,
        content: Option<(u64, &mut dyn Read)>,
    ) -> Result<(), Failure> {
        if path.components().next().is_none() {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_mode(mode);
        header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
        let done = match content {
            Some((size, content)) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(size);
                let mut limited = content.take(size);
                let done = self.0.append_data(&mut header, path, &mut limited);
                if limited.limit() > 0 {
                    return Err(broken(io::Error::other(format!("it ends within {}", path.display()))));
                }
                done
            }
            None => {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                self.0.append_data(&mut header, path, io::empty())
            }
        };
        done.map_err(full)
    }

    /// The whole of it.
    pub fn end(self, left: usize) -> Result<Packed, Failure> {
        let file = self.0.into_inner().and_then(|writer| writer.into_inner().map_err(io::Error::from));
        let mut file = file.map_err(full)?;
        file.rewind().map_err(full)?;
        let mut entries = vec![];
        for entry in Archive::new(BufReader::new(&file)).entries_with_seek().map_err(full)? {
            let entry = entry.map_err(full)?;
            let is_file = entry.header().entry_type() == EntryType::Regular;
            entries.push(Entry {
                path: inside(&entry.path().map_err(full)?),
                mode: entry.header().mode().unwrap_or(0o644),
                content: is_file.then(|| (entry.raw_file_position(), entry.size())),
            });
        }
        file.rewind().map_err(full)?;
        Ok(Packed { file, entries, left })
    }
}

/// What an archive holds, elsewhere: what is at or below `from` comes to be at or below `to`.
///
/// # Errors
/// It is no archive, or there is no room.
pub(super) fn moved(source: File, from: &str, to: &str) -> Result<Packed, Failure> {
    let (from, to) = (inside(Path::new(from)), inside(Path::new(to)));
    let place = |path: &Path| match path.strip_prefix(&from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
        Ok(rest) => to.join(rest),
        Err(_) => to.join(path),
    };
    let (mut written, mut left) = (Writing::begin()?, 0);
    for entry in Archive::new(BufReader::new(source)).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = place(&inside(&entry.path().map_err(broken)?));
        let mode = entry.header().mode().unwrap_or(0o644);
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let size = entry.size();
                written.add(&path, mode, Some((size, &mut entry)))?;
            }
            EntryType::Directory => written.add(&path, mode, None)?,
            EntryType::XGlobalHeader => {}
            _ => left += 1,
        }
    }
    written.end(left)
}

/// A path without what would lead out of where it is put.
fn inside(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_on_the_way_and_never_lead_out() {
        let mut written = Writing::begin().unwrap();
        written.add(Path::new("conf"), 0o755, None).unwrap();
        written.add(Path::new("conf/a/b"), 0o640, Some((1, &mut &b"x"[..]))).unwrap();
        let packed = moved(written.end(0).unwrap().file, "conf", "/etc/other").unwrap();
        assert_eq!(packed.left, 0);
        let paths: Vec<&Path> = packed.entries.iter().map(|entry| entry.path.as_path()).collect();
        assert_eq!(paths, [Path::new("etc/other"), Path::new("etc/other/a/b")]);
        assert_eq!(packed.entries[1].content.map(|(_, length)| length), Some(1));
        assert_eq!(inside(Path::new("../../etc/passwd")), PathBuf::from("etc/passwd"));
        assert_eq!(inside(Path::new("/etc/../shadow")), PathBuf::from("etc/shadow"));
    }
}
