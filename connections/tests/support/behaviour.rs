//! What every road must do, told once: each test of a road runs these against its own connection.

use crate::support::{PATIENCE, marker, run, sleepers, until_sleepers};
use muster_engine::connection::{Command, Connection, Trouble, Way};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub type Road = Arc<dyn Connection>;

/// Every behaviour, one after the other.
pub async fn all(road: &Road) {
    answers(road).await;
    isolation(road).await;
    input(road).await;
    caps(road).await;
    ways(road).await;
    time(road).await;
    dropped(road).await;
    spared(road).await;
    death(road).await;
    many(road).await;
}

pub async fn answers(road: &Road) {
    let done = run(road, "echo out; echo err >&2; exit 7").await.unwrap();
    assert_eq!((done.rc, &*done.out(), &*done.err()), (7, "out\n", "err\n"));
    let done = run(road, "printf 'no newline'").await.unwrap();
    assert_eq!((done.rc, &*done.out(), &*done.err()), (0, "no newline", ""));
    let done = run(road, "").await.unwrap();
    assert_eq!((done.rc, done.stdout.len(), done.stderr.len()), (0, 0, 0));
    let done = run(road, "if then").await.unwrap();
    assert_ne!(done.rc, 0);
    assert!(done.err().to_lowercase().contains("syntax"), "{}", done.err());
    for unbalanced in ["echo 'a", "echo \"a", "(", ")", "}", "cat <<X\nabc", "echo `"] {
        run(road, unbalanced).await.unwrap();
        assert_eq!(run(road, "echo fine").await.unwrap().out(), "fine\n", "after {unbalanced}");
    }
    let done = run(road, "cat <<X\n$((1+1)) it's\nX\n").await.unwrap();
    assert_eq!(done.out(), "2 it's\n");
    let done =
        run(road, "head -c 256 /dev/zero | tr '\\0' '\\377'; printf '\\036abc\\001\\000z'").await.unwrap();
    assert_eq!(done.stdout, [&[255u8; 256][..], b"\x1eabc\x01\0z"].concat());
    let text: String = ('\u{1}'..'\u{250}').filter(|c| *c != '\'' && *c != '\r').collect();
    assert_eq!(run(road, &format!("printf %s '{text}'")).await.unwrap().out(), text);
    let big = run(road, "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2").await.unwrap();
    assert_eq!((big.stdout.len(), big.stderr.len(), big.truncated), (5_000_000, 3_000_000, 0));
}

pub async fn isolation(road: &Road) {
    run(road, "cd /dev; X=1; export Y=2; umask 0; trap 'echo no' EXIT; set -e; alias ls=no").await.unwrap();
    let done = run(road, "echo $X$Y$(umask)$PWD").await.unwrap();
    assert!(!done.out().trim().ends_with("/dev") && !done.out().contains("12"), "{}", done.out());
    let mut command = Command::new("echo \"$A|$B\"; env | grep -c '^A='");
    command.environment = vec![("A".into(), "it's\n$X `x`".into()), ("B".into(), String::new())];
    assert_eq!(road.exec(&command).await.unwrap().out(), "it's\n$X `x`|\n1\n");
    assert_eq!(run(road, "echo \"$A\"").await.unwrap().out(), "\n");
    for (name, value) in [("A B", "x"), ("1A", "x"), ("A", "x\0y"), ("", "")] {
        let mut command = Command::new("true");
        command.environment = vec![(name.into(), value.into())];
        assert_eq!(road.exec(&command).await.unwrap_err().trouble, Trouble::Unsupported);
    }
    assert_eq!(run(road, "echo a\0b").await.unwrap_err().trouble, Trouble::Unsupported);
}

pub async fn input(road: &Road) {
    let done = road.exec(&Command::new("cat").stdin(&b"it's\nsmall"[..])).await.unwrap();
    assert_eq!(done.out(), "it's\nsmall");
    assert_eq!(run(road, "cat; echo $?").await.unwrap().out(), "0\n");
    let bytes: Vec<u8> = (1..=255).collect();
    let done = road.exec(&Command::new("cat; exit 3").stdin(bytes.clone())).await.unwrap();
    assert_eq!((done.rc, done.stdout), (3, bytes));
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let done = road.exec(&Command::new("cat; exit 4").stdin(bytes.clone())).await.unwrap();
    assert_eq!((done.rc, done.stdout == bytes), (4, true));
    for size in [10, 60_000, 2_000_000] {
        let unread = road.exec(&Command::new("exit 5").stdin(vec![b'x'; size])).await.unwrap();
        assert_eq!((unread.rc, &*unread.err()), (5, ""), "{size} bytes nobody reads");
    }
    let long = format!("cat; : {}; echo done", "x".repeat(300_000));
    let done = road.exec(&Command::new(long.clone()).stdin(&b"in\0"[..])).await.unwrap();
    assert_eq!((done.rc, &*done.out()), (0, "in\0done\n"));
    assert_eq!(run(road, &long).await.unwrap().out(), "done\n");
}

pub async fn caps(road: &Road) {
    for way in [Way::Auto, Way::Channel] {
        let mut command = Command::new("head -c 100000 /dev/zero; head -c 50 /dev/zero >&2; exit 2");
        (command.cap, command.way) = (Some(1000), way);
        let done = road.exec(&command).await.unwrap();
        assert_eq!((done.rc, done.stdout.len(), done.stderr.len(), done.truncated), (2, 1000, 50, 99_000));
    }
}

pub async fn ways(road: &Road) {
    let with = |script: &str, way| Command { way, ..Command::new(script) };
    for way in [Way::Channel, Way::Raw] {
        let done = road.exec(&with("echo out; echo err >&2; exit 9", way)).await.unwrap();
        assert_eq!((done.rc, &*done.out()), (9, "out\n"), "{way:?}");
        assert!(done.err().ends_with("err\n"));
    }
    let done = road.exec(&with("kill -9 $$", Way::Channel)).await.unwrap();
    assert_eq!((done.rc, done.signal.as_deref()), (137, Some("KILL")));
    let script = "test -t 0 && test -t 1 && echo terminal; echo err >&2; exit 3";
    let done = road.exec(&with(script, Way::Terminal)).await.unwrap();
    assert_eq!((done.rc, &*done.out().replace('\r', ""), &*done.err()), (3, "terminal\nerr\n", ""));
    let done =
        road.exec(&with("read a; echo \"got $a\"", Way::Terminal).stdin(&b"this\n"[..])).await.unwrap();
    assert_eq!(done.out().replace('\r', ""), "got this\n");
    let since = Instant::now();
    let mark = marker();
    let done = run(road, &format!("sleep {mark} & echo started")).await.unwrap();
    assert_eq!(done.out(), "started\n");
    assert!(since.elapsed() < PATIENCE, "a process in the background does not hold the answer");
    assert_eq!(sleepers(&mark), 1);
    run(road, &format!("pkill -f '[s]leep {mark}'")).await.unwrap();
}

pub async fn time(road: &Road) {
    let tree = |m: &str| format!("trap '' TERM; (sleep {m}; :); sleep {m} | sleep {m}; sleep {m}");
    for way in [Way::Auto, Way::Channel] {
        let mark = marker();
        let mut command = Command::new(tree(&mark));
        (command.timeout, command.way) = (Some(Duration::from_millis(400)), way);
        let since = Instant::now();
        let error = road.exec(&command).await.unwrap_err();
        assert_eq!(error.trouble, Trouble::TimedOut, "{error}");
        assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
        until_sleepers(&mark, 0).await;
        assert_eq!(run(road, "echo next").await.unwrap().out(), "next\n");
    }
    let mark = marker();
    let mut command = Command::new(format!("timeout 300 sleep {mark}"));
    command.timeout = Some(Duration::from_millis(300));
    road.exec(&command).await.unwrap_err();
    until_sleepers(&mark, 0).await;
    let mut quick = Command::new("echo quick");
    quick.timeout = Some(PATIENCE);
    assert_eq!(road.exec(&quick).await.unwrap().out(), "quick\n");
}

pub async fn dropped(road: &Road) {
    for way in [Way::Auto, Way::Channel] {
        let mark = marker();
        let command = Command { way, ..Command::new(format!("sleep {mark}; sleep {mark}")) };
        let _ = tokio::time::timeout(Duration::from_millis(400), road.exec(&command)).await.unwrap_err();
        until_sleepers(&mark, 0).await;
    }
    for _ in 0..30 {
        let _ =
            tokio::time::timeout(Duration::from_micros(300), run(road, "echo a; sleep 0.01; echo b")).await;
    }
    assert_eq!(run(road, "echo whole").await.unwrap().out(), "whole\n");
}

/// What an earlier command left running lives on when a later one is ended.
pub async fn spared(road: &Road) {
    let (kept, ended) = (marker(), marker());
    let leave = format!("sh -c 'sleep {kept} >/dev/null 2>/dev/null & '");
    run(road, &format!("eval \"$(printf '%s' {})\"", muster_quote(&leave))).await.unwrap();
    until_sleepers(&kept, 1).await;
    let mut command = Command::new(format!("sleep {ended}"));
    command.timeout = Some(Duration::from_millis(300));
    road.exec(&command).await.unwrap_err();
    until_sleepers(&ended, 0).await;
    assert_eq!(sleepers(&kept), 1);
    run(road, &format!("pkill -f '[s]leep {kept}'")).await.unwrap();
    until_sleepers(&kept, 0).await;
}

fn muster_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

pub async fn death(road: &Road) {
    let error = run(road, "echo last words >&2; kill -KILL 0").await.unwrap_err();
    assert_eq!(error.trouble, Trouble::Lost, "{error}");
    assert!(error.message.contains("last words"), "{error}");
    assert_eq!(run(road, "echo new").await.unwrap().out(), "new\n");
}

pub async fn many(road: &Road) {
    let since = Instant::now();
    let runs = (0..200).map(|i| {
        let road = Arc::clone(road);
        tokio::spawn(async move {
            run(&road, &format!("sleep 0.01; echo {i}; echo {i} >&2; exit {}", i % 100)).await
        })
    });
    for (i, handle) in runs.collect::<Vec<_>>().into_iter().enumerate() {
        let done = handle.await.unwrap().unwrap();
        assert_eq!(
            (done.rc, done.out().trim(), done.err().trim()),
            ((i % 100) as i32, &*i.to_string(), &*i.to_string())
        );
    }
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
    let channels = (0..40).map(|i| {
        let road = Arc::clone(road);
        tokio::spawn(async move {
            road.exec(&Command { way: Way::Channel, ..Command::new(format!("echo {i}")) }).await
        })
    });
    for (i, handle) in channels.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(handle.await.unwrap().unwrap().out().trim(), i.to_string());
    }
}
