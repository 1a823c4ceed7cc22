//! Action plugins: modules whose work is done on this machine, by Python of a collection or of the site, in the ansible-core
//! that is installed here. A task's arguments come in, its result goes out; what such a plugin asks of its host on the
//! way is done here, as for any module. Each runs in a process of its own, which ends when its task does.

mod answer;
mod performer;
mod work;

use crate::guests::Guests;
use futures_util::future::BoxFuture;
use muster_engine::connection::Target;
use muster_engine::module::{AnyModule, Context, Failure, Map, Output, Reason, Side, Spec};
use muster_engine::node::{Kind, Node};
use muster_engine::template::{is_template, to_json};
use performer::Performer;
use serde_json::{Value as Json, json};
use std::sync::OnceLock;

/// What runs one.
pub(crate) const PROGRAM: &str = concat!(include_str!("world.py"), "\n\n", include_str!("actions.py"));
const SPEC: Spec =
    Spec::new("A module whose action plugin runs on this machine.", &[]).open().side(Side::Controller);
/// That of one that takes text besides arguments.
const WORDY: Spec = SPEC.free_form("_raw_params");
/// The modules that take text, whatever plugin stands before them.
const TAKE_TEXT: [&str; 8] =
    ["command", "include_vars", "meta", "raw", "script", "shell", "win_command", "win_shell"];

/// An action plugin.
pub(crate) struct Action {
    name: String,
    file: String,
    /// Its text, once it was asked for.
    text: OnceLock<String>,
    guests: Guests,
}

impl Action {
    /// The plugin of a name, which lies in a file (or goes by another name).
    pub fn new(name: &str, file: &str, guests: Guests) -> Self {
        Self { name: name.to_string(), file: file.to_string(), text: OnceLock::new(), guests }
    }

    /// Whether its class says so of itself.
    fn says(&self, what: &str) -> bool {
        self.text().lines().any(|line| line.split_whitespace().eq([what, "=", "True"]))
    }

    /// Whether it is made from one of ansible-core's.
    fn builds_on(&self, action: &str) -> bool {
        let import = format!("from ansible.plugins.action.{action} import");
        self.text().lines().any(|line| line.starts_with(&import))
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| std::fs::read_to_string(&self.file).unwrap_or_default())
    }

    /// The name by which Python finds it.
    fn plugin(&self) -> String {
        match self.name.contains('.') {
            true => self.name.clone(),
            false => format!("ansible.legacy.{}", self.name),
        }
    }
}

impl AnyModule for Action {
    fn name(&self) -> &str {
        &self.name
    }

    fn spec(&self) -> &Spec {
        match TAKE_TEXT.contains(&self.name.as_str()) || self.says("supports_raw_params") {
            true => &WORDY,
            false => &SPEC,
        }
    }

    fn minds_background(&self) -> bool {
        true
    }

    fn speaks_for_all(&self) -> bool {
        self.says("BYPASS_HOST_LOOP") || self.builds_on("add_host") || self.builds_on("pause")
    }

    fn run<'a>(&'a self, args: Map, cx: &'a Context) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            let broke = |why: String| {
                Failure::new(format!("Task failed: the action plugin `{}` ({}) {why}", self.name, self.file))
            };
            let mut performer = Performer::new(&self.guests, &self.plugin()).await.map_err(broke)?;
            performer.say(&told(&self.plugin(), args, cx)?).await.map_err(broke)?;
            loop {
                let mut asked = performer.hear().await.map_err(broke)?;
                if let Some(Json::Object(mut result)) = asked.get_mut("done").map(Json::take) {
                    performer.is_done();
                    // What adds to the inventory changes it, unless the run finds that it was so already.
                    if ["add_host", "add_group"].iter().any(|key| result.contains_key(*key)) {
                        result.insert("changed".into(), json!(true));
                    }
                    return match asked.get("raised") == Some(&json!(true)) {
                        true => Err(Failure { reason: Reason::Raised, result }),
                        false => Ok(Output { result, vars: None }),
                    };
                }
                performer.say(&answer::to(&asked, cx).await).await.map_err(broke)?;
            }
        })
    }
}

/// What is written as it is, and not as a template: a person's own words.
fn plain(written: &Node) -> Json {
    match &written.kind {
        Kind::Str(text) if !is_template(text) => json!(**text),
        Kind::Seq(items) => items.iter().map(plain).collect(),
        Kind::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.to_key(), plain(value))).collect()),
        _ => Json::Null,
    }
}

/// The address of a host that nobody connects to.
fn address_of(cx: &Context) -> Result<Option<String>, Failure> {
    let said = cx.there.get("ansible_host")?;
    Ok(said.and_then(|address| address.as_str().map(str::to_string)))
}

/// All that a plugin is told of its task when it begins.
fn told(plugin: &str, args: Map, cx: &Context) -> Result<Json, Failure> {
    let Target { kind, address, port, user, password, private_key, timeout, shell, .. } = cx.road.target();
    let address = match &**kind {
        "local" => address_of(cx)?.unwrap_or_else(|| cx.host.to_string()),
        _ => address.clone(),
    };
    let mut told = serde_json::to_value(cx.errand.about()).unwrap_or_default();
    let mut defaults = vec![];
    for node in &cx.module_defaults {
        defaults.push(to_json(&cx.scope.render(node)?)?);
    }
    let become_ = cx.escalation.as_ref();
    let environment: Map = cx.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let more = json!({
        "plugin": plugin,
        "host": cx.host,
        "args": args,
        "written": plain(&cx.written),
        "playbook_dir": cx.playbook_dir,
        "verbosity": cx.verbosity,
        "check_mode": cx.check_mode,
        "diff": cx.diff,
        "no_log": cx.no_log,
        "environment": environment,
        "module_defaults": defaults,
        "connection": kind,
        "remote_addr": address,
        "port": port,
        "remote_user": user,
        "password": password.as_ref().map(|password| password.reveal()),
        "private_key_file": private_key,
        "connection_timeout": timeout.as_secs(),
        "executable": shell,
        "become": become_.is_some(),
        "become_method": become_.map_or("sudo", |become_| become_.method.program()),
        "become_user": become_.map(|become_| &become_.user),
        "become_pass": become_.and_then(|become_| become_.password.as_ref()).map(|password| password.reveal()),
        "become_flags": become_.and_then(|become_| become_.flags.as_ref()),
        "become_exe": become_.and_then(|become_| become_.exe.as_ref()),
    });
    if let (Json::Object(told), Json::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    Ok(told)
}
