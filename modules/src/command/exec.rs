//! One program on the target: what to look at before it, how to start it, and its answer. Shared by `command` and
//! `shell`. A program that is missing is told from one that ends with 127: the script looks before it becomes it.

use super::{answer, words};
use jiff::Zoned;
use muster_engine::connection;
use muster_engine::module::{Check, Context, Failure, Map, Output, Reason};
use serde_json::{Value as Json, json};

/// Says that a program is missing, or may not be executed. Nothing but the script itself can have written it.
const MISSING: &str = "muster: errno 2";
const FORBIDDEN: &str = "muster: errno 13";
/// The exit code of a look whose directory is missing.
const NO_DIRECTORY: i32 = 91;

/// A program that is to run.
#[derive(Debug)]
pub struct Program {
    /// `cmd` of the result.
    pub(super) shown: Json,
    /// Its words for the shell, quoted.
    pub(super) argv: Vec<String>,
    /// Its words as they are, for messages.
    pub(super) named: Vec<String>,
    pub(super) chdir: Option<String>,
    pub(super) stdin: Option<Vec<u8>>,
    pub(super) strip: bool,
}

/// What has to be, or not to be, for it to run.
pub(super) struct Asked<'a> {
    pub creates: Option<&'a str>,
    pub removes: Option<&'a str>,
}

/// The bytes for standard input.
pub(super) fn input(text: Option<&str>, newline: bool) -> Option<Vec<u8>> {
    text.map(|text| if newline { format!("{text}\n") } else { text.to_string() }.into_bytes())
}

impl Program {
    /// Looks at the directory and at `creates` and `removes`.
    pub(super) async fn check(self, asked: &Asked<'_>, cx: &Context) -> Result<Check<Self>, Failure> {
        let look = self.look(asked);
        if look.is_empty() {
            cx.connection().await?;
        } else {
            let seen = cx.sh(look).await?;
            if seen.rc == NO_DIRECTORY {
                let result = self.result("Unable to change directory before execution.", "", Json::Null);
                let path = words::bytes_repr(self.chdir.as_deref().unwrap_or_default());
                return Err(Failure { reason: Reason::Failed, result }
                    .caused_by(format!("[Errno 2] No such file or directory: {path}")));
            }
            let seen = seen.out();
            let did = if cx.check_mode { "Would" } else { "Did" };
            let idle = match (asked.creates, asked.removes) {
                (Some(path), _) if seen.lines().any(|l| l == "creates") => Some((path, "exists")),
                (_, Some(path)) if !path.is_empty() && !seen.lines().any(|l| l == "removes") => {
                    Some((path, "does not exist"))
                }
                _ => None,
            };
            if let Some((path, how)) = idle {
                let message = format!("{did} not run command since '{path}' {how}");
                let stdout = format!("skipped, since {path} {how}");
                let result = self.result(&message, &stdout, json!(0));
                return Ok(Check::Done(Output { result, vars: None }));
            }
        }
        let mut result = self.result("Command would have run if not in check mode", "", json!(0));
        let conditional = asked.creates.is_some() || asked.removes.is_some();
        result.insert("changed".into(), conditional.into());
        if !conditional {
            result.insert("skipped".into(), true.into());
        }
        Ok(Check::Would { change: self, foreseen: Output { result, vars: None } })
    }

    /// Runs it.
    pub(super) async fn run(self, cx: &Context) -> Result<Output, Failure> {
        let mut command = connection::Command::new(self.script());
        command.stdin = self.stdin.clone().map(Into::into);
        let start = Zoned::now();
        let completed = cx.exec(command).await?;
        let end = Zoned::now();
        let refused = |bytes: &[u8]| answer::not_utf8(bytes).map(Failure::new);
        if let Some(failure) = refused(&completed.stdout).or_else(|| refused(&completed.stderr)) {
            return Err(failure);
        }
        let (out, err) = (completed.out(), completed.err());
        if completed.rc == 127 && err.ends_with(MISSING) {
            return Err(self.unstarted(2, "No such file or directory"));
        }
        if completed.rc == 126 && err.ends_with(FORBIDDEN) {
            return Err(self.unstarted(13, "Permission denied"));
        }
        let cut = |text: &str| match self.strip {
            true => text.trim_end_matches(['\r', '\n']).to_string(),
            false => text.to_string(),
        };
        let mut result = self.result("", "", json!(answer::rc(&completed)));
        answer::put_streams(&mut result, &cut(&out), &cut(&err), Some(&completed));
        result.insert("changed".into(), true.into());
        result.insert("start".into(), answer::moment(&start).into());
        result.insert("end".into(), answer::moment(&end).into());
        result.insert("delta".into(), answer::lapse(&start, &end).into());
        if completed.rc == 0 {
            return Ok(Output { result, vars: None });
        }
        result.insert("msg".into(), "non-zero return code".into());
        Err(Failure { reason: Reason::Failed, result })
    }

    fn script(&self) -> String {
        let cd = self.chdir.as_deref().map(change_directory).unwrap_or_default();
        let argv = self.argv.join(" ");
        format!(
            r#"[ -r . ] || cd 2>/dev/null || cd /tmp
{cd}set -- {argv}
p=
case $1 in
*/*) if [ -e "$1" ]; then p=$1; fi ;;
*) o=$IFS; IFS=:; set -f
   for d in $PATH; do d=${{d:-.}}; if [ -f "$d/$1" ]; then p=$d/$1; if [ -x "$p" ]; then break; fi; fi; done
   IFS=$o; set +f ;;
esac
if [ -z "$p" ]; then printf '{MISSING}' >&2; exit 127; fi
if [ -d "$p" ] || [ ! -x "$p" ]; then printf '{FORBIDDEN}' >&2; exit 126; fi
exec "$@"
"#
        )
    }

    fn look(&self, asked: &Asked<'_>) -> String {
        let mut script = self.chdir.as_deref().map(change_directory).unwrap_or_default();
        for (name, path) in [("creates", asked.creates), ("removes", asked.removes)] {
            let Some(path) = path.filter(|path| !path.is_empty()) else { continue };
            script.push_str(&format!(
                "for f in {}; do if [ -e \"$f\" ] || [ -L \"$f\" ]; then echo {name}; break; fi; done\n",
                words::pattern(path)
            ));
        }
        script
    }

    /// The keys that are always there.
    fn result(&self, message: &str, stdout: &str, rc: Json) -> Map {
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        answer::put_streams(&mut result, stdout, "", None);
        result.insert("rc".into(), rc);
        result.insert("cmd".into(), self.shown.clone());
        for moment in ["start", "end", "delta"] {
            result.insert(moment.into(), Json::Null);
        }
        result.insert("msg".into(), message.into());
        result
    }

    fn unstarted(&self, errno: i32, why: &str) -> Failure {
        let program = self.named.first().map_or("", String::as_str);
        let cause = format!("[Errno {errno}] {why}: {}", words::bytes_repr(program));
        let mut result = Map::new();
        result.insert("changed".into(), false.into());
        result.insert("rc".into(), errno.into());
        answer::put_streams(&mut result, "", "", None);
        result.insert("cmd".into(), words::join(&self.named).into());
        result.insert("msg".into(), "Error executing command.".into());
        Failure { reason: Reason::Failed, result }.caused_by(cause)
    }
}

pub(super) fn change_directory(path: &str) -> String {
    format!("CDPATH= cd -P -- {} 2>/dev/null || exit {NO_DIRECTORY}\n", words::expanded(path))
}
