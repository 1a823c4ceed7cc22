//! `mode`, `owner`, `group`, `attributes` and the SELinux context, which every module that makes files takes. What is
//! wanted and what there is come in; a [`Plan`] goes out: what to set, and the difference as Ansible shows it.

use super::facts::{Facts, Id, Stat, octal};
use super::mode::{self, Current};
use muster_engine::module::{Failure, Map};
use serde::Deserialize;
use serde_json::Value as Json;

/// The options of [`Wanted`] behind a module's own.
macro_rules! with_attributes {
    ($($option:expr),* $(,)?) => {{
        &[
            $($option,)*
            Opt::new("mode", Kind::Raw, "The permissions: octal digits in quotes (`\"0644\"`) or symbolic (`u+rwX,g-w`)."),
            Opt::new("owner", Kind::Str, "The user, by name or id, that shall own it."),
            Opt::new("group", Kind::Str, "The group, by name or id, that shall own it."),
            Opt::new("attributes", Kind::Str, "The attributes it shall have, as `lsattr` prints them; `+` adds, `-` takes away.").aliases(&["attr"]),
            Opt::new("seuser", Kind::Str, "The user of its SELinux context."),
            Opt::new("serole", Kind::Str, "The role of its SELinux context."),
            Opt::new("setype", Kind::Str, "The type of its SELinux context."),
            Opt::new("selevel", Kind::Str, "The level of its SELinux context."),
            Opt::new("unsafe_writes", Kind::Bool, "Writes into the file itself where it cannot be replaced at once.").default("false"),
        ]
    }};
}
pub(crate) use with_attributes;

/// What a task wants of a path, apart from its content.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    pub mode: Option<Json>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub attributes: Option<String>,
    #[serde(default)]
    pub seuser: Option<String>,
    #[serde(default)]
    pub serole: Option<String>,
    #[serde(default)]
    pub setype: Option<String>,
    #[serde(default)]
    pub selevel: Option<String>,
    #[serde(default)]
    pub unsafe_writes: bool,
}

/// What to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mode: Option<u32>,
    /// The parts of the difference.
    pub before: Map,
    pub after: Map,
}

impl Plan {
    /// Whether all is as wanted.
    pub fn is_empty(&self) -> bool {
        self.uid.is_none() && self.gid.is_none() && self.mode.is_none()
    }

    /// The commands that set it, each for the paths that `paths` stands for.
    pub fn commands(&self, paths: &str) -> Vec<String> {
        let mut out = vec![];
        // Changing the owner clears set-id bits, so the mode comes last. Five digits: GNU keeps a
        // directory's set-id bits otherwise.
        match (self.uid, self.gid) {
            (Some(uid), Some(gid)) => out.push(format!("chown -h {uid}:{gid} -- {paths}")),
            (Some(uid), None) => out.push(format!("chown -h {uid} -- {paths}")),
            (None, Some(gid)) => out.push(format!("chgrp -h {gid} -- {paths}")),
            (None, None) => {}
        }
        if let Some(bits) = self.mode {
            out.push(format!("chmod {bits:05o} -- {paths}"));
        }
        out
    }
}

impl Wanted {
    /// These, but with another mode.
    pub fn with_mode(&self, mode: Option<Json>) -> Self {
        Self { mode, ..self.clone() }
    }

    /// Refuses what cannot be set from a shell everywhere.
    pub fn refuse(&self) -> Result<(), Failure> {
        let named = [
            ("attributes", &self.attributes),
            ("seuser", &self.seuser),
            ("serole", &self.serole),
            ("setype", &self.setype),
            ("selevel", &self.selevel),
        ];
        match named.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => Err(Failure::new(format!(
                "`{name}` is not supported here: set it with a command (`chattr`, `chcon`) in a task of its own"
            ))),
            None => Ok(()),
        }
    }

    /// What to set on something that is as `stat` says.
    ///
    /// # Errors
    /// There is no such user or group, or the mode cannot be read.
    pub fn against(&self, stat: &Stat, facts: &Facts) -> Result<Plan, Failure> {
        let mut plan = Plan::default();
        let ids =
            [("owner", &self.owner, facts.owner, stat.uid), ("group", &self.group, facts.group, stat.gid)];
        for (key, wanted, id, now) in ids {
            let Some(name) = wanted.as_deref().filter(|name| !name.is_empty()) else { continue };
            let id = match id {
                Id::Known(id) | Id::Unnamed(id) => id,
                Id::Unknown => {
                    let (program, what) = if key == "owner" { ("chown", "user") } else { ("chgrp", "group") };
                    return Err(facts.fail(format!("{program} failed: failed to look up {what} {name}")));
                }
            };
            if id != now {
                plan.before.insert(key.into(), now.into());
                plan.after.insert(key.into(), id.into());
                *(if key == "owner" { &mut plan.uid } else { &mut plan.gid }) = Some(id);
            }
        }
        if let Some(mode) = self.mode.as_ref().filter(|mode| !mode.is_null()) {
            let now = Current { bits: stat.bits(), directory: stat.is_dir(), umask: facts.umask };
            let bits = mode::apply(mode, now).map_err(|details| {
                facts.fail("mode must be in octal or symbolic form").with("details", details)
            })?;
            // A link has no mode of its own.
            if bits != stat.bits() && !stat.is_link() {
                plan.before.insert("mode".into(), octal(stat.bits()).into());
                plan.after.insert("mode".into(), octal(bits).into());
                plan.mode = Some(bits);
            }
        }
        Ok(plan)
    }
}
