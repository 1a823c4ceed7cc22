//! `unarchive`: what is in an archive comes to a directory of the host. The host's own tar (GNU) or unzip says whether
//! anything differs and unpacks; owner and mode are then set on what was in the archive. An archive from here is sent along
//! with the script and is gone when that ends.

use super::attributes::{Wanted, with_attributes};
use super::facts::{Facts, Look, Seen};
use super::get_url::name_of;
use super::script::{self, Answer, quote, word};
use super::{download, local};
use crate::command::Sent;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Module, Opt, Output, Spec, python_str};
use serde::Deserialize;
use serde_json::json;

/// The module.
#[derive(Debug)]
pub(super) struct Unarchive;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    src: String,
    dest: String,
    remote_src: bool,
    #[serde(default)]
    creates: Option<String>,
    list_files: bool,
    keep_newer: bool,
    exclude: Vec<String>,
    include: Vec<String>,
    extra_opts: Vec<String>,
    copy: bool,
    decrypt: bool,
    validate_certs: bool,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What Ansible calls the reader of zip files.
const ZIP: &str = "ZipArchive";

/// How each entry of a zip file differs from what is there, a line each in the manner of rsync: new ones, then content, size,
/// time, mode, and owner or group. Modes are tried on a file and a directory of nobody's.
const ITEMS: &str = r#"octal() { p=${1#?}; m=0; while [ -n "$p" ]; do m=$((m * 2)); case $p in [rwxst]*) m=$((m + 1)) ;; esac; p=${p#?}; done; }
moded() {
  now=$(stat -c %a "$p")
  if [ -n "$mode" ]; then
    if [ $t = d ]; then try=$trial; else try=$trial/f; : > "$try"; fi
    chmod "$now" "$try"; chmod -- "$mode" "$try"; want=$(stat -c %a "$try"); chmod 700 "$trial"
  else
    case $perm in
    ??????????) ;;
    *) case $t$perm in d*|*rwx*) perm=-rwxrwxrwx ;; *) perm=-rw-rw-rw- ;; esac ;;
    esac
    save=$p; octal "$perm"; p=$save; want=$(printf %o $((m & ~0$(umask))))
  fi
  [ "$now" = "$want" ]
}
items() {
  trial=
  [ -z "$mode" ] || trial=$(mktemp -d) || die 'no temporary directory could be made'
  while read -r perm _ _ size _ _ stamp name; do
    case $stamp in ????????.??????) ;; *) continue ;; esac
    case $name in */) t=d ;; *) case $perm in l*) t=L ;; *) t=f ;; esac ;; esac
    p=$dest/${name%/}
    if [ $t = d ] && [ ! -d "$p" ] || [ ! -e "$p" ] && [ ! -L "$p" ]; then printf '>%s++++++.?? %s
' $t "$name"; continue; fi
    if [ $t = f ] && [ -d "$p" ]; then printf 'cf++++++.?? %s
' "$name"; continue; fi
    h=. c=. z=. w=. q=. o=.
    if [ $t = f ]; then
      there=$(date -r "$p" +%Y%m%d.%H%M%S)
      if [ -z "$newer" ]; then [ "$there" = "$stamp" ] || w=t
      elif [ "$(printf '%s
%s
' "$there" "$stamp" | sort | head -n 1)" != "$stamp" ]; then h='>'; fi
      [ $(wc -c < "$p") -eq "$size" ] || z=s
      unzip -p "$s" "$name" 2>/dev/null </dev/null | cmp -s - "$p" || c=c
    fi
    [ $t = L ] || moded || q=p
    [ "$(stat -c %U "$p")" = "$owner" ] || o=o
    [ "$(stat -c %G "$p")" = "$group" ] || o=g
    case $h$c$z$w$q$o in ......) ;; *) printf '%s%s..?? %s
' "$h$t" "$c$z$w$q$o" "$name" ;; esac
  done
  [ -z "$trial" ] || rm -rf -- "$trial"
}
"#;

/// The beginning of the script. `tool` is GNU tar's name, if `gnu` says that there is one.
const TOOLS: &str = r#"export LC_ALL=C
has() { command -v "$1" >/dev/null 2>&1; }
why=
tool=$(command -v gtar) || tool=$(command -v tar) || tool=tar
gnu=; case $($tool --version 2>/dev/null) in tar*GNU*) gnu=1 ;; esac
[ -n "$gnu" ] || why="Command \"$(command -v $tool)\" detected as tar type None. GNU tar required."
"#;

impl Module for Unarchive {
    const NAME: &'static str = "ansible.builtin.unarchive";
    const SPEC: Spec = Spec::new(
        "Unpacks an archive into a directory.",
        with_attributes![
            Opt::new("src", Kind::Path, "The archive: tar (also packed by gzip, bzip2, xz, zstd) or zip. With `remote_src` an address too, which the host fetches.").required(),
            Opt::new("dest", Kind::Path, "The directory, which must be there.").required(),
            Opt::new("remote_src", Kind::Bool, "The archive is on the host.").default("false"),
            Opt::new("creates", Kind::Path, "When this path exists, nothing is unpacked."),
            Opt::new("list_files", Kind::Bool, "With the names of all files in it.").default("false"),
            Opt::new("keep_newer", Kind::Bool, "Leaves files alone that are newer than in the archive.").default("false"),
            Opt::new("exclude", Kind::List, "What is not unpacked.").elements(Kind::Str).default("[]"),
            Opt::new("include", Kind::List, "All that is unpacked.").elements(Kind::Str).default("[]"),
            Opt::new("extra_opts", Kind::List, "More words for the program.").elements(Kind::Str).default("[]"),
            Opt::new("validate_certs", Kind::Bool, "Whether the certificate of an address is checked.").default("true"),
            Opt::new("io_buffer_size", Kind::Int, "Taken and not needed.").default("65536"),
            Opt::new("copy", Kind::Bool, "The old way to say `remote_src: false`.").default("true"),
            Opt::new("decrypt", Kind::Bool, "Opens an archive from here that is in a vault.").default("true"),
        ],
    )
    .examples("- unarchive: {src: /var/cache/etcd.tar.gz, dest: /opt, remote_src: true, extra_opts: [--strip-components=1]}\n")
    .manners(Manners { missing: Some("src (or content) and dest are required"), works: Some(("ansible.legacy.unarchive", &[])), ..Manners::USUAL });
    type Args = Args;
    type Change = (Args, Box<Facts>);

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Self::Change>, Failure> {
        let mut args = args.clone();
        args.remote_src |= !args.copy;
        if !args.include.is_empty() && !args.exclude.is_empty() {
            return Err(Failure::new("parameters are mutually exclusive: include|exclude"));
        }
        let created = args.creates.as_deref().map_or_else(
            || "put ''".to_string(),
            |path| format!("c={}; if [ -e \"$c\" ]; then put \"$c\"; else put ''; fi", word(path)),
        );
        let facts = Look::at(&args.dest).wanted(&args.wanted).more(&created).run(cx).await?;
        if !facts.more.is_empty() {
            let message = format!("skipped, since {} exists", facts.more);
            return Ok(Check::Done(Output::passed_over(message)));
        }
        if !facts.seen.is_dir() {
            let message = format!("dest '{}' must be an existing dir", facts.path);
            return Err(Failure::new(message).raised());
        }
        if cx.check_mode {
            return Ok(Check::Done(unpack(&args, &facts, cx).await?));
        }
        Ok(Check::Would { change: (args, Box::new(facts)), foreseen: Output::new(true) })
    }

    async fn apply(&self, (args, facts): Self::Change, cx: &Context) -> Result<Output, Failure> {
        unpack(&args, &facts, cx).await
    }
}

/// Compares, and unpacks what differs; in check mode only a zip file can be compared.
async fn unpack(args: &Args, facts: &Facts, cx: &Context) -> Result<Output, Failure> {
    let script = script(args, facts, cx.check_mode);
    let done = if args.remote_src {
        script::exec(cx, &script, None).await?
    } else {
        let found = local::find(cx, &args.src, "Task failed: ")?;
        let sent = Sent { name: "source", bytes: local::read(cx, &found, args.decrypt).await?, beside: None };
        let mut command = sent.command(&script::complete(&script));
        command.cap = Some(usize::MAX);
        cx.exec(command).await?
    };
    if !done.succeeded() {
        return Err(script::failure(&done));
    }
    let mut answer = Answer::new(done.stdout);
    let (handler, source, listed) = (answer.field()?, answer.field()?, answer.field()?);
    if cx.check_mode && handler != ZIP {
        let message = "remote module (ansible.legacy.unarchive) does not support check mode when using gtar";
        return Ok(Output::new(false).with("skipped", true).with("msg", message));
    }
    let differences = answer.field()?;
    let changed = answer.field()? == "changed";
    let mut output = Output::new(changed)
        .with("handler", handler)
        .with("dest", facts.path.as_str())
        .with("src", source.as_str());
    if changed && !cx.check_mode {
        let (rc, out, err) = (answer.field()?.parse::<i64>().unwrap_or(1), answer.field()?, answer.field()?);
        let cmd = answer.field()?;
        let cmd: Vec<&str> = cmd.lines().collect();
        output = output.with("extract_results", json!({"cmd": cmd, "rc": rc, "out": out, "err": err}));
        if rc != 0 {
            let mut failure = Failure::new(format!("failed to unpack {source} to {}", facts.path));
            failure.result.extend(output.result);
            return Err(failure.with("changed", false));
        }
    }
    let excluded = |name: &&str| args.exclude.iter().any(|one| one.trim_end_matches('/') == *name);
    let names: Vec<&str> = listed
        .lines()
        .map(|name| name.strip_prefix('/').unwrap_or(name))
        .filter(|name| !excluded(name))
        .collect();
    if !cx.check_mode && own(args, facts, &names, cx).await? {
        output = output.with("changed", true);
    }
    if !differences.is_empty() {
        output = output.with("diff", json!({"prepared": differences}));
    }
    if args.list_files {
        output = output.with("files", json!(names));
    }
    let mut answer = script::run(cx, &format!("look {}\n", quote(&facts.path))).await?;
    Seen::read(&mut answer)?.describe(&mut output.result);
    Ok(output)
}

/// Sets owner and mode on everything that was in the archive; says whether that changed anything.
async fn own(args: &Args, facts: &Facts, names: &[&str], cx: &Context) -> Result<bool, Failure> {
    let wanted = &args.wanted;
    if wanted.owner.is_none() && wanted.group.is_none() && wanted.mode.is_none() {
        return Ok(false);
    }
    let top = facts.path.trim_end_matches('/');
    let mut paths: Vec<String> =
        names.iter().map(|name| format!("{top}/{}", name.trim_end_matches('/'))).collect();
    let tops =
        names.iter().filter_map(|name| name.split_once('/')).map(|(first, _)| format!("{top}/{first}"));
    paths.extend(tops);
    paths.sort();
    paths.dedup();
    let mut commands = vec![];
    for some in paths.chunks(300) {
        let script: String = some.iter().map(|path| format!("look {}\n", quote(path))).collect();
        let mut answer = script::run(cx, &script).await?;
        for path in some {
            if let Some(stat) = Seen::read(&mut answer)?.stat() {
                commands.extend(wanted.against(stat, facts)?.commands(&quote(path)));
            }
        }
    }
    for some in commands.chunks(300) {
        let lines: String = some.iter().map(|command| format!("{command} || exit 90\n")).collect();
        script::run(cx, &lines).await?;
    }
    Ok(!commands.is_empty())
}

/// The script: which program reads it, what is in it, whether something differs, and unpacking.
fn script(args: &Args, facts: &Facts, dry: bool) -> String {
    let words = |texts: Vec<String>| texts.iter().map(|text| format!(" {}", quote(text))).collect::<String>();
    let mut options = vec![];
    if !args.extra_opts.is_empty() {
        options.push("--show-transformed-names".to_string());
        options.extend(args.extra_opts.clone());
    }
    let mut more = vec![];
    for (flag, value) in [("--owner=", &args.wanted.owner), ("--group=", &args.wanted.group)] {
        more.extend(value.iter().filter(|value| !value.is_empty()).map(|value| format!("{flag}{value}")));
    }
    if args.keep_newer {
        more.push("--keep-newer-files".into());
    }
    let excludes =
        words(args.exclude.iter().map(|path| format!("--exclude={}", path.trim_end_matches('/'))).collect());
    let (options, more, include) = (words(options), words(more), words(args.include.clone()));
    let source = match (args.remote_src, args.src.contains("://")) {
        (false, _) => "s=$f".into(),
        (true, false) => format!("s={}", word(&args.src)),
        (true, true) => format!(
            "d=$(mktemp -d) || die 'no temporary directory could be made'\ntrap 'rm -rf -- \"$d\"' EXIT\nf=$d/{}\n{}s=$f",
            quote(&name_of(&args.src)),
            download::into_file(&args.src, args.validate_certs, "Failure downloading", ", ")
        ),
    };
    // What tar says of owner, group and mode counts only where the task does not set them anyway.
    let mut counted = String::from(
        "Mod time differs|No such file or directory|Invalid owner|Invalid group|Symlink differs|Contents differ|Size differs",
    );
    for (key, set, root) in [
        ("Uid differs", args.wanted.owner.is_some(), true),
        ("Gid differs", args.wanted.group.is_some(), true),
        ("Mode differs", args.wanted.mode.is_some(), false),
    ] {
        if !set && (!root || facts.uid == 0) {
            counted.push_str(&format!("|{key}"));
        }
    }
    let zip_names = if args.include.is_empty() { String::new() } else { include.clone() };
    let zip_out =
        if args.exclude.is_empty() { String::new() } else { format!(" -x{}", words(args.exclude.clone())) };
    let mode = args.wanted.mode.as_ref().map(python_str).unwrap_or_default();
    let named = |name: &Option<String>, own: &str| name.as_deref().map_or_else(|| own.to_string(), quote);
    let zip_options = words(args.extra_opts.clone());
    format!(
        r#"{TOOLS}dest={dest}; {source}
[ -e "$s" ] || die "Source '$s' does not exist"
[ -r "$s" ] || die "Source '$s' not readable"
[ -s "$s" ] || die "Invalid archive '$s', the file is 0 bytes"
list() {{ $tool --list -C "$dest" "$@"{options}{excludes} -f "$s"{include}; }}
compare() {{ $tool --diff -C "$dest" "$@"{options}{more}{excludes} -f "$s"{include}; }}
extract() {{ put_cmd $tool --extract -C "$dest" "$@"{options}{more}{excludes} -f "$s"{include}; }}
put_cmd() {{ cmd=$(printf '%s\n' "$@"); e=$(mktemp); o=$("$@" 2>"$e" </dev/null; r=$?; echo .; exit $r); r=$?; put $r; put "${{o%.}}"; o=$(cat "$e"; echo .); put "${{o%.}}"; rm -f "$e"; put "$cmd"; }}
zip=
has unzip || zip="'unzip'"
has zipinfo || zip="${{zip:+$zip or }}'zipinfo'"
[ -z "$zip" ] || zip="Unable to find required $zip binary in the path.
"
handler=
if has unzip && l=$(unzip -Z1 "$s"{zip_names}{zip_out} 2>/dev/null) && [ -n "$l" ]; then handler={ZIP}
elif [ -n "{dry}" ]; then handler=TarArchive; l=
elif [ -n "$gnu" ]; then
  for h in TgzArchive:-z TarArchive: TarBzipArchive:-j TarXzArchive:-J TarZstdArchive:--use-compress-program=zstd; do
    flag=${{h#*:}}
    if l=$(list $flag 2>&1); then [ -n "$l" ] && {{ handler=${{h%%:*}}; break; }}
    else why="Command \"$(command -v $tool)\" could not handle archive: Unable to list files in the archive: $l"; fi
  done
fi
[ -n "$handler" ] || die "Failed to find handler for \"$s\". Make sure the required command to extract the file is installed.
$zip$why"
put $handler; put "$s"; put "$l"
if [ $handler = {ZIP} ]; then
  mode={mode} owner={owner} group={group} newer={newer}
  {ITEMS}differences=$(zipinfo -T -s "$s"{zip_names}{zip_out} 2>/dev/null | items; echo .)
  put "${{differences%.}}"
  if [ "$differences" = . ]; then put same
  else put changed; [ -n "{dry}" ] || put_cmd "$(command -v unzip)" -o{zip_options} "$s"{zip_names}{zip_out} -d "$dest"; fi
elif [ -n "{dry}" ]; then :
elif put ''; [ -z "$(compare $flag 2>&1 </dev/null | grep -E '{counted}')" ]; then put same
else put changed; extract $flag; fi
exit 0
"#,
        dest = quote(&facts.path),
        mode = quote(&mode),
        owner = named(&args.wanted.owner, "$(id -un)"),
        group = named(&args.wanted.group, "$(id -gn)"),
        newer = if args.keep_newer { "1" } else { "" },
        dry = if dry { "1" } else { "" },
    )
}
