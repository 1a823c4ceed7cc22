//! `ansible.builtin.package`: packages, whatever the target has for them. The manager is asked for once or named by
//! `use`; its own module does the rest with the same arguments.

use super::apt::Apt;
use super::dnf::Dnf;
use muster_engine::module::{AnyModule, Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde_json::Value as Json;
use std::convert::Infallible;

/// `ansible.builtin.package`.
pub(super) struct Package;

/// Which program of a target means which manager, the first one that is there.
pub(super) const DETECT: &str = "for m in apt-get:apt dnf5:dnf5 dnf:dnf yum:yum zypper:zypper apk:apk pacman:pacman; do\n\
    command -v ${m%%:*} >/dev/null 2>&1 && echo ${m#*:} && exit 0\ndone\nexit 0\n";

impl Module for Package {
    const NAME: &'static str = "ansible.builtin.package";
    const SPEC: Spec = Spec::new(
        "Installs, upgrades and removes packages with the target's own package manager.",
        &[
            Opt::new("name", Kind::Raw, "The packages, as the target's manager names them."),
            Opt::new(
                "state",
                Kind::Str,
                "`present`, `absent` or `latest`, and what the manager's module knows besides.",
            ),
            Opt::new("use", Kind::Str, "`auto`, or the manager: `apt`, `dnf`, `yum`.").default("auto"),
        ],
    )
    .open()
    .examples("- package:\n    name: chrony\n    state: present\n");
    type Args = Map;
    type Change = Infallible;

    async fn check(&self, args: &Map, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut args = args.clone();
        let manager = match args.remove("use").as_ref().and_then(Json::as_str) {
            Some(named) if named != "auto" && !named.is_empty() => named.to_string(),
            _ => match preset(cx)? {
                Some(named) => named,
                None => cx.sh(DETECT).await?.out().trim().to_string(),
            },
        };
        // The manager's module has both halves, and stops after the first in check mode.
        let output: Output = match manager.rsplit('.').next().unwrap_or("") {
            "" => {
                return Err(Failure::new(
                    "Could not detect which package manager to use. Try gathering facts or setting the \"use\" option.",
                ));
            }
            "apt" => {
                let args = over(cx.defaults_of("apt")?, args);
                Apt::SPEC.convert("ansible.legacy.apt", args.clone()).map_err(Failure::new)?;
                Apt.run(args, cx).await?
            }
            name @ ("dnf" | "dnf5" | "yum") => Dnf.run(over(cx.defaults_of(name)?, args), cx).await?,
            _ => {
                return Err(Failure::new(format!(
                    "Could not find a matching action for the \"{manager}\" package manager."
                ))
                .raised());
            }
        };
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// Arguments over what `module_defaults` says of the manager's module.
fn over(mut defaults: Map, args: Map) -> Map {
    defaults.extend(args);
    defaults
}

/// What `ansible_package_use` or gathered facts say the manager is.
fn preset(cx: &Context) -> Result<Option<String>, Failure> {
    let named = cx.scope.get("ansible_package_use")?;
    let facts = cx.scope.get("ansible_facts")?;
    let fact = facts.and_then(|facts| facts.get_attr("pkg_mgr").ok());
    let words = [named, fact].into_iter().flatten();
    Ok(words.filter_map(|word| word.as_str().map(str::to_string)).find(|word| !word.is_empty()))
}
