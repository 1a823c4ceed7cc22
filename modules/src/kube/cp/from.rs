//! Out of a container: files and directories, no links and no devices, to where the task runs.

use super::archive::{self, Packed, Writing};
use super::spool::{aside, full, put_down};
use super::{Args, Copying};
use crate::command::words::{expanded, quote};
use crate::kube::Input;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Context, Failure, Output};
use std::io::{Seek as _, SeekFrom};
use std::path::PathBuf;

pub(super) async fn copy(args: &Args, inside: &Copying<'_>, cx: &Context) -> Result<Output, Failure> {
    let remote = if args.remote_path == "/" { "/" } else { args.remote_path.trim_end_matches('/') };
    let local = args.local_path.as_deref().unwrap_or_default();
    let has_tar =
        inside.has(&["tar", "--version"]).await? || inside.has(&["sh", "-c", "command -v tar"]).await?;
    if !has_tar && !inside.has(&["sh", "-c", ":"]).await? {
        return Err(inside.nothing_to_copy_with());
    }
    let said = format!("{} successfully copied locally into {local}", args.remote_path);
    if cx.check_mode {
        return Ok(Output::new(true).with("result", said));
    }
    let is_file = !is_directory(remote, inside).await?;
    let packed = if has_tar {
        packed(remote, is_file, inside).await?
    } else {
        listed(remote, is_file, inside).await?
    };
    if packed.entries.iter().all(|entry| entry.content.is_none()) {
        let warning = format!("No file found from directory '{}' into remote Pod.", args.remote_path);
        return Ok(Output::new(false).with("warning", warning.clone()).warn(warning));
    }
    unpacked(local, remote, &packed, is_file, cx).await?;
    let output = Output::new(true).with("result", said);
    Ok(match packed.left {
        0 => output,
        left => output.warn(format!("{left} links or special files of {} were left out", args.remote_path)),
    })
}

async fn is_directory(remote: &str, inside: &Copying<'_>) -> Result<bool, Failure> {
    inside.says(&["test", "-d", remote]).await
}

/// What one file is called in an archive, until it is where it belongs.
const ALONE: &str = "file";

/// By the container's tar.
async fn packed(remote: &str, is_file: bool, inside: &Copying<'_>) -> Result<Packed, Failure> {
    let (parent, base) = split(remote);
    let (ended, file) = inside.kept(&["tar", "-cf", "-", "-C", parent, base]).await?;
    if ended.rc != 0 {
        return Err(refused(remote, &ended.err()));
    }
    let (base, to) = (base.to_string(), if is_file { ALONE } else { "" });
    aside(move || archive::moved(file, &base, to)).await
}

fn split(remote: &str) -> (&str, &str) {
    match remote.rsplit_once('/') {
        Some((_, "")) => ("/", "."),
        Some(("", base)) => ("/", base),
        Some(pair) => pair,
        None => (".", remote),
    }
}

fn refused(remote: &str, said: &str) -> Failure {
    match said.contains("No such file") || said.contains("Cannot stat") {
        true => Failure::new(format!("{remote} does not exist in remote pod filesystem")),
        false => Failure::new(format!("Failed to copy file from Pod: {}", said.trim())),
    }
}

/// By its shell, file by file.
async fn listed(remote: &str, is_file: bool, inside: &Copying<'_>) -> Result<Packed, Failure> {
    let path = quote(remote);
    let script = format!(
        "w() {{ for f in \"$1\"/* \"$1\"/.*; do case $f in */.|*/..) continue;; esac; if [ -h \"$f\" ]; then :; elif [ -d \"$f\" ]; then w \"$f\"; elif [ -f \"$f\" ]; then printf '%s\\0' \"$f\"; fi; done; }}\n\
         p={path}; [ -e \"$p\" ] || {{ echo 'No such file' >&2; exit 1; }}; if [ -d \"$p\" ]; then w \"$p\"; else printf '%s\\0' \"$p\"; fi"
    );
    let ended = inside.run(&["sh", "-c", &script], Input::Nothing).await?;
    if ended.rc != 0 {
        return Err(refused(remote, &ended.err()));
    }
    let mut written = Writing::begin()?;
    for name in ended.out().split('\0').filter(|name| !name.is_empty()) {
        let (read, mut file) = inside.kept(&["cat", name]).await?;
        if read.rc != 0 {
            return Err(refused(name, &read.err()));
        }
        let path = match is_file {
            true => PathBuf::from(ALONE),
            false => PathBuf::from(name.strip_prefix(remote).unwrap_or(name).trim_start_matches('/')),
        };
        written = aside(move || {
            let size =
                file.seek(SeekFrom::End(0)).and_then(|size| file.rewind().map(|()| size)).map_err(full)?;
            written.add(&path, 0o644, Some((size, &mut file)))?;
            Ok(written)
        })
        .await?;
    }
    written.end(0)
}

/// Puts them down where the task runs: a file as `local`, a directory as `local`, or in it where it is there already.
async fn unpacked(
    local: &str,
    remote: &str,
    packed: &Packed,
    is_file: bool,
    cx: &Context,
) -> Result<(), Failure> {
    let base = split(remote).1;
    let path = expanded(local.trim_end_matches('/'));
    let name = quote(base);
    let source = put_down(&packed.file, cx).await?;
    let script = if is_file {
        // Under a name of its own, then moved to where it belongs.
        format!(
            "p={path}; [ -d \"$p\" ] && p=$p/{name}; case $p in */*) d=${{p%/*}};; *) d=.;; esac; mkdir -p \"${{d:-/}}\" && t=$(mktemp -d \"${{d:-/}}/.k8s_cp.XXXXXX\") && tar -xf - -C \"$t\" && mv -f \"$t/{ALONE}\" \"$p\"; r=$?; [ -z \"$t\" ] || rm -rf \"$t\""
        )
    } else {
        format!("p={path}; [ -d \"$p\" ] && p=$p/{name}; mkdir -p \"$p\" && tar -xf - -C \"$p\"; r=$?")
    };
    let source = quote(&source);
    let done = cx.exec(Command::new(format!("exec <{source}; {script}; rm -f {source}; exit $r"))).await?;
    match done.succeeded() {
        true => Ok(()),
        false => Err(tool::failed(
            format!("{local} on {} cannot be written: {}", cx.host, done.err().trim()),
            Some(done.rc),
            "",
            &done.err(),
        )),
    }
}
