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
