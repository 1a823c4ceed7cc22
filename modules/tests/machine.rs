//! The modules for packages and for the machine against what Ansible's own modules answered and left behind:
//! `cases/machine/*.json`, written by `cases/machine/observe.py`. A case may have programs of its own, found before the
//! machine's, and an `/etc` of its own, seen only inside a mount namespace; nothing outside its directory changes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on shall fail")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use muster_engine::module::Map;
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::Bench;

/// Builds a place for packages: apt and dpkg with nothing of the machine's but their programs.
fn world(dir: &Path) -> Vec<(String, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/machine/world.sh");
    let done = Command::new("/bin/sh").arg(script).arg(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = |path: &str| dir.join(path).to_str().unwrap().to_string();
    vec![
        ("APT_CONFIG".into(), text("apt.conf")),
        ("DPKG_ADMINDIR".into(), text("var/lib/dpkg")),
        ("DPKG_ROOT".into(), text("root")),
    ]
}

fn program(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Files of a case below a directory; what is `null` is taken away.
fn put(dir: &Path, files: &Json) {
    for (name, content) in files.as_object().into_iter().flatten() {
        let path = dir.join(name.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.as_str() {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None if path.is_dir() => std::fs::remove_dir_all(&path).unwrap(),
            None => _ = std::fs::remove_file(&path),
        }
    }
}

async fn one(path: &Path) -> Result<(), String> {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().canonicalize().unwrap();
    let tmp = dir.to_str().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let raw: Json = serde_json::from_str(&text).unwrap();
    let case: Json = serde_json::from_str(&text.replace("$TMP", tmp)).unwrap();
    std::fs::create_dir(dir.join("bin")).unwrap();
    for (name, text) in case["tools"].as_object().into_iter().flatten() {
        program(&dir.join("bin").join(name), text.as_str().unwrap());
    }
    let world = if case["world"] == true { world(&dir) } else { vec![] };
    put(&dir, &case["files"]);
    let mut bench = Bench::new(&dir);
    bench.check_mode = case["check"] == true;
    bench.diff = case["diff"] == true;
    if case["etc"].is_object() {
        let copied = Command::new("cp").args(["-a", "/etc"]).arg(dir.join("etc")).status().unwrap();
        assert!(copied.success());
        put(&dir, &case["etc"]);
        let inside = format!(
            "exec unshare -m /bin/sh -c 'mount --bind {tmp}/etc /etc && {{ [ ! -d {tmp}/proc ] || mount --bind {tmp}/proc /proc; }} && exec /bin/sh \"$@\"' sh \"$@\""
        );
        program(&dir.join("shell"), &inside);
        bench.shell = format!("{tmp}/shell");
    }
    let mut context = bench.context();
    context.environment = world;
    context.environment.push(("PATH".into(), format!("{tmp}/bin:{}", std::env::var("PATH").unwrap())));
    if let Some(text) = case["prepare"].as_str() {
        let environment = context.environment.clone();
        Command::new("/bin/sh").args(["-c", text]).envs(environment).current_dir(&dir).output().unwrap();
    }
    let registry = muster_modules::builtin();
    let module = registry.get(case["module"].as_str().unwrap()).ok_or("no such module")?;
    let args: Map = case["args"].as_object().unwrap().clone();
    let result = match module.run(args, &context).await {
        Ok(output) => output.result,
        Err(failure) => failure.with("failed", true).result,
    };
    let result = Json::Object(result).to_string().replace(tmp, "$TMP");
    let mut result: Map = serde_json::from_str(&result).unwrap();
    result.entry("changed").or_insert(json!(false));
    // What begins so is between a module and the run.
    result.retain(|key, _| !key.starts_with("_ansible_"));
    if raw["expect"].get("warnings").is_none() {
        result.remove("warnings");
    }
    let mut expected = raw["expect"].as_object().cloned().unwrap_or_default();
    expected.entry("changed").or_insert(json!(false));
    let mut wrong = vec![];
    for key in result.keys().chain(expected.keys().filter(|key| !result.contains_key(*key))) {
        let same = match (result.get(key), expected.get(key)) {
            (Some(_), Some(Json::String(any))) if any == "*" => true,
            (got, wanted) => got == wanted,
        };
        if !same {
            wrong.push(format!("  {key}: {:?}\n  expected {:?}", result.get(key), expected.get(key)));
        }
    }
    for (name, wanted) in raw["after"].as_object().into_iter().flatten() {
        let path = dir.join(name.trim_start_matches('/'));
        let found = match std::fs::read_link(&path) {
            Ok(target) => json!(format!("-> {}", target.display())),
            Err(_) => {
                std::fs::read_to_string(&path).map_or(Json::Null, |text| json!(text.replace(tmp, "$TMP")))
            }
        };
        if found != *wanted {
            wrong.push(format!("  {name} is {found}\n  expected {wanted}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/machine");
    let only = std::env::var("CASE").unwrap_or_default();
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .filter(|path| path.to_str().unwrap().contains(&only))
        .collect();
    cases.sort();
    cases
}

/// Whether this machine lets a test have an `/etc` of its own.
fn has_namespaces() -> bool {
    let tried = Command::new("unshare").args(["-m", "/bin/sh", "-c", "mount --bind /etc /etc"]).output();
    tried.is_ok_and(|done| done.status.success())
}

#[tokio::test]
async fn every_case_ends_as_with_ansible() {
    let namespaces = has_namespaces();
    let apt = Command::new("apt-get").arg("--version").output().is_ok();
    let mut failures = vec![];
    for path in cases() {
        let case: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert!(
            namespaces || !case["etc"].is_object(),
            "{}: needs a mount namespace: run as root",
            path.display()
        );
        assert!(apt || case["world"] != true, "{}: needs apt", path.display());
        if let Err(why) = one(&path).await {
            failures.push(format!("{}:\n{why}", path.file_stem().unwrap().to_str().unwrap()));
        }
    }
    assert!(failures.is_empty(), "{} of {}\n{}", failures.len(), cases().len(), failures.join("\n"));
}
