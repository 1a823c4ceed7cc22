//! Waiting, asking and sending against loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod flow_support;

use flow_support::{Road, context, run};
use muster_engine::module::{AnyModule, Failure, Output};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn answered(name: &str, args: Json) -> Result<Output, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let cx = context(dir.path(), &args, &json!({}));
    let registry = muster_modules::builtin();
    run(registry.get(name).unwrap().as_ref(), &args, &cx).await
}

/// A server that says this to whoever connects, for as long as the test runs.
async fn says(text: &'static str, waits_for_request: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            if waits_for_request {
                let _ = stream.read(&mut request).await;
            }
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    port
}

async fn wait_ssh(port: u16) -> Result<Output, Failure> {
    let dir = tempfile::tempdir().unwrap();
    let args = json!({"timeout": 1});
    let mut cx = context(dir.path(), &args, &json!({}));
    let mut road = Road::new(dir.path());
    (road.target.kind, road.target.port) = ("ssh".into(), Some(port));
    cx.road = Arc::new(road);
    let registry = muster_modules::builtin();
    run(registry.get("wait_ssh").unwrap().as_ref(), &args, &cx).await
}

#[tokio::test]
async fn wait_ssh_knows_an_ssh_server_by_its_banner() {
    let output = wait_ssh(says("SSH-2.0-Test\r\n", false).await).await.unwrap();
    assert_eq!(output.result["elapsed"], 0);
    let failure = wait_ssh(says("220 mail\r\n", false).await).await.unwrap_err();
    assert!(
        failure.message().ends_with("; last 300 bytes received: '220 mail\\r\\n'"),
        "{}",
        failure.message()
    );
    assert!(failure.result["elapsed"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn wait_ssh_logs_in() {
    let output = answered("wait_ssh", json!({"phase": "login", "timeout": 5})).await.unwrap();
    assert_eq!(output.result["elapsed"], 0);
}

#[tokio::test]
async fn wait_for_reads_what_a_port_sends() {
    let port = says("hello 7\n", false).await;
    let found = answered("wait_for", json!({"port": port, "search_regex": "o [0-9]", "timeout": 3})).await;
    assert_eq!(found.unwrap().result["state"], "started");
    let open =
        answered("wait_for", json!({"port": port, "state": "stopped", "timeout": 1})).await.unwrap_err();
    assert_eq!(open.message(), format!("Timeout when waiting for 127.0.0.1:{port} to stop."));
}

#[tokio::test]
async fn uri_asks_a_server() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"a\": 1}";
    let port = says(text, true).await;
    let args =
        json!({"url": format!("http://127.0.0.1:{port}/x"), "return_content": true, "use_proxy": false});
    let output = answered("uri", args).await.unwrap();
    assert_eq!(output.result["json"], json!({"a": 1}));
    assert_eq!(output.result["content"], "{\"a\": 1}");
    assert_eq!(output.result["msg"], "OK (8 bytes)");
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("out");
    let args = json!({"url": format!("http://127.0.0.1:{port}/x"), "dest": dest.to_str().unwrap(), "use_proxy": false});
    assert!(answered("uri", args).await.unwrap().changed());
    assert_eq!(std::fs::read_to_string(dest).unwrap(), "{\"a\": 1}");
}

#[tokio::test]
async fn uri_asks_only_for_what_is_newer_than_its_file() {
    let port = says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", true).await;
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("out");
    std::fs::write(&dest, "old").unwrap();
    let args = json!({"url": format!("http://127.0.0.1:{port}/x"), "dest": dest.to_str().unwrap(), "mode": "0600", "use_proxy": false});
    let failure = answered("uri", args.clone()).await.unwrap_err();
    assert_eq!(failure.message(), "Status code was 304 and not [200]: HTTP Error 304: Not Modified");
    assert_eq!(
        (&failure.result["path"], &failure.result["size"]),
        (&json!(dest.to_str().unwrap()), &json!(3))
    );
    let mut args = args;
    args["status_code"] = json!([200, 304]);
    let output = answered("uri", args).await.unwrap();
    assert!(!output.changed() && output.result["status"] == 304, "{:?}", output.result);
    assert_eq!(std::fs::read_to_string(dest).unwrap(), "old");
}

#[tokio::test]
async fn uri_keeps_an_answer_with_the_mode_that_is_wanted_or_says_why_it_cannot() {
    let port = says("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nnew", true).await;
    let dir = tempfile::tempdir().unwrap();
    let args = |dest: &std::path::Path| json!({"url": format!("http://127.0.0.1:{port}/page?x"), "dest": dest.to_str().unwrap(), "mode": "0640", "use_proxy": false});
    let output = answered("uri", args(dir.path())).await.unwrap();
    assert_eq!(output.result["path"], json!(dir.path().join("page").to_str().unwrap()));
    assert_eq!((&output.result["mode"], output.changed()), (&json!("0640"), true));
    let failure = answered("uri", args(&dir.path().join("no/where"))).await.unwrap_err();
    assert!(
        failure.message().starts_with("failed to copy ") && failure.message().ends_with(". OK (3 bytes)"),
        "{}",
        failure.message()
    );
    assert_eq!(failure.result["status"], 200);
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn an_executable_in_library_is_a_module() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("library");
    std::fs::create_dir(&library).unwrap();
    std::fs::write(
        library.join("greet.sh"),
        "#!/bin/sh\n# WANT_JSON\nn=$(sed 's/.*\"name\":\"\\([a-z]*\\)\".*/\\1/' \"$1\")\n\
         printf '{\"changed\": true, \"greeting\": \"hello %s\"}' \"$n\"\n",
    )
    .unwrap();
    std::fs::write(
        library.join("old"),
        "#!/bin/sh\n. \"$1\"\nprintf '{\"failed\": true, \"msg\": \"%s\"}' \"$name\"\n",
    )
    .unwrap();
    let bridge = muster_modules::bridge::Bridge::new(muster_modules::bridge::Ways::default());
    let modules = bridge.library(&[library]);
    let names: Vec<&str> = modules.iter().map(|module| module.name()).collect();
    assert_eq!(names, ["greet", "old"]);
    let args = json!({"name": "you"});
    let cx = context(dir.path(), &args, &json!({}));
    let greet: &dyn AnyModule = modules[0].as_ref();
    assert_eq!(run(greet, &args, &cx).await.unwrap().result["greeting"], "hello you");
    assert_eq!(run(modules[1].as_ref(), &args, &cx).await.unwrap().result["msg"], "you");
}

#[tokio::test]
async fn packages_and_services_are_listed() {
    let services = answered("service_facts", json!({})).await.unwrap();
    assert!(services.result["ansible_facts"]["services"].is_object());
    if std::path::Path::new("/usr/bin/dpkg-query").exists() {
        let packages = answered("package_facts", json!({})).await.unwrap();
        assert_eq!(packages.result["ansible_facts"]["packages"]["dpkg"][0]["source"], "apt");
    }
}

/// A repository with two versions, a submodule, and no signature.
fn repository(dir: &std::path::Path) {
    let script = "set -e; cd \"$1\"; export GIT_CONFIG_GLOBAL=/dev/null; for r in sub src; do git init -q -b main $r; done\n\
        g() { git -c user.email=a@b -c user.name=n -c protocol.file.allow=always \"$@\"; }\n\
        (cd sub; echo s >s; g add .; g commit -qm s)\n\
        cd src; g submodule -q add \"$1/sub\" sub; echo 1 >f; g add .; g commit -qm 1; g tag v1; echo 2 >f; g commit -qam 2; g tag v2";
    let done = std::process::Command::new("sh").args(["-c", script, "sh"]).arg(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn git_packs_moves_and_verifies_what_it_cloned() {
    let dir = tempfile::tempdir().unwrap();
    repository(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let git = async |more: serde_json::Value| {
        let mut args = json!({"repo": at("src"), "dest": at("clone"), "recursive": false, "update": true, "clone": true});
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answered("git", args).await
    };
    let pack = json!({"version": "v1", "archive": at("v1.tar.gz"), "archive_prefix": "p/"});
    assert!(git(pack.clone()).await.unwrap().changed());
    let listed = std::process::Command::new("tar").args(["tzf", &at("v1.tar.gz")]).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == "p/f"));
    assert!(!git(pack).await.unwrap().changed(), "the same is there");
    assert!(git(json!({"version": "v2", "archive": at("v1.tar.gz")})).await.unwrap().changed());
    let failure = git(json!({"version": "v1", "archive": at("v1.rar")})).await.unwrap_err();
    assert!(failure.message().starts_with("Unable to get file extension from archive file name : "));

    let moved = git(json!({"version": "v2", "separate_git_dir": at("known")})).await.unwrap();
    assert_eq!(moved.result["git_dir_now"], json!(at("known")));
    assert_eq!(
        std::fs::read_to_string(dir.path().join("clone/.git")).unwrap(),
        format!("gitdir: {}", at("known"))
    );
    let again = git(json!({"version": "v2", "separate_git_dir": at("known")})).await.unwrap();
    assert!(!again.changed(), "{:?}", again.result);
    let failure = git(json!({"version": "v2", "separate_git_dir": at("sub")})).await.unwrap_err();
    assert_eq!(failure.message(), format!("Separate-git-dir path {} already exists.", at("sub")));

    let failure = git(json!({"version": "v1", "verify_commit": true})).await.unwrap_err();
    assert_eq!(failure.message(), "Failed to verify GPG signature of commit/tag \"v1\"");
    let failure = git(json!({"archive_prefix": "p/"})).await.unwrap_err();
    assert_eq!(failure.message(), "missing parameter(s) required by 'archive_prefix': archive");
}
