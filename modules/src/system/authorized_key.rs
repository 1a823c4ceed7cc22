//! `ansible.posix.authorized_key`: keys are in a user's authorized_keys, or are not. The file's text and the keys come in,
//! the new text goes out ([`keys`]); it is written at once, with the user as its owner.

mod keys;

use super::account::ENTRY;
use crate::files::attributes::Wanted;
use crate::files::download;
use crate::files::facts::{Content, Facts, Look};
use crate::files::script::{self, quote};
use crate::files::write::Write;
use keys::Keys;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `ansible.posix.authorized_key`.
pub struct AuthorizedKey;

/// What a task gives to [`AuthorizedKey`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    user: String,
    key: String,
    path: Option<String>,
    manage_dir: bool,
    state: String,
    key_options: Option<String>,
    exclusive: bool,
    comment: Option<String>,
    validate_certs: bool,
    follow: bool,
}

/// The file to write, and the answer.
#[derive(Debug)]
pub struct Change {
    write: Write,
    output: Output,
    described: bool,
}

impl Module for AuthorizedKey {
    const NAME: &'static str = "ansible.posix.authorized_key";
    const SPEC: Spec = Spec::new(
        "Adds keys to a user's authorized_keys, and removes them.",
        &[
            Opt::new("user", Kind::Str, "The user.").required(),
            Opt::new(
                "key",
                Kind::Str,
                "The keys, one a line; or the address, `http` or `file`, where the host finds them.",
            )
            .required(),
            Opt::new("path", Kind::Path, "Another file."),
            Opt::new("manage_dir", Kind::Bool, "Makes the file's directory, and gives it to the user.")
                .default("true"),
            Opt::new("state", Kind::Str, "Whether they shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("key_options", Kind::Str, "Options before each key."),
            Opt::new("exclusive", Kind::Bool, "Removes all other keys.").default("false"),
            Opt::new("comment", Kind::Str, "Another comment for each key."),
            Opt::new("validate_certs", Kind::Bool, "Whether the certificate of an address is checked.")
                .default("true"),
            Opt::new("follow", Kind::Bool, "Writes to what a link at the path leads to.").default("false"),
        ],
    )
    .examples("- authorized_key: {user: core, key: \"{{ lookup('file', 'id_ed25519.pub') }}\"}\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let text = given(args, cx).await?;
        let facts = look(args, cx).await?;
        let entry: Vec<&str> = facts.more.trim().split(':').collect();
        let ids = (
            entry.get(2).and_then(|id| id.parse::<u32>().ok()),
            entry.get(3).and_then(|id| id.parse::<u32>().ok()),
        );
        let (Some(uid), Some(gid)) = ids else {
            return Err(Failure::new(match (cx.check_mode, &args.path) {
                (true, _) => "Either user must exist or you must provide full path to key file in check mode"
                    .to_string(),
                _ => format!("Failed to lookup user {0}: \"getpwnam(): name not found: '{0}'\"", args.user),
            }));
        };
        let before = facts.content.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let mut keys = Keys::parse(&before);
        let changed = keys.change(args, &text)?;
        let mut output = Output::new(changed)
            .with("user", args.user.as_str())
            .with("key", args.key.as_str())
            .with("path", args.path.as_ref().map(|_| facts.path.clone()))
            .with("manage_dir", args.manage_dir)
            .with("state", args.state.as_str())
            .with("key_options", args.key_options.clone())
            .with("exclusive", args.exclusive)
            .with("comment", args.comment.clone())
            .with("validate_certs", args.validate_certs)
            .with("follow", args.follow)
            .with("keyfile", facts.path.as_str());
        let described = args.path.is_some();
        let after = keys.text();
        if changed && cx.diff {
            let header = if args.follow { facts.real_path() } else { &facts.path };
            output = output.with(
                "diff",
                json!({
                    "before_header": facts.path, "after_header": header, "before": before, "after": after,
                }),
            );
        }
        let mut foreseen = output.clone();
        if described {
            facts.seen.describe(&mut foreseen.result);
        }
        if !changed {
            return Ok(Check::Done(foreseen));
        }
        let wanted = Wanted { mode: Some(Json::from("0600")), ..Wanted::default() };
        let (mut write, _) = Write::over(&facts, &wanted, after.into_bytes())?;
        (write.uid, write.gid) = (Some(uid), Some(gid));
        if !args.follow {
            write.path.clone_from(&facts.path);
        }
        write.parents = true;
        if args.manage_dir {
            let dir = quote(&facts.parent);
            write.first = format!(
                "e=$( {{ chown {uid}:{gid} -- {dir} && chmod 0700 -- {dir}; }} 2>&1) || die \"$e\"\n"
            );
        }
        Ok(Check::Would { change: Change { write, output, described }, foreseen })
    }

    async fn apply(
        &self,
        Change { write, mut output, described }: Change,
        cx: &Context,
    ) -> Result<Output, Failure> {
        let written = write.run(cx).await?;
        if described {
            written.seen.describe(&mut output.result);
        }
        Ok(output)
    }
}

/// The text of the keys: as given, or what the host finds at the address that is given in their place.
async fn given(args: &Args, cx: &Context) -> Result<String, Failure> {
    let key = args.key.as_str();
    if let Some(path) = key.starts_with("file").then(|| key.split_once("://").map_or(key, |(_, path)| path)) {
        let file = quote(path);
        let refused = |why: &str| quote(&format!("Path to a key {why}: {path}"));
        let script = format!(
            "[ -e {file} ] || die {}\n[ -f {file} ] || die {}\nput \"$(cat -- {file})\"\n",
            refused("file not found"),
            refused("is a directory and must be a file"),
        );
        return script::run(cx, &script).await?.field();
    }
    if !key.starts_with("http") {
        return Ok(key.to_string());
    }
    let fetch = download::into_file(key.trim(), args.validate_certs, "Failed to download", ": ");
    let script = format!(
        "f=$(mktemp) || die 'no temporary file could be made'\n{fetch}k=$(cat -- \"$f\"); rm -f \"$f\"\nput \"$k\"\n"
    );
    let message = format!("Error getting key from: {key}");
    let mut answer =
        script::run(cx, &script).await.map_err(|why| Failure::new(message).caused_by(why.message()))?;
    answer.field()
}

/// What is at the file's path, with the user's line of passwd in [`Facts::more`].
async fn look(args: &Args, cx: &Context) -> Result<Facts, Failure> {
    let user = quote(&args.user);
    // The home directory is in the line of passwd, which is not known before the script runs.
    let path = args.path.clone().unwrap_or_else(|| format!("~{}/.ssh/authorized_keys", args.user));
    let more = format!("{ENTRY}put \"$(entry passwd {user})\"");
    Look::at(&path).content(Content::All).more(&more).run(cx).await
}
