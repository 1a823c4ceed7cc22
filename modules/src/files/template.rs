//! `template`: a file of this machine, rendered for the host, comes to a place there. Rendering is the scope's; sending
//! is `copy`'s.

use super::attributes::{Wanted, with_attributes};
use super::copy::one::{self, Asked, Source};
use super::encoding::Encoding;
use super::local::{self, basename};
use indexmap::IndexMap;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use muster_engine::node::Node;
use muster_engine::template::{FileOptions, Scope, Variable, about, managed};
use serde::Deserialize;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

/// The module.
#[derive(Debug)]
pub(super) struct Template;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    src: String,
    dest: String,
    backup: bool,
    force: bool,
    follow: bool,
    #[serde(default)]
    validate: Option<String>,
    newline_sequence: String,
    output_encoding: String,
    trim_blocks: bool,
    lstrip_blocks: bool,
    variable_start_string: String,
    variable_end_string: String,
    block_start_string: String,
    block_end_string: String,
    #[serde(default)]
    comment_start_string: Option<String>,
    #[serde(default)]
    comment_end_string: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

impl Module for Template {
    const NAME: &'static str = "ansible.builtin.template";
    const SPEC: Spec = Spec::new(
        "Renders a template to a file on the host.",
        with_attributes![
            Opt::new("src", Kind::Path, "The template.").required(),
            Opt::new("dest", Kind::Path, "Where it goes.").required(),
            Opt::new("backup", Kind::Bool, "Keeps a copy of what is there before a change.").default("false"),
            Opt::new("force", Kind::Bool, "Replaces what is there if it differs.").default("true"),
            Opt::new("follow", Kind::Bool, "Writes to what a link at `dest` leads to.").default("false"),
            Opt::new(
                "validate",
                Kind::Str,
                "A command that must accept the new file, `%s`, before it is used."
            ),
            Opt::new("newline_sequence", Kind::Str, "How lines end.")
                .default("\"\\n\"")
                .choices(&["\n", "\r", "\r\n", "\\n", "\\r", "\\r\\n"]),
            Opt::new("output_encoding", Kind::Str, "The file's encoding.").default("utf-8"),
            Opt::new("trim_blocks", Kind::Bool, "Drops the line's end after a block.").default("true"),
            Opt::new("lstrip_blocks", Kind::Bool, "Drops spaces before a block.").default("false"),
            Opt::new("variable_start_string", Kind::Str, "What begins an expression.").default("\"{{\""),
            Opt::new("variable_end_string", Kind::Str, "What ends it.").default("\"}}\""),
            Opt::new("block_start_string", Kind::Str, "What begins a block.").default("\"{%\""),
            Opt::new("block_end_string", Kind::Str, "What ends it.").default("\"%}\""),
            Opt::new("comment_start_string", Kind::Str, "What begins a comment."),
            Opt::new("comment_end_string", Kind::Str, "What ends it."),
        ],
    )
    .examples(
        "- template: {src: haproxy.cfg.j2, dest: /etc/haproxy/haproxy.cfg, validate: \"haproxy -c -f %s\"}\n",
    )
    .side(Side::Both)
    .manners(Manners {
        missing: Some("src and dest are required"),
        works: Some(super::copy::WORKS),
        given: Some(&[]),
        ..Manners::USUAL
    });
    type Args = Args;
    type Change = one::Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<one::Change>, Failure> {
        let nothing = cx.written.as_map().and_then(|map| map.get("src")).is_some_and(Node::is_null);
        if nothing {
            return Err(Failure::new("src and dest are required"));
        }
        let path = cx.find("templates", &args.src).map_err(uncalled)?;
        if path.is_dir() {
            let path = path.display();
            return Err(Failure::new(format!(
                "Task failed: An error occurred while trying to read the file '{path}': [Errno 21] Is a directory: '{path}'"
            )));
        }
        let text = rendered(args, &path, cx).await;
        let bytes = text.and_then(|text| encoded(&text, &args.output_encoding)).map_err(uncalled)?;
        let mut wanted = args.wanted.clone();
        if wanted.mode.as_ref() == Some(&Json::from("preserve")) {
            wanted.mode = Some(local::mode_of(&path)?.into());
        }
        let asked = Asked {
            dest: &args.dest,
            wanted,
            backup: args.backup,
            force: args.force,
            follow: args.follow,
            validate: args.validate.as_deref(),
            directory_mode: None,
            checksum: None,
        };
        let shown = path.display().to_string();
        let source = Source { bytes: bytes.into(), name: Some(basename(&args.src)), shown: Some(&shown) };
        one::check(&asked, source, cx).await
    }

    async fn apply(&self, change: one::Change, cx: &Context) -> Result<Output, Failure> {
        one::apply(change, cx).await
    }
}

/// A failure before anything was called: nothing is told of a call.
fn uncalled(failure: Failure) -> Failure {
    failure.with("invocation", serde_json::Value::Null)
}

/// The rendered text with its lines ended as wanted.
async fn rendered(args: &Args, path: &Path, cx: &Context) -> Result<String, Failure> {
    let bytes = local::read(cx, path, true).await?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("the template {} is not UTF-8", path.display())))?;
    let comment = match (&args.comment_start_string, &args.comment_end_string) {
        (None, None) => None,
        (start, end) => Some((start.clone().unwrap_or("{#".into()), end.clone().unwrap_or("#}".into()))),
    };
    let written = text.clone();
    let options = FileOptions {
        trim_blocks: Some(args.trim_blocks),
        lstrip_blocks: Some(args.lstrip_blocks),
        variable: Some((args.variable_start_string.clone(), args.variable_end_string.clone())),
        block: Some((args.block_start_string.clone(), args.block_end_string.clone())),
        comment,
        ..FileOptions::default()
    };
    let scope = cx.scope.with(names(args, path, &cx.scope)?);
    let name = path.display().to_string();
    let text = scope.file(&name, &text, &options)?;
    let newline = match args.newline_sequence.as_str() {
        "\\r" | "\r" => "\r",
        "\\r\\n" | "\r\n" => "\r\n",
        _ => return Ok(text),
    };
    // A text without a template in it is sent as it is.
    if !is_template(args, &written) {
        return Ok(text);
    }
    Ok(text.replace("\r\n", "\n").replace('\n', newline))
}

/// Whether a text holds anything that begins a template.
fn is_template(args: &Args, text: &str) -> bool {
    let comment = args.comment_start_string.as_deref().unwrap_or("{#");
    let starts = [args.variable_start_string.as_str(), &args.block_start_string, comment];
    starts.iter().any(|start| text.contains(start))
}

/// The variables that a template has about itself.
fn names(args: &Args, path: &Path, scope: &Scope) -> Result<IndexMap<Arc<str>, Variable>, Failure> {
    let mut names = about(path, &args.src, Some(&args.dest))
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    if scope.get("ansible_managed").ok().flatten().is_none() {
        let text = managed(scope.managed(), path, &names);
        names.insert("ansible_managed".into(), Variable::Known(text));
    }
    Ok(names)
}

/// Text in an encoding.
fn encoded(text: &str, encoding: &str) -> Result<Vec<u8>, Failure> {
    let found = Encoding::named(encoding)
        .ok_or_else(|| Failure::new(format!("Task failed: unknown encoding: {encoding}")))?;
    found
        .encode(text)
        .ok_or_else(|| Failure::new(format!("the rendered text has characters that {encoding} has not")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_or_refused() {
        assert_eq!(encoded("é", "utf-8").unwrap(), "é".as_bytes());
        assert_eq!(encoded("é", "ISO-8859-1").unwrap(), [0xe9]);
        assert_eq!(encoded("a", "utf-16").unwrap(), [0xff, 0xfe, b'a', 0]);
        assert!(encoded("é", "ascii").is_err());
        assert!(encoded("a", "klingon").is_err());
    }
}
