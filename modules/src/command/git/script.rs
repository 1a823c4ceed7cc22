//! The scripts of `git`: where git is and how it logs in, then a clone or a fetch, the switch to the version, and what else a task wants of
//! it. Arguments and what was seen come in, text for the target's shell goes out; nothing of an argument is read as shell.

use super::{Args, Seen};
use crate::command::words::{expanded, quote};
use serde_json::Value as Json;

/// Where git is, how it logs in, and what the arguments name.
pub(super) fn beginning(args: &Args) -> String {
    let mut out = String::from(
        "export LC_ALL=C LANGUAGE=C GIT_TERMINAL_PROMPT=0\nc=; fail() { printf '\\001%s' \"$1\" >&2; [ -z \"$c\" ] || printf '\\002%s' \"$c\" >&2; exit 1; }\n",
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
        "quiet() { e=$(\"$@\" 2>&1 >/dev/null) || { r=$?; c=\"$(command -v \"$1\") ${*#* }\"; printf '%s\\n' \"$e\" >&2; return $r; }; }\n\
         branch() { [ -n \"$($git ls-remote \"$1\" -h \"refs/heads/$version\" 2>/dev/null)\" ]; }\n\
         tag() { [ -n \"$($git ls-remote \"$1\" -t \"refs/tags/$version\" 2>/dev/null)\" ]; }\n",
    );
    out
}

/// Clones or fetches, then switches to the version and prints the commit.
pub(super) fn work(args: &Args, seen: &Seen) -> String {
    let mut out = String::new();
    let force = if args.force { " --force" } else { "" };
    let refspec = args.refspec.as_deref().map(quote);
    let depth = args.depth.filter(|depth| *depth > 0);
    let shallow = depth.map_or_else(String::new, |depth| format!(" --depth {depth}"));
    if seen.before.is_none() {
        let mut words = if args.bare { " --bare".to_string() } else { " --origin \"$remote\"".to_string() };
        if args.single_branch {
            words.push_str(" --single-branch");
        }
        if let Some(path) = &args.separate_git_dir {
            words.push_str(&format!(" --separate-git-dir={}", expanded(path)));
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
            "e=$($git clone{words} \"$@\" -- \"$repo\" \"$dest\" 2>&1 >/dev/null) || {{ r=$?; c=$(command -v \"$git\")\n\
             if $git ls-remote \"$repo\" HEAD >/dev/null 2>&1; then c=\"$c clone --origin $remote $repo $dest\"; else c=\"$c ls-remote $repo -h refs/heads/$version\"; fi\n\
             printf '%s\\n' \"$e\" | grep -v '^Cloning into' >&2; printf '\\002%s' \"$c\" >&2; exit $r; }}\n\
             cd \"$dest\" || exit 1\n"
        ));
        if args.bare {
            out.push_str("[ \"$remote\" = origin ] || $git remote add \"$remote\" \"$repo\"\n");
        }
        if let Some(refspec) = &refspec {
            out.push_str(&format!("$git fetch{shallow} \"$remote\" {refspec} || exit $?\n"));
        }
    } else {
        out.push_str("cd \"$dest\" || exit 1\n");
        if let Some(path) = &args.separate_git_dir {
            out.push_str(&format!("s={}\n{RELOCATE}", expanded(path)));
        }
        if seen.modified {
            out.push_str("$git reset --hard HEAD -- >/dev/null || exit $?\n");
        }
        if seen.moved {
            out.push_str("$git remote set-url \"$remote\" \"$repo\" || exit $?\n");
        }
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
                "$git fetch{shallow}{force} --tags \"$remote\" >/dev/null || {{ c=\"$(command -v \"$git\") fetch{shallow}{force} --tags $remote\"; fail \"Failed to download remote objects and refs\"; }}\n"
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
    if args.verify_commit {
        out.push_str(&verify(args));
    }
    out.push_str("m=\n");
    if args.recursive && !args.bare {
        let remote = if args.track_submodules { " --remote" } else { "" };
        out.push_str(&format!("o='{remote}{force}'\n"));
        out.push_str(
            "if [ -e .gitmodules ]; then\na=$($git submodule status --recursive 2>/dev/null)\n$git submodule sync --recursive >/dev/null\n\
             $git submodule update --init --recursive$o >/dev/null || fail 'Failed to init/update submodules'\n\
             [ \"$a\" = \"$($git submodule status --recursive 2>/dev/null)\" ] || m=submodules\nfi\n",
        );
    }
    if let Some(path) = &args.archive {
        let prefix = args
            .archive_prefix
            .as_ref()
            .map_or(String::new(), |prefix| format!(" --prefix {}", quote(prefix)));
        out.push_str(&format!("a={}; set --{prefix}\n{PACK}", expanded(path)));
    }
    out.push_str(
        "printf '\\001%s\\n%s\\n%s\\n%s\\n' \"$($git rev-parse HEAD)\" \"$m\" \"${g-}\" \"${p-}\"\n",
    );
    out
}

/// The commit or the tag is signed, and by one of the keys that are named, if any are.
fn verify(args: &Args) -> String {
    let failed = "\"Failed to verify GPG signature of commit/tag \\\"$version\\\"\"";
    let mut out = format!(
        "v=verify-commit; [ \"$($git cat-file -t \"$version\" 2>/dev/null)\" = tag ] && v=verify-tag\n\
         w=$($git $v --raw \"$version\" 2>&1) || fail {failed}\n"
    );
    if !args.gpg_allowlist.is_empty() {
        let keys: Vec<String> = args.gpg_allowlist.iter().map(|key| quote(key)).collect();
        out.push_str(&format!(
            "w=$(printf '%s\\n' \"$w\" | awk '$2 == \"VALIDSIG\" {{ print $3; exit }}')\n\
             for k in {}; do [ \"$k\" = \"$w\" ] && w= && break; done\n\
             [ -z \"$w\" ] || fail \"The gpg_allowlist does not include the public key \\\"$w\\\" for this commit\"\n",
            keys.join(" ")
        ));
    }
    out
}

/// What git knows of a clone goes where it is wanted, and the clone is told where it is.
const RELOCATE: &str = r#"was=$dest/.git; [ -d "$was" ] || was=$(sed -n 's/^gitdir: //p' "$was")
s=$(realpath -m -- "$s" 2>/dev/null || printf %s "$s")
if [ "$(realpath -m -- "$was" 2>/dev/null || printf %s "$was")" != "$s" ]; then
  [ ! -e "$s" ] || fail "Separate-git-dir path $s already exists."
  mv -- "$was" "$s" && printf 'gitdir: %s' "$s" >"$dest/.git" || fail 'Unable to move git dir.'
  g=$(printf 'relocated %s\002%s' "$was" "$s")
fi
"#;

/// Packs the version, unless the same is there.
const PACK: &str = r#"case $a in
  *.zip) f=zip ;; *.gz) f=tar.gz ;; *.tar) f=tar ;; *.tgz) f=tgz ;;
  *) fail "Unable to get file extension from archive file name : $a" ;;
esac
n=$a; [ -e "$a" ] && n=$(mktemp "${TMPDIR:-/tmp}/muster.XXXXXXXX")
$git archive --format "$f" --output "$n" "$@" "$version" || fail 'Failed to perform archive operation'
if [ "$n" = "$a" ]; then p=packed
elif cmp -s -- "$n" "$a"; then rm -f -- "$n"
else mv -f -- "$n" "$a" && p=packed || fail "Failed to move $n to $a"; fi
"#;

/// To the remote's branch (its first one for HEAD), a tag, or a commit.
const SWITCH: &str = r#"b=
if [ "$version" = HEAD ]; then
  $git remote set-head "$remote" --auto >/dev/null 2>&1
  b=$($git symbolic-ref --quiet --short "refs/remotes/$remote/HEAD" 2>/dev/null); b=${b#"$remote"/}
elif branch "$remote"; then b=$version; fi
if [ -n "$b" ]; then
  if $git show-ref --verify --quiet "refs/heads/$b"; then quiet $git checkout --force "$b"
  else quiet $git checkout --track -b "$b" "$remote/$b"; fi || fail "Failed to checkout branch $b"
  quiet $git reset --hard "$remote/$b" -- || fail "Failed to checkout branch $b"
elif [ "$version" != HEAD ]; then
  quiet $git checkout --force "$version" || fail "Failed to checkout $version"
fi
"#;
