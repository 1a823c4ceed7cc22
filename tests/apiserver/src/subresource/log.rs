//! The log of a container: text that a test gave with the pod, or what the program of exec prints when it is asked for no
//! command. Without either it is the error of a kubelet that is not reached, for there is none behind this server.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use hyper::Response;
use serde_json::{Value, json};
use tokio::process::Command;

use super::exec::{Execution, container, host, unreachable};
use crate::answer::respond;
use crate::double::Inner;
use crate::object::{name, namespace, text};
use crate::read::get;
use crate::resource::Resource;
use crate::serve::Asked;
use crate::status::{Cause, Failure};
use crate::target::Target;

/// Answers a request for a log.
pub async fn answer(
    inner: &Arc<Inner>,
    resource: &Resource,
    target: &Target,
    asked: &Asked,
) -> Result<Response<Body>, Failure> {
    let query = &asked.query;
    let wanted = target.name.as_deref().unwrap_or_default();
    for key in ["tailLines", "limitBytes", "sinceSeconds"] {
        let least = i64::from(key != "tailLines");
        if let Some(value) = query.number(key)?.filter(|value| *value < least) {
            let cause =
                Cause::invalid(key, &json!(value), &format!("must be greater than or equal to {least}"));
            return Err(Failure::invalid("", "PodLogOptions", wanted, &[cause]));
        }
    }
    let pod = inner.look(|store| get(store, resource, target))?;
    let container = container(&pod, query.get("container"))?;
    if text(&pod, "/spec/nodeName").is_empty() {
        let mut empty = respond(204, "text/plain", "");
        empty.headers_mut().remove("content-type");
        return Ok(empty);
    }
    let previous = query.is_true("previous");
    let key =
        format!("{}/{}/{container}{}", namespace(&pod), name(&pod), if previous { "/previous" } else { "" });
    let given = inner.log(&key);
    let log = match given {
        Some(log) => Some(log),
        None => printed(inner, &pod, &container, previous).await,
    };
    let Some(log) = log else {
        let node = host(inner, &pod)?;
        let raw = asked.parts.uri.query().filter(|query| !query.is_empty());
        let given: Vec<&str> = raw
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|part| !part.starts_with("container="))
            .collect();
        let given = if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) };
        let url = format!(
            "https://{node}:10250/containerLogs/{}/{}/{container}{given}",
            namespace(&pod),
            name(&pod)
        );
        return Err(Failure::internal(format!("Get {url:?}: {}", unreachable(&node))));
    };
    let mut lines: Vec<&str> = log.split_inclusive('\n').collect();
    if let Some(tail) = query.number("tailLines")?.and_then(|tail| usize::try_from(tail).ok()) {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut text = lines.concat();
    if let Some(limit) = query.number("limitBytes")?.and_then(|limit| usize::try_from(limit).ok()) {
        text = text.chars().take(limit).collect();
    }
    Ok(respond(200, "text/plain", text))
}

/// What the program of exec prints for a container when no command is given; none where there is no program, or it fails.
async fn printed(inner: &Arc<Inner>, pod: &Value, container: &str, previous: bool) -> Option<String> {
    let Some(Execution::Program(program)) = inner.execution() else { return None };
    let (first, rest) = program.split_first()?;
    let output = Command::new(first)
        .args(rest)
        .args([namespace(pod), name(pod), text(pod, "/spec/nodeName"), container])
        .env("PREVIOUS", if previous { "1" } else { "" })
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
