//! How fast commands and connections are. `rate local` measures this machine; `rate HOST [ssh arguments]` a host,
//! and with it how fast connections open. Prints one line for each way.

use muster_connections::{Options, builtin};
use muster_engine::connection::{Command, Connection, ConnectionError, Target, Way};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn target(arguments: &[String]) -> Target {
    let address = arguments.first().cloned().unwrap_or_else(|| "local".to_owned());
    let kind = if address == "local" { "local" } else { "ssh" };
    Target {
        host: address.as_str().into(),
        kind: kind.into(),
        address,
        port: None,
        user: None,
        password: None,
        private_key: None,
        passphrase: None,
        arguments: arguments.get(1..).unwrap_or_default().to_vec(),
        host_key_checking: None,
        timeout: Duration::from_secs(60),
        shell: "/bin/sh".into(),
    }
}

/// Seconds of processor time of this process so far.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

async fn measure(
    name: &str,
    road: &Arc<dyn Connection>,
    command: Command,
    count: usize,
    at_once: usize,
) -> Result<(), ConnectionError> {
    let command = Arc::new(command);
    road.exec(&command).await?;
    let (start, before) = (Instant::now(), processor());
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (road, command) = (Arc::clone(road), Arc::clone(&command));
            tokio::spawn(async move {
                for _ in 0..count / at_once {
                    road.exec(&command).await?;
                }
                Ok::<_, ConnectionError>(())
            })
        })
        .collect();
    for worker in workers {
        if let Ok(result) = worker.await {
            result?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let each = 1000.0 * (processor() - before) / count as f64;
    println!(
        "{name:28} {at_once:3} at once {:8.0}/s   {each:.3} ms of our processor each",
        count as f64 / seconds
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), ConnectionError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = target(&arguments);
    let connectors = builtin(Options::default());
    let Some(connector) = connectors.iter().find(|connector| connector.name() == &*target.kind) else {
        return Ok(());
    };
    let road = connector.connect(&target).await?;
    let own = |script: &str| Command { way: Way::Channel, ..Command::new(script) };
    for at_once in [1, 6, 32] {
        measure("shell, builtin", &road, Command::new("echo out"), 12_000, at_once).await?;
    }
    for at_once in [1, 6] {
        measure(
            "shell, builtin, with input",
            &road,
            Command::new("read a").stdin(&b"in\n"[..]),
            3_000,
            at_once,
        )
        .await?;
        measure("shell, a program", &road, Command::new("/bin/true; :"), 3_000, at_once).await?;
        measure("channel of its own", &road, own("echo out"), 300, at_once).await?;
    }
    if &*target.kind == "ssh" {
        for count in [1, 100] {
            let (start, before) = (Instant::now(), processor());
            let all = (0..count).map(|_| connector.connect(&target));
            let opened = futures_util::future::join_all(all).await;
            let good = opened.iter().filter(|result| result.is_ok()).count();
            let each = 1000.0 * (processor() - before) / f64::from(count);
            let seconds = start.elapsed().as_secs_f64();
            println!("{good} of {count} connections in {seconds:.2} s, {each:.2} ms of our processor each");
        }
    }
    Ok(())
}
