//! Editing a file of lines: what `lineinfile`, `blockinfile` and `replace` have in common. A look and the new content
//! come in; an [`Edit`] goes out, which writes the content (if it changed) with the wanted attributes.

use super::attributes::{Plan, Wanted};
use super::facts::{Facts, Stat};
use super::script;
use super::write::{Refused, Write, Written};
use muster_engine::module::{Check, Context, Failure, Output};
use std::sync::Arc;

/// What is to be done to a file.
#[derive(Debug)]
pub(crate) struct Edit {
    write: Option<Write>,
    path: String,
    /// What else to set.
    pub plan: Plan,
}

/// How a module wants its edit made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub backup: bool,
    pub validate: Option<String>,
    /// Makes the directories above.
    pub parents: bool,
    /// A link at the path is replaced, and what it leads to left alone.
    pub replaces_link: bool,
}

impl Edit {
    /// An edit of what a look found. Without new content only attributes change.
    ///
    /// # Errors
    /// There is no such user or group, or the mode cannot be read.
    pub fn new(
        facts: &Facts,
        wanted: &Wanted,
        content: Option<Vec<u8>>,
        manner: Manner,
    ) -> Result<Self, Failure> {
        let path = facts.real_path().to_string();
        let Some(content) = content else {
            let plan = match facts.seen.end() {
                Some(stat) => wanted.against(stat, facts)?,
                None => Plan::default(),
            };
            return Ok(Self { write: None, path, plan });
        };
        let (mut write, plan) = Write::over(facts, wanted, Arc::<[u8]>::from(content))?;
        write.backup = manner.backup;
        write.validate = manner.validate;
        write.parents = manner.parents;
        if manner.replaces_link {
            write.path.clone_from(&facts.path);
        }
        Ok(Self { write: Some(write), path, plan })
    }

    /// Whether there is nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.write.is_none() && self.plan.is_empty()
    }

    /// The message with what attributes add to it.
    pub fn message(&self, message: &str) -> String {
        let more = "ownership, perms or SE linux context changed";
        match (message, self.plan.is_empty()) {
            (message, true) => message.to_string(),
            ("", false) => more.to_string(),
            (message, false) => format!("{message} and {more}"),
        }
    }

    /// Makes it; the backup's name, if one was made.
    pub async fn run(self, cx: &Context) -> Result<Option<Written>, Failure> {
        match &self.write {
            Some(write) => write.run(cx).await.map(Some).map_err(|refused| match refused {
                Refused::Invalid { rc, err, .. } => {
                    Failure::new(format!("failed to validate: rc:{rc} error:{err}"))
                }
                Refused::Failed(failure) => failure,
            }),
            None => {
                let path = script::quote(&self.path);
                let commands = self.plan.commands(&path);
                let script: String =
                    commands.iter().map(|command| format!("{command} || exit $?\n")).collect();
                script::run(cx, &script).await.map(|_| None)
            }
        }
    }
}

/// An edit with what its task says of it: what the modules that edit a file hand from looking to doing.
#[derive(Debug)]
pub(crate) struct Foreseen {
    pub edit: Edit,
    pub output: Output,
}

impl Foreseen {
    /// What a look comes to: done where there is nothing to do.
    pub fn or_done(edit: Edit, output: Output) -> Check<Self> {
        if edit.is_nothing() {
            return Check::Done(output);
        }
        Check::Would { foreseen: output.clone(), change: Self { edit, output } }
    }

    /// Makes the edit; `backup_file` is the copy that was kept, if one was.
    ///
    /// # Errors
    /// As [`Edit::run`].
    pub async fn make(self, cx: &Context) -> Result<Output, Failure> {
        let written = self.edit.run(cx).await?;
        Ok(match written.and_then(|written| written.backup) {
            Some(name) => self.output.with("backup_file", name),
            None => self.output,
        })
    }
}

/// A failure for what cannot be edited.
pub(crate) fn not_editable(facts: &Facts) -> Option<Failure> {
    let stat: &Stat = facts.seen.end()?;
    if stat.is_dir() {
        return Some(Failure::new(format!("Path {} is a directory !", facts.path)).with("rc", 256));
    }
    None
}
