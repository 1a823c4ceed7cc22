//! The file of lost hosts that `--limit @file` takes, for whoever has `retry_files_enabled`.

use crate::session::Session;
use muster_engine::diagnostic::{Diagnostic, Diagnostics};
use muster_engine::recap::Recap;
use std::path::{Path, PathBuf};

/// Writes the file, if a host was lost, and says what to type.
pub fn write(session: &Session, playbooks: &[PathBuf], recap: &Recap) {
    let (Some(hosts), Some(playbook)) = (lost(recap), playbooks.last()) else { return };
    let file = path(playbook, session.settings.retry_files_save_path.as_deref());
    match std::fs::write(&file, hosts) {
        Ok(()) => eprintln!("\tto retry, use: --limit @{}\n", file.display()),
        Err(error) => {
            let message = format!("cannot write the retry file `{}`: {error}", file.display());
            session.say(&Diagnostics(vec![Diagnostic::warning("muster::run::retry_file", message)]));
        }
    }
}

fn lost(recap: &Recap) -> Option<String> {
    let mut hosts: Vec<&str> = recap
        .hosts
        .iter()
        .filter(|(_, tally)| tally.failed > 0 || tally.unreachable > 0)
        .map(|(host, _)| &**host)
        .collect();
    hosts.sort_unstable();
    (!hosts.is_empty()).then(|| hosts.join("\n") + "\n")
}

fn path(playbook: &Path, dir: Option<&Path>) -> PathBuf {
    let beside = playbook.with_extension("retry");
    match (dir, beside.file_name()) {
        (Some(dir), Some(name)) => dir.join(name),
        _ => beside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_engine::recap::Tally;

    #[test]
    fn lost_hosts_are_named_one_a_line() {
        let mut recap = Recap::default();
        recap.hosts.insert("b".into(), Tally { failed: 1, ..Tally::default() });
        recap.hosts.insert("ok".into(), Tally { ok: 1, ..Tally::default() });
        recap.hosts.insert("a".into(), Tally { unreachable: 1, ..Tally::default() });
        assert_eq!(lost(&recap).as_deref(), Some("a\nb\n"));
        assert_eq!(path(Path::new("x/site.yml"), None), PathBuf::from("x/site.retry"));
        assert_eq!(path(Path::new("x/site.yml"), Some(Path::new("/r"))), PathBuf::from("/r/site.retry"));
    }
}
