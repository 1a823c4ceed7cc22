//! `replace`: every match of a pattern in a file becomes something else, in the whole file or between two places.

use super::attributes::{Wanted, with_attributes};
use super::diff;
use super::encoding::Encoding;
use super::facts::{Content, Look};
use super::pattern::{Flags, Pattern, raised};
use super::text::{Edit, Foreseen, Manner, not_editable};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// The module.
#[derive(Debug)]
pub(super) struct Replace;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    path: String,
    regexp: String,
    replace: String,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    before: Option<String>,
    backup: bool,
    #[serde(default)]
    validate: Option<String>,
    encoding: String,
    #[serde(flatten)]
    wanted: Wanted,
}

impl Module for Replace {
    const NAME: &'static str = "ansible.builtin.replace";
    const SPEC: Spec = Spec::new(
        "Replaces every match of a pattern in a file.",
        with_attributes![
            Opt::new("path", Kind::Path, "The file.").aliases(&["dest", "destfile", "name"]).required(),
            Opt::new("regexp", Kind::Str, "The pattern; `^` and `$` mean every line.").required(),
            Opt::new("replace", Kind::Str, "What a match becomes; may use its groups.").default("\"\""),
            Opt::new("after", Kind::Str, "Only after a match of this pattern."),
            Opt::new("before", Kind::Str, "Only before a match of this pattern."),
            Opt::new("backup", Kind::Bool, "Keeps a copy of the file before a change.").default("false"),
            Opt::new(
                "validate",
                Kind::Str,
                "A command that must accept the new file, `%s`, before it is used."
            ),
            Opt::new("encoding", Kind::Str, "The file's encoding.").default("utf-8"),
        ],
    )
    .examples("- replace: {path: /etc/hosts, regexp: '\\bold\\b', replace: new}\n");
    type Args = Args;
    type Change = Foreseen;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Foreseen>, Failure> {
        let wanted = &args.wanted;
        let facts = Look::at(&args.path).wanted(wanted).content(Content::All).run(cx).await?;
        if let Some(failure) = not_editable(&facts) {
            return Err(failure);
        }
        let path = &facts.path;
        if !facts.seen.exists() {
            return Err(Failure::new(format!("Path {path} does not exist !")).with("rc", 257));
        }
        let before = match facts.content.clone() {
            Some(content) => content,
            // A device is read as one that has nothing to say.
            None if !facts.seen.is_file() => vec![],
            None => {
                let why = format!("[Errno 13] Permission denied: b'{path}'");
                return Err(Failure::new(format!("Unable to read the contents of {path}: {why}")));
            }
        };
        let encoding = Encoding::named(&args.encoding)
            .ok_or_else(|| raised(format!("unknown encoding: {}", args.encoding)))?;
        // What is not UTF-8 is edited byte by byte.
        let bytes = encoding.name() == "utf-8" && std::str::from_utf8(&before).is_err();
        let written = &match bytes {
            true => Pattern::spread(&before),
            false => encoding.decode(&before).ok_or_else(|| {
                raised(format!("'{}' codec can't decode the contents of {path}", encoding.name()))
            })?,
        };
        let Some((from, to)) = args.section(written, bytes)? else {
            let message =
                format!("Pattern for before/after params did not match the given file: {}", args.sections());
            return Ok(Check::Done(Output::new(false).with("rc", 0).with("msg", message)));
        };
        let flags = Flags { multiline: true, dotall: false };
        let pattern = Pattern::of(bytes, &args.regexp, flags).map_err(raised)?;
        let section = written.get(from..to).unwrap_or("");
        let (new, count) = pattern.replace_all(section, &args.replace).map_err(|error| {
            match error.starts_with("unknown group name") {
                true => raised(error),
                false => Failure::new(format!("Unable to process replace due to error: {error}")),
            }
        })?;
        let after = [written.get(..from).unwrap_or(""), &new, written.get(to..).unwrap_or("")].concat();
        let changed = count > 0 && after != *written;
        let message = if changed { format!("{count} replacements made") } else { String::new() };
        let manner = Manner { backup: args.backup, validate: args.validate.clone(), ..Manner::default() };
        let content = match bytes {
            true => Pattern::gather(&after),
            false => encoding.encode(&after).ok_or_else(|| {
                raised(format!("'{}' codec can't encode what {path} would become", encoding.name()))
            })?,
        };
        let edit = Edit::new(&facts, wanted, changed.then_some(content), manner)?;
        let mut output = Output::default()
            .with("rc", 0)
            .with("msg", edit.message(&message))
            .with("changed", !edit.is_nothing());
        if changed && cx.diff {
            let shown = |text: &str| if bytes { diff::text(&Pattern::gather(text)) } else { text.into() };
            let diff = json!({
                "before_header": path, "before": shown(written),
                "after_header": path, "after": shown(&after),
            });
            output = output.with("diff", diff);
        }
        Ok(Foreseen::or_done(edit, output))
    }

    async fn apply(&self, change: Foreseen, cx: &Context) -> Result<Output, Failure> {
        change.make(cx).await
    }
}

impl Args {
    /// The pattern that finds the section, for messages.
    fn sections(&self) -> String {
        match (&self.after, &self.before) {
            (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
            (Some(after), None) => format!("{after}(?P<subsection>.*)"),
            (None, before) => format!("(?P<subsection>.*){}", before.as_deref().unwrap_or("")),
        }
    }

    /// The bytes between `after` and `before`; all without either.
    fn section(&self, text: &str, bytes: bool) -> Result<Option<(usize, usize)>, Failure> {
        if self.after.is_none() && self.before.is_none() {
            return Ok(Some((0, text.len())));
        }
        let flags = Flags { multiline: false, dotall: true };
        let pattern = Pattern::of(bytes, &self.sections(), flags).map_err(raised)?;
        let captures = pattern.captures(text).map_err(Failure::new)?;
        Ok(captures.and_then(|found| found.name("subsection").map(|m| (m.start(), m.end()))))
    }
}
