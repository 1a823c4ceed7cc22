//! What an action plugin asks for while it runs: variables, commands and files on its host, modules. A request comes in,
//! an answer goes out; what cannot be done is an answer, too, which the plugin meets as one of Ansible's errors.

use super::work;
use crate::command::words::quote;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_engine::connection::{
    Command, Completed, Connection, ConnectionError, Escalation, Method, Secret,
};
use muster_engine::module::{Context, Failure, Reason};
use muster_engine::template::answer_guest;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The most of a file that is fetched, and of what a command prints.
const MOST: usize = 1 << 30;

/// Why a request is not met.
pub(super) enum Refusal {
    /// The host cannot be reached.
    Unreachable(String),
    /// A file is not there.
    Missing(String),
    /// Anything else.
    Refused(String),
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Self {
        match error.is_unreachable() {
            true => Self::Unreachable(error.to_string()),
            false => Self::Refused(error.to_string()),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure.reason {
            Reason::Unreachable => Self::Unreachable(failure.message().to_string()),
            _ => Self::Refused(failure.message().to_string()),
        }
    }
}

/// The answer to a request.
pub(super) async fn to(asked: &Json, cx: &Context) -> Json {
    let answer = match text(asked, "want") {
        "exec" => exec(asked, cx).await,
        "put" => put(asked, cx).await,
        "fetch" => fetch(asked, cx).await,
        "module" => work::module(asked, cx).await,
        "action" => work::action(asked, cx).await,
        "has" => Ok(json!({"has": work::built_in(text(asked, "name"), cx).is_some()})),
        "decrypt" => decrypt(asked, cx),
        "say" => {
            text(asked, "line").lines().for_each(|line| cx.live.line(line));
            Ok(json!({}))
        }
        "warn" => {
            cx.live.warn(text(asked, "text"));
            Ok(json!({}))
        }
        "reset" => {
            if !is_here(asked) {
                cx.road.reset();
            }
            Ok(json!({}))
        }
        _ => Ok(answer_guest(&cx.scope, asked)),
    };
    answer.unwrap_or_else(|refusal| match refusal {
        Refusal::Unreachable(why) => json!({"unreachable": why}),
        Refusal::Missing(why) => json!({"missing": why}),
        Refusal::Refused(why) => json!({"refused": why}),
    })
}

/// The text under a key of a request.
pub(super) fn text<'a>(asked: &'a Json, key: &str) -> &'a str {
    asked.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Whether a request is for this machine rather than for the task's host.
pub(super) fn is_here(asked: &Json) -> bool {
    text(asked, "road") == "here"
}

async fn road(asked: &Json, cx: &Context) -> Result<Arc<dyn Connection>, ConnectionError> {
    match is_here(asked) {
        true => cx.road.local().await,
        false => cx.road.open().await,
    }
}

/// As whom a request is to be met.
pub(super) fn escalation(asked: &Json, cx: &Context) -> Result<Option<Escalation>, Refusal> {
    let told = match asked.get("escalation") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(_)) => return Ok(cx.escalation.clone()),
        Some(told) => told,
    };
    let word = |key: &str| told.get(key).and_then(Json::as_str).map(str::to_string);
    let method = text(told, "method");
    let unknown =
        || Refusal::Refused(format!("The become plugin '{method}' cannot be used by an action plugin."));
    let password = word("become_pass").map(Secret::new);
    Ok(Some(Escalation {
        method: Method::named(method).ok_or_else(unknown)?,
        user: word("become_user").unwrap_or_else(|| "root".into()),
        password: password.or_else(|| cx.escalation.as_ref()?.password.clone()),
        flags: word("become_flags"),
        exe: word("become_exe"),
    }))
}

async fn exec(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let script = text(asked, "script");
    let cwd = Some(text(asked, "cwd")).filter(|cwd| !cwd.is_empty());
    let script =
        cwd.map_or_else(|| script.to_string(), |cwd| format!("cd {} && {{\n{script}\n}}", quote(cwd)));
    let command = Command {
        stdin: asked
            .get("stdin")
            .and_then(Json::as_str)
            .map(|data| STANDARD.decode(data).unwrap_or_default().into()),
        escalation: escalation(asked, cx)?,
        timeout: cx.timeout,
        cap: Some(MOST),
        ..Command::new(script)
    };
    let Completed { rc, stdout, stderr, .. } = road(asked, cx).await?.exec(&command).await?;
    Ok(json!({"rc": rc, "stdout": STANDARD.encode(stdout), "stderr": STANDARD.encode(stderr)}))
}

async fn put(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let (here, there) = (text(asked, "here"), text(asked, "there"));
    let bytes = tokio::fs::read(here)
        .await
        .map_err(|error| Refusal::Missing(format!("file or module does not exist: {here}: {error}")))?;
    let command = Command { timeout: cx.timeout, ..Command::new(format!("cat > {}", quote(there))) };
    let done = road(asked, cx).await?.exec(&command.stdin(bytes)).await?;
    match done.succeeded() {
        true => Ok(json!({})),
        false => {
            Err(Refusal::Refused(format!("failed to transfer file to {there}:\n\n{}", done.err().trim())))
        }
    }
}

async fn fetch(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let (here, there) = (text(asked, "here"), text(asked, "there"));
    let script = format!("cat < {}", quote(there));
    let command = Command { timeout: cx.timeout, cap: Some(MOST), ..Command::new(script) };
    let done = road(asked, cx).await?.exec(&command).await?;
    if !done.succeeded() {
        return Err(Refusal::Refused(format!(
            "failed to transfer file from {there}:\n\n{}",
            done.err().trim()
        )));
    }
    if done.truncated > 0 {
        return Err(Refusal::Refused(format!("{there} is larger than {MOST} bytes")));
    }
    let wrote = tokio::fs::write(here, done.stdout).await;
    wrote.map(|()| json!({})).map_err(|error| Refusal::Refused(format!("could not write {here}: {error}")))
}

fn decrypt(asked: &Json, cx: &Context) -> Result<Json, Refusal> {
    let opened = cx.scope.around().secrets.decrypt_bytes(text(asked, "text"));
    let content = opened.map_err(|error| Refusal::Refused(error.to_string()))?;
    Ok(json!({"content": STANDARD.encode(content)}))
}
