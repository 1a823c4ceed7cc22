//! What has to be done, from the arguments and what was seen: nothing, or one command line of apt-get, aptitude or dpkg
//! written as Ansible's messages show it. Pure but for the check-mode flag, which adds `--simulate`.

use super::super::version::{Compare, Wish, matches};
use super::look::{Package, Seen};
use super::{Args, Output, deb};
use muster_engine::module::{Context, Failure};

/// What is to be done.
#[derive(Debug)]
pub(super) enum Decision {
    Done(Output),
    Act(Action),
}

/// A command line and how its answer is read.
#[derive(Clone, Debug, Default)]
pub(in crate::packages) struct Action {
    pub line: String,
    /// Command lines before it; their output belongs to the answer.
    pub first: Vec<String>,
    /// A piece of script before all, to tidy up behind.
    pub fetch: Option<String>,
    /// The message when it fails, `{err}` being what was printed.
    pub message: String,
    pub changed: Changed,
    pub shown: Shown,
    pub always_diff: bool,
    pub policy_rc_d: Option<i64>,
    /// Packages to mark as installed by a person.
    pub manual: Vec<String>,
    /// Keys the answer begins with.
    pub output: Output,
}

/// When the command line changed something.
#[derive(Clone, Debug, Default)]
pub(in crate::packages) enum Changed {
    #[default]
    Always,
    /// Only marks are set: not a change.
    Never,
    /// Unless this is printed.
    Without(&'static str),
    /// If this is printed.
    With(&'static str),
}

/// Which keys an answer has besides `stdout` and `stderr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::packages) enum Shown {
    /// A `diff` always.
    #[default]
    Streams,
    /// The output as `msg`, and a `diff` if something changed.
    Message,
    /// None, not even those two: nothing was installed.
    Nothing,
}

impl Changed {
    pub fn is(&self, out: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Without(text) => !out.contains(text),
            Self::With(text) => out.contains(text),
        }
    }
}

const ZERO: &str = "\n0 upgraded, 0 newly installed, 0 to remove";
const APTITUDE_ZERO: &str = "\n0 packages upgraded, 0 newly installed, 0 to remove";

/// A word if it is wanted.
fn when(wanted: bool, word: &'static str) -> &'static str {
    if wanted { word } else { "" }
}

/// dpkg's options as apt-get takes them.
fn dpkg_options(args: &Args) -> String {
    let one = |option: &str| format!("-o \"Dpkg::Options::=--{option}\"");
    let options: Vec<String> = args.dpkg_options.split(',').map(one).collect();
    format!("{} -o DPkg::Lock::Timeout={}", options.join(" "), args.lock_timeout)
}

/// Decides. `updated` says whether lists were fetched, or would be.
pub(super) fn decide(args: &Args, seen: &Seen, updated: bool, cx: &Context) -> Result<Decision, Failure> {
    let check = cx.check_mode;
    let wanted = args.update_cache == Some(true) || args.cache_valid_time > 0;
    let lists = Output::default().with("cache_updated", updated).with("cache_update_time", seen.lists_from);
    if wanted && !args.is_about_packages() {
        return Ok(Decision::Done(lists.with("changed", updated)));
    }
    if args.upgrade != "no" {
        return upgrade(args, &args.upgrade, seen, check);
    }
    if args.deb.is_some() {
        return debs(args, seen, check);
    }
    let names: Vec<&str> = args.package.iter().filter(|name| *name != "*").map(|name| name.trim()).collect();
    if args.state == "latest" && args.package.iter().any(|name| name == "*") {
        if !names.is_empty() {
            return Err(Failure::new(
                "unable to install additional packages when upgrading all installed packages",
            ));
        }
        return upgrade(args, "yes", seen, check);
    }
    if let Some(name) = names.iter().find(|name| name.matches('=').count() > 1) {
        return Err(Failure::new(format!("invalid package spec: {name}")));
    }
    if names.is_empty() && args.autoclean {
        return Ok(cleanup(args, "autoclean", "Del ", seen, check));
    }
    if names.is_empty() && args.autoremove {
        return Ok(cleanup(args, "autoremove", "The following packages will be REMOVED", seen, check));
    }
    let names = named(&names, seen)?;
    if args.state == "absent" {
        return remove(args, &names, seen, check);
    }
    match install(args, &names, seen, check) {
        Ok(Decision::Done(mut output)) => {
            output.result.extend(lists.result);
            Ok(Decision::Done(output))
        }
        Ok(Decision::Act(mut action)) => {
            action.output.result.extend(lists.result);
            Ok(Decision::Act(action))
        }
        Err(mut failure) => {
            // What is not available at all is found before anything else is put in the answer.
            if failure.message().starts_with("no available") {
                failure.result.extend(lists.result);
            }
            Err(failure)
        }
    }
}

/// The names, with patterns replaced by what they stand for.
fn named(names: &[&str], seen: &Seen) -> Result<Vec<String>, Failure> {
    let mut out = vec![];
    for text in names {
        let wish = Wish::parse(text);
        if !wish.is_pattern() {
            out.push((*text).to_string());
            continue;
        }
        let found = seen.names.get(&wish.name).filter(|found| !found.is_empty());
        match found {
            Some(found) => out.extend(found.iter().cloned()),
            None => return Err(Failure::new(format!("No package(s) matching '{}' available", wish.name))),
        }
    }
    Ok(out)
}

/// How a package is, measured against a wish.
struct Status {
    installed: bool,
    /// Whether the installed version is one of those wished for.
    fits: bool,
    /// The version that could be installed in its place: `None` inside for a virtual package.
    installable: Option<Option<String>>,
}

fn status(wish: &Wish, package: &Package) -> Status {
    let best = match &wish.version {
        Some((Compare::Exactly, pattern)) => {
            package.versions.iter().find(|version| matches(pattern, version))
        }
        _ => package.candidate.as_ref(),
    };
    let Some(installed) = &package.installed else {
        return Status { installed: false, fits: false, installable: best.cloned().map(Some) };
    };
    let better = best.filter(|best| *best != installed && wish.accepts(best));
    Status { installed: true, fits: wish.accepts(installed), installable: better.cloned().map(Some) }
}

fn found(wish: &Wish, seen: &Seen) -> Result<Status, Failure> {
    if let Some(package) = seen.package(&wish.name) {
        return Ok(status(wish, package));
    }
    match seen.providers(&wish.name) {
        [] => Err(Failure::new(format!("No package matching '{}' is available", wish.name))),
        [only] => {
            let status = seen.package(only).map(|package| status(wish, package));
            Ok(status.filter(|status| status.installed).unwrap_or(Status {
                installed: false,
                fits: false,
                installable: Some(None),
            }))
        }
        _ => Ok(Status { installed: false, fits: false, installable: Some(None) }),
    }
}

fn install(args: &Args, names: &[String], seen: &Seen, check: bool) -> Result<Decision, Failure> {
    let build_dep = args.state == "build-dep";
    let latest = args.state == "latest";
    let (mut list, mut manual) = (vec![], vec![]);
    for text in names {
        if build_dep {
            list.push(format!("'{text}'"));
            continue;
        }
        let wish = Wish::parse(text);
        if seen.package(&wish.name).is_some_and(|package| package.auto) {
            manual.push(wish.name.clone());
        }
        let status = found(&wish, seen)?;
        if !status.installed && args.only_upgrade {
            continue;
        }
        let version = wish.version.as_ref().map(|(_, version)| version.as_str());
        let Some(installable) = status.installable else {
            if !status.fits {
                return Err(Failure::new(format!("no available installation candidate for {text}")));
            }
            continue;
        };
        let exactly = matches!(wish.version, Some((Compare::Exactly, _)));
        if !status.installed || latest || !status.fits {
            list.push(match installable.as_deref().or(version) {
                Some(version) => format!("'{}={version}'", wish.name),
                None => format!("'{}'", wish.name),
            });
        } else if exactly {
            list.push(format!("'{}={}'", wish.name, version.unwrap_or("")));
        }
    }
    if list.is_empty() {
        let output = Output::new(false);
        if manual.is_empty() || check {
            return Ok(Decision::Done(output));
        }
        let line = format!("apt-mark manual {}", manual.join(" "));
        let message = format!("'{line}' failed: {{err}}");
        return Ok(Decision::Act(Action {
            line,
            message,
            changed: Changed::Never,
            shown: Shown::Nothing,
            output,
            ..Action::default()
        }));
    }
    let list = list.join(" ");
    let fixed = when(args.state == "fixed", "--fix-broken");
    let (upgrade, force) = (when(args.only_upgrade, "--only-upgrade"), when(args.force, "--force-yes"));
    let (auto, keep) = (when(args.autoremove, "--auto-remove"), when(args.fail_on_autoremove, "--no-remove"));
    let (simulate, options, apt) = (when(check, "--simulate"), dpkg_options(args), &seen.apt_get);
    let mut line = match build_dep {
        true => format!("{apt} -y {options} {upgrade} {fixed} {force} {keep} {simulate} build-dep {list}"),
        false => {
            format!("{apt} -y {options} {upgrade} {fixed} {force} {auto} {keep} {simulate} install {list}")
        }
    };
    if let Some(release) = &args.default_release {
        line.push_str(&format!(" -t '{release}'"));
    }
    line.push_str(&allowances(args));
    Ok(Decision::Act(Action {
        message: format!("'{line}' failed: {{err}}"),
        line,
        changed: if build_dep { Changed::Without(ZERO) } else { Changed::Always },
        policy_rc_d: args.policy_rc_d,
        manual,
        ..Action::default()
    }))
}

fn allowances(args: &Args) -> String {
    let recommends = match args.install_recommends {
        Some(true) => " -o APT::Install-Recommends=yes",
        Some(false) => " -o APT::Install-Recommends=no",
        None => "",
    };
    format!(
        "{recommends}{}{}{}",
        when(args.allow_unauthenticated, " --allow-unauthenticated"),
        when(args.allow_downgrade, " --allow-downgrades"),
        when(args.allow_change_held_packages, " --allow-change-held-packages"),
    )
}

fn remove(args: &Args, names: &[String], seen: &Seen, check: bool) -> Result<Decision, Failure> {
    let wanted = |text: &&String| {
        let wish = Wish::parse(text);
        seen.package(&wish.name).is_some_and(|package| {
            package.installed.as_deref().is_some_and(|version| wish.accepts(version))
                || (package.has_files && args.purge)
        })
    };
    let list: Vec<String> = names.iter().filter(wanted).map(|text| format!("'{text}'")).collect();
    if list.is_empty() {
        return Ok(Decision::Done(Output::new(false)));
    }
    let list = list.join(" ");
    let line = format!(
        "{} -q -y {} {} {} {} {} {} remove {list}",
        seen.apt_get,
        dpkg_options(args),
        when(args.purge, "--purge"),
        when(args.force, "--force-yes"),
        when(args.autoremove, "--auto-remove"),
        when(check, "--simulate"),
        when(args.allow_change_held_packages, "--allow-change-held-packages"),
    );
    let message = format!("'apt-get remove {list}' failed: {{err}}");
    Ok(Decision::Act(Action { line, message, policy_rc_d: args.policy_rc_d, ..Action::default() }))
}

fn cleanup(args: &Args, operation: &str, sign: &'static str, seen: &Seen, check: bool) -> Decision {
    let line = format!(
        "{} -y {} {} {} {operation} {}",
        seen.apt_get,
        dpkg_options(args),
        when(args.purge, "--purge"),
        when(args.force, "--force-yes"),
        when(check, "--simulate"),
    );
    Decision::Act(Action {
        line,
        message: format!("'apt-get {operation}' failed: {{err}}"),
        changed: Changed::With(sign),
        policy_rc_d: args.policy_rc_d,
        ..Action::default()
    })
}

fn upgrade(args: &Args, mode: &str, seen: &Seen, check: bool) -> Result<Decision, Failure> {
    let aptitude = seen.aptitude.as_deref().filter(|_| !args.force_apt_get && mode != "dist");
    let auto = when(args.autoremove, "--auto-remove");
    let verb = match (mode, aptitude) {
        ("dist", _) | ("full", None) => format!("dist-upgrade {auto}"),
        ("full", Some(_)) => "full-upgrade".into(),
        (_, None) => format!("upgrade --with-new-pkgs {auto}"),
        (_, Some(_)) => "safe-upgrade".into(),
    };
    let program = aptitude.unwrap_or(&seen.apt_get);
    let apt = aptitude.is_none();
    let force = when(args.force, if apt { "--force-yes" } else { "--assume-yes --allow-untrusted" });
    let mut line = format!(
        "{program} -y {} {force} {} {} {} {} {verb}",
        dpkg_options(args),
        when(args.fail_on_autoremove && apt, "--no-remove"),
        when(args.allow_unauthenticated, "--allow-unauthenticated"),
        when(args.allow_downgrade && apt, "--allow-downgrades"),
        when(check, "--simulate"),
    );
    if let Some(release) = &args.default_release {
        line.push_str(&format!(" -t '{release}'"));
    }
    let mut output = Output::default();
    for (given, option, name) in [
        (args.fail_on_autoremove, "--no-remove", "fail_on_autoremove"),
        (args.allow_downgrade, "--allow-downgrades", "allow_downgrade"),
    ] {
        if given && !apt {
            output = output
                .warn(format!("APTITUDE does not support '{option}', ignoring the '{name}' parameter."));
        }
    }
    Ok(Decision::Act(Action {
        line,
        message: format!("'{program} {verb}' failed: {{err}}"),
        changed: Changed::Without(if apt { ZERO } else { APTITUDE_ZERO }),
        shown: Shown::Message,
        policy_rc_d: args.policy_rc_d,
        output,
        ..Action::default()
    }))
}

fn debs(args: &Args, seen: &Seen, check: bool) -> Result<Decision, Failure> {
    if args.state != "present" {
        return Err(Failure::new("deb only supports state=present"));
    }
    let (mut needs, mut files) = (vec![], vec![]);
    for file in &seen.debs {
        if file.is_installed() {
            continue;
        }
        file.installable(args)?;
        needs.extend(file.needs());
        if args.install_recommends == Some(true) {
            needs.extend(file.recommends());
        }
        files.push(file.path.as_str());
    }
    let remote = args.deb.as_deref().is_some_and(deb::is_remote);
    if files.is_empty() {
        let mut output = Output::new(false).with("diff", "");
        output.result.extend(super::streams("", ""));
        return Ok(Decision::Done(output));
    }
    let plain = Args {
        state: "present".into(),
        default_release: None,
        force: false,
        autoremove: false,
        only_upgrade: false,
        ..args.clone()
    };
    let first = match install(&plain, &needs, seen, check)? {
        Decision::Act(action) if !matches!(action.changed, Changed::Never) => vec![action.line],
        _ => vec![],
    };
    let options: Vec<String> = args.dpkg_options.split(',').map(|option| format!("--{option}")).collect();
    let mut options = options.join(" ");
    options.push_str(when(check, " --simulate"));
    options.push_str(when(args.force, " --force-all"));
    let line = format!("dpkg {options} -i {}", files.join(" "));
    // What was fetched lies alone in a directory of its own.
    let own =
        files.first().and_then(|path| path.rsplit_once('/')).map(|(dir, _)| dir).filter(|_| remote && !check);
    let fetch = own.map(|dir| {
        format!("trap 'rm -rf '{} EXIT\n", crate::command::words::quote(&crate::command::words::quote(dir)))
    });
    Ok(Decision::Act(Action {
        message: format!("{line} failed"),
        line,
        always_diff: first.is_empty(),
        first,
        fetch,
        policy_rc_d: args.policy_rc_d,
        ..Action::default()
    }))
}
