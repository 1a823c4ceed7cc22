//! The log of a container: text that a test gave with the pod. Without any it is the error of a kubelet that is not reached,
//! for there is none behind this server.

use std::sync::Arc;

use axum::body::Body;
use hyper::Response;
use serde_json::json;

use super::exec::{container, host, unreachable};
use crate::answer::respond;
use crate::double::Inner;
use crate::object::{name, namespace, text};
use crate::read::get;
use crate::resource::Resource;
use crate::serve::Asked;
use crate::status::{Cause, Failure};
use crate::target::Target;

/// Answers a request for a log.
pub fn answer(
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
        return Ok(respond(204, "text/plain", ""));
    }
    let previous = query.is_true("previous");
    let key =
        format!("{}/{}/{container}{}", namespace(&pod), name(&pod), if previous { "/previous" } else { "" });
    let Some(log) = inner.log(&key) else {
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
