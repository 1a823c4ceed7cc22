//! One module against this machine: arguments as JSON come in, what the module answered goes out. The shell is the
//! machine's own, or busybox with nothing but its applets on the path.

pub mod site;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use muster_connections::Local;
use muster_engine::connection::{Connection, ConnectionError, Connector, Target};
use muster_engine::module::{Context, Failure, Live, Map, Nobodys, Opens, Output, Said};
use muster_engine::node::{Kind, Node};
use muster_engine::source::{Sources, Span};
use muster_engine::template::{Names, Scope, Surroundings, Variable};
use muster_engine::vault::Secrets;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A way to this machine.
pub struct Here {
    target: Target,
}

impl Opens for Here {
    fn target(&self) -> &Target {
        &self.target
    }

    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        Local.connect(&self.target)
    }

    fn reset(&self) {}

    fn local(&self) -> BoxFuture<'_, Result<Arc<dyn Connection>, ConnectionError>> {
        self.open()
    }
}

/// Variables known from the start.
#[derive(Debug, Default)]
pub struct Vars(pub IndexMap<String, Json>);

impl Names for Vars {
    fn get(&self, name: &str) -> Option<Variable> {
        self.0.get(name).map(|value| Variable::Known(minijinja_value(value)))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.keys().map(|name| Arc::from(name.as_str())).collect()
    }
}

fn minijinja_value(value: &Json) -> muster_engine::template::Value {
    muster_engine::template::from_json(value)
}

/// How modules are run.
pub struct Bench {
    /// The directory of the playbook.
    pub playbook_dir: PathBuf,
    /// The POSIX shell.
    pub shell: String,
    /// What a module takes the connection for.
    pub kind: String,
    pub check_mode: bool,
    pub diff: bool,
    pub vars: IndexMap<String, Json>,
    /// The task's environment.
    pub environment: Vec<(String, String)>,
    /// Vault passwords.
    pub secrets: Arc<Secrets>,
    /// What modules said while they worked.
    pub said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    /// With the machine's own shell.
    pub fn new(playbook_dir: &Path) -> Self {
        Self {
            playbook_dir: playbook_dir.to_path_buf(),
            shell: "/bin/sh".into(),
            kind: "local".into(),
            check_mode: false,
            diff: false,
            vars: IndexMap::new(),
            environment: vec![],
            secrets: Arc::default(),
            said: Arc::default(),
        }
    }

    /// What a module runs in.
    pub fn context(&self) -> Context {
        let here = Target::local("testhost");
        let kind = Arc::from(self.kind.as_str());
        let target = Target { address: "testhost".into(), shell: self.shell.clone(), kind, ..here };
        let source = Sources::default().add("test", "");
        let span = Span { source, start: 0, end: 0 };
        let around = Surroundings {
            search: Arc::from([self.playbook_dir.clone()]),
            secrets: Arc::clone(&self.secrets),
            ..Surroundings::default()
        };
        Context {
            host: Arc::from("testhost"),
            road: Arc::new(Here { target }),
            escalation: None,
            environment: self.environment.clone(),
            timeout: Some(Duration::from_secs(60)),
            check_mode: self.check_mode,
            diff: self.diff,
            no_log: false,
            verbosity: 0,
            invocation: false,
            scope: Scope::new(Arc::new(Vars(self.vars.clone())), around.clone()),
            there: Scope::new(Arc::new(Vars(self.vars.clone())), around),
            written: Node { span, kind: Kind::Null },
            module_defaults: vec![],
            playbook_dir: self.playbook_dir.clone(),
            jobs: Arc::default(),
            live: self.live(),
            errand: Arc::new(Nobodys),
        }
    }

    fn live(&self) -> Live {
        let said = Arc::clone(&self.said);
        Live::new(move |line| {
            said.lock().unwrap().push(match line {
                Said::Line(line) => line,
                Said::Warning(text) => format!("WARNING: {text}"),
            });
        })
    }

    /// Runs a module.
    pub async fn run(&self, module: &str, args: &Json) -> Result<Output, Failure> {
        let args: Map = args.as_object().cloned().unwrap_or_default();
        let registry = muster_modules::builtin();
        let module =
            registry.get(module).ok_or_else(|| Failure::new(format!("no module is called {module}")))?;
        module.run(args, &self.context()).await
    }
}

/// A shell that finds nothing but busybox's applets, if there is busybox: a directory of links to it.
pub fn busybox(dir: &Path) -> Option<String> {
    let list = std::process::Command::new("busybox").arg("--list").output().ok()?;
    let program = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join("busybox"))
        .find(|p| p.exists())?;
    for applet in String::from_utf8_lossy(&list.stdout).lines() {
        std::os::unix::fs::symlink(&program, dir.join(applet)).ok()?;
    }
    let dir = dir.display();
    Some(format!("env PATH={dir} {dir}/sh"))
}
