//! Executables in `library/` beside a playbook or a role as modules, by Ansible's convention for binary modules: the
//! arguments are a JSON file whose path is the first word, the answer is JSON on standard output. A script without
//! `WANT_JSON` in it gets `k=v` text instead. Directories come in, modules go out; each run sends, runs and removes.

use super::{Sent, lines, words};
use futures_util::future::BoxFuture;
use muster_engine::module::{AnyModule, Context, Failure, Map, Output, Reason, Spec};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SPEC: Spec = Spec::new("A module of one's own: an executable in `library/`.", &[]).open();

/// The modules in these directories; where two have the same name the first directory's is meant.
#[must_use]
pub fn library(dirs: &[PathBuf]) -> Vec<Arc<dyn AnyModule>> {
    let mut found: Vec<Arc<dyn AnyModule>> = vec![];
    for dir in dirs {
        let files = walkdir::WalkDir::new(dir).max_depth(1).sort_by_file_name().into_iter().flatten();
        for file in files.filter(|file| file.path().is_file()) {
            let path = file.into_path();
            let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            let idle = matches!(ending, "md" | "pyc" | "rst" | "txt" | "yaml" | "yml" | "json");
            if !idle && !name.starts_with(['.', '_']) && !found.iter().any(|module| module.name() == name) {
                found.push(Arc::new(Own { name: name.to_string(), path }));
            }
        }
    }
    found
}

/// One executable.
struct Own {
    name: String,
    path: PathBuf,
}

/// How an executable wants its arguments.
#[derive(Debug, PartialEq, Eq)]
enum Wants {
    /// A file of JSON.
    Json,
    /// A file of `k=v` pairs.
    Pairs,
    /// JSON in its own text, in place of a mark.
    Within,
}

const MARK: &str = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>";

impl AnyModule for Own {
    fn name(&self) -> &str {
        &self.name
    }

    fn spec(&self) -> &Spec {
        &SPEC
    }

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let bytes = std::fs::read(&self.path)
                .map_err(|error| Failure::new(format!("could not read {}: {error}", self.path.display())))?;
            let wants = wants(&self.path, &bytes).map_err(Failure::new)?;
            let full = Json::Object(self.with_ours(args.clone(), cx)).to_string();
            let (bytes, given) = match wants {
                Wants::Json => (bytes, full),
                Wants::Pairs => (bytes, pairs(&args)),
                Wants::Within => {
                    (String::from_utf8_lossy(&bytes).replace(MARK, &full).into_bytes(), String::new())
                }
            };
            let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("module");
            let sent = Sent { name, bytes, beside: Some(("arguments", given.into_bytes())) };
            let completed = cx.exec(sent.command("\"$f\" \"$d/arguments\"")).await?;
            answer(&completed.out(), &completed.err(), completed.rc)
        })
    }
}

impl Own {
    /// The arguments with what Ansible tells every module.
    fn with_ours(&self, mut args: Map, cx: &Context) -> Map {
        let ours = json!({
            "_ansible_check_mode": cx.check_mode,
            "_ansible_debug": false,
            "_ansible_diff": cx.diff,
            "_ansible_ignore_unknown_opts": false,
            "_ansible_keep_remote_files": false,
            "_ansible_module_name": self.name,
            "_ansible_no_log": cx.no_log,
            "_ansible_remote_tmp": "~/.ansible/tmp",
            "_ansible_shell_executable": cx.road.target().shell,
            "_ansible_socket": null,
            "_ansible_syslog_facility": "LOG_USER",
            "_ansible_tmpdir": null,
            "_ansible_verbosity": cx.verbosity,
            "_ansible_version": "2.19.0",
        });
        if let Json::Object(ours) = ours {
            args.extend(ours);
        }
        args
    }
}

fn wants(path: &Path, bytes: &[u8]) -> Result<Wants, String> {
    let shown = path.display();
    if !bytes.starts_with(b"#!") {
        let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
        return match text {
            true => Err(format!("{shown} has no first line that names its interpreter, such as `#!/bin/sh`")),
            false => Ok(Wants::Json),
        };
    }
    let text = String::from_utf8_lossy(bytes);
    if text.contains("from ansible.module_utils") || text.contains("import ansible.module_utils") {
        return Err(format!(
            "{shown} is a Python module that needs ansible.module_utils, which is not on the target; \
             write it as an executable that reads a JSON file and prints JSON (put WANT_JSON in a comment)"
        ));
    }
    Ok(match (text.contains(MARK), text.contains("WANT_JSON")) {
        (true, _) => Wants::Within,
        (false, true) => Wants::Json,
        (false, false) => Wants::Pairs,
    })
}

fn pairs(args: &Map) -> String {
    let pair = |(key, value): (&String, &Json)| {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Bool(true) => "True".into(),
            Json::Bool(false) => "False".into(),
            Json::Null => "None".into(),
            other => other.to_string(),
        };
        format!("{key}={} ", words::join(&[text]))
    };
    args.iter().map(pair).collect()
}

/// The JSON object in what an executable printed, with lines before and after it left out.
fn answer(stdout: &str, stderr: &str, rc: i32) -> Result<Output, Failure> {
    let start = stdout.lines().position(|line| line.trim_start().starts_with('{'));
    let from = start.map(|n| stdout.lines().skip(n).collect::<Vec<_>>().join("\n"));
    let parsed = match &from {
        None => Err("No start of json char found".to_string()),
        Some(text) => {
            let first = serde_json::Deserializer::from_str(text).into_iter::<Map>().next();
            first.unwrap_or_else(|| Ok(Map::new())).map_err(|error| error.to_string())
        }
    };
    let mut result = parsed.map_err(|error| {
        Failure::new(format!("Module result deserialization failed: {error}"))
            .with("module_stdout", stdout)
            .with("module_stderr", stderr)
            .with("rc", rc)
    })?;
    for stream in ["stdout", "stderr"] {
        let text = result.get(stream).and_then(Json::as_str).map(lines);
        if let Some(found) = text {
            result.entry(format!("{stream}_lines")).or_insert(found);
        }
    }
    let bad_rc = result.get("rc").and_then(Json::as_i64).is_some_and(|rc| rc != 0);
    let failed = match result.get("failed") {
        Some(Json::String(word)) => matches!(word.to_lowercase().as_str(), "true" | "yes" | "on" | "1"),
        Some(value) => value.as_bool().unwrap_or(false),
        None => bad_rc,
    };
    if failed {
        result.entry("msg").or_insert_with(|| "non-zero return code".into());
        return Err(Failure { reason: Reason::Failed, result });
    }
    Ok(Output { result, vars: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_have_noise_around_it() {
        let output = answer("hello\n{\"changed\": true, \"stdout\": \"a\\nb\"}\nbye\n", "", 0).unwrap();
        assert!(output.changed());
        assert_eq!(output.result["stdout_lines"], json!(["a", "b"]));
        let failure = answer("hello\n", "boom", 3).unwrap_err();
        assert_eq!(failure.message(), "Module result deserialization failed: No start of json char found");
        assert_eq!(failure.result["module_stderr"], "boom");
        assert!(answer("{\"rc\": 2}", "", 0).is_err());
    }

    #[test]
    fn an_executable_says_how_it_wants_its_arguments() {
        let at = Path::new("/library/x");
        assert_eq!(wants(at, b"\x7fELF\0"), Ok(Wants::Json));
        assert_eq!(wants(at, b"#!/bin/sh\n# WANT_JSON\n"), Ok(Wants::Json));
        assert_eq!(wants(at, b"#!/bin/sh\n. $1\n"), Ok(Wants::Pairs));
        assert_eq!(wants(at, b"#!/bin/sh\na='<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>'\n"), Ok(Wants::Within));
        let python = b"#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n";
        assert!(wants(at, python).unwrap_err().contains("WANT_JSON"));
    }

    #[test]
    fn pairs_are_quoted_for_a_shell() {
        let args = json!({"a": "x y", "b": true, "c": 3});
        assert_eq!(pairs(args.as_object().unwrap()), "a='x y' b=True c=3 ");
    }
}
