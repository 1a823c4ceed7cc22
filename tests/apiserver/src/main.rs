//! `muster-apiserver`: the double as a program, for labs and for trying things out. It prints the kubeconfig it serves and runs
//! until it is ended; what it is given is in [`USAGE`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use muster_apiserver::{Authority, Cluster, Double, Execution, Listening, Trouble, balance};

const USAGE: &str = "usage: muster-apiserver [OPTION]... [--exec PROGRAM [ARGUMENT]...]
  --listen ADDRESS            where (a free port of 127.0.0.1)
  --kubeconfig FILE           writes an administrator's kubeconfig
  --objects FILE|DIRECTORY    objects to begin with
  --nodes CONTROL_PLANES,WORKERS   how many nodes to begin with (3,2)
  --empty                     begins without nodes and without what kubeadm makes
  --hosts SECONDS             begins with what kubeadm makes; nodes register, and are lost after so many silent seconds
  --state FILE                goes on from it where it is there, and writes it when it ends
  --ca FILE --ca-key FILE     signs with this CA
  --name NAME                 one more name or address of the server
  --balance ADDRESS=BACKEND,...    balances an address over those that answer /readyz
  --exec PROGRAM ARGUMENT...  runs commands of exec, after namespace, pod, node and container; prints logs when there is no command";

struct Arguments {
    listen: SocketAddr,
    objects: Vec<PathBuf>,
    exec: Vec<String>,
    begin: Begin,
    kubeconfig: Option<PathBuf>,
    state: Option<PathBuf>,
    authority: (Option<PathBuf>, Option<PathBuf>),
    names: Vec<String>,
    balance: Option<(SocketAddr, Vec<SocketAddr>)>,
}

enum Begin {
    Empty,
    Nodes(usize, usize),
    Hosts(Duration),
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        objects: Vec::new(),
        exec: Vec::new(),
        begin: Begin::Nodes(3, 2),
        kubeconfig: None,
        state: None,
        authority: (None, None),
        names: Vec::new(),
        balance: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
        match argument.as_str() {
            "--listen" => found.listen = parsed(&argument, &value()?)?,
            "--objects" => found.objects.push(value()?.into()),
            "--kubeconfig" => found.kubeconfig = Some(value()?.into()),
            "--state" => found.state = Some(value()?.into()),
            "--ca" => found.authority.0 = Some(value()?.into()),
            "--ca-key" => found.authority.1 = Some(value()?.into()),
            "--name" => found.names.push(value()?),
            "--hosts" => found.begin = Begin::Hosts(Duration::from_secs(parsed(&argument, &value()?)?)),
            "--balance" => {
                let value = value()?;
                let (at, backends) = value
                    .split_once('=')
                    .ok_or_else(|| format!("--balance {value}: ADDRESS=BACKEND,...\n{USAGE}"))?;
                let backends = backends.split(',').map(|backend| parsed(&argument, backend));
                found.balance = Some((parsed(&argument, at)?, backends.collect::<Result<_, _>>()?));
            }
            "--nodes" => {
                let value = value()?;
                let numbers = value
                    .split_once(',')
                    .and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
                let (control_planes, workers) =
                    numbers.ok_or_else(|| format!("--nodes {value}: two numbers as in 3,2\n{USAGE}"))?;
                found.begin = Begin::Nodes(control_planes, workers);
            }
            "--empty" => found.begin = Begin::Empty,
            "--exec" => {
                found.exec = given.collect();
                break;
            }
            other => return Err(format!("{other} is not known\n{USAGE}")),
        }
    }
    Ok(found)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{option} {value}: {error}"))
}

fn read(path: &Path) -> Result<String, Trouble> {
    std::fs::read_to_string(path).map_err(|error| Trouble::new(&path.display().to_string(), error))
}

fn authority(files: &(Option<PathBuf>, Option<PathBuf>)) -> Result<Option<Authority>, Trouble> {
    match files {
        (Some(certificate), Some(key)) => Authority::known(&read(certificate)?, &read(key)?).map(Some),
        (None, None) => Ok(None),
        _ => Err(Trouble::new("--ca and --ca-key", "one is of no use without the other")),
    }
}

fn cluster(arguments: &Arguments) -> Result<Cluster, Trouble> {
    let mut cluster = match arguments.begin {
        Begin::Empty => Cluster::empty(),
        Begin::Nodes(control_planes, workers) => Cluster::of(control_planes, workers),
        Begin::Hosts(grace) => Cluster::awaiting_hosts(grace),
    };
    match arguments.state.as_deref().filter(|state| state.exists()) {
        Some(state) => {
            cluster.objects.clear();
            cluster.load(state)
        }
        None => {
            for path in &arguments.objects {
                cluster = cluster.load(path)?;
            }
            Ok(cluster)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Trouble> {
    let listening = Listening {
        address: arguments.listen,
        authority: authority(&arguments.authority)?.map(std::sync::Arc::new),
        names: arguments.names.clone(),
    };
    let double = Double::start_at(cluster(&arguments)?, listening).await?;
    if !arguments.exec.is_empty() {
        double.set_execution(Execution::Program(arguments.exec));
    }
    let mut shown = double.kubeconfig();
    if let Some(path) = arguments.kubeconfig {
        std::fs::copy(&shown, &path)?;
        shown = path;
    }
    println!("{}\nKUBECONFIG={}", double.url(), shown.display());
    let balancing = async {
        match arguments.balance {
            Some((at, backends)) => balance(at, backends, double.issuer()).await,
            None => std::future::pending().await,
        }
    };
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        ended = tokio::signal::ctrl_c() => ended?,
        failed = balancing => failed?,
    }
    if let Some(state) = arguments.state {
        std::fs::write(state, double.saved().to_string())?;
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
