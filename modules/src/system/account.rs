//! What `user` and `group` have in common: the lines of passwd, shadow and group, and one program that changes them. The
//! program's own words and exit code come back with whatever the script prints after it. A secret goes in by standard
//! input, never as a word of a command.

use crate::command::lines;
use crate::files::script::{self, Answer};
use muster_engine::module::{Context, Failure, Output};

/// Shell functions: `entry` prints the line of a name or id, as every program of the host sees it; `own` and `own_id` do so
/// from the host's own file; `act` runs a program and puts its code and words; `has` tells whether there is one.
pub(super) const ENTRY: &str = r#"for d in /usr/local/sbin /usr/sbin /sbin; do case :$PATH: in *:$d:*) ;; *) PATH=$PATH:$d ;; esac; done
has() { command -v "$1" >/dev/null 2>&1; }
own() {
  while IFS= read -r l || [ -n "$l" ]; do
    case $l in "$2":*) printf '%s' "$l"; return 0 ;; esac
  done < "/etc/$1"
  return 1
}
own_id() {
  while IFS= read -r l || [ -n "$l" ]; do
    i=${l#*:*:}; [ "${i%%:*}" = "$2" ] && { printf '%s' "$l"; return 0; }
  done < "/etc/$1"
  return 1
}
entry() {
  # To getent digits are a number, not a name.
  case $2 in *[!0-9]*) ;; *) own "$1" "$2" && return 0 ;; esac
  if has getent; then getent "$1" "$2"; else own "$1" "$2" || case $2 in *[!0-9]*) false ;; *) own_id "$1" "$2" ;; esac; fi
}
act() {
  act_e=$(mktemp) || exit 1
  act_o=$(LC_ALL=C "$@" 2>"$act_e" </dev/null; printf '\n%s' $?)
  act_r=${act_o##*
}
  put "$act_r"; put "${act_o%
*}"; put "$(cat "$act_e"; echo .)"; rm -f "$act_e"
}
"#;

/// What a program answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub rc: i32,
    pub out: String,
    pub err: String,
    /// What the script printed after it.
    pub rest: Answer,
}

/// Runs a script in which [`ENTRY`]'s `act` runs one program first.
pub(super) async fn run(cx: &Context, text: &str, stdin: Option<Vec<u8>>) -> Result<Answered, Failure> {
    let done = script::exec(cx, &format!("{ENTRY}{text}exit 0\n"), stdin.map(Into::into)).await?;
    if !done.succeeded() {
        return Err(script::failure(&done));
    }
    Answered::read(Answer::new(done.stdout))
}

impl Answered {
    /// Reads what `act` put.
    pub(super) fn read(mut answer: Answer) -> Result<Self, Failure> {
        let rc = answer.field()?.parse().unwrap_or(1);
        let out = answer.field()?;
        let err = answer.field()?;
        let err = err.strip_suffix('.').unwrap_or(&err).to_string();
        Ok(Self { rc, out, err, rest: answer })
    }
}

/// The result with what a program said, where it said anything.
pub(super) fn streams(mut output: Output, out: &str, err: &str) -> Output {
    for (key, text) in [("stdout", out), ("stderr", err)] {
        if !text.is_empty() {
            output = output.with(key, text).with(&format!("{key}_lines"), lines(text));
        }
    }
    output
}

/// Ends the script if a program is missing.
pub(super) fn program(name: &str) -> String {
    format!("has {name} || die \"Failed to find required executable \\\"{name}\\\" in paths: $PATH\"\n")
}

/// Runs one command, or where its program is missing another's.
pub(super) fn either(program: &str, command: &str, other: &str, instead: &str) -> String {
    format!(
        "if has {program}; then act {command}; elif has {other}; then act {instead}\n\
         else die \"Failed to find required executable \\\"{program}\\\" in paths: $PATH\"; fi\n"
    )
}
