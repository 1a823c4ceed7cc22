//! `ansible.builtin.package_facts`: every installed package, as the fact `packages`.

use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.package_facts`.
pub struct PackageFacts;

/// What a task gives to [`PackageFacts`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    manager: Vec<String>,
    strategy: String,
}

/// A package manager that can be asked: its name, its other names, its program, and a command whose lines are fields
/// divided by tabs.
struct Manager {
    name: &'static str,
    aliases: &'static [&'static str],
    program: &'static str,
    list: &'static str,
    fields: &'static [&'static str],
}

const MANAGERS: &[Manager] = &[
    Manager {
        name: "rpm",
        aliases: &["dnf", "dnf5", "yum", "zypper"],
        program: "rpm",
        list: r"rpm -qa --qf '%{NAME}\t%{VERSION}\t%{RELEASE}\t%{EPOCH}\t%{ARCH}\n'",
        fields: &["name", "version", "release", "epoch", "arch"],
    },
    Manager {
        name: "apt",
        aliases: &[],
        program: "dpkg-query",
        list: r"dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Section}\t${Origin}\n' | sed -n 's/^installed\t//p'",
        fields: &["name", "version", "arch", "category", "origin"],
    },
    Manager {
        name: "pacman",
        aliases: &[],
        program: "pacman",
        list: "pacman -Q | tr ' ' '\\t'",
        fields: &["name", "version"],
    },
    Manager {
        name: "apk",
        aliases: &[],
        program: "apk",
        list: r"awk -v OFS='\t' -F: '/^P:/{p=$2} /^V:/{v=$2} /^A:/{a=$2} /^$/{if(p)print p,v,a; p=0} END{if(p)print p,v,a}' /lib/apk/db/installed",
        fields: &["name", "version", "arch"],
    },
];

impl Module for PackageFacts {
    const NAME: &'static str = "ansible.builtin.package_facts";
    const SPEC: Spec = Spec::new(
        "Lists the installed packages of the target as `ansible_facts.packages`.",
        &[
            Opt::new(
                "manager",
                Kind::List,
                "Which package managers to ask, in order: `auto` is every one that is known.",
            )
            .elements(Kind::Str)
            .default("[auto]"),
            Opt::new("strategy", Kind::Str, "Whether the first that is there answers, or all.")
                .choices(&["first", "all"])
                .default("first"),
        ],
    )
    .examples("- package_facts:\n- debug:\n    var: ansible_facts.packages['kubelet']\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut asked: Vec<&Manager> = vec![];
        for name in args.manager.iter().map(|name| name.to_lowercase()) {
            let named: Vec<&Manager> = MANAGERS
                .iter()
                .filter(|m| name == "auto" || m.name == name || m.aliases.contains(&name.as_str()))
                .collect();
            if named.is_empty() {
                let known: Vec<&str> = MANAGERS.iter().map(|manager| manager.name).collect();
                return Err(Failure::new(format!(
                    "Could not detect a supported package manager from the following list: [{name}]; known here: {}",
                    known.join(", ")
                )));
            }
            asked.extend(named);
        }
        let mut packages = Map::new();
        let mut answered = false;
        for manager in asked {
            let script =
                format!("command -v {} >/dev/null 2>&1 || exit 94\n{}", manager.program, manager.list);
            let listed = cx.sh(script).await?;
            if !listed.succeeded() || listed.stdout.is_empty() {
                continue;
            }
            answered = true;
            add(&mut packages, manager, &listed.out());
            if args.strategy == "first" {
                break;
            }
        }
        if !answered {
            let list = args.manager.join("', '");
            return Err(Failure::new(format!(
                "Could not detect a supported package manager from the following list: ['{list}']"
            )));
        }
        let facts = json!({ "packages": packages });
        Ok(Check::Done(Output::new(false).with("ansible_facts", facts)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

fn add(packages: &mut Map, manager: &Manager, text: &str) {
    for line in text.lines() {
        let mut values = line.split('\t');
        let mut package = Map::new();
        for field in manager.fields {
            let value = values.next().unwrap_or("");
            let json = match (*field, value) {
                ("epoch", "(none)") => Json::Null,
                ("epoch", epoch) => epoch.parse::<i64>().map_or(Json::Null, Json::from),
                ("arch", "(none)") => Json::Null,
                (_, value) => value.into(),
            };
            package.insert((*field).to_string(), json);
        }
        package.insert("source".into(), manager.name.into());
        let Some(name) = package.get("name").and_then(Json::as_str).map(str::to_string) else { continue };
        if let Json::Array(list) = packages.entry(name).or_insert_with(|| json!([])) {
            list.push(Json::Object(package));
        }
    }
}
