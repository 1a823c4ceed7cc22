//! The types a setting may have, read from text as Ansible reads them: many words for yes, lists at commas, paths that
//! start at the file they are written in.

use muster_engine::inventory::GroupNames;
use muster_engine::plan::Gathering;
use muster_engine::playbook::Strategy;
use std::path::{Path, PathBuf};

/// Where relative paths start.
pub struct Base<'a> {
    /// The directory of the file that the setting is written in, or the current one.
    pub dir: &'a Path,
    /// What `~` is.
    pub home: Option<&'a Path>,
}

/// A type that a setting may have.
pub trait Setting: Sized + Default {
    /// What it takes, for messages and documentation.
    const KIND: &'static str;

    /// The value of a text.
    ///
    /// # Errors
    /// What the text should have been.
    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String>;
}

/// Text that may name a path: an inventory file, or a list of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultFormat {
    /// Ansible's JSON.
    Json,
    /// Ansible's YAML.
    Yaml,
    /// Blocks with `MSG:` (ours).
    #[default]
    Konvoy,
}

/// What a mapping with a key twice is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// Worth a warning.
    #[default]
    Warn,
    /// A mistake.
    Error,
    /// Nothing.
    Ignore,
}

/// Ansible's words for yes and no.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
        _ => None,
    }
}

fn path(text: &str, base: &Base<'_>) -> PathBuf {
    let text = text.replace("{{CWD}}", ".");
    match (text.strip_prefix('~'), base.home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => base.dir.join(text),
    }
}

impl Setting for bool {
    const KIND: &'static str = "boolean";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        // Set to nothing is no, as Python has it.
        if text.is_empty() { Some(false) } else { truth(text) }.ok_or_else(|| "a boolean (yes or no)".into())
    }
}

impl Setting for String {
    const KIND: &'static str = "string";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        Ok(unquoted(text).to_string())
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "path";

    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String> {
        Ok(path(unquoted(text), base))
    }
}

impl Setting for Text {
    const KIND: &'static str = "path or host list";

    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String> {
        let text = unquoted(text);
        if text.contains(',') {
            return Ok(Self(text.to_string()));
        }
        Ok(Self(path(text, base).to_string_lossy().into_owned()))
    }
}

macro_rules! numbers {
    ($($kind:ty)*) => {$(
        impl Setting for $kind {
            const KIND: &'static str = "integer";

            fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
                text.parse().map_err(|_| "a number that makes sense here".into())
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64 usize);

impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;

    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::from_text(text, base).map(Some) }
    }
}

impl Setting for Vec<String> {
    const KIND: &'static str = "list";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        Ok(split(text, ',').map(String::from).collect())
    }
}

impl Setting for Vec<PathBuf> {
    const KIND: &'static str = "paths";

    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String> {
        Ok(split(text, ':').map(|part| path(part, base)).collect())
    }
}

impl Setting for Vec<Text> {
    const KIND: &'static str = "paths or host lists";

    /// Paths at commas; text in which a comma ends the whole is a list of hosts.
    fn from_text(text: &str, base: &Base<'_>) -> Result<Self, String> {
        if text.ends_with(',') {
            return Ok(vec![Text(text.to_string())]);
        }
        split(text, ',').map(|part| Text::from_text(part, base)).collect()
    }
}

impl Setting for Strategy {
    const KIND: &'static str = "linear, free, host_pinned or debug";

    fn from_text(text: &str, _base: &Base<'_>) -> Result<Self, String> {
        match text.trim().strip_prefix("ansible.builtin.").unwrap_or(text.trim()) {
            "linear" => Ok(Self::Linear),
            "free" => Ok(Self::Free),
            "host_pinned" => Ok(Self::HostPinned),
            "debug" => Ok(Self::Debug),
            _ => Err("one of `linear`, `free`, `host_pinned` or `debug`".into()),
        }
    }
}

impl Setting for Gathering {
    const KIND: &'static str = "implicit, explicit or smart";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        match text {
            "implicit" => Ok(Self::Implicit),
            "explicit" => Ok(Self::Explicit),
            "smart" => Ok(Self::Smart),
            _ => Err(Self::KIND.into()),
        }
    }
}

impl Setting for GroupNames {
    const KIND: &'static str = "always, never, ignore or silently";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        match text {
            "always" | "true" | "True" => Ok(Self::Replaced),
            "never" | "false" | "False" => Ok(Self::Warned),
            "ignore" => Ok(Self::Kept),
            "silently" => Ok(Self::ReplacedSilently),
            _ => Err(Self::KIND.into()),
        }
    }
}

impl Setting for Duplicates {
    const KIND: &'static str = "warn, error or ignore";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        match text {
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            "ignore" => Ok(Self::Ignore),
            _ => Err(Self::KIND.into()),
        }
    }
}

impl Setting for ResultFormat {
    const KIND: &'static str = "json, yaml or konvoy";

    fn from_text(text: &str, _: &Base<'_>) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "konvoy" => Ok(Self::Konvoy),
            _ => Err(Self::KIND.into()),
        }
    }
}

fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    unquoted(text).split(at).map(str::trim).filter(|part| !part.is_empty())
}

/// A text without the pair of quotes around it.
fn unquoted(text: &str) -> &str {
    muster_engine::node::freeform::unquote(text.trim())
}
