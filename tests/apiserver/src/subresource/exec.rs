//! Exec over WebSocket (`v5.channel.k8s.io`, and v4 for older clients): the command goes to what the test gave, a function or a
//! program that runs it elsewhere; without one, the kubelet is not reached, which is a Status on channel 3.

use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::double::Inner;
use crate::object::{items, name, namespace, text};
use crate::read::get;
use crate::resource::Resource;
use crate::serve::Asked;
use crate::status::Failure;
use crate::target::Target;

/// A command that a client wants run in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// The namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The node it runs on.
    pub node: String,
    /// The container.
    pub container: String,
    /// The command with its arguments.
    pub command: Vec<String>,
    /// What came on standard input, where the answer is given by a function.
    pub stdin: Vec<u8>,
}

/// What became of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// Its exit status.
    pub code: i32,
}

type Answered = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What runs the commands of exec.
#[derive(Clone)]
pub enum Execution {
    /// A function.
    Function(Arc<dyn Fn(ExecRequest) -> Answered + Send + Sync>),
    /// A program: it gets namespace, pod, node and container as arguments before the command.
    Program(Vec<String>),
}

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const CLOSE: u8 = 255;

/// The container of a request: the one that is named, or the only one.
pub fn container(pod: &Value, wanted: &str) -> Result<String, Failure> {
    let own: Vec<&str> = items(pod, "/spec/containers").map(|container| text(container, "/name")).collect();
    let lists = ["/spec/containers", "/spec/initContainers", "/spec/ephemeralContainers"];
    if !wanted.is_empty() {
        let known = lists
            .iter()
            .flat_map(|list| items(pod, list))
            .any(|container| text(container, "/name") == wanted);
        return if known {
            Ok(wanted.to_owned())
        } else {
            Err(Failure::bad_request(format!("container {wanted} is not valid for pod {}", name(pod))))
        };
    }
    match own.as_slice() {
        [one] => Ok((*one).to_owned()),
        many => {
            let default = text(pod, "/metadata/annotations/kubectl.kubernetes.io~1default-container");
            if many.contains(&default) {
                return Ok(default.to_owned());
            }
            let init: Vec<&str> =
                items(pod, "/spec/initContainers").map(|container| text(container, "/name")).collect();
            let mut message = format!(
                "a container name must be specified for pod {}, choose one of: [{}]",
                name(pod),
                many.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(Failure::bad_request(message))
        }
    }
}

/// The address of the node of a pod.
pub fn host(inner: &Arc<Inner>, pod: &Value) -> Result<String, Failure> {
    let node = text(pod, "/spec/nodeName");
    if node.is_empty() {
        return Err(Failure::bad_request(format!("pod {} does not have a host assigned", name(pod))));
    }
    let found = inner.look(|store| store.get("nodes", "", node).map(super::address));
    Ok(found.unwrap_or_else(|| text(pod, "/status/hostIP").to_owned()))
}

/// The error of a dial to a kubelet.
#[must_use]
pub fn unreachable(host: &str) -> String {
    format!("dial tcp {host}:10250: connect: no route to host")
}

/// Answers an exec.
pub async fn answer(
    inner: &Arc<Inner>,
    resource: &Resource,
    target: &Target,
    asked: Asked,
) -> Result<Response<Body>, Failure> {
    let pod = inner.look(|store| get(store, resource, target))?;
    let query = asked.query.clone();
    let host = host(inner, &pod)?;
    let container = container(&pod, query.get("container"))?;
    let upgrade = asked
        .parts
        .headers
        .get("upgrade")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_lowercase();
    if upgrade.is_empty() && asked.parts.version != http::Version::HTTP_2 {
        return Err(Failure::bad_request("Upgrade request required"));
    }
    if upgrade.starts_with("spdy") {
        return Err(Failure::internal(format!("error dialing backend: {}", unreachable(&host))));
    }
    let request = ExecRequest {
        namespace: namespace(&pod).to_owned(),
        pod: name(&pod).to_owned(),
        node: text(&pod, "/spec/nodeName").to_owned(),
        container,
        command: query.all("command").map(str::to_owned).collect(),
        stdin: Vec::new(),
    };
    let execution = inner.execution();
    let wants_input = query.is_true("stdin");
    let mut parts = asked.parts;
    let socket = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|_| Failure::bad_request("Upgrade request required"))?
        .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    let url = {
        let mut given = vec![format!("command={}", request.command.join("&command="))];
        for (flag, short) in [("stderr", "error"), ("stdin", "input"), ("stdout", "output"), ("tty", "tty")] {
            if query.is_true(flag) {
                given.push(format!("{short}=1"));
            }
        }
        format!(
            "https://{host}:10250/exec/{}/{}/{}?{}",
            request.namespace,
            request.pod,
            request.container,
            given.join("&")
        )
    };
    Ok(socket.on_upgrade(move |socket| async move {
        match execution {
            Some(execution) => run(socket, execution, request, wants_input).await,
            None => {
                let why = format!("error sending request: Post {url:?}: {}", unreachable(&host));
                let status = json!({
                    "metadata": {}, "status": "Failure", "message": format!("Internal error occurred: {why}"),
                    "reason": "InternalError", "details": {"causes": [{"message": why}]}, "code": 500,
                });
                refuse(socket, &status).await;
            }
        }
    }))
}

/// Sends frames and closes; a client that is gone is no error here.
async fn refuse(mut socket: WebSocket, status: &Value) {
    let _ = socket.send(frame(STDOUT, b"")).await;
    let _ = socket.send(frame(ERROR, status.to_string().as_bytes())).await;
    let _ = socket.send(Message::Close(Some(normal()))).await;
}

fn normal() -> axum::extract::ws::CloseFrame {
    axum::extract::ws::CloseFrame { code: 1000, reason: "".into() }
}

fn frame(channel: u8, payload: &[u8]) -> Message {
    let mut bytes = vec![channel];
    bytes.extend_from_slice(payload);
    Message::Binary(bytes.into())
}

/// The status that ends an exec: success, or the exit code as a cause.
fn ending(code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

async fn run(socket: WebSocket, execution: Execution, mut request: ExecRequest, wants_input: bool) {
    let (mut out, mut input) = socket.split();
    let (to_command, mut from_client) = mpsc::channel::<Vec<u8>>(16);
    let reading = tokio::spawn(async move {
        while let Some(Ok(message)) = input.next().await {
            let Message::Binary(bytes) = message else { continue };
            match bytes.split_first() {
                Some((0, rest)) => {
                    if to_command.send(rest.to_vec()).await.is_err() {
                        return;
                    }
                }
                // The client closes its input with channel 255 and the number of the channel.
                Some((&CLOSE, [0])) => return,
                _ => {}
            }
        }
    });
    let (to_client, mut frames) = mpsc::channel::<(u8, Vec<u8>)>(16);
    let running = tokio::spawn(async move {
        match execution {
            Execution::Function(function) => {
                while wants_input && let Some(bytes) = from_client.recv().await {
                    request.stdin.extend(bytes);
                }
                let outcome = function(request).await;
                let _ = to_client.send((STDOUT, outcome.stdout)).await;
                let _ = to_client.send((STDERR, outcome.stderr)).await;
                outcome.code
            }
            Execution::Program(program) => {
                program_run(&program, &request, from_client, wants_input, to_client).await
            }
        }
    });
    while let Some((channel, bytes)) = frames.recv().await {
        if !bytes.is_empty() && out.send(frame(channel, &bytes)).await.is_err() {
            break;
        }
    }
    let code = running.await.unwrap_or(1);
    let _ = out.send(frame(ERROR, ending(code).to_string().as_bytes())).await;
    let _ = out.send(Message::Close(Some(normal()))).await;
    reading.abort();
}

async fn program_run(
    program: &[String],
    request: &ExecRequest,
    mut from_client: mpsc::Receiver<Vec<u8>>,
    wants_input: bool,
    to_client: mpsc::Sender<(u8, Vec<u8>)>,
) -> i32 {
    let Some((first, rest)) = program.split_first() else { return 127 };
    let spawned = Command::new(first)
        .args(rest)
        .args([&request.namespace, &request.pod, &request.node, &request.container])
        .args(&request.command)
        .stdin(if wants_input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let _ = to_client.send((STDERR, format!("{first}: {error}\n").into_bytes())).await;
            return 127;
        }
    };
    let stdin = child.stdin.take();
    let feeding = tokio::spawn(async move {
        let Some(mut stdin) = stdin else { return };
        while let Some(bytes) = from_client.recv().await {
            if stdin.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let sender = to_client.clone();
    let errors = tokio::spawn(async move {
        if let Some(stream) = stderr {
            forward(stream, STDERR, &sender).await;
        }
    });
    if let Some(stream) = stdout {
        forward(stream, STDOUT, &to_client).await;
    }
    let _ = errors.await;
    let code = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(137);
    feeding.abort();
    code
}

async fn forward(
    mut stream: impl tokio::io::AsyncRead + Unpin,
    channel: u8,
    to: &mpsc::Sender<(u8, Vec<u8>)>,
) {
    let mut buffer = vec![0; 8192];
    while let Ok(read) = stream.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return };
        if to.send((channel, bytes.to_vec())).await.is_err() {
            return;
        }
    }
}
