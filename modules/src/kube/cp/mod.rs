//! `kubernetes.core.k8s_cp`: files and directories into a container and out of it. They go as one archive where the container has
//! `tar`, else file by file through its shell; a container with neither is said to have neither. What is local is where the
//! task runs. What is on its way is on this machine's disk, not in memory. In check mode nothing is copied.

mod archive;
mod from;
mod spool;
mod to;

use super::asks::Asks;
use super::cluster::Cluster;
use super::command::{CONTAINER, Container, Ended, Input, Inside, containers};
use super::request::Refusal;
use super::way;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use std::fs::File;
use std::io::Seek as _;

/// `kubernetes.core.k8s_cp`.
pub(crate) struct K8sCp;

/// What a task gives to [`K8sCp`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    inside: Inside,
    remote_path: String,
    local_path: Option<String>,
    content: Option<String>,
    state: String,
    no_preserve: bool,
}

const OWN: [Opt; 5] = [
    Opt::new("remote_path", Kind::Path, "The file or directory in the container.").required(),
    Opt::new("local_path", Kind::Path, "The file or directory where the task runs."),
    Opt::new("content", Kind::Str, "What a file in the container shall hold, instead of `local_path`."),
    Opt::new("state", Kind::Str, "Which way it goes.").choices(&["to_pod", "from_pod"]).default("to_pod"),
    Opt::new("no_preserve", Kind::Bool, "Whether owners and modes are the container's own.").default("false"),
];

impl Asks for K8sCp {
    const NAME: &'static str = "kubernetes.core.k8s_cp";
    const SPEC: Spec = Spec::new("Copies files into a container, or out of it.", options![CONTAINER, OWN, way::OPTIONS])
        .exclusive(&[&["local_path", "content"]])
        .required_if(&[("state", "from_pod", &["local_path"])])
        .one_of(&[&["local_path", "content"]])
        .examples("- name: the dump is here\n  k8s_cp:\n    namespace: shop\n    pod: db-0\n    state: from_pod\n    remote_path: /var/lib/dump.sql\n    local_path: /tmp/dump.sql\n");
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let Inside { namespace, pod, container } = &args.inside;
        let known = containers(cluster, namespace, pod).await?;
        let name = match container {
            None if known.len() > 1 => {
                return Err(Failure::new(
                    "Pod contains more than 1 container, option 'container' should be set",
                ));
            }
            None => known.first().map(|(name, _)| name.clone()),
            Some(name) => match known.iter().find(|(known, _)| known == name) {
                None => return Err(Failure::new(format!("Pod has no container {name}"))),
                Some((_, false)) => return Err(Failure::new(format!("Pod container {name} is not started"))),
                Some(_) => Some(name.clone()),
            },
        };
        let copying = Copying { cluster, container: Container { namespace, pod, name: name.as_deref() } };
        match args.state.as_str() {
            "from_pod" => from::copy(args, &copying, cx).await,
            _ => to::copy(args, &copying, cx).await,
        }
    }
}

/// A container that files are copied with.
struct Copying<'a> {
    cluster: &'a Cluster,
    container: Container<'a>,
}

impl Copying<'_> {
    async fn run(&self, words: &[&str], input: Input<'_>) -> Result<Ended, Failure> {
        self.container.run(self.cluster, words, input).await.map_err(|refusal| self.failed(words, refusal))
    }

    fn failed(&self, words: &[&str], refusal: Refusal) -> Failure {
        let Container { namespace, pod, .. } = self.container;
        let command = words.join(" ");
        refusal
            .failing(&format!("Error while running/parsing from pod {namespace}/{pod} command='{command}'"))
    }

    /// Runs a command and keeps what it prints in a file.
    async fn kept(&self, words: &[&str]) -> Result<(Ended, File), Failure> {
        let mut file = spool::empty()?;
        let mut sink = spool::reader(&file, 0).await?;
        let ended = self.container.run_into(self.cluster, words, Input::Nothing, &mut sink).await;
        let ended = ended.map_err(|refusal| self.failed(words, refusal))?;
        file.rewind().map_err(spool::full)?;
        Ok((ended, file))
    }

    /// Whether a command can be run and says yes. A program that is not there says no.
    async fn says(&self, words: &[&str]) -> Result<bool, Failure> {
        match self.container.run(self.cluster, words, Input::Nothing).await {
            Ok(ended) => Ok(ended.rc == 0),
            Err(refusal) if is_missing(&refusal.message) => Ok(false),
            Err(refusal) => Err(refusal.failing("Failed to copy object due to")),
        }
    }

    /// Whether a program is there.
    async fn has(&self, program: &[&str]) -> Result<bool, Failure> {
        self.says(program).await
    }

    fn nothing_to_copy_with(&self) -> Failure {
        let Container { namespace, pod, .. } = self.container;
        Failure::new(format!(
            "the container of pod {namespace}/{pod} has neither `tar` nor `sh`: nothing can be copied into it or out of it. Add a debug container (`kubectl debug`), or mount a volume"
        ))
    }
}

/// Whether a runtime says that a program is not in the container.
fn is_missing(message: &str) -> bool {
    ["executable file not found", "no such file or directory", "not found in $PATH"]
        .iter()
        .any(|text| message.contains(text))
}
