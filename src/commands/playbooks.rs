//! `muster playbooks`: the shipped playbooks, embedded in the binary, listed, shown, or written out with their roles.

use super::print;
use crate::cli::PlaybooksAction;
use crate::exit::Exit;
use crate::session::Session;
use include_dir::{Dir, include_dir};
use muster_engine::diagnostic::{Class, nearest};
use std::io;
use std::path::Path;

/// The shipped playbooks and roles.
static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/playbooks");

/// One shipped playbook.
struct Shipped {
    name: &'static str,
    text: &'static str,
}

impl Shipped {
    /// Its first comment.
    fn about(&self) -> &'static str {
        let comment = self.text.lines().find_map(|line| line.strip_prefix('#'));
        comment.map_or("", str::trim)
    }
}

/// Does what was asked for.
pub fn run(session: &Session, action: &PlaybooksAction) -> Result<Exit, Exit> {
    match action {
        PlaybooksAction::List => Ok(print(&list())),
        PlaybooksAction::Show { name } => find(session, name).map(|found| print(found.text)),
        PlaybooksAction::Eject { dir } => {
            let done = write_out(dir).map(|()| format!("written to {}\n", dir.display()));
            done.map(|text| print(&text)).map_err(|error| {
                let message = format!("cannot write the playbooks to `{}`: {error}", dir.display());
                session.stop(
                    Class::Error,
                    "muster::playbooks::eject",
                    message,
                    "name an empty directory, or a new one",
                )
            })
        }
    }
}

fn list() -> String {
    let all: Vec<Shipped> = shipped().collect();
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    all.iter().map(|one| format!("{:<width$}  {}\n", one.name, one.about())).collect()
}

fn shipped() -> impl Iterator<Item = Shipped> {
    let mut files: Vec<_> = SHIPPED.files().collect();
    files.sort_by_key(|file| file.path());
    files.into_iter().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?.strip_suffix(".yml")?;
        Some(Shipped { name, text: file.contents_utf8()? })
    })
}

fn find(session: &Session, name: &str) -> Result<Shipped, Exit> {
    let wanted = name.strip_suffix(".yml").unwrap_or(name);
    shipped().find(|one| one.name == wanted).ok_or_else(|| {
        let help = match nearest(wanted, shipped().map(|one| one.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`muster playbooks list` shows them all".into(),
        };
        session.stop(
            Class::Error,
            "muster::playbooks::unknown",
            format!("no playbook is called `{name}`"),
            &help,
        )
    })
}

/// Writes all of them to a directory that is empty or does not exist.
pub fn write_out(dir: &Path) -> io::Result<()> {
    if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not empty"));
    }
    std::fs::create_dir_all(dir)?;
    SHIPPED.extract(dir)
}

/// Whether a path means a shipped playbook: there is no such file, and it is one's name.
pub fn is_shipped(path: &Path) -> bool {
    !path.exists() && shipped().any(|one| Path::new(one.name) == path)
}

/// The file name of a shipped playbook.
pub fn file_name(session: &Session, name: &str) -> Result<String, Exit> {
    find(session, name).map(|found| format!("{}.yml", found.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_out_but_never_over_something() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("new");
        write_out(&to).unwrap();
        assert!(shipped().all(|one| to.join(format!("{}.yml", one.name)).exists()));
        std::fs::write(to.join("mine"), "").unwrap();
        assert!(write_out(&to).is_err());
    }

    #[test]
    fn every_shipped_playbook_says_what_it_is_for() {
        for one in shipped() {
            assert!(!one.about().is_empty(), "{}", one.name);
        }
    }
}
