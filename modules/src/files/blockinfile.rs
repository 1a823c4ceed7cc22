//! `blockinfile`: lines between two markers are in a file, or are not. What lies outside the markers is never touched.

use super::attributes::{Wanted, with_attributes};
use super::diff::edited;
use super::facts::{Content, Look};
use super::pattern::{Flags, Pattern, raised};
use super::text::{Edit, Foreseen, Manner, not_editable};
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
    type Change = Foreseen;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Foreseen>, Failure> {
        let wanted = &args.wanted;
        let facts = Look::at(&args.path).wanted(wanted).content(Content::All).run(cx).await?;
        if let Some(failure) = not_editable(&facts) {
            return Err(failure);
        }
        let (path, exists) = (&facts.path, facts.seen.exists());
        if !exists && args.create && args.state == "absent" {
            return Ok(Check::Done(Output::new(false).with("msg", format!("File {path} not present"))));
        }
        if !exists && !args.create {
            return Err(Failure::new(format!("Path {path} does not exist !")).with("rc", 257));
        }
        let before = match (&facts.content, exists) {
            (Some(content), _) => content.as_slice(),
            (None, false) => &[],
            (None, true) => return Err(raised(format!("[Errno 13] Permission denied: b'{path}'"))),
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
        // What is not there yet has no attributes to tell of.
        let diff = match diff.get(0) {
            Some(content) if cx.check_mode && !exists => content.clone(),
            _ => diff,
        };
        let output = Output::new(!edit.is_nothing()).with("msg", edit.message(message)).with("diff", diff);
        Ok(Foreseen::or_done(edit, output))
    }

    async fn apply(&self, change: Foreseen, cx: &Context) -> Result<Output, Failure> {
        change.make(cx).await
    }
}

impl Args {
    /// The new content, if it differs, and what to say about it.
    fn edited(&self, before: &[u8], exists: bool) -> Result<(Option<Vec<u8>>, &'static str), Failure> {
        let mark = |word: &str| format!("{}\n", self.marker.replace("{mark}", word)).into_bytes();
        let (begin, end) = (mark(&self.marker_begin), mark(&self.marker_end));
        let present = self.state == "present";
        let mut lines: Vec<Vec<u8>> = before.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let first = lines.iter().rposition(|line| *line == begin);
        let last = lines.iter().rposition(|line| *line == end);
        let mut at = match (first, last) {
            (Some(a), Some(b)) => {
                // Markers that are alike, or in the wrong order, are a block too.
                lines.drain(a.min(b)..=a.max(b));
                a.min(b)
            }
            _ => self.place(before, &lines)?,
        };
        let above = at.checked_sub(1).and_then(|i| lines.get_mut(i));
        let mut apart = true;
        if let Some(line) = above {
            if !line.ends_with(b"\n") {
                line.push(b'\n');
            }
            apart = line == b"\n";
        }
        if self.prepend_newline && present && !apart {
            lines.insert(at.min(lines.len()), b"\n".to_vec());
            at += 1;
        }
        let mut new = vec![];
        if present && !self.block.is_empty() {
            let mut block = self.block.clone().into_bytes();
            if !block.ends_with(b"\n") {
                block.push(b'\n');
            }
            new.push(begin);
            new.extend(block.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec));
            new.push(end);
        }
        let (empty, at) = (new.is_empty(), at.min(lines.len()));
        if self.append_newline && present && lines.get(at).is_some_and(|line| line != b"\n") {
            new.push(b"\n".to_vec());
        }
        lines.splice(at..at, new);
        let after = lines.concat();
        if exists && after == before {
            return Ok((None, ""));
        }
        let message = match () {
            () if !exists => "File created",
            () if empty => "Block removed",
            () => "Block inserted",
        };
        Ok((Some(after), message))
    }

    /// Before which line a new block goes. A pattern that says `(?m)` is searched in the whole file, others in every line.
    fn place(&self, before: &[u8], lines: &[Vec<u8>]) -> Result<usize, Failure> {
        let (text, after) = match (&self.insertbefore, &self.insertafter) {
            (Some(text), _) if text == "BOF" => return Ok(0),
            (Some(text), _) => (text, false),
            (None, Some(text)) if text != "EOF" => (text, true),
            _ => return Ok(lines.len()),
        };
        let pattern = Pattern::bytes(text, Flags::default()).map_err(raised)?;
        let at = if pattern.multiline() {
            let whole = Pattern::spread(before);
            let found = pattern.captures(&whole).map_err(Failure::new)?.and_then(|found| {
                let found = found.get(0)?;
                whole.get(..if after { found.end() } else { found.start() })
            });
            found.map(|above| above.matches('\n').count())
        } else {
            let mut at = None;
            for (i, line) in lines.iter().enumerate() {
                if pattern.matches(&Pattern::spread(line)).map_err(Failure::new)? {
                    at = Some(i);
                }
            }
            at
        };
        Ok(at.map_or(lines.len(), |at| if after { at + 1 } else { at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edited(text: &str, more: serde_json::Value) -> (String, &'static str) {
        let mut args = json!({
            "path": "/x", "state": "present", "marker": "# {mark}", "marker_begin": "B", "marker_end": "E", "block": "x",
            "create": false, "backup": false, "append_newline": false, "prepend_newline": false,
        });
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let args: Args = serde_json::from_value(args).unwrap();
        let (after, message) = args.edited(text.as_bytes(), true).unwrap();
        (after.map_or_else(|| text.to_string(), |after| String::from_utf8(after).unwrap()), message)
    }

    #[test]
    fn markers_that_are_alike_or_swapped_are_a_block_too() {
        assert_eq!(edited("a\n# E\nold\n# B\nz\n", json!({})).0, "a\n# B\nx\n# E\nz\n");
        let (once, _) = edited("a\n", json!({"marker": "#"}));
        assert_eq!(once, "a\n#\nx\n#\n");
        assert_eq!(edited(&once, json!({"marker": "#"})).0, "a\n#\nx\n#\nx\n#\n");
    }

    #[test]
    fn a_pattern_for_many_lines_is_searched_in_the_whole_file() {
        let text = "one\ntwo\nthree\n";
        assert_eq!(edited(text, json!({"insertafter": "(?m)one\\ntw"})).0, "one\ntwo\n# B\nx\n# E\nthree\n");
        assert_eq!(edited(text, json!({"insertbefore": "(?m)two\\nth"})).0, "one\n# B\nx\n# E\ntwo\nthree\n");
        assert_eq!(edited(text, json!({"insertafter": "one\\ntw"})).0, format!("{text}# B\nx\n# E\n"));
    }

    #[test]
    fn empty_lines_go_around_a_block_only_between_others() {
        let both = json!({"append_newline": true, "prepend_newline": true, "insertafter": "a"});
        assert_eq!(edited("a\nb\n", both.clone()).0, "a\n\n# B\nx\n# E\n\nb\n");
        assert_eq!(edited("a\n", both.clone()).0, "a\n\n# B\nx\n# E\n");
        let (text, _) = edited("a\nb\n", both.clone());
        assert_eq!(edited(&text, both).0, text);
    }
}
