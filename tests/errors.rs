//! Mistakes a person makes, and what is said of them before any host is touched: each directory of `errors/` is a
//! site with a mistake and `expected.txt`, the exit code (ansible-playbook's, but where it crashes or goes on with an
//! inventory it could not read) and all of stderr. `UPDATE=1` writes them anew.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn said(dir: &Path) -> String {
    let about = std::fs::read_to_string(dir.join("case.json")).unwrap_or_else(|_| r#"{"args": []}"#.into());
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    let given = about["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap());
    let given: Vec<&str> = given.collect();
    let inventory: &[&str] = if given.contains(&"-i") { &[] } else { &["-i", "hosts"] };
    let home = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("run")
        .args(inventory)
        .args(given)
        .arg("site.yml")
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    let stderr = stderr.replace(&dir.display().to_string(), "{SITE}");
    let stderr = stderr.replace(&home.path().display().to_string(), "{HOME}");
    format!("exit {}\n{stderr}", done.status.code().unwrap())
}

#[test]
fn every_mistake_is_said_where_it_is_and_how_to_mend_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors").canonicalize().unwrap();
    let mut dirs: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    assert!(dirs.len() >= 25, "the sites are there");
    let mut wrong = vec![];
    for dir in dirs {
        let (file, said) = (dir.join("expected.txt"), said(&dir));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if said != expected {
            let diff = similar::TextDiff::from_lines(&expected, &said).unified_diff().to_string();
            wrong.push(format!("== {}\n{diff}", dir.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
