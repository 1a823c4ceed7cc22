//! Inventories that are programs: run with `--list`, and with `--host NAME` for each host unless the answer has `_meta`.
//! JSON comes in; hosts, groups and variables go into an inventory. Names are taken as they are, without ranges.

use super::{Inventory, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::node::{Kind, Mapping, Node};
use crate::source::{SourceId, Span};
use crate::template::Variable;
use indexmap::IndexSet;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Whether a file is a program: it begins with `#!`, or is compiled and executable. A text that merely has the
/// executable bit is none, so that no shell runs it line by line.
pub(super) fn is_program(path: &Path, start: &[u8]) -> bool {
    let executable = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    executable && (start.starts_with(b"#!") || start.starts_with(b"\x7fELF"))
}

struct Script<'a> {
    path: PathBuf,
    /// The program and what always stands behind it.
    command: Vec<OsString>,
    /// What is set in its environment.
    environment: &'a [(&'a str, &'a str)],
    /// The file itself, for lack of a place in what it printed.
    span: Span,
    /// Whether what it writes to stderr is shown although it went well.
    speaks: bool,
    inventory: &'a mut Inventory,
    warnings: &'a mut Diagnostics,
}

/// Runs a program and reads what it prints.
///
/// # Errors
/// It cannot be run, fails, or prints something else than an inventory.
pub(super) fn read(
    inventory: &mut Inventory,
    path: &Path,
    source: SourceId,
    speaks: bool,
    warnings: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let span = Span { source, start: 0, end: 2 };
    let command = vec![path.clone().into_os_string()];
    let mut script = Script { path, command, environment: &[], span, speaks, inventory, warnings };
    script.all().map_err(|message| {
        let error = Diagnostic::parse("muster::inventory::script", message).file(&script.path);
        let help = format!("see what it prints: `{} --list`", script.path.display());
        vec![error.at(script.span, "what this program prints").help(help)]
    })
}

/// Reads the configuration of a plugin that is not built in with an installed `ansible-inventory`, by `command`.
///
/// # Errors
/// It cannot be run, fails, or prints something else than an inventory.
pub(super) fn of_plugin(
    inventory: &mut Inventory,
    path: &Path,
    span: Span,
    command: &[String],
    warnings: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut words: Vec<OsString> = command.iter().map(OsString::from).collect();
    words.extend(["-i".into(), path.clone().into_os_string(), "--export".into()]);
    let environment = &[("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true"), ("ANSIBLE_NOCOLOR", "true")];
    let mut script = Script { path, command: words, environment, span, speaks: false, inventory, warnings };
    script.all().map_err(|message| {
        let error =
            Diagnostic::parse("muster::inventory::plugin", message).at(script.span, "read by ansible-core");
        vec![error.help(format!("see what it says: `ansible-inventory -i {} --list`", script.path.display()))]
    })
}

impl Script<'_> {
    fn all(&mut self) -> Result<(), String> {
        let mut groups = self.run(&["--list"])?;
        let meta = match groups.remove("_meta") {
            None => None,
            Some(Value::Object(mut meta)) => match meta.remove("hostvars") {
                Some(Value::Object(hosts)) => Some(hosts),
                None => None,
                Some(_) => return Err("Value contains '_meta.hostvars' which is no 'dict'.".into()),
            },
            Some(_) => return Err("Value contains '_meta' which is no 'dict'.".into()),
        };
        let mut hosts: IndexSet<String> = IndexSet::new();
        for (name, group) in groups {
            self.group(&name, group, &mut hosts)?;
        }
        for host in &hosts {
            let vars = match &meta {
                Some(meta) => meta.get(host).and_then(Value::as_object).cloned().unwrap_or_default(),
                None => self.run(&["--host", host])?,
            };
            for (key, value) in vars {
                yaml::check_name(&key, self.span, self.warnings);
                let value = Variable::Written(tree(&value, self.span));
                self.inventory.set_host_var(host, Arc::from(key), value);
            }
        }
        Ok(())
    }

    fn group(&mut self, name: &str, group: Value, hosts: &mut IndexSet<String>) -> Result<(), String> {
        let mut sections = match group {
            Value::Object(sections) => sections,
            list => Map::from_iter([("hosts".to_owned(), list)]),
        };
        if !["hosts", "vars", "children"].iter().any(|section| sections.contains_key(*section)) {
            // Long ago a script answered with hosts and their variables alone.
            let vars = Value::Object(std::mem::take(&mut sections));
            sections.insert("hosts".into(), Value::Array(vec![Value::from(name)]));
            sections.insert("vars".into(), vars);
            let message = format!("Treating malformed group '{name}' as the sole host of that group.");
            self.warnings.push(Diagnostic::warning("muster::inventory::script", message).file(&self.path));
        }
        self.inventory.put_group(name, Some(self.span));
        match sections.get("hosts") {
            None => {}
            Some(Value::Array(names)) => {
                for host in names {
                    let host = host.as_str().ok_or_else(|| {
                        format!(
                            "Invalid host name supplied, expected a string but got {host} in group '{name}'"
                        )
                    })?;
                    yaml::put_host(self.inventory, name, host, None, self.span);
                    hosts.insert(host.to_owned());
                }
            }
            Some(_) => return Err(format!("Value contains '{name}.hosts' which is no 'list'.")),
        }
        match sections.get("vars") {
            None => {}
            Some(Value::Object(vars)) => {
                for (key, value) in vars {
                    yaml::check_name(key, self.span, self.warnings);
                    self.inventory.set_group_var(name, Arc::from(&**key), tree(value, self.span))?;
                }
            }
            Some(_) => return Err(format!("Value contains '{name}.vars' which is no 'dict'.")),
        }
        match sections.get("children") {
            None => Ok(()),
            Some(Value::Array(children)) => children.iter().try_for_each(|child| {
                let child = child.as_str().ok_or_else(|| {
                    format!(
                        "Invalid group name supplied, expected a string but got {child} in group '{name}'"
                    )
                })?;
                self.inventory.put_group(child, Some(self.span));
                self.inventory.put_child(name, child).map(|_| ())
            }),
            Some(_) => Err(format!("Value contains '{name}.children' which is no 'list'.")),
        }
    }

    /// The JSON mapping that a run of the program prints.
    fn run(&mut self, arguments: &[&str]) -> Result<Map<String, Value>, String> {
        let said = |stderr: &[u8]| match String::from_utf8_lossy(stderr).trim() {
            "" => String::new(),
            text => format!(" Standard error from inventory script: {}", text.escape_debug()),
        };
        let failed = |error: io::Error| {
            format!("Failed to execute inventory script '{}': {error}", self.path.display())
        };
        let (program, words) =
            self.command.split_first().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let mut command = Command::new(program);
        command.args(words).args(arguments).envs(self.environment.iter().copied());
        let output = command.output().map_err(failed)?;
        if !output.status.success() {
            let how = match output.status.code() {
                Some(code) => format!("returned non-zero exit code {code}"),
                None => "was killed".to_owned(),
            };
            return Err(format!("Inventory script {how}.{}", said(&output.stderr)));
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        if self.speaks && !stderr.trim().is_empty() {
            self.warnings.push(Diagnostic::warning("muster::inventory::stderr", stderr.trim_end()));
        }
        if output.stdout.iter().all(u8::is_ascii_whitespace) && arguments.first() == Some(&"--host") {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&output.stdout) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => {
                Err("Unable to get JSON decoder for inventory script result: Value is no 'dict'.".to_owned())
            }
            Err(error) => Err(format!(
                "Unable to get JSON decoder for inventory script result: Value could not be parsed as JSON: {error}.{}",
                said(&output.stderr)
            )),
        }
    }
}

/// JSON as a tree, with Ansible's notation for unsafe and encrypted strings.
fn tree(value: &Value, span: Span) -> Node {
    let text = |text: &str| Kind::Str(Arc::from(text));
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Kind::Int(value),
            (None, _) if number.is_u64() => Kind::BigInt(Arc::from(number.to_string())),
            (None, value) => Kind::Float(value.unwrap_or(f64::NAN)),
        },
        Value::String(value) => text(value),
        Value::Array(items) => Kind::Seq(items.iter().map(|item| tree(item, span)).collect()),
        Value::Object(map) => match (map.len(), map.iter().next()) {
            (1, Some((key, Value::String(inner)))) if key == "__ansible_unsafe" => {
                Kind::Unsafe(Arc::new(Node { span, kind: text(inner) }))
            }
            (1, Some((key, Value::String(inner)))) if key == "__ansible_vault" => {
                Kind::Vault(Arc::from(&**inner))
            }
            _ => {
                let pair =
                    |(key, value): (&String, &Value)| (Node { span, kind: text(key) }, tree(value, span));
                Kind::Map(Arc::new(Mapping(map.iter().map(pair).collect())))
            }
        },
    };
    Node { span, kind }
}
