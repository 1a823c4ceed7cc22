//! `slurp`: the content of a file on the host, base64.

use super::facts::{Content, Found, Look};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use std::convert::Infallible;

/// The module.
#[derive(Debug)]
pub(super) struct Slurp;

/// Its arguments.
#[derive(Debug, Deserialize)]
pub(super) struct Args {
    src: String,
}

impl Module for Slurp {
    const NAME: &'static str = "ansible.builtin.slurp";
    const SPEC: Spec = Spec::new(
        "Reads a file on the host.",
        &[Opt::new("src", Kind::Path, "The file.").aliases(&["path"]).required()],
    )
    .examples("- slurp: {src: /proc/mounts}\n  register: mounts\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        // Devices and files of /proc are read too: `cat` decides, not the kind.
        let more = "if [ -e \"$p\" ] && [ ! -f \"$p\" ] && [ ! -d \"$p\" ] && [ -r \"$p\" ]; then put special; put c; cat -- \"$p\"; exit; fi; put ''";
        let facts = Look::at(&args.src).content(Content::All).more(more).run(cx).await?;
        let source = &facts.path;
        let Some(content) = facts.content else {
            let (why, cause) = if facts.seen.is_dir() {
                ("Source is a directory and must be a file", "[Errno 21] Is a directory")
            } else if facts.seen.exists() || facts.seen.hidden() == Some("Permission denied") {
                ("File is not readable", "[Errno 13] Permission denied")
            } else if matches!(&facts.seen.this, Found::Not(why) if why == "Not a directory") {
                ("Unable to slurp file", "[Errno 20] Not a directory")
            } else {
                ("File not found", "[Errno 2] No such file or directory")
            };
            let said = format!("Task failed: Module failed: {why}: {source}: {cause}: '{source}'");
            return Err(Failure::new(format!("{why}: {source}")).said(said));
        };
        Ok(Check::Done(
            Output::default()
                .with("content", STANDARD.encode(content))
                .with("source", source.as_str())
                .with("encoding", "base64"),
        ))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
