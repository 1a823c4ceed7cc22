//! Where a unit's commands go and as whom: connection variables first, then keywords, then what the command line and
//! the configuration say, as Ansible orders them. Delegation is another host's names and nothing else.

use crate::connection::{Escalation, Method, Secret, Target};
use crate::node::{Kind, Mapping, Node};
use crate::plan::Defaults;
use crate::playbook::{Keywords, Setting};
use crate::template::{Fault, Scope, Spot, Value, from_json, text_of, to_json};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;

/// What decides where a unit's commands go.
pub struct Sight<'a> {
    /// Names of the host that is connected to.
    pub scope: &'a Scope,
    /// That host.
    pub host: &'a Arc<str>,
    /// The task's keywords.
    pub keywords: &'a Keywords,
    /// What is said where nothing else is.
    pub defaults: &'a Defaults,
}

/// A rendered value as text; nothing for null or `omit`.
fn text(value: &Value) -> Option<String> {
    match to_json(value).ok()? {
        Json::Null => None,
        Json::String(text) => Some(text),
        Json::Bool(true) => Some("True".into()),
        Json::Bool(false) => Some("False".into()),
        other => Some(other.to_string()),
    }
}

/// The words Ansible takes for a boolean.
#[must_use]
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" | "true" | "y" | "t" | "1.0" => Some(true),
        "no" | "off" | "0" | "false" | "n" | "f" | "0.0" => Some(false),
        _ => None,
    }
}

/// A keyword's value for a host.
///
/// # Errors
/// Its template fails, or gives something that is no such value.
pub fn setting<T: Clone>(
    setting: Option<&Setting<T>>,
    scope: &Scope,
    kind: &str,
    convert: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    match setting {
        None => Ok(None),
        Some(Setting::Fixed(value)) => Ok(Some(value.clone())),
        Some(Setting::Template { keyword, node, outer }) => {
            let lead = format!("Error processing keyword '{keyword}': ");
            let failed =
                |fault: Fault| fault.within(format!("Error processing keyword '{keyword}'"), node.span);
            let value = scope.render(node).map_err(failed)?;
            if Scope::is_omit(&value) {
                return self::setting(outer.as_deref(), scope, kind, convert);
            }
            let Some(text) = text(&value) else { return Ok(None) };
            let wrong = || {
                let message = format!("{lead}The value '{text}' could not be converted to '{kind}'.");
                Fault::new(message, Some(node.span))
            };
            convert(&text).map(Some).ok_or_else(wrong)
        }
    }
}

/// A keyword that is yes or no.
///
/// # Errors
/// As [`setting`].
pub fn flag(keyword: Option<&Setting<bool>>, scope: &Scope) -> Result<Option<bool>, Fault> {
    setting(keyword, scope, "bool", truth)
}

/// A keyword that is a number.
///
/// # Errors
/// As [`setting`].
pub fn number(keyword: Option<&Setting<i64>>, scope: &Scope) -> Result<Option<i64>, Fault> {
    setting(keyword, scope, "int", |text| text.trim().parse().ok())
}

impl Sight<'_> {
    /// The first of some variables that is set.
    fn first(&self, names: &[&str]) -> Result<Option<String>, Fault> {
        for name in names {
            if let Some(value) = self.scope.get(name)?
                && !Scope::is_omit(&value)
                && let Some(text) = text(&value)
            {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn word(&self, keyword: Option<&Setting<String>>) -> Result<Option<String>, Fault> {
        setting(keyword, self.scope, "str", |text| Some(text.to_string()))
    }

    /// Where to connect.
    ///
    /// # Errors
    /// A variable or keyword that decides it cannot be rendered or makes no sense.
    pub fn target(&self) -> Result<Target, Fault> {
        let (defaults, keywords) = (self.defaults, self.keywords);
        let kind = match self.first(&["ansible_connection"])? {
            Some(kind) => kind,
            None => self
                .word(keywords.connection.as_ref())?
                .or(defaults.connection.clone())
                .unwrap_or("ssh".into()),
        };
        let kind = match kind.strip_prefix("ansible.builtin.").unwrap_or(&kind) {
            "smart" | "paramiko" | "paramiko_ssh" | "ansible.netcommon.libssh" => "ssh",
            other => other,
        };
        if kind == "local" {
            return Ok(self.local());
        }
        let port = match self.first(&["ansible_port", "ansible_ssh_port"])? {
            Some(port) => Some(port),
            None => number(keywords.port.as_ref(), self.scope)?.map(|port| port.to_string()),
        };
        let port = match port {
            None => defaults.port,
            Some(text) => Some(text.trim().parse().map_err(|_| self.wrong("ansible_port", &text))?),
        };
        let user = match self.first(&["ansible_user", "ansible_ssh_user"])? {
            Some(user) => Some(user),
            None => self.word(keywords.remote_user.as_ref())?.or(defaults.user.clone()),
        };
        let checking = self.first(&["ansible_host_key_checking", "ansible_ssh_host_key_checking"])?;
        let seconds = self.first(&["ansible_ssh_timeout", "ansible_timeout"])?;
        let timeout = seconds.and_then(|text| text.parse().ok()).map(std::time::Duration::from_secs_f64);
        let own = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];
        let mut arguments = vec![];
        for name in own {
            arguments.extend(self.first(&[name])?);
        }
        arguments.extend(defaults.ssh_arguments.iter().cloned());
        let key = self.first(&["ansible_private_key_file", "ansible_ssh_private_key_file"])?;
        Ok(Target {
            host: self.host.clone(),
            kind: Arc::from(kind),
            address: self
                .first(&["ansible_host", "ansible_ssh_host"])?
                .unwrap_or_else(|| self.host.to_string()),
            port,
            user,
            password: self
                .first(&["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])?
                .map(Secret::new)
                .or(defaults.password.clone()),
            private_key: key.map(PathBuf::from).or(defaults.private_key.clone()).map(home),
            passphrase: self
                .first(&["ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"])?
                .map(Secret::new),
            arguments,
            host_key_checking: checking.as_deref().and_then(truth).or(defaults.host_key_checking),
            timeout: timeout.unwrap_or(defaults.timeout),
            shell: self.shell()?,
        })
    }

    fn shell(&self) -> Result<String, Fault> {
        Ok(self.first(&["ansible_shell_executable"])?.unwrap_or_else(|| self.defaults.executable.clone()))
    }

    /// This machine.
    fn local(&self) -> Target {
        let here = Target::local(self.host.clone());
        Target { shell: self.shell().unwrap_or_else(|_| here.shell.clone()), ..here }
    }

    /// As whom commands run; nothing for the user who logged in at the target, as far as it is known who that is.
    ///
    /// # Errors
    /// As [`Sight::target`].
    pub fn escalation(&self, target: &Target) -> Result<Option<Escalation>, Fault> {
        let (defaults, keywords) = (self.defaults, self.keywords);
        let wanted = match self.first(&["ansible_become"])? {
            Some(text) => truth(&text).ok_or_else(|| self.wrong("ansible_become", &text))?,
            None => flag(keywords.escalate.as_ref(), self.scope)?.unwrap_or(defaults.escalate),
        };
        if !wanted {
            // One that cannot be rendered fails the task all the same.
            self.word(keywords.become_user.as_ref())?;
            return Ok(None);
        }
        let method = match self.first(&["ansible_become_method"])? {
            Some(method) => method,
            None => self
                .word(keywords.become_method.as_ref())?
                .or(defaults.become_method.clone())
                .unwrap_or("sudo".into()),
        };
        let method = Method::named(&method).ok_or_else(|| self.wrong("become_method", &method))?;
        let program = method.program();
        let own = |what: &str| format!("ansible_{program}_{what}");
        let user = match self.first(&[&own("user"), "ansible_become_user"])? {
            Some(user) => user,
            None => self
                .word(keywords.become_user.as_ref())?
                .or(defaults.become_user.clone())
                .unwrap_or("root".into()),
        };
        let known = if &*target.kind == "local" { &defaults.me } else { &target.user };
        if known.as_ref() == Some(&user) && !defaults.become_same_user {
            return Ok(None);
        }
        let password =
            self.first(&[&own("pass"), &own("password"), "ansible_become_password", "ansible_become_pass"])?;
        let flags = match self.first(&[&own("flags"), "ansible_become_flags"])? {
            Some(flags) => Some(flags),
            None => self.word(keywords.become_flags.as_ref())?.or(defaults.become_flags.clone()),
        };
        let exe = match self.first(&[&own("exe"), "ansible_become_exe"])? {
            Some(exe) => Some(exe),
            None => self.word(keywords.become_exe.as_ref())?.or(defaults.become_exe.clone()),
        };
        let password = password.map(Secret::new).or(defaults.become_password.clone());
        Ok(Some(Escalation { method, user, password, flags, exe }))
    }

    fn wrong(&self, what: &str, value: &str) -> Fault {
        Fault::new(format!("{what} cannot be '{value}' for host {}", self.host), None)
    }

    /// `environment`, rendered: inner mappings win. Where facts are only being gathered, what needs the facts of the
    /// environment is left out.
    ///
    /// # Errors
    /// A template fails, or gives something that is no mapping.
    pub fn environment(&self, names: &Scope, gathers: bool) -> Result<Vec<(String, String)>, Fault> {
        let keyword = |fault: Fault| {
            let all =
                self.keywords.environment.iter().map(|node| from_json(&node.to_json())).collect::<Value>();
            fault.while_at("Error processing keyword 'environment'", Some(Spot::Value(shown_of(&all))))
        };
        let mut all = indexmap::IndexMap::new();
        for node in &self.keywords.environment {
            let nodes = node.as_seq().unwrap_or_else(|| std::slice::from_ref(node));
            for node in nodes {
                let value = match names.render(node) {
                    Err(fault) if gathers && of_environment(&fault) => {
                        for (name, value) in node.as_map().into_iter().flat_map(Mapping::iter) {
                            match (name.as_str(), names.render(value)) {
                                (Some(name), Ok(value)) => {
                                    all.insert(name.to_string(), plain(&to_json(&value)?));
                                }
                                (_, Err(fault)) if !of_environment(&fault) => return Err(fault),
                                _ => {}
                            }
                        }
                        continue;
                    }
                    rendered => rendered.map_err(keyword)?,
                };
                if Scope::is_omit(&value) {
                    continue;
                }
                if let Json::Object(pairs) = to_json(&value)? {
                    for (name, value) in pairs {
                        all.insert(name, plain(&value));
                    }
                } else if !value.is_none() && !is_blank(node) {
                    let message = "environment must be a dictionary";
                    return Err(Fault::new(message, Some(node.span)));
                }
            }
        }
        Ok(all.into_iter().collect())
    }
}

/// A value as Python shows it.
fn shown_of(value: &Value) -> String {
    text_of(value).unwrap_or_default()
}

/// Whether it is the facts of the environment that are missing.
fn of_environment(fault: &Fault) -> bool {
    fault.undefined && ["ansible_env", "ansible_facts.env"].iter().any(|name| fault.message.contains(name))
}

fn is_blank(node: &Node) -> bool {
    matches!(&node.kind, Kind::Str(text) if text.trim().is_empty())
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}
