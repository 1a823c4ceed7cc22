//! `ansible.builtin.debconf`: answers that packages will find when they are configured. What debconf knows of a package is
//! read first; an answer that differs is set. Answers reach the target on standard input: some are passwords.

use crate::command::words::quote;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `ansible.builtin.debconf`.
pub(super) struct Debconf;

/// What a task gives to [`Debconf`].
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    name: String,
    #[serde(default)]
    question: Option<String>,
    #[serde(default)]
    vtype: Option<String>,
    #[serde(default)]
    value: Option<Json>,
    unseen: bool,
}

/// An answer to give.
#[derive(Debug)]
pub(super) struct Change {
    line: String,
    unseen: bool,
    output: Output,
}

impl Module for Debconf {
    const NAME: &'static str = "ansible.builtin.debconf";
    const SPEC: Spec = Spec::new(
        "Sets the answers that Debian packages ask for, or lists them.",
        &[
            Opt::new("name", Kind::Str, "The package.").aliases(&["pkg"]).required(),
            Opt::new("question", Kind::Str, "The question.").aliases(&["selection", "setting"]),
            Opt::new("vtype", Kind::Str, "The type of the answer.").choices(&[
                "boolean",
                "error",
                "multiselect",
                "note",
                "password",
                "seen",
                "select",
                "string",
                "text",
                "title",
            ]),
            Opt::new("value", Kind::Raw, "The answer; a list for `multiselect`.").aliases(&["answer"]),
            Opt::new("unseen", Kind::Bool, "Whether the question still counts as not asked.")
                .default("false"),
        ],
    )
    .together(&[&["question", "vtype", "value"]])
    .examples(
        "- debconf:\n    name: tzdata\n    question: tzdata/Areas\n    vtype: select\n    value: Europe\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let command = format!("debconf-show {}\n", quote(&args.name));
        let seen = tool::ask(cx, &["debconf-show"], &command).await?;
        if !seen.succeeded() {
            return Err(Failure::new(seen.err()));
        }
        let known = answers(&seen.out());
        let (Some(question), Some(vtype), Some(value)) = (&args.question, &args.vtype, &args.value) else {
            return Ok(Check::Done(Output::new(false).with("msg", "").with("current", known)));
        };
        let there = known.get(question).and_then(Json::as_str).map(str::to_string);
        let there = there.as_deref();
        let (same, written, shown) = match (there, vtype.as_str(), value) {
            (_, "multiselect", Json::Array(items)) => {
                let mut items = items.iter().map(chosen).collect::<Result<Vec<_>, _>>()?;
                items.sort();
                let mut now: Vec<&str> = there.unwrap_or("").split(',').map(str::trim).collect();
                now.sort_unstable();
                let shown = if cx.check_mode { json!(items) } else { json!(items.join(", ")) };
                (there.is_some() && items == now, items.join(", "), shown)
            }
            (_, "boolean", _) => {
                let word = text(value).to_lowercase();
                (there.is_some_and(|now| now.to_lowercase() == word), word.clone(), Json::from(word))
            }
            (Some(_), "password", _) => {
                let now = password(&args.name, question, cx).await?;
                (now.as_deref() == Some(text(value).as_str()), text(value), value.clone())
            }
            _ => (there == Some(text(value).as_str()), text(value), value.clone()),
        };
        if same {
            return Ok(Check::Done(Output::new(false).with("msg", "").with("current", known)));
        }
        let current = json!({ question.as_str(): shown });
        let mut previous = known;
        match there.map(str::to_string) {
            Some(now) => previous = Map::from_iter([(question.clone(), now.into())]),
            None => {
                previous.insert(question.clone(), "".into());
            }
        }
        let mut diff = json!({});
        if cx.diff {
            let mut after = previous.clone();
            after.insert(question.clone(), shown);
            diff = json!({ "before": previous, "after": after });
        }
        let output = Output::new(true)
            .with("msg", "")
            .with("current", current)
            .with("previous", previous)
            .with("diff", diff);
        let line = format!("{} {question} {vtype} {written}", args.name);
        let change = Change { line, unseen: args.unseen, output: output.clone() };
        Ok(Check::Would { change, foreseen: output })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let unseen = if change.unseen { " -u" } else { "" };
        let program = format!("PATH=$PATH:/sbin:/usr/sbin debconf-set-selections{unseen}");
        let done = cx.exec(Command::new(program).stdin(format!("{}\n", change.line).into_bytes())).await?;
        match done.succeeded() {
            true => Ok(change.output.with("msg", done.out())),
            false => Err(Failure::new(done.err())),
        }
    }
}

/// What `debconf-show` printed: questions and their answers.
fn answers(text: &str) -> Map {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.trim_matches('*').trim().to_string(), value.trim().into())).collect()
}

/// A value as text: a word as it is, a boolean as Python writes it.
fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        other => other.to_string(),
    }
}

/// One of the answers of a list.
fn chosen(item: &Json) -> Result<String, Failure> {
    item.as_str().map(str::to_string).ok_or_else(|| {
        let kind = if item.is_number() { "int" } else { "bool" };
        Failure::new(format!(
            "Invalid value provided for 'multiselect': '<' not supported between instances of '{kind}' and 'str'"
        ))
    })
}

/// The password that is set; `debconf-show` hides it.
async fn password(package: &str, question: &str, cx: &Context) -> Result<Option<String>, Failure> {
    let seen = tool::ask(cx, &["debconf-get-selections"], "debconf-get-selections\n").await?;
    if !seen.succeeded() {
        let why = seen.err();
        return Err(Failure::new(format!("Failed to get the value '{question}' from '{package}': {why}")));
    }
    for line in seen.out().split('\n').filter(|line| line.starts_with(package)) {
        let mut fields = line.split('\t').skip(1);
        match (fields.next(), fields.next(), fields.next()) {
            (_, _, None) => return Ok(Some(String::new())),
            (Some(asked), Some("password"), Some(now)) if asked == question => {
                return Ok(Some(now.to_string()));
            }
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_or_without_the_mark_of_having_been_seen() {
        let said = "* tzdata/Areas: Europe\n  tzdata/Zones/Etc: UTC\n  a/url: http://x:8\n";
        assert_eq!(
            Json::Object(answers(said)),
            json!({"tzdata/Areas": "Europe", "tzdata/Zones/Etc": "UTC", "a/url": "http://x:8"})
        );
    }
}
