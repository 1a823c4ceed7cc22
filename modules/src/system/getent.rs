//! `ansible.builtin.getent`: entries of the target's databases: users, groups, hosts, services.

use crate::command::words::quote;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.getent`.
pub struct Getent;

/// What a task gives to [`Getent`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    database: String,
    key: Option<String>,
    service: Option<String>,
    split: Option<String>,
    fail_key: bool,
}

/// The exit code that says there is no `getent`.
const NONE: i32 = 94;

impl Module for Getent {
    const NAME: &'static str = "ansible.builtin.getent";
    const SPEC: Spec = Spec::new(
        "Looks entries up in a database of the target; they become the fact `getent_<database>`.",
        &[
            Opt::new("database", Kind::Str, "The database: `passwd`, `group`, `hosts`, `services`.")
                .required(),
            Opt::new(
                "key",
                Kind::Str,
                "The entry; all of them without it, where the database can list them.",
            ),
            Opt::new("service", Kind::Str, "The one source to ask, such as `files`."),
            Opt::new("split", Kind::Str, "What divides an entry; `:` or space by the database's habit."),
            Opt::new("fail_key", Kind::Bool, "Whether an entry that is missing is a failure.")
                .default("true"),
        ],
    )
    .examples("- getent:\n    database: passwd\n    key: etcd\n    fail_key: false\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut command = format!("command -v getent >/dev/null 2>&1 || exit {NONE}\ngetent");
        if let Some(service) = &args.service {
            command.push_str(&format!(" -s {}", quote(service)));
        }
        for word in [Some(&args.database), args.key.as_ref()].into_iter().flatten() {
            command.push_str(&format!(" {}", quote(word)));
        }
        let answered = cx.sh(command).await?;
        let fact = format!("getent_{}", args.database);
        let missing = "One or more supplied key could not be found in the database.";
        let failure = match (answered.rc, &args.key) {
            (0, _) => {
                let text = answered.out();
                let facts = json!({ fact: entries(&text, separator(args)) });
                return Ok(Check::Done(Output::default().with("ansible_facts", facts)));
            }
            (1, _) => "Missing arguments, or database unknown.",
            (2, Some(key)) if !args.fail_key => {
                let facts = json!({ fact: { key.as_str(): null } });
                let output = Output::default().with("ansible_facts", facts).with("msg", missing);
                return Ok(Check::Done(output));
            }
            (2, _) => missing,
            (3, _) => "Enumeration not supported on this database.",
            (NONE, _) => "the target has no getent (install libc-bin, or read the file with slurp)",
            _ => "Unexpected failure!",
        };
        Err(Failure::new(failure))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// What divides an entry; nothing stands for space.
fn separator(args: &Args) -> Option<&str> {
    let colon = matches!(args.database.as_str(), "passwd" | "shadow" | "group" | "gshadow");
    args.split.as_deref().or(if colon { Some(":") } else { None })
}

fn entries(text: &str, separator: Option<&str>) -> Map {
    let mut found = Map::new();
    for line in text.lines() {
        let mut fields: Vec<&str> = match separator {
            Some(separator) => line.split(separator).collect(),
            None => line.split_whitespace().collect(),
        };
        if fields.is_empty() {
            continue;
        }
        let name = fields.remove(0).to_string();
        // A name that comes again, as a service with two protocols does, keeps a list for each time.
        match found.get_mut(&name) {
            Some(Json::Array(lists)) if lists.first().is_some_and(Json::is_array) => {
                lists.push(json!(fields))
            }
            Some(first) => *first = json!([first.clone(), fields]),
            None => {
                found.insert(name, json!(fields));
            }
        }
    }
    found
}
