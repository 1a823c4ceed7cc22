//! `ansible.builtin.known_hosts`: a host's key is in a known_hosts file, or is not. The target's ssh-keygen says which
//! lines are the host's (names may be hashed); what to do with them is decided here, and the file is written at once.

use crate::files::attributes::Wanted;
use crate::files::facts::{Content, Look, Seen};
use crate::files::script::{self, quote};
use crate::files::write::Write;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `ansible.builtin.known_hosts`.
pub struct KnownHosts;

/// What a task gives to [`KnownHosts`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    key: Option<String>,
    path: String,
    hash_host: bool,
    state: String,
}

/// What `apply` must know.
#[derive(Debug)]
pub struct Change(Work);

#[derive(Debug)]
enum Work {
    /// Another text.
    Write(Box<Write>, Output),
    /// All lines of the host go: its name and the file.
    Remove(String, String, Output),
}

impl Module for KnownHosts {
    const NAME: &'static str = "ansible.builtin.known_hosts";
    const SPEC: Spec = Spec::new(
        "Adds a host's key to a known_hosts file, and removes it.",
        &[
            Opt::new("name", Kind::Str, "The host.").aliases(&["host"]).required(),
            Opt::new("key", Kind::Str, "The key, as a line of the file."),
            Opt::new("path", Kind::Path, "The file.").default("~/.ssh/known_hosts"),
            Opt::new("hash_host", Kind::Bool, "Hashes the host's name in the line.").default("false"),
            Opt::new("state", Kind::Str, "Whether it shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
        ],
    )
    .examples(
        "- known_hosts: {name: node1, key: \"node1 ssh-ed25519 AAAA…\", path: /etc/ssh/ssh_known_hosts}\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let present = args.state == "present";
        let given = args.key.as_deref().filter(|key| !key.is_empty());
        if given.is_none() && present {
            return Err(Failure::new("No key specified when adding a host"));
        }
        let host = args.name.to_lowercase();
        if given.is_some() && host.contains(',') {
            return Err(Failure::new(
                "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file.",
            ));
        }
        let more = look_script(args, given, &host);
        let facts = Look::at(&args.path).content(Content::All).more(&more).run(cx).await?;
        let mut parts = facts.more.split('\u{1}');
        let (key, sane) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (found, said) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if let Some(missing) = said.strip_prefix("missing ") {
            return Err(Failure::new(missing.trim()));
        }
        if given.is_some() && sane.trim().is_empty() {
            return Err(Failure::new("Host parameter does not match hashed host field in supplied key"));
        }
        let key = given.map(|_| format!("{}\n", key.trim_end_matches('\n')));
        let known = Known::of(found, key.as_deref());
        let before = facts.content.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let text = |at: Option<usize>, add: bool| {
            let lines = before.split_inclusive('\n').enumerate();
            let mut text: String = lines.filter(|(i, _)| Some(i + 1) != at).map(|(_, line)| line).collect();
            text.push_str(key.as_deref().filter(|_| add).unwrap_or(""));
            text
        };
        let gone = known.line.filter(|_| known.replace || !present);
        let diff = json!({
            "before_header": if facts.seen.exists() { facts.path.as_str() } else { "/dev/null" },
            "after_header": facts.path,
            "before": before,
            "after": text(gone, present && (known.replace || known.line.is_none())),
        });
        let nothing = !present && known.line.is_none() && key.is_some();
        let changed = !nothing && (known.replace || known.found != present);
        let output = Output::new(changed)
            .with("name", args.name.as_str())
            .with("key", args.key.clone())
            .with("path", facts.path.as_str())
            .with("hash_host", args.hash_host)
            .with("state", args.state.as_str())
            .with("diff", diff);
        let mut foreseen = output.clone();
        if cx.check_mode && !nothing {
            // In check mode Ansible says no more than this.
            foreseen.result.retain(|name, _| matches!(name.as_str(), "changed" | "diff"));
        } else {
            facts.seen.describe(&mut foreseen.result);
        }
        if !changed {
            return Ok(Check::Done(foreseen));
        }
        let change = if key.is_none() {
            Work::Remove(host, facts.path.clone(), output)
        } else {
            let (write, _) = Write::over(&facts, &Wanted::default(), text(gone, present).into_bytes())?;
            Work::Write(Box::new(write), output)
        };
        Ok(Check::Would { change: Change(change), foreseen })
    }

    async fn apply(&self, Change(work): Change, cx: &Context) -> Result<Output, Failure> {
        let (seen, mut output) = match work {
            Work::Write(write, output) => {
                let written = write.run(cx).await?;
                (written.seen, output)
            }
            Work::Remove(host, path, output) => {
                let (host, path) = (quote(&host), quote(&path));
                let script = format!("e=$(ssh-keygen -R {host} -f {path} 2>&1) || die \"$e\"\nlook {path}\n");
                (Seen::read(&mut script::run(cx, &script).await?)?, output)
            }
        };
        seen.describe(&mut output.result);
        Ok(output)
    }
}

/// Prints, as one field with marks between: the key (hashed if asked for), what ssh-keygen finds of the host in it, what it
/// finds in the file, and whether it is missing.
fn look_script(args: &Args, key: Option<&str>, host: &str) -> String {
    let host = quote(host);
    let mut out = String::from("k= s= g= w=\nif command -v ssh-keygen >/dev/null 2>&1; then\n");
    if let Some(key) = key {
        let hash = if args.hash_host { "ssh-keygen -H -f \"$t/k\" >/dev/null 2>&1; " } else { "" };
        out.push_str(&format!(
            "t=$(umask 077; mktemp -d) || exit 1; printf '%s\\n' {} > \"$t/k\"\n{hash}k=$(cat \"$t/k\"); s=$(ssh-keygen -F {host} -f \"$t/k\" 2>/dev/null); rm -rf \"$t\"\n",
            quote(key.trim_end_matches('\n'))
        ));
    }
    out.push_str(&format!(
        "if [ -e \"$p\" ]; then g=$(ssh-keygen -F {host} -f \"$p\" 2>&1); fi\n\
         else w='missing Failed to find required executable \"ssh-keygen\" in paths of the target'; fi\n\
         put \"$(printf '%s\\001%s\\001%s\\001%s' \"$k\" \"$s\" \"$g\" \"$w\")\""
    ));
    out
}

/// What the file has of the host.
#[derive(Debug, Default, PartialEq)]
struct Known {
    found: bool,
    replace: bool,
    /// The line with a key of the same type.
    line: Option<usize>,
}

impl Known {
    /// Reads what ssh-keygen printed.
    fn of(text: &str, key: Option<&str>) -> Self {
        if text.trim().is_empty() {
            return Self::default();
        }
        let Some(wanted) = key.and_then(parts) else { return Self { found: true, ..Self::default() } };
        let mut at = None;
        for line in text.lines() {
            if line.starts_with('#') {
                let number =
                    line.split_once("found: line ").map(|(_, rest)| rest.split(' ').next().unwrap_or(""));
                at = number.and_then(|number| number.trim().parse().ok());
                continue;
            }
            let Some(mut now) = parts(line) else { continue };
            let marked =
                now.0.is_some_and(|mark| mark.starts_with("@cert-authority") || mark.starts_with("@revoke"));
            if !marked && wanted.1.starts_with("|1|") && now.1.starts_with("|1|") {
                now.1 = wanted.1;
            }
            if now == wanted {
                return Self { found: true, replace: false, line: at };
            }
            if !marked && now.2 == wanted.2 {
                return Self { found: true, replace: true, line: at };
            }
        }
        Self { found: true, replace: true, line: None }
    }
}

/// A line's marker, names, type and key.
fn parts(line: &str) -> Option<(Option<&str>, &str, &str, &str)> {
    let mut words = line.split_whitespace().peekable();
    let mark = words.next_if(|word| word.starts_with('@'));
    Some((mark, words.next()?, words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_same_type_is_replaced_and_of_another_is_not() {
        let text = "# Host h found: line 3\nh ssh-rsa AAA\n";
        let known = |key| Known::of(text, Some(key));
        assert_eq!(known("h ssh-rsa AAA c"), Known { found: true, replace: false, line: Some(3) });
        assert_eq!(known("h ssh-rsa BBB"), Known { found: true, replace: true, line: Some(3) });
        assert_eq!(known("h ssh-ed25519 CCC"), Known { found: true, replace: true, line: None });
        assert_eq!(Known::of("", Some("h ssh-rsa A")), Known::default());
    }
}
