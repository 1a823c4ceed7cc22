//! `ansible.builtin.package_facts`: every installed package, as the fact `packages`.

use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Reason, Spec};
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
        list: r#"pacman -Qi | awk -F' *: ' -v OFS='\t' '$1=="Name"{n=$2} $1=="Version"{v=$2} $1=="Architecture"{print n,v,$2}'"#,
        fields: &["name", "version", "arch"],
    },
    Manager {
        name: "apk",
        aliases: &[],
        program: "apk",
        list: r"apk info >/dev/null && awk -v OFS='\t' '/^P:/{p=substr($0,3)} /^V:/{v=substr($0,3); r=v; sub(/^.*-/,q,r); sub(/-[^-]*$/,q,v)} /^$/{if(p)print p,v,r; p=0} END{if(p)print p,v,r}' /lib/apk/db/installed",
        fields: &["name", "version", "release"],
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
        let (named, wanted) = args.managers()?;
        let (mut packages, mut warnings, mut answered) = (Map::new(), vec![], false);
        for name in &wanted {
            let Some(manager) = MANAGERS.iter().find(|manager| manager.name == *name) else { continue };
            let listed = match tool::ask(cx, &[manager.program], manager.list).await {
                Ok(listed) => listed,
                Err(failure) if failure.reason == Reason::Failed => {
                    if args.manager.iter().any(|given| given == name) {
                        warnings.push(format!(
                            "Requested package manager {name} was not usable by this module: {}",
                            failure.message()
                        ));
                    }
                    continue;
                }
                Err(lost) => return Err(lost),
            };
            if !listed.succeeded() {
                warnings.push(format!(
                    "Failed to retrieve packages with {name}: Unable to list packages rc={} : {}",
                    listed.rc,
                    listed.err()
                ));
            }
            if !listed.succeeded() || listed.stdout.is_empty() {
                warnings.push(format!("Found \"{name}\" but no associated packages"));
                continue;
            }
            answered = true;
            add(&mut packages, manager, &listed.out());
            if args.strategy == "first" {
                break;
            }
        }
        if !answered {
            let message = format!(
                "Could not detect a supported package manager from the following list: ['{}'], or the required Python library is not installed. Check warnings for details.",
                named.join("', '")
            );
            let failure = Failure::new(message);
            return Err(if warnings.is_empty() { failure } else { failure.with("warnings", warnings) });
        }
        let facts = json!({ "packages": packages });
        let output = Output::default().with("ansible_facts", facts);
        Ok(Check::Done(warnings.into_iter().fold(output, Output::warn)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Every name that Ansible knows, `auto` meaning all of them in this order.
const KNOWN: [&str; 7] = ["apk", "apt", "pacman", "pkg", "pkg_info", "portage", "rpm"];

impl Args {
    /// The managers as they were named, and each once by its first name.
    fn managers(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        let mut names: Vec<String> = self.manager.iter().map(|name| name.to_lowercase()).collect();
        let all = names.iter().any(|name| name == "auto");
        if all {
            names.retain(|name| name != "auto");
            names.extend(KNOWN.map(str::to_string));
        }
        let first = |name: &String| {
            let of = MANAGERS.iter().find(|manager| manager.aliases.contains(&name.as_str()));
            of.map_or_else(|| name.clone(), |manager| manager.name.to_string())
        };
        let unknown: Vec<&str> =
            names.iter().filter(|name| !KNOWN.contains(&first(name).as_str())).map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(Failure::new(match all {
                true => "Could not auto detect a usable package manager, check warnings for details.".into(),
                false => format!("Unsupported package managers requested: {}", unknown.join(", ")),
            }));
        }
        let mut asked: Vec<String> = vec![];
        for name in names.iter().map(first) {
            if !asked.contains(&name) {
                asked.push(name);
            }
        }
        Ok((names, asked))
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
