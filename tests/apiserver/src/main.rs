//! `muster-apiserver`: the double as a program, for labs and for trying things out. It prints the kubeconfig it serves and runs
//! until it is ended. Arguments: `--listen ADDRESS`, `--objects FILE|DIRECTORY`, `--exec PROGRAM`, `--empty`, `--nodes CP,WORKERS`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use muster_apiserver::{Cluster, Double, Execution, Trouble};

struct Arguments {
    listen: SocketAddr,
    objects: Vec<PathBuf>,
    exec: Vec<String>,
    empty: bool,
    nodes: (usize, usize),
    kubeconfig: Option<PathBuf>,
}

const USAGE: &str = "usage: muster-apiserver [--listen ADDRESS] [--kubeconfig FILE] [--objects FILE|DIRECTORY]... [--empty] \
    [--nodes CONTROL_PLANES,WORKERS] [--exec PROGRAM [ARGUMENT]...]";

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        objects: Vec::new(),
        exec: Vec::new(),
        empty: false,
        nodes: (3, 2),
        kubeconfig: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
        match argument.as_str() {
            "--listen" => {
                let value = value()?;
                found.listen = value.parse().map_err(|error| format!("--listen {value}: {error}"))?;
            }
            "--objects" => found.objects.push(value()?.into()),
            "--kubeconfig" => found.kubeconfig = Some(value()?.into()),
            "--nodes" => {
                let value = value()?;
                let parsed = value
                    .split_once(',')
                    .and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
                found.nodes =
                    parsed.ok_or_else(|| format!("--nodes {value}: two numbers as in 3,2\n{USAGE}"))?;
            }
            "--empty" => found.empty = true,
            "--exec" => {
                found.exec = given.collect();
                break;
            }
            other => return Err(format!("{other} is not known\n{USAGE}")),
        }
    }
    Ok(found)
}

async fn run(arguments: Arguments) -> Result<(), Trouble> {
    let mut cluster =
        if arguments.empty { Cluster::empty() } else { Cluster::of(arguments.nodes.0, arguments.nodes.1) };
    for path in &arguments.objects {
        cluster = cluster.load(path)?;
    }
    let double = Double::start_at(cluster, arguments.listen).await?;
    if !arguments.exec.is_empty() {
        double.set_execution(Execution::Program(arguments.exec));
    }
    let mut shown = double.kubeconfig();
    if let Some(path) = arguments.kubeconfig {
        std::fs::copy(&shown, &path)?;
        shown = path;
    }
    println!("{}\nKUBECONFIG={}", double.url(), shown.display());
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let ran = match arguments() {
        Ok(arguments) => run(arguments).await.map_err(|trouble| trouble.to_string()),
        Err(message) => Err(message),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("muster-apiserver: {message}");
            ExitCode::FAILURE
        }
    }
}
