//! `community.general.modprobe`: a kernel module, loaded or not, now and at boot. What the kernel has and the files of
//! `/etc/modules-load.d` and `/etc/modprobe.d` come in; one command and new texts of those files go out.

use crate::command::words::{quote, split};
use crate::files::File;
use crate::tool::{self, failed, print_files, read_files};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeSet;

/// `community.general.modprobe`.
pub struct Modprobe;

/// What a task gives to [`Modprobe`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    state: String,
    params: String,
    persistent: String,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    args: Args,
    command: Option<String>,
    /// Files and their new texts.
    writes: Vec<(String, String)>,
}

const AT_BOOT: &str = "/etc/modules-load.d";
const OPTIONS: &str = "/etc/modprobe.d";

impl Module for Modprobe {
    const NAME: &'static str = "community.general.modprobe";
    const SPEC: Spec = Spec::new(
        "Loads and unloads kernel modules.",
        &[
            Opt::new("name", Kind::Str, "The module.").required(),
            Opt::new("state", Kind::Str, "Whether it shall be loaded.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("params", Kind::Str, "Parameters, divided by spaces.").default("''"),
            Opt::new("persistent", Kind::Str, "Whether it shall be loaded at boot.")
                .choices(&["disabled", "present", "absent"])
                .default("disabled"),
        ],
    )
    .examples("- community.general.modprobe:\n    name: br_netfilter\n    persistent: present\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let name = quote(&args.name);
        let look = format!(
            "m=$(printf %s {name} | tr - _)\n\
             if grep -q \"^$m \" /proc/modules; then printf yes; else\n\
             b=/lib/modules/$(uname -r)/modules.builtin\n\
             if [ ! -r \"$b\" ]; then echo \"[Errno 2] No such file or directory: '$b'\" >&2; exit 95; fi\n\
             if grep -q -e /{name}'\\.ko$' \"$b\"; then printf yes; else printf no; fi\nfi\nprintf '\\0\\0'\n{}{}exit 0\n",
            print_files(&format!("{AT_BOOT}/* {AT_BOOT}/.[!.]*")),
            print_files(&format!("{OPTIONS}/* {OPTIONS}/.[!.]*")),
        );
        let seen = tool::ask(cx, &["modprobe"], &look).await?;
        if !seen.succeeded() {
            return Err(args.result(false, Failure::new(seen.err().trim())));
        }
        let mut files = read_files(&seen.stdout);
        let loaded = files.first().is_some_and(|(word, _)| word == "yes");
        files.drain(..1.min(files.len()));
        let words = split(&args.params).map_err(Failure::new)?;
        let words: String = words.iter().map(|word| format!(" {}", quote(word))).collect();
        let command = match (args.state.as_str(), loaded) {
            ("present", false) => Some(format!("{name}{words}")),
            ("absent", true) => Some(format!("-r {name}")),
            _ => None,
        };
        if let Some(command) = command.as_ref().filter(|_| cx.check_mode) {
            let done = tool::ask(cx, &["modprobe"], &format!("modprobe -n {command}")).await?;
            if !done.succeeded() {
                let (out, err) = (done.out(), done.err());
                return Err(args.result(false, failed(&*err, Some(done.rc), &out, &err)));
            }
        }
        let writes = args.persist(&files)?;
        let changed = command.is_some() || writes.is_some();
        let output = args.output(changed);
        if !changed {
            return Ok(Check::Done(output));
        }
        let change = Change { args: args.clone(), command, writes: writes.unwrap_or_default() };
        Ok(Check::Would { change, foreseen: output })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { args, command, writes } = change;
        let (mut changed, mut warning) = (!writes.is_empty(), None);
        if let Some(command) = command {
            let loading = args.state == "present";
            let after = if loading {
                let name = quote(&args.name);
                format!(
                    "m=$(printf %s {name} | tr - _)\n\
                     grep -q \"^$m \" /proc/modules || grep -q -e /{name}'\\.ko$' /lib/modules/$(uname -r)/modules.builtin 2>/dev/null || \
                     {{ modprobe -n --first-time {command} >/dev/null && exit 96; exit 97; }}\n"
                )
            } else {
                String::new()
            };
            let done =
                tool::ask(cx, &["modprobe"], &format!("modprobe {command} || exit $?\n{after}exit 0\n"))
                    .await?;
            match done.rc {
                0 => changed = true,
                96 => {}
                97 => warning = Some(done.err().into_owned()),
                rc => {
                    let (out, err) = (done.out(), done.err());
                    return Err(args.result(false, failed(&*err, Some(rc), &out, &err)));
                }
            }
        }
        for (path, text) in writes {
            File::replace(&path, text, cx).await?;
        }
        let output = args.output(changed);
        Ok(match warning {
            Some(text) => output.warn(text),
            None => output,
        })
    }
}

impl Args {
    fn output(&self, changed: bool) -> Output {
        Output::new(changed)
            .with("name", self.name.as_str())
            .with("params", self.params.as_str())
            .with("state", self.state.as_str())
    }

    /// A failure with the keys that every answer has.
    fn result(&self, changed: bool, mut failure: Failure) -> Failure {
        failure.result.extend(self.output(changed).result);
        failure
    }

    /// The files to write for the next boot; nothing if all is as wanted.
    fn persist(&self, files: &[(String, String)]) -> Result<Option<Vec<(String, String)>>, Failure> {
        let name = regex::escape(&self.name);
        let regex = |text: String| Regex::new(&text).map_err(|error| Failure::new(error.to_string()));
        let loads = regex(format!(r"^ *{name} *(?:[#;].*)?$"))?;
        let option = regex(format!(r"^options {name} (\w+=\S+) *(?:[#;].*)?$"))?;
        let below = |dir: &'static str| files.iter().filter(move |(path, _)| path.starts_with(dir));
        let at_boot = below(AT_BOOT).any(|(_, text)| text.lines().any(|line| loads.is_match(line)));
        let set: BTreeSet<&str> = below(OPTIONS)
            .flat_map(|(_, text)| text.lines().filter_map(|line| option.captures(line)?.get(1)))
            .map(|found| found.as_str())
            .collect();
        let wanted: BTreeSet<&str> = self.params.split_whitespace().collect();
        let without = |dir: &'static str, pattern: &Regex| {
            let commented = |(path, text): &(String, String)| {
                let line = |line: &str| {
                    if pattern.is_match(line) { format!("#{line}\n") } else { format!("{line}\n") }
                };
                text.lines()
                    .any(|line| pattern.is_match(line))
                    .then(|| (path.clone(), text.lines().map(line).collect()))
            };
            below(dir).filter_map(commented).collect::<Vec<(String, String)>>()
        };
        let mut writes = vec![];
        match self.persistent.as_str() {
            "present" => {
                if !at_boot {
                    writes.push((format!("{AT_BOOT}/{}.conf", self.name), format!("{}\n", self.name)));
                }
                if wanted != set {
                    let own = format!("{OPTIONS}/{}.conf", self.name);
                    writes.extend(without(OPTIONS, &option).into_iter().filter(|(path, _)| *path != own));
                    let lines: Vec<String> = self
                        .params
                        .split_whitespace()
                        .map(|param| format!("options {} {param}", self.name))
                        .collect();
                    writes.push((own, format!("{}\n", lines.join("\n"))));
                }
            }
            "absent" => {
                if at_boot {
                    writes.extend(without(AT_BOOT, &loads));
                }
                if !set.is_empty() {
                    writes.extend(without(OPTIONS, &option));
                }
            }
            _ => {}
        }
        Ok(Some(writes).filter(|writes| !writes.is_empty()))
    }
}
