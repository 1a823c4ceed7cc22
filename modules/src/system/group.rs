//! `ansible.builtin.group`: a group is there, with its id, or is not. A look finds the group's line; what differs becomes
//! one call of groupadd, groupmod or groupdel (their `l…` brothers with `local`, busybox's own where there is nothing else).

use super::account::{self, Answered, ENTRY, program};
use crate::files::script::{self, quote};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.group`.
pub struct Group;

/// What a task gives to [`Group`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    gid: Option<i64>,
    state: String,
    force: bool,
    system: bool,
    local: bool,
    non_unique: bool,
    gid_min: Option<i64>,
    gid_max: Option<i64>,
}

/// The command that makes the change, and the arguments for the answer.
#[derive(Debug)]
pub struct Change {
    command: String,
    args: Args,
}

impl Module for Group {
    const NAME: &'static str = "ansible.builtin.group";
    const SPEC: Spec = Spec::new(
        "Makes, changes and removes groups.",
        &[
            Opt::new("name", Kind::Str, "The group.").required(),
            Opt::new("gid", Kind::Int, "Its id."),
            Opt::new("state", Kind::Str, "Whether it shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("force", Kind::Bool, "Removes it even if it is the first group of a user.")
                .default("false"),
            Opt::new("system", Kind::Bool, "Makes it a group of the system.").default("false"),
            Opt::new(
                "local",
                Kind::Bool,
                "Uses `lgroupadd` and its like, for hosts whose groups come from elsewhere too.",
            )
            .default("false"),
            Opt::new("non_unique", Kind::Bool, "The id may be another group's too.").default("false"),
            Opt::new("gid_min", Kind::Int, "The least id for a new group."),
            Opt::new("gid_max", Kind::Int, "The largest id for a new group."),
        ],
    )
    .required_if(&[("non_unique", "True", &["gid"])])
    .examples("- group: {name: etcd, system: true}\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.force && args.local {
            let message =
                "force is not a valid option for local, force=True and local=True are mutually exclusive";
            return Err(Failure::new(message));
        }
        for (key, given) in [("gid_min", args.gid_min.is_some()), ("gid_max", args.gid_max.is_some())] {
            if args.local && given {
                return Err(Failure::new(format!("'{key}' can not be used with 'local'")));
            }
        }
        let mut answer = script::run(cx, &format!("{ENTRY}{}", entry(args))).await?;
        let now = gid(&answer.field()?);
        let output = Output::default()
            .with("name", args.name.as_str())
            .with("state", args.state.as_str())
            .with("changed", false);
        let command = match (args.state.as_str(), now) {
            ("absent", None) => return Ok(Check::Done(output)),
            ("absent", Some(_)) => removal(args),
            (_, None) => addition(args),
            (_, Some(gid)) if args.gid.is_none_or(|wanted| wanted == gid) => {
                return Ok(Check::Done(output.with("system", args.system).with("gid", gid)));
            }
            (_, Some(gid)) => {
                let foreseen = output.with("changed", true).with("system", args.system).with("gid", gid);
                let change = Change { command: modification(args), args: args.clone() };
                return Ok(Check::Would { change, foreseen });
            }
        };
        Ok(Check::Would { change: Change { command, args: args.clone() }, foreseen: Output::new(true) })
    }

    async fn apply(&self, Change { command, args }: Change, cx: &Context) -> Result<Output, Failure> {
        let done = account::run(cx, &format!("{command}{}", entry(&args)), None).await?;
        let Answered { rc, out, err, mut rest } = done;
        if rc != 0 {
            return Err(Failure::new(err).with("name", args.name.as_str()));
        }
        let output = Output::default()
            .with("name", args.name.as_str())
            .with("state", args.state.as_str())
            .with("changed", true);
        let output = account::streams(output, &out, &err);
        Ok(match gid(&rest.field()?) {
            Some(gid) => output.with("system", args.system).with("gid", gid),
            None => output,
        })
    }
}

/// Prints the group's line; of the host's own file only with `local`.
fn entry(args: &Args) -> String {
    match args.local {
        true => format!("put \"$(own group {})\"\n", quote(&args.name)),
        false => format!("put \"$(entry group {})\"\n", quote(&args.name)),
    }
}

fn gid(line: &str) -> Option<i64> {
    line.split(':').nth(2)?.trim().parse().ok()
}

/// Another group that has the id, which `l…` programs would not mind.
fn taken(args: &Args) -> String {
    match args.gid.filter(|gid| args.local && *gid != 0) {
        Some(gid) => format!(
            "l=$(own_id group {gid}); n=${{l%%:*}}\n\
             [ -z \"$n\" ] || [ \"$n\" = {} ] || die \"GID '{gid}' already exists with group '$n'\"\n",
            quote(&args.name)
        ),
        None => String::new(),
    }
}

fn addition(args: &Args) -> String {
    let name = quote(&args.name);
    let gid = args.gid.map_or_else(String::new, |gid| format!(" -g {gid}"));
    let unique = if args.non_unique && args.gid.is_some() { " -o" } else { "" };
    let system = if args.system { " -r" } else { "" };
    let mut limits = String::new();
    for (key, limit) in [("GID_MIN", args.gid_min), ("GID_MAX", args.gid_max)] {
        if let Some(limit) = limit {
            limits.push_str(&format!(" -K {key}={limit}"));
        }
    }
    let usual = format!("{gid}{unique}{system}{limits} -- {name}");
    match args.local {
        true => format!(
            "{}{}act {} -- {name}\n",
            taken(args),
            program("lgroupadd"),
            format_args!("lgroupadd{gid}{system}")
        ),
        false => {
            let busybox = format!("addgroup{gid}{} -- {name}", if args.system { " -S" } else { "" });
            account::either("groupadd", &format!("groupadd{usual}"), "addgroup", &busybox)
        }
    }
}

fn modification(args: &Args) -> String {
    let tool = if args.local { "lgroupmod" } else { "groupmod" };
    let unique = if args.non_unique { " -o" } else { "" };
    let gid = args.gid.unwrap_or_default();
    format!("{}{}act {tool} -g {gid}{unique} -- {}\n", taken(args), program(tool), quote(&args.name))
}

fn removal(args: &Args) -> String {
    let name = quote(&args.name);
    if args.local {
        return format!("{}act lgroupdel -- {name}\n", program("lgroupdel"));
    }
    let force = if args.force { " -f" } else { "" };
    account::either(
        "groupdel",
        &format!("groupdel{force} -- {name}"),
        "delgroup",
        &format!("delgroup -- {name}"),
    )
}
