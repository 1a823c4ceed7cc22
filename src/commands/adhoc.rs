//! `muster ad-hoc`, and what the program does when it is called `ansible`: a play of one task, run as any other and shown
//! a result at a time. An [`AdHoc`] comes in, an exit code goes out.

use super::{print, run as runs};
use crate::cli::AdHoc;
use crate::exit::Exit;
use crate::given::Given;
use crate::report::{Shape, harmless};
use crate::session::Session;
use crate::site::Prepared;
use muster_engine::diagnostic::{Class, Diagnostic};
use muster_engine::inventory::{LOCALHOST, Pattern};
use muster_engine::node::freeform;
use muster_engine::template::from_json;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};

/// Modules that are nothing without an argument.
const NEEDY: [&str; 4] = ["command", "shell", "raw", "script"];

/// Runs one module.
pub fn run(session: &Session, asked: &AdHoc) -> Result<Exit, Exit> {
    refused(session, asked)?;
    let mut options = asked.options();
    options.show.color = asked.show.color;
    let mut given = Given::read(session, &options.site)?;
    if LOCALHOST.contains(&asked.pattern.as_str()) {
        given = given.without_others();
    }
    let hosts = matching(session, &given, asked)?;
    if asked.list_hosts {
        let lines: Vec<String> = hosts.iter().map(|host| format!("    {}\n", harmless(host))).collect();
        return Ok(print(&format!("  hosts ({}):\n{}", lines.len(), lines.concat())));
    }
    if hosts.is_empty() {
        return Ok(Exit(crate::exit::OK));
    }
    let set = asked.playbook_dir.clone().or_else(|| session.settings.playbook_dir.clone());
    let dir = set.unwrap_or_else(|| PathBuf::from("."));
    let dir = std::path::absolute(&dir).unwrap_or(dir);
    let text = play(session, asked).to_string();
    let prepared = Prepared::of_text(session, &dir.join(title(asked)), text, given, &options)?;
    let plan = prepared.plan(session)?;
    let look = runs::look(session, &options)?;
    let shape = match look.shape {
        _ if asked.one_line => Shape::OneLine,
        Shape::OneLine if session.settings.load_callback_plugins => Shape::OneLine,
        _ => Shape::Minimal,
    };
    let look = crate::report::Look { shape, origin: Some(origin(session, asked)), ..look };
    let (recap, interrupted) = runs::show(session, plan, look.clone(), options.show.output)?;
    Ok(Exit::of_run(&recap, &look.ignored, interrupted))
}

fn refused(session: &Session, asked: &AdHoc) -> Result<(), Exit> {
    let stop =
        |message: String, help: &str| Err(session.stop(Class::Usage, "muster::cli::ad_hoc", message, help));
    let name = plain(&asked.module_name);
    if asked.tree.is_some() {
        return stop("`--tree` is not supported".into(), "`--output json` writes every result to stdout");
    }
    if name == "import_playbook" {
        return stop(
            format!("'{name}' is not a valid action for ad-hoc commands"),
            "`muster run` runs playbooks",
        );
    }
    if NEEDY.contains(&name) && asked.module_args.is_empty() && !asked.list_hosts {
        let message = format!("No argument passed to {name} module");
        return stop(message, "give it with `-a`");
    }
    Ok(())
}

/// The hosts of the pattern, within the limit.
fn matching(session: &Session, given: &Given, asked: &AdHoc) -> Result<Vec<String>, Exit> {
    let wrong = |message: String| session.stop(Class::Error, "muster::inventory::pattern", message, "");
    let pattern = Pattern::parse(&asked.pattern);
    let mut hosts = given.inventory.select(&pattern).map_err(|bad| wrong(bad.message))?.hosts;
    if let Some(limit) = &asked.site.limit {
        let limit = Pattern::limit(limit).and_then(|pattern| given.inventory.select(&pattern));
        let limit = limit.map_err(|bad| wrong(bad.message))?.hosts;
        hosts.retain(|host| limit.contains(host));
        if hosts.is_empty() {
            let message =
                "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.";
            return Err(wrong(message.into()));
        }
    }
    if hosts.is_empty() {
        let warn = |message: String| Diagnostic::warning("muster::inventory::pattern", message);
        let mut found = given.found.clone();
        found.push(warn(format!("Could not match supplied host pattern, ignoring: {}", asked.pattern)));
        found.push(warn("No hosts matched, nothing to do".into()));
        session.say(&found);
    }
    Ok(hosts.iter().map(ToString::to_string).collect())
}

/// The play as a playbook's text would have it.
fn play(session: &Session, asked: &AdHoc) -> Json {
    let mut task = Map::new();
    task.insert(asked.module_name.clone(), arguments(asked));
    if let Some(seconds) = asked.background {
        task.insert("async".into(), json!(seconds));
        task.insert("poll".into(), json!(asked.poll.unwrap_or(session.settings.poll_interval)));
    }
    if let Some(seconds) = asked.task_timeout {
        task.insert("timeout".into(), json!(seconds));
    }
    json!([{"name": "Ansible Ad-Hoc", "hosts": asked.pattern, "gather_facts": false, "tasks": [task]}])
}

/// JSON text as it is meant, anything else as free-form text.
fn arguments(asked: &AdHoc) -> Json {
    let text = asked.module_args.trim();
    if text.is_empty() {
        return Json::Null;
    }
    let object = text.starts_with('{').then(|| serde_json::from_str::<Json>(text).ok()).flatten();
    object.filter(Json::is_object).unwrap_or_else(|| json!(asked.module_args))
}

fn title(asked: &AdHoc) -> PathBuf {
    Path::new(&format!("<adhoc '{}' task>", asked.module_name.replace('/', "_"))).to_path_buf()
}

/// What Ansible shows in the place of a file's lines.
fn origin(session: &Session, asked: &AdHoc) -> String {
    let name = plain(&asked.module_name);
    let args = match arguments(asked) {
        Json::Null => json!({}),
        Json::String(text) => {
            let words = freeform::parse(&text, NEEDY.contains(&name)).ok();
            let pairs = words.as_ref().into_iter().flat_map(|words| &words.pairs);
            let mut args: Map<_, _> = pairs.map(|pair| (pair.key.to_string(), json!(pair.value))).collect();
            if let Some(raw) = words.and_then(|words| words.raw) {
                args.insert("_raw_params".into(), json!(raw));
            }
            Json::Object(args)
        }
        object => object,
    };
    let poll = asked.poll.unwrap_or(session.settings.poll_interval);
    format!(
        "<adhoc '{module}' task>\n\n{{'action': '{module}', 'args': {}, 'timeout': {}, 'async_val': {}, 'poll': {poll}}}",
        from_json(&args),
        asked.task_timeout.unwrap_or_default(),
        asked.background.unwrap_or_default(),
        module = asked.module_name,
    )
}

fn plain(name: &str) -> &str {
    ["ansible.builtin.", "ansible.legacy."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}
