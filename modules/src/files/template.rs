//! `template`: a file of this machine, rendered for the host, comes to a place there. Rendering is the scope's; sending
//! is `copy`'s.

use super::attributes::{Wanted, with_attributes};
use super::copy::one::{self, Asked, Source};
use super::encoding::Encoding;
use super::local::{self, basename};
use super::pattern::raised;
use indexmap::IndexMap;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use muster_engine::template::{FileOptions, Value, Variable};
use serde::Deserialize;
use serde_json::Value as Json;
use std::os::unix::fs::MetadataExt as _;
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
    .manners(Manners { missing: Some("src and dest are required"), ..Manners::USUAL });
    type Args = Args;
    type Change = one::Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<one::Change>, Failure> {
        let path = cx.find("templates", &args.src)?;
        let bytes = encoded(&rendered(args, &path, cx).await?, &args.output_encoding)?;
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
    let managed = cx.scope.get("ansible_managed").ok().flatten().is_none();
    let scope = cx.scope.with(names(args, path, managed)?);
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
fn names(args: &Args, path: &Path, managed: bool) -> Result<IndexMap<Arc<str>, Variable>, Failure> {
    let about = std::fs::metadata(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    let time = |at: jiff::Timestamp| {
        at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
    };
    let nanos = i32::try_from(about.mtime_nsec()).unwrap_or(0);
    let modified = jiff::Timestamp::new(about.mtime(), nanos).unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string();
    let mut names = vec![
        ("template_host", Value::from(host.trim())),
        ("template_path", Value::from(args.src.as_str())),
        ("template_mtime", Value::from(time(modified))),
        ("template_uid", owner(about.uid()).map_or_else(|| Value::from(about.uid()), Value::from)),
        ("template_run_date", Value::from(time(jiff::Timestamp::now()))),
        ("template_destpath", Value::from(args.dest.as_str())),
        ("template_fullpath", Value::from(full)),
    ];
    if managed {
        names.push(("ansible_managed", Value::from("Ansible managed")));
    }
    Ok(names.into_iter().map(|(name, value)| (Arc::from(name), Variable::Known(value))).collect())
}

/// The name of a user of this machine.
fn owner(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_string())
    })
}

/// Text in an encoding.
fn encoded(text: &str, encoding: &str) -> Result<Vec<u8>, Failure> {
    let found = Encoding::named(encoding).ok_or_else(|| raised(format!("unknown encoding: {encoding}")))?;
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
