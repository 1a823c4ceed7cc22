//! `ansible.builtin.apt`: packages of Debian and Ubuntu, by apt-get, apt-cache and dpkg. A look says what is installed
//! and what could be; deciding is pure; the change is one command line. Only with `update_cache` there is a look more,
//! since new lists may bring new versions.

mod deb;
mod decide;
mod look;

use crate::tool::{failed, quoted, run, streams};
use decide::{Action, Decision, Shown};
use look::Seen;
pub(super) use look::update;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `ansible.builtin.apt`.
pub(super) struct Apt;

/// What a task gives to [`Apt`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    pub state: String,
    pub update_cache: Option<bool>,
    pub update_cache_retries: u32,
    pub update_cache_retry_max_delay: u64,
    pub cache_valid_time: u64,
    pub purge: bool,
    pub package: Vec<String>,
    pub deb: Option<String>,
    pub default_release: Option<String>,
    pub install_recommends: Option<bool>,
    pub force: bool,
    pub upgrade: String,
    pub dpkg_options: String,
    pub autoremove: bool,
    pub autoclean: bool,
    pub fail_on_autoremove: bool,
    pub policy_rc_d: Option<i64>,
    pub only_upgrade: bool,
    pub force_apt_get: bool,
    pub clean: bool,
    pub allow_unauthenticated: bool,
    pub allow_downgrade: bool,
    pub allow_change_held_packages: bool,
    pub lock_timeout: u64,
}

impl Args {
    /// Whether there is more to do than to bring the lists or the cache up to date.
    fn is_about_packages(&self) -> bool {
        !self.package.is_empty() || self.upgrade != "no" || self.deb.is_some()
    }
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Change {
    /// A file to fetch or new lists (if so), and then whatever is needed.
    Anew(Box<Args>, bool),
    /// `apt-get clean` and nothing else.
    Clean,
    /// What was found needed.
    Act(Box<Action>),
}

/// What a failed `apt-get update` answers with; a lock that somebody holds.
const STALE: i32 = 95;
const LOCKED: i32 = 96;

impl Module for Apt {
    const NAME: &'static str = "ansible.builtin.apt";
    const SPEC: Spec = Spec::new("Installs, upgrades and removes packages of Debian and Ubuntu.", &[
        Opt::new("state", Kind::Str, "`latest` upgrades too, `build-dep` installs what building needs, `fixed` mends what is broken.")
            .choices(&["absent", "build-dep", "fixed", "latest", "present"])
            .default("present"),
        Opt::new("update_cache", Kind::Bool, "Fetches new lists first.").aliases(&["update-cache"]),
        Opt::new("update_cache_retries", Kind::Int, "How often fetching lists is tried.").default("5"),
        Opt::new("update_cache_retry_max_delay", Kind::Int, "The longest pause between two tries, in seconds.").default("12"),
        Opt::new("cache_valid_time", Kind::Int, "Lists younger than so many seconds are not fetched again.").default("0"),
        Opt::new("purge", Kind::Bool, "Removes configuration files too.").default("false"),
        Opt::new("package", Kind::List, "Packages: `name`, `name=1.2*`, `name>=1.2`, or patterns.")
            .aliases(&["pkg", "name"])
            .elements(Kind::Str),
        Opt::new("deb", Kind::Path, "A package file on the target, or its URL."),
        Opt::new("default_release", Kind::Str, "The release that packages come from, as with `-t`.").aliases(&["default-release"]),
        Opt::new("install_recommends", Kind::Bool, "Whether recommended packages come too; the target's habit by default.")
            .aliases(&["install-recommends"]),
        Opt::new("force", Kind::Bool, "Overrides nearly every protection of apt-get.").default("false"),
        Opt::new("upgrade", Kind::Str, "Upgrades every package: `yes` or `safe` without removing any, `full` or `dist` with.")
            .choices(&["dist", "full", "no", "safe", "yes"])
            .default("'no'"),
        Opt::new("dpkg_options", Kind::Str, "Options of dpkg, divided by commas, without their dashes.")
            .default("force-confdef,force-confold"),
        Opt::new("autoremove", Kind::Bool, "Removes packages that nothing needs any more.").default("false"),
        Opt::new("autoclean", Kind::Bool, "Removes package files that can no longer be fetched.").default("false"),
        Opt::new("fail_on_autoremove", Kind::Bool, "Fails if a package would be removed.").default("false"),
        Opt::new("policy_rc_d", Kind::Int, "What `/usr/sbin/policy-rc.d` answers meanwhile; 101 starts no services."),
        Opt::new("only_upgrade", Kind::Bool, "Upgrades what is installed and installs nothing new.").default("false"),
        Opt::new("force_apt_get", Kind::Bool, "Uses apt-get even where aptitude is.").default("false"),
        Opt::new("clean", Kind::Bool, "Removes every fetched package file.").default("false"),
        Opt::new("allow_unauthenticated", Kind::Bool, "Installs packages that nobody signed.")
            .aliases(&["allow-unauthenticated"])
            .default("false"),
        Opt::new("allow_downgrade", Kind::Bool, "Whether an older version may replace a later one.")
            .aliases(&["allow-downgrade", "allow_downgrades", "allow-downgrades"])
            .default("false"),
        Opt::new("allow_change_held_packages", Kind::Bool, "Whether packages on hold may change.").default("false"),
        Opt::new("lock_timeout", Kind::Int, "Seconds to wait for a lock that somebody else holds.").default("60"),
        Opt::new("auto_install_module_deps", Kind::Bool, "Of no effect: nothing has to be installed for this module.")
            .default("true"),
    ])
    .exclusive(&[&["deb", "package", "upgrade"]])
    .one_of(&[&["autoremove", "deb", "package", "update_cache", "upgrade"]])
    .examples("- apt:\n    name: [chrony, 'containerd=1.6*']\n    state: present\n    update_cache: true\n    cache_valid_time: 3600\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.clean && !args.is_about_packages() {
            let mut foreseen = Output::new(true).with("msg", "").with("diff", json!({}));
            foreseen.result.extend(streams("", ""));
            return Ok(Check::Would { change: Change::Clean, foreseen });
        }
        if !cx.check_mode && args.deb.as_deref().is_some_and(deb::is_remote) {
            return Ok(Check::Would {
                change: Change::Anew(args.clone().into(), false),
                foreseen: Output::new(true),
            });
        }
        let seen = Seen::look(args, false, cx).await?;
        let stale = seen.is_stale(args);
        if !cx.check_mode && (args.clean || stale) {
            return Ok(Check::Would {
                change: Change::Anew(args.clone().into(), stale),
                foreseen: Output::new(true),
            });
        }
        match decide::decide(args, &seen, stale, cx)? {
            Decision::Done(output) => Ok(Check::Done(output)),
            Decision::Act(action) if cx.check_mode => Ok(Check::Done(action.run(cx).await?)),
            Decision::Act(action) => {
                Ok(Check::Would { foreseen: Output::new(true), change: Change::Act(action.into()) })
            }
        }
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        match change {
            Change::Act(action) => action.run(cx).await,
            Change::Clean => clean(cx).await,
            Change::Anew(args, refresh) => {
                if args.clean {
                    clean(cx).await?;
                }
                let seen = Seen::look(&args, refresh, cx).await?;
                let mut output = match decide::decide(&args, &seen, seen.updated, cx)? {
                    Decision::Done(output) => output,
                    Decision::Act(action) => action.run(cx).await?,
                };
                for warning in seen.warnings {
                    output = output.warn(warning);
                }
                Ok(output)
            }
        }
    }
}

/// Removes fetched package files.
async fn clean(cx: &Context) -> Result<Output, Failure> {
    let done = run(cx, format!("{}apt-get clean", look::ENVIRONMENT)).await?;
    let (out, err) = (done.out(), done.err());
    if !done.succeeded() {
        return Err(failed("apt-get clean failed", Some(done.rc), &out, &err));
    }
    if !err.is_empty() {
        return Err(failed(format!("apt-get clean failed: {err}"), Some(done.rc), &out, &err));
    }
    let diff = if cx.diff { prepared(&out) } else { json!({}) };
    let mut output = Output::new(true).with("msg", &*out).with("diff", diff);
    output.result.extend(streams(&out, &err));
    Ok(output)
}

/// What apt-get said it is going to do: from after its reading of lists up to the line of counts.
fn prepared(out: &str) -> Json {
    let lines: Vec<&str> = out.lines().collect();
    let starts = ["Resolving dependencies...", "Reading state information..."];
    let start =
        starts.iter().find_map(|start| lines.iter().position(|line| line == start)).map_or(0, |at| at + 1);
    let counts = |line: &&str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < line.len() && (rest.starts_with(" upgraded") || rest.starts_with(" packages upgraded"))
    };
    let end = lines.iter().position(counts).map_or(lines.len(), |at| at + 1);
    json!({ "prepared": lines.get(start..end).map(|lines| lines.join("\n")).unwrap_or_default() })
}

impl Action {
    /// Runs the command line (with `--simulate` in check mode, where it changes nothing) and reads what it printed.
    async fn run(&self, cx: &Context) -> Result<Output, Failure> {
        let mut script = String::from(look::ENVIRONMENT);
        if let Some(code) = self.policy_rc_d.filter(|_| !cx.check_mode) {
            script.push_str(&policy(code));
        }
        if let Some(fetch) = &self.fetch {
            script.push_str(fetch);
        }
        for line in &self.first {
            script.push_str(&format!("{} </dev/null || exit $?\n", quoted(line)?));
        }
        script.push_str(&quoted(&self.line)?);
        script.push_str(" </dev/null\n");
        let done = run(cx, script).await?;
        let (out, err) = (done.out(), done.err());
        if !done.succeeded() {
            let message = self.message.replace("{err}", &err);
            let mut failure = failed(message, Some(done.rc), &out, &err);
            failure.result.extend(self.output.result.clone());
            return Err(failure);
        }
        if !self.manual.is_empty() && !cx.check_mode {
            mark(&self.manual, cx).await?;
        }
        let diff = if cx.diff || self.always_diff { prepared(&out) } else { json!({}) };
        let mut output = self.output.clone();
        let changed = self.changed.is(&out);
        output = output.with("changed", changed);
        if self.shown == Shown::Nothing {
            return Ok(output);
        }
        if self.shown == Shown::Message {
            output = output.with("msg", &*out);
        }
        if changed || self.shown == Shown::Streams {
            output = output.with("diff", diff);
        }
        output.result.extend(streams(&out, &err));
        Ok(output)
    }
}

/// Marks packages as installed by a person.
async fn mark(names: &[String], cx: &Context) -> Result<(), Failure> {
    let line = format!("apt-mark manual {}", names.join(" "));
    let done =
        run(cx, format!("{}command -v apt-mark >/dev/null || exit 0\n{}", look::ENVIRONMENT, quoted(&line)?))
            .await?;
    if done.succeeded() {
        return Ok(());
    }
    let (out, err) = (done.out(), done.err());
    Err(failed(format!("'{line}' failed: {err}"), Some(done.rc), &out, &err))
}

/// A `policy-rc.d` that answers with a code, for as long as the script runs.
fn policy(code: i64) -> String {
    format!(
        "p=/usr/sbin/policy-rc.d b=\n\
         if [ -e $p ] || [ -L $p ]; then b=$(mktemp -d) && mv $p \"$b/policy-rc.d\" || {{ echo \"Fail to move $p to $b\" >&2; exit 1; }}; fi\n\
         trap 'if [ -n \"$b\" ]; then mv \"$b/policy-rc.d\" $p; rmdir \"$b\"; else rm -f $p; fi' EXIT\n\
         trap 'exit 130' INT; trap 'exit 143' TERM; trap 'exit 129' HUP\n\
         printf '#!/bin/sh\\nexit %d\\n' {code} > $p && chmod 0755 $p || {{ echo \"Failed to create or chmod $p\" >&2; exit 1; }}\n"
    )
}
