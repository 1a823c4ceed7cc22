//! Answers from a table: the first row that matches counts, and everything asked is kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use muster_connections::{Answer, Scripted};
use muster_engine::connection::{Command, ConnectionError, Connector, Target, Trouble};
use std::time::{Duration, Instant};

fn target(host: &str) -> Target {
    Target { host: host.into(), ..support::target("scripted") }
}

#[tokio::test]
async fn the_first_row_that_matches_answers() {
    let table = Scripted::default()
        .answer("down*", "", Answer::Unreachable("no route".into()))
        .and_then(|table| table.answer("web*", "^hostname$", Answer::out("web\n")))
        .and_then(|table| table.answer("*", "^hostname$", Answer::out("other\n")))
        .and_then(|table| table.answer("*", "false|fail", Answer::failed(3, "no\n")))
        .and_then(|table| {
            table.answer("*", "lost", Answer::Error(ConnectionError::new(Trouble::Lost, "gone")))
        })
        .unwrap();
    let error = table.connect(&target("down1")).await.err().unwrap();
    assert_eq!((error.trouble, error.message.as_str()), (Trouble::Unreachable, "no route"));
    let web = table.connect(&target("web1")).await.unwrap();
    let db = table.connect(&target("db")).await.unwrap();
    assert_eq!(web.exec(&Command::new("hostname")).await.unwrap().out(), "web\n");
    assert_eq!(db.exec(&Command::new("hostname")).await.unwrap().out(), "other\n");
    assert_eq!(db.exec(&Command::new("fail")).await.unwrap().rc, 3);
    assert_eq!(db.exec(&Command::new("lost")).await.unwrap_err().trouble, Trouble::Lost);
    let error = db.exec(&Command::new("what else")).await.unwrap_err();
    assert!(error.message.contains("what else"), "{error}");
    let asked: Vec<_> =
        table.asked().into_iter().map(|asked| (asked.host.to_string(), asked.command.script)).collect();
    assert_eq!(asked[0], ("web1".to_owned(), "hostname".to_owned()));
    assert_eq!(asked.len(), 5);
    assert!(Scripted::default().answer("*", "(", Answer::out("")).is_err());
}

#[tokio::test]
async fn answers_take_their_time() {
    let table =
        Scripted::default().answer("*", "x", Answer::out("")).unwrap().latency(Duration::from_millis(50));
    let road = table.connect(&target("h")).await.unwrap();
    let since = Instant::now();
    road.exec(&Command::new("x")).await.unwrap();
    assert!(since.elapsed() >= Duration::from_millis(50));
    let hasty = Command { timeout: Some(Duration::from_millis(5)), ..Command::new("x") };
    assert_eq!(road.exec(&hasty).await.unwrap_err().trouble, Trouble::TimedOut);
}
