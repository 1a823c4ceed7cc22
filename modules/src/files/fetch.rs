//! `fetch`: a file of the host comes to this machine, under `dest/host/path` or, flat, where `dest` says. The content
//! travels only if the checksums differ.

use super::facts::{Facts, Look};
use super::local::{basename, md5, sha1};
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Side, Spec};
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};

/// The module.
#[derive(Debug)]
pub(super) struct Fetch;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    src: String,
    dest: String,
    flat: bool,
    fail_on_missing: bool,
    validate_checksum: bool,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) struct Change {
    dest: PathBuf,
    source: String,
    content: Vec<u8>,
    checksum: Option<String>,
    validate: bool,
}

impl Module for Fetch {
    const NAME: &'static str = "ansible.builtin.fetch";
    const SPEC: Spec = Spec::new(
        "Fetches a file from the host.",
        &[
            Opt::new("src", Kind::Path, "The file on the host.").required(),
            Opt::new("dest", Kind::Path, "The directory here, below which it goes under the host's name.")
                .required(),
            Opt::new("flat", Kind::Bool, "Goes to `dest` itself, or into it if it ends in `/`.")
                .default("false"),
            Opt::new("fail_on_missing", Kind::Bool, "Fails if the file is not there.").default("true"),
            Opt::new("validate_checksum", Kind::Bool, "Compares checksums afterwards.").default("true"),
        ],
    )
    .examples("- fetch: {src: /etc/kubernetes/admin.conf, dest: ./, flat: true}\n")
    .side(Side::Controller)
    .manners(Manners { missing: Some("src and dest are required"), ..Manners::USUAL });
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if cx.check_mode {
            let message = "check mode not (yet) supported for this module";
            return Ok(Check::Done(Output::passed_over(message)));
        }
        // A path with nothing to expand tells already what is here; then one trip is enough.
        let plain = !args.src.starts_with('~') && !args.src.contains('$');
        let here = plain.then(|| destination(args, &args.src, cx).ok()).flatten();
        let known = here.as_deref().and_then(|path| std::fs::read(path).ok()).map(|bytes| sha1(&bytes));
        let known = known.unwrap_or_default();
        let then = format!(
            "if [ -f \"$p\" ] && [ -r \"$p\" ]; then sum sha1 \"$p\"\n\
             if [ \"${{a%% *}}\" != '{known}' ] || [ -z \"$a\" ]; then put c; cat -- \"$p\"; else put =; fi; fi\n"
        );
        let mut facts = Look::at(&args.src).then(&then).run(cx).await?;
        let Some(sum) = facts.rest.next() else { return missing(args, &facts).map(Check::Done) };
        let checksum = Some(sum).filter(|sum| !sum.is_empty());
        let same = facts.rest.next().as_deref() == Some("=");
        let source = facts.path.clone();
        let dest = destination(args, &source, cx)?;
        let content = facts.rest.rest();
        if same || !plain && std::fs::read(&dest).is_ok_and(|bytes| bytes == content) {
            let bytes = std::fs::read(&dest).map_err(|e| Failure::new(format!("{}: {e}", dest.display())))?;
            return Ok(Check::Done(
                Output::new(false)
                    .with("md5sum", md5(&bytes))
                    .with("file", source)
                    .with("dest", dest.display().to_string())
                    .with("checksum", sha1(&bytes)),
            ));
        }
        let change = Change { dest, source, content, checksum, validate: args.validate_checksum };
        Ok(Check::Would { change, foreseen: Output::new(true) })
    }

    async fn apply(&self, change: Change, _cx: &Context) -> Result<Output, Failure> {
        let Change { dest, source, content, checksum, validate } = change;
        let shown = dest.display().to_string();
        let (sum, md5sum) = (sha1(&content), md5(&content));
        if let Some(above) = dest.parent() {
            tokio::fs::create_dir_all(above).await.map_err(|e| {
                Failure::new(format!("Unable to create local directories({}): {e}", above.display()))
            })?;
        }
        tokio::fs::write(&dest, &content).await.map_err(|error| {
            Failure::new("Failed to fetch the file.").caused_by(format!("{shown}: {error}"))
        })?;
        let remote = checksum.unwrap_or_else(|| sum.clone());
        if validate && remote != sum {
            return Err(Failure::new("checksum mismatch")
                .with("md5sum", md5sum)
                .with("file", source)
                .with("dest", shown)
                .with("remote_md5sum", serde_json::Value::Null)
                .with("checksum", sum)
                .with("remote_checksum", remote));
        }
        Ok(Output::new(true)
            .with("md5sum", md5sum)
            .with("dest", shown)
            .with("remote_md5sum", serde_json::Value::Null)
            .with("checksum", sum)
            .with("remote_checksum", remote))
    }
}

/// The answer when there is no file to fetch.
fn missing(args: &Args, facts: &Facts) -> Result<Output, Failure> {
    let source = &facts.path;
    if facts.seen.hidden() == Some("Permission denied") {
        let message = format!("Failed to get information on remote file ({source}): Permission denied");
        return match args.fail_on_missing {
            true => Err(Failure::new(message).with("file", source.as_str())),
            false => Ok(Output::new(false)
                .with("file", source.as_str())
                .with("msg", format!("{message}, ignored"))),
        };
    }
    let message = if facts.seen.is_dir() {
        "remote file is a directory, fetch cannot work on directories".to_string()
    } else if facts.seen.exists() {
        format!("File is not readable: {source}")
    } else {
        "the remote file does not exist, not transferring, ignored".to_string()
    };
    let directory = facts.seen.is_dir();
    if args.fail_on_missing {
        let mut failure = Failure::new(message);
        if !facts.seen.exists() {
            let cause = format!("[Errno 2] No such file or directory: '{source}'");
            failure = failure.said(format!("Task failed: Module failed: File not found: {source}: {cause}"));
        }
        return Err(if directory { failure.with("changed", false) } else { failure });
    }
    if directory {
        return Ok(Output::default().with("msg", format!("{message}, not transferring, ignored")));
    }
    Ok(Output::new(false).with("file", source.as_str()).with("msg", message))
}

/// Where a file of the host comes to.
fn destination(args: &Args, source: &str, cx: &Context) -> Result<PathBuf, Failure> {
    let absolute = |path: &str| {
        let path = home(path);
        if path.is_absolute() { path } else { cx.playbook_dir.join(path) }
    };
    if !args.flat {
        let inner = source.trim_start_matches('/');
        return Ok(normal(&absolute(&args.dest).join(cx.host.as_ref()).join(inner)));
    }
    let dest = absolute(&args.dest);
    if args.dest.ends_with('/') {
        let dest = dest.join(basename(source));
        if dest.is_dir() {
            return Err(Failure::new(format!(
                "calculated dest '{}' is an existing directory, use another path that does not point to an existing directory",
                dest.display()
            ))
            .raised());
        }
        return Ok(normal(&dest));
    }
    if dest.is_dir() {
        return Err(Failure::new(
            "dest is an existing directory, use a trailing slash if you want to fetch src into that directory",
        )
        .raised());
    }
    Ok(normal(&dest))
}

/// A path of this machine with `~` expanded.
fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// A path without `.`, `..` and doubled slashes.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::normal;
    use std::path::Path;

    #[test]
    fn destinations_are_tidy() {
        assert_eq!(normal(Path::new("/a/./b/../c//d")), Path::new("/a/c/d"));
    }
}
