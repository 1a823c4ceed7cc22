//! `community.general.locale_gen`: locales that are compiled on the target. The text of `/etc/locale.gen`, what the C
//! library supports and what is there come in; the new text goes out, and `locale-gen` does the rest.

use crate::files::File;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `community.general.locale_gen`.
pub struct LocaleGen;

/// What a task gives to [`LocaleGen`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: Vec<String>,
    state: String,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    args: Args,
    file: File,
    text: String,
}

const LOOK: &str = "put \"$(locale -a 2>/dev/null; echo @; cat /usr/share/i18n/SUPPORTED 2>/dev/null; echo @; [ -e /var/lib/locales/supported.d ] && echo legacy)\"";

impl Module for LocaleGen {
    const NAME: &'static str = "community.general.locale_gen";
    const SPEC: Spec = Spec::new(
        "Makes and removes locales.",
        &[
            Opt::new("name", Kind::List, "The locales: `de_CH.UTF-8`.").elements(Kind::Str).required(),
            Opt::new("state", Kind::Str, "Whether they shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
        ],
    )
    .examples("- community.general.locale_gen:\n    name: en_US.UTF-8\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let file = File::look("/etc/locale.gen", LOOK, cx).await?;
        let mut parts = file.answer().split("@\n");
        let there = parts.next().unwrap_or("").to_string();
        let supported = parts.next().unwrap_or("").trim_end_matches('@').to_string();
        if !file.exists() {
            return Err(Failure::new(match parts.next().is_some_and(|rest| rest.contains("legacy")) {
                true => "locales kept in /var/lib/locales/supported.d are not supported here: run `locale-gen` with `command`".to_string(),
                false => "/var/lib/locales/supported.d and /etc/locale.gen are missing. Is the package \"locales\" installed?".into(),
            }));
        }
        let known = |name: &str| supported.lines().any(|line| line.split_whitespace().next() == Some(name));
        let unknown: Vec<&str> = args
            .name
            .iter()
            .map(String::as_str)
            .filter(|name| !known(name) && !is_there(name, &there))
            .collect();
        if !unknown.is_empty() {
            let message = format!(
                "The following locales you have entered are not available on your system: {}",
                unknown.join(", ")
            );
            let keys = args.output(false).result;
            let mut failure = Failure::new(message).with("output", args.vars()).with("vars", args.vars());
            failure.result.extend(keys);
            return Err(failure);
        }
        let present = args.name.iter().all(|name| is_there(name, &there));
        if present == (args.state == "present") {
            return Ok(Check::Done(args.output(false)));
        }
        let text = rewritten(&file.text(), args)?;
        // Ansible's module says nothing of what it would do.
        Ok(Check::Would { foreseen: args.output(false), change: Change { args: args.clone(), file, text } })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        if change.text != change.file.text() {
            change.file.write(change.text, None, false, cx).await?;
        }
        let done = tool::ask(
            cx,
            &["locale-gen"],
            "o=$(locale-gen 2>&1) || { r=$?; printf '%s\\n' \"$o\" >&2; exit $r; }\nlocale -a\n",
        )
        .await?;
        if !done.succeeded() {
            let err = done.err();
            return Err(tool::failed(err.trim_end(), Some(done.rc), "", &err));
        }
        let there = done.out();
        let present = change.args.name.iter().all(|name| is_there(name, &there));
        Ok(change.args.output(present == (change.args.state == "present")))
    }
}

impl Args {
    fn vars(&self) -> Json {
        json!({ "name": self.name, "mechanism": "glibc", "ubuntu_mode": false })
    }

    fn output(&self, changed: bool) -> Output {
        Output::new(changed)
            .with("name", self.name.clone())
            .with("mechanism", "glibc")
            .with("ubuntu_mode", false)
    }
}

/// A name with its charset as people write it: `locale -a` has its own way.
fn plain(name: &str) -> String {
    const CHARSETS: [(&str, &str); 10] = [
        (".utf8", ".UTF-8"),
        (".eucjp", ".EUC-JP"),
        (".iso885915", ".ISO-8859-15"),
        (".cp1251", ".CP1251"),
        (".koi8r", ".KOI8-R"),
        (".armscii8", ".ARMSCII-8"),
        (".euckr", ".EUC-KR"),
        (".gbk", ".GBK"),
        (".gb18030", ".GB18030"),
        (".euctw", ".EUC-TW"),
    ];
    CHARSETS.iter().fold(name.to_string(), |name, (from, to)| name.replace(from, to))
}

fn is_there(name: &str, list: &str) -> bool {
    list.lines().any(|line| plain(line) == plain(name))
}

/// The text with the lines of these locales enabled, or disabled.
fn rewritten(text: &str, args: &Args) -> Result<String, Failure> {
    let mark = if args.state == "present" { "" } else { "# " };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_string).collect();
    for name in &args.name {
        let pattern = Regex::new(&format!(r"^#?\s*{} (.+)", regex::escape(name)))
            .map_err(|error| Failure::new(error.to_string()))?;
        for line in &mut lines {
            *line = pattern
                .replace(line, |found: &regex::Captures<'_>| {
                    format!("{mark}{name} {}", found.get(1).map_or("", |m| m.as_str()))
                })
                .into_owned();
        }
    }
    Ok(lines.concat())
}
