//! The modules for files and for what a host is made of against what Ansible's own modules answered and left behind, case
//! by case: `cases/{files,hosts}/*.json`, each run with this machine's shell and with busybox. `observe.py` beside the
//! cases wrote the expectations. A case with `finally` changes this machine's accounts: it needs root, runs alone with
//! the machine's own programs, and its `finally` undoes all of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on shall fail")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_engine::module::Map;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use support::Bench;

/// The machine's own shell.
const OWN: &str = "/bin/sh";

/// Makes what a case says is there: `{name: {content | base64 | link | hard | directory, mode}}`.
fn make(dir: &Path, entries: &Json) {
    for (name, entry) in entries.as_object().into_iter().flatten() {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = |key: &str| entry[key].as_str().map(str::to_string);
        if let Some(target) = text("link") {
            std::os::unix::fs::symlink(target.replace("{dir}", dir.to_str().unwrap()), &path).unwrap();
            continue;
        } else if let Some(of) = text("hard") {
            std::fs::hard_link(dir.join(of), &path).unwrap();
            continue;
        } else if entry["directory"] == true {
            std::fs::create_dir_all(&path).unwrap();
        } else if let Some(coded) = text("base64") {
            std::fs::write(&path, STANDARD.decode(coded).unwrap()).unwrap();
        } else {
            std::fs::write(&path, text("content").unwrap_or_default()).unwrap();
        }
        let usual = if path.is_dir() { "0755" } else { "0644" };
        let mode = u32::from_str_radix(&text("mode").unwrap_or(usual.into()), 8).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        if let Some(at) = entry["mtime"].as_u64() {
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
            let times = std::fs::FileTimes::new().set_modified(at).set_accessed(at);
            std::fs::File::open(&path).unwrap().set_times(times).unwrap();
        }
        if let Some(uid) = entry["uid"].as_u64() {
            let id = Some(u32::try_from(uid).unwrap());
            std::os::unix::fs::lchown(&path, id, id).unwrap();
        }
    }
}

/// What is there now, in the same form, with ids where they are not root's.
fn found(dir: &Path) -> Json {
    let mut out = BTreeMap::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap();
            // A copy that was kept has the time in its name.
            let name = match name.split_once('~').is_some() {
                true => "BACKUP".to_string(),
                false => name.replace(dir.to_str().unwrap().trim_start_matches('/'), "{dir}"),
            };
            // Directories on the way to the case's own, below a place for fetched files.
            let way = name.split_once("testhost/").map(|(_, rest)| rest);
            if way.is_some_and(|rest| dir.to_str().unwrap().trim_start_matches('/').starts_with(rest)) {
                todo.push(path.clone());
                continue;
            }
            let mut entry = Map::new();
            if about.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                entry.insert(
                    "link".into(),
                    target.to_str().unwrap().replace(dir.to_str().unwrap(), "{dir}").into(),
                );
            } else {
                entry.insert("mode".into(), format!("{:04o}", about.mode() & 0o7777).into());
                if about.is_dir() {
                    entry.insert("directory".into(), true.into());
                    todo.push(path.clone());
                } else if let Ok(text) = String::from_utf8(std::fs::read(&path).unwrap()) {
                    entry.insert("content".into(), text.replace(dir.to_str().unwrap(), "{dir}").into());
                } else {
                    entry.insert("base64".into(), STANDARD.encode(std::fs::read(&path).unwrap()).into());
                }
            }
            for (key, id) in [("uid", about.uid()), ("gid", about.gid())] {
                if id != 0 {
                    entry.insert(key.into(), id.into());
                }
            }
            out.insert(name, Json::Object(entry));
        }
    }
    json!(out)
}

/// A result without what differs from run to run.
fn steady(value: &mut Json, dir: &str) {
    match value {
        Json::String(text) => {
            *text = text.replace(dir, "{dir}");
            if text.contains('~') && text.contains('@') {
                *text = "BACKUP".into();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| steady(item, dir)),
        Json::Object(map) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, value)| (key.replace(dir, "{dir}"), value))
                .collect();
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    "inode" | "dev" | "atime" | "mtime" | "ctime" | "blocks" | "block_size" | "version"
                    | "attributes" | "attr_flags" | "mimetype" | "charset"
                        if !value.is_null() || key == "version" =>
                    {
                        *value = json!("*");
                    }
                    _ => steady(value, dir),
                }
            }
            for list in ["directories", "files"] {
                if let Some(Json::Array(items)) = map.get_mut(list) {
                    items.sort_by_key(Json::to_string);
                }
            }
        }
        _ => {}
    }
}

async fn one(path: &Path, shell: &str) -> Result<(), String> {
    let mut text = std::fs::read_to_string(path).unwrap();
    let site = text.contains("{url}").then(support::site::Site::start);
    if let Some(site) = &site {
        text = text.replace("{url}", &site.url());
    }
    let case: Json = serde_json::from_str(&text).unwrap();
    if case["finally"].is_string() && shell != OWN {
        return Ok(());
    }
    let scratch = tempfile::tempdir().unwrap();
    // Links in the way to the temporary directory would show in answers.
    let dir = scratch.path().canonicalize().unwrap().join("case");
    std::fs::create_dir(&dir).unwrap();
    make(&dir, &case["before"]);
    if let Some(site) = &site {
        site.serve(&dir.join("www"));
    }
    let text = dir.to_str().unwrap();
    let args: Json = serde_json::from_str(&case["args"].to_string().replace("{dir}", text)).unwrap();
    let mut bench = Bench::new(&dir.join("local"));
    bench.shell = shell.into();
    bench.check_mode = case["check"] == true;
    bench.diff = case["diff"] == true;
    for (name, value) in case["vars"].as_object().into_iter().flatten() {
        bench.vars.insert(name.clone(), value.clone());
    }
    let module = case["module"].as_str().unwrap();
    let _end = case["finally"].as_str().map(|script| Finally(script.replace("{dir}", text)));
    if let Some(script) = case["prepare"].as_str() {
        spoken(&script.replace("{dir}", text));
    }
    let mut result = match bench.run(module, &args).await {
        Ok(output) => Json::Object(output.result),
        Err(failure) => Json::Object(failure.with("failed", true).result),
    };
    if let Some(script) = case["shows"].as_str() {
        let shown = spoken(&script.replace("{dir}", text)).replace(text, "{dir}");
        result.as_object_mut().unwrap().insert("(shown)".into(), shown.into());
    }
    // What begins so is between a module and the run.
    result.as_object_mut().unwrap().retain(|key, _| !key.starts_with("_ansible_"));
    steady(&mut result, text);
    let expected = &case["expect"];
    let mut wrong = vec![];
    let empty = Map::new();
    let (result, expect) = (result.as_object().unwrap_or(&empty), expected.as_object().unwrap_or(&empty));
    for key in result.keys().chain(expect.keys().filter(|key| !result.contains_key(*key))) {
        let same = match (result.get(key), expect.get(key)) {
            (Some(_), Some(Json::String(any))) if any == "*" => true,
            (None, Some(Json::Bool(false))) if key == "changed" => true,
            (Some(got), Some(wanted)) => got == wanted,
            (Some(Json::Bool(false)), None) if key == "changed" => true,
            _ => false,
        };
        if !same {
            wrong.push(format!("  {key}: {:?}, expected {:?}", result.get(key), expect.get(key)));
        }
    }
    let after = found(&dir);
    if after != case["after"] {
        wrong.push(format!("  left behind {after}\n  expected    {}", case["after"]));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What undoes a case.
struct Finally(String);

impl Drop for Finally {
    fn drop(&mut self) {
        spoken(&self.0);
    }
}

/// What a script of a case prints, both streams.
fn spoken(script: &str) -> String {
    let mut sh = std::process::Command::new(OWN);
    let done = sh.arg("-c").arg(format!("exec 2>&1\n{script}")).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn cases() -> Vec<std::path::PathBuf> {
    let only = std::env::var("CASE").unwrap_or_default();
    let folders =
        ["files", "hosts"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name));
    let entries =
        folders.iter().flat_map(|dir| std::fs::read_dir(dir).unwrap()).map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .filter(|path| path.to_str().unwrap().contains(&only))
        .collect();
    cases.sort();
    cases
}

async fn all(shell: &str) {
    let mut failures = vec![];
    for path in cases() {
        if let Err(why) = one(&path, shell).await {
            failures.push(format!("{}:\n{why}", path.file_stem().unwrap().to_str().unwrap()));
        }
    }
    assert!(failures.is_empty(), "{} of {}\n{}", failures.len(), cases().len(), failures.join("\n"));
}

#[tokio::test]
async fn every_case_ends_as_with_ansible() {
    assert_eq!(spoken("id -u").trim(), "0", "cases make users, groups and crontabs: run these tests as root");
    all(OWN).await;
}

#[tokio::test]
async fn every_case_ends_as_with_ansible_on_busybox() {
    let dir = tempfile::tempdir().unwrap();
    let shell = support::busybox(dir.path()).expect("install busybox: its shell is tested too");
    all(&shell).await;
}

#[tokio::test]
async fn a_large_file_goes_there_and_back_unharmed() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().canonicalize().unwrap();
    std::fs::create_dir(dir.join("files")).unwrap();
    let bytes: Vec<u8> = (0..100_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(dir.join("files/big"), &bytes).unwrap();
    let bench = Bench::new(&dir);
    let there = dir.join("there");
    let output = bench.run("copy", &json!({"src": "big", "dest": there})).await.unwrap();
    assert!(output.changed());
    assert!(std::fs::read(&there).unwrap() == bytes);
    let back = dir.join("back");
    bench.run("fetch", &json!({"src": there, "dest": back, "flat": true})).await.unwrap();
    assert!(std::fs::read(&back).unwrap() == bytes);
    let again = bench.run("copy", &json!({"src": "big", "dest": there})).await.unwrap();
    assert!(!again.changed());
}

#[tokio::test]
async fn names_with_quotes_spaces_and_newlines_are_only_names() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().canonicalize().unwrap();
    let bench = Bench::new(&dir);
    for name in ["a b", "it's", "-n", "$(touch x)", "new\nline", "end\n", "*", "`x`", "ü"] {
        let path = dir.join(name);
        bench.run("copy", &json!({"content": name, "dest": path})).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), name);
        bench.run("lineinfile", &json!({"path": path, "line": "more"})).await.unwrap();
        let link = dir.join("link");
        bench.run("file", &json!({"path": link, "src": name, "state": "link"})).await.unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap().to_str(), Some(name));
        let stat = bench.run("stat", &json!({"path": link})).await.unwrap();
        assert_eq!(stat.result["stat"]["lnk_target"], name);
        assert_eq!(stat.result["stat"]["lnk_source"], path.to_str().unwrap());
        bench.run("file", &json!({"path": path, "state": "absent"})).await.unwrap();
        assert!(!path.exists());
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "only the link is left");
}

#[tokio::test]
async fn a_file_in_a_vault_is_opened_on_its_way() {
    use muster_engine::connection::Secret;
    use muster_engine::vault::{Secrets, encrypt};
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().canonicalize().unwrap();
    let password = Secret::new("sesame");
    let sealed = encrypt(b"plain\n", &password, None).unwrap();
    std::fs::create_dir(dir.join("files")).unwrap();
    std::fs::write(dir.join("files/sealed"), &sealed).unwrap();
    let mut bench = Bench::new(&dir);
    let there = dir.join("there");
    let args = json!({"src": "sealed", "dest": there});
    assert!(bench.run("copy", &args).await.is_err(), "there is no password yet");
    bench.secrets = Secrets::new(vec![("default".into(), password)]).into();
    bench.run("copy", &args).await.unwrap();
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "plain\n");
    bench.run("copy", &json!({"src": "sealed", "dest": there, "decrypt": false})).await.unwrap();
    assert_eq!(std::fs::read_to_string(&there).unwrap(), sealed);
}

#[tokio::test]
async fn a_temporary_name_is_new_and_private() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().canonicalize().unwrap();
    let bench = Bench::new(&dir);
    for (state, mode) in [("file", "0600"), ("directory", "0700")] {
        let args = json!({"path": dir, "state": state, "prefix": "a.", "suffix": ".z"});
        let output = bench.run("tempfile", &args).await.unwrap();
        let path = output.result["path"].as_str().unwrap();
        assert!(path.starts_with(dir.join("a.").to_str().unwrap()) && path.ends_with(".z"), "{path}");
        assert_eq!((&output.result["mode"], &output.result["state"]), (&json!(mode), &json!(state)));
    }
}
