//! `lineinfile`: a particular line is in a file, or is not. The file's lines and the arguments come in, the new lines
//! and Ansible's message go out; everything between is pure.

mod lines;

use super::attributes::{Wanted, with_attributes};
use super::diff::edited;
use super::facts::{Content, Look};
use super::pattern::raised;
use super::text::{Edit, Foreseen, Manner, not_editable};
use lines::Outcome;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// The module.
#[derive(Debug)]
pub(super) struct LineInFile;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    path: String,
    state: String,
    #[serde(default)]
    regexp: Option<String>,
    #[serde(default)]
    search_string: Option<String>,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    insertafter: Option<String>,
    #[serde(default)]
    insertbefore: Option<String>,
    backrefs: bool,
    create: bool,
    backup: bool,
    firstmatch: bool,
    #[serde(default)]
    validate: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

impl Module for LineInFile {
    const NAME: &'static str = "ansible.builtin.lineinfile";
    const SPEC: Spec = Spec::new(
        "Makes sure that a line is in a file, or is not.",
        with_attributes![
            Opt::new("path", Kind::Path, "The file.").aliases(&["dest", "destfile", "name"]).required(),
            Opt::new("state", Kind::Str, "Whether the line shall be there.")
                .default("present")
                .choices(&["absent", "present"]),
            Opt::new(
                "regexp",
                Kind::Str,
                "The line to replace or remove: the last that matches this pattern."
            )
            .aliases(&["regex"]),
            Opt::new(
                "search_string",
                Kind::Str,
                "The line to replace or remove: the last that holds this text."
            ),
            Opt::new("line", Kind::Str, "The line.").aliases(&["value"]),
            Opt::new(
                "insertafter",
                Kind::Str,
                "A new line goes after the last match of this pattern, or `EOF`."
            ),
            Opt::new(
                "insertbefore",
                Kind::Str,
                "A new line goes before the last match of this pattern, or `BOF`."
            ),
            Opt::new(
                "backrefs",
                Kind::Bool,
                "`line` may use groups of `regexp`; without a match nothing changes."
            )
            .default("false"),
            Opt::new("create", Kind::Bool, "Makes the file if it is not there.").default("false"),
            Opt::new("backup", Kind::Bool, "Keeps a copy of the file before a change.").default("false"),
            Opt::new("firstmatch", Kind::Bool, "Takes the first match in place of the last.")
                .default("false"),
            Opt::new(
                "validate",
                Kind::Str,
                "A command that must accept the new file, `%s`, before it is used."
            ),
        ],
    )
    .exclusive(&[
        &["insertbefore", "insertafter"],
        &["regexp", "search_string"],
        &["backrefs", "search_string"],
    ])
    .examples(
        "- lineinfile:\n    path: /etc/selinux/config\n    regexp: ^SELINUX=\n    line: SELINUX=permissive\n",
    );
    type Args = Args;
    type Change = Foreseen;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Foreseen>, Failure> {
        let wanted = &args.wanted;
        let facts = Look::at(&args.path).wanted(wanted).content(Content::All).run(cx).await?;
        if let Some(failure) = not_editable(&facts) {
            return Err(failure);
        }
        let path = &facts.path;
        let wish = lines::Wish {
            regexp: args.regexp.as_deref(),
            search_string: args.search_string.as_deref(),
            line: args.line.as_deref(),
            insertafter: args.insertafter.as_deref(),
            insertbefore: args.insertbefore.as_deref(),
            backrefs: args.backrefs,
            firstmatch: args.firstmatch,
        };
        let present = args.state == "present";
        wish.validate(present)?;
        let exists = facts.seen.exists();
        if !exists && !present {
            return Ok(Check::Done(Output::new(false).with("msg", "file not present")));
        }
        if !exists && !args.create {
            let message = format!("Destination {path} does not exist !");
            return Err(Failure::new(message).with("rc", 257));
        }
        let before = match (&facts.content, exists) {
            (Some(content), _) => content.as_slice(),
            (None, false) => &[],
            (None, true) => return Err(raised(format!("[Errno 13] Permission denied: b'{path}'"))),
        };
        let Outcome { content, message, found } =
            if present { wish.present(before)? } else { wish.absent(before)? };
        let changed = content.is_some();
        let after = content.as_deref().unwrap_or(before);
        let mut output = Output::default();
        if let Some(text) = wish.warning() {
            output = output.warn(text);
        }
        if cx.check_mode && !exists {
            let diff = edited(path, before, after, cx.diff, Default::default());
            let first = diff.get(0).cloned().unwrap_or(Json::Null);
            output =
                output.with("changed", changed).with("msg", message).with("backup", "").with("diff", first);
            return Ok(Check::Done(output));
        }
        let diff = |edit: &Edit| {
            let attributes = (edit.plan.before.clone(), edit.plan.after.clone());
            edited(path, before, after, cx.diff, attributes)
        };
        let manner = Manner {
            backup: args.backup && exists,
            validate: args.validate.clone(),
            parents: !exists,
            ..Manner::default()
        };
        let edit = Edit::new(&facts, wanted, content.clone(), manner)?;
        output = output.with("changed", !edit.is_nothing());
        if !present {
            output = output.with("found", found);
        }
        output = output.with("msg", edit.message(&message)).with("backup", "").with("diff", diff(&edit));
        Ok(Foreseen::or_done(edit, output))
    }

    async fn apply(&self, change: Foreseen, cx: &Context) -> Result<Output, Failure> {
        let written = change.edit.run(cx).await?;
        let backup = written.and_then(|written| written.backup).unwrap_or_default();
        Ok(change.output.with("backup", backup))
    }
}
