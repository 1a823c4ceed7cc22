//! Files of this machine that modules send: found beside the playbook, opened if they are in a vault, and whole trees
//! of them as a list. Nothing here touches a host.

use muster_engine::module::{Context, Failure};
use muster_engine::vault;
use sha1::{Digest as _, Sha1};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The SHA-1 of bytes, as hex.
pub(super) fn sha1(bytes: &[u8]) -> String {
    hex::encode(Sha1::digest(bytes))
}

/// The MD5 of bytes, as hex.
pub(super) fn md5(bytes: &[u8]) -> String {
    hex::encode(md5::Md5::digest(bytes))
}

/// A file that an argument names, with what Ansible says before its words if there is none.
pub(super) fn find(cx: &Context, name: &str, before: &str) -> Result<PathBuf, Failure> {
    cx.find("files", name).map_err(|failure| Failure::new(format!("{before}{}", failure.message())).raised())
}

/// A file's bytes; a file in a vault is opened if `decrypt` says so.
pub(crate) async fn read(cx: &Context, path: &Path, decrypt: bool) -> Result<Vec<u8>, Failure> {
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| Failure::new(format!("could not find src={}, {error}", path.display())))?;
    if decrypt && bytes.starts_with(b"$ANSIBLE_VAULT;") { open(cx, path, &bytes) } else { Ok(bytes) }
}

fn open(cx: &Context, path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| Failure::new(format!("{}: {why}", path.display()));
    let text = std::str::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
    cx.scope.around().secrets.decrypt_bytes(text).map_err(|error| match error {
        vault::Error::NoPassword => Failure::new(format!(
            "A vault password or secret must be specified to decrypt {}",
            path.display()
        )),
        error => fail(error.to_string()),
    })
}

/// A file's permissions as the `mode` argument has them.
pub(super) fn mode_of(path: &Path) -> Result<String, Failure> {
    let about = std::fs::metadata(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    Ok(format!("0{:03o}", about.permissions().mode() & 0o7777))
}

/// The last part of a path.
pub(super) fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What is below a directory: paths here, and names below the destination.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tree {
    pub files: Vec<(PathBuf, String)>,
    pub directories: Vec<String>,
    /// Where each link leads, and its name.
    pub links: Vec<(String, String)>,
}

impl Tree {
    /// Lists a directory. Without a slash at its end, its own name comes before the names below it; it
    /// is none of the directories itself.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn of(source: &str, follow: bool) -> Result<Self, Failure> {
        let top = PathBuf::from(source);
        let prefix = if source.ends_with('/') { String::new() } else { basename(source).to_string() };
        let mut tree = Self::default();
        tree.walk(&top, &prefix, follow, &mut vec![])?;
        Ok(tree)
    }

    fn walk(
        &mut self,
        dir: &Path,
        prefix: &str,
        follow: bool,
        above: &mut Vec<(u64, u64)>,
    ) -> Result<(), Failure> {
        let fail = |error: std::io::Error| Failure::new(format!("{}: {error}", dir.display()));
        let about = std::fs::metadata(dir).map_err(fail)?;
        above.push((about.dev(), about.ino()));
        let mut entries: Vec<_> =
            std::fs::read_dir(dir).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let is_link = entry.file_type().map_err(fail)?.is_symlink();
            let end = std::fs::metadata(&path).ok();
            let circle = end.as_ref().is_some_and(|end| above.contains(&(end.dev(), end.ino())));
            match end {
                Some(end) if end.is_dir() && !(is_link && (!follow || circle)) => {
                    self.directories.push(name.clone());
                    self.walk(&path, &name, follow, above)?;
                }
                Some(end) if end.is_file() && (follow || !is_link) => self.files.push((path, name)),
                _ if is_link => {
                    let target = std::fs::read_link(&path).map_err(fail)?;
                    self.links.push((target.to_string_lossy().into_owned(), name));
                }
                _ => {}
            }
        }
        above.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_listed_with_or_without_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("t");
        std::fs::create_dir_all(top.join("sub/empty")).unwrap();
        std::fs::write(top.join("a"), "a").unwrap();
        std::fs::write(top.join("sub/b"), "b").unwrap();
        std::os::unix::fs::symlink("a", top.join("link")).unwrap();
        std::os::unix::fs::symlink("..", top.join("sub/up")).unwrap();
        let names = |tree: &Tree| tree.files.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
        let text = top.to_str().unwrap();
        let inner = Tree::of(&format!("{text}/"), true).unwrap();
        assert_eq!(names(&inner), ["a", "link", "sub/b"]);
        assert_eq!(inner.directories, ["sub", "sub/empty"]);
        assert_eq!(inner.links, [("..".to_string(), "sub/up".to_string())]);
        let whole = Tree::of(text, false).unwrap();
        assert_eq!(names(&whole), ["t/a", "t/sub/b"]);
        assert_eq!(whole.links.len(), 2);
    }
}
