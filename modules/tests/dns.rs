//! `dns_query` against a real DNS server on loopback: what it knows, what it does not, whom it refuses, and a port with nobody behind
//! it, or somebody who says nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on shall fail"
)]

#[path = "../../tests/support/dnsmasq.rs"]
mod dnsmasq;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use dnsmasq::Dnsmasq;
use serde_json::{Value as Json, json};
use std::net::TcpListener;
use std::path::Path;
use support::Bench;

async fn asked(name: &str, port: u16) -> Json {
    let args = json!({"name": name, "servers": ["127.0.0.1"], "port": port, "timeout": 20});
    let result = Bench::new(Path::new("/")).run("dns_query", &args).await.unwrap().result;
    assert_eq!(result["servers"][0]["server"], "127.0.0.1");
    json!([result["servers"][0]["answers"], result["servers"][0]["error"]])
}

#[tokio::test]
async fn a_real_server_knows_some_names_and_says_of_others_why_not() {
    let server = Dnsmasq::start(
        &["127.0.0.1"],
        &[
            "--host-record=kubernetes.default.svc.corp.internal,10.96.0.1",
            "--host-record=two.corp.internal,10.96.0.2",
            "--host-record=two.corp.internal,10.96.0.3",
            "--txt-record=only-text.corp.internal,x",
            "--local=/corp.internal/",
        ],
    );
    assert_eq!(asked("kubernetes.default.svc.corp.internal", server.port).await, json!([1, null]));
    assert_eq!(asked("Two.CORP.internal.", server.port).await, json!([2, null]));
    assert_eq!(
        asked("only-text.corp.internal", server.port).await,
        json!([0, "it knows the name and no address of it"])
    );
    assert_eq!(
        asked("nobody.corp.internal", server.port).await,
        json!([0, "NXDOMAIN: it does not know the name"])
    );
    // It has nobody to ask about the rest of the world.
    assert_eq!(asked("kubernetes.example", server.port).await, json!([0, "REFUSED"]));
}

#[tokio::test]
async fn a_server_that_is_not_there_and_one_that_says_nothing_are_told_apart() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let args = json!({"name": "a.example", "servers": ["127.0.0.1"], "port": port, "timeout": 0.3});
    let result = Bench::new(Path::new("/")).run("dns_query", &args).await.unwrap().result;
    assert_eq!(result["silent"], json!(["127.0.0.1: no answer in 0.3 s"]));
    drop(silent);
    let told = asked("a.example", port).await;
    assert!(told[1].as_str().unwrap().contains("refused"), "{told}");
    let wrong = json!({"name": "a..b", "servers": ["127.0.0.1"]});
    let refused = Bench::new(Path::new("/")).run("dns_query", &wrong).await.unwrap_err();
    assert_eq!(refused.message(), "name: `a..b` is no name of DNS");
}
