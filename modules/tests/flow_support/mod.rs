//! What a module needs to run in a test: a connection to this machine, a road to it, and names for a scope. A case is
//! JSON with arguments, variables and files; `$TMP` in it is a directory of its own.

use futures_util::future::BoxFuture;
use muster_engine::connection::{Command, Completed, Connection, ConnectionError, Stream, Target, Trouble};
use muster_engine::diagnostic::Diagnostics;
use muster_engine::module::{AnyModule, Context, Failure, Kind, Live, Map, Nobodys, Opens, Output};
use muster_engine::node::{self, Limits, Node};
use muster_engine::source::Sources;
use muster_engine::template::{Names, Scope, Surroundings, Variable};
use serde_json::Value as Json;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// This machine, each command in a shell of its own.
pub struct Here(pub PathBuf);

impl Connection for Here {
    fn exec<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Completed, ConnectionError>> {
        Box::pin(async move {
            let error = |e: std::io::Error| ConnectionError::new(Trouble::Unreachable, e.to_string());
            let mut child = tokio::process::Command::new("/bin/sh")
                .arg("-c")
                .arg(&command.script)
                .envs(command.environment.iter().map(|(k, v)| (k, v)))
                .current_dir(&self.0)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .map_err(error)?;
            let mut input = child.stdin.take().unwrap();
            let bytes = command.stdin.clone();
            let feed = tokio::spawn(async move {
                if let Some(bytes) = bytes {
                    let _ = input.write_all(&bytes).await;
                }
            });
            let output = child.wait_with_output().await.map_err(error)?;
            let _ = feed.await;
            let signal = output.status.signal();
            Ok(Completed {
                rc: output.status.code().or(signal.map(|number| 128 + number)).unwrap_or(-1),
                signal: signal.map(|number| number.to_string()),
                stdout: output.stdout,
                stderr: output.stderr,
                ..Completed::default()
            })
        })
    }

    fn tunnel<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectionError>> {
        Box::pin(async move {
            match tokio::net::TcpStream::connect((host, port)).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(ConnectionError::new(Trouble::Unreachable, error.to_string())),
            }
        })
    }

    fn is_open(&self) -> bool {
        true
    }
}

/// The road to this machine.
pub struct Road {
    pub target: Target,
    pub dir: PathBuf,
}

impl Road {
    pub fn new(dir: &Path) -> Self {
        let target = Target { address: "127.0.0.1".into(), ..Target::local("here") };
        Self { target, dir: dir.to_path_buf() }
    }
}

impl Opens for Road {
    fn target(&self) -> &Target {
        &self.target
    }

    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        Box::pin(async { Ok(Arc::new(Here(self.dir.clone())) as Arc<dyn Connection>) })
    }

    fn reset(&self) {}

    fn local(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        self.open()
    }
}

/// Variables as a person wrote them.
#[derive(Debug)]
struct Written(Node);

impl Names for Written {
    fn get(&self, name: &str) -> Option<Variable> {
        self.0.as_map()?.get(name).cloned().map(Variable::Written)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0
            .as_map()
            .into_iter()
            .flat_map(|m| m.iter())
            .filter_map(|(k, _)| k.as_str().map(Into::into))
            .collect()
    }
}

/// JSON as the node a person would have written.
pub fn node(value: &Json) -> Node {
    let sources = Sources::default();
    let source = sources.add("case.json", value.to_string());
    let mut documents =
        node::parse(&sources, source, Limits::default(), &mut Diagnostics::default()).unwrap();
    documents.remove(0)
}

/// A context on this machine with these arguments and variables.
pub fn context(dir: &Path, args: &Json, vars: &Json) -> Context {
    let around = Surroundings { search: Arc::from([dir.to_path_buf()]), ..Surroundings::default() };
    Context {
        host: "here".into(),
        road: Arc::new(Road::new(dir)),
        escalation: None,
        environment: vec![],
        timeout: None,
        check_mode: false,
        diff: false,
        no_log: false,
        verbosity: 0,
        invocation: false,
        scope: Scope::new(Arc::new(Written(node(vars))), around.clone()),
        there: Scope::new(Arc::new(Written(node(vars))), around),
        written: node(args),
        module_defaults: vec![],
        playbook_dir: dir.to_path_buf(),
        jobs: Arc::default(),
        live: Live::default(),
        errand: Arc::new(Nobodys),
    }
}

/// Renders arguments as a run does (all but expressions) and runs the module.
pub async fn run(module: &dyn AnyModule, args: &Json, cx: &Context) -> Result<Output, Failure> {
    let mut rendered = Map::new();
    for (name, value) in args.as_object().into_iter().flatten() {
        let raw = module.spec().option(name).is_some_and(|option| option.kind == Kind::Expr);
        let value = match raw {
            true => value.clone(),
            false => serde_json::to_value(cx.scope.render(&node(value))?).unwrap(),
        };
        rendered.insert(name.clone(), value);
    }
    module.run(rendered, cx).await
}
