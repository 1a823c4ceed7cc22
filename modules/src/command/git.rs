//! `ansible.builtin.git`: a repository's clone is on the target, at a version. A look asks git what is there and what the
//! remote has; a change is one script that clones or fetches and then switches. What is not supported is refused by name.

use super::lines;
use super::words::{expanded, quote};
use muster_engine::connection::{Command, Completed};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
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
            Opt::new("verify_commit", Kind::Bool, "Refused when true.").default("no"),
            Opt::new("gpg_allowlist", Kind::List, "Refused unless empty.")
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
            Opt::new("track_submodules", Kind::Bool, "Refused when true.").default("no"),
            Opt::new("umask", Kind::Raw, "The umask for new files, octal in quotes."),
            Opt::new("archive", Kind::Path, "Refused; use `git archive` in a command."),
            Opt::new("archive_prefix", Kind::Str, "Refused; use `git archive` in a command."),
            Opt::new("separate_git_dir", Kind::Path, "Refused; clone with a command."),
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
                Failure::new(match seen.said.is_empty() {
                    true => format!("Could not determine remote revision for {}", args.repo),
                    false => seen.said.clone(),
                })
            })
        };
        if !there {
            if cx.check_mode || !args.clone {
                let output = Output::new(true).with("before", Json::Null).with("after", head()?);
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
            let output = Output::new(before != after || seen.moved)
                .with("before", before)
                .with("after", after)
                .with("remote_url_changed", seen.moved);
            return Ok(Check::Done(output));
        }
        // Whether anything changes shows only after fetching; submodules may have moved too.
        Ok(Check::Would { change: Change { args: args.clone(), seen }, foreseen: Output::new(true) })
    }

    async fn apply(&self, Change { args, seen }: Change, cx: &Context) -> Result<Output, Failure> {
        let done = run(&format!("{}{}", beginning(&args), work(&args, &seen)), cx).await?;
        let text = done.out();
        let mut fields = text.rsplit('\u{1}').next().unwrap_or("").lines();
        let after = fields.next().unwrap_or("").trim().to_string();
        let submodules = fields.next() == Some("submodules");
        let mut output = Output::default().with("before", seen.before.clone()).with("after", after.as_str());
        if seen.modified {
            output =
                output.with("msg", format!("Local modifications exist in the destination: {}", seen.dest));
        }
        if seen.before.is_some() {
            output = output.with("remote_url_changed", seen.moved);
        }
        if submodules {
            output = output.with("submodules_changed", true);
        }
        let differs = seen.before.as_deref() != Some(after.as_str());
        if let (true, true, Some(before)) = (cx.diff, differs, &seen.before) {
            let script = format!(
                "{}cd \"$dest\" && $git diff {} {}\n",
                beginning(&args),
                quote(before),
                quote(&after)
            );
            output = output.with("diff", json!({"prepared": run(&script, cx).await?.out()}));
        }
        Ok(output.with("changed", differs || seen.modified || submodules || seen.moved))
    }
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
}

fn refuse(args: &Args) -> Result<(), Failure> {
    let unsupported = [
        ("verify_commit", args.verify_commit),
        ("gpg_allowlist", !args.gpg_allowlist.is_empty()),
        ("track_submodules", args.track_submodules),
        ("archive", args.archive.is_some()),
        ("archive_prefix", args.archive_prefix.is_some()),
        ("separate_git_dir", args.separate_git_dir.is_some()),
    ];
    if let Some((name, _)) = unsupported.iter().find(|(_, given)| *given) {
        return Err(Failure::new(format!("`{name}` is not supported here: use git itself in a command")));
    }
    match &args.umask {
        None | Some(Json::Null) => Ok(()),
        Some(Json::String(text)) if u32::from_str_radix(text, 8).is_ok() => Ok(()),
        Some(Json::String(_)) => Err(Failure::new("umask must be an octal integer")),
        Some(_) => Err(Failure::new("umask must be defined as a quoted octal integer")),
    }
}

/// Runs a script; one that fails is a failure with what git said.
async fn run(script: &str, cx: &Context) -> Result<Completed, Failure> {
    let done = cx.exec(Command::new(script.to_string())).await?;
    if done.succeeded() {
        return Ok(done);
    }
    let (out, err) = (done.out().into_owned(), done.err().into_owned());
    let (message, err) = match err.split_once('\u{1}') {
        Some((err, message)) => (message.trim().to_string(), err.to_string()),
        None => (err.trim_end().to_string(), err),
    };
    Err(Failure::new(message)
        .with("rc", done.rc)
        .with("stdout_lines", lines(&out))
        .with("stdout", out)
        .with("stderr_lines", lines(&err))
        .with("stderr", err))
}

/// Where git is, how it logs in, and what the arguments name.
fn beginning(args: &Args) -> String {
    let mut out = String::from(
        "export LC_ALL=C LANGUAGE=C GIT_TERMINAL_PROMPT=0\nfail() { printf '\\001%s' \"$1\" >&2; exit 1; }\n",
    );
    match &args.executable {
        Some(path) => out.push_str(&format!("git={}\n", expanded(path))),
        None => out.push_str("git=git; command -v git >/dev/null 2>&1 || fail 'Failed to find required executable \"git\" in paths of the target'\n"),
    }
    if let Some(Json::String(umask)) = &args.umask {
        out.push_str(&format!("umask {umask}\n"));
    }
    let mut ssh = args.ssh_opts.clone().unwrap_or_default();
    let decided = ssh.contains("StrictHostKeyChecking=");
    for (wanted, value) in [(args.accept_hostkey, "no"), (args.accept_newhostkey, "accept-new")] {
        if wanted && !decided {
            ssh.push_str(&format!(" -o StrictHostKeyChecking={value}"));
        }
    }
    out.push_str(&format!("ssh={}\n", quote(&format!("ssh -o BatchMode=yes {}", ssh.trim()))));
    if let Some(key) = &args.key_file {
        out.push_str(&format!("k={}; ssh=\"$ssh -i '$k' -o IdentitiesOnly=yes\"\n", expanded(key)));
    }
    out.push_str("export GIT_SSH_COMMAND=\"$ssh\"\n");
    out.push_str(&format!(
        "repo={}; case $repo in '~'/*) repo=$HOME/${{repo#*/}} ;; esac; case $repo in /*) repo=file://$repo ;; esac\n\
         dest={}; case $dest in ''|/*) ;; *) dest=$(pwd)/$dest ;; esac; dest=${{dest%/}}\nversion={}; remote={}\n",
        quote(&args.repo),
        args.dest.as_deref().map_or_else(|| "''".into(), expanded),
        quote(&args.version),
        quote(&args.remote),
    ));
    out.push_str(
        "branch() { [ -n \"$($git ls-remote \"$1\" -h \"refs/heads/$version\" 2>/dev/null)\" ]; }\n\
         tag() { [ -n \"$($git ls-remote \"$1\" -t \"refs/tags/$version\" 2>/dev/null)\" ]; }\n",
    );
    out
}

async fn look(args: &Args, cx: &Context) -> Result<Seen, Failure> {
    // The remote is asked only where its answer counts.
    let asks = cx.check_mode || !args.clone;
    let config = if args.bare { "$dest/config" } else { "$dest/.git" };
    let head = "case $version in\n\
         HEAD) r=HEAD ;;\n\
         *) if printf %s \"$version\" | grep -qE '^[0-9a-f]{40}$'; then printf '%s' \"$version\"; exit 0; fi\n\
         if branch \"$from\"; then r=refs/heads/$version; elif tag \"$from\"; then r=refs/tags/$version; else exit 0; fi ;; esac\n\
         o=$($git ls-remote \"$from\" \"$r\" \"$r^{}\" 2>&1) || { printf '\\001%s' \"$o\"; exit 0; }\n\
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
    Ok(Seen { dest, before, modified, moved, head, said: field().trim().to_string() })
}

/// Clones or fetches, then switches to the version and prints the commit.
fn work(args: &Args, seen: &Seen) -> String {
    let mut out = String::new();
    let refspec = args.refspec.as_deref().map(quote);
    let depth = args.depth.filter(|depth| *depth > 0);
    let shallow = depth.map_or_else(String::new, |depth| format!(" --depth {depth}"));
    if seen.before.is_none() {
        let mut words = if args.bare { " --bare".to_string() } else { " --origin \"$remote\"".to_string() };
        if args.single_branch {
            words.push_str(" --single-branch");
        }
        if let Some(path) = &args.reference {
            words.push_str(&format!(" --reference {}", quote(path)));
        }
        out.push_str("mkdir -p -- \"${dest%/*}/\" 2>/dev/null\nset --\n");
        let named = "if branch \"$repo\" || tag \"$repo\"; then set -- \"$@\" --branch \"$version\"";
        match (depth, &args.refspec) {
            (Some(_), None) if args.version == "HEAD" => out.push_str(&format!("set -- {shallow}\n")),
            (Some(_), Some(_)) => out.push_str(&format!("set -- {shallow}\n")),
            (Some(_), None) => out.push_str(&format!("{named}{shallow}; fi\n")),
            (None, _) if args.single_branch && args.version != "HEAD" => {
                out.push_str(&format!("{named}; fi\n"))
            }
            (None, _) => {}
        }
        out.push_str(&format!(
            "$git clone{words} \"$@\" -- \"$repo\" \"$dest\" || exit $?\ncd \"$dest\" || exit 1\n"
        ));
        if args.bare {
            out.push_str("[ \"$remote\" = origin ] || $git remote add \"$remote\" \"$repo\"\n");
        }
        if let Some(refspec) = &refspec {
            out.push_str(&format!("$git fetch{shallow} \"$remote\" {refspec} || exit $?\n"));
        }
    } else {
        out.push_str("cd \"$dest\" || exit 1\n");
        if seen.modified {
            out.push_str("$git reset --hard HEAD -- >/dev/null || exit $?\n");
        }
        if seen.moved {
            out.push_str("$git remote set-url \"$remote\" \"$repo\" || exit $?\n");
        }
        let force = if args.force { " --force" } else { "" };
        let mut specs = match args.bare {
            true => " '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'".to_string(),
            false => String::new(),
        };
        if let Some(refspec) = &refspec {
            specs.push_str(&format!(" {refspec}"));
        }
        match depth {
            Some(_) if args.version != "HEAD" && !args.bare => out.push_str(&format!(
                "if branch \"$remote\"; then set -- \"+refs/heads/$version:refs/remotes/$remote/$version\"\n\
                 elif tag \"$remote\"; then set -- \"+refs/tags/$version:refs/tags/$version\"; else set --; fi\n\
                 $git fetch{shallow}{force} \"$remote\" \"$@\"{specs} || fail \"Failed to download remote objects and refs\"\n"
            )),
            _ => out.push_str(&format!(
                "$git fetch{shallow}{force} --tags \"$remote\" >/dev/null || fail \"Failed to download remote objects and refs\"\n"
            )),
        }
        if !specs.is_empty() {
            out.push_str(&format!(
                "$git fetch{shallow}{force} \"$remote\"{specs} >/dev/null || fail \"Failed to download remote objects and refs\"\n"
            ));
        }
    }
    if !args.bare {
        out.push_str(SWITCH);
    }
    out.push_str("m=\n");
    if args.recursive && !args.bare {
        out.push_str(
            "if [ -e .gitmodules ]; then\na=$($git submodule status --recursive 2>/dev/null)\n$git submodule sync --recursive >/dev/null\n\
             $git submodule update --init --recursive >/dev/null || fail 'Failed to init/update submodules'\n\
             [ \"$a\" = \"$($git submodule status --recursive 2>/dev/null)\" ] || m=submodules\nfi\n",
        );
    }
    out.push_str("printf '\\001%s\\n%s\\n' \"$($git rev-parse HEAD)\" \"$m\"\n");
    out
}

/// To the remote's branch (its first one for HEAD), a tag, or a commit.
const SWITCH: &str = r#"b=
if [ "$version" = HEAD ]; then
  $git remote set-head "$remote" --auto >/dev/null 2>&1
  b=$($git symbolic-ref --quiet --short "refs/remotes/$remote/HEAD" 2>/dev/null); b=${b#"$remote"/}
elif branch "$remote"; then b=$version; fi
if [ -n "$b" ]; then
  if $git show-ref --verify --quiet "refs/heads/$b"; then $git checkout --force "$b" >/dev/null
  else $git checkout --track -b "$b" "$remote/$b" >/dev/null; fi || fail "Failed to checkout branch $b"
  $git reset --hard "$remote/$b" -- >/dev/null || fail "Failed to checkout branch $b"
elif [ "$version" != HEAD ]; then
  $git checkout --force "$version" >/dev/null || fail "Failed to checkout $version"
fi
"#;
