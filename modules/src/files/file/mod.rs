//! `file`: a path is a file, a directory, a link, or nothing, with its owner, mode and times. One look finds out all
//! that a state depends on; what must be done becomes one script ([`Work`]), and the difference is as Ansible shows it.

mod links;
mod states;
pub(super) use states::missing;
pub(super) use walk::{WALK, read as read_walk};
mod times;
mod walk;

use super::attributes::{Wanted, with_attributes};
use super::facts::{Facts, Id, Look, Seen};
use super::script::{self, quote};
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use times::Times;

/// The module.
#[derive(Debug)]
pub(super) struct File;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    pub path: String,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub src: Option<String>,
    pub recurse: bool,
    pub force: bool,
    pub follow: bool,
    #[serde(default)]
    pub modification_time: Option<String>,
    pub modification_time_format: String,
    #[serde(default)]
    pub access_time: Option<String>,
    pub access_time_format: String,
    #[serde(flatten)]
    pub wanted: Wanted,
}

/// What must be done, and what to answer.
#[derive(Debug)]
pub(super) struct Work {
    /// The path that the result names.
    path: String,
    /// Under which key: `path`, or `dest` for links and `touch`.
    key: &'static str,
    /// Scripts, run one after the other; nothing to do without any.
    pub scripts: Vec<String>,
    /// Put before a script's own words when it fails, `{}` standing for them.
    pub complaint: String,
    pub before: Map,
    pub after: Map,
    pub output: Output,
    /// What is there for as long as nothing is done, where that is to go.
    pub stands: Map,
    /// Whether the answer in check mode has no difference, or only the part known before.
    pub foreseen: Foreseen,
}

/// What check mode answers.
#[derive(Debug, Default)]
pub(super) enum Foreseen {
    /// The same as without.
    #[default]
    Same,
    /// Only this difference.
    Diff(Map, Map),
    /// No difference at all.
    Bare,
}

impl Work {
    fn new(key: &'static str, path: &str, was: &str, becomes: &str) -> Self {
        let (mut before, mut after) = super::facts::path_diff(path);
        if was != becomes {
            before.insert("state".into(), was.into());
            after.insert("state".into(), becomes.into());
        }
        Self {
            path: path.to_string(),
            key,
            scripts: vec![],
            complaint: "{}".into(),
            before,
            after,
            output: Output::default().with(key, path),
            stands: Map::new(),
            foreseen: Foreseen::Same,
        }
    }

    /// Adds commands that set attributes, and their part of the difference.
    fn set(&mut self, plan: super::attributes::Plan, path: &str) {
        for command in plan.commands(&quote(path)) {
            self.scripts.push(format!("{command} || exit 90\n"));
        }
        self.before.extend(plan.before);
        self.after.extend(plan.after);
    }

    /// The failure of an attribute that could not be set, by what its program said and what that means.
    fn unset(&self, program: &str, said: &str) -> Failure {
        let owns = ["chown", "chgrp"].into_iter().find(|name| program.starts_with(&format!("{name}:")));
        let Some(name) = owns else {
            return Failure::new(match program.starts_with("chmod:") {
                true => format!("Task failed: Module failed: {said}"),
                false => said.to_string(),
            });
        };
        let mut failure = Failure::new(format!("{name} failed")).with("path", self.path.as_str());
        for key in ["uid", "gid", "owner", "group", "mode", "state", "size"] {
            if let Some(value) = self.output.result.get(key) {
                failure = failure.with(key, value.clone());
            }
        }
        failure.caused_by(said)
    }

    fn diff(&self) -> Json {
        json!({"before": self.before, "after": self.after})
    }
}

impl Module for File {
    const NAME: &'static str = "ansible.builtin.file";
    const SPEC: Spec = Spec::new(
        "Makes files, directories and links, sets their owner, mode and times, or removes them.",
        with_attributes![
            Opt::new("path", Kind::Path, "The path.").aliases(&["dest", "name"]).required(),
            Opt::new(
                "state",
                Kind::Str,
                "What shall be there; what is there already unless given, else `file`."
            )
            .choices(&["absent", "directory", "file", "hard", "link", "touch"]),
            Opt::new("src", Kind::Path, "Where a link leads."),
            Opt::new("recurse", Kind::Bool, "Sets attributes on everything in a directory too.")
                .default("false"),
            Opt::new("force", Kind::Bool, "Links to what is not there, and in place of what is.")
                .default("false"),
            Opt::new("follow", Kind::Bool, "Means what a link leads to.").default("true"),
            Opt::new("_diff_peek", Kind::Bool, "Of no effect here."),
            Opt::new("_original_basename", Kind::Str, "Of no effect here."),
            Opt::new("modification_time", Kind::Str, "`preserve`, `now`, or a time."),
            Opt::new("modification_time_format", Kind::Str, "How that time is written.")
                .default("\"%Y%m%d%H%M.%S\""),
            Opt::new("access_time", Kind::Str, "`preserve`, `now`, or a time."),
            Opt::new("access_time_format", Kind::Str, "How that time is written.")
                .default("\"%Y%m%d%H%M.%S\""),
        ],
    )
    .examples("- file: {path: /etc/kubernetes/pki, state: directory, mode: \"0755\"}\n");
    type Args = Args;
    type Change = Work;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Work>, Failure> {
        let times = Times::read(args)?;
        let then = format!("{}{}", times.script(), states::more(args, cx.diff));
        let name = args.src.as_deref().and_then(|src| src.rsplit('/').next()).filter(|n| !n.is_empty());
        let inside = name.filter(|_| args.state.as_deref() == Some("hard"));
        let look = Look::at(&args.path).inside(inside).wanted(&args.wanted).then(&then);
        let mut facts = look.run(cx).await?;
        let times = times.learn(&mut facts.rest)?;
        let work = states::work(args, facts, times, cx).await?;
        let mut output = work.output.clone().with("changed", !work.scripts.is_empty());
        if work.scripts.is_empty() {
            if cx.diff && !work.before.is_empty() {
                output = output.with("diff", work.diff());
            }
            return Ok(Check::Done(output));
        }
        let diff = match &work.foreseen {
            Foreseen::Same => Some(work.diff()),
            Foreseen::Diff(before, after) => Some(json!({"before": before, "after": after})),
            Foreseen::Bare => None,
        };
        if let (true, true, Some(diff)) = (cx.diff, cx.check_mode, diff) {
            output = output.with("diff", diff);
        }
        output.result.extend(work.stands.clone());
        Ok(Check::Would { foreseen: output, change: work })
    }

    async fn apply(&self, work: Work, cx: &Context) -> Result<Output, Failure> {
        let path = quote(&work.path);
        let mut scripts = work.scripts.iter();
        let last = scripts.next_back().map_or("", String::as_str);
        let complain = |failure: Failure| {
            let said = script::os_error(failure.message(), &work.path);
            let mut failure = match work.complaint.split_once(".: ") {
                Some((doing, _)) => {
                    let failure = failure.with("msg", format!("{doing}.")).with("path", work.path.as_str());
                    failure.caused_by(said)
                }
                None if work.complaint == "{}" => work.unset(failure.message(), &said),
                None => failure
                    .with("msg", work.complaint.replace("{}", &said))
                    .with(work.key, work.path.as_str()),
            };
            failure.result.extend(work.stands.clone());
            failure
        };
        let mut batch = String::new();
        for script in scripts {
            // A script is one argument of a shell, which may not be very long.
            if !batch.is_empty() && batch.len() + script.len() > 60_000 {
                script::run(cx, &batch).await.map_err(complain)?;
                batch.clear();
            }
            batch.push_str(script);
        }
        batch.push_str(last);
        let mut answer = script::run(cx, &format!("{batch}look {path}\n")).await.map_err(complain)?;
        let mut output = work.output.clone().with("changed", true);
        for key in ["uid", "gid", "owner", "group", "mode", "size", "state"] {
            output.result.shift_remove(key);
        }
        Seen::read(&mut answer)?.describe(&mut output.result);
        if work.output.result.get("state") == Some(&Json::from("absent")) {
            output = output.with("state", "absent");
        }
        if cx.diff {
            output = output.with("diff", work.diff());
        }
        Ok(output)
    }
}

/// Warnings that check mode gives for owners that do not exist yet; gives what is left to want.
fn not_yet(args: &Args, facts: &Facts, output: &mut Output) -> Wanted {
    let mut wanted = args.wanted.clone();
    for (who, what, slot, id) in
        [("user", "uid", &mut wanted.owner, facts.owner), ("group", "gid", &mut wanted.group, facts.group)]
    {
        let Some(name) = slot.clone().filter(|name| !name.is_empty()) else { continue };
        let text = match id {
            Id::Known(_) => continue,
            Id::Unnamed(_) => {
                format!(
                    "failed to look up {who} with {what} {name}. Create {who} up to this point in real play"
                )
            }
            Id::Unknown => {
                format!("failed to look up {who} {name}. Create {who} up to this point in real play")
            }
        };
        *output = std::mem::take(output).warn(text);
        if id == Id::Unknown {
            *slot = None;
        }
    }
    wanted
}
