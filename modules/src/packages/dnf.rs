//! `ansible.builtin.dnf` and `yum`: packages of Red Hat and its kin. rpm says what is installed, dnf (or yum) makes the
//! change; what was installed and removed is the difference of rpm's lists.

use super::package::DETECT;
use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `ansible.builtin.dnf`.
pub(super) struct Dnf;

/// What a task gives to [`Dnf`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    name: Vec<String>,
    state: Option<String>,
    enablerepo: Vec<String>,
    disablerepo: Vec<String>,
    exclude: Vec<String>,
    enable_plugin: Vec<String>,
    disable_plugin: Vec<String>,
    disable_gpg_check: bool,
    update_cache: bool,
    update_only: bool,
    autoremove: bool,
    list: Option<String>,
    conf_file: Option<String>,
    disable_excludes: Option<String>,
    installroot: String,
    security: bool,
    bugfix: bool,
    validate_certs: bool,
    sslverify: bool,
    download_only: bool,
    download_dir: Option<String>,
    allowerasing: bool,
    nobest: Option<bool>,
    best: Option<bool>,
    cacheonly: bool,
    skip_broken: bool,
    releasever: Option<String>,
    install_weak_deps: bool,
    use_backend: String,
}

/// The words for dnf.
#[derive(Debug)]
pub(super) struct Change(String);

const LIST: Kind = Kind::List;

const SPEC: Spec = Spec::new(
    "Installs, upgrades and removes packages of Red Hat and its kin.",
    &[
        Opt::new(
            "allow_downgrade",
            Kind::Bool,
            "Of no effect: a version that is named is the one that is installed.",
        )
        .default("false"),
        Opt::new("allowerasing", Kind::Bool, "Whether packages in the way may be removed.").default("false"),
        Opt::new(
            "auto_install_module_deps",
            Kind::Bool,
            "Of no effect: nothing has to be installed for this module.",
        )
        .default("true"),
        Opt::new("autoremove", Kind::Bool, "Removes packages that nothing needs any more.").default("false"),
        Opt::new("best", Kind::Bool, "Only the latest versions, or a failure."),
        Opt::new("bugfix", Kind::Bool, "With `latest`, only what mends bugs.").default("false"),
        Opt::new("cacheonly", Kind::Bool, "Fetches no lists.").default("false"),
        Opt::new("conf_file", Kind::Str, "dnf's configuration."),
        Opt::new(
            "disable_excludes",
            Kind::Str,
            "Whose excludes do not count: `all`, `main`, or a repository's.",
        ),
        Opt::new("disable_gpg_check", Kind::Bool, "Installs what nobody signed.").default("false"),
        Opt::new("disable_plugin", LIST, "Plugins to do without.").elements(Kind::Str).default("[]"),
        Opt::new("disablerepo", LIST, "Repositories to do without.").elements(Kind::Str).default("[]"),
        Opt::new("download_dir", Kind::Str, "Where packages are put that are only fetched."),
        Opt::new("download_only", Kind::Bool, "Fetches packages and installs none.").default("false"),
        Opt::new("enable_plugin", LIST, "Plugins to use.").elements(Kind::Str).default("[]"),
        Opt::new("enablerepo", LIST, "Repositories to use too.").elements(Kind::Str).default("[]"),
        Opt::new("exclude", LIST, "Packages to leave as they are.").elements(Kind::Str).default("[]"),
        Opt::new("install_repoquery", Kind::Bool, "Of no effect, as in Ansible.").default("true"),
        Opt::new("install_weak_deps", Kind::Bool, "Whether recommended packages come too.").default("true"),
        Opt::new("installroot", Kind::Str, "The root directory of the system to install in.").default("/"),
        Opt::new("list", Kind::Str, "Not supported: `package_facts` lists packages."),
        Opt::new("lock_timeout", Kind::Int, "Of no effect: dnf itself waits for its lock.").default("30"),
        Opt::new("name", LIST, "Packages: names, versions, patterns, `@groups`, files, URLs.")
            .aliases(&["pkg"])
            .elements(Kind::Str)
            .default("[]"),
        Opt::new("nobest", Kind::Bool, "Whether older versions will do."),
        Opt::new("releasever", Kind::Str, "The release whose repositories are used."),
        Opt::new("security", Kind::Bool, "With `latest`, only what mends security.").default("false"),
        Opt::new("skip_broken", Kind::Bool, "Passes over packages that cannot be had.").default("false"),
        Opt::new("sslverify", Kind::Bool, "Whether certificates of repositories are checked.")
            .default("true"),
        Opt::new("state", Kind::Str, "`present` (`installed`), `latest`, `absent` (`removed`).").choices(&[
            "absent",
            "present",
            "installed",
            "removed",
            "latest",
        ]),
        Opt::new("update_cache", Kind::Bool, "Fetches new lists first.")
            .aliases(&["expire-cache"])
            .default("false"),
        Opt::new("update_only", Kind::Bool, "With `latest`, installs nothing new.").default("false"),
        Opt::new("use_backend", Kind::Str, "Of no effect: the one that is there is used.")
            .aliases(&["use"])
            .choices(&["auto", "dnf", "yum", "yum4", "dnf4", "dnf5"])
            .default("auto"),
        Opt::new("validate_certs", Kind::Bool, "Whether certificates of URLs are checked.").default("true"),
    ],
)
.exclusive(&[&["name", "list"], &["best", "nobest"]])
.one_of(&[&["name", "list", "update_cache"]])
.examples("- dnf:\n    name: [chrony, containerd.io-1.6.28]\n    state: present\n")
.also(&["ansible.builtin.dnf5", "ansible.builtin.yum"]);

impl Module for Dnf {
    const NAME: &'static str = "ansible.builtin.dnf";
    const SPEC: Spec = SPEC;
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        check(args, cx).await
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        apply(change, cx).await
    }
}

/// Finds the program.
const PROGRAM: &str = "d=\nfor n in dnf5 dnf yum; do [ -n \"$d\" ] || d=$(command -v $n); done\n\
    [ -n \"$d\" ] || { echo 'the target has no dnf and no yum: this module is for Red Hat and its kin' >&2; exit 95; }\n";

/// The exit code of a target that has neither rpm nor a program that uses it.
const OTHER: i32 = 93;

/// What Ansible's action says of a target of another kin: two texts that were meant as one.
const UNDETECTED: [&str; 2] = [
    "Could not detect which major revision of dnf is in use, which is required to determine module backend.",
    "You should manually specify use_backend to tell the module whether to use the dnf4 or dnf5 backend})",
];

/// The failure of a target of another kin, in Ansible's words for it; the report shows them as Python does a tuple.
fn undetected(manager: &str) -> Failure {
    let manager = if manager.is_empty() { "unknown" } else { manager };
    let [what, hint] = UNDETECTED;
    Failure::new("")
        .with("ansible_facts", json!({"pkg_mgr": manager}))
        .with("msg", json!(UNDETECTED))
        .said(format!("Task failed: Action failed: ('{what}', '{hint}')"))
}

async fn check(args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
    if args.list.is_some() {
        return Err(Failure::new(
            "`list` is not supported here: `package_facts` lists what is installed, `command: dnf list` the rest",
        ));
    }
    let absent = matches!(args.state.as_deref(), Some("absent" | "removed"))
        || (args.state.is_none() && args.autoremove);
    let latest = args.state.as_deref() == Some("latest");
    let named: Vec<&str> = args.name.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if args.autoremove && !absent {
        return Err(Failure::new("Autoremove should be used alone or with state=absent"));
    }
    let root =
        if args.installroot == "/" { String::new() } else { format!(" --root {}", quote(&args.installroot)) };
    let mut script = String::from(PROGRAM);
    if args.update_cache && !cx.check_mode {
        script.push_str(&format!(
            "o=$(\"$d\" -y{} makecache 2>&1) || {{ printf '%s\\n' \"$o\" >&2; exit 96; }}\n",
            args.options()
        ));
    }
    for name in &named {
        script.push_str(&format!("if [ -n \"$(rpm -qa{root} {0})\" ] || rpm -q{root} --whatprovides {0} >/dev/null 2>&1; then echo yes; else echo no; fi\n", quote(name)));
    }
    let auto = args.use_backend == "auto";
    let seen = tool::ask(
        cx,
        if auto { &[] } else { &["rpm"] },
        &format!("command -v rpm >/dev/null 2>&1 || {{ ({DETECT}); exit {OTHER}; }}\n{script}"),
    )
    .await?;
    if seen.rc == OTHER && auto {
        return Err(undetected(seen.out().trim()));
    }
    if !seen.succeeded() {
        return Err(Failure::new(seen.err().trim()).with("rc", 1).with("results", Vec::<String>::new()));
    }
    if named.is_empty() && !args.autoremove {
        return Ok(Check::Done(nothing("Cache updated")));
    }
    let told = seen.out();
    let each = |wanted: &str| -> Vec<&str> {
        named
            .iter()
            .zip(told.lines())
            .filter(|(name, there)| name.starts_with('@') || *there == wanted)
            .map(|(name, _)| *name)
            .collect()
    };
    let (verb, names) = match (absent, latest) {
        (true, _) if named.is_empty() => ("autoremove", vec![]),
        (true, _) => ("remove", each("yes")),
        (false, true) if args.update_only || named.contains(&"*") => ("upgrade", named.clone()),
        (false, true) => ("install", named.clone()),
        (false, false) => ("install", each("no")),
    };
    if verb != "autoremove" && names.is_empty() {
        return Ok(Check::Done(nothing("Nothing to do")));
    }
    let all = names.contains(&"*");
    let words: String = names.iter().filter(|_| !all).map(|name| format!(" {}", quote(name))).collect();
    let again = match (latest && verb == "install", each("yes")) {
        // Installing leaves an older version as it is where a group of packages is asked for.
        (true, there) if !there.is_empty() => {
            let there: String = there.iter().map(|name| format!(" {}", quote(name))).collect();
            format!("\n\"$d\" -y{} upgrade{there} </dev/null || exit $?", args.options())
        }
        _ => String::new(),
    };
    let clean = if absent && !args.autoremove { " --setopt=clean_requirements_on_remove=0" } else { "" };
    let line = format!("\"$d\" -y{}{clean} {verb}{words} </dev/null || exit $?{again}", args.options());
    if cx.check_mode {
        let asked = format!("{PROGRAM}\"$d\" --assumeno{}{clean} {verb}{words} </dev/null\n", args.options());
        let said = tool::ask(cx, &[], &asked).await?;
        refused(&said.out(), &said.err(), said.rc)?;
        let changed = !said.out().contains("Nothing to do");
        return Ok(Check::Done(match changed {
            false => nothing("Nothing to do"),
            true => Output::new(true)
                .with("msg", "Check mode: No changes made, but would have if not in check mode")
                .with("rc", 0)
                .with(
                    "results",
                    names
                        .iter()
                        .map(|name| format!("{}: {name}", if absent { "Removed" } else { "Installed" }))
                        .collect::<Vec<_>>(),
                ),
        }));
    }
    let list = format!("$(rpm -qa{root} | sort)");
    let script = format!(
        "{PROGRAM}before={list}\no=$({{\n{line}\n}} 2>&1); r=$?\n[ $r -eq 0 ] || {{ printf '%s\\n' \"$o\"; exit $r; }}\nafter={list}\n\
         printf '%s\\n' \"$before\" | {{ while IFS= read -r p; do [ -n \"$p\" ] || continue; case \"\n$after\n\" in *\"\n$p\n\"*) ;; *) echo \"Removed: $p\" ;; esac; done; }}\n\
         printf '%s\\n' \"$after\" | {{ while IFS= read -r p; do [ -n \"$p\" ] || continue; case \"\n$before\n\" in *\"\n$p\n\"*) ;; *) echo \"Installed: $p\" ;; esac; done; }}\nexit 0\n"
    );
    Ok(Check::Would { change: Change(script), foreseen: Output::new(true) })
}

async fn apply(change: Change, cx: &Context) -> Result<Output, Failure> {
    let done = tool::ask(cx, &["rpm"], &change.0).await?;
    let out = done.out();
    if !done.succeeded() {
        refused(&out, &done.err(), done.rc)?;
        let message = format!("Failed to run the transaction: {}", out.trim());
        return Err(Failure::new(message).with("rc", 1).with("results", Vec::<String>::new()));
    }
    let results: Vec<String> = out.lines().filter(|line| line.contains(": ")).map(str::to_string).collect();
    if results.is_empty() {
        return Ok(nothing("Nothing to do"));
    }
    Ok(Output::new(true).with("msg", "").with("rc", 0).with("results", results))
}

fn nothing(message: &str) -> Output {
    Output::new(false).with("msg", message).with("rc", 0).with("results", Vec::<String>::new())
}

/// A failure for packages that dnf knows nothing of.
fn refused(out: &str, err: &str, rc: i32) -> Result<(), Failure> {
    if rc == 0 {
        return Ok(());
    }
    let unknown: Vec<String> = out
        .lines()
        .chain(err.lines())
        .filter_map(|line| line.trim().strip_prefix("No match for argument: "))
        .map(|name| format!("No package {} available.", name.trim()))
        .collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("Failed to install some of the specified packages")
            .with("failures", unknown)
            .with("rc", 1)
            .with("results", Vec::<String>::new())),
    }
}

impl Args {
    /// The options for every command.
    fn options(&self) -> String {
        let mut out = String::new();
        let mut many = |option: &str, values: &[String]| {
            for value in values {
                out.push_str(&format!(" {}", quote(&format!("{option}={value}"))));
            }
        };
        many("--disablerepo", &self.disablerepo);
        many("--enablerepo", &self.enablerepo);
        many("--exclude", &self.exclude);
        many("--disableplugin", &self.disable_plugin);
        many("--enableplugin", &self.enable_plugin);
        for (option, value) in [
            ("--config", &self.conf_file),
            ("--disableexcludes", &self.disable_excludes),
            ("--releasever", &self.releasever),
            ("--downloaddir", &self.download_dir),
        ] {
            many(option, value.as_slice());
        }
        if self.installroot != "/" {
            many("--installroot", std::slice::from_ref(&self.installroot));
        }
        for (wanted, option) in [
            (self.disable_gpg_check, " --nogpgcheck"),
            (!(self.sslverify && self.validate_certs), " --setopt=sslverify=0"),
            (self.download_only, " --downloadonly"),
            (self.allowerasing, " --allowerasing"),
            (self.nobest == Some(true) || self.best == Some(false), " --nobest"),
            (self.best == Some(true) || self.nobest == Some(false), " --best"),
            (self.cacheonly, " --cacheonly"),
            (self.skip_broken, " --skip-broken"),
            (!self.install_weak_deps, " --setopt=install_weak_deps=0"),
            (self.security, " --security"),
            (self.bugfix, " --bugfix"),
        ] {
            if wanted {
                out.push_str(option);
            }
        }
        out
    }
}
