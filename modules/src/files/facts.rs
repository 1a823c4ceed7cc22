//! What is at a path on a host. A [`Look`] says what to find out and becomes one script; its answer becomes [`Facts`].
//! Looking changes nothing.

mod look;
mod seen;
mod stat;

pub(crate) use look::{Content, Look};
pub(crate) use seen::{Found, Seen};
pub(crate) use stat::{Stat, octal};

use super::script::Answer;
use muster_engine::module::{Failure, Map};
use serde_json::{Value as Json, json};

/// The id of a user or group that an argument names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// Somebody has it.
    Known(u32),
    /// A number that nobody has.
    Unnamed(u32),
    /// A name that nobody has.
    Unknown,
}

impl Id {
    fn parse(field: &str) -> Self {
        match field.strip_suffix('!') {
            Some(number) => number.parse().map_or(Self::Unknown, Self::Unnamed),
            None => field.parse().map_or(Self::Unknown, Self::Known),
        }
    }
}

/// What a file has beside its mode.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels {
    /// The attributes as `lsattr` prints them, without dashes.
    pub flags: String,
    /// The SELinux context; empty on a host without.
    pub context: String,
}

impl Labels {
    fn parse(field: &str) -> Self {
        let (flags, context) = field.split_once(' ').unwrap_or((field, ""));
        let context = if context == "?" { "" } else { context };
        Self { flags: flags.replace('-', ""), context: context.to_string() }
    }
}

/// Everything found out about a path.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The path, expanded.
    pub path: String,
    /// Whether the path given is a directory that is there, and `path` is in it.
    pub inside: bool,
    pub seen: Seen,
    /// The directory it is in: its path, and whether it exists and may be written.
    pub parent: String,
    pub parent_exists: bool,
    pub parent_writable: bool,
    /// Whether the host's environment asks for writing into files that cannot be replaced.
    pub unsafe_writes: bool,
    /// The nearest directory above that exists.
    pub near: String,
    pub near_stat: Option<Stat>,
    pub umask: u32,
    /// Who runs commands.
    pub uid: u32,
    pub gid: u32,
    /// Whom `owner` and `group` name.
    pub owner: Id,
    pub group: Id,
    /// The checksum of a readable regular file, if asked for.
    pub checksum: Option<String>,
    /// Attributes and context, if asked for.
    pub labels: Labels,
    /// What the module's own script printed.
    pub more: String,
    /// The content, if asked for and there is any.
    pub content: Option<Vec<u8>>,
    /// What [`Look::then`] printed.
    pub rest: Answer,
}

impl Facts {
    /// Reads all that a [`Look`] printed.
    pub fn read(mut answer: Answer) -> Result<Self, Failure> {
        let mut facts = Self::read_one(&mut answer)?;
        match answer.field()?.as_str() {
            "c" => facts.content = Some(answer.rest()),
            _ => facts.rest = Answer::new(answer.rest()),
        }
        Ok(facts)
    }

    /// Reads what each of many [`Look`]s without content printed.
    pub fn read_many(mut answer: Answer, count: usize) -> Result<Vec<Self>, Failure> {
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            out.push(Self::read_one(&mut answer)?);
            answer.field()?;
        }
        Ok(out)
    }

    fn read_one(answer: &mut Answer) -> Result<Self, Failure> {
        let path = answer.field()?;
        let inside = answer.field()? == "d";
        let seen = Seen::read(answer)?;
        let parent = answer.field()?;
        let about = answer.field()?;
        let near = answer.field()?;
        let near_stat = Found::parse(&answer.field()?).stat().cloned();
        let umask = u32::from_str_radix(answer.field()?.trim(), 8).unwrap_or(0o022);
        let uid = answer.field()?.trim().parse().unwrap_or(0);
        let gid = answer.field()?.trim().parse().unwrap_or(0);
        let owner = Id::parse(&answer.field()?);
        let group = Id::parse(&answer.field()?);
        let checksum = Some(answer.field()?).filter(|sum| !sum.is_empty());
        let labels = Labels::parse(&answer.field()?);
        let more = answer.field()?;
        Ok(Self {
            path,
            inside,
            seen,
            parent,
            parent_exists: about.contains('e'),
            parent_writable: about.contains('w'),
            unsafe_writes: about.contains('u'),
            labels,
            umask,
            uid,
            gid,
            owner,
            group,
            checksum,
            near,
            near_stat,
            more,
            content: None,
            rest: Answer::new(vec![]),
        })
    }

    /// Where writing goes: the path, or where a link at it leads.
    pub fn real_path(&self) -> &str {
        if self.seen.is_link() && self.seen.real.starts_with('/') { &self.seen.real } else { &self.path }
    }

    /// A failure that names the path and what is there, as Ansible's `fail_json(path=…)` does.
    pub fn fail(&self, message: impl Into<String>) -> Failure {
        let mut failure = Failure::new(message).with("path", self.path.as_str());
        self.seen.describe(&mut failure.result);
        failure
    }
}

/// The `path` of a difference, before and after.
pub(crate) fn path_diff(path: &str) -> (Map, Map) {
    let one = || match json!({ "path": path }) {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    (one(), one())
}

#[cfg(test)]
mod tests;
