//! This machine as a target: every behaviour of a road, through every POSIX shell that is installed here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/behaviour.rs"]
mod behaviour;
mod support;

use muster_engine::connection::{Command, Way};
use std::time::Duration;
use support::{local, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn the_system_shell_behaves() {
    behaviour::all(&local("/bin/sh").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_behaves() {
    behaviour::all(&local("/bin/bash").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn busybox_behaves() {
    assert!(std::path::Path::new("/bin/busybox").exists(), "install busybox: its shell is tested too");
    behaviour::all(&local("/bin/busybox sh").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_is_none_falls_back_and_tells() {
    let road = local("/bin/false").await;
    assert_eq!(run(&road, "echo a").await.unwrap().rc, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_reaches_a_port() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
    });
    let road = local("/bin/sh").await;
    let mut stream = road.tunnel("127.0.0.1", port).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_commands_are_ended_too() {
    let road = local("/bin/sh").await;
    let mark = support::marker();
    let command = Command { way: Way::Raw, ..Command::new(format!("sleep {mark}; sleep {mark}")) };
    let _ = tokio::time::timeout(Duration::from_millis(400), road.exec(&command)).await.unwrap_err();
    support::until_sleepers(&mark, 0).await;
}
