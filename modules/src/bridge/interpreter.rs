//! Which program runs a module on a target: what a variable says, what was found there before, or what is found now.
//! Found as Ansible finds it: the first of a list of names that the target knows.

use super::Ways;
use muster_engine::connection::{Command, Target};
use muster_engine::module::{Context, Failure};
use muster_engine::template::to_json;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const FALLBACK: &str = "/usr/bin/python3";
const NAMES: [&str; 8] = [
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python3.9",
    "python3.8",
    "/usr/bin/python3",
    "python3",
];

/// What was found on targets.
#[derive(Default)]
pub(super) struct Discovered(Mutex<HashMap<Target, String>>);

/// How a module is started.
pub(super) struct Interpreter {
    /// The program and its words, as one text for a shell.
    pub line: String,
    /// What was found and is new to the host's facts.
    pub fact: Option<String>,
    /// What is to be said about it.
    pub warning: Option<String>,
}

impl Interpreter {
    fn known(program: &str, words: &[String]) -> Self {
        let line = std::iter::once(program).chain(words.iter().map(String::as_str)).collect::<Vec<_>>();
        Self { line: line.join(" "), fact: None, warning: None }
    }
}

impl Discovered {
    /// What runs a module whose first line has these words.
    ///
    /// # Errors
    /// A variable that says it cannot be rendered, or the target cannot be reached.
    pub(super) async fn interpreter(
        &self,
        words: &[String],
        ways: &Ways,
        cx: &Context,
    ) -> Result<Interpreter, Failure> {
        let Some((program, words)) = words.split_first() else {
            return Err(Failure::new("the first line names no interpreter"));
        };
        let name = program.rsplit('/').next().unwrap_or(program);
        let said = variable(cx, &format!("ansible_{name}_interpreter"))?;
        if name != "python" {
            return Ok(Interpreter::known(said.as_deref().unwrap_or(program), words));
        }
        let said = said.unwrap_or_else(|| ways.python.clone());
        if !matches!(said.as_str(), "" | "auto" | "auto_legacy" | "auto_silent" | "auto_legacy_silent") {
            return Ok(Interpreter::known(&said, words));
        }
        if let Some(fact) = variable(cx, "discovered_interpreter_python")? {
            return Ok(Interpreter::known(&fact, words));
        }
        let target = cx.road.target().clone();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known().get(&target).cloned();
        let (found, warning) = match before {
            Some(found) => (found, None),
            None => {
                let (found, warning) = discover(cx).await?;
                known().insert(target, found.clone());
                (found, warning.filter(|_| !said.ends_with("_silent")))
            }
        };
        Ok(Interpreter { fact: Some(found.clone()), warning, ..Interpreter::known(&found, words) })
    }
}

/// A variable of the host that the work is done on.
pub(super) fn variable(cx: &Context, name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = cx.there.get(name)? else { return Ok(None) };
    if muster_engine::template::Scope::is_omit(&value) {
        return Ok(None);
    }
    Ok(match to_json(&value)? {
        Json::Null => None,
        Json::String(text) => Some(text.trim().to_string()),
        other => Some(other.to_string()),
    })
}

/// The first Python of a target, and what is said about it. Nobody is become for that.
async fn discover(cx: &Context) -> Result<(String, Option<String>), Failure> {
    let asked: Vec<String> = NAMES.iter().map(|name| format!("command -v '{name}'")).collect();
    let command = Command { timeout: cx.timeout, ..Command::new(format!("{}; true", asked.join("; "))) };
    let completed = cx.connection().await?.exec(&command).await?;
    // A name means the host's own, whoever asked for the work.
    let host = &cx.road.target().host;
    Ok(match completed.out().lines().find(|line| line.starts_with('/')) {
        Some(found) => (
            found.to_string(),
            Some(format!(
                "Host '{host}' is using the discovered Python interpreter at '{found}', but future installation of \
                 another Python interpreter could cause a different interpreter to be discovered. See \
                 https://docs.ansible.com/ansible-core/2.19/reference_appendices/interpreter_discovery.html for \
                 more information."
            )),
        ),
        None => {
            let tried: Vec<String> = NAMES.iter().map(|name| format!("'{name}'")).collect();
            let tried = tried.join(", ");
            let warning = format!("No python interpreters found for host '{host}' (tried [{tried}]).");
            (FALLBACK.to_string(), Some(warning))
        }
    })
}
