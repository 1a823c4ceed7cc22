//! `ansible.builtin.user`: a user is there, as described, or is not. One look finds the user's lines, groups and files
//! ([`look`]); what differs becomes the words of one program ([`words`]) and a script around it ([`work`]). Passwords and
//! passphrases travel by standard input.

mod look;
mod words;
mod work;

use super::account::{self, Answered};
use crate::files::script;
use look::Seen;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use words::Call;

/// `ansible.builtin.user`.
pub struct User;

/// What a task gives to [`User`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    state: String,
    uid: Option<i64>,
    non_unique: bool,
    group: Option<String>,
    groups: Option<Vec<String>>,
    comment: Option<String>,
    home: Option<String>,
    shell: Option<String>,
    password: Option<String>,
    password_expire_max: Option<i64>,
    password_expire_min: Option<i64>,
    password_expire_warn: Option<i64>,
    password_expire_account_disable: Option<i64>,
    password_lock: Option<bool>,
    seuser: Option<String>,
    force: bool,
    remove: bool,
    create_home: bool,
    skeleton: Option<String>,
    system: bool,
    move_home: bool,
    append: bool,
    generate_ssh_key: Option<bool>,
    ssh_key_bits: i64,
    ssh_key_type: String,
    ssh_key_file: Option<String>,
    ssh_key_comment: Option<String>,
    ssh_key_passphrase: Option<String>,
    update_password: String,
    expires: Option<f64>,
    local: Option<bool>,
    umask: Option<String>,
    uid_min: Option<i64>,
    uid_max: Option<i64>,
}

impl Args {
    fn is_local(&self) -> bool {
        self.local == Some(true)
    }
}

/// What `apply` must know.
#[derive(Debug)]
pub struct Change {
    args: Args,
    seen: Seen,
    call: Option<Call>,
    output: Output,
}

impl Module for User {
    const NAME: &'static str = "ansible.builtin.user";
    const SPEC: Spec = Spec::new(
        "Makes, changes and removes users.",
        &[
            Opt::new("name", Kind::Str, "The user.").aliases(&["user"]).required(),
            Opt::new("state", Kind::Str, "Whether the user shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("uid", Kind::Int, "The id."),
            Opt::new("non_unique", Kind::Bool, "The id may be another user's too.").default("false"),
            Opt::new("group", Kind::Str, "The first group, by name or id."),
            Opt::new("groups", Kind::List, "The other groups; an empty list takes the user out of all.")
                .elements(Kind::Str),
            Opt::new("comment", Kind::Str, "The full name."),
            Opt::new("home", Kind::Path, "The home directory."),
            Opt::new("shell", Kind::Path, "The shell."),
            Opt::new("password", Kind::Str, "The password, hashed (`password_hash` does it).").no_log(),
            Opt::new("login_class", Kind::Str, "Of no effect on Linux."),
            Opt::new("password_expire_max", Kind::Int, "Days until a password must be changed."),
            Opt::new("password_expire_min", Kind::Int, "Days until a password may be changed."),
            Opt::new("password_expire_warn", Kind::Int, "Days of warning before a password must be changed."),
            Opt::new("hidden", Kind::Bool, "Of no effect on Linux."),
            Opt::new("seuser", Kind::Str, "The SELinux user of the login."),
            Opt::new(
                "force",
                Kind::Bool,
                "With `absent`, removes even files of others; with a key, replaces it.",
            )
            .default("false"),
            Opt::new("remove", Kind::Bool, "With `absent`, removes the home directory and mail.")
                .default("false"),
            Opt::new("create_home", Kind::Bool, "Makes the home directory where there is none.")
                .aliases(&["createhome"])
                .default("true"),
            Opt::new("skeleton", Kind::Str, "What a new home directory is a copy of."),
            Opt::new("system", Kind::Bool, "Makes it a user of the system.").default("false"),
            Opt::new("move_home", Kind::Bool, "Moves the home directory along with `home`.").default("false"),
            Opt::new("append", Kind::Bool, "`groups` are added to those the user has.").default("false"),
            Opt::new("generate_ssh_key", Kind::Bool, "Makes a key for ssh, unless there is one."),
            Opt::new("ssh_key_bits", Kind::Int, "The key's length.").default("0"),
            Opt::new("ssh_key_type", Kind::Str, "The key's type.").default("rsa"),
            Opt::new("ssh_key_file", Kind::Path, "The key's file, below the home directory unless absolute."),
            Opt::new("ssh_key_comment", Kind::Str, "The key's comment."),
            Opt::new("ssh_key_passphrase", Kind::Str, "The key's passphrase.").no_log(),
            Opt::new("update_password", Kind::Str, "When `password` counts.")
                .choices(&["always", "on_create"])
                .default("always"),
            Opt::new(
                "expires",
                Kind::Float,
                "When the account ends, in seconds since 1970; a negative number: never.",
            ),
            Opt::new("password_lock", Kind::Bool, "Whether the password is locked."),
            Opt::new(
                "local",
                Kind::Bool,
                "Uses `luseradd` and its like, for hosts whose users come from elsewhere too.",
            ),
            Opt::new("profile", Kind::Str, "Of no effect on Linux."),
            Opt::new("authorization", Kind::Str, "Of no effect on Linux."),
            Opt::new("role", Kind::Str, "Of no effect on Linux."),
            Opt::new("umask", Kind::Str, "The umask for a new home directory."),
            Opt::new(
                "password_expire_account_disable",
                Kind::Int,
                "Days after which an expired password ends the account.",
            ),
            Opt::new("uid_min", Kind::Int, "The least id for a new user."),
            Opt::new("uid_max", Kind::Int, "The largest id for a new user."),
        ],
    )
    .examples(
        "- user: {name: etcd, system: true, shell: /sbin/nologin, home: /var/lib/etcd, create_home: false}\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let given = [
            ("umask", args.umask.is_some()),
            ("uid_min", args.uid_min.is_some()),
            ("uid_max", args.uid_max.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(_, given)| args.is_local() && *given) {
            return Err(Failure::new(format!("'{key}' can not be used with 'local'")));
        }
        let seen = look::look(args, cx).await?;
        let mut output =
            Output::default().with("name", args.name.as_str()).with("state", args.state.as_str());
        output = words::warnings(args, output);
        let would = |call, output: Output, foreseen| {
            let change = Change { args: args.clone(), seen: seen.clone(), call, output };
            Ok(Check::Would { change, foreseen })
        };
        let keep_warnings = |output: &Output| {
            let mut bare = Output::new(true);
            bare.result
                .extend(output.result.get("warnings").map(|list| ("warnings".to_string(), list.clone())));
            bare
        };
        if args.state == "absent" {
            if seen.user.is_none() {
                return Ok(Check::Done(output));
            }
            let foreseen = keep_warnings(&output);
            let output = output.with("force", args.force).with("remove", args.remove);
            return would(Some(words::removal(args)), output, foreseen);
        }
        let Some(user) = &seen.user else {
            let call = words::addition(args, &seen)?;
            let foreseen = keep_warnings(&output);
            output = output.with("system", args.system).with("create_home", args.create_home);
            output = words::secret(args, output);
            return would(Some(call), output, foreseen);
        };
        let call = words::modification(args, &seen, user)?;
        output = output.with("append", args.append).with("move_home", args.move_home);
        output = words::secret(args, output);
        let makes_home = args.create_home && !seen.home_exists;
        let makes_key = args.generate_ssh_key == Some(true)
            && (args.force || !(seen.key.exists || seen.key.public_exists));
        let changed = call.is_some() || makes_home || makes_key || words::aging(args, &seen).is_some();
        output = output.with("changed", changed);
        let foreseen =
            words::with_key(args, &seen, words::described(args, user, output.clone()), cx.check_mode);
        if !changed {
            return Ok(Check::Done(foreseen));
        }
        would(call, output, foreseen)
    }

    async fn apply(
        &self,
        Change { args, seen, call, mut output }: Change,
        cx: &Context,
    ) -> Result<Output, Failure> {
        let script = work::script(&args, &seen, call.as_ref())?;
        let done = account::run(cx, &script, work::secrets(&args)).await?;
        let Answered { rc, out, err, rest } = done;
        if rc != 0 {
            return Err(Failure::new(err).with("name", args.name.as_str()).with("rc", rc));
        }
        output = account::streams(output.with("changed", true), &out, &err);
        if args.state == "absent" {
            return Ok(output);
        }
        let now = Seen::read(rest)?;
        let Some(user) = &now.user else {
            return Err(Failure::new(format!("failed to look up user name: {}", args.name)));
        };
        let known = Seen {
            key: look::Key {
                exists: seen.key.exists,
                public_exists: seen.key.public_exists,
                ..now.key.clone()
            },
            ..now.clone()
        };
        Ok(words::with_key(&args, &known, words::described(&args, user, output), false))
    }
}

/// Quotes a word for the script.
fn quote(text: &str) -> String {
    script::quote(text)
}
