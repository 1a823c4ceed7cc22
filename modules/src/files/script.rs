//! Shell scripts for a host and their answers. Paths and words come in as Ansible's arguments have them and become
//! quoted sh; what a script prints comes back as NUL-ended fields, the last one open-ended, so that any file name and
//! any content survive. The target needs a POSIX shell and coreutils or busybox.

use muster_engine::connection::{Command, Completed};
use muster_engine::module::{Context, Failure};
use std::sync::Arc;

/// Functions that every script here begins with: `put` prints a field, `look` what is at a path, `sum` a checksum,
/// `die` ends the script with a sentence on standard error. Who became another user may stand where that one cannot
/// read, which some programs take amiss. `look` keeps to names of its
/// own: a script's `$t` may be a file that its trap removes.
const PRELUDE: &str = r#"[ -r . ] || cd 2>/dev/null || cd /
F='%f %h %i %d %u %g %s %b %o %t %T|%X %Y %Z|%x|%y|%z|%U|%G'
put() { printf '%s\0' "$1"; }
die() { printf '%s\n' "$1" >&2; exit 90; }
look() {
  look_a=$(LC_ALL=C stat -c "$F" -- "$1" 2>&1) || look_a="!$look_a"
  put "$look_a"
  if [ -L "$1" ]; then
    look_a=$(readlink -- "$1"; echo .); look_t=${look_a%??}
    put "$look_t"
    if [ -e "$1" ]; then look_a=$(readlink -f -- "$1"; echo .); look_t=${look_a%??}
    else case $look_t in /*) ;; *)
      case $1 in */*) look_a=${1%/*} ;; *) look_a=. ;; esac
      look_t=$(CDPATH= cd -- "${look_a:-/}" && pwd -P)/$look_t ;;
    esac; fi
    put "$look_t"
    look_a=$(LC_ALL=C stat -L -c "$F" -- "$1" 2>&1) || look_a="!$look_a"
    put "$look_a"
  else put ''; put ''; put ''; fi
  look_a=; [ -r "$1" ] && look_a=r; [ -w "$1" ] && look_a=${look_a}w; [ -x "$1" ] && look_a=${look_a}x
  put "$look_a"
}
sum() {
  a=
  if [ -f "$2" ] && [ -r "$2" ]; then
    a=$("$1"sum < "$2" 2>/dev/null) || a=$(shasum -a "${1#sha}" < "$2" 2>/dev/null) ||
    a=$(openssl dgst -r "-$1" < "$2" 2>/dev/null) || a=
  fi
  put "${a%% *}"
}
"#;

/// Text as one literal word of sh.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path as one word of sh in which `~`, `~user`, `$NAME` and `${NAME}` stand for what they are on the target;
/// names that are not set stay as they are written.
pub(crate) fn word(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    if path.starts_with('~') {
        let user = path.split('/').next().unwrap_or(path);
        let name = user.get(1..).unwrap_or("");
        if name.is_empty() {
            out.push_str(r#""${HOME-~}""#);
            rest = path.get(1..).unwrap_or("");
        } else if name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            out.push_str(user);
            rest = path.get(user.len()..).unwrap_or("");
            // A quoted slash would be part of the user's name.
            if let Some(below) = rest.strip_prefix('/') {
                out.push('/');
                rest = below;
            }
        }
    }
    let mut literal = String::new();
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        match variable(after) {
            Some((name, left)) => {
                let written = after.get(..after.len() - left.len()).unwrap_or(name);
                if !literal.is_empty() {
                    out.push_str(&quote(&std::mem::take(&mut literal)));
                }
                out.push_str(&format!(r#""${{{name}-\${}}}""#, written.replace('}', r"\}")));
                rest = left;
            }
            None => {
                literal.push('$');
                rest = after;
            }
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() || out.is_empty() {
        out.push_str(&quote(&literal));
    }
    out
}

/// The variable's name after a `$`, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (braced, inner) = match text.strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match braced {
        true => Some((name, after.strip_prefix('}')?)),
        false => Some((name, after)),
    }
}

/// Runs a script; one that did not end well is a failure with what it said.
pub(crate) async fn run(cx: &Context, script: &str) -> Result<Answer, Failure> {
    let done = exec(cx, script, None).await?;
    if done.succeeded() { Ok(Answer::new(done.stdout)) } else { Err(failure(&done)) }
}

/// A script with the functions that every one here may use.
pub(crate) fn complete(script: &str) -> String {
    format!("{PRELUDE}{script}")
}

/// Runs a script with bytes for its standard input, and gives what came of it, however it ended.
pub(crate) async fn exec(cx: &Context, script: &str, stdin: Option<Arc<[u8]>>) -> Result<Completed, Failure> {
    if script.contains('\0') {
        return Err(Failure::new("embedded null byte"));
    }
    let mut command = Command::new(complete(script));
    command.stdin = stdin;
    // Half a file must never be taken for a whole one.
    command.cap = Some(usize::MAX);
    let done = cx.exec(command).await?;
    match done.truncated {
        0 => Ok(done),
        over => Err(Failure::new(format!("the host's answer is too long by {over} bytes"))),
    }
}

/// Why a script did not end well: the last thing it said.
pub(crate) fn failure(done: &Completed) -> Failure {
    let said = done.err();
    let said = said.trim();
    match (said.is_empty(), &done.signal) {
        (false, _) => Failure::new(said),
        (true, Some(signal)) => Failure::new(format!("the script was ended by signal {signal}")),
        (true, None) => Failure::new(format!("the script ended with {} and said nothing", done.rc)),
    }
}

/// What a program says of an error number, without the program's name and the path before it.
pub(crate) fn reason(said: &str) -> &str {
    let line = said.trim().lines().last().unwrap_or("");
    match line.rsplit(": ").next().unwrap_or(line).trim() {
        // So say shells of what lies in a directory that is not there.
        "Directory nonexistent" | "nonexistent directory" => "No such file or directory",
        reason => reason,
    }
}

/// The same, as Python prints an `OSError`.
pub(crate) fn os_error(said: &str, path: &str) -> String {
    let reason = reason(said);
    let number = match reason {
        "Operation not permitted" => 1,
        "No such file or directory" => 2,
        "Permission denied" => 13,
        "Device or resource busy" => 16,
        "File exists" => 17,
        "Invalid cross-device link" => 18,
        "Not a directory" => 20,
        "Is a directory" => 21,
        "Text file busy" => 26,
        "No space left on device" => 28,
        "Read-only file system" => 30,
        "File name too long" => 36,
        "Directory not empty" => 39,
        "Too many levels of symbolic links" => 40,
        _ => return reason.to_string(),
    };
    format!("[Errno {number}] {reason}: b'{path}'")
}

/// What a script printed, read field by field.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    /// The whole of a script's standard output.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next field, if there is one.
    pub(crate) fn next(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let field = String::from_utf8_lossy(rest.get(..end)?).into_owned();
        self.at += end + 1;
        Some(field)
    }

    /// The next field.
    pub(crate) fn field(&mut self) -> Result<String, Failure> {
        self.next().ok_or_else(|| Failure::new("the host's answer ended too early"))
    }

    /// Everything after the fields read so far.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_expand_on_the_target_and_nothing_else_does() {
        for (path, expected) in [
            ("/etc/a b", "'/etc/a b'"),
            ("it's", r"'it'\''s'"),
            ("~", r#""${HOME-~}""#),
            ("~/x", r#""${HOME-~}"'/x'"#),
            ("~bob/x", "~bob/'x'"),
            ("~bob/", "~bob/"),
            ("~bob;x/y", "'~bob;x/y'"),
            ("$HOME/x", r#""${HOME-\$HOME}"'/x'"#),
            ("/a/${B}c", r#"'/a/'"${B-\${B\}}"'c'"#),
            ("$(reboot)`x`", "'$(reboot)`x`'"),
            ("a$", "'a$'"),
            ("${x;y}", "'${x;y}'"),
            ("$1", "'$1'"),
            ("", "''"),
        ] {
            assert_eq!(word(path), expected, "{path}");
        }
    }

    #[test]
    fn fields_end_at_nul_and_the_rest_is_kept_whole() {
        let mut answer = Answer::new(b"a\0b\nc\0\0raw\0\xff".to_vec());
        assert_eq!(answer.next().as_deref(), Some("a"));
        assert_eq!(answer.next().as_deref(), Some("b\nc"));
        assert_eq!(answer.next().as_deref(), Some(""));
        assert_eq!(answer.rest(), b"raw\0\xff");
    }

    #[test]
    fn errors_read_as_python_prints_them() {
        let said = "mkdir: cannot create directory '/x/y': Permission denied\n";
        assert_eq!(os_error(said, "/x/y"), "[Errno 13] Permission denied: b'/x/y'");
    }
}
