//! `copy`: content, a file, or a tree of files of this machine (or, with `remote_src`, of the host) comes to a place on
//! the host. Only what differs is sent.

mod called;
pub(super) mod one;
mod remote;
mod tree;

use super::attributes::{Wanted, with_attributes};
use super::local::{self, basename};
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Spec};
use one::{Asked, Source};
use serde::Deserialize;
use serde_json::Value as Json;

/// What copies on the host, and what it takes.
pub(super) const WORKS: (&str, &[&str]) = (
    "ansible.legacy.copy",
    &[
        "_original_basename",
        "attributes",
        "backup",
        "checksum",
        "content",
        "dest",
        "directory_mode",
        "follow",
        "force",
        "group",
        "local_follow",
        "mode",
        "owner",
        "remote_src",
        "selevel",
        "serole",
        "setype",
        "seuser",
        "src",
        "unsafe_writes",
        "validate",
    ],
);

/// The module.
#[derive(Debug)]
pub(super) struct Copy;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    #[serde(default)]
    src: Option<String>,
    #[serde(default)]
    content: Option<Json>,
    dest: String,
    backup: bool,
    force: bool,
    #[serde(default)]
    validate: Option<String>,
    #[serde(default)]
    directory_mode: Option<Json>,
    remote_src: bool,
    #[serde(default)]
    local_follow: Option<bool>,
    #[serde(default)]
    checksum: Option<String>,
    follow: bool,
    decrypt: bool,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) enum Change {
    One(Box<one::Change>),
    Tree(tree::Change),
    Remote(Box<remote::Change>),
}

impl Module for Copy {
    const NAME: &'static str = "ansible.builtin.copy";
    const SPEC: Spec = Spec::new(
        "Copies files to the host.",
        with_attributes![
            Opt::new("src", Kind::Path, "The file or directory. A directory that ends in `/` stands for what is in it."),
            Opt::new("content", Kind::Raw, "The content itself, in place of `src`; a list or mapping becomes JSON."),
            Opt::new("dest", Kind::Path, "Where it goes.").required(),
            Opt::new("backup", Kind::Bool, "Keeps a copy of what is there before a change.").default("false"),
            Opt::new("force", Kind::Bool, "Replaces what is there if it differs.").default("true"),
            Opt::new("validate", Kind::Str, "A command that must accept the new file, `%s`, before it is used."),
            Opt::new("directory_mode", Kind::Raw, "The permissions of directories that are made."),
            Opt::new("remote_src", Kind::Bool, "`src` is on the host.").default("false"),
            Opt::new("local_follow", Kind::Bool, "Copies what links in `src` lead to, not the links."),
            Opt::new("checksum", Kind::Str, "The SHA-1 the file must have."),
            Opt::new("follow", Kind::Bool, "Writes to what a link at `dest` leads to.").default("false"),
            Opt::new("decrypt", Kind::Bool, "Opens files that are in a vault.").default("true"),
        ],
    )
    .examples("- copy: {src: kubeadm.conf, dest: /etc/kubernetes/, mode: \"0600\"}\n- copy: {content: \"{{ groups | to_json }}\", dest: /etc/groups.json}\n")
    .manners(Manners { missing: Some("dest is required"), works: Some(WORKS), given: Some(&["content"]), ..Manners::USUAL });
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let src = args.src.as_deref().filter(|src| !src.is_empty());
        let content = args.content.as_ref().filter(|content| !content.is_null());
        let wrong = match (src, content) {
            (None, None) => Some("src (or content) is required"),
            (Some(_), Some(_)) => Some("src and content are mutually exclusive"),
            _ if args.dest.is_empty() => Some("dest is required"),
            (None, Some(_)) if args.dest.ends_with('/') => Some("can not use content with a dir as dest"),
            _ => None,
        };
        if let Some(message) = wrong {
            return Err(Failure::new(message).acted());
        }
        let mut asked = Asked {
            dest: &args.dest,
            wanted: args.wanted.clone(),
            backup: args.backup,
            force: args.force,
            follow: args.follow,
            validate: args.validate.as_deref(),
            directory_mode: args.directory_mode.clone(),
            checksum: args.checksum.as_deref(),
        };
        let one = |change| Change::One(Box::new(change));
        let Some(src) = src else {
            if asked.wanted.mode.as_ref() == Some(&Json::from("preserve")) {
                // As of a temporary file that holds the content.
                asked.wanted.mode = Some("0600".into());
            }
            let bytes = bytes_of(content.unwrap_or(&Json::Null))?;
            let source = Source { bytes: bytes.into(), name: None, shown: None };
            return one::check(&asked, source, cx).await.map(|check| mapped(check, one));
        };
        if args.remote_src {
            let follow = args.local_follow.unwrap_or(false);
            let call = cx.invocation.then(|| called::there(&asked, src, args.local_follow));
            let told = |output: &mut Output| {
                output.result.extend(call.clone().map(|call| (called::KEY.into(), call)))
            };
            let mut check = match remote::check(&asked, src, follow, cx).await {
                Ok(check) => check,
                Err(failure) => {
                    let mut output = Output { result: failure.result, vars: None };
                    told(&mut output);
                    return Err(Failure { result: output.result, ..failure });
                }
            };
            match &mut check {
                Check::Done(output) => told(output),
                Check::Would { change, foreseen } => {
                    told(foreseen);
                    told(change.output());
                }
            }
            return Ok(mapped(check, |change| Change::Remote(Box::new(change))));
        }
        let found = local::find(cx, src, "Unexpected AnsibleActionFail error: ")?;
        let preserve = asked.wanted.mode.as_ref() == Some(&Json::from("preserve"));
        if found.is_dir() {
            let mut source = found.display().to_string().trim_end_matches('/').to_string();
            if src.ends_with('/') {
                source.push('/');
            }
            let follow = args.local_follow.unwrap_or(true);
            let check = tree::check(&asked, &source, follow, args.decrypt, cx).await?;
            return Ok(mapped(check, Change::Tree));
        }
        if preserve {
            asked.wanted.mode = Some(local::mode_of(&found)?.into());
        }
        let bytes = local::read(cx, &found, args.decrypt).await?;
        let shown = found.display().to_string();
        let source = Source { bytes: bytes.into(), name: Some(basename(src)), shown: Some(&shown) };
        one::check(&asked, source, cx).await.map(|check| mapped(check, one))
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        match change {
            Change::One(change) => one::apply(*change, cx).await,
            Change::Tree(change) => tree::apply(change, cx).await,
            Change::Remote(change) => remote::apply(*change, cx).await,
        }
    }
}

/// The content argument as bytes: text as it is, collections as JSON with Python's spacing.
fn bytes_of(content: &Json) -> Result<Vec<u8>, Failure> {
    match content {
        Json::String(text) => Ok(text.clone().into_bytes()),
        Json::Bool(true) => Ok(b"True".to_vec()),
        Json::Bool(false) => Ok(b"False".to_vec()),
        Json::Object(_) | Json::Array(_) => {
            let mut out = String::new();
            python_json(content, &mut out);
            Ok(out.into_bytes())
        }
        other => Ok(other.to_string().into_bytes()),
    }
}

/// JSON as Python's `json.dumps` writes it: a space after commas and colons, only ASCII.
fn python_json(value: &Json, out: &mut String) {
    let string = |text: &str, out: &mut String| {
        for c in Json::from(text).to_string().chars() {
            let mut units = [0; 2];
            match c {
                c if c.is_ascii() => out.push(c),
                c => out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}"))),
            }
        }
    };
    match value {
        Json::Object(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                string(key, out);
                out.push_str(": ");
                python_json(value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                python_json(item, out);
            }
            out.push(']');
        }
        Json::String(text) => string(text, out),
        other => out.push_str(&other.to_string()),
    }
}

/// A check with its change turned into another type.
fn mapped<A, B>(check: Check<A>, turn: impl FnOnce(A) -> B) -> Check<B> {
    match check {
        Check::Done(output) => Check::Done(output),
        Check::Would { change, foreseen } => Check::Would { change: turn(change), foreseen },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn collections_become_json_as_python_writes_it() {
        let bytes = bytes_of(&json!({"a": [1, "é😀"], "b": null, "c": {}})).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"a": [1, "\u00e9\ud83d\ude00"], "b": null, "c": {}}"#
        );
        assert_eq!(bytes_of(&json!("x")).unwrap(), b"x");
        assert_eq!(bytes_of(&json!(5)).unwrap(), b"5");
    }
}
