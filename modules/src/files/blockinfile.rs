//! `blockinfile`: lines between two markers are in a file, or are not. What lies outside the markers is never touched.

use super::attributes::{Wanted, with_attributes};
use super::diff::edited;
use super::facts::{Content, Look};
use super::pattern::{Flags, Pattern};
use super::text::{Edit, Manner, not_editable};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// The module.
#[derive(Debug)]
pub(super) struct BlockInFile;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    path: String,
    state: String,
    marker: String,
    marker_begin: String,
    marker_end: String,
    block: String,
    #[serde(default)]
    insertafter: Option<String>,
    #[serde(default)]
    insertbefore: Option<String>,
    create: bool,
    backup: bool,
    append_newline: bool,
    prepend_newline: bool,
    #[serde(default)]
    validate: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) struct Change {
    edit: Edit,
    output: Output,
}

impl Module for BlockInFile {
    const NAME: &'static str = "ansible.builtin.blockinfile";
    const SPEC: Spec = Spec::new(
        "Makes sure that a block of lines between markers is in a file, or is not.",
        with_attributes![
            Opt::new("path", Kind::Path, "The file.").aliases(&["dest", "destfile", "name"]).required(),
            Opt::new("state", Kind::Str, "Whether the block shall be there.")
                .default("present")
                .choices(&["absent", "present"]),
            Opt::new("marker", Kind::Str, "The lines around the block; `{mark}` is `BEGIN` or `END`.")
                .default("\"# {mark} ANSIBLE MANAGED BLOCK\""),
            Opt::new("marker_begin", Kind::Str, "What `{mark}` is before the block.").default("BEGIN"),
            Opt::new("marker_end", Kind::Str, "What `{mark}` is after the block.").default("END"),
            Opt::new("block", Kind::Str, "The lines; without any the block goes.")
                .aliases(&["content"])
                .default("\"\""),
            Opt::new(
                "insertafter",
                Kind::Str,
                "A new block goes after the last match of this pattern, or `EOF`."
            ),
            Opt::new(
                "insertbefore",
                Kind::Str,
                "A new block goes before the last match of this pattern, or `BOF`."
            ),
            Opt::new("create", Kind::Bool, "Makes the file if it is not there.").default("false"),
            Opt::new("backup", Kind::Bool, "Keeps a copy of the file before a change.").default("false"),
            Opt::new("append_newline", Kind::Bool, "Puts an empty line after the block.").default("false"),
            Opt::new("prepend_newline", Kind::Bool, "Puts an empty line before the block.").default("false"),
            Opt::new(
                "validate",
                Kind::Str,
                "A command that must accept the new file, `%s`, before it is used."
            ),
        ],
    )
    .exclusive(&[&["insertbefore", "insertafter"]])
    .examples("- blockinfile:\n    path: /etc/hosts\n    block: |\n      10.0.0.1 api.cluster.local\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let wanted = &args.wanted;
        let facts = Look::at(&args.path)
            .ids(wanted.owner.as_deref(), wanted.group.as_deref())
            .content(Content::All)
            .run(cx)
            .await?;
        if let Some(failure) = not_editable(&facts) {
            return Err(failure);
        }
        let (path, exists) = (&facts.path, facts.seen.exists());
        if !exists && !args.create {
            return Err(Failure::new(format!("Path {path} does not exist !")).with("rc", 257));
        }
        let before = match (&facts.content, exists) {
            (Some(content), _) => content.as_slice(),
            (None, false) => &[],
            (None, true) => return Err(Failure::new(format!("[Errno 13] Permission denied: b'{path}'"))),
        };
        let (after, message) = args.edited(before, exists)?;
        let content = after.clone();
        let manner = Manner {
            backup: args.backup && exists,
            validate: args.validate.clone(),
            parents: !exists,
            ..Manner::default()
        };
        let edit = Edit::new(&facts, wanted, after, manner)?;
        let attributes = (edit.plan.before.clone(), edit.plan.after.clone());
        let shown = content.as_deref().unwrap_or(before);
        let diff = edited(path, before, shown, cx.diff, attributes);
        let output = Output::new(!edit.is_nothing()).with("msg", edit.message(message)).with("diff", diff);
        if edit.is_nothing() {
            return Ok(Check::Done(output));
        }
        Ok(Check::Would { foreseen: output.clone(), change: Change { edit, output } })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let written = change.edit.run(cx).await?;
        Ok(match written.and_then(|written| written.backup) {
            Some(name) => change.output.with("backup_file", name),
            None => change.output,
        })
    }
}

impl Args {
    /// The new content, if it differs, and what to say about it.
    fn edited(&self, before: &[u8], exists: bool) -> Result<(Option<Vec<u8>>, &'static str), Failure> {
        let mark = |word: &str| {
            let mut line = self.marker.replace("{mark}", word);
            if !line.ends_with('\n') {
                line.push('\n');
            }
            line.into_bytes()
        };
        let (begin, end) = (mark(&self.marker_begin), mark(&self.marker_end));
        let present = self.state == "present" && !self.block.is_empty();
        let mut lines: Vec<Vec<u8>> = before.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        // The last line may be without an end; compare and insert as if it had one.
        let bare = |line: &[u8]| line.strip_suffix(b"\n").unwrap_or(line).to_vec();
        let is = |line: &[u8], marker: &[u8]| bare(line) == bare(marker);
        let first = lines.iter().rposition(|line| is(line, &begin));
        let last = lines.iter().rposition(|line| is(line, &end));
        let at = match (first, last) {
            (Some(a), Some(b)) if a < b => {
                lines.drain(a..=b);
                a
            }
            (Some(a), Some(b)) => {
                lines.remove(a);
                lines.remove(b);
                b
            }
            _ => self.place(&lines)?,
        };
        if present {
            let mut block = self.block.clone().into_bytes();
            if !block.ends_with(b"\n") {
                block.push(b'\n');
            }
            let mut new = vec![begin];
            new.extend(block.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec));
            new.push(end);
            let empty = |line: Option<&Vec<u8>>| line.is_none_or(|line| bare(line).is_empty());
            if self.prepend_newline && at > 0 && !empty(lines.get(at - 1)) {
                new.insert(0, b"\n".to_vec());
            }
            if self.append_newline && !empty(lines.get(at)) {
                new.push(b"\n".to_vec());
            }
            if let Some(line) = at.checked_sub(1).and_then(|i| lines.get_mut(i))
                && !line.ends_with(b"\n")
            {
                line.push(b'\n');
            }
            lines.splice(at..at, new);
        }
        let after = lines.concat();
        if after == before {
            return Ok((None, ""));
        }
        let message = match () {
            () if !exists => "File created",
            () if !present => "Block removed",
            () => "Block inserted",
        };
        Ok((Some(after), message))
    }

    /// Where a new block goes.
    fn place(&self, lines: &[Vec<u8>]) -> Result<usize, Failure> {
        let (text, before) = match (&self.insertbefore, &self.insertafter) {
            (Some(text), _) if text == "BOF" => return Ok(0),
            (Some(text), _) => (text, true),
            (None, Some(text)) if text != "EOF" => (text, false),
            _ => return Ok(lines.len()),
        };
        let pattern = Pattern::bytes(text, Flags::default())
            .map_err(|error| Failure::new(format!("the pattern `{text}` does not compile: {error}")))?;
        let mut at = None;
        for (i, line) in lines.iter().enumerate() {
            if pattern.matches(&Pattern::spread(line)).map_err(Failure::new)? {
                at = Some(if before { i } else { i + 1 });
            }
        }
        Ok(at.unwrap_or(lines.len()))
    }
}
