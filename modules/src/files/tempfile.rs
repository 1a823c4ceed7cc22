//! `tempfile`: a new file or directory with a name of its own on the host.

use super::facts::Seen;
use super::script::{self, quote, word};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use rand::Rng as _;
use serde::Deserialize;

/// The module.
#[derive(Debug)]
pub(super) struct TempFile;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    state: String,
    #[serde(default)]
    path: Option<String>,
    prefix: String,
    suffix: String,
}

impl Module for TempFile {
    const NAME: &'static str = "ansible.builtin.tempfile";
    const SPEC: Spec = Spec::new(
        "Makes a temporary file or directory.",
        &[
            Opt::new("state", Kind::Str, "What to make.").default("file").choices(&["file", "directory"]),
            Opt::new("path", Kind::Path, "Where; the host's own place for such files unless given."),
            Opt::new("prefix", Kind::Str, "How its name begins.").default("ansible."),
            Opt::new("suffix", Kind::Str, "How its name ends.").default("\"\""),
        ],
    )
    .examples("- tempfile: {state: directory, suffix: build}\n  register: work\n");
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        for (key, value) in [("prefix", &args.prefix), ("suffix", &args.suffix)] {
            if value.contains('/') {
                let message = format!("{key} must be a valid file name component, got '{value}'");
                return Err(Failure::new(message));
            }
        }
        if cx.check_mode {
            let message = "remote module (ansible.builtin.tempfile) does not support check mode";
            return Ok(Check::Done(Output::new(false).with("skipped", true).with("msg", message)));
        }
        Ok(Check::Would { change: args.clone(), foreseen: Output::new(true) })
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        let directory =
            args.path.as_deref().map(without_slash).map_or_else(|| "\"${TMPDIR:-/tmp}\"".to_string(), word);
        let make = if args.state == "directory" {
            "mkdir -m 700 -- \"$n\" 2>&1"
        } else {
            "{ set -C; umask 077; : > \"$n\"; } 2>&1"
        };
        // Names are drawn here, because not every mktemp takes a suffix.
        let names: Vec<String> = (0..20).map(|_| name()).collect();
        let script = format!(
            "d={directory}\nfor r in {}; do\nn=$d/{}$r{}\n\
             [ -d \"$d\" ] || die \"[Errno 2] No such file or directory: '$n'\"\ne=$({make}) && {{ put \"$n\"; look \"$n\"; exit 0; }}\n\
             [ -e \"$n\" ] || [ -L \"$n\" ] || die \"$e\"\ndone\ndie \"$e\"\n",
            names.join(" "),
            quote(&args.prefix),
            quote(&args.suffix)
        );
        let mut answer = script::run(cx, &script).await?;
        let path = answer.field()?;
        let mut output = Output::new(true).with("path", path);
        Seen::read(&mut answer)?.describe(&mut output.result);
        Ok(output)
    }
}

/// Eight random letters, digits and underscores.
fn name() -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
    let mut random = rand::rng();
    let mut letter = || LETTERS.get(random.random_range(0..LETTERS.len())).copied().unwrap_or(b'_');
    (0..8).map(|_| char::from(letter())).collect()
}

/// A directory without the slash at its end; the root stays.
fn without_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        cut => cut,
    }
}
