//! `kubernetes.core.k8s_exec`: a command in a container of a pod. Its exit code is the task's, as `command` has it; in check mode
//! nothing is run.

use super::asks::Asks;
use super::cluster::Cluster;
use super::command::{CONTAINER, Container, Input, Inside, containers};
use super::way;
use crate::command::{lines, words};
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;

/// `kubernetes.core.k8s_exec`.
pub(crate) struct K8sExec;

/// What a task gives to [`K8sExec`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    #[serde(flatten)]
    inside: Inside,
    command: String,
}

const OWN: [Opt; 1] = [Opt::new(
    "command",
    Kind::Str,
    "The words of the command, quoted as for a shell. There is no shell unless it is one of them: `sh -c '...'`.",
)
.required()];

impl Asks for K8sExec {
    const NAME: &'static str = "kubernetes.core.k8s_exec";
    const SPEC: Spec = Spec::new("Runs a command in a container of a pod.", options![CONTAINER, OWN, way::OPTIONS]).examples(
        "- name: which databases are there\n  k8s_exec:\n    namespace: shop\n    pod: db-0\n    command: psql -U postgres -l\n  register: databases\n",
    );
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let inside = &args.inside;
        let argv = words::split(&args.command).map_err(Failure::new)?;
        if argv.is_empty() {
            return Err(Failure::new("no command given"));
        }
        if cx.check_mode {
            let message = "Command would have run if not in check mode";
            return Ok(Output::new(false).with("skipped", true).with("msg", message));
        }
        let mut container = inside.container.clone();
        if container.is_none() {
            // Where the pod is not there, the server says it better.
            let known = containers(cluster, &inside.namespace, &inside.pod).await.unwrap_or_default();
            container = known.into_iter().next().map(|(name, _)| name);
        }
        let place = Container { namespace: &inside.namespace, pod: &inside.pod, name: container.as_deref() };
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let ended = place
            .run(cluster, &argv, Input::Nothing)
            .await
            .map_err(|refusal| refusal.failing(&format!("Failed to execute on pod {} due to", inside.pod)))?;
        let (out, err) = (ended.out(), ended.err());
        let output = Output::new(true)
            .with("stdout_lines", lines(&out))
            .with("stderr_lines", lines(&err))
            .with("stdout", out)
            .with("stderr", err)
            .with("rc", ended.rc)
            .with("return_code", ended.rc);
        match ended.rc {
            0 => Ok(output),
            _ => {
                let failure = Failure::new("non-zero return code");
                Err(output
                    .result
                    .into_iter()
                    .fold(failure, |failure, (key, value)| failure.with(&key, value)))
            }
        }
    }
}
