//! Into a container: what is to go is read where the task runs, and put down by `tar` or the shell.

use super::archive::{self, Entry};
use super::{Args, Copying};
use crate::command::words::quote;
use crate::kube::Input;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Context, Failure, Output};
use std::path::{Path, PathBuf};

/// Most bytes that are copied at once.
pub(super) const CAP: usize = 1 << 30;

pub(super) async fn copy(args: &Args, inside: &Copying<'_>, cx: &Context) -> Result<Output, Failure> {
    let mut dest = args.remote_path.trim_end_matches('/').to_string();
    let is_directory = inside.says(&["test", "-d", &args.remote_path]).await?;
    let said = match (&args.content, &args.local_path) {
        (Some(_), _) => format!("Content successfully copied into {} on remote Pod", args.remote_path),
        (None, Some(local)) => {
            format!("{local} successfully copied into remote Pod into {}", args.remote_path)
        }
        (None, None) => return Err(Failure::new("one of local_path, content is needed")),
    };
    let entries = match (&args.content, &args.local_path) {
        (Some(_), _) if is_directory => {
            return Err(Failure::new(
                "When content is specified, remote path should not be an existing directory",
            ));
        }
        (Some(content), _) => {
            let path = PathBuf::from(dest.trim_start_matches('/'));
            vec![Entry { path, mode: 0o644, content: Some(content.clone().into_bytes()) }]
        }
        (None, local) => {
            let local = found(local.as_deref().unwrap_or_default(), cx)?;
            let (base, entries) = packed(&local, cx).await?;
            if is_directory {
                dest = format!("{dest}/{base}");
            }
            archive::moved(entries, &base, &dest)
        }
    };
    if !cx.check_mode {
        put(args, inside, &entries).await?;
    }
    Ok(Output::new(true).with("result", said))
}

/// On this machine a relative path is looked for beside the playbook, in `files`.
fn found(local: &str, cx: &Context) -> Result<String, Failure> {
    let here = &*cx.road.target().kind == "local";
    if !here || local.starts_with(['/', '~']) || Path::new(local).exists() {
        return Ok(local.to_string());
    }
    let found = cx.find("files", local);
    let found = found.map_err(|_| Failure::new(format!("{local} does not exist in local filesystem")))?;
    Ok(found.display().to_string())
}

/// A file or directory of where the task runs: its own name, and what is at and below it.
async fn packed(local: &str, cx: &Context) -> Result<(String, Vec<Entry>), Failure> {
    let local = local.trim_end_matches('/');
    let base = local.rsplit('/').next().unwrap_or(local).to_string();
    let path = crate::command::words::expanded(local);
    let script = format!(
        "p={path}; [ -e \"$p\" ] || {{ echo missing >&2; exit 91; }}; [ -r \"$p\" ] || {{ echo unreadable >&2; exit 92; }}\n\
         case $p in */*) d=${{p%/*}}; b=${{p##*/}};; *) d=.; b=$p;; esac; cd \"${{d:-/}}\" && exec tar -chf - -- \"$b\""
    );
    let mut command = Command::new(script);
    command.cap = Some(CAP);
    let done = cx.exec(command).await?;
    match done.rc {
        0 if done.truncated > 0 => Err(Failure::new(format!(
            "{local} has more than {} MiB: copy it in parts, or with `kubectl cp`",
            CAP >> 20
        ))),
        0 => Ok((base, archive::read(&done.stdout)?.0)),
        91 => Err(Failure::new(format!("{local} does not exist in local filesystem"))),
        92 => Err(Failure::new(format!("{local} not readable"))),
        rc => Err(tool::failed(
            format!("{local} cannot be packed: {}", done.err().trim()),
            Some(rc),
            "",
            &done.err(),
        )),
    }
}

async fn put(args: &Args, inside: &Copying<'_>, entries: &[Entry]) -> Result<(), Failure> {
    let absolute = args.remote_path.starts_with('/');
    let shell = inside.has(&["sh", "-c", ":"]).await?;
    if inside.has(&["tar", "--version"]).await?
        || shell && inside.has(&["sh", "-c", "command -v tar"]).await?
    {
        let mut words = vec!["tar"];
        if args.no_preserve {
            words.extend(["--no-same-permissions", "--no-same-owner"]);
        }
        words.extend(["-xmf", "-"]);
        if absolute {
            words.extend(["-C", "/"]);
        }
        let archive = archive::write(entries)?;
        // tar reads on behind the end of an archive until its input ends, which not every server can tell it.
        let counted = format!("head -c {} | {}", archive.len(), words.join(" "));
        let ended = match shell && inside.has(&["sh", "-c", "command -v head"]).await? {
            true => inside.run(&["sh", "-c", &counted], Input::Counted(&archive)).await?,
            false => inside.run(&words, Input::ToEnd(&archive)).await?,
        };
        return match ended.rc {
            0 => Ok(()),
            _ => Err(Failure::new(format!(
                "Failed to copy local file/directory into Pod due to: {}",
                ended.err().trim()
            ))
            .with("command", words)),
        };
    }
    if !shell {
        return Err(inside.nothing_to_copy_with());
    }
    for entry in entries {
        let path = format!("{}{}", if absolute { "/" } else { "" }, entry.path.display());
        let (script, input) = script(&path, entry, args.no_preserve);
        let ended = inside.run(&["sh", "-c", &script], input).await?;
        if ended.rc != 0 {
            return Err(Failure::new(format!(
                "Failed to copy local file/directory into Pod due to: {path}: {}",
                ended.err().trim()
            )));
        }
    }
    Ok(())
}

/// What puts one entry down. A file is as long as is said: where its input cannot be closed, nothing else tells its end.
fn script<'e>(path: &str, entry: &'e Entry, no_preserve: bool) -> (String, Input<'e>) {
    let (path, mode) = (quote(path), entry.mode & 0o7777);
    let mode = if no_preserve { String::new() } else { format!(" && chmod {mode:o} {path}") };
    match &entry.content {
        None => (format!("mkdir -p {path}{mode}"), Input::Nothing),
        Some(content) => (
            format!(
                "p={path}; case $p in */*) mkdir -p \"${{p%/*}}/\";; esac; head -c {} > \"$p\"{mode}",
                content.len()
            ),
            Input::Counted(content),
        ),
    }
}
