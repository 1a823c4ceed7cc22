//! Lookups that run a command of this machine's shell.

use super::Table;
use crate::template::{Value, fault};
use minijinja::Error;
use std::process::{Command, Stdio};

pub const TABLE: Table = &[
    ("pipe", |request| {
        let out = |command: &String| Ok(Value::from(output(command, "pipe")?.trim_end_matches(['\n', '\r'])));
        request.texts()?.iter().map(out).collect()
    }),
    ("lines", |request| {
        let mut lines = vec![];
        for command in request.texts()? {
            lines.extend(output(&command, "lines")?.lines().map(Value::from));
        }
        Ok(lines)
    }),
];

fn output(command: &str, plugin: &str) -> Result<String, Error> {
    let refuse = |code: String| fault::error(format!("lookup_plugin.{plugin}({command}) returned {code}"));
    let done = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| refuse(error.to_string()))?;
    if !done.status.success() {
        return Err(refuse(done.status.code().map_or_else(|| "a signal".into(), |code| code.to_string())));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
