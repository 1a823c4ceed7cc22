//! `ansible.posix.sysctl`: a kernel parameter, in a file that is read at boot and in the running kernel. The file's text
//! and the kernel's value come in; the new text and the commands go out.

use crate::command::words::quote;
use crate::files::File;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.posix.sysctl`.
pub struct Sysctl;

/// What a task gives to [`Sysctl`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    value: Option<String>,
    state: String,
    reload: bool,
    sysctl_set: bool,
    ignoreerrors: bool,
    sysctl_file: String,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    args: Args,
    /// The value the running kernel gets at once.
    set: Option<String>,
    /// The file and its new text.
    write: Option<(File, String)>,
}

impl Module for Sysctl {
    const NAME: &'static str = "ansible.posix.sysctl";
    const SPEC: Spec = Spec::new(
        "Sets a kernel parameter, now and for the next boot.",
        &[
            Opt::new("name", Kind::Str, "The parameter, with dots.").aliases(&["key"]).required(),
            Opt::new("value", Kind::Str, "Its value.").aliases(&["val"]),
            Opt::new("state", Kind::Str, "Whether the file shall have an entry.")
                .choices(&["present", "absent"])
                .default("present"),
            Opt::new("reload", Kind::Bool, "Has the kernel read the file after a change.").default("true"),
            Opt::new("sysctl_set", Kind::Bool, "Sets the kernel's value too if it differs.").default("false"),
            Opt::new("ignoreerrors", Kind::Bool, "Whether unknown parameters are passed over.")
                .default("false"),
            Opt::new("sysctl_file", Kind::Path, "The file.").default("/etc/sysctl.conf"),
        ],
    )
    .required_if(&[("state", "present", &["value"])])
    .examples(
        "- ansible.posix.sysctl:\n    name: net.ipv4.ip_forward\n    value: '1'\n    sysctl_set: true\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let present = args.state == "present";
        if args.name.is_empty() {
            return Err(Failure::new("name cannot be blank"));
        }
        if present && args.value.is_none() {
            return Err(Failure::new("value cannot be None"));
        }
        if present && args.value.as_deref() == Some("") {
            return Err(Failure::new("value cannot be blank"));
        }
        let args = Args {
            name: args.name.trim().to_string(),
            value: args.value.as_deref().map(plain),
            ..args.clone()
        };
        let value = args.value.clone().unwrap_or_default();
        let question = format!(
            "PATH=$PATH:/sbin:/usr/sbin:/usr/local/sbin; command -v sysctl >/dev/null || die \"Failed to find required executable \\\"sysctl\\\" in paths: $PATH\"\n\
             if a=$(LC_ALL=C sysctl -e -n {} 2>/dev/null); then put \"=$a\"; else put ''; fi",
            quote(&args.name)
        );
        let file = File::look(&args.sysctl_file, &question, cx).await?;
        let kernel = file.answer().strip_prefix('=');
        let text = file.text();
        let same = kernel.is_some_and(|now| now.split_whitespace().eq(value.split_whitespace()));
        let in_file = entries(&text).filter(|(name, _)| *name == args.name).map(|(_, value)| value).last();
        let write = match in_file {
            None => present,
            Some(now) if !present && !now.is_empty() => true,
            Some(now) => now != value,
        };
        let mut changed = write || (in_file.is_some() && args.reload && !same);
        let mut set = None;
        if args.sysctl_set && present && !same {
            changed = true;
            set = kernel.is_some().then(|| value.clone());
        }
        let output = Output::new(changed);
        if !changed {
            return Ok(Check::Done(output));
        }
        let write = write.then(|| rewritten(&text, &args.name, present.then_some(&value)));
        Ok(Check::Would {
            change: Change { write: write.map(|text| (file, text)), args, set },
            foreseen: output,
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { args, set, write } = change;
        let quiet = if args.ignoreerrors { " -e" } else { "" };
        if let Some(value) = set {
            let pair = quote(&format!("{}={value}", args.name));
            told(
                &format!("sysctl{quiet} -w {pair}"),
                |said| format!("setting {} failed: {said}", args.name),
                cx,
            )
            .await?;
        }
        if let Some((file, text)) = write {
            file.write(text, None, false, cx).await?;
        }
        if args.reload {
            let file = crate::command::words::expanded(&args.sysctl_file);
            told(&format!("sysctl{quiet} -p {file}"), |said| format!("Failed to reload sysctl: {said}"), cx)
                .await?;
        }
        Ok(Output::new(true))
    }
}

/// Runs sysctl, which may say that it failed only on standard error.
async fn told(command: &str, message: impl Fn(String) -> String, cx: &Context) -> Result<(), Failure> {
    let done = tool::ask(cx, &["sysctl"], command).await?;
    let refused = |line: &str| {
        line.starts_with("sysctl: setting key \"")
            && (line.ends_with("\": Invalid argument") || line.ends_with("\": Read-only file system"))
    };
    let err = done.err();
    if done.succeeded() && !err.lines().any(refused) {
        return Ok(());
    }
    Err(Failure::new(message(format!("{}{err}", done.out()))))
}

/// A value as the kernel has it: words for true and false are numbers.
fn plain(value: &str) -> String {
    match value.to_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" => "1".into(),
        "n" | "no" | "off" | "0" | "false" | "f" => "0".into(),
        _ => value.trim().to_string(),
    }
}

/// The name and value of a line, if it is an entry.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    Some((name.trim(), value.trim()))
}

fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(entry)
}

/// The text with one entry for the name, or none; what is named twice keeps its first line.
fn rewritten(text: &str, wanted: &str, value: Option<&String>) -> String {
    let mut seen: Vec<&str> = vec![];
    let mut out = String::new();
    for line in text.lines() {
        let Some((name, old)) = entry(line) else {
            out.push_str(&format!("{}\n", line.trim()));
            continue;
        };
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        match value {
            _ if name != wanted => out.push_str(&format!("{name}={old}\n")),
            Some(value) => out.push_str(&format!("{name}={value}\n")),
            None => {}
        }
    }
    if let Some(value) = value.filter(|_| !seen.contains(&wanted)) {
        out.push_str(&format!("{wanted}={value}\n"));
    }
    out
}
