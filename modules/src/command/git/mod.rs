//! `ansible.builtin.git`: a repository's clone is on the target, at a version. A look asks git what is there and what the
//! remote has; a change is one script ([`script`]) that clones or fetches, switches, and packs what is there if it is asked to.

mod script;

use super::lines;
use super::words::quote;
use muster_engine::connection::{Command, Completed};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use script::{beginning, work};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `ansible.builtin.git`.
pub struct Git;

/// What a task gives to [`Git`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    dest: Option<String>,
    repo: String,
    version: String,
    remote: String,
    refspec: Option<String>,
    reference: Option<String>,
    force: bool,
    depth: Option<u32>,
    clone: bool,
    update: bool,
    verify_commit: bool,
    gpg_allowlist: Vec<String>,
    accept_hostkey: bool,
    accept_newhostkey: bool,
    key_file: Option<String>,
    ssh_opts: Option<String>,
    executable: Option<String>,
    bare: bool,
    recursive: bool,
    single_branch: bool,
    track_submodules: bool,
    umask: Option<Json>,
    archive: Option<String>,
    archive_prefix: Option<String>,
    separate_git_dir: Option<String>,
}

/// What `apply` must know.
#[derive(Debug)]
pub struct Change {
    args: Args,
    seen: Seen,
}

impl Module for Git {
    const NAME: &'static str = "ansible.builtin.git";
    const SPEC: Spec = Spec::new(
        "Clones a git repository and keeps it at a version.",
        &[
            Opt::new("dest", Kind::Path, "Where the clone is; not needed with `clone: false`."),
            Opt::new("repo", Kind::Str, "The repository.").aliases(&["name"]).required(),
            Opt::new("version", Kind::Str, "A branch, a tag, or a commit.").default("HEAD"),
            Opt::new("remote", Kind::Str, "What the remote is called in the clone.").default("origin"),
            Opt::new("refspec", Kind::Str, "More refs to fetch."),
            Opt::new("reference", Kind::Str, "A repository of the target to borrow objects from."),
            Opt::new("force", Kind::Bool, "Throws away changes made in the clone.").default("no"),
            Opt::new("depth", Kind::Int, "How many commits to fetch."),
            Opt::new("clone", Kind::Bool, "Clones where there is no clone.").default("yes"),
            Opt::new("update", Kind::Bool, "Fetches where there is one.").default("yes"),
            Opt::new(
                "verify_commit",
                Kind::Bool,
                "Whether the commit or the tag must be signed by a key that gpg of the target trusts.",
            )
            .default("no"),
            Opt::new("gpg_allowlist", Kind::List, "Fingerprints, one of which must be the key's.")
                .elements(Kind::Str)
                .aliases(&["gpg_whitelist"])
                .default("[]"),
            Opt::new("accept_hostkey", Kind::Bool, "Takes any key of the remote's host.").default("no"),
            Opt::new("accept_newhostkey", Kind::Bool, "Takes the key of a host that is not known yet.")
                .default("no"),
            Opt::new("key_file", Kind::Path, "The private key to log in with."),
            Opt::new("ssh_opts", Kind::Str, "More options for ssh."),
            Opt::new("executable", Kind::Path, "The git to run."),
            Opt::new("bare", Kind::Bool, "The clone has no files of its own.").default("no"),
            Opt::new("recursive", Kind::Bool, "With its submodules.").default("yes"),
            Opt::new("single_branch", Kind::Bool, "Fetches one branch only.").default("false"),
            Opt::new(
                "track_submodules",
                Kind::Bool,
                "Submodules are at the newest commit of their branches.",
            )
            .default("no"),
            Opt::new("umask", Kind::Raw, "The umask for new files, octal in quotes."),
            Opt::new(
                "archive",
                Kind::Path,
                "A file to pack the version into: `.zip`, `.tar`, `.tar.gz` or `.tgz`.",
            ),
            Opt::new("archive_prefix", Kind::Str, "What the paths in it begin with."),
            Opt::new(
                "separate_git_dir",
                Kind::Path,
                "Where the clone keeps what git knows, in place of `.git`; one that is there is moved.",
            ),
        ],
    )
    .exclusive(&[&["separate_git_dir", "bare"], &["accept_hostkey", "accept_newhostkey"]])
    .examples("- git: {repo: https://example.com/tools.git, dest: /opt/tools, version: v1.2}\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        refuse(args)?;
        if args.dest.is_none() && args.clone {
            return Err(Failure::new("the destination directory must be specified unless clone=no"));
        }
        let seen = look(args, cx).await?;
        let there = seen.before.is_some();
        let head = || {
            seen.head.clone().filter(|head| !head.is_empty()).ok_or_else(|| {
                if seen.said.is_empty() {
                    return Failure::new(format!("Could not determine remote revision for {}", args.repo));
                }
                let err = format!("{}\n", seen.said);
                Failure::new(seen.said.as_str())
                    .with("cmd", unsaid(&seen.asked))
                    .with("rc", 128)
                    .with("stdout_lines", lines(""))
                    .with("stdout", "")
                    .with("stderr_lines", lines(&err))
                    .with("stderr", err)
            })
        };
        if !there {
            if cx.check_mode || !args.clone {
                let after = head()?;
                let mut output = Output::new(true).with("before", Json::Null).with("after", after.as_str());
                if cx.diff {
                    output = output.with("diff", newly(&after));
                }
                return Ok(Check::Done(output));
            }
            return Ok(Check::Would {
                change: Change { args: args.clone(), seen },
                foreseen: Output::new(true),
            });
        }
        let before = seen.before.clone().unwrap_or_default();
        if !args.update {
            let output = Output::new(false).with("before", before.as_str()).with("after", before.as_str());
            return Ok(Check::Done(output));
        }
        if seen.modified && !args.force {
            let message = format!("Local modifications exist in the destination: {} (force=no).", seen.dest);
            return Err(Failure::new(message).with("before", before).with("changed", false));
        }
        if cx.check_mode {
            let after = head()?;
            let mut output = Output::new(before != after || seen.moved)
                .with("before", before.as_str())
                .with("after", after.as_str())
                .with("remote_url_changed", seen.moved);
            if cx.diff && before != after {
                // The objects to compare with are fetched; nothing that names them changes.
                output = output.with("diff", difference(args, &before, &after, true, cx).await?);
            }
            return Ok(Check::Done(output));
        }
        // Whether anything changes shows only after fetching; submodules may have moved too.
        Ok(Check::Would { change: Change { args: args.clone(), seen }, foreseen: Output::new(true) })
    }

    async fn apply(&self, Change { args, seen }: Change, cx: &Context) -> Result<Output, Failure> {
        let done = run(&format!("{}{}", beginning(&args), work(&args, &seen)), cx).await?;
        let text = done.out();
        let told: Vec<&str> = text.rsplit('\u{1}').next().unwrap_or("").lines().map(str::trim).collect();
        let after = told.first().copied().unwrap_or("");
        let says = |word: &str| told.contains(&word);
        let mut output = Output::default().with("before", seen.before.clone()).with("after", after);
        if seen.modified {
            output =
                output.with("msg", format!("Local modifications exist in the destination: {}", seen.dest));
        }
        if seen.before.is_some() {
            output = output.with("remote_url_changed", seen.moved);
        }
        if says("submodules") {
            output = output.with("submodules_changed", true);
        }
        let moved = told.iter().find_map(|line| line.strip_prefix("relocated ")?.split_once('\u{2}'));
        if let Some((was, now)) = moved {
            output = output.with("git_dir_before", was).with("git_dir_now", now);
        }
        let differs = seen.before.as_deref() != Some(after);
        if cx.diff && differs {
            output = output.with(
                "diff",
                match &seen.before {
                    Some(before) => difference(&args, before, after, false, cx).await?,
                    None => newly(after),
                },
            );
        }
        let changed = differs || seen.modified || says("submodules") || seen.moved || moved.is_some();
        Ok(output.with("changed", if args.archive.is_some() { says("packed") } else { changed }))
    }
}

/// The difference of a clone that was not there.
fn newly(after: &str) -> Json {
    json!({"prepared": format!(">> Newly checked out {after}")})
}

/// The difference between two commits; the second one's objects may have to be fetched first.
async fn difference(
    args: &Args,
    before: &str,
    after: &str,
    fetch: bool,
    cx: &Context,
) -> Result<Json, Failure> {
    let fetch = if fetch { "$git fetch --quiet \"$remote\" >/dev/null 2>&1\n" } else { "" };
    let (old, new) = (quote(before), quote(after));
    let script = format!("{}cd \"$dest\" || exit 1\n{fetch}$git diff {old} {new}\n", beginning(args));
    let told = match run(&script, cx).await {
        Ok(done) if done.out().is_empty() => format!(">> No visual differences between {before} and {after}"),
        Ok(done) => done.out().into_owned(),
        Err(failure) => {
            format!(">> Failed to get proper diff between {before} and {after}:\n>> {}", failure.message())
        }
    };
    Ok(json!({"prepared": told}))
}

/// What the target has, and the remote.
#[derive(Clone, Debug, Default)]
struct Seen {
    dest: String,
    before: Option<String>,
    modified: bool,
    /// Whether the clone's remote is at another address.
    moved: bool,
    /// The remote's commit of the version.
    head: Option<String>,
    /// What git said when it could not tell.
    said: String,
    /// What it was asked then.
    asked: String,
}

fn refuse(args: &Args) -> Result<(), Failure> {
    if args.archive_prefix.is_some() && args.archive.is_none() {
        return Err(Failure::new("missing parameter(s) required by 'archive_prefix': archive"));
    }
    match &args.umask {
        None | Some(Json::Null) => Ok(()),
        Some(Json::String(text)) if u32::from_str_radix(text, 8).is_ok() => Ok(()),
        Some(Json::String(_)) => Err(Failure::new("umask must be an octal integer")),
        Some(_) => Err(Failure::new("umask must be defined as a quoted octal integer")),
    }
}

/// A command without the passwords of its addresses.
fn unsaid(command: &str) -> String {
    let word = |word: &str| {
        let login = word.split_once("://").and_then(|(scheme, rest)| {
            let end = rest.find('/').unwrap_or(rest.len());
            let at = rest.get(..end)?.rfind('@')?;
            let (user, _) = rest.get(..at)?.split_once(':')?;
            Some(format!("{scheme}://{user}:********{}", rest.get(at..)?))
        });
        login.unwrap_or_else(|| word.to_string())
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Runs a script; one that fails is a failure with what git said.
async fn run(script: &str, cx: &Context) -> Result<Completed, Failure> {
    let done = cx.exec(Command::new(script.to_string())).await?;
    if done.succeeded() {
        return Ok(done);
    }
    let (out, err) = (done.out().into_owned(), done.err().into_owned());
    let (err, command) = match err.split_once('\u{2}') {
        Some((err, command)) => (err.to_string(), Some(command.trim().to_string())),
        None => (err, None),
    };
    let (message, err) = match err.split_once('\u{1}') {
        Some((err, message)) => (message.trim().to_string(), err.to_string()),
        None => (err.trim_end().to_string(), err),
    };
    if message == "Failed to download remote objects and refs" {
        let command: Option<Vec<_>> =
            command.map(|line| unsaid(&line).split(' ').map(str::to_string).collect());
        return Err(Failure::new(format!("{message}: {out} {err}")).with("cmd", command));
    }
    let failure = Failure::new(message);
    let failure = command.into_iter().fold(failure, |failure, command| failure.with("cmd", unsaid(&command)));
    Err(failure
        .with("rc", done.rc)
        .with("stdout_lines", lines(&out))
        .with("stdout", out)
        .with("stderr_lines", lines(&err))
        .with("stderr", err))
}

async fn look(args: &Args, cx: &Context) -> Result<Seen, Failure> {
    // The remote is asked only where its answer counts.
    let asks = cx.check_mode || !args.clone;
    let config = if args.bare { "$dest/config" } else { "$dest/.git" };
    let head = "case $version in\n\
         HEAD) r=HEAD ;;\n\
         *) if printf %s \"$version\" | grep -qE '^[0-9a-f]{40}$'; then printf '%s' \"$version\"; exit 0; fi\n\
         if branch \"$from\"; then r=refs/heads/$version; elif tag \"$from\"; then r=refs/tags/$version; else exit 0; fi ;; esac\n\
         o=$($git ls-remote \"$from\" \"$r\" \"$r^{}\" 2>&1) || { printf '\\001%s\\001%s' \"$o\" \"$(command -v \"$git\") ls-remote $repo -h $r\"; exit 0; }\n\
         o=$(printf '%s\\n' \"$o\" | tail -n 1); printf '%s' \"${o%%[!0-9a-f]*}\"\n";
    let script = format!(
        "{}put() {{ printf '%s\\001' \"$1\"; }}\nput \"$dest\"\nfrom=$repo\n\
         if [ -n \"$dest\" ] && [ -e \"{config}\" ]; then\n\
         cd \"$dest\" || exit 1\nput \"$($git rev-parse HEAD 2>/dev/null)\"\n\
         {}\nu=$($git config --get \"remote.$remote.url\"); p=${{u#file://}}; q=${{repo#file://}}\n\
         if [ -n \"$u\" ] && [ \"${{p%/}}\" != \"${{q%/}}\" ]; then put moved; else put ''; fi; from=$remote\n\
         else put ''; put ''; put ''; fi\n{}",
        beginning(args),
        match args.bare {
            true => "put ''".to_string(),
            false => "put \"$($git status --porcelain 2>/dev/null | grep -v '^??')\"".to_string(),
        },
        if asks { head } else { "" },
    );
    let done = run(&script, cx).await?;
    let text = done.out();
    let mut fields = text.split('\u{1}');
    let mut field = || fields.next().unwrap_or("").to_string();
    let dest = field();
    let before = Some(field()).filter(|sha| !sha.is_empty());
    let (modified, moved) = (!field().trim().is_empty(), field() == "moved");
    let head = Some(field()).filter(|_| asks);
    let (said, asked) = (field().trim().to_string(), field());
    Ok(Seen { dest, before, modified, moved, head, said, asked })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_is_told_without_passwords() {
        let told = super::unsaid("git clone https://me:se@cret@h.example/x.git /srv/x");
        assert_eq!(told, "git clone https://me:********@h.example/x.git /srv/x");
        assert_eq!(super::unsaid("git ls-remote ssh://git@h/x"), "git ls-remote ssh://git@h/x");
    }
}
