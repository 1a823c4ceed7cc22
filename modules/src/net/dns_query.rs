//! `dns_query`: whether DNS servers answer, asked over TCP from where the task runs (through a host's own connection, so that servers
//! which only the cluster reaches can be asked). It only reads; who does not answer, and with what, goes out.

use futures_util::future::join_all;
use muster_engine::connection::Connection;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// `dns_query`.
pub struct DnsQuery;

/// What a task gives to [`DnsQuery`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    servers: Vec<String>,
    port: u16,
    timeout: f64,
}

impl Module for DnsQuery {
    const NAME: &'static str = "dns_query";
    const SPEC: Spec = Spec::new(
        "Asks DNS servers for the addresses of a name, over TCP, from where the task runs.",
        &[
            Opt::new("name", Kind::Str, "The name that is asked for.").required(),
            Opt::new("servers", Kind::List, "Addresses of the servers; each is asked.").elements(Kind::Str).required(),
            Opt::new("port", Kind::Int, "Their port.").default("53"),
            Opt::new("timeout", Kind::Float, "Seconds one may take.").default("5"),
        ],
    )
    .examples("- dns_query:\n    name: kubernetes.default.svc.cluster.local\n    servers: [10.96.0.10]\n  register: dns\n  failed_when: dns.silent | length > 0\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let query = question(&args.name)
            .ok_or_else(|| Failure::new(format!("name: `{}` is no name of DNS", args.name)))?;
        let road = cx.connection().await.map_err(Failure::from)?;
        let patience = Duration::from_secs_f64(args.timeout.clamp(0.1, 3600.0));
        let (road, query) = (&*road, query.as_slice());
        let asked = args.servers.iter().map(|server| async move {
            let answer = tokio::time::timeout(patience, ask(road, server, args.port, query)).await;
            match answer {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer in {} s", args.timeout)),
            }
        });
        let answers = join_all(asked).await;
        let told = |(server, answer): (&String, &Result<u16, String>)| match answer {
            Ok(count) => json!({"server": server, "answers": count, "error": null}),
            Err(why) => json!({"server": server, "answers": 0, "error": why}),
        };
        let servers: Json = args.servers.iter().zip(&answers).map(told).collect();
        let silent = args
            .servers
            .iter()
            .zip(&answers)
            .filter_map(|(server, answer)| Some(format!("{server}: {}", answer.as_ref().err()?)));
        Ok(Check::Done(
            Output::new(false)
                .with("silent", silent.map(Json::from).collect::<Json>())
                .with("servers", servers),
        ))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// A query for the addresses of a name; nothing where it is no name.
fn question(name: &str) -> Option<Vec<u8>> {
    // An id, "recursion desired", one question.
    let mut message = vec![0x6d, 0x75, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    let length = u16::try_from(message.len()).ok().filter(|length| *length < 272)?;
    Some([&length.to_be_bytes()[..], &message].concat())
}

/// How many answers a server has.
async fn ask(road: &dyn Connection, server: &str, port: u16, query: &[u8]) -> Result<u16, String> {
    let mut stream = road.tunnel(server, port).await.map_err(|error| error.to_string())?;
    let lost = |error: std::io::Error| format!("the connection was lost: {error}");
    stream.write_all(query).await.map_err(lost)?;
    let length = stream.read_u16().await.map_err(lost)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    counted(&answer)
}

/// The answers in a message, or what it says instead.
fn counted(message: &[u8]) -> Result<u16, String> {
    let [0x6d, 0x75, flags, code, _, _, high, low, ..] = message else {
        return Err("what came is no answer".into());
    };
    if flags & 0x80 == 0 {
        return Err("what came is no answer".into());
    }
    match code & 0x0f {
        0 => match u16::from_be_bytes([*high, *low]) {
            0 => Err("it knows the name and no address of it".into()),
            count => Ok(count),
        },
        2 => Err("SERVFAIL: it cannot ask whom it has to".into()),
        3 => Err("NXDOMAIN: it does not know the name".into()),
        5 => Err("REFUSED".into()),
        other => Err(format!("error {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_its_labels_and_a_name_that_is_none_is_refused() {
        let query = question("a.bc.").unwrap();
        assert_eq!(query[14..], [1, b'a', 2, b'b', b'c', 0, 0, 1, 0, 1]);
        assert_eq!(usize::from(u16::from_be_bytes([query[0], query[1]])), query.len() - 2);
        assert!(question("a..b").is_none() && question(&"x".repeat(64)).is_none() && question("").is_none());
    }

    #[test]
    fn an_answer_counts_and_a_refusal_is_said() {
        let message = |code: u8, count: u8| [0x6d, 0x75, 0x81, code, 0, 1, 0, count, 0, 0, 0, 0];
        assert_eq!(counted(&message(0, 2)), Ok(2));
        assert!(counted(&message(3, 0)).unwrap_err().contains("NXDOMAIN"));
        assert!(counted(&message(0, 0)).unwrap_err().contains("no address"));
        assert!(counted(b"HTTP/1.1 400").unwrap_err().contains("no answer"));
    }
}
