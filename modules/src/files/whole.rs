//! A whole file for modules elsewhere: looked at once, together with a question of the module's own, and replaced at
//! once or not at all. Owner and mode stay as they are unless a mode is given.

use super::attributes::Wanted;
use super::facts::{Content, Facts, Look};
use super::text::{Edit, Manner};
use muster_engine::module::{Context, Failure};
use serde_json::Value as Json;

/// A file as it was found, there or not.
#[derive(Debug)]
pub(crate) struct File {
    facts: Facts,
}

impl File {
    /// Looks at a path, as an argument has it. `question` is a piece of script that prints one NUL-ended field (`put`
    /// does that), or nothing.
    ///
    /// # Errors
    /// The look fails.
    pub(crate) async fn look(path: &str, question: &str, cx: &Context) -> Result<Self, Failure> {
        let facts = Look::at(path).content(Content::All).more(question).run(cx).await?;
        Ok(Self { facts })
    }

    /// The path, expanded.
    pub(crate) fn path(&self) -> &str {
        &self.facts.path
    }

    /// Whether there is anything.
    pub(crate) fn exists(&self) -> bool {
        self.facts.seen.exists()
    }

    /// The content; nothing for what is not there.
    pub(crate) fn text(&self) -> String {
        self.facts
            .content
            .as_deref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    /// The answer to the question.
    pub(crate) fn answer(&self) -> &str {
        &self.facts.more
    }

    /// Replaces it, makes its directory if need be, and gives the name of the copy that was kept, if one was.
    ///
    /// # Errors
    /// The mode cannot be read, or writing fails.
    pub(crate) async fn write(
        &self,
        text: String,
        mode: Option<Json>,
        backup: bool,
        cx: &Context,
    ) -> Result<Option<String>, Failure> {
        let wanted = Wanted { mode, ..Wanted::default() };
        let manner = Manner { backup: backup && self.exists(), parents: !self.exists(), ..Manner::default() };
        let edit = Edit::new(&self.facts, &wanted, Some(text.into_bytes()), manner)?;
        Ok(edit.run(cx).await?.and_then(|written| written.backup))
    }

    /// Replaces the file at a path that was not looked at.
    ///
    /// # Errors
    /// As [`File::look`] and [`File::write`].
    pub(crate) async fn replace(path: &str, text: String, cx: &Context) -> Result<(), Failure> {
        Self::look(path, "", cx).await?.write(text, None, false, cx).await.map(drop)
    }
}
