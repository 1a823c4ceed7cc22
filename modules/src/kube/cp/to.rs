//! Into a container: what is to go is read where the task runs, and put down by `tar` or the shell.

use super::archive::{self, Entry, Packed, Writing};
use super::spool::{TEMPORARY, aside, brought, full, reader};
use super::{Args, Copying};
use crate::command::words::quote;
use crate::kube::Input;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Context, Failure, Output};
use std::fs::File;
use std::path::Path;
use tokio::io::AsyncReadExt as _;

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
    let packed = match (&args.content, &args.local_path) {
        (Some(_), _) if is_directory => {
            return Err(Failure::new(
                "When content is specified, remote path should not be an existing directory",
            ));
        }
        (Some(content), _) => {
            let mut written = Writing::begin()?;
            let size = u64::try_from(content.len()).unwrap_or(0);
            let path = Path::new(dest.trim_start_matches('/'));
            written.add(path, 0o644, Some((size, &mut content.as_bytes())))?;
            written.end(0)?
        }
        (None, local) => {
            let local = found(local.as_deref().unwrap_or_default(), cx)?;
            let (base, file) = gathered(&local, cx).await?;
            if is_directory {
                dest = format!("{dest}/{base}");
            }
            aside(move || archive::moved(file, &base, &dest)).await?
        }
    };
    if !cx.check_mode {
        put(args, inside, &packed).await?;
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

/// A file or directory of where the task runs: its own name, and an archive of what is at and below it.
async fn gathered(local: &str, cx: &Context) -> Result<(String, File), Failure> {
    let local = local.trim_end_matches('/');
    let base = local.rsplit('/').next().unwrap_or(local).to_string();
    let path = crate::command::words::expanded(local);
    let script = format!(
        "p={path}; [ -e \"$p\" ] || {{ echo missing >&2; exit 91; }}; [ -r \"$p\" ] || {{ echo unreadable >&2; exit 92; }}\n\
         case $p in */*) d=${{p%/*}}; b=${{p##*/}};; *) d=.; b=$p;; esac; cd \"${{d:-/}}\" || exit 1\n\
         umask 077; {TEMPORARY} && if tar -chf - -- \"$b\" >\"$t\"; then printf %s \"$t\"; else r=$?; rm -f \"$t\"; exit \"$r\"; fi"
    );
    let done = cx.exec(Command::new(script)).await?;
    match done.rc {
        0 => Ok((base, brought(&done.out(), cx).await?)),
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

async fn put(args: &Args, inside: &Copying<'_>, packed: &Packed) -> Result<(), Failure> {
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
        let mut archive = reader(&packed.file, 0).await?;
        let length = packed.file.metadata().map_err(full)?.len();
        // tar reads on behind the end of an archive until its input ends, which not every server can tell it.
        let counted = format!("head -c {length} | {}", words.join(" "));
        let ended = match shell && inside.has(&["sh", "-c", "command -v head"]).await? {
            true => inside.run(&["sh", "-c", &counted], Input::Counted(&mut archive)).await?,
            false => inside.run(&words, Input::ToEnd(&mut archive)).await?,
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
    for entry in &packed.entries {
        let path = format!("{}{}", if absolute { "/" } else { "" }, entry.path.display());
        let script = script(&path, entry, args.no_preserve);
        let words = ["sh", "-c", script.as_str()];
        let ended = match entry.content {
            Some((at, length)) => {
                let mut content = reader(&packed.file, at).await?.take(length);
                inside.run(&words, Input::Counted(&mut content)).await?
            }
            None => inside.run(&words, Input::Nothing).await?,
        };
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
fn script(path: &str, entry: &Entry, no_preserve: bool) -> String {
    let (path, mode) = (quote(path), entry.mode & 0o7777);
    let mode = if no_preserve { String::new() } else { format!(" && chmod {mode:o} {path}") };
    match entry.content {
        None => format!("mkdir -p {path}{mode}"),
        Some((_, length)) => {
            format!(
                "p={path}; case $p in */*) mkdir -p \"${{p%/*}}/\";; esac; head -c {length} > \"$p\"{mode}"
            )
        }
    }
}
