//! `assemble`: one file out of the fragments in a directory, in the order of their names. The fragments come from the host
//! or, without `remote_src`, from beside the playbook; the joined content is written at once.

use super::attributes::{Wanted, with_attributes};
use super::copy::one;
use super::facts::Look;
use super::local::{self, md5, sha1};
use super::pattern::{Flags, Pattern};
use super::script::{Answer, word};
use super::text::{Edit, Manner};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The module.
#[derive(Debug)]
pub(super) struct Assemble;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    src: String,
    dest: String,
    #[serde(default)]
    delimiter: Option<String>,
    backup: bool,
    remote_src: bool,
    #[serde(default)]
    regexp: Option<String>,
    ignore_hidden: bool,
    #[serde(default)]
    validate: Option<String>,
    decrypt: bool,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) enum Change {
    /// Fragments of the host.
    There(Box<Edit>, Output),
    /// Fragments from here.
    Here(Box<one::Change>),
}

impl Module for Assemble {
    const NAME: &'static str = "ansible.builtin.assemble";
    const SPEC: Spec = Spec::new(
        "Makes one file out of the fragments in a directory.",
        with_attributes![
            Opt::new("src", Kind::Path, "The directory of the fragments.").required(),
            Opt::new("dest", Kind::Path, "The file.").required(),
            Opt::new("delimiter", Kind::Str, "What goes between fragments; escapes such as `\\n` count."),
            Opt::new("backup", Kind::Bool, "Keeps a copy of the file before a change.").default("false"),
            Opt::new("remote_src", Kind::Bool, "The fragments are on the host.").default("true"),
            Opt::new("regexp", Kind::Str, "Only fragments whose names match this pattern."),
            Opt::new("ignore_hidden", Kind::Bool, "Leaves out names that begin with a dot.").default("false"),
            Opt::new("validate", Kind::Str, "A command that must accept the new file, `%s`, before it is used."),
            Opt::new("decrypt", Kind::Bool, "Opens fragments from here that are in a vault.").default("true"),
        ],
    )
    .examples("- assemble: {src: /etc/haproxy/conf.d, dest: /etc/haproxy/haproxy.cfg, validate: haproxy -c -f %s}\n")
    .manners(Manners { missing: Some("src and dest are required"), works: Some(("ansible.legacy.assemble", &[])), ..Manners::USUAL });
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if !args.remote_src {
            return here(args, cx).await;
        }
        let then = format!(
            "s={}; put \"$s\"; if [ -d \"$s\" ]; then put d; elif [ -e \"$s\" ]; then put f; else put ''; fi\n\
             for f in \"$s\"/* \"$s\"/.[!.]* \"$s\"/..?*; do [ -f \"$f\" ] || continue\n\
             put \"${{f##*/}}\"; base64 < \"$f\"; put ''; done\n",
            word(&args.src)
        );
        let wanted = &args.wanted;
        let mut facts = Look::at(&args.dest).wanted(wanted).checksum("sha1").then(&then).run(cx).await?;
        let mut answer = std::mem::replace(&mut facts.rest, Answer::new(vec![]));
        let source = answer.field()?;
        match answer.field()?.as_str() {
            "d" => {}
            "f" => return Err(Failure::new(format!("Source ({source}) is not a directory"))),
            _ => return Err(Failure::new(format!("Source ({source}) does not exist"))),
        }
        if facts.seen.is_dir() {
            return Err(Failure::new(format!("attempted to take checksum of directory: {}", facts.path)));
        }
        if let Some(command) = args.validate.as_ref().filter(|command| !command.contains("%s")) {
            return Err(Failure::new(format!("validate must contain %s: {command}")));
        }
        let mut fragments = vec![];
        while let Some(name) = answer.next() {
            let mut coded = answer.field()?;
            coded.retain(|c| !c.is_ascii_whitespace());
            fragments.push((name, STANDARD.decode(coded).unwrap_or_default()));
        }
        let content = joined(args, fragments)?;
        let sum = sha1(&content);
        let differs = facts.checksum.as_deref() != Some(sum.as_str());
        let mut output = Output::default()
            .with("src", source)
            .with("dest", facts.path.as_str())
            .with("md5sum", md5(&content))
            .with("checksum", sum)
            .with("msg", "OK");
        if args.validate.is_some() && differs {
            output = output.with("validation", json!({"rc": 0, "stdout": "", "stderr": ""}));
        }
        let manner = Manner {
            backup: args.backup && facts.seen.exists(),
            validate: args.validate.clone(),
            replaces_link: true,
            ..Manner::default()
        };
        let edit = Edit::new(&facts, wanted, differs.then_some(content), manner)?;
        output = output.with("changed", !edit.is_nothing());
        let mut foreseen = output.clone();
        facts.seen.describe(&mut foreseen.result);
        if edit.is_nothing() {
            return Ok(Check::Done(foreseen));
        }
        Ok(Check::Would { foreseen, change: Change::There(Box::new(edit), output) })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let (edit, mut output) = match change {
            Change::Here(change) => return one::apply(*change, cx).await.map(single).map_err(bare),
            Change::There(edit, output) => (edit, output),
        };
        let path = output.result.get("dest").and_then(Json::as_str).unwrap_or("").to_string();
        match edit.run(cx).await? {
            Some(written) => {
                written.seen.describe(&mut output.result);
                Ok(match written.backup {
                    Some(name) => output.with("backup_file", name),
                    None => output,
                })
            }
            None => {
                let mut answer =
                    super::script::run(cx, &format!("look {}\n", super::script::quote(&path))).await?;
                super::facts::Seen::read(&mut answer)?.describe(&mut output.result);
                Ok(output)
            }
        }
    }
}

/// Fragments from beside the playbook.
async fn here(args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
    let found = local::find(cx, &args.src, "Task failed: ")?;
    let unread = |error: std::io::Error| Failure::new(format!("{}: {error}", found.display()));
    if !found.is_dir() {
        return Err(Failure::new(format!("Source ({}) is not a directory", found.display())));
    }
    let mut fragments = vec![];
    for entry in std::fs::read_dir(&found).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            fragments.push((name, local::read(cx, &path, args.decrypt).await?));
        }
    }
    let content = joined(args, fragments)?;
    let sum = md5(&content);
    let asked = one::Asked {
        dest: &args.dest,
        wanted: args.wanted.clone(),
        backup: args.backup,
        force: true,
        follow: false,
        validate: args.validate.as_deref(),
        directory_mode: None,
        checksum: None,
    };
    let source = one::Source { bytes: content.into(), name: Some("src"), shown: Some(&args.dest) };
    Ok(match one::check(&asked, source, cx).await.map_err(bare)? {
        Check::Done(output) => Check::Done(copied(single(output), &sum)),
        Check::Would { change, foreseen } => {
            Check::Would { change: Change::Here(Box::new(change)), foreseen }
        }
    })
}

/// The failure without what `copy` has learnt by then.
fn bare(mut failure: Failure) -> Failure {
    for key in ["diff", "checksum"] {
        failure.result.shift_remove(key);
    }
    failure
}

/// The answer where there is nothing to write: Ansible lets `copy` find that out, not `file`.
fn copied(mut output: Output, md5: &str) -> Output {
    if output.result.shift_remove("path").is_none() {
        return output;
    }
    output.with("md5sum", md5)
}

/// The answer with its one difference, where `copy` has a list.
fn single(mut output: Output) -> Output {
    if let Some(list) = output.result.get("diff").and_then(Json::as_array) {
        let first = list.first().cloned();
        output.result.shift_remove("diff");
        output = first.into_iter().fold(output, |output, first| output.with("diff", first));
    }
    output
}

/// The fragments in order, with what goes between them.
fn joined(args: &Args, mut fragments: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>, Failure> {
    let regexp = args.regexp.as_deref().map(|text| {
        Pattern::text(text, Flags::default()).map_err(|error| match args.remote_src {
            true => Failure::new(format!("Invalid Regexp ({error}) in \"{text}\"")),
            false => Failure::new(format!("Task failed: {error}")),
        })
    });
    let regexp = regexp.transpose()?;
    let delimiter = args.delimiter.as_deref().filter(|text| !text.is_empty()).map(unescaped);
    fragments.sort();
    let (mut out, mut first): (Vec<u8>, bool) = (vec![], true);
    let mut open = false;
    for (name, content) in fragments {
        let chosen =
            regexp.as_ref().map_or(Ok(true), |regexp| regexp.matches(&name)).map_err(Failure::new)?;
        if !chosen || (args.ignore_hidden && name.starts_with('.')) {
            continue;
        }
        if open {
            out.push(b'\n');
        }
        if let (false, Some(delimiter)) = (first, &delimiter) {
            out.extend_from_slice(delimiter);
            // Fragments from here get a line's end after the delimiter in any case.
            if !args.remote_src || !delimiter.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        open = !content.ends_with(b"\n");
        first = false;
        out.extend(content);
    }
    Ok(out)
}

/// Text with its escapes filled in.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (vec![], text);
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        let code = |digits: &str, base: u32| u8::from_str_radix(digits, base).ok();
        rest = match chars.next() {
            Some('x') => match after.get(1..3).and_then(|digits| code(digits, 16)) {
                Some(byte) => {
                    out.push(byte);
                    after.get(3..).unwrap_or("")
                }
                None => {
                    out.extend_from_slice(b"\\x");
                    chars.as_str()
                }
            },
            Some(c) => {
                match "abfnrtv\\'\"".find(c).and_then(|at| b"\x07\x08\x0c\n\r\t\x0b\\'\"".get(at)) {
                    Some(byte) => out.push(*byte),
                    None => out.extend(format!("\\{c}").into_bytes()),
                }
                chars.as_str()
            }
            None => {
                out.push(b'\\');
                ""
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_delimiter_count() {
        assert_eq!(unescaped(r"a\n\x41\q\\"), b"a\nA\\q\\");
    }
}
