//! `community.general.ini_file`: one option, or one section, of an INI file.

mod lines;

use super::attributes::{Wanted as Attributes, with_attributes};
use super::facts::{Content, Look};
use super::text::{Edit, Foreseen, Manner, not_editable};
use lines::Wanted;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// The module.
#[derive(Debug)]
pub(super) struct IniFile;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    path: String,
    #[serde(default)]
    section: Option<String>,
    #[serde(default)]
    section_has_values: Option<Vec<Having>>,
    #[serde(default)]
    option: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    values: Option<Vec<String>>,
    backup: bool,
    state: String,
    exclusive: bool,
    no_extra_spaces: bool,
    ignore_spaces: bool,
    create: bool,
    allow_no_value: bool,
    modify_inactive_option: bool,
    follow: bool,
    #[serde(flatten)]
    wanted: Attributes,
}

/// What a section must have to be the one.
#[derive(Clone, Debug, Deserialize)]
struct Having {
    option: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    values: Option<Vec<String>>,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) struct Change {
    made: Foreseen,
    path: String,
}

impl Module for IniFile {
    const NAME: &'static str = "community.general.ini_file";
    const SPEC: Spec = Spec::new(
        "Sets or removes an option, or a section, of an INI file.",
        with_attributes![
            Opt::new("path", Kind::Path, "The file.").aliases(&["dest"]).required(),
            Opt::new("section", Kind::Str, "The section; what stands before the first one without it."),
            Opt::new("section_has_values", Kind::List, "What tells sections of one name apart.")
                .elements(Kind::Dict)
                .options(&[
                    Opt::new("option", Kind::Str, "An option the section has.").required(),
                    Opt::new("value", Kind::Str, "Its value."),
                    Opt::new("values", Kind::List, "Its values.").elements(Kind::Str),
                ]),
            Opt::new("option", Kind::Str, "The option; without it the section as a whole."),
            Opt::new("value", Kind::Str, "Its value."),
            Opt::new("values", Kind::List, "Its values, a line for each.").elements(Kind::Str),
            Opt::new("backup", Kind::Bool, "Keeps a copy of the file before a change.").default("false"),
            Opt::new("state", Kind::Str, "Whether it is there.").choices(&["absent", "present"]).default("present"),
            Opt::new("exclusive", Kind::Bool, "Whether other lines of the option go.").default("true"),
            Opt::new("no_extra_spaces", Kind::Bool, "Writes `a=b` and not `a = b`.").default("false"),
            Opt::new("ignore_spaces", Kind::Bool, "Leaves a line as it is if only spaces differ.").default("false"),
            Opt::new("create", Kind::Bool, "Whether the file is made if it is missing.").default("true"),
            Opt::new("allow_no_value", Kind::Bool, "Whether an option may stand without a value.").default("false"),
            Opt::new("modify_inactive_option", Kind::Bool, "Whether a commented line of the option is used.")
                .default("true"),
            Opt::new("follow", Kind::Bool, "Writes to where a link leads, and not in its place.").default("false"),
        ],
    )
    .exclusive(&[&["value", "values"]])
    .examples(
        "- community.general.ini_file:\n    path: /etc/app.ini\n    section: server\n    option: port\n    value: '8080'\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let wanted = args.wanted()?;
        let facts = Look::at(&args.path)
            .ids(args.wanted.owner.as_deref(), args.wanted.group.as_deref())
            .content(Content::All)
            .run(cx)
            .await?;
        if let Some(failure) = not_editable(&facts) {
            return Err(failure);
        }
        if facts.seen.end().is_none() && !args.create {
            let message = format!("Destination {} does not exist!", facts.path);
            return Err(Failure::new(message).with("rc", 257));
        }
        let bytes = facts.content.clone().unwrap_or_default();
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(Failure::new(format!("{} is not UTF-8", facts.path)));
        };
        // Python reads any end of line as one.
        let before = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let edited = wanted.edit(&before)?;
        let header = format!("{} (content)", facts.path);
        let shown = |text: &str| if cx.diff { text.to_string() } else { String::new() };
        let mut output =
            Output::new(edited.changed).with("msg", edited.message).with("path", facts.path.as_str()).with(
                "diff",
                json!({
                    "before": shown(&before), "after": shown(&edited.text),
                    "before_header": header, "after_header": header,
                }),
            );
        facts.seen.describe(&mut output.result);
        let manner = Manner {
            backup: args.backup && facts.seen.exists(),
            parents: true,
            replaces_link: !args.follow,
            ..Manner::default()
        };
        let content = edited.changed.then(|| edited.text.into_bytes());
        let edit = Edit::new(&facts, &args.wanted, content, manner)?;
        if edit.is_nothing() {
            return Ok(Check::Done(output));
        }
        let done = output.clone().with("changed", true);
        Ok(Check::Would {
            foreseen: output,
            change: Change { made: Foreseen { edit, output: done }, path: args.path.clone() },
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let mut output = change.made.make(cx).await?;
        Look::at(&change.path).run(cx).await?.seen.describe(&mut output.result);
        Ok(output)
    }
}

impl Args {
    fn wanted(&self) -> Result<Wanted, Failure> {
        let present = self.state == "present";
        let values = match (&self.value, &self.values) {
            (Some(value), _) => vec![value.clone()],
            (None, values) => values.clone().unwrap_or_default(),
        };
        if present && !self.allow_no_value && self.value.is_none() && values.is_empty() {
            return Err(Failure::new(
                "Parameter 'value(s)' must be defined if state=present and allow_no_value=False.",
            ));
        }
        let mut having = vec![];
        for one in self.section_has_values.iter().flatten() {
            if one.value.is_some() && one.values.is_some() {
                return Err(Failure::new(
                    "parameters are mutually exclusive: value|values found in section_has_values",
                ));
            }
            let values = one.value.clone().map(|value| vec![value]).or_else(|| one.values.clone());
            having.push((one.option.clone(), values.unwrap_or_default()));
        }
        Ok(Wanted {
            section: self.section.clone(),
            having,
            option: self.option.clone(),
            values,
            present,
            exclusive: self.exclusive,
            no_extra_spaces: self.no_extra_spaces,
            ignore_spaces: self.ignore_spaces,
            allow_no_value: self.allow_no_value,
            modify_inactive_option: self.modify_inactive_option,
        })
    }
}
