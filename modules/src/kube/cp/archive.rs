//! Archives between here and a container: their names are changed on the way, and what has no business in them is left out. A
//! name from a container never leads out of the directory it is unpacked in.

use muster_engine::module::Failure;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};

/// A file or directory of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it belongs, relative.
    pub path: PathBuf,
    pub mode: u32,
    /// What a file holds; a directory holds nothing.
    pub content: Option<Vec<u8>>,
}

/// What an archive holds, and how much of it was neither file nor directory.
///
/// # Errors
/// It is no archive.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Entry>, usize), Failure> {
    let broken = |error: std::io::Error| Failure::new(format!("what came is no whole archive: {error}"));
    let (mut entries, mut left) = (vec![], 0);
    for entry in Archive::new(bytes).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        let path = inside(&entry.path().map_err(broken)?);
        let mode = entry.header().mode().unwrap_or(0o644);
        let content = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut content = vec![];
                entry.read_to_end(&mut content).map_err(broken)?;
                Some(content)
            }
            EntryType::Directory => None,
            EntryType::XGlobalHeader => continue,
            _ => {
                left += 1;
                continue;
            }
        };
        entries.push(Entry { path, mode, content });
    }
    Ok((entries, left))
}

/// A path without what would lead out of where it is put.
fn inside(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// An archive of these.
///
/// # Errors
/// A name does not fit in one.
pub(super) fn write(entries: &[Entry]) -> Result<Vec<u8>, Failure> {
    let broken = |error: std::io::Error| Failure::new(format!("the archive cannot be made: {error}"));
    let mut builder = Builder::new(vec![]);
    for entry in entries.iter().filter(|entry| entry.path.components().next().is_some()) {
        let mut header = Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
        let content = entry.content.as_deref().unwrap_or_default();
        header.set_entry_type(if entry.content.is_some() {
            EntryType::Regular
        } else {
            EntryType::Directory
        });
        header.set_size(u64::try_from(content.len()).unwrap_or(0));
        builder.append_data(&mut header, &entry.path, content).map_err(broken)?;
    }
    builder.into_inner().map_err(broken)
}

/// The same entries elsewhere: what is at or below `from` comes to be at or below `to`.
pub(super) fn moved(entries: Vec<Entry>, from: &str, to: &str) -> Vec<Entry> {
    let (from, to) = (inside(Path::new(from)), inside(Path::new(to)));
    let place = |path: &Path| match path.strip_prefix(&from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
        Ok(rest) => to.join(rest),
        Err(_) => to.join(path),
    };
    entries.into_iter().map(|entry| Entry { path: place(&entry.path), ..entry }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_on_the_way_and_never_lead_out() {
        let file = |path: &str| Entry { path: path.into(), mode: 0o640, content: Some(b"x".to_vec()) };
        let directory = Entry { path: "conf".into(), mode: 0o755, content: None };
        let archive = write(&[directory, file("conf/a/b")]).unwrap();
        let (entries, left) = read(&archive).unwrap();
        assert_eq!(left, 0);
        let paths: Vec<PathBuf> =
            moved(entries, "conf", "/etc/other").into_iter().map(|entry| entry.path).collect();
        assert_eq!(paths, [PathBuf::from("etc/other"), PathBuf::from("etc/other/a/b")]);
        assert_eq!(inside(Path::new("../../etc/passwd")), PathBuf::from("etc/passwd"));
        assert_eq!(inside(Path::new("/etc/../shadow")), PathBuf::from("etc/shadow"));
    }
}
