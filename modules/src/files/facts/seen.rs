//! What is at a path, and where a link there leads: what the shell function `look` printed comes in. A path that cannot be looked at
//! is [`Found::Not`] with the reason.

use super::Stat;
use crate::files::script::{Answer, reason};
use muster_engine::module::{Failure, Map};

/// What came of looking at a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// It is there.
    Is(Stat),
    /// It is not, or cannot be seen: the reason.
    Not(String),
}

impl Found {
    pub fn parse(field: &str) -> Self {
        match field.strip_prefix('!') {
            Some(said) => Self::Not(reason(said).to_string()),
            None => {
                Stat::parse(field).map_or_else(|| Self::Not(format!("unreadable stat: {field}")), Self::Is)
            }
        }
    }

    pub fn stat(&self) -> Option<&Stat> {
        match self {
            Self::Is(stat) => Some(stat),
            Self::Not(_) => None,
        }
    }
}

/// What the shell function `look` prints of one path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The thing itself, a link not followed.
    pub this: Found,
    /// Where a link leads, as written in it.
    pub target: String,
    /// Where a link leads in the end, absolute.
    pub real: String,
    /// What is there.
    pub followed: Option<Found>,
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
}

impl Seen {
    /// Why who asks cannot see what is there, nor whether anything is.
    pub fn hidden(&self) -> Option<&str> {
        [Some(&self.this), self.followed.as_ref()].into_iter().flatten().find_map(|found| match found {
            Found::Not(why) if matches!(why.as_str(), "Permission denied" | "Not a directory") => {
                Some(&**why)
            }
            _ => None,
        })
    }

    /// Reads what `look` printed.
    pub fn read(answer: &mut Answer) -> Result<Self, Failure> {
        let this = Found::parse(&answer.field()?);
        let target = answer.field()?;
        let real = answer.field()?;
        let followed = answer.field()?;
        let access = answer.field()?;
        Ok(Self {
            this,
            target,
            real,
            followed: (!followed.is_empty()).then(|| Found::parse(&followed)),
            readable: access.contains('r'),
            writable: access.contains('w'),
            executable: access.contains('x'),
        })
    }

    /// The thing itself, a link not followed.
    pub fn stat(&self) -> Option<&Stat> {
        self.this.stat()
    }

    /// What is there in the end, a link followed.
    pub fn end(&self) -> Option<&Stat> {
        match &self.followed {
            Some(found) => found.stat(),
            None => self.this.stat(),
        }
    }

    /// Whether there is something in the end: `os.path.exists`.
    pub fn exists(&self) -> bool {
        self.end().is_some()
    }

    pub fn is_link(&self) -> bool {
        self.followed.is_some()
    }

    pub fn is_dir(&self) -> bool {
        self.end().is_some_and(Stat::is_dir)
    }

    pub fn is_file(&self) -> bool {
        self.end().is_some_and(Stat::is_file)
    }

    /// What Ansible's `state` calls it, `absent` for nothing.
    pub fn state(&self) -> &'static str {
        self.stat().map_or("absent", Stat::state)
    }

    /// Adds the keys that Ansible adds to every result that names a path.
    pub fn describe(&self, result: &mut Map) {
        if let Some(stat) = self.stat() {
            stat.describe(result, !self.exists());
        }
    }
}
