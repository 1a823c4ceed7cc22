//! Commands over ssh, against a real sshd: every behaviour of a road, and what only ssh has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/behaviour.rs"]
mod behaviour;
mod support;

use muster_engine::connection::{Command, Target, Trouble, Way};
use support::run;
use support::sshd::Sshd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn commands_behave_over_ssh() {
    let sshd = Sshd::start();
    behaviour::all(&sshd.open().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_behave_over_ssh_in_bash() {
    let sshd = Sshd::start();
    let target = Target { shell: "/bin/bash".into(), ..sshd.target() };
    behaviour::all(&sshd.connect(&target).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_enough() {
    let sshd = Sshd::with("MaxSessions 1");
    let road = sshd.open().await;
    let runs: Vec<_> = (0..20)
        .map(|i| {
            let road = road.clone();
            tokio::spawn(async move {
                let way = if i % 3 == 0 { Way::Channel } else { Way::Auto };
                road.exec(&Command { way, ..Command::new(format!("echo {i}")) }).await
            })
        })
        .collect();
    for (i, handle) in runs.into_iter().enumerate() {
        assert_eq!(handle.await.unwrap().unwrap().out().trim(), i.to_string());
    }
    // Without a second session only sshd itself can end a process, and it does so for users other than root.
    let mut command = Command::new("sleep 4");
    command.timeout = Some(std::time::Duration::from_millis(300));
    assert_eq!(road.exec(&command).await.unwrap_err().trouble, Trouble::TimedOut);
    assert_eq!(run(&road, "echo next").await.unwrap().out(), "next\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_reaches_behind_the_host() {
    let sshd = Sshd::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = [0; 4];
        stream.read_exact(&mut text).await.unwrap();
        stream.write_all(&text).await.unwrap();
    });
    let road = sshd.open().await;
    let mut stream = road.tunnel("127.0.0.1", port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut text = [0; 4];
    stream.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"ping");
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = road.tunnel("127.0.0.1", closed).await.err().unwrap();
    assert_eq!(error.trouble, Trouble::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_unreachable_and_says_so() {
    let sshd = Sshd::start();
    let road = sshd.open().await;
    assert!(road.is_open());
    let parent = run(&road, "echo $PPID; ps -o ppid= -p $PPID").await.unwrap().out().into_owned();
    let mut pids = parent.split_whitespace();
    let session = pids.next().unwrap().to_owned();
    // The login shell's parent is this session's own sshd.
    let name = std::fs::read_to_string(format!("/proc/{session}/comm")).unwrap();
    let victim = if name.trim().starts_with("sshd") { session } else { pids.next().unwrap().to_owned() };
    assert_ne!(victim, sshd.pid().to_string());
    assert!(std::fs::read_to_string(format!("/proc/{victim}/comm")).unwrap().starts_with("sshd"));
    let command = Command::new(format!("kill -9 {victim}; sleep 5"));
    let error = road.exec(&command).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(!road.is_open());
    let error = run(&road, "echo a").await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_connection_closes_it() {
    let sshd = Sshd::start();
    let road = sshd.open().await;
    run(&road, "true").await.unwrap();
    drop(road);
    let since = std::time::Instant::now();
    while !sshd.log().contains("Received disconnect")
        && !sshd.log().contains("Connection closed by 127.0.0.1 port")
        || sshd.sessions() > 0
    {
        assert!(since.elapsed() < support::PATIENCE, "{}", sshd.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_command_answers_every_time() {
    let sshd = Sshd::with("ForceCommand echo forced; exit 3");
    let road = sshd.open().await;
    for _ in 0..3 {
        let done = run(&road, "echo mine").await.unwrap();
        assert_eq!((done.rc, &*done.out()), (3, "forced\n"));
    }
}
