//! A command in a container, over WebSocket, on whatever road its cluster is reached by. Words and bytes for its input come in;
//! what it printed and its exit code, which the server tells in a `Status`, go out.

use super::cluster::Cluster;
use super::object;
use super::request::{Refusal, Unanswered};
use futures_util::future::join3;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use muster_engine::module::{Failure, Kind, Opt};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A container of a pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    /// Which one; the server knows where there is only one.
    pub name: Option<&'a str>,
}

/// The options of what is about a container.
pub(crate) const CONTAINER: [Opt; 3] = [
    object::NAMESPACE.required(),
    Opt::new("pod", Kind::Str, "The pod.").required(),
    Opt::new("container", Kind::Str, "Its container; the pod's first where none is given."),
];

/// The container that a task means.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Inside {
    pub namespace: String,
    pub pod: String,
    pub container: Option<String>,
}

/// Where what a command reads comes from.
pub(crate) type Source<'a> = &'a mut (dyn AsyncRead + Send + Unpin);

/// What a command reads.
pub(crate) enum Input<'a> {
    Nothing,
    /// As much as the command itself knows to take.
    Counted(Source<'a>),
    /// All of it, to its end. Servers before 1.30 can tell a command of no end: its code is then not known.
    ToEnd(Source<'a>),
}

/// What became of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    pub rc: i32,
    /// Empty where it went elsewhere.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ended {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Container<'_> {
    /// Runs a command.
    ///
    /// # Errors
    /// The server or the kubelet refuses, or the connection ends before the command.
    pub async fn run(&self, cluster: &Cluster, words: &[&str], input: Input<'_>) -> Result<Ended, Refusal> {
        let mut stdout = vec![];
        let ended = self.run_into(cluster, words, input, &mut stdout).await?;
        Ok(Ended { stdout, ..ended })
    }

    /// Runs a command whose standard output goes elsewhere, as much of it as there is.
    ///
    /// # Errors
    /// As [`Container::run`].
    pub async fn run_into(
        &self,
        cluster: &Cluster,
        words: &[&str],
        input: Input<'_>,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Ended, Refusal> {
        let (bytes, ends) = match input {
            Input::Nothing => (None, false),
            Input::Counted(bytes) => (Some(bytes), false),
            Input::ToEnd(bytes) => (Some(bytes), true),
        };
        let (client, who) = cluster.client().await?;
        let mut wanted = AttachParams::default().stdin(bytes.is_some()).stdout(true).stderr(true).tty(false);
        if let Some(name) = self.name {
            wanted = wanted.container(name);
        }
        let pods: Api<Pod> = Api::namespaced(client, self.namespace);
        let mut process = match pods.exec(self.pod, words.iter().copied(), &wanted).await {
            Ok(process) => process,
            Err(kube::Error::Api(status)) => {
                let body = serde_json::to_value(&*status).unwrap_or_default();
                let refusal = Refusal {
                    code: Some(status.code),
                    reason: Some(status.reason.clone()).filter(|reason| !reason.is_empty()),
                    message: status.message.clone(),
                    body,
                    ..Refusal::default()
                };
                return Err(refusal.explained(&who));
            }
            Err(error) => return Err(cluster.explained(Unanswered::Unreached(Box::new(error)), &who).await),
        };
        let (stdout, stderr, stdin) = (process.stdout(), process.stderr(), process.stdin());
        let status = process.take_status();
        let feeding = async {
            let mut stdin = stdin;
            if let (Some(open), Some(bytes)) = (stdin.as_mut(), bytes) {
                // A command that needs no more of it has ended: its status says how.
                let _ = tokio::io::copy(bytes, open).await;
                let _ = open.flush().await;
            }
            // Held open until the end, unless the end is what is waited for: on servers before 1.30 to close it is to close the
            // whole connection.
            if ends {
                stdin = None;
            }
            let status = match status {
                Some(status) => status.await,
                None => None,
            };
            drop(stdin);
            status
        };
        let mut kept = vec![];
        let (status, written, _) = join3(feeding, all(stdout, sink), all(stderr, &mut kept)).await;
        let Some(status) = status else {
            return Err(Refusal {
                message:
                    "the connection ended before the command did: whether it ran to its end is not known"
                        .into(),
                ..Refusal::default()
            });
        };
        written.map_err(|error| Refusal {
            message: format!("what the command printed cannot be kept here: {error}"),
            ..Refusal::default()
        })?;
        let status = serde_json::to_value(&status).unwrap_or_default();
        let rc = code(&status).ok_or_else(|| failed(&status))?;
        Ok(Ended { rc, stdout: vec![], stderr: kept })
    }
}

/// What came until the stream ended or the connection broke, of which the status tells; fails where it cannot be kept.
async fn all(
    stream: Option<impl AsyncRead + Unpin>,
    sink: &mut (dyn AsyncWrite + Send + Unpin),
) -> std::io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut piece = vec![0; 64 << 10];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        sink.write_all(piece.get(..count).unwrap_or_default()).await?;
    }
    sink.flush().await
}

/// The exit code that a `Status` tells of; none when the command never ran.
fn code(status: &Json) -> Option<i32> {
    if status.get("status") == Some(&json!("Success")) {
        return Some(0);
    }
    let causes = status.pointer("/details/causes")?.as_array()?;
    let cause = causes.iter().find(|cause| cause.get("reason") == Some(&json!("ExitCode")))?;
    cause.get("message")?.as_str()?.parse().ok()
}

fn failed(status: &Json) -> Refusal {
    let text = |key: &str| status.get(key).and_then(Json::as_str).map(str::to_string);
    Refusal {
        code: status.get("code").and_then(Json::as_u64).and_then(|code| u16::try_from(code).ok()),
        reason: text("reason").filter(|reason| !reason.is_empty()),
        message: text("message").unwrap_or_else(|| "the command was not run".into()),
        body: status.clone(),
        ..Refusal::default()
    }
}

/// The containers of a pod by name; the one that kubectl takes where none is named comes first.
///
/// # Errors
/// The pod is not there, or the server cannot be asked.
pub(crate) async fn containers(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
) -> Result<Vec<(String, bool)>, Failure> {
    let path = super::resource::pod(namespace, pod);
    let found = cluster.get(&path).await.map_err(|refusal| {
        refusal.failing(&format!("Namespace={namespace} Kind=Pod Name={pod}: Failed requested object"))
    })?;
    let listed = |path: &str| found.pointer(path).and_then(Json::as_array).cloned().unwrap_or_default();
    let started = |name: &str| {
        let all = [listed("/status/containerStatuses"), listed("/status/initContainerStatuses")].concat();
        let status = all.into_iter().find(|one| one.get("name") == Some(&json!(name)));
        status.is_some_and(|one| {
            one.pointer("/state/running").is_some() || one.get("started") == Some(&json!(true))
        })
    };
    let names = |path: &str| {
        let all = listed(path).into_iter().filter_map(|one| Some(one.get("name")?.as_str()?.to_string()));
        all.map(|name| (name.clone(), started(&name))).collect::<Vec<_>>()
    };
    let mut all = names("/spec/containers");
    let usual = found.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container");
    if let Some(at) =
        usual.and_then(Json::as_str).and_then(|usual| all.iter().position(|(name, _)| name == usual))
    {
        let first = all.remove(at);
        all.insert(0, first);
    }
    Ok(all)
}
